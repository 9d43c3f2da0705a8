//! A window of a build's output (spec/dashboards.md 5.3).

use forgelog_replay::builds::{Attempt, Build, State};

use super::Facts;
use super::build::{Head, REFRESH_SECONDS};
use super::excerpt::first_failure;
use super::frame::Frame;
use super::lines::{Line, lines, mark};
use super::mark::is_failing;
use super::when::{grouped, size};
use crate::output::window::{Missed, NUMBERED_BYTES_MAX, Place, Window};
use crate::params::Params;
use crate::refusal::Refusal;

/// Lines in a window, if not told otherwise and at most.
const LINES_DEFAULT: usize = 2000;
const LINES_MAX: usize = 20_000;

/// A question for a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogQuery {
    /// The number of the attempt; the newest, if there is none.
    pub(crate) attempt: Option<u32>,
    /// Where the window is; `None` is where one would look first.
    place: Option<Place>,
    /// Lines in it.
    lines: Option<usize>,
    /// The line that is marked, by where it begins.
    mark: Option<u64>,
}

impl LogQuery {
    /// Reads the parameters `attempt`, `from`, `offset`, `before`, `n` and `mark`.
    pub(crate) fn parse(params: &Params) -> Result<Self, Refusal> {
        let lines: Option<usize> = params.number("n")?;
        if lines == Some(0) || lines > Some(LINES_MAX) {
            return Err(Refusal::bad(format!("n is between 1 and {LINES_MAX}.")));
        }
        let from = params.number("from")?.map(Place::Line);
        let offset = params.number("offset")?.map(Place::Offset);
        let before = params.number("before")?.map(Place::Before);
        Ok(Self {
            attempt: params.number("attempt")?,
            place: from.or(offset).or(before),
            lines,
            mark: params.number("mark")?,
        })
    }

    /// Lines in the window.
    pub(crate) fn lines_max(&self) -> usize {
        self.lines.unwrap_or(LINES_DEFAULT)
    }

    /// Where the window is: the end of what failed or still runs, the beginning of what went well.
    pub(crate) fn place(&self, build: &Build<'_>) -> Place {
        let state = build.state();
        let first_look = if is_failing(state) || state == State::Running {
            Place::End
        } else {
            Place::Line(1)
        };
        self.place.unwrap_or(first_look)
    }

    /// Whether the window follows the end of an output that grows.
    fn follows(&self) -> bool {
        self.place.is_none()
    }
}

/// The page of a window.
#[derive(askama::Template)]
#[template(path = "log.html")]
pub(crate) struct LogPage {
    frame: Frame,
    head: Head,
    attempt: Option<u32>,
    size: String,
    range: String,
    lines: Vec<Line>,
    notes: Vec<String>,
    top: Option<String>,
    earlier: Option<String>,
    later: Option<String>,
    end: String,
    has_mark: bool,
    raw: String,
    exact: String,
    is_running: bool,
}

/// What was read.
pub(crate) struct Read<'a> {
    /// Of which attempt; `None` if there was none yet.
    pub(crate) attempt: Option<Attempt<'a>>,
    /// The window.
    pub(crate) window: Window,
    /// Bytes of the whole output.
    pub(crate) size: u64,
}

