//! Reading records in order, from anywhere, and following the tail.
//!
//! Depends on [`crate::stream`] and [`crate::frame`]. A sealed object is checked against its name
//! before anything in it is given out.

pub(crate) mod load;

pub(crate) use load::Object;

use crate::error::ReadError;
use crate::frame::{FrameError, Frames};
use crate::position::Position;
use crate::stream::{Place, Stream};
use bytes::Bytes;
use load::{Ahead, load};
use tokio::sync::watch;

/// At most so many records are given at a time.
const RECORDS_AT_A_TIME: usize = 4096;
/// And of so many bytes, but for the last of them.
const BYTES_AT_A_TIME: u64 = 1 << 20;

/// What a reader may read ahead.
#[derive(Clone, Copy, Debug)]
pub struct ReaderOptions {
    /// Bytes of objects that are read ahead, beyond the object that is being read.
    pub ahead_bytes: u64,
    /// Objects that are read ahead at the same time.
    pub ahead_objects: usize,
}

impl Default for ReaderOptions {
    /// Two full segments' bytes, and 16 objects.
    fn default() -> Self {
        Self {
            ahead_bytes: 32 << 20,
            ahead_objects: 16,
        }
    }
}

/// A record and its place. Its payload is a slice of the object that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where its frame starts.
    pub at: Position,
    /// Where its frame ends: the state after it is the state at this position.
    pub next: Position,
    /// The serialized mutation.
    pub payload: Bytes,
}

/// Reads a stream's records in order, each once.
#[derive(Debug)]
pub struct Reader {
    stream: Stream,
    position: Position,
    /// Whether a record is known to start there, or nothing at all.
    on_boundary: bool,
    /// The object that is being read, and where it starts.
    current: Option<(Position, Bytes)>,
    tail: watch::Receiver<Position>,
    options: ReaderOptions,
    ahead: Ahead,
}

impl Reader {
    pub(crate) fn new(stream: Stream, position: Position, options: ReaderOptions) -> Self {
        let tail = stream.watch();
        Self {
            stream,
            position,
            on_boundary: position.offset == 0,
            current: None,
            tail,
            options,
            ahead: Ahead::default(),
        }
    }

    /// Where the next record starts.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The next records: one batch, or a slice of a sealed segment. None are given at the tail.
    ///
    /// After an error the reader stands where it stood.
    pub async fn next_batch(&mut self) -> Result<Vec<Record>, ReadError> {
        loop {
            if let Some(records) = self.slice()? {
                return Ok(records);
            }
            match self.stream.locate(self.position) {
                Place::Sealed(_) | Place::Batch { .. } => self.load().await?,
                Place::NextSegment => self.position = Position::start_of(self.position.segment + 1),
                Place::End => match self.stream.gap() {
                    None => return Ok(Vec::new()),
                    Some(source) => {
                        return Err(ReadError::Gap {
                            stream: self.name(),
                            source,
                        });
                    }
                },
                Place::Beyond(end) => {
                    return Err(ReadError::BeyondEnd {
                        stream: self.name(),
                        position: self.position,
                        end,
                    });
                }
            }
        }
    }

    /// Reads the object at the position, and the next ones ahead.
    async fn load(&mut self) -> Result<(), ReadError> {
        let Some(object) = self.stream.object_at(self.position) else {
            return Ok(());
        };
        let ReaderOptions {
            ahead_bytes,
            ahead_objects,
        } = self.options;
        let bytes = match self.ahead.take(&self.stream, object).await {
            Some(loaded) => loaded?,
            None => {
                self.ahead
                    .fill(&self.stream, object, ahead_bytes, ahead_objects);
                load(&self.stream, object).await?
            }
        };
        self.ahead
            .fill(&self.stream, object, ahead_bytes, ahead_objects);
        // It may have been joined meanwhile, and the place is another now.
        self.current = bytes.map(|bytes| (object.start, bytes));
        Ok(())
    }

    /// Like [`Reader::next_batch`], but waits for records at the tail. Sees what is appended
    /// through this process's [`Stream`]; what others append it sees after [`Stream::refresh`].
    pub async fn follow(&mut self) -> Result<Vec<Record>, ReadError> {
        loop {
            self.tail.mark_unchanged();
            let records = self.next_batch().await?;
            if !records.is_empty() {
                return Ok(records);
            }
            // The sender lives as long as the stream that this reader holds.
            let _ = self.tail.changed().await;
        }
    }

    /// The records at the position within the current object; `None` if it holds no more.
    fn slice(&mut self) -> Result<Option<Vec<Record>>, ReadError> {
        let Some((start, bytes)) = &self.current else {
            return Ok(None);
        };
        let end = start.offset + bytes.len() as u64;
        if start.segment != self.position.segment
            || !(start.offset..end).contains(&self.position.offset)
        {
            self.current = None;
            return Ok(None);
        }
        let (start, bytes) = (*start, bytes.clone());
        let from = self.position.offset;
        let mut records = Vec::new();
        for frame in Frames::new(&bytes[(from - start.offset) as usize..], from) {
            let frame = match frame {
                Ok(frame) => frame,
                Err(_) if !records.is_empty() => break, // what is sound first, the error next time
                Err(source) => return Err(self.frame_error(source, start)),
            };
            records.push(Record {
                at: Position {
                    offset: frame.offset,
                    ..start
                },
                next: Position {
                    offset: frame.end,
                    ..start
                },
                payload: bytes.slice_ref(frame.payload),
            });
            if records.len() == RECORDS_AT_A_TIME || frame.end - from >= BYTES_AT_A_TIME {
                break;
            }
        }
        if let Some(last) = records.last() {
            (self.position, self.on_boundary) = (last.next, true);
        }
        Ok(Some(records))
    }

    fn frame_error(&mut self, source: FrameError, object: Position) -> ReadError {
        self.current = None;
        let header = matches!(
            source,
            FrameError::BadHeader { .. } | FrameError::WrongOffset { .. }
        );
        if header && !self.on_boundary && self.position != object {
            return ReadError::NotABoundary {
                stream: self.name(),
                position: self.position,
            };
        }
        ReadError::Frame {
            stream: self.name(),
            segment: object.segment,
            source,
        }
    }

    fn name(&self) -> String {
        self.stream.name().to_owned()
    }
}
