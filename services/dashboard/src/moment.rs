//! The moment that a page shows: now, or what `at=` names (spec/dashboards.md 5.1).
//!
//! `at=` is one of
//! * a time in RFC 3339, or a date for its first moment: each stream as of its last record that was recorded by then;
//! * `activity:131.9c04f2,builds:17.2ab10`: each stream as of a position, which is where a record
//!   ends. If only one is given, the other stream is as of the time that was recorded last there;
//!   a position without a name is one of `builds`;
//! * `-2h` (`s`, `m`, `h`, `d`, `w`) or `yesterday`: so long ago. That is another page every time,
//!   so the answer is where the one of right now is.
//!
//! Depends on `replay` for past states.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use forgelog_replay::live::At;
use forgelog_replay::{Builds, Corpus, Folded, Live, Projection, Time};
use log_core::Position;
use tokio::time::timeout;

use crate::Components;
use crate::refusal::Refusal;

/// How long looking up a past state may take.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(20);

const ACTIVITY: &str = "activity";
const BUILDS: &str = "builds";

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// What `at=` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A time.
    Time(Time),
    /// A position of a stream at least.
    Positions {
        /// Of the `activity` stream.
        activity: Option<Position>,
        /// Of the `builds` stream.
        builds: Option<Position>,
    },
    /// So long ago; nothing at all for `now`.
    Ago(Duration),
}

impl Asked {
    /// What `now` asks for.
    pub(crate) const NOW: Self = Self::Ago(Duration::ZERO);

    /// Reads the value of `at=`.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        // A plus sign that was not encoded arrives as a space.
        let text = text.trim().replace(' ', "+");
        let parsed = parse_ago(&text).map(Self::Ago);
        let parsed = parsed.or_else(|| parse_positions(&text));
        let parsed = parsed.or_else(|| text.parse().ok().map(Self::Time));
        parsed.ok_or_else(|| {
            Refusal::bad(format!(
                "at={} is no moment. Write a time, such as at=2026-03-01T09:30:00Z or at=-2h, or positions, such as at=activity:131.9c04f2,builds:17.2ab10.",
                crate::text::label(&text, 200)
            ))
        })
    }

    /// Whether the same will be there for ever.
    pub(crate) fn is_fixed(&self) -> bool {
        matches!(
            self,
            Self::Positions {
                activity: Some(_),
                builds: Some(_)
            }
        )
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => time.fmt(f),
            Self::Positions {
                activity: Some(activity),
                builds: Some(builds),
            } => {
                write!(f, "{ACTIVITY}:{activity},{BUILDS}:{builds}")
            }
            Self::Positions {
                activity: Some(activity),
                builds: None,
            } => write!(f, "{ACTIVITY}:{activity}"),
            Self::Positions {
                activity: None,
                builds,
            } => write!(f, "{BUILDS}:{}", builds.unwrap_or_default()),
            Self::Ago(ago) => write!(f, "-{}s", ago.as_secs()),
        }
    }
}

fn parse_ago(text: &str) -> Option<Duration> {
    match text {
        "now" => return Some(Duration::ZERO),
        "yesterday" => return Some(Duration::from_secs(DAY_SECONDS)),
        _ => {}
    }
    let text = text.strip_prefix('-')?;
    let unit = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (count, unit) = text.split_at(unit);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => DAY_SECONDS,
        "w" => 7 * DAY_SECONDS,
        _ => return None,
    };
    count
        .parse::<u64>()
        .ok()?
        .checked_mul(seconds)
        .map(Duration::from_secs)
}

fn parse_positions(text: &str) -> Option<Asked> {
    let (mut activity, mut builds) = (None, None);
    for part in text.split(',') {
        let (stream, position) = part.split_once(':').unwrap_or((BUILDS, part));
        let slot = match stream {
            ACTIVITY => &mut activity,
            BUILDS => &mut builds,
            _ => return None,
        };
        if slot.replace(position.parse().ok()?).is_some() {
            return None;
        }
    }
    Some(Asked::Positions { activity, builds })
}

/// The states that a page is made from.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// Commits and branches.
    pub(crate) corpus: Arc<Folded<Corpus>>,
    /// Builds.
    pub(crate) builds: Arc<Folded<Builds>>,
    /// What was asked for; `None` is now.
    pub(crate) asked: Option<Asked>,
    /// When that is. Now is told in whole seconds: pages of the same second are the same.
    pub(crate) as_of: Time,
}

impl Moment {
    /// The newest states.
    pub(crate) fn now(components: &Components, now: Time) -> Self {
        Self {
            corpus: components.activity.snapshot(),
            builds: components.builds.snapshot(),
            asked: None,
            as_of: Time::from_unix_seconds(now.unix_seconds()),
        }
    }

    /// The states as of what was asked for. `Err` with the absolute time if that was relative.
    pub(crate) async fn find(
        components: &Components,
        now: Time,
        asked: Asked,
    ) -> Result<Result<Self, Time>, Refusal> {
        let found = match asked {
            Asked::Ago(ago) => return Ok(Err(earlier(now, ago))),
            Asked::Time(time) if time > now => return Err(future(components, time)),
            Asked::Time(time) => both(components, At::Time(time), At::Time(time)).await?,
            Asked::Positions {
                activity: Some(activity),
                builds: Some(builds),
            } => both(components, At::Position(activity), At::Position(builds)).await?,
            Asked::Positions {
                activity: Some(activity),
                builds: None,
            } => {
                let corpus = state(&components.activity, ACTIVITY, At::Position(activity)).await?;
                let builds = state(&components.builds, BUILDS, pair(&corpus, ACTIVITY)?).await?;
                (corpus, builds)
            }
            Asked::Positions {
                activity: None,
                builds,
            } => {
                let builds = At::Position(builds.unwrap_or_default());
                let builds = state(&components.builds, BUILDS, builds).await?;
                let corpus = state(&components.activity, ACTIVITY, pair(&builds, BUILDS)?).await?;
                (corpus, builds)
            }
        };
        let (corpus, builds) = found;
        let as_of = match asked {
            Asked::Time(time) => time,
            _ => corpus
                .recorded()
                .max(builds.recorded())
                .unwrap_or(Time::MIN),
        };
        Ok(Ok(Self {
            corpus,
            builds,
            asked: Some(asked),
            as_of,
        }))
    }
}

