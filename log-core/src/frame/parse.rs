//! Reading one record's header. Pure.
//!
//! The usual header is read in one pass. Whatever that does not take goes through the slow way, which
//! finds out what is wrong with it, or that nothing is.

use super::{FrameError, HEADER_BYTES_MAX, MAGIC, PAYLOAD_BYTES_MAX};

/// A header that fits its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Its own length, `REC@` and `=` included.
    pub(super) bytes: usize,
    /// The payload's length, at most [`PAYLOAD_BYTES_MAX`].
    pub(super) payload: usize,
}

/// The header at the start of `bytes`, which are at `offset` of their segment and not empty.
#[inline(always)]
pub(super) fn header(bytes: &[u8], offset: u64) -> Result<Header, FrameError> {
    usual(bytes, offset).map_or_else(|| any(bytes, offset), Ok)
}

/// The same, if it is a header whose offset is written as we write it, with eight digits at most, and whose length has as
/// many at most.
#[inline(always)]
fn usual(bytes: &[u8], offset: u64) -> Option<Header> {
    let rest = bytes.strip_prefix(MAGIC)?;
    // What is known already is not read but compared.
    let (digits, want) = written(u32::try_from(offset).ok()?);
    let have = u64::from_le_bytes(*rest.first_chunk()?);
    let wrong = (have ^ want) << (64 - 8 * digits);
    let (b'+', rest) = rest.get(digits..)?.split_first()? else {
        return None;
    };
    let (more, payload) = number(rest)?;
    (wrong == 0 && payload <= PAYLOAD_BYTES_MAX).then_some(Header {
        bytes: MAGIC.len() + digits + 1 + more + 1,
        payload,
    })
}

/// How many hexadecimal digits a number has, and these, the first in the lowest byte.
#[inline(always)]
fn written(number: u32) -> (usize, u64) {
    let digits = (32 - number.leading_zeros()).div_ceil(4).max(1);
    // Each four bits to a byte of their own, in three steps.
    let bits = u64::from(number << (32 - 4 * digits));
    let bits = (bits | bits << 16) & 0x0000_ffff_0000_ffff;
    let bits = (bits | bits << 8) & 0x00ff_00ff_00ff_00ff;
    let bits = (bits | bits << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    let letters = (bits + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    let text = bits + 0x3030_3030_3030_3030 + letters * u64::from(b'a' - b'9' - 1);
    (digits as usize, text.swap_bytes())
}

/// One to eight digits and then `=`: how many, and their number.
#[inline(always)]
fn number(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut number = 0;
    for (at, &byte) in bytes.iter().take(9).enumerate() {
        let digit = HEX[usize::from(byte)];
        if digit > 0xf {
            return (byte == b'=' && at > 0).then_some((at, number));
        }
        number = number << 4 | usize::from(digit);
    }
    None
}

/// The value of each digit; anything else is more than 15.
const HEX: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut digit = 0;
    while digit < 16 {
        table[b"0123456789abcdef"[digit] as usize] = digit as u8;
        table[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    table
};

/// The same for every header that there can be, with the reason if there is none.
#[cold]
pub(super) fn any(bytes: &[u8], offset: u64) -> Result<Header, FrameError> {
    let header = with_end(bytes, offset)?;
    let (found, want) = numbers(header).ok_or(FrameError::BadHeader { offset })?;
    if found != offset {
        return Err(FrameError::WrongOffset { offset, found });
    }
    match usize::try_from(want) {
        Ok(payload) if payload <= PAYLOAD_BYTES_MAX => Ok(Header {
            bytes: header.len(),
            payload,
        }),
        _ => Err(FrameError::OverlongPayload { offset, want }),
    }
}

/// The header with its `=`.
fn with_end(bytes: &[u8], offset: u64) -> Result<&[u8], FrameError> {
    let window = &bytes[..bytes.len().min(HEADER_BYTES_MAX)];
    if let Some(end) = window.iter().position(|&byte| byte == b'=') {
        return Ok(&bytes[..=end]);
    }
    let magic = window.len().min(MAGIC.len());
    Err(if window[..magic] != MAGIC[..magic] {
        FrameError::BadHeader { offset }
    } else if window.len() == HEADER_BYTES_MAX {
        FrameError::OverlongHeader { offset }
    } else {
        FrameError::TornHeader { offset }
    })
}

/// The offset and the length that a header states.
fn numbers(header: &[u8]) -> Option<(u64, u64)> {
    let inner = header.strip_prefix(MAGIC)?.strip_suffix(b"=")?;
    let plus = inner.iter().position(|&byte| byte == b'+')?;
    Some((hex(&inner[..plus])?, hex(&inner[plus + 1..])?))
}

/// A hexadecimal number that fits a signed 64-bit one, as the original reads it; no sign, no prefix.
fn hex(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &digit| {
        let digit = char::from(digit).to_digit(16)?;
        let number = number.checked_mul(16)?.checked_add(u64::from(digit))?;
        (number <= i64::MAX as u64).then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_frames_have_them() {
        let powers = (0..32).map(|bit| 1u32 << bit);
        let near = powers.flat_map(|power| [power - 1, power, power.wrapping_mul(0x9e37_79b9)]);
        for number in near.chain([u32::MAX, 0x89ab_cdef, 0xfedc_ba98]) {
            let want = format!("{number:x}");
            let (digits, text) = written(number);
            let text = text.to_le_bytes();
            assert_eq!(&text[..digits], want.as_bytes());
        }
    }

    #[test]
    fn a_header_of_any_offset_is_read_in_one_pass() {
        for offset in [0, 0xf, 0x10, 0xabc, 0x00ff_ffff, u64::from(u32::MAX)] {
            for payload in [0, 9, 0xa0, PAYLOAD_BYTES_MAX] {
                let text = format!("REC@{offset:x}+{payload:x}=and more");
                let header = usual(text.as_bytes(), offset);
                assert_eq!(header, any(text.as_bytes(), offset).ok());
                assert!(header.is_some() && usual(text.as_bytes(), offset ^ 1).is_none());
            }
        }
    }
}
