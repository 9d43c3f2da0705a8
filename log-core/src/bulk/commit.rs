//! Writing out a segment of a bulk writer: batch, close marker, sealed object, in this order.
//!
//! Depends on the stream and the store. Every step can be done again by any later writer.

use super::BulkError;
use crate::clock::Clock;
use crate::layout::{Segment, batch_path};
use crate::position::Position;
use crate::segment::SegmentName;
use crate::store::Created;
use crate::stream::Stream;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// When the end of the log was last known for certain, by [`Clock::uptime`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Look(pub(super) Duration);

/// One segment, and how much of it is written.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) stream: Stream,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) grace: Duration,
    pub(super) look: Look,
    pub(super) number: u32,
    /// Bytes that are in batches.
    pub(super) durable: u64,
    /// How many batches these are.
    pub(super) batches: usize,
    /// The whole segment.
    pub(super) bytes: Bytes,
}

impl Commit {
    /// Writes the rest of the segment, closes and seals it.
    pub(super) async fn whole(mut self) -> Result<Look, BulkError> {
        let rest = self.bytes.slice(self.durable as usize..);
        if !rest.is_empty() {
            self.create_batch(rest).await?;
            self.batches += 1;
        }
        self.close().await?;
        self.seal().await?;
        Ok(self.look)
    }

    /// Writes one more batch, and leaves the segment open.
    pub(super) async fn batch(mut self, piece: Bytes) -> Result<Look, BulkError> {
        self.create_batch(piece).await?;
        Ok(self.look)
    }

    async fn create_batch(&mut self, piece: Bytes) -> Result<(), BulkError> {
        let at = Position {
            segment: self.number,
            offset: self.durable,
        };
        self.create(at, piece.clone()).await?;
        self.durable += piece.len() as u64;
        self.stream.note_batch(at, piece);
        Ok(())
    }

    async fn close(&mut self) -> Result<(), BulkError> {
        let end = Position {
            segment: self.number,
            offset: self.durable,
        };
        self.create(end, Bytes::new()).await?;
        self.stream.note_closed(self.number);
        Ok(())
    }

    /// Creates the object at the end of the log.
    async fn create(&mut self, at: Position, bytes: Bytes) -> Result<(), BulkError> {
        let object = batch_path(at.segment, at.offset);
        let created = self.stream.objects().create(&object, bytes).await;
        match created.map_err(|source| self.store_error(&object, source))? {
            Created::Ours => self.check_not_late(at).await,
            Created::Theirs(_) => Err(self.conflict(at)),
        }
    }

    /// After a long sleep the object may have been made where one was joined and removed already
    /// (design.md, "No holes for the late").
    async fn check_not_late(&mut self, at: Position) -> Result<(), BulkError> {
        let now = self.clock.uptime();
        if now.saturating_sub(self.look.0) > self.grace / 2 {
            self.stream.refresh().await?;
            let sealed = matches!(
                self.stream.layout().segments.get(at.segment as usize),
                Some(Segment::Sealed(_))
            );
            if sealed {
                return Err(self.conflict(at));
            }
        }
        self.look = Look(now);
        Ok(())
    }

    /// Makes one object of the segment, which is closed, and compares it.
    async fn seal(&self) -> Result<(), BulkError> {
        let (number, bytes) = (self.number, self.bytes.clone());
        let name = tokio::task::spawn_blocking(move || SegmentName::of(number, &bytes))
            .await
            .map_err(|source| BulkError::Broken {
                stream: self.stream.name().to_owned(),
                source,
            })?;
        let object = name.to_string();
        let error = |source| self.store_error(&object, source);
        let objects = self.stream.objects();
        let mut created = None;
        if self.batches == 1 {
            let batch = batch_path(number, 0);
            let copied = objects.copy(&batch, &object, &self.bytes).await;
            created = copied.map_err(error)?;
        }
        let created = match created {
            Some(created) => created,
            None => objects
                .create(&object, self.bytes.clone())
                .await
                .map_err(error)?,
        };
        // A name is its content, so that whatever is there under it has to be the same.
        if matches!(created, Created::Theirs(_))
            || objects.get(&object).await.map_err(error)? != self.bytes
        {
            return Err(BulkError::Unlike {
                stream: self.stream.name().to_owned(),
                object,
            });
        }
        self.stream.note_sealed(name, self.bytes.len() as u64);
        Ok(())
    }

    fn store_error(&self, object: &str, source: object_store::Error) -> BulkError {
        BulkError::Store {
            stream: self.stream.name().to_owned(),
            object: object.to_owned(),
            source,
        }
    }

    fn conflict(&self, at: Position) -> BulkError {
        BulkError::Conflict {
            stream: self.stream.name().to_owned(),
            at,
        }
    }
}