async fn both(
    components: &Components,
    activity: At,
    builds: At,
) -> Result<(Arc<Folded<Corpus>>, Arc<Folded<Builds>>), Refusal> {
    tokio::try_join!(
        state(&components.activity, ACTIVITY, activity),
        state(&components.builds, BUILDS, builds),
    )
}

async fn state<P: Projection>(
    live: &Live<P>,
    stream: &str,
    at: At,
) -> Result<Arc<Folded<P>>, Refusal> {
    let looked_up = timeout(LOOK_UP_LIMIT, live.at(at)).await;
    let looked_up =
        looked_up.map_err(|elapsed| Refusal::too_slow("Looking up the past", elapsed))?;
    looked_up.map_err(|error| Refusal::from_past(stream, &error))
}

/// What of the other stream goes with a state that was given by its position alone.
fn pair<P>(folded: &Folded<P>, stream: &str) -> Result<At, Refusal> {
    match folded.recorded() {
        Some(time) => Ok(At::Time(time)),
        None if folded.position() == Position::START => Ok(At::Position(Position::START)),
        None => Err(Refusal::bad(format!(
            "The records up to {stream}:{} do not say when they were written: give the positions of both streams.",
            folded.position()
        ))),
    }
}

fn future(components: &Components, asked: Time) -> Refusal {
    let (corpus, builds) = (components.activity.snapshot(), components.builds.snapshot());
    let last = corpus.recorded().max(builds.recorded());
    let last = last.map_or_else(String::new, |last| format!(", recorded at {last}"));
    Refusal::missing(format!(
        "{asked} is in the future: the streams end at {ACTIVITY}:{},{BUILDS}:{}{last}.",
        corpus.position(),
        builds.position()
    ))
}

fn earlier(now: Time, ago: Duration) -> Time {
    let seconds = i64::try_from(ago.as_secs()).unwrap_or(i64::MAX);
    Time::from_unix_seconds(now.unix_seconds().saturating_sub(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(text: &str) -> Option<Position> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn moments_are_times_positions_or_so_long_ago() {
        let time = "2026-03-01T09:30:00Z".parse().unwrap();
        let both = Asked::Positions {
            activity: position("0.1f3"),
            builds: position("0.2c"),
        };
        for (text, want, shown) in [
            (
                "2026-03-01T09:30:00Z",
                Asked::Time(time),
                "2026-03-01T09:30:00Z",
            ),
            (
                "2026-03-01T10:30:00 01:00",
                Asked::Time(time),
                "2026-03-01T09:30:00Z",
            ),
            (
                "activity:0.1f3,builds:0.2c",
                both,
                "activity:0000.1f3,builds:0000.2c",
            ),
            (
                "builds:0.2c,activity:0.1f3",
                both,
                "activity:0000.1f3,builds:0000.2c",
            ),
            (
                "activity:0.1f3",
                Asked::Positions {
                    activity: position("0.1f3"),
                    builds: None,
                },
                "activity:0000.1f3",
            ),
            (
                "17.2ab10",
                Asked::Positions {
                    activity: None,
                    builds: position("17.2ab10"),
                },
                "builds:0017.2ab10",
            ),
            (
                "2024-02-29",
                Asked::Time("2024-02-29T00:00:00Z".parse().unwrap()),
                "2024-02-29T00:00:00Z",
            ),
            ("-2h", Asked::Ago(Duration::from_secs(7200)), "-7200s"),
            (
                "yesterday",
                Asked::Ago(Duration::from_secs(86400)),
                "-86400s",
            ),
            ("now", Asked::Ago(Duration::ZERO), "-0s"),
        ] {
            let asked = Asked::parse(text).unwrap();
            assert_eq!(asked, want, "{text}");
            assert_eq!(asked.to_string(), shown, "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_an_example() {
        for text in [
            "",
            "-",
            "-h",
            "-2",
            "-2y",
            "--2h",
            "17",
            "builds:",
            "bot:1.2",
            "builds:1.2,builds:1.2",
            "1.2,1.2",
            "activity:1.2,builds:x",
            "-99999999999999999999s",
            "-18446744073709551615w",
        ] {
            let Err(Refusal::Status(status, message)) = Asked::parse(text) else {
                panic!("{text} was taken")
            };
            assert_eq!(status, 400, "{text}");
            assert!(
                message.contains("at=2026-03-01T09:30:00Z"),
                "{text}: {message}"
            );
        }
    }

    #[test]
    fn so_long_ago_stays_in_range() {
        let now = Time::from_unix_seconds(1_000_000);
        assert_eq!(
            earlier(now, Duration::from_secs(1)),
            Time::from_unix_seconds(999_999)
        );
        assert_eq!(earlier(now, Duration::from_secs(u64::MAX)), Time::MIN);
    }
}
