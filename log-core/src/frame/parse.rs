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
#[inline]
pub(super) fn header(bytes: &[u8], offset: u64) -> Result<Header, FrameError> {
    match usual(bytes) {
        Some((length, found, want)) if found == offset && want <= PAYLOAD_BYTES_MAX as u64 => {
            Ok(Header {
                bytes: length,
                payload: want as usize,
            })
        }
        _ => any(bytes, offset),
    }
}

/// Length, offset and payload length of a header whose numbers have at most 15 digits.
#[inline]
fn usual(bytes: &[u8]) -> Option<(usize, u64, u64)> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (digits, found) = number(rest, b'+')?;
    let (more, want) = number(&rest[digits + 1..], b'=')?;
    Some((MAGIC.len() + digits + 1 + more + 1, found, want))
}

/// One to 15 digits and then `end`: how many, and their number.
#[inline]
fn number(bytes: &[u8], end: u8) -> Option<(usize, u64)> {
    let mut number = 0;
    for (at, &byte) in bytes.iter().take(16).enumerate() {
        let digit = HEX[usize::from(byte)];
        if digit > 0xf {
            return (byte == end && at > 0).then_some((at, number));
        }
        number = number << 4 | u64::from(digit);
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
