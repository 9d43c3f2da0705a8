//! Appending whole segments of given payloads, verbatim: for import, mirrors and synthetic logs.
//!
//! Depends on the stream, the store and [`crate::frame`]. A [`BulkWriter`] adds nothing to a payload, so
//! its records have the meta that they came with, or none. It claims no epoch, and yet keeps the one
//! linear history (design.md): every object is created only if nothing is there, at the end of all
//! before it. Whoever else writes meanwhile finds its place taken, or takes ours; either stops.
//!
//! A segment goes out as one batch, the marker that closes it, and its sealed object, which the store
//! copies from the batch if it can. The batch stays for the grace, as every joined one does.

mod commit;

use crate::clock::{Clock, SystemClock};
use crate::error::{OpenError, ReadError};
use crate::frame::{self, FrameError, Frames, HEADER_BYTES_MAX, PAYLOAD_BYTES_MAX};
use crate::layout::Segment;
use crate::position::Position;
use crate::segment::{OBJECT_BYTES_MAX, SEGMENT_BATCHES_MAX, SEGMENT_BYTES_MAX};
use crate::stream::Stream;
use bytes::Bytes;
use commit::{Commit, Look};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// The longest foreign segment that is taken: one record, or what our own rule fills.
pub const SEGMENT_TAKEN_MAX: u64 = (PAYLOAD_BYTES_MAX + HEADER_BYTES_MAX) as u64;

/// How a bulk writer writes.
#[derive(Clone, Debug)]
pub struct BulkOptions {
    /// A segment ends before its payload bytes would take it beyond this, as the original counts them:
    /// the last record's header not included (spec 1.3).
    pub segment_bytes: u64,
    /// The grace of the stream's other writers ([`crate::WriterOptions::grace`]).
    pub grace: Duration,
    /// For how long this process slept.
    pub clock: Arc<dyn Clock>,
}

