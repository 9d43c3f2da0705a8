//! Records from bytes that arrive bit by bit: a file, a response's body.
//!
//! Depends on tokio's `AsyncRead`. Memory is bounded by the longest record, and grows only as its bytes
//! really come.

use super::{FrameError, HEADER_BYTES_MAX, parse};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes that are asked for at a time.
const CHUNK: usize = 64 << 10;
/// Memory is reserved in steps of at most this, so that a header alone cannot take much.
const RESERVE_MAX: usize = 1 << 20;

/// One record with bytes of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedFrame {
    /// Where its header starts, in bytes from the start of the segment.
    pub offset: u64,
    /// Where it ends, and the next one starts.
    pub end: u64,
    /// What it carries.
    pub payload: Bytes,
    /// Its bytes as they were read, header and payload.
    pub framed: Bytes,
}

/// Why the next record could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameReadError {
    /// The source failed. It may be tried again; nothing of what it gave is lost.
    #[error("cannot read the record at offset {offset:#x}")]
    Io {
        /// Where the record starts that was to be read.
        offset: u64,
        /// What the source said.
        source: std::io::Error,
    },
    /// The bytes are not records, or end inside one. The same is said again to whoever asks again.
    #[error("no sound record follows")]
    Frame {
        /// What is wrong, and where.
        #[from]
        source: FrameError,
    },
}

/// The frames of an asynchronous source, one at a time.
#[derive(Debug)]
pub struct FrameReader<R> {
    source: R,
    buffer: BytesMut,
    offset: u64,
    ended: bool,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// The frames of `source`, whose first byte is at `offset` of its segment.
    pub fn new(source: R, offset: u64) -> Self {
        Self {
            source,
            buffer: BytesMut::new(),
            offset,
            ended: false,
        }
    }

    /// Where the next record starts.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next record; `None` at a clean end. Cancel-safe: what was read stays for the next call.
    pub async fn next(&mut self) -> Result<Option<OwnedFrame>, FrameReadError> {
        let header = loop {
            let window = &self.buffer[..self.buffer.len().min(HEADER_BYTES_MAX)];
            let enough = window.len() == HEADER_BYTES_MAX || window.contains(&b'=');
            if enough || self.ended {
                if window.is_empty() {
                    return Ok(None);
                }
                break parse::header(&self.buffer, self.offset)?;
            }
            self.fill(CHUNK).await?;
        };
        let length = header.bytes + header.payload;
        while self.buffer.len() < length && !self.ended {
            let missing = length - self.buffer.len();
            self.fill(missing.clamp(CHUNK, RESERVE_MAX)).await?;
        }
        if self.buffer.len() < length {
            return Err(FrameReadError::Frame {
                source: FrameError::TornPayload {
                    offset: self.offset,
                    want: header.payload as u64,
                    have: (self.buffer.len() - header.bytes) as u64,
                },
            });
        }
        let framed = self.buffer.split_to(length).freeze();
        let offset = self.offset;
        self.offset += length as u64;
        Ok(Some(OwnedFrame {
            offset,
            end: self.offset,
            payload: framed.slice(header.bytes..),
            framed,
        }))
    }

    /// Reads once, into room for `bytes`.
    async fn fill(&mut self, bytes: usize) -> Result<(), FrameReadError> {
        self.buffer.reserve(bytes);
        let read = self.source.read_buf(&mut self.buffer).await;
        let read = read.map_err(|source| FrameReadError::Io {
            offset: self.offset,
            source,
        })?;
        self.ended = read == 0;
        Ok(())
    }
}
