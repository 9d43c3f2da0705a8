//! Moves aside what keeps a log from being read or appended to. Nothing is ever deleted.
//!
//! Depends on [`crate::verify()`] and the store. What is moved goes to `quarantine/N/` under its own path: it
//! is copied, the copy is read back and compared, and only then the original is removed.
//! [`plan()`] says what would be done, [`apply`] does it. No writer may be active meanwhile; one that is
//! finds another log than it left, and stops. Every step can be done again after a crash, by a new plan.

mod plan;

pub use plan::plan;

use crate::error::OpenError;
use crate::frame::Frames;
use crate::layout::{QUARANTINE, batch_path};
use crate::segment::SegmentName;
use crate::store::{Created, Objects};
use crate::stream::Stream;
use bytes::{Bytes, BytesMut};
use std::fmt;
use std::ops::Range;

/// One thing to do, or one that cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The object is moved aside.
    Quarantine {
        /// Below the stream's prefix.
        object: String,
        /// Why.
        why: String,
    },
    /// The object is moved aside, and what belongs there is put in its place.
    Replace {
        /// Below the stream's prefix.
        object: String,
        /// What is put there.
        with: Replacement,
        /// Why.
        why: String,
    },
    /// What is wrong cannot be put right from what the stream has; the text says what to do.
    Cannot {
        /// Below the stream's prefix.
        object: String,
        /// Why, and what to do.
        why: String,
    },
}

/// What belongs in the place of a damaged object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// Its own first bytes: the records before the damage.
    Start {
        /// How many.
        bytes: u64,
    },
    /// The segment's batches, which still lie there, joined: their offsets.
    Batches {
        /// In order.
        offsets: Vec<u64>,
    },
    /// A part of the sealed segment.
    Part {
        /// The sealed object.
        of: String,
        /// Which bytes.
        range: Range<u64>,
    },
}

impl Step {
    /// What it is about, below the stream's prefix.
    pub fn object(&self) -> &str {
        match self {
            Self::Quarantine { object, .. }
            | Self::Replace { object, .. }
            | Self::Cannot { object, .. } => object,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quarantine { object, why } => write!(f, "move {object} aside: {why}"),
            Self::Replace { object, with, why } => {
                write!(f, "move {object} aside and put back ")?;
                match with {
                    Replacement::Start { bytes } => write!(f, "its first {bytes} bytes")?,
                    Replacement::Batches { .. } => write!(f, "what its batches give")?,
                    Replacement::Part { of, .. } => write!(f, "its part of {of}")?,
                }
                write!(f, ": {why}")
            }
            Self::Cannot { object, why } => write!(f, "cannot repair {object}: {why}"),
        }
    }
}

/// Why a repair stopped. What was moved aside by then is in the quarantine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// The stream cannot be listed or read.
    #[error("cannot find out what to repair")]
    Look {
        /// Why.
        #[from]
        source: OpenError,
    },
    /// The store did not do what it should.
    #[error("stream {stream}: cannot {what} {object}")]
    Store {
        /// The stream's name.
        stream: String,
        /// What was tried.
        what: &'static str,
        /// Below the stream's prefix.
        object: String,
        /// What the store said.
        source: object_store::Error,
    },
    /// An object was made or changed meanwhile: someone else is at work here.
    #[error("stream {stream}: {object} was changed by another; stop all writers and plan again")]
    Changed {
        /// The stream's name.
        stream: String,
        /// Below the stream's prefix.
        object: String,
    },
}

