//! A moment as a plain value: what records say of when. Depends on `proto` for the wire form.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use proto::Timestamp;

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// A moment in UTC, in the years 1 to 9999, to the nanosecond.
///
/// What lies outside those years becomes the nearest moment inside, so that every value can be
/// printed and every hostile one is harmless. As text it is RFC 3339, such as
/// `2026-03-01T09:30:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    seconds: i64,
    nanos: u32,
}

impl Time {
    /// The first moment of the year 1.
    pub const MIN: Self = Self {
        seconds: -62_135_596_800,
        nanos: 0,
    };
    /// The last moment of the year 9999.
    pub const MAX: Self = Self {
        seconds: 253_402_300_799,
        nanos: NANOS_PER_SECOND - 1,
    };

    /// From seconds since 1970 (negative: before) and nanoseconds after that second.
    pub fn new(seconds: i64, nanos: u32) -> Self {
        let seconds = seconds.saturating_add(i64::from(nanos / NANOS_PER_SECOND));
        Self {
            seconds,
            nanos: nanos % NANOS_PER_SECOND,
        }
        .clamp(Self::MIN, Self::MAX)
    }

    /// From whole seconds since 1970.
    pub fn from_unix_seconds(seconds: i64) -> Self {
        Self::new(seconds, 0)
    }

    /// Whole seconds since 1970; negative before.
    pub const fn unix_seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after [`Self::unix_seconds`], below a thousand million.
    pub const fn nanos(self) -> u32 {
        self.nanos
    }

    /// How long after `earlier` it is; `None` if it is before.
    pub fn duration_since(self, earlier: Self) -> Option<Duration> {
        let total = |time: Self| {
            i128::from(time.seconds) * i128::from(NANOS_PER_SECOND) + i128::from(time.nanos)
        };
        let nanos = u128::try_from(total(self) - total(earlier)).ok()?;
        let per_second = u128::from(NANOS_PER_SECOND);
        let seconds = u64::try_from(nanos / per_second).ok()?;
        let rest = u32::try_from(nanos % per_second).ok()?;
        Some(Duration::new(seconds, rest))
    }
}

impl From<Timestamp> for Time {
    fn from(mut timestamp: Timestamp) -> Self {
        // Hardly ever, and it costs more than all the rest.
        if !(0..NANOS_PER_SECOND.cast_signed()).contains(&timestamp.nanos) {
            timestamp.normalize();
        }
        Self::new(timestamp.seconds, timestamp.nanos.unsigned_abs())
    }
}

impl From<Time> for Timestamp {
    fn from(time: Time) -> Self {
        // Below a thousand million, so it fits.
        Self {
            seconds: time.seconds,
            nanos: time.nanos.cast_signed(),
        }
    }
}

impl From<SystemTime> for Time {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Self::new(
                i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
                after.subsec_nanos(),
            ),
            Err(error) => {
                let before = error.duration();
                let seconds = i64::try_from(before.as_secs())
                    .unwrap_or(i64::MAX)
                    .saturating_neg();
                match before.subsec_nanos() {
                    0 => Self::new(seconds, 0),
                    nanos => Self::new(seconds.saturating_sub(1), NANOS_PER_SECOND - nanos),
                }
            }
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Timestamp::from(*self).fmt(f)
    }
}

/// A text that is not a moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a time: expected RFC 3339, such as 2026-03-01T09:30:00Z")]
pub struct NotATime {
    text: String,
}

impl FromStr for Time {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        text.parse::<Timestamp>()
            .map(Self::from)
            .map_err(|_| NotATime {
                text: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for text in [
            "2026-03-01T09:30:00Z",
            "1969-12-31T23:59:59.500Z",
            "0001-01-01T00:00:00Z",
        ] {
            assert_eq!(text.parse::<Time>().unwrap().to_string(), text);
        }
        assert_eq!(
            "2026-03-01T10:30:00+01:00"
                .parse::<Time>()
                .unwrap()
                .to_string(),
            "2026-03-01T09:30:00Z"
        );
        assert!("yesterday".parse::<Time>().is_err());
    }

    #[test]
    fn what_is_out_of_range_is_the_nearest_in_it() {
        for (seconds, nanos, want) in [
            (i64::MAX, i32::MAX, Time::MAX),
            (i64::MIN, i32::MIN, Time::MIN),
            (0, -1, Time::new(-1, 999_999_999)),
            (5, i32::MAX, Time::new(7, 147_483_647)),
        ] {
            assert_eq!(Time::from(Timestamp { seconds, nanos }), want);
        }
        assert_eq!(Time::MAX.to_string(), "9999-12-31T23:59:59.999999999Z");
    }

    #[test]
    fn differences_count_nanoseconds() {
        let (a, b) = (Time::new(-2, 900_000_000), Time::new(1, 100_000_000));
        assert_eq!(b.duration_since(a), Some(Duration::from_millis(2200)));
        assert_eq!(a.duration_since(b), None);
        assert!(Time::MAX.duration_since(Time::MIN).is_some());
    }

    #[test]
    fn system_times_before_1970_count_too() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_millis(1500);
        assert_eq!(Time::from(before), Time::new(-2, 500_000_000));
        assert_eq!(
            Time::from(SystemTime::UNIX_EPOCH),
            Time::from_unix_seconds(0)
        );
    }
}
