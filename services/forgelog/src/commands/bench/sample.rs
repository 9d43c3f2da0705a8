//! Many measured times or rates, and the few numbers that tell of them. Pure.

use std::time::Duration;

/// The value that the share `p` (0 to 1) of the values does not exceed; 0 if there are none.
pub(super) fn percentile(values: &[f64], p: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (p * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// The middle one of the values.
pub(super) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// In milliseconds.
pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The median of what each value is as a multiple of the one of the same turn.
pub(super) fn median_ratio(over: &[f64], under: &[f64]) -> f64 {
    let pairs = over.iter().zip(under).filter(|(_, under)| **under > 0.0);
    let ratios: Vec<f64> = pairs.map(|(over, under)| over / under).collect();
    median(&ratios)
}

/// A number with three digits that say something.
pub(super) fn short(value: f64) -> String {
    let digits = match value.abs() {
        value if value < 0.0095 => 4,
        value if value < 0.995 => 3,
        value if value < 9.95 => 2,
        value if value < 99.5 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(median(&values), 3.0);
        assert_eq!(percentile(&values, 0.99), 5.0);
        assert_eq!(percentile(&values, 0.2), 1.0);
        assert_eq!(percentile(&values, 0.0), 1.0);
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[1.0, 2.0]), 1.0);
    }

    #[test]
    fn a_ratio_is_taken_turn_by_turn() {
        assert_eq!(median_ratio(&[2.0, 30.0, 4.0], &[1.0, 10.0, 1.0]), 3.0);
        assert_eq!(median_ratio(&[2.0], &[0.0]), 0.0);
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.00123, "0.0012"),
            (0.1234, "0.123"),
            (1.234, "1.23"),
            (12.34, "12.3"),
            (1234.5, "1234"),
            (0.0, "0.0000"),
        ] {
            assert_eq!(short(value), text, "{value}");
        }
    }
}
