//! What can go wrong while a log is opened, followed, or its past is looked up. Folding itself cannot
//! fail: see [`crate::projection`]. Depends on what the source and checkpoints can report.

use std::sync::Arc;

use log_core::Position;
use tokio::task::JoinError;

use crate::checkpoint::CheckpointError;
use crate::live::At;
use crate::projection::BrokenFrame;
use crate::source::SourceError;

/// Why a log can't be opened, or is no longer followed. What was published before stays readable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The log cannot be opened or read, and trying again will not help.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The same while it was followed.
    #[error("{log}: following stopped at {at}")]
    Read {
        /// Which log.
        log: String,
        /// The end of what was applied.
        at: Position,
        /// What the source said.
        source: SourceError,
    },
    /// Folding panicked: a bug of ours.
    #[error("the fold broke down")]
    Fold {
        /// How it ended.
        source: JoinError,
    },
    /// Following panicked: a bug of ours.
    #[error("{log}: following broke down: {message}")]
    Panicked {
        /// Which log.
        log: String,
        /// What the panic said.
        message: String,
    },
    /// A checkpoint can't be written or used.
    #[error("checkpoint")]
    Checkpoint(#[from] CheckpointError),
    /// There is no folder for checkpoints.
    #[error("{log}: there is no folder for checkpoints of it; set XDG_CACHE_HOME or HOME")]
    NoCache {
        /// Which log.
        log: String,
    },
    /// There is no such past state.
    #[error(transparent)]
    At(#[from] AtError),
}

impl Error {
    pub(crate) fn joined(source: JoinError) -> Self {
        Self::Fold { source }
    }
}

/// The log is no longer followed, so what was waited for will not come.
#[derive(Clone, Debug, thiserror::Error)]
#[error("following stopped at {at}")]
pub struct Stopped {
    /// The end of what was applied.
    pub at: Position,
    /// Why; `None` if it was asked to stop.
    #[source]
    pub source: Option<Arc<Error>>,
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
    /// It is before what was folded already.
    #[error("{asked} is before {at}, from where it should go on")]
    Before {
        /// What was asked for.
        asked: At,
        /// The end of what was folded.
        at: Position,
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
    /// The log is broken before there.
    #[error("the log is broken")]
    Broken(#[from] BrokenFrame),
    /// Folding panicked: a bug of ours.
    #[error("the fold broke down")]
    Fold {
        /// How it ended.
        source: JoinError,
    },
    /// Nothing is followed any more.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}
