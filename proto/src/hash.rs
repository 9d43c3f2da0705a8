//! A git object name as a value. On the wire it is 40 lower-case hex digits (spec 2: `sha1 string`).
//! Depends on nothing.

use std::fmt;
use std::str::FromStr;

/// A SHA-1 git object name: 20 raw bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GitHash([u8; 20]);

impl GitHash {
    /// Length of the text form, in characters.
    pub const HEX_LEN: usize = 40;

    /// From the 20 raw bytes.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// From 40 hex digits as ASCII bytes; upper case is accepted, as git accepts it.
    pub fn from_hex(hex: &[u8]) -> Option<Self> {
        let digits = digits(hex)?;
        // Both passes are over all of them without a branch, so that the compiler makes a few wide steps of each.
        let halves = digits.map(|digit| (digit & 0xf) + 9 * (digit >> 6));
        let pairs = halves.as_chunks().0.iter();
        let mut bytes = [0; 20];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = high << 4 | low;
        }
        Some(Self(bytes))
    }

    /// Whether it is 40 hex digits, of which [`Self::from_hex`] makes a name.
    pub fn is_hex(hex: &[u8]) -> bool {
        digits(hex).is_some()
    }

    /// The first seven digits, as boards and logs show it.
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(7);
        text
    }
}

/// The text, if it is 40 hex digits.
#[inline]
fn digits(hex: &[u8]) -> Option<&[u8; GitHash::HEX_LEN]> {
    let digits: &[u8; GitHash::HEX_LEN] = hex.try_into().ok()?;
    let is_digit =
        |byte: u8| (byte.wrapping_sub(b'0') < 10) | ((byte | 0x20).wrapping_sub(b'a') < 6);
    // All are looked at, see `from_hex`.
    let wrong = digits
        .iter()
        .fold(0, |wrong, byte| wrong | u8::from(!is_digit(*byte)));
    (wrong == 0).then_some(digits)
}

impl fmt::Display for GitHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for GitHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GitHash({self})")
    }
}

/// A text that is not 40 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAGitHash;

impl fmt::Display for NotAGitHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a git hash is 40 hex digits")
    }
}

impl std::error::Error for NotAGitHash {}

impl FromStr for GitHash {
    type Err = NotAGitHash;

    fn from_str(text: &str) -> Result<Self, NotAGitHash> {
        Self::from_hex(text.as_bytes()).ok_or(NotAGitHash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        let text = "0123456789abcdef0123456789abcdef01234567";
        let hash: GitHash = text.parse().unwrap();
        assert_eq!(hash.to_string(), text);
        assert_eq!(hash.short(), "0123456");
        assert_eq!(text.to_uppercase().parse(), Ok(hash));
    }

    #[test]
    fn every_byte_is_a_digit_or_none() {
        for byte in 0..=u8::MAX {
            for at in [0, 7, 8, 39] {
                let mut text = [b'a'; 40];
                text[at] = byte;
                let value = char::from(byte).to_digit(16);
                let hash = GitHash::from_hex(&text);
                assert_eq!(hash.is_some(), value.is_some(), "{byte}");
                assert_eq!(GitHash::is_hex(&text), value.is_some(), "{byte}");
                if let (Some(hash), Some(value)) = (hash, value) {
                    let nibble = hash.0[at / 2] >> (4 * (1 - at % 2)) & 0xf;
                    assert_eq!(u32::from(nibble), value);
                }
            }
        }
    }

    #[test]
    fn wrong_texts_are_refused() {
        for text in [
            "",
            "0123",
            &"g".repeat(40),
            &"0".repeat(41),
            &"é".repeat(20),
        ] {
            assert_eq!(text.parse::<GitHash>(), Err(NotAGitHash), "{text}");
        }
    }
}
