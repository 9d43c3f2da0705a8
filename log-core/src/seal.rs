//! Making one object of a closed segment, and removing its batches a day later.
//!
//! Depends on the store and the layout. Every step can be repeated, by this process or any later
//! one: the sealed object's name is its content, and batches are removed only when that object has
//! been there for the whole grace.

use crate::error::ReadError;
use crate::frame::Frames;
use crate::layout::{Segment, batch_path};
use crate::segment::SegmentName;
use crate::store::Created;
use crate::stream::Stream;
use bytes::{Bytes, BytesMut};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Seals what is closed whenever it is told to look, until it is told to stop.
pub(crate) async fn run(stream: Stream, grace: Duration, look: &Notify, stop: Notified<'_>) {
    tokio::pin!(stop);
    loop {
        if let Err(error) = seal_closed(&stream).await {
            tracing::warn!(
                stream = stream.name(),
                error = &error as &dyn std::error::Error,
                "cannot seal yet: {error}"
            );
        }
        if let Err(error) = remove_joined(&stream, grace).await {
            tracing::warn!(
                stream = stream.name(),
                error = &error as &dyn std::error::Error,
                "cannot remove joined batches yet: {error}"
            );
        }
        tokio::select! {
            biased;
            () = look.notified() => {}
            () = &mut stop => return,
        }
    }
}

/// Seals every segment that is closed, oldest first.
pub(crate) async fn seal_closed(stream: &Stream) -> Result<(), ReadError> {
    for (number, segment) in (0..).zip(stream.segments()) {
        if let Segment::Tail(tail) = segment
            && tail.closed
        {
            seal(stream, number, &tail.batches).await?;
        }
    }
    Ok(())
}

async fn seal(stream: &Stream, number: u32, batches: &[(u64, u64)]) -> Result<(), ReadError> {
    let joined = join(stream, number, batches).await?;
    let name = SegmentName::of(number, &joined);
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
        .create(&object, joined)
        .await
        .map_err(store_error)?
    {
        Created::Ours => {}
        Created::Theirs => {
            return Err(ReadError::Digest {
                stream: stream.name().to_owned(),
                object,
            });
        }
    }
    let stored = stream.objects().get(&object).await.map_err(store_error)?;
    if SegmentName::of(number, &stored) != name {
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
    let size: u64 = batches.iter().map(|(_, size)| size).sum();
    let mut joined = BytesMut::with_capacity(size as usize);
    for &(offset, want) in batches {
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
        if have != want {
            return Err(ReadError::Size {
                stream: stream.name().to_owned(),
                object,
                want,
                have,
            });
        }
        joined.extend_from_slice(&bytes);
    }
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
            layout
                .segments
                .get(number as usize + 1)
                .is_some_and(|next| !next.is_empty())
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
