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
        if hex.len() != Self::HEX_LEN {
            return None;
        }
        let mut bytes = [0; 20];
        let mut all_valid = true;
        for (four, eight) in bytes.as_chunks_mut().0.iter_mut().zip(hex.as_chunks().0) {
            let (value, is_valid) = eight_digits(u64::from_be_bytes(*eight));
            *four = value.to_be_bytes();
            all_valid &= is_valid;
        }
        // Looked at once, so that nothing branches on the way.
        all_valid.then_some(Self(bytes))
    }

    /// Whether it is 40 hex digits, of which [`Self::from_hex`] makes a name.
    pub fn is_hex(hex: &[u8]) -> bool {
        let is_valid = |eight: &[u8; 8]| digits_of(u64::from_be_bytes(*eight)).1;
        // All are looked at, so that nothing branches on the way.
        let eights = hex.as_chunks().0.iter();
        hex.len() == Self::HEX_LEN && eights.fold(true, |all, eight| all & is_valid(eight))
    }

    /// The first seven digits, as boards and logs show it.
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(7);
        text
    }
}

/// One in each byte.
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = ONES << 7;

/// What eight hex digits are worth, and whether they are ones, all at once. The first is the highest byte.
const fn eight_digits(text: u64) -> (u32, bool) {
    let (nibbles, is_valid) = digits_of(text);
    // Two nibbles to a byte, two bytes to 16 bits, and those to 32.
    let pairs = (nibbles | nibbles >> 4) & 0x00ff_00ff_00ff_00ff;
    let quads = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    ((quads | quads >> 16) as u32, is_valid)
}

/// What each of eight hex digits is worth, and whether they are ones.
const fn digits_of(text: u64) -> (u64, bool) {
    let lower = text | (ONES * 0x20);
    // The high bit of each byte that lies in the range; bytes above 127 are ruled out below.
    let is_digit = in_range(text & !HIGH_BITS, b'0', b'9');
    let is_letter = in_range(lower & !HIGH_BITS, b'a', b'f');
    let is_valid = ((is_digit | is_letter) & !text) & HIGH_BITS == HIGH_BITS;
    // A letter's low half is 1 to 6, for 10 to 15.
    let nibbles = (text & (ONES * 0x0f)) + (is_letter >> 7) * 9;
    (nibbles, is_valid)
}

/// The high bit of each byte from `first` to `last`; no byte may have its own.
const fn in_range(bytes: u64, first: u8, last: u8) -> u64 {
    let not_below = bytes + ONES * (0x80 - first as u64);
    let above = bytes + ONES * (0x7f - last as u64);
    not_below & !above & HIGH_BITS
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
