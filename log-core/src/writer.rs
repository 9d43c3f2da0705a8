//! Appending: many callers, one task, one batch at a time.
//!
//! Depends on the stream and the store. The task gathers what callers hand in, creates it as one
//! object at the end of the log, and acknowledges when the store has it. A store that fails is
//! tried again until it works or the writer is closed; meanwhile the bounded queue holds callers
//! back. When another writer was first, this one is done: see `design.md`, "One linear history".

mod task;

use crate::clock::{Clock, SystemClock};
use crate::error::{AppendError, OpenError};
use crate::position::Position;
use crate::seal;
use crate::segment::{SEGMENT_BATCHES_MAX, SEGMENT_BYTES_MAX};
use crate::stream::Stream;
use bytes::Bytes;
use prost::Message;
use proto::forgelog::Cause;
use std::sync::Arc;
use std::time::Duration;
use task::Task;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// A day.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// How a writer writes.
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
    /// Callers that wait in the queue; more are held back.
    pub queue: usize,
    /// A segment ends before it is longer than this.
    pub segment_bytes: u64,
    /// A segment ends at so many batches.
    pub segment_batches: usize,
    /// For so long joined batches stay, so that a writer that slept finds its place taken
    /// (design.md, "No holes for the late"). All writers of a stream must have the same.
    pub grace: Duration,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What makes the writer's name unlike that of any other; random if it is unset. Simulations set
    /// it, to another value for every writer.
    pub nonce: Option<u64>,
}

impl WriterOptions {
    /// The defaults for a writer of this role: no linger, batches of 1 MiB, a queue of 1,024, and the
    /// format's own limits.
    pub fn new(role: &str) -> Self {
        Self {
            role: role.to_owned(),
            linger: Duration::ZERO,
            batch_bytes: 1 << 20,
            queue: 1024,
            segment_bytes: SEGMENT_BYTES_MAX,
            segment_batches: SEGMENT_BATCHES_MAX,
            grace: GRACE,
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
    /// The store refuses a batch, which is tried again; the text says why.
    Retrying(String),
    /// It appends no more; the text says why.
    Stopped(String),
}

struct Request {
    records: Vec<NewRecord>,
    answer: oneshot::Sender<Result<Appended, AppendError>>,
}

/// Appends to a stream. Clones are handles to the same task.
#[derive(Clone, Debug)]
pub struct Writer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    stream: Stream,
    epoch: u64,
    queue: mpsc::Sender<Request>,
    health: watch::Receiver<WriterHealth>,
    closing: Arc<Notify>,
    tasks: std::sync::Mutex<Option<Tasks>>,
}

#[derive(Debug)]
struct Tasks {
    writer: JoinHandle<()>,
    sealer: JoinHandle<()>,
    stop_sealer: Arc<Notify>,
}

impl Writer {
    /// Begins the stream's next epoch and starts the task. Whoever wrote before learns of it at
    /// its next append, and steps down.
    pub async fn open(stream: Stream, options: WriterOptions) -> Result<Self, OpenError> {
        let (queue, requests) = mpsc::channel(options.queue.max(1));
        let (set_health, health) = watch::channel(WriterHealth::Ok);
        let (look, stop_sealer, closing) = (
            Arc::new(Notify::new()),
            Arc::new(Notify::new()),
            Arc::new(Notify::new()),
        );
        let grace = options.grace;
        let task = Task::open(stream.clone(), options, set_health, look.clone()).await?;
        let epoch = task.epoch();
        let sealer = tokio::spawn({
            let (stream, stop) = (stream.clone(), stop_sealer.clone());
            async move { seal::run(stream, grace, &look, stop.notified()).await }
        });
        let writer = tokio::spawn(task.run(requests, closing.clone()));
        let tasks = std::sync::Mutex::new(Some(Tasks {
            writer,
            sealer,
            stop_sealer,
        }));
        Ok(Self {
            inner: Arc::new(Inner {
                stream,
                epoch,
                queue,
                health,
                closing,
                tasks,
            }),
        })
    }

    /// The stream that it appends to.
    pub fn stream(&self) -> &Stream {
        &self.inner.stream
    }

    /// The epoch that it has.
    pub fn epoch(&self) -> u64 {
        self.inner.epoch
    }

    /// How it fares, with a wake-up when that changes.
    pub fn health(&self) -> watch::Receiver<WriterHealth> {
        self.inner.health.clone()
    }

    /// Appends a record. It is durable when this returns.
    pub async fn append(&self, record: NewRecord) -> Result<Appended, AppendError> {
        self.append_all(vec![record]).await
    }

    /// Appends records in one batch: all of them or none become durable and visible, one behind the
    /// other. Gives the place of the last; no records are nowhere, and appended at once.
    pub async fn append_all(&self, records: Vec<NewRecord>) -> Result<Appended, AppendError> {
        if records.is_empty() {
            let tail = self.inner.stream.tail();
            return Ok(Appended {
                at: tail,
                next: tail,
            });
        }
        let (answer, answered) = oneshot::channel();
        let closed = || AppendError::Closed {
            stream: self.inner.stream.name().to_owned(),
        };
        self.inner
            .queue
            .send(Request { records, answer })
            .await
            .map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    /// Appends what is queued, lets a seal that is under way finish, and ends. An append that the
    /// store keeps refusing is given up, and its caller told so.
    pub async fn close(&self) -> Result<(), tokio::task::JoinError> {
        self.inner.closing.notify_one();
        let tasks = {
            let mut tasks = self
                .inner
                .tasks
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            tasks.take()
        };
        if let Some(mut tasks) = tasks {
            (&mut tasks.writer).await?;
            tasks.stop_sealer.notify_one();
            (&mut tasks.sealer).await?;
        }
        Ok(())
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        // Without `close` nobody waits for them; after it they have ended.
        self.writer.abort();
        self.sealer.abort();
    }
}
