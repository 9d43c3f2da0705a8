//! What can go wrong, one enum an operation. Every variant says where. Depends on [`crate::frame`].

use crate::frame::FrameError;
use crate::layout::Gap;
use crate::meta::NotStampable;
use crate::position::Position;

/// Why a stream could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The store did not answer as it should.
    #[error("stream {stream}: cannot {what}")]
    Store {
        /// The stream's name.
        stream: String,
        /// What was tried.
        what: String,
        /// What the store said.
        source: object_store::Error,
    },
    /// A segment is missing.
    #[error("stream {stream}: objects are missing; restore them from a copy of the log")]
    Gap {
        /// The stream's name.
        stream: String,
        /// Which.
        source: Gap,
    },
    /// Batches that nothing leads to lie ahead of the end, and the log would run into them.
    #[error(
        "stream {stream}: {object} lies ahead of the log's end and is no part of it; move it aside before writing"
    )]
    StrayAhead {
        /// The stream's name.
        stream: String,
        /// Below the stream's prefix.
        object: String,
    },
    /// The existing records could not be read.
    #[error("stream {stream}: cannot read its end")]
    Read {
        /// The stream's name.
        stream: String,
        /// Why.
        source: Box<ReadError>,
    },
    /// Others kept writing; there was no moment to begin.
    #[error("stream {stream}: {tries} tries to begin an epoch were all overtaken by other writers")]
    Contended {
        /// The stream's name.
        stream: String,
        /// How often it was tried.
        tries: u32,
    },
}

/// Why records could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The store did not give the object.
    #[error("stream {stream}: cannot read {object}")]
    Store {
        /// The stream's name.
        stream: String,
        /// Below the stream's prefix.
        object: String,
        /// What the store said.
        source: object_store::Error,
    },
    /// The stream could not be listed.
    #[error("stream {stream}: cannot look for news")]
    Refresh {
        /// The stream's name.
        stream: String,
        /// Why.
        source: Box<OpenError>,
    },
    /// The bytes are not records.
    #[error("stream {stream}: segment {segment} is damaged")]
    Frame {
        /// The stream's name.
        stream: String,
        /// The segment.
        segment: u32,
        /// What is wrong, and at which offset.
        source: FrameError,
    },
    /// A sealed object's bytes do not match its name.
    #[error("stream {stream}: the bytes of {object} are not those of its name")]
    Digest {
        /// The stream's name.
        stream: String,
        /// Below the stream's prefix.
        object: String,
    },
    /// An object is not as long as the listing said.
    #[error("stream {stream}: {object} has {have} bytes where {want} were listed")]
    Size {
        /// The stream's name.
        stream: String,
        /// Below the stream's prefix.
        object: String,
        /// Bytes that were listed.
        want: u64,
        /// Bytes that came.
        have: u64,
    },
    /// There is nothing at this position.
    #[error("stream {stream}: {position} is beyond the end, which is {end}")]
    BeyondEnd {
        /// The stream's name.
        stream: String,
        /// What was asked for.
        position: Position,
        /// Where the stream ends.
        end: Position,
    },
    /// A segment is missing, so that nothing behind it can be told.
    #[error("stream {stream}: objects are missing; restore them from a copy of the log")]
    Gap {
        /// The stream's name.
        stream: String,
        /// Which.
        source: Gap,
    },
    /// An object is longer than any segment can be, and was not read.
    #[error("stream {stream}: {object} has {size} bytes, more than any segment")]
    Oversized {
        /// The stream's name.
        stream: String,
        /// Below the stream's prefix.
        object: String,
        /// Bytes that were listed.
        size: u64,
    },
    /// The runtime ended while the object was read.
    #[error("stream {stream}: reading {object} was cut off")]
    Interrupted {
        /// The stream's name.
        stream: String,
        /// Below the stream's prefix.
        object: String,
        /// Why.
        source: tokio::task::JoinError,
    },
    /// The position is inside a record.
    #[error("stream {stream}: no record starts at {position}")]
    NotABoundary {
        /// The stream's name.
        stream: String,
        /// What was asked for.
        position: Position,
    },
}

