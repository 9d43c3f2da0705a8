//! What can go wrong while a stream is followed or its past is looked up. Folding itself cannot
//! fail: see [`crate::projection`]. Depends on `log-core` for what reading can report.

use log_core::{Position, ReadError};

/// Why a stream is no longer followed. What was published before stays readable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The stream cannot be read on, and trying again will not help.
    #[error("stream {stream}: following stopped at {at}")]
    Read {
        /// The stream's name.
        stream: String,
        /// The end of what was applied.
        at: Position,
        /// What the stream said.
        source: ReadError,
    },
    /// Folding panicked: a bug of ours.
    #[error("stream {stream}: the fold broke down after {at}")]
    Fold {
        /// The stream's name.
        stream: String,
        /// The end of what was applied.
        at: Position,
        /// How it ended.
        source: tokio::task::JoinError,
    },
}

/// The stream is no longer followed, so what was waited for will not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("following stopped at {at}")]
pub struct Stopped {
    /// The end of what was applied.
    pub at: Position,
}

/// Why there is no state as of a position or time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AtError {
    /// The stream does not reach there.
    #[error("{asked} is past the end of the stream, which is {end}")]
    PastEnd {
        /// What was asked for.
        asked: Position,
        /// The end.
        end: Position,
    },
    /// It is inside a record, or beyond the end of its segment.
    #[error(
        "{asked} is not between two records; the next such place is {next}, and the stream ends at {end}"
    )]
    NotABoundary {
        /// What was asked for.
        asked: Position,
        /// The next boundary.
        next: Position,
        /// The end.
        end: Position,
    },
    /// The log could not be read again.
    #[error("cannot read the log after {at}")]
    Read {
        /// From where.
        at: Position,
        /// What the stream said.
        source: Box<ReadError>,
    },
    /// Folding panicked: a bug of ours.
    #[error("the fold broke down after {at}")]
    Fold {
        /// From where.
        at: Position,
        /// How it ended.
        source: tokio::task::JoinError,
    },
    /// Nothing is followed any more.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}
