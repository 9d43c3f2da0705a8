//! Reading records in order, from anywhere, and following the tail.
//!
//! Depends on [`crate::stream`] and [`crate::frame`]. A sealed object is checked against its name
//! before anything in it is given out.

use crate::error::ReadError;
use crate::frame::{FrameError, Frames};
use crate::layout::{Sealed, batch_path};
use crate::position::Position;
use crate::segment::SegmentName;
use crate::stream::{Place, Stream};
use bytes::Bytes;
use tokio::sync::watch;

/// At most so many records are given at a time.
const RECORDS_AT_A_TIME: usize = 4096;
/// And of so many bytes, but for the last of them.
const BYTES_AT_A_TIME: u64 = 1 << 20;

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
    /// The object that is being read, and where it starts.
    current: Option<(Position, Bytes)>,
    tail: watch::Receiver<Position>,
}

impl Reader {
    pub(crate) fn new(stream: Stream, position: Position) -> Self {
        let tail = stream.watch();
        Self {
            stream,
            position,
            current: None,
            tail,
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
                Place::Sealed(sealed) => {
                    let bytes = self.load_sealed(sealed).await?;
                    self.current = Some((Position::start_of(sealed.name.number), bytes));
                }
                Place::Batch { offset, size } => {
                    let start = Position {
                        offset,
                        ..self.position
                    };
                    if let Some(bytes) = self.load_batch(start, size).await? {
                        self.current = Some((start, bytes));
                    }
                }
                Place::NextSegment => self.position = Position::start_of(self.position.segment + 1),
                Place::End => return Ok(Vec::new()),
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
            self.position = last.next;
        }
        Ok(Some(records))
    }

    fn frame_error(&mut self, source: FrameError, object: Position) -> ReadError {
        self.current = None;
        let header = matches!(
            source,
            FrameError::BadHeader { .. } | FrameError::WrongOffset { .. }
        );
        if header && self.position != object {
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

    async fn load_sealed(&self, sealed: Sealed) -> Result<Bytes, ReadError> {
        let object = sealed.name.to_string();
        let bytes = self.get(&object, sealed.size).await?;
        if SegmentName::of(sealed.name.number, &bytes) != sealed.name {
            return Err(ReadError::Digest {
                stream: self.name(),
                object,
            });
        }
        Ok(bytes)
    }

    /// The batch; `None` if it was joined meanwhile, and the place is another now.
    async fn load_batch(&self, start: Position, size: u64) -> Result<Option<Bytes>, ReadError> {
        if let Some(bytes) = self.stream.recent(start) {
            return Ok(Some(bytes));
        }
        let object = batch_path(start.segment, start.offset);
        match self.get(&object, size).await {
            Err(ReadError::Store {
                source: object_store::Error::NotFound { path, source },
                ..
            }) => {
                let before = self.stream.locate(start);
                let refreshed = self.stream.refresh().await;
                refreshed.map_err(|source| ReadError::Refresh {
                    stream: self.name(),
                    source: Box::new(source),
                })?;
                if self.stream.locate(start) == before {
                    let source = object_store::Error::NotFound { path, source };
                    return Err(ReadError::Store {
                        stream: self.name(),
                        object,
                        source,
                    });
                }
                Ok(None)
            }
            loaded => loaded.map(Some),
        }
    }

    async fn get(&self, object: &str, want: u64) -> Result<Bytes, ReadError> {
        let bytes = self
            .stream
            .objects()
            .get(object)
            .await
            .map_err(|source| ReadError::Store {
                stream: self.name(),
                object: object.to_owned(),
                source,
            })?;
        let have = bytes.len() as u64;
        if have != want {
            return Err(ReadError::Size {
                stream: self.name(),
                object: object.to_owned(),
                want,
                have,
            });
        }
        Ok(bytes)
    }

    fn name(&self) -> String {
        self.stream.name().to_owned()
    }
}
