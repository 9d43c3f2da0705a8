//! The writer's task: it alone knows where the log ends.
//!
//! Depends on the stream and the store. One object is under way at a time, so that there is never
//! a hole behind a batch that failed.

use super::batch::{Added, Batch, Limits};
use super::keys::Keys;
use super::{Request, WriterHealth, WriterOptions};
use crate::error::{AppendError, ReadError, explain};
use crate::layout::{Segment, batch_path};
use crate::position::Position;
use crate::segment::{SEGMENT_BATCHES_MAX, SEGMENT_BYTES_MAX};
use crate::store::Created;
use crate::stream::Stream;
use bytes::Bytes;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::OnceLock;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Waits between tries of the same batch.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// A store that has not answered for so long is told of.
const SLOW: Duration = Duration::from_secs(10);

pub(super) struct Task {
    pub(super) stream: Stream,
    pub(super) options: WriterOptions,
    /// Different in every writer that ever was.
    pub(super) name: String,
    health: watch::Sender<WriterHealth>,
    /// Wakes the sealer.
    look: watch::Sender<()>,
    closing: watch::Receiver<bool>,
    pub(super) epoch: u64,
    pub(super) next: Position,
    /// Where the segment before ended, while the open one is empty.
    before: Option<Position>,
    /// Batches in the open segment.
    pub(super) batches: usize,
    /// The running maximum of the times recorded.
    pub(super) recorded: Duration,
    /// When the end of the log was last known for certain, by the clock's uptime.
    pub(super) looked: Duration,
    pub(super) keys: Keys,
    /// A request that found no room in the batch before.
    carry: Option<Request>,
}

/// What has become of an object that was created late.
pub(super) enum Standing {
    /// Its segment is not sealed, so it is on the chain of batches.
    Open,
    /// It came in time and was joined; the log goes on elsewhere.
    Joined,
    /// It came where one was joined and removed: it is no part of the log.
    Lost,
}

