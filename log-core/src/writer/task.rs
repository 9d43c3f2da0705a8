//! The writer's task: it alone knows where the log ends.
//!
//! Depends on the stream and the store. One object is under way at a time, so that there is never
//! a hole behind a batch that failed.

use super::{Appended, Request, WriterHealth, WriterOptions};
use crate::error::{AppendError, OpenError, ReadError, explain};
use crate::frame;
use crate::layout::{Segment, batch_path};
use crate::meta::{meta_of, stamp};
use crate::position::Position;
use crate::store::Created;
use crate::stream::Stream;
use bytes::Bytes;
use proto::Timestamp;
use proto::forgelog::Meta;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};

/// Tries to begin an epoch before giving up to the others.
const CLAIMS_MAX: u32 = 64;
/// Waits between tries of the same batch.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(5);

pub(super) struct Task {
    stream: Stream,
    options: WriterOptions,
    /// Different in every writer that ever was.
    name: String,
    health: watch::Sender<WriterHealth>,
    /// Wakes the sealer.
    look: Arc<Notify>,
    epoch: u64,
    next: Position,
    /// Batches in the open segment.
    batches: usize,
    /// The running maximum of the times recorded.
    recorded: Duration,
    /// When the end of the log was last known for certain.
    looked: Duration,
}

/// Records that go into one batch, and who waits for them.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    waiting: Vec<(Request, Appended)>,
}

impl Task {
    /// Finds the end of the log and claims the next epoch there.
    pub(super) async fn open(
        stream: Stream,
        options: WriterOptions,
        health: watch::Sender<WriterHealth>,
        look: Arc<Notify>,
    ) -> Result<Self, OpenError> {
        let looked = options.clock.uptime();
        let start = Position::START;
        let name = unique_name(&options);
        let mut task = Self {
            stream,
            options,
            name,
            health,
            look,
            epoch: 0,
            next: start,
            batches: 0,
            recorded: Duration::ZERO,
            looked,
        };
        for _ in 0..CLAIMS_MAX {
            if task.try_claim().await? {
                return Ok(task);
            }
        }
        Err(OpenError::Contended {
            stream: task.stream.name().to_owned(),
            tries: CLAIMS_MAX,
        })
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// One try to begin an epoch; false if someone else appended first.
    async fn try_claim(&mut self) -> Result<bool, OpenError> {
        self.looked = self.options.clock.uptime();
        self.next = self.stream.refresh().await?;
        self.learn_last_record().await?;
        self.epoch += 1;
        let mut claim = self.claim();
        let ahead = self.stream.layout().stray_ahead().map(str::to_owned);
        if let Some(object) = ahead {
            return Err(OpenError::StrayAhead {
                stream: self.stream.name().to_owned(),
                object,
            });
        }
        let strays = self.stream.layout().open_segment_has_strays();
        let too_long = self.next.offset + claim.len() as u64 > self.options.segment_bytes;
        let full = self.batches >= self.options.segment_batches || too_long;
        if strays || (full && self.next.offset > 0) {
            // The log must never grow onto what is no part of it, nor beyond a full segment.
            if let Created::Theirs = self.create(self.next, Bytes::new()).await? {
                return Ok(false);
            }
            self.enter_next_segment();
            claim = self.claim();
        }
        match self.create(self.next, claim.clone()).await? {
            Created::Ours => {
                self.advance(claim);
                Ok(true)
            }
            Created::Theirs => Ok(false),
        }
    }

    /// The record that begins the epoch, framed for where the log ends.
    fn claim(&mut self) -> Bytes {
        let mut claim = Vec::new();
        let meta = self.meta(String::new(), None);
        frame::encode(&mut claim, self.next.offset, &stamp(&[], meta));
        Bytes::from(claim)
    }

    /// Takes epoch and time from the last record, and checks that the open segment is sound.
    async fn learn_last_record(&mut self) -> Result<(), OpenError> {
        let name = || self.stream.name().to_owned();
        let read = |source| OpenError::Read {
            stream: name(),
            source,
        };
        let open_start = Position::start_of(self.next.segment);
        let mut reader = self.stream.reader(open_start);
        while !reader.next_batch().await.map_err(read)?.is_empty() {}
        let last = self.stream.last_record().await.map_err(read)?;
        let meta = last
            .and_then(|record| meta_of(&record.payload))
            .unwrap_or_default();
        self.epoch = meta.epoch;
        self.recorded = self
            .recorded
            .max(meta.recorded.map_or(Duration::ZERO, to_duration));
        self.batches = match self
            .stream
            .layout()
            .segments
            .get(self.next.segment as usize)
        {
            Some(Segment::Tail(tail)) => tail.batches.len(),
            _ => 0,
        };
        Ok(())
    }

    async fn create(&self, at: Position, bytes: Bytes) -> Result<Created, OpenError> {
        let object = batch_path(at.segment, at.offset);
        self.stream
            .objects()
            .create(&object, bytes)
            .await
            .map_err(|source| OpenError::Store {
                stream: self.stream.name().to_owned(),
                what: format!("create {object}"),
                source,
            })
    }

    /// Serves callers until the writer is closed or has lost its epoch.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>, closing: Arc<Notify>) {
        let mut carry = None;
        let mut closed = false;
        loop {
            if closed {
                requests.close();
            }
            let first = match carry.take() {
                Some(request) => Some(request),
                None => tokio::select! {
                    biased;
                    () = closing.notified(), if !closed => {
                        closed = true;
                        continue;
                    }
                    request = requests.recv() => request,
                },
            };
            let Some(first) = first else { return };
            let outcome = self
                .serve(first, &mut requests, &mut carry, &closing, &mut closed)
                .await;
            if let Err(error) = outcome {
                self.stop(&error, requests, carry).await;
                return;
            }
        }
    }