/// Why an append was not acknowledged.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Another writer has taken over: this one must step down. The records are not in the log.
    #[error("stream {stream}: another writer began epoch {by} at {at}; this one had epoch {epoch}")]
    Fenced {
        /// The stream's name.
        stream: String,
        /// The epoch of this writer.
        epoch: u64,
        /// The epoch of the other.
        by: u64,
        /// Where the other was first.
        at: Position,
    },
    /// Something that no writer of ours wrote is where the next batch belongs. The records are not in
    /// the log.
    #[error(
        "stream {stream}: what is at the end, {at}, has no epoch: an import's records, or a foreign object; open the stream again, which goes on behind records and says what else it is"
    )]
    Foreign {
        /// The stream's name.
        stream: String,
        /// Where.
        at: Position,
    },
    /// The log no longer ends where the caller expects it to. The records are not in the log.
    #[error("stream {stream}: the log ends at {tail}, no longer at {expected}")]
    Moved {
        /// The stream's name.
        stream: String,
        /// What the caller expected.
        expected: Position,
        /// Where the log ends.
        tail: Position,
    },
    /// The records can never fit in a segment.
    #[error("stream {stream}: {bytes} bytes are more than a batch can hold ({max})")]
    TooLarge {
        /// The stream's name.
        stream: String,
        /// Bytes with their frames.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// A payload cannot be appended by anyone.
    #[error("stream {stream}: a record cannot be appended")]
    Payload {
        /// The stream's name.
        stream: String,
        /// Why.
        source: NotStampable,
    },
    /// The writer was closed before it tried. The records are not in the log.
    #[error("stream {stream}: the writer is closed")]
    Closed {
        /// The stream's name.
        stream: String,
    },
    /// The writer ended while the store had not answered: the records may be in the log or not.
    #[error(
        "stream {stream}: the writer ended before the records were known to be durable; they may be in the log or not"
    )]
    Unknown {
        /// The stream's name.
        stream: String,
    },
}

/// What the caller of a failed append does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// Append something else: this can never be in a log.
    Drop,
    /// Look at the log as it is now, decide again, and append what is still wanted.
    DecideAgain,
    /// Step down: another writer has the stream, or somebody has to look after it. The records are
    /// not in the log.
    StepDown,
    /// Open a writer and append again with the same idempotency key, or look first: nobody knows
    /// whether the records are in the log.
    TryAgainWithKey,
}

impl AppendError {
    /// What to do about it.
    pub fn advice(&self) -> Advice {
        match self {
            Self::TooLarge { .. } | Self::Payload { .. } => Advice::Drop,
            Self::Moved { .. } => Advice::DecideAgain,
            Self::Fenced { .. } | Self::Foreign { .. } | Self::Closed { .. } => Advice::StepDown,
            Self::Unknown { .. } => Advice::TryAgainWithKey,
        }
    }
}

/// A writer's task panicked, which is a fault of this library.
#[derive(Debug, thiserror::Error)]
#[error(
    "stream {stream}: the writer failed inside; what it had not acknowledged may be in the log or not"
)]
pub struct CloseError {
    pub(crate) stream: String,
    pub(crate) source: tokio::task::JoinError,
}

/// An error and its causes in one line, for people. A cause that the text before it has told already,
/// as object stores' errors do, is not told again.
pub fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once() {
        let io = std::io::Error::other("no space left on device");
        let source = object_store::Error::Generic {
            store: "LocalFileSystem",
            source: Box::new(io),
        };
        let error = ReadError::Store {
            stream: "activity".into(),
            object: "x".into(),
            source,
        };
        assert_eq!(
            explain(&error),
            "stream activity: cannot read x: Generic LocalFileSystem error: no space left on device"
        );
    }
}
