//! Copying another log into a stream: payloads byte for byte, records in their order.
//!
//! Depends on the bulk writer and [`crate::frame`]. There are two kinds of source. One of *segments* (an
//! original bucket, a client's cache, a stream, a server's log) keeps its boundaries, and so every
//! record its position. One of *files* (an original disk log) has offsets that restart in each file, of
//! any length; its records are framed anew.
//!
//! The stream must be empty or hold a beginning of the source, and then only the rest is copied.
//! A segment whose digest is known goes in whole or not at all. Any other file goes in up to its first
//! fault, which then is the error.

mod files;
mod from_stream;
mod segments;

pub use files::{BucketFile, DirLayout, layout_of};
pub use from_stream::StreamSegments;

use crate::bulk::{BulkError, BulkWriter};
use crate::error::ReadError;
use crate::frame::FrameError;
use crate::position::Position;
use crate::stream::Stream;
use async_trait::async_trait;
use std::fmt;
use std::path::PathBuf;
use tokio::io::AsyncRead;

/// How far an import is, in bytes of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Read, compared or copied.
    pub done: u64,
    /// All that there is to be read; 0 where the source does not know.
    pub total: u64,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Records that were copied; those that were there before do not count.
    pub records: u64,
    /// Bytes of the source that were there before or are there now.
    pub bytes: u64,
    /// Where the stream ends now.
    pub end: Position,
}

/// Why an import did not come to the source's end. What is before the fault is in the stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder is no log.
    #[error("{path} holds neither maintner-*.mutlog files nor NNNN.<sha224>.mutlog segments")]
    NoLog {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds logs of both layouts.
    #[error("{path} holds both maintner-*.mutlog files and segments; separate them")]
    TwoLogs {
        /// The folder.
        path: PathBuf,
    },
    /// A segment is missing.
    #[error("{origin}: segment {missing} is missing")]
    Gap {
        /// The source.
        origin: String,
        /// The number.
        missing: u32,
    },
    /// A segment's bytes are not those of its name; nothing of it was copied.
    #[error("{origin} does not have the digest that it should have; nothing of it was copied")]
    Digest {
        /// The segment.
        origin: String,
    },
    /// The source's bytes are not records.
    #[error("{origin} is damaged")]
    Frame {
        /// The file or segment.
        origin: String,
        /// What is wrong, and at which offset.
        source: FrameError,
    },
    /// The segment is longer than any that is taken.
    #[error("{origin} is longer than {max} bytes")]
    TooLarge {
        /// The segment.
        origin: String,
        /// The limit.
        max: u64,
    },
    /// The stream holds another history.
    #[error(
        "stream {stream} is not a beginning of the source: it differs at {at} from {origin} at offset {offset:#x}"
    )]
    Differs {
        /// The stream that should be imported into.
        stream: String,
        /// Where in it.
        at: Position,
        /// The source's file or segment.
        origin: String,
        /// Where in that.
        offset: u64,
    },
    /// The stream holds all of the source and then more.
    #[error("stream {stream} goes on to {end} where the source ends, at {at}")]
    Longer {
        /// The stream that should be imported into.
        stream: String,
        /// Where the source ends in it.
        at: Position,
        /// Where the stream ends.
        end: Position,
    },
    /// A stream, the source or the other, cannot be read.
    #[error("cannot read records to import or compare")]
    Read {
        /// Why.
        source: Box<ReadError>,
    },
    /// The stream cannot be appended to.
    #[error("cannot append what is imported")]
    Append {
        /// Why.
        #[from]
        source: BulkError,
    },
    /// A source of another kind failed.
    #[error("cannot read {origin}")]
    Source {
        /// What of it.
        origin: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<ReadError> for ImportError {
    fn from(source: ReadError) -> Self {
        let source = Box::new(source);
        Self::Read { source }
    }
}

/// One segment of a source.
pub struct SourceSegment {
    /// From 0, without a gap.
    pub number: u32,
    /// Its path or address, for errors.
    pub origin: String,
    /// Of all its bytes, if that is known.
    pub sha224: Option<[u8; 28]>,
    /// Whether nothing can come behind it. The last segment of a source stays open if it is not said.
    pub complete: bool,
    /// Its bytes.
    pub body: Box<dyn AsyncRead + Send + Unpin>,
}

impl fmt::Debug for SourceSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceSegment")
            .field("number", &self.number)
            .field("origin", &self.origin)
            .field("complete", &self.complete)
            .finish_non_exhaustive()
    }
}

/// A log as a run of segments: what a client of a log server gives, for instance.
#[async_trait]
pub trait SegmentSource: Send {
    /// Bytes of all segments; 0 if that is not known.
    fn total(&self) -> u64;

    /// The next segment; `None` behind the last.
    async fn next(&mut self) -> Result<Option<SourceSegment>, ImportError>;
}

/// Imports an original log from a folder of either layout.
pub async fn import_dir(
    dir: impl Into<PathBuf>,
    stream: &Stream,
    progress: impl FnMut(Progress) + Send,
) -> Result<Imported, ImportError> {
    let dir = dir.into();
    match layout_of(&dir).await? {
        DirLayout::Disk(files) => files::import(files, stream, progress).await,
        DirLayout::Bucket(segments) => {
            let source = files::BucketSegments::new(segments);
            import_segments(source, stream, progress).await
        }
    }
}

/// Imports a log segment by segment, each under its own number.
pub async fn import_segments(
    source: impl SegmentSource,
    stream: &Stream,
    progress: impl FnMut(Progress) + Send,
) -> Result<Imported, ImportError> {
    segments::import(source, stream, progress).await
}

/// Makes durable what is before an error, and gives the error; or the import's outcome.
async fn finish(
    writer: BulkWriter,
    mut imported: Imported,
    result: Result<(), ImportError>,
) -> Result<Imported, ImportError> {
    let finished = writer.finish().await;
    result?;
    imported.end = finished?;
    Ok(imported)
}