    /// Puts one batch that begins with `first`. What no longer fits is left in `carry`.
    async fn serve(
        &mut self,
        first: Request,
        requests: &mut mpsc::Receiver<Request>,
        carry: &mut Option<Request>,
        closing: &Notify,
        closed: &mut bool,
    ) -> Result<(), AppendError> {
        let mut batch = Batch::default();
        if let Some(first) = self.add(&mut batch, first) {
            // The segment is too full for it, and so it is closed.
            if let Err(error) = self.put(Bytes::new(), closing, closed).await {
                let _ = first.answer.send(Err(error.clone()));
                return Err(error);
            }
            self.enter_next_segment();
            *carry = Some(first);
            return Ok(());
        }
        if !self.options.linger.is_zero() && !*closed {
            tokio::time::sleep(self.options.linger).await;
        }
        while batch.bytes.len() < self.options.batch_bytes && carry.is_none() {
            let Ok(request) = requests.try_recv() else {
                break;
            };
            *carry = self.add(&mut batch, request);
        }
        self.commit(batch, closing, closed).await
    }

    /// Adds a request's records to the batch; gives the request back if the segment has no room.
    fn add(&mut self, batch: &mut Batch, request: Request) -> Option<Request> {
        let start = batch.bytes.len();
        let mut appended = Appended {
            at: self.next,
            next: self.next,
        };
        for record in &request.records {
            appended.at = Position {
                offset: self.next.offset + batch.bytes.len() as u64,
                ..self.next
            };
            let meta = self.meta(record.idempotency_key.clone(), record.cause.clone());
            frame::encode(
                &mut batch.bytes,
                appended.at.offset,
                &stamp(&record.payload, meta),
            );
            appended.next = Position {
                offset: self.next.offset + batch.bytes.len() as u64,
                ..self.next
            };
        }
        let bytes = (batch.bytes.len() - start) as u64;
        // The meta is added to the payload; its texts are the only parts without a bound of their own.
        let overlong = |record: &super::NewRecord| {
            let cause = record.cause.as_ref().map_or(0, |cause| cause.stream.len());
            let texts = record.idempotency_key.len() + cause + self.name.len();
            record.payload.len() + texts + 256 > frame::PAYLOAD_BYTES_MAX
        };
        let alone = request.records.len() == 1;
        if request.records.iter().any(overlong) || (!alone && bytes > self.options.segment_bytes) {
            batch.bytes.truncate(start);
            let max = if alone {
                frame::PAYLOAD_BYTES_MAX as u64
            } else {
                self.options.segment_bytes
            };
            let stream = self.stream.name().to_owned();
            let _ = request
                .answer
                .send(Err(AppendError::TooLarge { stream, bytes, max }));
            return None;
        }
        let full = appended.next.offset > self.options.segment_bytes
            || self.batches >= self.options.segment_batches;
        if full && self.next.offset + start as u64 > 0 {
            batch.bytes.truncate(start);
            return Some(request);
        }
        batch.waiting.push((request, appended));
        None
    }

