//! Following a log: the one asynchronous part of this crate besides the source.
//!
//! A task reads the log from where a state stands, folds block by block and publishes a snapshot after
//! each; [`Live`] is the handle to what it publishes. Whoever holds a snapshot holds nothing up, and
//! is not held up. Some snapshots are retained (`retained.rs`), and there may be checkpoints, so that [`Live::at`] has a
//! state near any past one to begin from (`past.rs`). Depends on [`crate::source`].

mod follow;
mod news;
mod past;
mod retained;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use log_core::{Position, Stream};
use tokio::sync::{Semaphore, broadcast, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::corpus::Touched;
use crate::error::{AtError, Error, Stopped};
use crate::projection::{Folded, Projection};
use crate::segments::Segments;
use crate::source::Source;
use past::Results;
use retained::Retained;

pub(crate) use follow::{Keep, fold_all, off_the_runtime};
pub use news::Subscription;
pub use past::{At, NotAnAt};
pub(crate) use past::{Earlier, Found, fold_to};

/// News that whoever waits for them may be behind; who is further behind is told that there were more.
const NEWS_KEPT: usize = 1024;

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
    /// While the end of the log is not reached, about so many bytes are folded between two versions.
    pub load_bytes: u64,
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
            load_bytes: 64 << 20,
        }
    }
}

/// A projection that follows its log. Clones are handles to the same, each with news of its own.
pub struct Live<P> {
    inner: Arc<Inner<P>>,
    news: Subscription,
}

impl<P> Clone for Live<P> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            news: self.news.again(),
        }
    }
}

impl<P> fmt::Debug for Live<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("log", &self.inner.name)
            .finish_non_exhaustive()
    }
}

struct Inner<P> {
    name: String,
    /// The end of the log when the following began.
    first_tail: Position,
    published: watch::Receiver<Arc<Folded<P>>>,
    progress: watch::Receiver<Progress>,
    shared: Arc<Shared<P>>,
    permits: Semaphore,
    results: Mutex<Results<P>>,
    earlier: Option<Box<dyn Earlier<P>>>,
    /// Ends the following with the last handle, where nobody else does.
    _end: Option<DropGuard>,
}

/// How far the following has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    /// Everything before it is in what is published. Ahead of the last record's end only where a
    /// segment ended with it.
    applied: Position,
    /// The end of the log, as far as it is known.
    tail: Position,
}

/// What the task leaves for its handles, besides what it publishes.
struct Shared<P> {
    retained: Mutex<Retained<P>>,
    failure: Mutex<Option<Failure>>,
    /// The log's bytes, where the projection does not keep them.
    segments: Mutex<Segments>,
    /// Why it ended.
    ended: Mutex<Option<Arc<Error>>>,
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
    /// has no sense. Call it within a tokio runtime, and join the task on shutdown; it gives why it ended, if
    /// nobody asked it to.
    pub fn spawn(
        stream: Stream,
        options: LiveOptions,
        cancel: CancellationToken,
    ) -> (Self, JoinHandle<Result<(), Arc<Error>>>) {
        let source = Source::of_stream(stream, options.refresh);
        let start = Start {
            source,
            state: Folded::default(),
            keep: None,
            earlier: None,
            is_news: false,
        };
        Self::follow(start, options, cancel, None)
    }

    /// Begins to follow a log from a state of it.
    pub(crate) fn follow(
        start: Start<P>,
        options: LiveOptions,
        cancel: CancellationToken,
        end: Option<DropGuard>,
    ) -> (Self, JoinHandle<Result<(), Arc<Error>>>) {
        let Start {
            source,
            mut state,
            keep,
            earlier,
            is_news,
        } = start;
        let (publish, published) = watch::channel(Arc::new(state.snapshot()));
        let first_tail = source.tail();
        let (note, progress) = watch::channel(Progress {
            applied: state.position(),
            tail: first_tail,
        });
        let (tell, news) = broadcast::channel(NEWS_KEPT);
        let shared = Arc::new(Shared {
            retained: Mutex::new(Retained::new(options.retain_every, options.retained_max)),
            failure: Mutex::default(),
            segments: Mutex::default(),
            ended: Mutex::default(),
        });
        let inner = Inner {
            name: source.name().to_owned(),
            first_tail,
            published,
            progress,
            shared: Arc::clone(&shared),
            permits: Semaphore::new(options.past_concurrent.max(1)),
            results: Mutex::new(Results::new(options.past_kept)),
            earlier,
            _end: end,
        };
        let task = follow::Task {
            source,
            first_tail,
            options,
            cancel,
            publish,
            note,
            tell,
            shared,
            keep,
            is_news,
        };
        let live = Self {
            inner: Arc::new(inner),
            news: Subscription::new(news),
        };
        (live, tokio::spawn(task.run(state)))
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
        let mut progress = self.inner.progress.clone();
        let reached = progress
            .wait_for(|progress| progress.applied >= position)
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

    /// Waits until records were folded, and says what they touched since this handle was made or this was called last;
    /// that may be nothing that is told one by one. What it tells of is in [`Live::snapshot`] by then. May be dropped at
    /// any time; what it did not tell, the next call does.
    ///
    /// What is read until it has caught up is no news: it is in the state that [`Live::caught_up`] gives.
    ///
    /// # Errors
    /// If the log is no longer followed, and there are no news left to tell.
    pub async fn update(&mut self) -> Result<Touched, Stopped> {
        self.news.next().await.ok_or_else(|| self.stopped())
    }

    /// The news from now on.
    pub fn subscribe(&self) -> Subscription {
        self.news.starting_now()
    }

    /// The state as of a position or a time.
    pub async fn at(&self, at: At) -> Result<Arc<Folded<P>>, AtError> {
        past::state_at(self, at).await
    }

    /// How the following fares.
    pub fn health(&self) -> Health {
        let folded = self.snapshot();
        let Progress { applied, tail } = *self.inner.progress.borrow();
        Health {
            stream: self.inner.name.clone(),
            applied,
            tail,
            caught_up: applied >= self.inner.first_tail,
            stopped: self.inner.progress.has_changed().is_err(),
            failure: lock(&self.inner.shared.failure).clone(),
            records: folded.records(),
            skipped: folded.skipped(),
        }
    }

    fn stopped(&self) -> Stopped {
        Stopped {
            at: self.inner.progress.borrow().applied,
            source: lock(&self.inner.shared.ended).clone(),
        }
    }
}

/// What a following begins with.
pub(crate) struct Start<P> {
    pub(crate) source: Source,
    pub(crate) state: Folded<P>,
    /// What to do with snapshots now and then.
    pub(crate) keep: Option<Box<dyn Keep<P>>>,
    /// Where earlier states are, besides those that are retained.
    pub(crate) earlier: Option<Box<dyn Earlier<P>>>,
    /// Whether all that comes after the state is news; else only what comes after the end of the log as it is now.
    pub(crate) is_news: bool,
}

/// Nothing here is ever left half changed, so a panic elsewhere does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
