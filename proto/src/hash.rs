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
        let text: &[u8; Self::HEX_LEN] = hex.try_into().ok()?;
        let mut bytes = [0; 20];
        let mut wrong = 0;
        for at in SIXTEENS {
            let (eight, not_digits) = sixteen(digits(text, at));
            bytes[at / 2..at / 2 + 8].copy_from_slice(&eight.to_le_bytes());
            wrong |= not_digits;
        }
        (wrong == 0).then_some(Self(bytes))
    }

    /// Whether it is 40 hex digits, of which [`Self::from_hex`] makes a name.
    pub fn is_hex(hex: &[u8]) -> bool {
        let text: Result<&[u8; Self::HEX_LEN], _> = hex.try_into();
        let wrong = |text| SIXTEENS.map(|at| sixteen(digits(text, at)).1);
        text.is_ok_and(|text| wrong(text) == [0; SIXTEENS.len()])
    }

    /// The first seven digits, as boards and logs show it.
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(7);
        text
    }
}

/// Where sixteen digits are looked at together; the last ones have some in common with those before.
const SIXTEENS: [usize; 3] = [0, 16, GitHash::HEX_LEN - 16];

/// Sixteen digits of a text, as two words.
#[inline(always)]
fn digits(text: &[u8; GitHash::HEX_LEN], at: usize) -> [u64; 2] {
    let word = |at| u64::from_le_bytes(std::array::from_fn(|byte| text[at + byte]));
    [word(at), word(at + 8)]
}

/// The eight bytes that sixteen digits say, and bits of those that are no digits.
///
/// SSE2, which every x86-64 has: a commit of a log has four names.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)] // the compiler makes twice as many steps of the plain way (`forgelog bench corpus`)
#[inline(always)]
fn sixteen([low, high]: [u64; 2]) -> (u64, u32) {
    use std::arch::x86_64::*;
    let [low, high] = [low, high].map(u64::cast_signed);
    // SAFETY: every processor of this kind has SSE2, and the values are no pointers.
    let (bytes, digits) = unsafe {
        let text = _mm_set_epi64x(high, low);
        // Of either kind, what is not of it is more than the last one of it.
        let decimal = _mm_sub_epi8(text, _mm_set1_epi8(0x30));
        let is_decimal = _mm_cmpeq_epi8(_mm_min_epu8(decimal, _mm_set1_epi8(9)), decimal);
        let lower = _mm_or_si128(text, _mm_set1_epi8(0x20));
        let letter = _mm_sub_epi8(lower, _mm_set1_epi8(0x61));
        let is_letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(5)), letter);
        let digits = _mm_movemask_epi8(_mm_or_si128(is_decimal, is_letter));
        let letter = _mm_and_si128(_mm_add_epi8(letter, _mm_set1_epi8(10)), is_letter);
        let values = _mm_or_si128(_mm_and_si128(decimal, is_decimal), letter);
        // The first of two digits is the higher one.
        let pairs = _mm_or_si128(_mm_slli_epi16(values, 4), _mm_srli_epi16(values, 8));
        let bytes = _mm_and_si128(pairs, _mm_set1_epi16(0xff));
        (_mm_cvtsi128_si64(_mm_packus_epi16(bytes, bytes)), digits)
    };
    (bytes.cast_unsigned(), digits.cast_unsigned() ^ 0xffff)
}

/// The same for other processors.
#[cfg(not(target_arch = "x86_64"))]
fn sixteen(digits: [u64; 2]) -> (u64, u32) {
    plain_sixteen(digits)
}

/// The same, digit by digit.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn plain_sixteen(digits: [u64; 2]) -> (u64, u32) {
    let text = digits.map(u64::to_le_bytes);
    let (mut bytes, mut wrong) = (0, 0);
    for (at, digit) in text.as_flattened().iter().enumerate() {
        let value = char::from(*digit).to_digit(16);
        wrong |= u32::from(value.is_none()) << at;
        let high_first = 8 * (at / 2) + 4 * (1 - at % 2);
        bytes |= u64::from(value.unwrap_or(0)) << high_first;
    }
    (bytes, wrong)
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
    fn wide_steps_give_what_plain_ones_give() {
        for byte in 0..=u8::MAX {
            for at in 0..16 {
                let mut text = *b"0123456789abCDeF";
                text[at] = byte;
                let words = [0, 8]
                    .map(|from| u64::from_le_bytes(std::array::from_fn(|byte| text[from + byte])));
                assert_eq!(sixteen(words), plain_sixteen(words), "{byte} at {at}");
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
