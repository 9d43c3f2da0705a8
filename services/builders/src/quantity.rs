//! Durations and sizes as configuration writes them: one number and one unit.

use std::time::Duration;

use crate::error::Mistake;

/// The longest duration that a configuration may ask for: a day.
const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);
/// The largest size that a configuration may ask for.
const SIZE_MAX: u64 = 16 << 30;

const DURATION_UNITS: [(&str, u64); 3] = [("s", 1), ("m", 60), ("h", 3600)];
const SIZE_UNITS: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

const DURATION_FIX: &str = "write one number and one of s, m, h, such as 90s, 20m or 2h";
const SIZE_FIX: &str = "write one number and one of KiB, MiB, GiB, such as 256MiB";

/// Reads a duration such as `90s`, `20m` or `2h`: at least a second, at most a day.
pub(crate) fn parse_duration(key: &str, text: &str) -> Result<Duration, Mistake> {
    let max = DURATION_MAX.as_secs();
    match parse(text, &DURATION_UNITS) {
        Ok(seconds) if seconds > max => Err(bad(key, text, "it is more than 24h", "write less")),
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(problem) => Err(bad(key, text, problem, DURATION_FIX)),
    }
}

/// Reads a size such as `256MiB` as bytes: at least 1 KiB, at most 16 GiB.
pub(crate) fn parse_size(key: &str, text: &str) -> Result<u64, Mistake> {
    match parse(text, &SIZE_UNITS) {
        Ok(bytes) if bytes > SIZE_MAX => Err(bad(key, text, "it is more than 16GiB", "write less")),
        Ok(bytes) => Ok(bytes),
        Err(problem) => Err(bad(key, text, problem, SIZE_FIX)),
    }
}

/// Writes a duration of whole seconds in the largest unit that loses nothing.
pub(crate) fn show_duration(duration: Duration) -> String {
    show(duration.as_secs(), &DURATION_UNITS)
}

/// Writes a size of whole KiB in the largest unit that loses nothing.
pub(crate) fn show_size(bytes: u64) -> String {
    show(bytes, &SIZE_UNITS)
}

/// Reads digits and a unit; the error says what is wrong.
fn parse(text: &str, units: &[(&str, u64)]) -> Result<u64, &'static str> {
    let digits_end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits_end);
    if digits.is_empty() {
        return Err("it doesn't begin with a digit");
    }
    if unit.is_empty() {
        return Err("it has no unit");
    }
    let Some((_, scale)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err("it has a unit that isn't known here");
    };
    if digits.bytes().all(|digit| digit == b'0') {
        return Err("it is zero");
    }
    // What overflows is far above any maximum, which the caller then names.
    let number = digits.parse::<u64>().unwrap_or(u64::MAX);
    Ok(number.saturating_mul(*scale))
}

fn show(amount: u64, units: &[(&str, u64)]) -> String {
    let exact = |(_, scale): &&(&str, u64)| amount.is_multiple_of(*scale);
    match units.iter().rev().find(exact) {
        Some((unit, scale)) => format!("{}{unit}", amount / scale),
        None => amount.to_string(),
    }
}

fn bad(key: &str, text: &str, problem: &str, fix: &str) -> Mistake {
    Mistake::BadValue {
        key: key.to_owned(),
        value: text.to_owned(),
        problem: problem.to_owned(),
        fix: fix.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("1s", 1),
            ("90s", 90),
            ("20m", 1200),
            ("2h", 7200),
            ("24h", 86400),
        ] {
            let duration = parse_duration("timeout", text).unwrap();
            assert_eq!(duration, Duration::from_secs(seconds), "{text}");
        }
        for bad in [
            "",
            "5",
            "m",
            "0s",
            "000m",
            "-1m",
            "+1m",
            "1.5h",
            "1h30m",
            "25h",
            "1 h",
            " 1h",
            "1H",
            "1ms",
            "99999999999999999999h",
            "18446744073709551615h",
            "١s",
        ] {
            assert!(parse_duration("timeout", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [("1KiB", 1024), ("256MiB", 256 << 20), ("16GiB", 16 << 30)] {
            assert_eq!(parse_size("output", text).unwrap(), bytes, "{text}");
        }
        for bad in [
            "", "1", "1MB", "1mib", "0KiB", "17GiB", "1TiB", "1.5GiB", "1 MiB",
        ] {
            assert!(parse_size("output", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn shown_as_written() {
        for text in ["1s", "90s", "20m", "1h", "24h"] {
            assert_eq!(
                show_duration(parse_duration("timeout", text).unwrap()),
                text
            );
        }
        assert_eq!(show_duration(Duration::from_secs(3600)), "1h");
        for text in ["1KiB", "1536KiB", "256MiB", "2GiB"] {
            assert_eq!(show_size(parse_size("output", text).unwrap()), text);
        }
    }
}
