//! The name of a sealed segment, and the limits of any. Pure; depends on
//! [`crate::frame`] for its limits.

use crate::frame::{HEADER_BYTES_MAX, PAYLOAD_BYTES_MAX};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha224};
use std::fmt;

/// The most bytes of records in a segment, unless one record alone is longer (spec 1.3).
pub const SEGMENT_BYTES_MAX: u64 = 16 << 20;
/// The most batches in a segment, so that opening has a bounded listing.
pub const SEGMENT_BATCHES_MAX: usize = 4096;

/// The most bytes that an object of a log has: a full segment, and a record that exceeds it.
pub(crate) const OBJECT_BYTES_MAX: u64 =
    SEGMENT_BYTES_MAX + (PAYLOAD_BYTES_MAX + HEADER_BYTES_MAX) as u64;

const SUFFIX: &str = ".mutlog";

/// The name of a sealed segment's object: `NNNN.<sha224>.mutlog`, as the original names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    /// From 0.
    pub number: u32,
    /// Of all its bytes.
    pub sha224: [u8; 28],
}

impl SegmentName {
    /// The name that these bytes have as segment `number`.
    pub fn of(number: u32, bytes: &[u8]) -> Self {
        Self {
            number,
            sha224: sha224(bytes),
        }
    }

    /// Reads a name; `None` if it is not one.
    pub fn parse(name: &str) -> Option<Self> {
        let (number, digest) = name.strip_suffix(SUFFIX)?.split_once('.')?;
        let canonical = number.len() == 4 || (number.len() > 4 && !number.starts_with('0'));
        if !canonical || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let sha224 = HEXLOWER.decode(digest.as_bytes()).ok()?.try_into().ok()?;
        Some(Self {
            number: number.parse().ok()?,
            sha224,
        })
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04}.{}{SUFFIX}",
            self.number,
            HEXLOWER.encode(&self.sha224)
        )
    }
}

/// The SHA-224 of some bytes.
pub fn sha224(bytes: &[u8]) -> [u8; 28] {
    Sha224::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        let name = SegmentName::of(7, b"hello");
        let text = "0007.ea09ae9cc6768c50fcee903ed054556e5bfc8347907f12598aa24193.mutlog";
        assert_eq!(name.to_string(), text);
        assert_eq!(SegmentName::parse(text), Some(name));
        let wide = SegmentName {
            number: 12345,
            ..name
        };
        assert_eq!(SegmentName::parse(&wide.to_string()), Some(wide));
    }

    #[test]
    fn other_names_are_refused() {
        let digest = "ea09ae9cc6768c50fcee903ed054556e5bfc8347907f12598aa24193";
        for name in [
            format!("7.{digest}.mutlog"),
            format!("00007.{digest}.mutlog"),
            format!("+007.{digest}.mutlog"),
            format!("0007.{digest}"),
            format!("0007.{}.mutlog", digest.to_uppercase()),
            format!("0007.{}.mutlog", &digest[1..]),
            "0007.growing.mutlog".into(),
            "tail".into(),
            String::new(),
        ] {
            assert_eq!(SegmentName::parse(&name), None, "{name}");
        }
    }
}