    async fn commit(
        &mut self,
        batch: Batch,
        closing: &Notify,
        closed: &mut bool,
    ) -> Result<(), AppendError> {
        if batch.waiting.is_empty() {
            return Ok(());
        }
        let bytes = Bytes::from(batch.bytes);
        let put = self.put(bytes.clone(), closing, closed).await;
        if put.is_ok() {
            self.advance(bytes);
        }
        for (request, appended) in batch.waiting {
            // A caller that no longer waits has its record all the same.
            let _ = request.answer.send(put.clone().map(|()| appended));
        }
        put
    }

    /// Creates the object at the end of the log, trying the same bytes again until the store has
    /// an answer; only closing the writer ends the tries.
    async fn put(
        &mut self,
        bytes: Bytes,
        closing: &Notify,
        closed: &mut bool,
    ) -> Result<(), AppendError> {
        let object = batch_path(self.next.segment, self.next.offset);
        let mut wait = RETRY_FIRST;
        loop {
            match self.stream.objects().create(&object, bytes.clone()).await {
                Ok(Created::Ours) => break,
                Ok(Created::Theirs) => return Err(self.overtaken(closing).await),
                Err(error) => self.report(&object, &error),
            }
            if *closed {
                return Err(AppendError::Closed {
                    stream: self.stream.name().to_owned(),
                });
            }
            tokio::select! {
                biased;
                () = closing.notified() => *closed = true,
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(RETRY_MAX),
            }
        }
        self.health
            .send_if_modified(|health| std::mem::take(health) != WriterHealth::Ok);
        self.check_not_late(&object, closing).await
    }

    /// After a long sleep the object may have been made where one was joined and removed already:
    /// looks again before anything is acknowledged.
    async fn check_not_late(&mut self, object: &str, closing: &Notify) -> Result<(), AppendError> {
        if self.options.clock.uptime().saturating_sub(self.looked) > self.options.grace / 2 {
            let before = self.options.clock.uptime();
            while let Err(error) = self.stream.refresh().await {
                self.report(object, &error);
                tokio::select! {
                    biased;
                    () = closing.notified() => return Err(AppendError::Closed { stream: self.stream.name().to_owned() }),
                    () = tokio::time::sleep(RETRY_MAX) => {}
                }
            }
            let sealed = matches!(
                self.stream
                    .layout()
                    .segments
                    .get(self.next.segment as usize),
                Some(Segment::Sealed(_))
            );
            if sealed {
                return Err(self.overtaken(closing).await);
            }
            self.looked = before;
            return Ok(());
        }
        self.looked = self.options.clock.uptime();
        Ok(())
    }

    fn report(&self, object: &str, error: &dyn std::error::Error) {
        let text = format!("cannot create {object}: {}", explain(error));
        self.health.send_if_modified(|health| {
            let news = WriterHealth::Retrying(text.clone());
            let changed = *health != news;
            if changed {
                tracing::warn!(stream = self.stream.name(), "{text}; trying until it works");
            }
            *health = news;
            changed
        });
    }

