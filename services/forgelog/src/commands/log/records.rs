//! Reading a log the same way wherever it is: record by record, or its bytes as they are. Depends on `log-core`.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use log_core::{Position, Reader, Record, Stream};
use std::ops::Range;
use std::time::Duration;

use super::copy::LocalCopy;
use super::source::Source;

/// A log that can be read.
pub(super) enum Log {
    Stream(Stream, Duration),
    Copy(Box<LocalCopy>),
}

/// A reader of its records.
pub(super) enum Records {
    Stream(Reader),
    Copy(Position),
}

impl Log {
    /// Opens it; what a server has is copied first, into `cache` or a folder that goes with this.
    pub(super) async fn open(source: Source, cache: Option<&std::path::Path>) -> Result<Self> {
        match source {
            Source::Stream(stream, every) => Ok(Self::Stream(stream, every)),
            Source::Http(url) => Ok(Self::Copy(Box::new(LocalCopy::fetch(&url, cache).await?))),
        }
    }

    /// The stream's name; of a server's log it is unknown.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Stream(stream, _) => stream.name(),
            Self::Copy(copy) => copy.name(),
        }
    }

    pub(super) fn tail(&self) -> Position {
        match self {
            Self::Stream(stream, _) => stream.tail(),
            Self::Copy(copy) => copy.tail(),
        }
    }

    /// The length of every segment.
    pub(super) fn lengths(&self) -> Vec<u64> {
        match self {
            Self::Stream(stream, _) => stream
                .segments()
                .iter()
                .map(|segment| segment.len())
                .collect(),
            Self::Copy(copy) => copy.lengths(),
        }
    }

    /// Whether no record lies between `at` and an earlier or the same `end`: the end of a segment is the next one's start.
    pub(super) fn is_at_or_after(&self, at: Position, end: Position) -> bool {
        let next = Position::start_of(at.segment.saturating_add(1));
        let ended = || self.lengths().get(at.segment as usize) == Some(&at.offset);
        at >= end || (next == end && ended())
    }

    /// The bytes of a part of a segment, which has them.
    pub(super) async fn bytes(&self, segment: u32, range: Range<u64>) -> Result<Bytes> {
        match self {
            Self::Stream(stream, _) => Ok(stream.bytes(segment, range).await?),
            Self::Copy(copy) => copy.bytes(segment, range).await,
        }
    }

    pub(super) fn records(&self, from: Position) -> Records {
        match self {
            Self::Stream(stream, _) => Records::Stream(stream.reader(from)),
            Self::Copy(_) => Records::Copy(from),
        }
    }

    /// Waits for a while, and looks what others have appended.
    pub(super) async fn look_again(&mut self) -> Result<()> {
        match self {
            Self::Stream(stream, every) => {
                tokio::time::sleep(*every).await;
                stream.refresh().await.context("cannot look for news")?;
            }
            Self::Copy(copy) => copy.wait().await?,
        }
        Ok(())
    }
}

impl Records {
    /// Where the next record starts.
    pub(super) fn position(&self) -> Position {
        match self {
            Self::Stream(reader) => reader.position(),
            Self::Copy(position) => *position,
        }
    }

    /// The next records; none at the tail.
    pub(super) async fn next_batch(&mut self, log: &Log) -> Result<Vec<Record>> {
        match (self, log) {
            (Self::Stream(reader), _) => Ok(reader.next_batch().await?),
            (Self::Copy(position), Log::Copy(copy)) => {
                let records = copy.records(*position).await?;
                *position = records.last().map_or(*position, |record| record.next);
                Ok(records)
            }
            // Made by another log: it has nothing more.
            (Self::Copy(_), Log::Stream(..)) => Ok(Vec::new()),
        }
    }
}
