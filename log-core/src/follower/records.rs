//! Reading the verified local copy, whole records at a time. Depends on [`crate::frame`].

use super::disk::failed;
use super::error::FollowError;
use super::{LocalSegment, blocking};
use crate::frame::{Frame, FrameError, Frames, HEADER_BYTES_MAX};
use crate::position::Position;
use bytes::Bytes;
use std::io::{Read as _, Seek as _, SeekFrom};

/// About so many bytes are given at a time; more only if one record is longer.
const BLOCK_BYTES: u64 = 4 << 20;

/// Whole records of one segment, as they lie there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where the first starts.
    pub at: Position,
    /// Framed; ends where the last record ends.
    pub bytes: Bytes,
}

impl Block {
    /// Where the last record ends.
    pub fn end(&self) -> Position {
        Position {
            offset: self.at.offset + self.bytes.len() as u64,
            ..self.at
        }
    }

    /// The records, borrowed. They were checked.
    pub fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        Frames::new(&self.bytes, self.at.offset).map_while(Result::ok)
    }
}

/// Gives the records of a local copy from a position to where it ended when this was made.
#[derive(Debug)]
pub struct Records {
    segments: Vec<LocalSegment>,
    position: Position,
}

impl Records {
    /// `from` may be the tail, and no more.
    pub(super) fn new(segments: &[LocalSegment], from: Position) -> Result<Self, FollowError> {
        let tail = super::tail_of(segments);
        let before = segments.get(from.segment as usize);
        let inside = before.is_some_and(|segment| from.offset <= segment.size);
        let next = segments.len() == from.segment as usize && from.offset == 0;
        if !inside && !next {
            return Err(FollowError::BeyondEnd {
                position: from,
                tail,
            });
        }
        let rest = segments.iter().skip(from.segment as usize);
        Ok(Self {
            segments: rest.cloned().collect(),
            position: from,
        })
    }

    /// Where the next record starts.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The next records; `None` at the end. After an error it stands where it stood.
    pub async fn next_block(&mut self) -> Result<Option<Block>, FollowError> {
        loop {
            let at = self.position.segment;
            let found = self.segments.iter().find(|segment| segment.number == at);
            let Some(segment) = found.cloned() else {
                return Ok(None);
            };
            let offset = self.position.offset;
            if offset == segment.size {
                // The end of the last segment stays the position, as more may follow there.
                if self.segments.last() == Some(&segment) {
                    return Ok(None);
                }
                self.position = Position::start_of(at + 1);
                continue;
            }
            let block = blocking("reading", move || read_block(&segment, offset)).await?;
            self.position = block.end();
            return Ok(Some(block));
        }
    }
}

fn read_block(segment: &LocalSegment, offset: u64) -> Result<Block, FollowError> {
    let mut want = BLOCK_BYTES;
    loop {
        let left = segment.size - offset;
        let mut bytes = Vec::new();
        let mut file = segment.open()?;
        file.seek(SeekFrom::Start(offset))
            .and_then(|_| file.take(want.min(left)).read_to_end(&mut bytes))
            .map_err(failed("read", &segment.path))?;
        let (end, error) = whole_records(&bytes, offset);
        if end > 0 {
            bytes.truncate(end);
            return Ok(Block {
                at: Position {
                    segment: segment.number,
                    offset,
                },
                bytes: bytes.into(),
            });
        }
        match error {
            Some(FrameError::TornPayload { want: payload, .. }) if want < left => {
                want = payload + HEADER_BYTES_MAX as u64;
            }
            error => {
                return Err(FollowError::Frame {
                    segment: segment.number,
                    copy: segment.path.display().to_string(),
                    source: error.unwrap_or(FrameError::TornHeader { offset }),
                });
            }
        }
    }
}

/// Where the whole records of some bytes end, and what comes after them.
pub(super) fn whole_records(bytes: &[u8], offset: u64) -> (usize, Option<FrameError>) {
    let mut end = offset;
    for frame in Frames::new(bytes, offset) {
        match frame {
            Ok(frame) => end = frame.end,
            Err(error) => return ((end - offset) as usize, Some(error)),
        }
    }
    ((end - offset) as usize, None)
}