impl Default for BulkOptions {
    fn default() -> Self {
        Self {
            segment_bytes: SEGMENT_BYTES_MAX,
            grace: Duration::from_secs(24 * 60 * 60),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Why a bulk writer cannot go on. What was durable stays so; open another writer to go on there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BulkError {
    /// The stream cannot be appended to.
    #[error("cannot append in bulk")]
    Open {
        /// Why, with the stream's name.
        source: Box<OpenError>,
    },
    /// The store did not do what it should: the object may be there or not.
    #[error("stream {stream}: cannot create {object}")]
    Store {
        /// The stream's name.
        stream: String,
        /// Below the stream's prefix.
        object: String,
        /// What the store said.
        source: object_store::Error,
    },
    /// Something else is where the next object belongs: another writer is active.
    #[error("stream {stream}: another writer is active, its object is at {at}")]
    Conflict {
        /// The stream's name.
        stream: String,
        /// Where.
        at: Position,
    },
    /// The store gives other bytes than it was given.
    #[error("stream {stream}: {object} does not have the bytes that were written")]
    Unlike {
        /// The stream's name.
        stream: String,
        /// Below the stream's prefix.
        object: String,
    },
    /// The payload or the segment is longer than any may be.
    #[error("stream {stream}: {bytes} bytes at {at} are more than the {max} that can be there")]
    TooLarge {
        /// The stream's name.
        stream: String,
        /// Where it would go.
        at: Position,
        /// How long it is.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// The given bytes are not records that continue the segment.
    #[error("stream {stream}: the bytes for segment {segment} are not its next records")]
    Frame {
        /// The stream's name.
        stream: String,
        /// The segment.
        segment: u32,
        /// What is wrong, and at which offset.
        source: FrameError,
    },
    /// The open segment has as many batches as there may be, and its boundary cannot be moved.
    #[error("stream {stream}: segment {segment} has {SEGMENT_BATCHES_MAX} batches, no more fit")]
    Batches {
        /// The stream's name.
        stream: String,
        /// The segment.
        segment: u32,
    },
    /// An earlier error ended this writer.
    #[error("stream {stream}: this bulk writer has failed before; open another")]
    Failed {
        /// The stream's name.
        stream: String,
    },
    /// The task that wrote a segment died.
    #[error("stream {stream}: writing a segment was broken off")]
    Broken {
        /// The stream's name.
        stream: String,
        /// How it died.
        source: tokio::task::JoinError,
    },
}

impl From<OpenError> for BulkError {
    fn from(source: OpenError) -> Self {
        let source = Box::new(source);
        Self::Open { source }
    }
}

/// Appends payloads or whole segments verbatim at the end of a stream.
///
/// Holds one segment in memory and one that is being written. Nothing is durable, or visible to any
/// reader, before [`BulkWriter::flush`] or [`BulkWriter::finish`] says so, or its segment is full.
#[derive(Debug)]
pub struct BulkWriter {
    stream: Stream,
    options: BulkOptions,
    look: Look,
    segment: u32,
    /// The open segment from its start.
    buffer: Vec<u8>,
    /// So much of the buffer is in batches.
    durable: u64,
    /// And so many batches are they.
    batches: usize,
    /// The segment before, on its way; gives the later look.
    writing: Option<JoinHandle<Result<Look, BulkError>>>,
    failed: bool,
}

impl BulkWriter {
    /// Opens at the stream's end, continuing the open segment there.
    pub async fn open(stream: Stream) -> Result<Self, BulkError> {
        Self::open_with(stream, BulkOptions::default()).await
    }

    /// Like [`BulkWriter::open`], with other limits.
    pub async fn open_with(stream: Stream, options: BulkOptions) -> Result<Self, BulkError> {
        let look = Look(options.clock.uptime());
        let end = stream.refresh().await?;
        if let Some(source) = stream.gap() {
            let stream = stream.name().to_owned();
            return Err(OpenError::Gap { stream, source }.into());
        }
        let ahead = stream.layout().stray_ahead().map(str::to_owned);
        if let Some(object) = ahead {
            let stream = stream.name().to_owned();
            return Err(OpenError::StrayAhead { stream, object }.into());
        }
        // What an earlier one closed and did not live to seal.
        crate::seal::seal_closed(&stream)
            .await
            .map_err(|source| OpenError::Read {
                stream: stream.name().to_owned(),
                source: Box::new(source),
            })?;
        let strays = stream.layout().open_segment_has_strays();
        let batches = match stream.segments().get(end.segment as usize) {
            Some(Segment::Tail(tail)) => tail.batches.len(),
            _ => 0,
        };
        let mut writer = Self {
            buffer: open_segment(&stream, end).await?,
            look,
            segment: end.segment,
            durable: end.offset,
            batches,
            writing: None,
            failed: false,
            stream,
            options,
        };
        if strays {
            // The log must never grow onto what is no part of it.
            let result = writer.roll().await;
            writer.noted(result)?;
        }
        Ok(writer)
    }

    /// The stream that it appends to.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Where the next record goes, if it goes into the open segment.
    pub fn position(&self) -> Position {
        Position {
            segment: self.segment,
            offset: self.buffer.len() as u64,
        }
    }

    /// Up to where everything is durable.
    pub fn durable(&self) -> Position {
        self.stream.tail()
    }

    /// Appends one payload as the original does: into the next segment if this one is not empty and
    /// would get too long. Gives the record's place.
    pub async fn push(&mut self, payload: &[u8]) -> Result<Position, BulkError> {
        self.check_sound()?;
        self.check_size(payload.len() as u64, PAYLOAD_BYTES_MAX as u64)?;
        let length = (self.buffer.len() + payload.len()) as u64;
        if !self.buffer.is_empty() && length > self.options.segment_bytes {
            let result = self.roll().await;
            self.noted(result)?;
        }
        let at = self.position();
        frame::encode(&mut self.buffer, at.offset, payload);
        Ok(at)
    }

    /// Appends a whole segment as it is, in a segment of its own; the open one ends before it if it is
    /// not empty. `bytes` are framed from offset 0.
    pub async fn push_segment(&mut self, bytes: &[u8]) -> Result<(), BulkError> {
        self.end_segment().await?;
        self.extend_segment(bytes)?;
        self.end_segment().await
    }

    /// Appends framed records to the open segment as they are, however long it gets. Their offsets
    /// continue the segment at [`BulkWriter::position`].
    pub fn extend_segment(&mut self, bytes: &[u8]) -> Result<(), BulkError> {
        self.check_sound()?;
        let at = self.position();
        self.check_size(at.offset + bytes.len() as u64, SEGMENT_TAKEN_MAX)?;
        if let Some(source) = Frames::new(bytes, at.offset).find_map(Result::err) {
            return Err(BulkError::Frame {
                stream: self.name(),
                segment: at.segment,
                source,
            });
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Ends the open segment, unless nothing is in it: the next record begins another.
    pub async fn end_segment(&mut self) -> Result<(), BulkError> {
        self.check_sound()?;
        if self.buffer.is_empty() {
            return Ok(());
        }
        let result = self.roll().await;
        self.noted(result)
    }

    /// Leaves the open segment, in which nothing is, empty for ever: a copy keeps the numbers of its source.
    pub(crate) async fn skip_segment(&mut self) -> Result<(), BulkError> {
        self.check_sound()?;
        let result = self.roll().await;
        self.noted(result)
    }

    /// Makes durable what was pushed, and gives the position up to which it is.
    ///
    /// That may be less than all: when many small flushes have used up half of the batches that a
    /// segment may have, the rest of them is kept for larger pieces.
    pub async fn flush(&mut self) -> Result<Position, BulkError> {
        self.check_sound()?;
        let result = self.write_open(false).await;
        self.noted(result)?;
        Ok(self.durable())
    }

    /// Makes all durable, and gives the end of the log. The last segment stays open.
    pub async fn finish(mut self) -> Result<Position, BulkError> {
        self.check_sound()?;
        self.write_open(true).await?;
        Ok(self.durable())
    }

    /// Hands the open segment to a task that writes, closes and seals it, and begins the next one.
    async fn roll(&mut self) -> Result<(), BulkError> {
        self.wait_for_writing().await?;
        let bytes = Bytes::from(std::mem::take(&mut self.buffer));
        let commit = self.commit(bytes);
        if self.batches >= SEGMENT_BATCHES_MAX && self.durable < commit.bytes.len() as u64 {
            return Err(self.no_more_batches());
        }
        self.writing = Some(tokio::spawn(commit.whole()));
        self.segment += 1;
        self.durable = 0;
        self.batches = 0;
        Ok(())
    }

    /// Writes what the open segment has more than its batches; unless `all`, only if it is worth one.
    async fn write_open(&mut self, all: bool) -> Result<(), BulkError> {
        self.wait_for_writing().await?;
        let length = self.buffer.len() as u64;
        let more = length - self.durable;
        // The last batch is for `finish`, or for the end of the segment.
        let left = (SEGMENT_BATCHES_MAX - 1).saturating_sub(self.batches) as u64;
        let scarce = left < SEGMENT_BATCHES_MAX as u64 / 2;
        let room = SEGMENT_BYTES_MAX.saturating_sub(self.durable);
        if more == 0 || (!all && scarce && more < room.div_ceil(left.max(1)).max(1)) {
            return Ok(());
        }
        if self.batches >= SEGMENT_BATCHES_MAX || (!all && left == 0) {
            return if all {
                Err(self.no_more_batches())
            } else {
                Ok(())
            };
        }
        let piece = Bytes::copy_from_slice(&self.buffer[self.durable as usize..]);
        self.look = self.commit(Bytes::new()).batch(piece).await?;
        self.durable = length;
        self.batches += 1;
        Ok(())
    }

    async fn wait_for_writing(&mut self) -> Result<(), BulkError> {
        let Some(writing) = &mut self.writing else {
            return Ok(());
        };
        let written = writing.await;
        self.writing = None;
        self.look = written.map_err(|source| BulkError::Broken {
            stream: self.name(),
            source,
        })??;
        Ok(())
    }

    fn commit(&self, bytes: Bytes) -> Commit {
        Commit {
            stream: self.stream.clone(),
            clock: self.options.clock.clone(),
            grace: self.options.grace,
            look: self.look,
            number: self.segment,
            durable: self.durable,
            batches: self.batches,
            bytes,
        }
    }

    fn check_sound(&self) -> Result<(), BulkError> {
        if self.failed {
            return Err(BulkError::Failed {
                stream: self.name(),
            });
        }
        Ok(())
    }

    fn check_size(&self, bytes: u64, max: u64) -> Result<(), BulkError> {
        if bytes > max {
            return Err(BulkError::TooLarge {
                stream: self.name(),
                at: self.position(),
                bytes,
                max,
            });
        }
        Ok(())
    }

    /// Remembers that the end of the log is unknown after an error.
    fn noted<T>(&mut self, result: Result<T, BulkError>) -> Result<T, BulkError> {
        self.failed |= result.is_err();
        result
    }

    fn no_more_batches(&self) -> BulkError {
        BulkError::Batches {
            stream: self.name(),
            segment: self.segment,
        }
    }

    fn name(&self) -> String {
        self.stream.name().to_owned()
    }
}

impl Drop for BulkWriter {
    fn drop(&mut self) {
        if let Some(writing) = &self.writing {
            writing.abort(); // nobody waits for it; after `finish` there is none
        }
    }
}

/// The bytes of the open segment; its records have to be sound, or nothing can follow them.
async fn open_segment(stream: &Stream, end: Position) -> Result<Vec<u8>, OpenError> {
    let read = |source| OpenError::Read {
        stream: stream.name().to_owned(),
        source: Box::new(source),
    };
    if end.offset > OBJECT_BYTES_MAX {
        return Err(read(ReadError::Oversized {
            stream: stream.name().to_owned(),
            object: format!("the tail of segment {}", end.segment),
            size: end.offset,
        }));
    }
    let bytes = stream
        .bytes(end.segment, 0..end.offset)
        .await
        .map_err(read)?;
    if bytes.len() as u64 != end.offset {
        return Err(read(ReadError::Size {
            stream: stream.name().to_owned(),
            object: format!("the batches of segment {}", end.segment),
            want: end.offset,
            have: bytes.len() as u64,
        }));
    }
    if let Some(source) = Frames::new(&bytes, 0).find_map(Result::err) {
        return Err(read(ReadError::Frame {
            stream: stream.name().to_owned(),
            segment: end.segment,
            source,
        }));
    }
    Ok(bytes.into())
}

#[cfg(test)]
#[path = "bulk/tests.rs"]
mod tests;
