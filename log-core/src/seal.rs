//! Making one object of a closed segment, and removing its batches a day later.
//!
//! Depends on the store and the layout. Every step can be repeated, by this process or any later
//! one: the sealed object's name is its content, and batches are removed only when that object has
//! been there for the whole grace.

use crate::error::ReadError;
use crate::frame::Frames;
use crate::layout::{Segment, batch_path};
use crate::reader::load::digest_of;
use crate::segment::OBJECT_BYTES_MAX;
use crate::store::Created;
use crate::stream::Stream;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, TryStreamExt as _};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch;

/// Batches of a segment that are read at the same time.
const READS_AT_ONCE: usize = 32;
/// Waits before the next look after one that failed.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(5 * 60);
/// Looks at least so often, for joined batches that have become old enough.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);

/// Seals what is closed whenever there is something new, until it is told to stop.
pub(crate) async fn run(
    stream: Stream,
    grace: Duration,
    mut looks: watch::Receiver<()>,
    mut stop: watch::Receiver<bool>,
) {
    let (mut retry, mut writing) = (RETRY_FIRST, true);
    loop {
        let sealed = seal_closed(&stream).await;
        let removed = remove_joined(&stream, grace).await;
        let mut next = LOOK_EVERY;
        for (what, outcome) in [("seal", sealed), ("remove joined batches", removed)] {
            if let Err(error) = outcome {
                tracing::warn!(
                    stream = stream.name(),
                    error = &error as &dyn std::error::Error,
                    "cannot {what} yet: {error}"
                );
                next = retry;
            }
        }
        retry = match next {
            LOOK_EVERY => RETRY_FIRST,
            _ => (retry * 2).min(RETRY_MAX),
        };
        tokio::select! {
            biased;
            changed = looks.changed(), if writing => writing = changed.is_ok(),
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(next) => {}
        }
    }
}

/// Seals every segment that is closed, oldest first; one that cannot be sealed does not hold up the
/// others. The first error is told.
pub(crate) async fn seal_closed(stream: &Stream) -> Result<(), ReadError> {
    let closed = stream.closed_tails();
    let mut outcome = Ok(());
    for (number, batches) in closed {
        let sealed = seal(stream, number, &batches).await;
        outcome = outcome.and(sealed);
    }
    outcome
}

async fn seal(stream: &Stream, number: u32, batches: &[(u64, u64)]) -> Result<(), ReadError> {
    let joined = join(stream, number, batches).await?;
    let what = format!("the batches of segment {number}");
    let name = digest_of(stream, &what, number, &joined).await?;
    let object = name.to_string();
    let store_error = |source| ReadError::Store {
        stream: stream.name().to_owned(),
        object: object.clone(),
        source,
    };
    let size = joined.len() as u64;
    // A name is its content, so that whatever is there under it has to be the same.
    match stream
        .objects()
        .create(&object, joined.clone())
        .await
        .map_err(store_error)?
    {
        Created::Ours => {}
        Created::Theirs(_) => {
            return Err(ReadError::Digest {
                stream: stream.name().to_owned(),
                object,
            });
        }
    }
    let stored = stream.objects().get(&object).await.map_err(store_error)?;
    if stored != joined {
        return Err(ReadError::Digest {
            stream: stream.name().to_owned(),
            object,
        });
    }
    stream.note_sealed(name, size);
    tracing::debug!(
        stream = stream.name(),
        log.segment = number,
        bytes = size,
        "sealed segment {number}"
    );
    Ok(())
}

/// The bytes of the batches, one behind the other; every record's frame is checked.
async fn join(stream: &Stream, number: u32, batches: &[(u64, u64)]) -> Result<Bytes, ReadError> {
    let last = batches.last();
    let size = last.map_or(0, |(offset, size)| offset.saturating_add(*size));
    if size > OBJECT_BYTES_MAX {
        return Err(ReadError::Oversized {
            stream: stream.name().to_owned(),
            object: format!("the tail of segment {number}"),
            size,
        });
    }
    let read = |(offset, want): (u64, u64)| async move {
        let object = batch_path(number, offset);
        let bytes = stream
            .objects()
            .get(&object)
            .await
            .map_err(|source| ReadError::Store {
                stream: stream.name().to_owned(),
                object: object.clone(),
                source,
            })?;
        let have = bytes.len() as u64;
        if have == want {
            return Ok(bytes);
        }
        Err(ReadError::Size {
            stream: stream.name().to_owned(),
            object,
            want,
            have,
        })
    };
    let mut joined = BytesMut::with_capacity(size as usize);
    let mut reads =
        futures::stream::iter(batches.iter().copied().map(read)).buffered(READS_AT_ONCE);
    while let Some(bytes) = reads.try_next().await? {
        joined.extend_from_slice(&bytes);
    }
    drop(reads);
    if let Some(source) = Frames::new(&joined, 0).find_map(Result::err) {
        return Err(ReadError::Frame {
            stream: stream.name().to_owned(),
            segment: number,
            source,
        });
    }
    Ok(joined.freeze())
}

/// Removes the batches of segments that have been sealed for the whole grace. The newest ones stay
/// until the next segment has a batch: they are what stops a late writer.
async fn remove_joined(stream: &Stream, grace: Duration) -> Result<(), ReadError> {
    // Ages are told by the store's own clock alone: ours may be days ahead of another writer's.
    stream
        .refresh()
        .await
        .map_err(|source| ReadError::Refresh {
            stream: stream.name().to_owned(),
            source: Box::new(source),
        })?;
    let due: BTreeSet<u32> = {
        let layout = stream.layout();
        let grace = grace.as_secs().cast_signed();
        let old = |number: u32| match layout.segments.get(number as usize) {
            Some(Segment::Sealed(sealed)) => layout.newest.saturating_sub(sealed.modified) > grace,
            _ => false,
        };
        let followed = |number: u32| {
            let later = layout.segments.get(number as usize + 1..);
            later.is_some_and(|later| later.iter().any(|segment| !segment.is_empty()))
        };
        layout
            .joined
            .iter()
            .map(|&(number, _)| number)
            .filter(|&number| old(number) && followed(number))
            .collect()
    };
    for number in due {
        let batches: Vec<String> = {
            let layout = stream.layout();
            layout
                .joined
                .iter()
                .filter(|joined| joined.0 == number)
                .map(|&(_, offset)| batch_path(number, offset))
                .collect()
        };
        // A listing says that the sealed object is there, not that it is sound; and if it is not, the
        // batches are all that is left of the segment.
        stream.check_sealed(number).await?;
        stream
            .objects()
            .delete(batches)
            .await
            .map_err(|source| ReadError::Store {
                stream: stream.name().to_owned(),
                object: format!("the batches of segment {number}"),
                source,
            })?;
        stream.note_removed(number);
    }
    Ok(())
}
