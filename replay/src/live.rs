//! Following a stream: the one asynchronous part of this crate.
//!
//! A task reads the stream from its beginning, folds batch by batch and publishes a snapshot after
//! each; [`Live`] is the handle to what it publishes. Whoever holds a snapshot holds nothing up, and
//! is not held up. Some snapshots are retained (`retained.rs`), so that [`Live::at`] has a state near
//! any past one to begin from (`past.rs`). Depends on `log-core` for the stream.

mod follow;
mod past;
mod retained;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use log_core::{Position, Stream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error::{AtError, Error, Stopped};
use crate::projection::{Folded, Projection};
use past::Results;
use retained::Retained;

pub use past::{At, NotAnAt};

/// How a stream is followed.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// How often to look at the store for what other processes append. `None` where the stream's
    /// writer is in this process, and every append is noticed at once.
    pub refresh: Option<Duration>,
    /// The wait after the first failed read; each further one doubles it.
    pub backoff_min: Duration,
    /// The longest wait between two reads that fail.
    pub backoff_max: Duration,
    /// A snapshot is retained after every so many records; more as they get too many.
    pub retain_every: u64,
    /// How many snapshots are retained at most.
    pub retained_max: usize,
    /// How many past states are looked up at the same time; others wait for their turn.
    pub past_concurrent: usize,
    /// How many past states that were looked up are kept for the next who asks.
    pub past_kept: usize,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            refresh: None,
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
            retain_every: 8192,
            retained_max: 32,
            past_concurrent: 2,
            past_kept: 16,
        }
    }
}

/// A projection that follows its stream. Clones are handles to the same.
pub struct Live<P> {
    inner: Arc<Inner<P>>,
}

impl<P> Clone for Live<P> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<P> fmt::Debug for Live<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("stream", &self.inner.stream.name())
            .finish_non_exhaustive()
    }
}

struct Inner<P> {
    stream: Stream,
    /// The tail when the following began.
    first_tail: Position,
    published: watch::Receiver<Arc<Folded<P>>>,
    /// Everything before it is in what is published. Ahead of the last record's end only where a
    /// segment ended with it.
    applied: watch::Receiver<Position>,
    shared: Arc<Shared<P>>,
    permits: Semaphore,
    results: Mutex<Results<P>>,
}

/// What the task leaves for its handles, besides what it publishes.
struct Shared<P> {
    retained: Mutex<Retained<P>>,
    failure: Mutex<Option<Failure>>,
}

/// How the following fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The stream's name.
    pub stream: String,
    /// Everything before it is applied.
    pub applied: Position,
    /// The stream's end, as far as this process knows.
    pub tail: Position,
    /// Whether it has reached the tail that was there when it began.
    pub caught_up: bool,
    /// Whether it has ended: nothing will be applied any more.
    pub stopped: bool,
    /// The reads that fail at the moment.
    pub failure: Option<Failure>,
    /// How many records were applied.
    pub records: u64,
    /// How many records, or parts of one, were passed over.
    pub skipped: u64,
}

/// Reads that fail, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the last one said, causes included.
    pub error: String,
    /// How many there were since the last that worked.
    pub tries: u32,
}

impl<P: Projection> Live<P> {
    /// Begins to follow the stream, in a task that ends when `cancel` says so, or when reading on
    /// has no sense. Call it within a tokio runtime, and join the task on shutdown.
    pub fn spawn(
        stream: Stream,
        options: LiveOptions,
        cancel: CancellationToken,
    ) -> (Self, JoinHandle<Result<(), Error>>) {
        let (publish, published) = watch::channel(Arc::new(Folded::default()));
        let (note_applied, applied) = watch::channel(Position::START);
        let shared = Arc::new(Shared {
            retained: Mutex::new(Retained::new(options.retain_every, options.retained_max)),
            failure: Mutex::new(None),
        });
        let inner = Inner {
            first_tail: stream.tail(),
            published,
            applied,
            shared: Arc::clone(&shared),
            permits: Semaphore::new(options.past_concurrent.max(1)),
            results: Mutex::new(Results::new(options.past_kept)),
            stream: stream.clone(),
        };
        let task = follow::Task {
            stream,
            options,
            cancel,
            publish,
            note_applied,
            shared,
        };
        (
            Self {
                inner: Arc::new(inner),
            },
            tokio::spawn(task.run()),
        )
    }

    /// The stream that it follows.
    pub fn stream(&self) -> &Stream {
        &self.inner.stream
    }

    /// The newest state. Never waits for anything but the copy of a pointer.
    pub fn snapshot(&self) -> Arc<Folded<P>> {
        self.inner.published.borrow().clone()
    }

    /// The newest state, with a wake-up whenever there is a newer one.
    pub fn watch(&self) -> watch::Receiver<Arc<Folded<P>>> {
        self.inner.published.clone()
    }

    /// Waits for a state that is newer than `than`, whose [`Folded::position`] that is.
    pub async fn changed(&self, than: Position) -> Result<Arc<Folded<P>>, Stopped> {
        let mut published = self.inner.published.clone();
        let newer = published.wait_for(|folded| folded.position() > than).await;
        newer
            .map(|folded| Arc::clone(&folded))
            .map_err(|_| self.stopped())
    }

    /// Waits until everything before `position` is applied: with an append's end, until it is to be
    /// seen.
    pub async fn wait_for(&self, position: Position) -> Result<Arc<Folded<P>>, Stopped> {
        let mut applied = self.inner.applied.clone();
        let reached = applied
            .wait_for(|applied| *applied >= position)
            .await
            .is_ok();
        // What was published before it was noted as applied is at least as new.
        if reached {
            Ok(self.snapshot())
        } else {
            Err(self.stopped())
        }
    }

    /// Waits until everything is applied that was there when the following began.
    pub async fn caught_up(&self) -> Result<Arc<Folded<P>>, Stopped> {
        self.wait_for(self.inner.first_tail).await
    }

    /// The state as of a position or a time.
    pub async fn at(&self, at: At) -> Result<Arc<Folded<P>>, AtError> {
        past::state_at(self, at).await
    }

    /// How the following fares.
    pub fn health(&self) -> Health {
        let folded = self.snapshot();
        let applied = *self.inner.applied.borrow();
        Health {
            stream: self.inner.stream.name().to_owned(),
            applied,
            tail: self.inner.stream.tail(),
            caught_up: applied >= self.inner.first_tail,
            stopped: self.inner.applied.has_changed().is_err(),
            failure: lock(&self.inner.shared.failure).clone(),
            records: folded.records(),
            skipped: folded.skipped(),
        }
    }

    fn stopped(&self) -> Stopped {
        Stopped {
            at: *self.inner.applied.borrow(),
        }
    }
}

/// Nothing here is ever left half changed, so a panic elsewhere does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