impl Task {
    pub(super) fn new(
        stream: Stream,
        options: WriterOptions,
        health: watch::Sender<WriterHealth>,
        look: watch::Sender<()>,
        closing: watch::Receiver<bool>,
    ) -> Self {
        Self {
            name: unique_name(&options),
            looked: options.clock.uptime(),
            stream,
            options,
            health,
            look,
            closing,
            epoch: 0,
            next: Position::START,
            before: None,
            batches: 0,
            recorded: Duration::ZERO,
            keys: Keys::default(),
            carry: None,
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The format's limit, whatever the options say: epochs are reckoned by it.
    pub(super) fn segment_batches(&self) -> usize {
        self.options.segment_batches.clamp(1, SEGMENT_BATCHES_MAX)
    }

    /// The format's limit, whatever the options say: readers refuse what is much longer.
    pub(super) fn segment_bytes(&self) -> u64 {
        self.options.segment_bytes.min(SEGMENT_BYTES_MAX)
    }

    fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Ready once the writer is to close, and so much later.
    fn closing_since(&self, patience: Duration) -> impl Future<Output = ()> + use<> {
        let mut closing = self.closing.clone();
        async move {
            // Without handles nobody asks any more: the task is about to be aborted.
            if closing.wait_for(|closing| *closing).await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(patience).await;
        }
    }

    /// Ready once a writer that is to close has waited for the store for long enough.
    fn impatient(&self) -> impl Future<Output = ()> + use<> {
        self.closing_since(self.options.patience)
    }

    /// Serves callers until the writer is closed or has lost its epoch.
    pub(super) async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        end: &OnceLock<AppendError>,
    ) {
        let error = loop {
            let Some(first) = self.next_request(&mut requests).await else {
                break AppendError::Closed {
                    stream: self.stream.name().to_owned(),
                };
            };
            if let Err(error) = self.serve(first, &mut requests).await {
                break error;
            }
        };
        self.stop(&error, requests, end).await;
    }

    async fn next_request(&mut self, requests: &mut mpsc::Receiver<Request>) -> Option<Request> {
        if let Some(carried) = self.carry.take() {
            return Some(carried);
        }
        if !self.is_closing() {
            tokio::select! {
                biased;
                () = self.closing_since(Duration::ZERO) => {}
                request = requests.recv() => return request,
            }
        }
        requests.close();
        requests.recv().await
    }

    /// Puts one batch that begins with `first`. What no longer fits is left in `carry`.
    async fn serve(
        &mut self,
        first: Request,
        requests: &mut mpsc::Receiver<Request>,
    ) -> Result<(), AppendError> {
        let mut batch = Batch::new(self.next, self.before);
        if let Some(first) = self.add(&mut batch, first).await? {
            // The segment is too full for it, and so it is closed.
            if let Err(error) = self.put(Bytes::new()).await {
                let _ = first.answer.send(Err(error.clone()));
                return Err(error);
            }
            self.enter_next_segment();
            self.carry = Some(first);
            return Ok(());
        }
        self.gather(&mut batch, requests).await?;
        if batch.is_empty() {
            return Ok(());
        }
        let bytes = Bytes::from(batch.take_bytes());
        let outcome = if bytes.is_empty() {
            Ok(())
        } else {
            self.put(bytes.clone()).await
        };
        if outcome.is_ok() && !bytes.is_empty() {
            self.advance(bytes);
        }
        batch.answer(outcome.clone(), &mut self.keys);
        outcome
    }

    /// Adds what waits, and what comes while the batch lingers.
    async fn gather(
        &mut self,
        batch: &mut Batch,
        requests: &mut mpsc::Receiver<Request>,
    ) -> Result<(), AppendError> {
        let lingered = tokio::time::sleep(self.options.linger);
        tokio::pin!(lingered);
        while batch.len() < self.options.batch_bytes {
            let request = match requests.try_recv() {
                Ok(request) => request,
                Err(_) if self.options.linger.is_zero() || self.is_closing() => break,
                Err(_) => tokio::select! {
                    biased;
                    Some(request) = requests.recv() => request,
                    () = self.closing_since(Duration::ZERO) => continue,
                    () = &mut lingered => break,
                },
            };
            self.carry = self.add(batch, request).await?;
            if self.carry.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Adds a request's records to the batch; gives the request back if the segment has no room.
    async fn add(
        &mut self,
        batch: &mut Batch,
        request: Request,
    ) -> Result<Option<Request>, AppendError> {
        let keyed = request
            .records
            .iter()
            .any(|record| !record.idempotency_key.is_empty());
        if keyed && let Err(error) = self.learn_keys().await {
            let _ = request.answer.send(Err(error.clone()));
            return Err(error);
        }
        let limits = Limits {
            segment_bytes: self.segment_bytes(),
            another_batch: self.batches < self.segment_batches(),
        };
        let stream = self.stream.name().to_owned();
        let keys = std::mem::take(&mut self.keys);
        let added = batch.add(request, limits, &keys, &stream, |record| {
            self.meta(record.idempotency_key.clone(), record.cause.clone())
        });
        self.keys = keys;
        Ok(match added {
            Added::Taken => None,
            Added::NoRoom(request) => Some(request),
        })
    }

    /// Reads the keys that were appended before this writer began, trying until the store works.
    async fn learn_keys(&mut self) -> Result<(), AppendError> {
        let mut wait = RETRY_FIRST;
        loop {
            match unless(self.impatient(), self.complete_keys()).await {
                Some(Ok(())) => return Ok(()),
                Some(Err(error)) => self.report("read the idempotency keys", &explain(&error)),
                None => {}
            }
            if !self.wait(&mut wait).await {
                return Err(AppendError::Closed {
                    stream: self.stream.name().to_owned(),
                });
            }
        }
    }

    /// Waits before the next try; false if the writer is to close instead.
    async fn wait(&self, wait: &mut Duration) -> bool {
        if self.is_closing() {
            return false;
        }
        tokio::select! {
            biased;
            () = self.closing_since(Duration::ZERO) => return false,
            () = tokio::time::sleep(*wait) => {}
        }
        *wait = (*wait * 2).min(RETRY_MAX);
        true
    }

    /// Creates the object at the end of the log, trying the same bytes again until the store has
    /// an answer; only closing the writer ends the tries.
    async fn put(&mut self, bytes: Bytes) -> Result<(), AppendError> {
        let object = batch_path(self.next.segment, self.next.offset);
        let unknown = AppendError::Unknown {
            stream: self.stream.name().to_owned(),
        };
        let mut wait = RETRY_FIRST;
        loop {
            match self.try_create(&object, bytes.clone()).await {
                Some(Ok(Created::Ours)) => break,
                Some(Ok(Created::Theirs(_))) => return Err(self.overtaken().await),
                Some(Err(error)) => self.report(&format!("create {object}"), &explain(&error)),
                None => return Err(unknown),
            }
            if !self.wait(&mut wait).await {
                return Err(unknown);
            }
        }
        self.health
            .send_if_modified(|health| std::mem::take(health) != WriterHealth::Ok);
        self.check_not_late(&object, bytes).await
    }

    /// One try; `None` if the store did not answer and the writer is to close.
    async fn try_create(
        &self,
        object: &str,
        bytes: Bytes,
    ) -> Option<Result<Created, object_store::Error>> {
        let create = self.stream.objects().create(object, bytes);
        let impatient = self.impatient();
        let slow = tokio::time::sleep(SLOW);
        tokio::pin!(create, impatient, slow);
        let mut told = false;
        loop {
            tokio::select! {
                biased;
                outcome = &mut create => return Some(outcome),
                () = &mut impatient => return None,
                () = &mut slow, if !told => {
                    told = true;
                    self.report(&format!("create {object}"), "the store does not answer");
                }
            }
        }
    }

    /// After a long sleep the object may have been made where one was joined and removed already:
    /// looks again before anything is acknowledged.
    async fn check_not_late(&mut self, object: &str, bytes: Bytes) -> Result<(), AppendError> {
        let now = self.options.clock.uptime();
        if !self.is_late(now) {
            self.looked = now;
            return Ok(());
        }
        let mut wait = RETRY_FIRST;
        loop {
            match unless(self.impatient(), self.standing(&bytes)).await {
                Some(Ok(Standing::Open)) => {
                    self.looked = now;
                    return Ok(());
                }
                // Acknowledged, but the end of the log is elsewhere: the next one has to look again.
                Some(Ok(Standing::Joined)) => return Ok(()),
                Some(Ok(Standing::Lost)) => return Err(self.overtaken().await),
                Some(Err(error)) => self.report(&format!("look for {object}"), &explain(&error)),
                None => {}
            }
            if !self.wait(&mut wait).await {
                return Err(AppendError::Unknown {
                    stream: self.stream.name().to_owned(),
                });
            }
        }
    }

    /// Whether batches may have been removed since the end of the log was last known for certain.
    pub(super) fn is_late(&self, now: Duration) -> bool {
        now.saturating_sub(self.looked) > self.options.grace / 2
    }

    /// What has become of these bytes, which were created at our end of the log, as the log is now.
    pub(super) async fn standing(&self, bytes: &Bytes) -> Result<Standing, ReadError> {
        self.stream
            .refresh()
            .await
            .map_err(|source| ReadError::Refresh {
                stream: self.stream.name().to_owned(),
                source: Box::new(source),
            })?;
        let sealed = match self
            .stream
            .layout()
            .segments
            .get(self.next.segment as usize)
        {
            Some(Segment::Sealed(sealed)) => sealed.size,
            _ => return Ok(Standing::Open),
        };
        let range = self.next.offset..self.next.offset + bytes.len() as u64;
        let joined = range.end <= sealed
            && match bytes.is_empty() {
                true => range.end == sealed,
                false => self.stream.bytes(self.next.segment, range).await? == *bytes,
            };
        Ok(if joined {
            Standing::Joined
        } else {
            Standing::Lost
        })
    }

    fn report(&self, what: &str, why: &str) {
        let text = format!("cannot {what}: {why}");
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
    async fn overtaken(&self) -> AppendError {
        let (stream, at) = (self.stream.name().to_owned(), self.next);
        let mut wait = RETRY_FIRST;
        loop {
            match unless(self.impatient(), self.epoch_above()).await {
                Some(Ok(by)) if by > self.epoch => {
                    return AppendError::Fenced {
                        stream,
                        epoch: self.epoch,
                        by,
                        at,
                    };
                }
                // Whatever is there, none of our writers put it there, or it is damaged.
                Some(Ok(_) | Err(ReadError::Frame { .. } | ReadError::Digest { .. })) => {
                    return AppendError::Foreign { stream, at };
                }
                Some(Err(error)) => {
                    self.report("read what another writer wrote", &explain(&error));
                }
                None => {}
            }
            if !self.wait(&mut wait).await {
                return AppendError::Closed { stream };
            }
        }
    }

    /// Goes on behind the batch that is durable now.
    pub(super) fn advance(&mut self, bytes: Bytes) {
        let size = bytes.len() as u64;
        self.stream.note_batch(self.next, bytes);
        self.next.offset += size;
        self.batches += 1;
        self.before = None;
    }

    pub(super) fn enter_next_segment(&mut self) {
        self.stream.note_closed(self.next.segment);
        self.before = Some(self.next);
        self.next = Position::start_of(self.next.segment + 1);
        self.batches = 0;
        self.keys.forget_before(self.keys_since(self.next.segment));
        // The sealer may have ended; the next writer's will seal.
        let _ = self.look.send(());
    }

    /// Answers everyone who waits, and who comes later.
    async fn stop(
        &mut self,
        error: &AppendError,
        mut requests: mpsc::Receiver<Request>,
        end: &OnceLock<AppendError>,
    ) {
        // Nobody else sets it. Those who never got in know for certain that they did not.
        let late = match error {
            AppendError::Unknown { stream } => AppendError::Closed {
                stream: stream.clone(),
            },
            error => error.clone(),
        };
        let _ = end.set(late.clone());
        if !matches!(error, AppendError::Closed { .. }) {
            tracing::error!(stream = self.stream.name(), "{error}");
        }
        self.health
            .send_replace(WriterHealth::Stopped(error.to_string()));
        requests.close();
        if let Some(carried) = self.carry.take() {
            let _ = carried.answer.send(Err(late.clone()));
        }
        while let Some(request) = requests.recv().await {
            let _ = request.answer.send(Err(late.clone()));
        }
    }
}

/// What comes of `work`; `None` if `impatient` is ready first.
async fn unless<T>(
    impatient: impl Future<Output = ()>,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        outcome = work => Some(outcome),
        () = impatient => None,
    }
}

/// The role with a random number behind it.
fn unique_name(options: &WriterOptions) -> String {
    // Each `RandomState` has keys of its own.
    let random = || RandomState::new().hash_one(std::process::id());
    let nonce = options.nonce.unwrap_or_else(random);
    format!("{}-{nonce:016x}", options.role)
}