impl LogPage {
    /// The page of what was read.
    pub(crate) fn new(
        facts: Facts<'_>,
        build: &Build<'_>,
        query: &LogQuery,
        read: &Read<'_>,
        frame: Frame,
    ) -> Self {
        let head = Head::new(facts, build);
        let Read {
            attempt,
            window,
            size: whole,
        } = read;
        let mut lines = lines(
            &window.bytes,
            window.start,
            window.first_line,
            window.is_inside_line,
        );
        let failure = if is_failing(build.state()) {
            first_failure(&lines).map(|at| lines[at].offset)
        } else {
            None
        };
        mark(&mut lines, query.mark.or(failure));
        let number = query.attempt.map(|number| number.to_string());
        let link = |page: &str, params: &[(&str, Option<String>)]| {
            let count = query.lines.map(|lines| lines.to_string());
            let own = [("attempt", number.clone()), ("n", count)];
            facts
                .links
                .output(build.id(), page, &[&own, params].concat())
        };
        let place =
            |name: &'static str, place: u64| link("log", &[(name, Some(place.to_string()))]);
        let is_running =
            attempt.is_some_and(|attempt| attempt.is_open()) || build.state() == State::Queued;
        let notes = notes(
            attempt.as_ref(),
            query,
            window,
            *whole,
            frame.past.is_some(),
        );
        let title = format!(
            "{} · log of {} {}",
            head.mark.word, head.builder, head.commit
        );
        Self {
            frame: frame
                .titled(title)
                .refreshed(REFRESH_SECONDS, is_running && query.follows()),
            attempt: attempt.map(|attempt| attempt.number()),
            size: size(*whole),
            range: range(&lines),
            notes,
            top: (window.start > 0).then(|| place("offset", 0)),
            earlier: (window.start > 0).then(|| place("before", window.start)),
            later: (window.end() < *whole).then(|| place("offset", window.end())),
            end: place("before", *whole),
            has_mark: lines.iter().any(|line| line.is_marked),
            raw: link("log.txt", &[]),
            exact: link("log.ansi", &[]),
            is_running,
            lines,
            head,
        }
    }
}

/// `lines 1–2,000`, or the bytes where lines have no numbers.
fn range(lines: &[Line]) -> String {
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
        return String::new();
    };
    let number = |line: &Line| {
        line.anchor
            .strip_prefix('L')
            .and_then(|number| number.parse().ok())
            .map(grouped)
    };
    match (number(first), number(last)) {
        (Some(first), Some(last)) => format!("lines {first}–{last}"),
        _ => format!("from byte {}", grouped(first.offset)),
    }
}

fn notes(
    attempt: Option<&Attempt<'_>>,
    query: &LogQuery,
    window: &Window,
    whole: u64,
    is_past: bool,
) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(attempt) = attempt else {
        notes.push(match query.attempt {
            Some(number) => format!("There is no attempt {number}."),
            None => "No attempt has started yet, so nothing was printed.".to_owned(),
        });
        return notes;
    };
    match window.missed {
        Some(Missed::Lines(count)) => notes.push(format!(
            "There are only {} lines. This is the end.",
            grouped(count)
        )),
        Some(Missed::Unnumbered) => notes.push(format!(
            "Lines are found by number in the first {} only. This is what follows them.",
            size(NUMBERED_BYTES_MAX)
        )),
        None => {}
    }
    if is_past && attempt.is_open() {
        notes.push("It was still running then. How far it had come is not recorded, so its output is shown whole.".to_owned());
    }
    if let Some(output) = attempt.output() {
        if output.truncated {
            notes.push("It printed more than it may; the rest was not kept.".to_owned());
        }
        if output.size > whole {
            notes.push(format!(
                "It printed {}, of which only {} are still stored.",
                size(output.size),
                size(whole)
            ));
        }
    } else if whole == 0 {
        notes.push("Nothing was printed so far.".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<LogQuery, Refusal> {
        LogQuery::parse(&Params::parse(Some(query))?)
    }

    #[test]
    fn questions() {
        assert_eq!(parse("").unwrap(), LogQuery::default());
        assert_eq!(parse("from=12&n=50").unwrap().place, Some(Place::Line(12)));
        assert_eq!(parse("offset=0").unwrap().place, Some(Place::Offset(0)));
        assert_eq!(
            parse("before=99&attempt=2").unwrap().place,
            Some(Place::Before(99))
        );
        assert_eq!(parse("n=20000").unwrap().lines_max(), LINES_MAX);
        for query in ["n=0", "n=20001", "from=-1", "offset=x", "attempt=first"] {
            assert!(parse(query).is_err(), "{query}");
        }
    }
}
