//! How a writer writes, and what it is given to write. Depends on the clock seam.

use crate::clock::{Clock, SystemClock};
use crate::position::Position;
use crate::segment::{SEGMENT_BATCHES_MAX, SEGMENT_BYTES_MAX};
use bytes::Bytes;
use prost::Message;
use proto::forgelog::Cause;
use std::sync::Arc;
use std::time::Duration;

/// A day.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// How a writer writes. Take [`WriterOptions::new`] and change what should differ.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// What the writer is, such as `coordinator`. Every open makes a writer of its own name out of it,
    /// `coordinator-7f3a…`, which goes into every record's meta: it is what makes two claims differ.
    pub role: String,
    /// How long to wait for company before a batch is put; what comes while another batch is under
    /// way is company anyway.
    pub linger: Duration,
    /// A batch is put once it has so many bytes.
    pub batch_bytes: usize,
    /// Appends that wait in the queue; more callers are held back.
    pub queue: usize,
    /// Bytes of payload that wait in the queue or are under way; more callers are held back. One
    /// append may be longer, and then waits for all others.
    pub queue_bytes: usize,
    /// A segment ends before it is longer than this, or than 16 MiB.
    pub segment_bytes: u64,
    /// A segment ends at so many batches, 4,096 at most.
    pub segment_batches: usize,
    /// For so long joined batches stay, so that a writer that slept finds its place taken
    /// (design.md, "No holes for the late"). All writers of a stream must have the same.
    pub grace: Duration,
    /// For so long a store that does not answer is waited for when the writer closes.
    pub patience: Duration,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What makes the writer's name unlike that of any other; random if it is unset. Simulations set
    /// it, to another value for every writer.
    pub nonce: Option<u64>,
}

impl WriterOptions {
    /// The defaults for a writer of this role: no linger, batches of 1 MiB, a queue of 1,024 appends
    /// and 32 MiB, a patience of 30 s, and the format's own limits.
    pub fn new(role: &str) -> Self {
        Self {
            role: role.to_owned(),
            linger: Duration::ZERO,
            batch_bytes: 1 << 20,
            queue: 1024,
            queue_bytes: 32 << 20,
            segment_bytes: SEGMENT_BYTES_MAX,
            segment_batches: SEGMENT_BATCHES_MAX,
            grace: GRACE,
            patience: Duration::from_secs(30),
            clock: Arc::new(SystemClock),
            nonce: None,
        }
    }
}

/// A record that is to be appended.
#[derive(Clone, Debug, Default)]
pub struct NewRecord {
    /// The serialized mutation, without its meta: the writer adds that.
    pub payload: Bytes,
    /// The same in every try to append the same; empty if there is none.
    pub idempotency_key: String,
    /// The record that this one answers.
    pub cause: Option<Cause>,
}

impl NewRecord {
    /// A record of this mutation, whose `meta` must be unset.
    pub fn new(mutation: &impl Message) -> Self {
        Self::from_payload(mutation.encode_to_vec())
    }

    /// A record of a serialized mutation without meta.
    pub fn from_payload(payload: impl Into<Bytes>) -> Self {
        Self {
            payload: payload.into(),
            ..Self::default()
        }
    }

    /// With the key that every try to append it has.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = key.into();
        self
    }

    /// With the record that it answers.
    #[must_use]
    pub fn with_cause(mut self, cause: Cause) -> Self {
        self.cause = Some(cause);
        self
    }

    /// No fewer bytes than its frame will have, for a writer of this name.
    pub(super) fn framed_bytes_max(&self, writer: &str) -> usize {
        // The header, and those parts of the meta that have a fixed size.
        const FIXED: usize = 256;
        let cause = self.cause.as_ref().map_or(0, |cause| cause.stream.len());
        self.payload.len() + self.idempotency_key.len() + cause + writer.len() + FIXED
    }
}

/// Where an acknowledged record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Where its frame starts.
    pub at: Position,
    /// Where its frame ends.
    pub next: Position,
}

/// How the writer fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WriterHealth {
    /// Well.
    #[default]
    Ok,
    /// The store refuses a batch, which is tried again, or does not answer; the text says why.
    Retrying(String),
    /// It appends no more; the text says why.
    Stopped(String),
}
