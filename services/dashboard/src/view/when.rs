//! Times, durations and sizes for people. Times are UTC.

use std::time::Duration;

use forgelog_replay::Time;

/// A time as it is shown, and in full for machines and for those who want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct When {
    /// `07-23 12:00`; with the year where it is not the one that is shown: `2025-07-23`.
    pub(crate) short: String,
    /// `2026-07-23 12:00:04`.
    pub(crate) long: String,
    /// RFC 3339.
    pub(crate) full: String,
}

impl When {
    /// Told to those who live at `as_of`.
    pub(crate) fn new(time: Time, as_of: Time) -> Self {
        let full = Time::from_unix_seconds(time.unix_seconds()).to_string();
        // Always `YYYY-MM-DDTHH:MM:SSZ`.
        let part = |range: std::ops::Range<usize>| full.get(range).unwrap_or_default();
        let is_same_year = as_of.to_string().get(..4) == full.get(..4);
        let short = if is_same_year {
            format!("{} {}", part(5..10), part(11..16))
        } else {
            part(0..10).to_owned()
        };
        let long = format!("{} {}", part(0..10), part(11..19));
        Self {
            short,
            long,
            full: time.to_string(),
        }
    }
}

/// A duration: `0.4 s`, `42 s`, `4 m 12 s`, `3 h 07 m`, `12 d 5 h`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    if seconds < 10 {
        format!("{:.1} s", duration.as_secs_f64())
    } else if minutes == 0 {
        format!("{seconds} s")
    } else if hours == 0 {
        format!("{minutes} m {:02} s", seconds % 60)
    } else if days == 0 {
        format!("{hours} h {:02} m", minutes % 60)
    } else {
        format!("{days} d {} h", hours % 24)
    }
}

/// How long it lasted, or has lasted so far: `None` if it is not known when it began.
pub(crate) fn between(start: Option<Time>, end: Option<Time>, as_of: Time) -> Option<String> {
    end.unwrap_or(as_of).duration_since(start?).map(duration)
}

/// How old something is, so coarsely that a page with it seldom changes.
pub(crate) fn age(time: Time, now: Time) -> String {
    let seconds = now.duration_since(time).unwrap_or_default().as_secs();
    match seconds {
        0..60 => "less than a minute ago".to_owned(),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86400),
    }
}

/// Bytes: `812 B`, `48.1 kB`, `1.2 GB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut unit = 0;
    let mut left = bytes as f64 / 1000.0;
    // What would be rounded up to 1000 is one of the next unit.
    while left >= 999.95 && unit + 1 < UNITS.len() {
        left /= 1000.0;
        unit += 1;
    }
    format!("{left:.1} {}", UNITS[unit])
}

/// A number in groups of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let as_of = "2026-07-23T12:00:00Z".parse().unwrap();
        let when = When::new("2026-03-01T09:05:07.123Z".parse().unwrap(), as_of);
        assert_eq!(
            (when.short.as_str(), when.long.as_str()),
            ("03-01 09:05", "2026-03-01 09:05:07")
        );
        assert_eq!(when.full, "2026-03-01T09:05:07.123Z");
        assert_eq!(
            When::new("2025-12-31T23:59:59Z".parse().unwrap(), as_of).short,
            "2025-12-31"
        );
        assert_eq!(When::new(Time::MIN, as_of).long, "0001-01-01 00:00:00");
    }

    #[test]
    fn durations() {
        for (ms, want) in [
            (0, "0.0 s"),
            (420, "0.4 s"),
            (12_900, "12 s"),
            (252_000, "4 m 12 s"),
            (11_220_000, "3 h 07 m"),
            (1_054_800_000, "12 d 5 h"),
        ] {
            assert_eq!(duration(Duration::from_millis(ms)), want);
        }
        let (a, b) = (Time::from_unix_seconds(10), Time::from_unix_seconds(30));
        assert_eq!(between(Some(a), None, b).as_deref(), Some("20 s"));
        assert_eq!(between(Some(b), Some(a), b), None);
        assert_eq!(between(None, Some(a), b), None);
    }

    #[test]
    fn ages_sizes_and_numbers() {
        let age = |seconds| age(Time::from_unix_seconds(0), Time::from_unix_seconds(seconds));
        assert_eq!(
            [age(-5), age(59), age(60), age(7300), age(200_000)].map(|age| age.replace(" ago", "")),
            [
                "less than a minute",
                "less than a minute",
                "1 min",
                "2 h",
                "2 d"
            ]
        );
        assert_eq!(
            [0, 999, 1000, 999_960, 1 << 30].map(size),
            ["0 B", "999 B", "1.0 kB", "1.0 MB", "1.1 GB"]
        );
        assert_eq!(size(u64::MAX), "18.4 EB");
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
