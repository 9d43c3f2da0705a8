//! The bytes of one record: `REC@<hex offset>+<hex length>=` and then the payload (spec 1.1).
//!
//! The offset counts from the start of the record's segment. [`Frames`] reads a slice, [`FrameReader`]
//! what arrives bit by bit; both find the same records and the same faults. Depends on nothing of ours.

mod parse;
mod stream;

pub use stream::{FrameReadError, FrameReader, OwnedFrame};

/// The longest header that there can be, `REC@` and `=` included.
pub const HEADER_BYTES_MAX: usize = 40;
/// The longest payload that is written or read. A bound, so that a broken length cannot exhaust memory.
pub const PAYLOAD_BYTES_MAX: usize = 64 << 20;

const MAGIC: &[u8; 4] = b"REC@";

/// Appends the frame of `payload` to `out`. `offset` is where the frame starts in its segment.
pub fn encode(out: &mut Vec<u8>, offset: u64, payload: &[u8]) {
    out.reserve(HEADER_BYTES_MAX + payload.len());
    out.extend_from_slice(MAGIC);
    push_hex(out, offset);
    out.push(b'+');
    push_hex(out, payload.len() as u64);
    out.push(b'=');
    out.extend_from_slice(payload);
}

/// Lower case, without leading zeros; zero is one digit.
fn push_hex(out: &mut Vec<u8>, number: u64) {
    let digits = (64 - number.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(number >> (4 * digit)) as usize & 0xf]);
    }
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

impl FrameError {
    /// Where the record starts that is none; everything before it is sound.
    pub const fn offset(&self) -> u64 {
        match self {
            Self::TornHeader { offset }
            | Self::TornPayload { offset, .. }
            | Self::OverlongHeader { offset }
            | Self::BadHeader { offset }
            | Self::WrongOffset { offset, .. }
            | Self::OverlongPayload { offset, .. } => *offset,
        }
    }
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

    #[inline(always)]
    fn step(&self) -> Result<Frame<'a>, FrameError> {
        let offset = self.offset;
        let header = parse::header(self.rest, offset)?;
        let body = &self.rest[header.bytes..];
        let Some(payload) = body.get(..header.payload) else {
            return Err(FrameError::TornPayload {
                offset,
                want: header.payload as u64,
                have: body.len() as u64,
            });
        };
        Ok(Frame {
            offset,
            end: offset + (header.bytes + header.payload) as u64,
            payload,
        })
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, FrameError>;

    #[inline(always)] // what it gives is large, and would be copied
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

#[cfg(test)]
#[path = "frame/tests.rs"]
mod tests;
