//! The bytes of one record: `REC@<hex offset>+<hex length>=` and then the payload (spec 1.1).
//!
//! The offset counts from the start of the record's segment. Pure; depends on nothing.

use std::fmt::Write as _;

/// The longest header that there can be, `REC@` and `=` included.
pub const HEADER_BYTES_MAX: usize = 40;
/// The longest payload that is written or read. A bound, so that a broken length cannot exhaust memory.
pub const PAYLOAD_BYTES_MAX: usize = 64 << 20;

const MAGIC: &[u8] = b"REC@";

/// Appends the frame of `payload` to `out`. `offset` is where the frame starts in its segment.
pub fn encode(out: &mut Vec<u8>, offset: u64, payload: &[u8]) {
    let mut header = String::with_capacity(HEADER_BYTES_MAX);
    // Writing to a String cannot fail.
    let _ = write!(header, "REC@{offset:x}+{:x}=", payload.len());
    out.reserve(header.len() + payload.len());
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(payload);
}

/// One record as it lies in its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Where its header starts, in bytes from the start of the segment.
    pub offset: u64,
    /// Where it ends, and the next one starts.
    pub end: u64,
    /// What it carries.
    pub payload: &'a [u8],
}

/// What is wrong with the bytes of a segment, and where. Offsets count from the segment's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The bytes end inside a header.
    #[error("the header at offset {offset:#x} is cut off")]
    TornHeader {
        /// Where the header starts.
        offset: u64,
    },
    /// The bytes end inside a payload.
    #[error("the payload of the record at offset {offset:#x} is cut off: {have} of {want} bytes")]
    TornPayload {
        /// Where the record starts.
        offset: u64,
        /// Bytes that the header promises.
        want: u64,
        /// Bytes that are there.
        have: u64,
    },
    /// There is no `=` within the longest header.
    #[error("the header at offset {offset:#x} is longer than {HEADER_BYTES_MAX} bytes")]
    OverlongHeader {
        /// Where the header starts.
        offset: u64,
    },
    /// The bytes are not a header.
    #[error("no record header at offset {offset:#x}")]
    BadHeader {
        /// Where a header should start.
        offset: u64,
    },
    /// The header is that of another place.
    #[error("the header at offset {offset:#x} says that it is at {found:#x}")]
    WrongOffset {
        /// Where the header starts.
        offset: u64,
        /// What it says.
        found: u64,
    },
    /// The payload is longer than any that is read.
    #[error(
        "the record at offset {offset:#x} promises {want} bytes, more than {PAYLOAD_BYTES_MAX}"
    )]
    OverlongPayload {
        /// Where the record starts.
        offset: u64,
        /// Bytes that the header promises.
        want: u64,
    },
}

/// The frames of a slice, without copying. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    rest: &'a [u8],
    offset: u64,
}

impl<'a> Frames<'a> {
    /// The frames of `bytes`, which start at `offset` of their segment.
    pub const fn new(bytes: &'a [u8], offset: u64) -> Self {
        Self {
            rest: bytes,
            offset,
        }
    }

    fn step(&self) -> Result<Frame<'a>, FrameError> {
        let offset = self.offset;
        let header = header(self.rest, offset)?;
        let (found, want) = numbers(header).ok_or(FrameError::BadHeader { offset })?;
        if found != offset {
            return Err(FrameError::WrongOffset { offset, found });
        }
        let body = &self.rest[header.len()..];
        match usize::try_from(want) {
            Ok(len) if len <= PAYLOAD_BYTES_MAX => {
                let payload = body.get(..len).ok_or(FrameError::TornPayload {
                    offset,
                    want,
                    have: body.len() as u64,
                })?;
                Ok(Frame {
                    offset,
                    end: offset + (header.len() + len) as u64,
                    payload,
                })
            }
            _ => Err(FrameError::OverlongPayload { offset, want }),
        }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let frame = self.step();
        match &frame {
            Ok(frame) => {
                self.rest = &self.rest[(frame.end - frame.offset) as usize..];
                self.offset = frame.end;
            }
            Err(_) => self.rest = &[],
        }
        Some(frame)
    }
}

/// The header with its `=`.
fn header(bytes: &[u8], offset: u64) -> Result<&[u8], FrameError> {
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
#[path = "frame/tests.rs"]
mod tests;
