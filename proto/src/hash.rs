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
        let mut bad = 0;
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
            *byte = high << 4 | low & 0xF;
            bad |= high | low;
        }
        // Looked at once, so that nothing branches on the way.
        (bad < 16).then_some(Self(bytes))
    }

    /// The first seven digits, as boards and logs show it.
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(7);
        text
    }
}

/// What each byte is worth as a hex digit; more than 15 if it is none.
const DIGITS: [u8; 256] = {
    let mut digits = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        let digit = b"0123456789abcdef"[value];
        digits[digit as usize] = value as u8;
        digits[digit.to_ascii_uppercase() as usize] = value as u8;
        value += 1;
    }
    digits
};

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