    /// Someone else's object is at our end of the log: who was it? Tries until the store tells.
    async fn overtaken(&self, closing: &Notify) -> AppendError {
        let (stream, at) = (self.stream.name().to_owned(), self.next);
        let mut wait = RETRY_FIRST;
        loop {
            match self.last_epoch().await {
                Ok(by) if by > self.epoch => {
                    return AppendError::Fenced {
                        stream,
                        epoch: self.epoch,
                        by,
                        at,
                    };
                }
                // Whatever is there, none of our writers put it there, or it is damaged.
                Ok(_) | Err(ReadError::Frame { .. } | ReadError::Digest { .. }) => {
                    return AppendError::Foreign { stream, at };
                }
                Err(error) => self.report("the object of another writer", &error),
            }
            tokio::select! {
                biased;
                () = closing.notified() => return AppendError::Closed { stream },
                () = tokio::time::sleep(wait) => {}
            }
            wait = (wait * 2).min(RETRY_MAX);
        }
    }

    /// The epoch of the last record, as the store has it now.
    async fn last_epoch(&self) -> Result<u64, ReadError> {
        self.stream
            .refresh()
            .await
            .map_err(|source| ReadError::Refresh {
                stream: self.stream.name().to_owned(),
                source: Box::new(source),
            })?;
        let last = self.stream.last_record().await?;
        Ok(last
            .and_then(|record| meta_of(&record.payload))
            .map_or(0, |meta| meta.epoch))
    }

    /// Goes on behind the batch that is durable now.
    fn advance(&mut self, bytes: Bytes) {
        let size = bytes.len() as u64;
        self.stream.note_batch(self.next, bytes);
        self.next.offset += size;
        self.batches += 1;
    }

    fn enter_next_segment(&mut self) {
        self.stream.note_closed(self.next.segment);
        self.next = Position::start_of(self.next.segment + 1);
        self.batches = 0;
        self.look.notify_one();
    }

    fn meta(&mut self, idempotency_key: String, cause: Option<proto::forgelog::Cause>) -> Meta {
        self.recorded = self.recorded.max(self.options.clock.since_1970());
        Meta {
            recorded: Some(to_timestamp(self.recorded)),
            writer: self.name.clone(),
            epoch: self.epoch,
            cause,
            idempotency_key,
        }
    }

    /// Answers everyone who waits, now and until the last handle is gone.
    async fn stop(
        &self,
        error: &AppendError,
        mut requests: mpsc::Receiver<Request>,
        carry: Option<Request>,
    ) {
        tracing::error!(stream = self.stream.name(), "{error}");
        self.health
            .send_replace(WriterHealth::Stopped(error.to_string()));
        requests.close();
        let mut waiting = carry;
        loop {
            let request = match waiting.take() {
                Some(request) => request,
                None => match requests.recv().await {
                    Some(request) => request,
                    None => return,
                },
            };
            let _ = request.answer.send(Err(error.clone()));
        }
    }
}

/// The role with a random number behind it.
fn unique_name(options: &WriterOptions) -> String {
    // Each `RandomState` has keys of its own.
    let random = || RandomState::new().hash_one(std::process::id());
    let nonce = options.nonce.unwrap_or_else(random);
    format!("{}-{nonce:016x}", options.role)
}

fn to_timestamp(since_1970: Duration) -> Timestamp {
    // Both fit: the nanoseconds are below a second, the seconds below 2^63 for ages.
    Timestamp {
        seconds: since_1970.as_secs().cast_signed(),
        nanos: since_1970.subsec_nanos().cast_signed(),
    }
}

fn to_duration(timestamp: Timestamp) -> Duration {
    Duration::new(
        u64::try_from(timestamp.seconds).unwrap_or(0),
        u32::try_from(timestamp.nanos).unwrap_or(0).min(999_999_999),
    )
}
