//! A moment as a cell: the original's time, every one that a record can say (FORMAT.md of the conformance logs).

use std::cmp::Ordering;

use crate::time::Time;

/// Seconds from the first moment of the year 1 to that of 1970.
const TO_UNIX: i64 = 62_135_596_800;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Seconds and nanoseconds since the first moment of the year 1, which is also what is not set. As in the
/// original, seconds wrap around where they leave 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct Moment {
    // Halves, so that a cell has 12 bytes.
    low: u32,
    high: u32,
    nanos: u32,
}

impl Moment {
    /// From what a `Timestamp` says; nanoseconds outside a second are carried.
    pub(crate) fn from_unix(seconds: i64, nanos: i32) -> Self {
        let nanos = i64::from(nanos);
        let carried = seconds.wrapping_add(nanos.div_euclid(NANOS_PER_SECOND));
        let internal = carried.wrapping_add(TO_UNIX);
        Self {
            low: internal as u32,
            high: (internal >> 32) as u32,
            nanos: nanos.rem_euclid(NANOS_PER_SECOND) as u32,
        }
    }

    /// Whether nothing is set.
    pub(crate) fn is_none(self) -> bool {
        self == Self::default()
    }

    const fn internal(self) -> i64 {
        (((self.high as u64) << 32) | self.low as u64).cast_signed()
    }

    /// Seconds since 1970.
    pub(crate) const fn unix_seconds(self) -> i64 {
        self.internal().wrapping_sub(TO_UNIX)
    }

    /// Nanoseconds after that second.
    pub(crate) const fn nanos(self) -> u32 {
        self.nanos
    }

    /// The nearest [`Time`]; `None` if it is not set.
    pub(crate) fn time(self) -> Option<Time> {
        (!self.is_none()).then(|| Time::new(self.unix_seconds(), self.nanos))
    }
}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Moment {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.internal(), self.nanos).cmp(&(other.internal(), other.nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_timestamp_has_its_moment() {
        for (seconds, nanos, want) in [
            (0, 0, (0, 0)),
            (-1, 999_999_999, (-1, 999_999_999)),
            (5, -1, (4, 999_999_999)),
            (5, i32::MAX, (7, 147_483_647)),
            (i64::MAX, 0, (i64::MAX, 0)),
            (i64::MIN, 0, (i64::MIN, 0)),
        ] {
            let moment = Moment::from_unix(seconds, nanos);
            assert_eq!((moment.unix_seconds(), moment.nanos()), want);
        }
        assert!(Moment::from_unix(-TO_UNIX, 0).is_none());
        assert!(Moment::default() < Moment::from_unix(0, 0));
        assert_eq!(Moment::default().time(), None);
    }
}
