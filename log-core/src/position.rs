//! Where a record is in its stream. Depends on nothing.

use std::fmt;
use std::str::FromStr;

/// A place in a stream: before the byte `offset` of segment `segment`.
///
/// As text it is `SEGMENT.HEXOFFSET`, such as `0017.2ab10` (spec/dashboards.md 5.1). Positions order
/// as the records do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The number of the segment, from 0.
    pub segment: u32,
    /// Bytes from the start of the segment.
    pub offset: u64,
}

impl Position {
    /// The start of a stream.
    pub const START: Self = Self {
        segment: 0,
        offset: 0,
    };

    /// The start of a segment.
    pub const fn start_of(segment: u32) -> Self {
        Self { segment, offset: 0 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}.{:x}", self.segment, self.offset)
    }
}

/// A text that is not a position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a position: expected SEGMENT.HEXOFFSET, such as 17.2ab10")]
pub struct NotAPosition {
    text: String,
}

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        parse(text).ok_or_else(|| NotAPosition {
            text: text.to_owned(),
        })
    }
}

fn parse(text: &str) -> Option<Position> {
    let (segment, offset) = text.split_once('.')?;
    let digits = |part: &str, radix| !part.is_empty() && part.chars().all(|c| c.is_digit(radix));
    if !digits(segment, 10) || !digits(offset, 16) {
        return None;
    }
    Some(Position {
        segment: segment.parse().ok()?,
        offset: u64::from_str_radix(offset, 16).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        let position = Position {
            segment: 17,
            offset: 0x2ab10,
        };
        assert_eq!(position.to_string(), "0017.2ab10");
        assert_eq!("0017.2ab10".parse(), Ok(position));
        assert_eq!("17.2AB10".parse(), Ok(position));
        assert_eq!("0.0".parse(), Ok(Position::START));
    }

    #[test]
    fn wrong_texts_are_refused() {
        for text in [
            "",
            ".",
            "1.",
            ".1",
            "1",
            "+1.2",
            "1.+2",
            "1.2.3",
            "1.g",
            "99999999999.0",
            "-1.0",
        ] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }
}