/// Does the steps, and gives the folder of what was moved aside, if there was anything.
///
/// The plan is made once more first: what a listing showed as lying about, while a writer was at work, may
/// be a part of the log by now. Open the stream again afterwards: its end may be before the one that
/// `stream` knows.
pub async fn apply(stream: &Stream, steps: &[Step]) -> Result<Option<String>, RepairError> {
    let needed = plan(stream).await?;
    if let Some(step) = steps.iter().find(|step| !needed.contains(step)) {
        return Err(RepairError::Changed {
            stream: stream.name().to_owned(),
            object: step.object().to_owned(),
        });
    }
    let objects = stream.objects();
    let listed = objects.list().await.map_err(|source| RepairError::Store {
        stream: stream.name().to_owned(),
        what: "list",
        object: "its objects".to_owned(),
        source,
    })?;
    // The first number that was never used: nothing in the quarantine is ever mixed.
    let used = listed.iter().filter_map(|object| {
        let rest = object.path.strip_prefix(QUARANTINE)?.strip_prefix('/')?;
        rest.split('/').next()?.parse::<u64>().ok()
    });
    let number = used.max().map_or(0, |last| last.saturating_add(1));
    let repair = Repair {
        stream: stream.name().to_owned(),
        objects: objects.clone(),
        folder: format!("{QUARANTINE}/{number}"),
    };
    let mut moved = false;
    for step in steps {
        match step {
            Step::Quarantine { object, .. } => repair.quarantine(object).await?,
            Step::Replace { object, with, .. } => repair.replace(object, with).await?,
            Step::Cannot { .. } => continue,
        }
        tracing::info!(stream = repair.stream, "{step}");
        moved = true;
    }
    Ok(moved.then_some(repair.folder))
}

struct Repair {
    stream: String,
    objects: Objects,
    folder: String,
}

impl Repair {
    async fn quarantine(&self, object: &str) -> Result<(), RepairError> {
        let bytes = self.get(object).await?;
        let aside = format!("{}/{object}", self.folder);
        self.create(&aside, bytes.clone()).await?;
        if self.get(&aside).await? != bytes {
            return Err(self.changed(&aside));
        }
        let deleted = self.objects.delete(vec![object.to_owned()]).await;
        deleted.map_err(|source| self.error("remove", object, source))
    }

    async fn replace(&self, object: &str, with: &Replacement) -> Result<(), RepairError> {
        let bytes = self.replacement(object, with).await?;
        self.quarantine(object).await?;
        self.create(object, bytes).await
    }

    /// The bytes that belong there, looked at again: the plan may be old.
    async fn replacement(&self, object: &str, with: &Replacement) -> Result<Bytes, RepairError> {
        match with {
            Replacement::Start { bytes } => {
                let all = self.get(object).await?;
                if *bytes > all.len() as u64 {
                    return Err(self.changed(object));
                }
                Ok(all.slice(..*bytes as usize))
            }
            Replacement::Part { of, range } => {
                let all = self.get(of).await?;
                if range.start > range.end || range.end > all.len() as u64 {
                    return Err(self.changed(of));
                }
                Ok(all.slice(range.start as usize..range.end as usize))
            }
            Replacement::Batches { offsets } => {
                let name = SegmentName::parse(object).ok_or_else(|| self.changed(object))?;
                let mut joined = BytesMut::new();
                for &offset in offsets {
                    joined.extend_from_slice(&self.get(&batch_path(name.number, offset)).await?);
                }
                if SegmentName::of(name.number, &joined) != name
                    || Frames::new(&joined, 0).any(|frame| frame.is_err())
                {
                    return Err(self.changed(object));
                }
                Ok(joined.freeze())
            }
        }
    }

    async fn get(&self, object: &str) -> Result<Bytes, RepairError> {
        let got = self.objects.get_any(object).await;
        got.map_err(|source| self.error("read", object, source))
    }

    async fn create(&self, object: &str, bytes: Bytes) -> Result<(), RepairError> {
        let created = self.objects.create(object, bytes).await;
        match created.map_err(|source| self.error("create", object, source))? {
            Created::Ours => Ok(()),
            Created::Theirs(_) => Err(self.changed(object)),
        }
    }

    fn changed(&self, object: &str) -> RepairError {
        RepairError::Changed {
            stream: self.stream.clone(),
            object: object.to_owned(),
        }
    }

    fn error(&self, what: &'static str, object: &str, source: object_store::Error) -> RepairError {
        RepairError::Store {
            stream: self.stream.clone(),
            what,
            object: object.to_owned(),
            source,
        }
    }
}
