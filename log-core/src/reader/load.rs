//! Reading one object of the log, checked, and the next ones ahead of the reader.
//!
//! Depends on the stream, which knows where the objects are. What is read ahead is bounded in bytes and
//! in number.

use crate::error::ReadError;
use crate::layout::{Sealed, batch_path};
use crate::position::Position;
use crate::segment::{OBJECT_BYTES_MAX, SegmentName};
use crate::stream::{Place, Stream};
use bytes::Bytes;
use std::collections::VecDeque;
use tokio::task::JoinHandle;

/// Hashing as much takes less time than handing it to another thread and back.
const HASH_INLINE_BYTES_MAX: usize = 64 << 10;

/// An object of the log: where it begins, its bytes, and its name if it is a sealed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) start: Position,
    pub(crate) size: u64,
    pub(crate) sealed: Option<Sealed>,
}

impl Object {
    fn place(&self) -> Place {
        match self.sealed {
            Some(sealed) => Place::Sealed(sealed),
            None => Place::Batch {
                offset: self.start.offset,
                size: self.size,
            },
        }
    }

    fn path(&self) -> String {
        match self.sealed {
            Some(sealed) => sealed.name.to_string(),
            None => batch_path(self.start.segment, self.start.offset),
        }
    }
}

/// The object's bytes, a sealed one's checked against its name; `None` if the log has it elsewhere now.
pub(crate) async fn load(stream: &Stream, object: Object) -> Result<Option<Bytes>, ReadError> {
    let name = || stream.name().to_owned();
    if let Some(bytes) = stream
        .recent(object.start)
        .filter(|_| object.sealed.is_none())
    {
        return Ok(Some(bytes));
    }
    let path = object.path();
    if object.size > OBJECT_BYTES_MAX {
        return Err(ReadError::Oversized {
            stream: name(),
            object: path,
            size: object.size,
        });
    }
    let bytes = match stream.objects().get(&path).await {
        Err(source) => {
            // Joined meanwhile, or replaced by an original writer that still grows it.
            let gone = matches!(source, object_store::Error::NotFound { .. });
            if gone && stream.moved(object.start, object.place()).await? {
                return Ok(None);
            }
            return Err(ReadError::Store {
                stream: name(),
                object: path,
                source,
            });
        }
        Ok(bytes) => bytes,
    };
    if bytes.len() as u64 != object.size {
        return Err(ReadError::Size {
            stream: name(),
            object: path,
            want: object.size,
            have: bytes.len() as u64,
        });
    }
    if let Some(sealed) = object.sealed
        && digest_of(stream, &path, sealed.name.number, &bytes).await? != sealed.name
    {
        return Err(ReadError::Digest {
            stream: name(),
            object: path,
        });
    }
    Ok(Some(bytes))
}

/// The name that the bytes have; long ones are hashed away from the runtime.
pub(crate) async fn digest_of(
    stream: &Stream,
    object: &str,
    number: u32,
    bytes: &Bytes,
) -> Result<SegmentName, ReadError> {
    if bytes.len() <= HASH_INLINE_BYTES_MAX {
        return Ok(SegmentName::of(number, bytes));
    }
    let bytes = bytes.clone();
    let hashing = tokio::task::spawn_blocking(move || SegmentName::of(number, &bytes));
    hashing.await.map_err(|source| ReadError::Interrupted {
        stream: stream.name().to_owned(),
        object: object.to_owned(),
        source,
    })
}

type Loaded = Result<Option<Bytes>, ReadError>;

/// Objects that are being read ahead, in order.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    loads: VecDeque<(Object, JoinHandle<Loaded>)>,
    bytes: u64,
}

impl Ahead {
    /// Reads ahead what comes after `from`, as far as the bounds allow.
    pub(super) fn fill(
        &mut self,
        stream: &Stream,
        from: Object,
        bytes_max: u64,
        objects_max: usize,
    ) {
        let mut last = self.loads.back().map_or(from, |(object, _)| *object);
        while self.loads.len() < objects_max {
            let after = Position {
                offset: last.start.offset + last.size,
                ..last.start
            };
            let Some(next) = stream.object_at(after) else {
                return;
            };
            let remembered = next.sealed.is_none() && stream.recent(next.start).is_some();
            if remembered || self.bytes + next.size > bytes_max {
                return;
            }
            self.bytes += next.size;
            let stream = stream.clone();
            let load = tokio::spawn(async move { load(&stream, next).await });
            self.loads.push_back((next, load));
            last = next;
        }
    }

    /// The object that was read ahead, if it was; what does not lead to it is let go.
    pub(super) async fn take(&mut self, stream: &Stream, object: Object) -> Option<Loaded> {
        while let Some((ahead, load)) = self.loads.front_mut() {
            if *ahead != object {
                self.drop_front();
                continue;
            }
            // Awaited in its place, so that a reader that is cancelled here finds it again.
            let outcome = load.await;
            self.drop_front();
            return Some(outcome.unwrap_or_else(|source| {
                Err(ReadError::Interrupted {
                    stream: stream.name().to_owned(),
                    object: object.path(),
                    source,
                })
            }));
        }
        None
    }

    fn drop_front(&mut self) {
        if let Some((object, load)) = self.loads.pop_front() {
            load.abort();
            self.bytes -= object.size;
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        for (_, load) in &self.loads {
            load.abort();
        }
    }
}
