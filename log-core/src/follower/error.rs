//! What can go wrong while following, each with its place. Depends on [`crate::frame`] and [`crate::index`].

use crate::frame::FrameError;
use crate::index::IndexError;
use crate::position::Position;
use std::path::PathBuf;
use std::time::Duration;

/// Why a log could not be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// The local copy could not be read or written.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not an address of a log.
    #[error("{url:?} is not an http or https address")]
    Url {
        /// The address.
        url: String,
    },
    /// The HTTP client could not be made.
    #[error("cannot make an HTTP client")]
    Client {
        /// Why.
        source: reqwest::Error,
    },
    /// There was no answer, or it broke off.
    #[error("cannot get {url}")]
    Http {
        /// What was asked for.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// Nothing came for too long.
    #[error("{url} sent nothing for {} s", after.as_secs_f32())]
    Stalled {
        /// What was asked for.
        url: String,
        /// How long was waited.
        after: Duration,
    },
    /// The server refused.
    #[error("{url} answers {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The status of the answer.
        status: u16,
    },
    /// The index is longer than is read.
    #[error("the index at {url} has more than {max} bytes")]
    IndexTooLong {
        /// Where it is.
        url: String,
        /// The limit, in bytes.
        max: usize,
    },
    /// The answer is not an index.
    #[error("{url} gives no index of a log")]
    Index {
        /// What was asked for.
        url: String,
        /// Why it is none.
        source: IndexError,
    },
    /// The index lists a segment that is larger than any that is fetched.
    #[error("{url} lists segment {segment} with {size} bytes, more than {max}")]
    SegmentTooLong {
        /// Where the index is.
        url: String,
        /// The segment.
        segment: u32,
        /// Bytes that it is said to have.
        size: u64,
        /// The limit.
        max: u64,
    },
    /// A segment's answer is not as long as the index and the request say.
    #[error("{url} gave {have} bytes where {want} were due")]
    Length {
        /// What was asked for.
        url: String,
        /// Bytes that were due.
        want: u64,
        /// Bytes that came; more were not read.
        have: u64,
    },
    /// A segment's bytes were fetched twice and are not those of its hash.
    #[error("segment {segment} from {url} is corrupt: its SHA-224 is {have}, not {want}")]
    Corrupt {
        /// The segment.
        segment: u32,
        /// Where it was fetched.
        url: String,
        /// The digest in the index.
        want: String,
        /// The digest of what came.
        have: String,
    },
    /// The server's history does not go on from ours (spec 1.5.4). What was derived from the local copy must
    /// be derived anew, after [`super::Follower::reset`].
    #[error(
        "{url} tells another history: it shares {common} of our {ours} bytes; start again from an empty copy"
    )]
    Split {
        /// The log.
        url: String,
        /// Bytes that both histories share.
        common: u64,
        /// Bytes that we had.
        ours: u64,
    },
    /// Another process works on the local copy and does not end.
    #[error("another process has held {} for {} s", path.display(), after.as_secs_f32())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long was waited.
        after: Duration,
    },
    /// The bytes of a segment are not records, though they are what the server has.
    #[error("segment {segment} is damaged in {copy}")]
    Frame {
        /// The segment.
        segment: u32,
        /// A file, or an address.
        copy: String,
        /// What is wrong, and at which offset.
        source: FrameError,
    },
    /// There is nothing at this position.
    #[error("{position} is beyond the end of the local copy, {tail}")]
    BeyondEnd {
        /// What was asked for.
        position: Position,
        /// Where the copy ends.
        tail: Position,
    },
    /// The runtime is shutting down.
    #[error("the runtime stopped before {what} was done")]
    Stopped {
        /// What was under way.
        what: &'static str,
        /// How it ended.
        source: tokio::task::JoinError,
    },
}

impl FollowError {
    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Http { source, .. } => !source.is_builder() && !source.is_redirect(),
            Self::Stalled { .. } | Self::Length { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            _ => false,
        }
    }

    /// Whether the server asks to be left alone for a while.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Status { status, .. } if matches!(status, 429 | 503))
    }

    /// Whether the server could not be reached at all.
    pub fn is_offline(&self) -> bool {
        matches!(self, Self::Http { source, .. } if source.is_connect())
    }
}
