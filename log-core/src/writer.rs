//! Appending: many callers, one task, one batch at a time.
//!
//! Depends on the stream and the store. The task gathers what callers hand in, creates it as one
//! object at the end of the log, and acknowledges when the store has it. A store that fails is
//! tried again until it works or the writer is closed; meanwhile the bounded queue holds callers
//! back. When another writer was first, this one is done: see `design.md`, "One linear history".

mod batch;
mod claim;
mod keys;
mod options;
mod task;

pub use options::{Appended, NewRecord, WriterHealth, WriterOptions};

use crate::error::{AppendError, CloseError, OpenError};
use crate::frame::PAYLOAD_BYTES_MAX;
use crate::meta::check_stampable;
use crate::position::Position;
use crate::seal;
use crate::stream::Stream;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use task::Task;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// What one caller wants appended: all of it or nothing.
struct Request {
    records: Vec<NewRecord>,
    /// Only if the log still ends here.
    condition: Option<Position>,
    answer: oneshot::Sender<Result<Appended, AppendError>>,
    /// Its place in the queue; let go when the request is answered.
    _room: OwnedSemaphorePermit,
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
    name: String,
    queue: mpsc::Sender<Request>,
    room: Room,
    patience: Duration,
    health: watch::Receiver<WriterHealth>,
    closing: watch::Sender<bool>,
    end: Arc<OnceLock<AppendError>>,
    tasks: Mutex<Tasks>,
}

/// The bytes that may wait.
#[derive(Debug)]
struct Room {
    free: Arc<Semaphore>,
    bytes: u32,
}

#[derive(Debug)]
struct Tasks {
    writer: Option<JoinHandle<()>>,
    sealer: Option<JoinHandle<()>>,
    stop_sealer: watch::Sender<bool>,
}

impl Writer {
    /// Begins the stream's next epoch and starts the task. Whoever wrote before learns of it at
    /// its next append, and steps down.
    pub async fn open(stream: Stream, options: WriterOptions) -> Result<Self, OpenError> {
        let (queue, requests) = mpsc::channel(options.queue.clamp(1, Semaphore::MAX_PERMITS));
        let (set_health, health) = watch::channel(WriterHealth::Ok);
        let (closing, close) = watch::channel(false);
        let (stop_sealer, stop) = watch::channel(false);
        let (look, looks) = watch::channel(());
        let end = Arc::new(OnceLock::new());
        let bytes = u32::try_from(options.queue_bytes)
            .unwrap_or(u32::MAX)
            .clamp(1, 1 << 29);
        let free = Arc::new(Semaphore::new(bytes as usize));
        let (grace, patience) = (options.grace, options.patience);
        let mut task = Task::new(stream.clone(), options, set_health, look, close);
        task.open().await?;
        let (epoch, name) = (task.epoch(), task.name().to_owned());
        let sealer = tokio::spawn(seal::run(stream.clone(), grace, looks, stop));
        let writer = tokio::spawn({
            let (end, free) = (end.clone(), free.clone());
            async move {
                task.run(requests, &end).await;
                free.close();
            }
        });
        Ok(Self {
            inner: Arc::new(Inner {
                stream,
                epoch,
                name,
                queue,
                room: Room { free, bytes },
                patience,
                health,
                closing,
                end,
                tasks: Mutex::new(Tasks {
                    writer: Some(writer),
                    sealer: Some(sealer),
                    stop_sealer,
                }),
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
    ///
    /// A caller that stops waiting may find the record in the log all the same.
    pub async fn append(&self, record: NewRecord) -> Result<Appended, AppendError> {
        self.submit(vec![record], None).await
    }

    /// Appends records in one batch: all of them or none become durable and visible, one behind the
    /// other. Gives the place of the last; no records are nowhere, and appended at once.
    ///
    /// A record whose key is known ([`NewRecord::with_key`]) is not appended again. A key is known for
    /// at least the last 16 MiB (or 4,096 batches) of the log, whichever writer appended it; the first
    /// record with it counts, whatever the others hold.
    pub async fn append_all(&self, records: Vec<NewRecord>) -> Result<Appended, AppendError> {
        self.submit(records, None).await
    }

    /// Appends records only if the log still ends at `expected`, such as [`Stream::tail`] gave it when
    /// the state was folded that the records were decided on; else [`AppendError::Moved`].
    pub async fn append_if(
        &self,
        expected: Position,
        records: Vec<NewRecord>,
    ) -> Result<Appended, AppendError> {
        self.submit(records, Some(expected)).await
    }

    async fn submit(
        &self,
        records: Vec<NewRecord>,
        condition: Option<Position>,
    ) -> Result<Appended, AppendError> {
        if records.is_empty() && condition.is_none() {
            let tail = self.inner.stream.tail();
            return Ok(Appended {
                at: tail,
                next: tail,
            });
        }
        let bytes = self.check(&records)?;
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX);
        let room = self.inner.room.free.clone();
        let room = room
            .acquire_many_owned(wanted.min(self.inner.room.bytes))
            .await
            .map_err(|_| self.ended())?;
        let (answer, answered) = oneshot::channel();
        let request = Request {
            records,
            condition,
            answer,
            _room: room,
        };
        self.inner
            .queue
            .send(request)
            .await
            .map_err(|_| self.ended())?;
        // Only a task that was aborted answers nothing.
        answered.await.map_err(|_| AppendError::Unknown {
            stream: self.inner.stream.name().to_owned(),
        })?
    }

    /// Whether these records can be appended at all, and how long they are at most.
    fn check(&self, records: &[NewRecord]) -> Result<usize, AppendError> {
        let stream = || self.inner.stream.name().to_owned();
        let mut bytes = 0;
        for record in records {
            let framed = record.framed_bytes_max(&self.inner.name);
            if framed > PAYLOAD_BYTES_MAX {
                return Err(AppendError::TooLarge {
                    stream: stream(),
                    bytes: record.payload.len() as u64,
                    max: PAYLOAD_BYTES_MAX as u64,
                });
            }
            check_stampable(&record.payload).map_err(|source| AppendError::Payload {
                stream: stream(),
                source,
            })?;
            bytes += framed;
        }
        Ok(bytes)
    }

    /// Why nothing can be appended any more.
    fn ended(&self) -> AppendError {
        let end = self.inner.end.get().cloned();
        end.unwrap_or_else(|| AppendError::Closed {
            stream: self.inner.stream.name().to_owned(),
        })
    }

    /// Appends what is queued, lets a seal that is under way finish, and ends; who closes later waits
    /// for the same. An append that the store keeps refusing, or does not answer within the
    /// [`WriterOptions::patience`], is given up, and its caller told so.
    pub async fn close(&self) -> Result<(), CloseError> {
        self.inner.closing.send_replace(true);
        let failed = |source| CloseError {
            stream: self.inner.stream.name().to_owned(),
            source,
        };
        // The handles stay where they are until they are done: a closer may be cancelled.
        let mut tasks = self.inner.tasks.lock().await;
        if let Some(writer) = &mut tasks.writer {
            writer.await.map_err(failed)?;
            tasks.writer = None;
        }
        tasks.stop_sealer.send_replace(true);
        if let Some(sealer) = &mut tasks.sealer {
            match tokio::time::timeout(self.inner.patience, &mut *sealer).await {
                Ok(ended) => ended.map_err(failed)?,
                // Whatever it was at, any later writer can do it again.
                Err(_) => sealer.abort(),
            }
            tasks.sealer = None;
        }
        Ok(())
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        // Without `close` nobody waits for them; after it they have ended.
        for task in [&self.writer, &self.sealer].into_iter().flatten() {
            task.abort();
        }
    }
}
