//! What can go wrong where a log's bytes come from, each with its place. Depends on `log-core` for what it can report.

use std::io;
use std::path::{Path, PathBuf};

#[cfg(feature = "http")]
use log_core::follower::FollowError;
use log_core::frame::FrameError;
use log_core::layout::Gap;
use log_core::{CheckpointError, OpenError, Position, ReadError, UrlError};
use tokio::task::JoinError;

/// Why a log can't be opened, read or followed. What was read before stays readable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The place is written wrongly, or is not there.
    #[error("cannot find a log")]
    Place {
        /// Which, and why.
        source: Box<UrlError>,
    },
    /// A path that is not there.
    #[error("{place} is no URL and so is a path, and cannot be found")]
    Path {
        /// What was given.
        place: String,
        /// What the system said.
        source: io::Error,
    },
    /// This program was built without the feature that it takes.
    #[error("{place}: this program was built without the feature `{feature}`")]
    Feature {
        /// What was given.
        place: String,
        /// What it takes.
        feature: &'static str,
    },
    /// A copy of the log has to be kept, and there is no folder for it.
    #[error(
        "{place}: a copy of it is kept, and there is no folder for that; set XDG_CACHE_HOME or HOME"
    )]
    NoCache {
        /// The log.
        place: String,
    },
    /// A folder holds the files of two logs.
    #[error("{} holds a disk log (maintner-*.mutlog) and segments (NNNN.*.mutlog); which one is meant?", path.display())]
    TwoLogs {
        /// The folder.
        path: PathBuf,
    },
    /// The stream can't be listed.
    #[error("cannot open the log at {place}")]
    Open {
        /// The log.
        place: String,
        /// What the stream said.
        source: Box<OpenError>,
    },
    /// The stream can't be read.
    #[error("cannot read the log at {place}")]
    Read {
        /// The log.
        place: String,
        /// What the stream said.
        source: Box<ReadError>,
    },
    /// The log's server can't be followed.
    #[cfg(feature = "http")]
    #[error("cannot follow the log at {place}")]
    Follow {
        /// The log.
        place: String,
        /// What the follower said.
        source: Box<FollowError>,
    },
    /// A file or folder can't be read or written.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A segment is missing, so that nothing behind it can be told.
    #[error("{place}: files or objects are missing; restore them from a copy of the log")]
    Gap {
        /// The log.
        place: String,
        /// Which.
        source: Gap,
    },
    /// The bytes are not records.
    #[error("error in {file}: segment {segment} is damaged")]
    Frame {
        /// The segment.
        segment: u32,
        /// The file, or else the log.
        file: String,
        /// What is wrong, and at which offset.
        source: FrameError,
    },
    /// A sealed segment's bytes are not those of its name.
    #[error("the bytes of {file} are not those of its name: segment {segment} is damaged")]
    Digest {
        /// The segment.
        segment: u32,
        /// The file.
        file: String,
    },
    /// A segment is longer than cells can point into.
    #[error("{file} has {size} bytes, more than the {max} that a segment can have")]
    TooLong {
        /// The file, or the segment of a log.
        file: String,
        /// Bytes.
        size: u64,
        /// The limit.
        max: u64,
    },
    /// What never changes has changed: the history is another by now.
    #[error(
        "{place} tells another history: {what} of segment {segment} is not what it was; start again from nothing"
    )]
    Changed {
        /// The log.
        place: String,
        /// The segment.
        segment: u32,
        /// What of it.
        what: &'static str,
    },
    /// The log is shorter than it was.
    #[error(
        "{place} has become shorter: it ends at {end} and ended at {tail}; start again from nothing"
    )]
    Shrunk {
        /// The log.
        place: String,
        /// Where it ended.
        tail: Position,
        /// Where it ends.
        end: Position,
    },
    /// There is nothing at this position.
    #[error("{place}: {position} is beyond the end, which is {end}")]
    BeyondEnd {
        /// The log.
        place: String,
        /// What was asked for.
        position: Position,
        /// Where the log, or the segment, ends.
        end: Position,
    },
    /// A checkpoint in the stream's store can't be read or written.
    #[error("cannot use the checkpoints of {place}")]
    Checkpoint {
        /// The log.
        place: String,
        /// Why.
        source: CheckpointError,
    },
    /// The log has no store that checkpoints can be kept in.
    #[error("{place} is no stream, and keeps no checkpoints")]
    NoCheckpoints {
        /// The log.
        place: String,
    },
    /// The runtime is shutting down, or there is a bug of ours.
    #[error("{what} was cut off")]
    Stopped {
        /// What was under way.
        what: &'static str,
        /// How it ended.
        source: JoinError,
    },
}

impl SourceError {
    /// Whether the same call may work later, with nobody repairing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Open { source, .. } => matches!(**source, OpenError::Store { .. }),
            Self::Read { source, .. } => match &**source {
                ReadError::Store { .. } | ReadError::Size { .. } => true,
                ReadError::Refresh { source, .. } => matches!(**source, OpenError::Store { .. }),
                _ => false,
            },
            #[cfg(feature = "http")]
            Self::Follow { source, .. } => {
                source.is_transient()
                    || source.is_offline()
                    || source.is_busy()
                    || matches!(
                        **source,
                        FollowError::Io { .. } | FollowError::Locked { .. }
                    )
            }
            Self::Io { .. } => true,
            Self::Checkpoint { source, .. } => matches!(source, CheckpointError::Store { .. }),
            _ => false,
        }
    }

    /// Whether the log is no longer one that goes on from what was read: everything must be read anew, from a
    /// source that is opened anew. A source that has found this gives the same error from then on.
    pub fn is_split(&self) -> bool {
        match self {
            Self::Changed { .. } | Self::Shrunk { .. } => true,
            #[cfg(feature = "http")]
            Self::Follow { source, .. } => matches!(**source, FollowError::Split { .. }),
            _ => false,
        }
    }

    pub(super) fn read(place: &str, source: ReadError) -> Self {
        let place = place.to_owned();
        match source {
            ReadError::Gap { source, .. } => Self::Gap { place, source },
            source => {
                let source = Box::new(source);
                Self::Read { place, source }
            }
        }
    }

    pub(super) fn open(place: &str, source: OpenError) -> Self {
        let (place, source) = (place.to_owned(), Box::new(source));
        Self::Open { place, source }
    }

    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

impl From<UrlError> for SourceError {
    fn from(source: UrlError) -> Self {
        let source = Box::new(source);
        Self::Place { source }
    }
}

/// Runs what blocks where it may.
pub(super) async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|source| SourceError::Stopped { what, source })?
}
