//! The log that a checkpoint has to fit: one that is being opened, or one that is followed already and whose bytes are
//! held. Depends on [`crate::source`].

use std::path::{Path, PathBuf};

use log_core::Position;

use super::head::EndMark;
use super::{Checkpoint, CheckpointError};
use crate::error::Error;
use crate::segments::{Block, Segments};
use crate::source::{SegmentId, Source};

/// A log, and where its checkpoints are.
pub(crate) enum Log<'a> {
    /// Nothing of it is known yet.
    Read(&'a mut Source),
    /// These bytes of it are, from its start.
    Held(&'a Places, &'a Segments),
}

/// Where a log's checkpoints are, and what was known of its segments, when following it began.
pub(crate) struct Places {
    cache: Option<PathBuf>,
    beside: Option<Source>,
    ids: Vec<SegmentId>,
}

impl Places {
    pub(crate) fn of(source: &Source) -> Self {
        Self {
            cache: source.cache_folder().map(Path::to_owned),
            beside: source.for_checkpoints(),
            ids: source.segments(),
        }
    }
}

impl Log<'_> {
    /// The folder of this machine for what is derived from it.
    pub(super) fn cache_folder(&self) -> Option<&Path> {
        match self {
            Self::Read(source) => source.cache_folder(),
            Self::Held(places, _) => places.cache.as_deref(),
        }
    }

    /// The log, if checkpoints are kept with it.
    pub(super) fn beside(&self) -> Option<&Source> {
        match self {
            Self::Read(source) => Some(&**source).filter(|source| source.keeps_checkpoints()),
            Self::Held(places, _) => places.beside.as_ref(),
        }
    }

    /// Its end, as far as it is known.
    pub(super) fn tail(&self) -> Position {
        match self {
            Self::Read(source) => source.tail(),
            Self::Held(_, segments) => {
                let last = segments.count().saturating_sub(1);
                Position {
                    segment: last,
                    offset: segments.end_of(last),
                }
            }
        }
    }

    /// Its segments, from 0.
    pub(super) fn segments(&self) -> Vec<SegmentId> {
        match self {
            Self::Read(source) => source.segments(),
            Self::Held(places, segments) => {
                let id = |number: u32| {
                    let size = segments.end_of(number);
                    let known = places.ids.get(number as usize);
                    let known = known.filter(|id| id.complete && id.size == size);
                    SegmentId {
                        number,
                        size,
                        // Without it, the bytes are looked at.
                        sha224: known.and_then(|id| id.sha224),
                        complete: number + 1 < segments.count(),
                    }
                };
                (0..segments.count()).map(id).collect()
            }
        }
    }

    /// The bytes that the checkpoint's cells point at.
    pub(super) async fn history(&mut self, checkpoint: &Checkpoint) -> Result<Vec<Block>, Error> {
        let position = checkpoint.head().position();
        let source = match self {
            Self::Read(source) => source,
            Self::Held(_, segments) => return Ok(segments.blocks_until(position)),
        };
        let segment = position.segment;
        let is_open = |id: &SegmentId| id.number == segment && !id.complete;
        let tail = checkpoint.head().tail.filter(|tail| *tail == segment);
        if tail.is_none() || !source.segments().iter().any(is_open) {
            return Ok(source.history(position).await?);
        }
        let mut blocks = source.history(Position::start_of(segment)).await?;
        let last = checkpoint.blocks().saturating_sub(1);
        let bytes = checkpoint.mapped_block(last);
        let bytes = bytes.ok_or_else(|| CheckpointError::Damaged {
            path: checkpoint.path().to_owned(),
            what: "the log's tail in it",
        })?;
        blocks.push(Block {
            segment,
            start: 0,
            bytes,
        });
        Ok(blocks)
    }

    /// The log's own bytes that a mark of its end is about, whatever the checkpoint brought with it.
    pub(super) async fn marked(&mut self, mark: EndMark, end: Position) -> Result<Vec<u8>, Error> {
        let Position { segment, offset } = end;
        let from = Position {
            segment,
            offset: mark.from,
        };
        let blocks = match self {
            Self::Read(source) => source.read(from, offset.saturating_sub(mark.from)).await?,
            Self::Held(_, segments) => segments.blocks_between(from, end),
        };
        Ok(super::store::joined(&blocks, segment, offset))
    }
}
