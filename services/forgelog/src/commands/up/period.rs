//! Durations as they are typed: `500ms`, `10s`, `5m`. Pure.

use std::time::Duration;

const MIN: Duration = Duration::from_millis(50);
const MAX: Duration = Duration::from_hours(24);

/// Reads a duration from 50 ms to a day.
pub(in crate::commands) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let millis = match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let period = number
        .parse::<u64>()
        .ok()
        .zip(millis)
        .and_then(|(number, unit)| number.checked_mul(unit));
    match period.map(Duration::from_millis) {
        Some(period) if (MIN..=MAX).contains(&period) => Ok(period),
        _ => Err("write a duration from 50ms to 24h, such as 500ms, 10s or 5m".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, millis) in [
            ("50ms", 50),
            ("10s", 10_000),
            ("5m", 300_000),
            ("24h", 86_400_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)));
        }
        for wrong in [
            "",
            "5",
            "s",
            "0s",
            "49ms",
            "25h",
            "1.5s",
            "-1s",
            "5 s",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
