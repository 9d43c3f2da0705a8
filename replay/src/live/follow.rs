//! The task that reads, folds and publishes. Depends on the source.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use log_core::Position;
use tokio::sync::{broadcast, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{Failure, LiveOptions, Progress, Shared, lock};
use crate::corpus::Touched;
use crate::error::Error;
use crate::projection::{BrokenFrame, Folded, Projection};
use crate::segments::Block;
use crate::source::{Source, SourceError};

/// Up to this many bytes are folded where they are read; a move to another thread costs more.
const INLINE_BYTES_MAX: usize = 16 << 10;

/// Keeps snapshots for later, such as in checkpoints.
pub(crate) trait Keep<P>: Send + Sync {
    /// Whether one is due, after so many bytes since the last.
    fn is_due(&self, bytes: u64) -> bool;
    /// Keeps it. Blocks.
    fn keep(&mut self, state: Folded<P>, source: KeepFacts) -> JoinHandle<()>;
}

/// What is known of the log when a snapshot is kept.
pub(crate) type KeepFacts = Vec<crate::source::SegmentId>;

pub(super) struct Task<P> {
    pub(super) source: Source,
    /// The end of the log when the following began.
    pub(super) first_tail: Position,
    pub(super) options: LiveOptions,
    pub(super) cancel: CancellationToken,
    pub(super) publish: watch::Sender<Arc<Folded<P>>>,
    pub(super) note: watch::Sender<Progress>,
    pub(super) tell: broadcast::Sender<Arc<Touched>>,
    pub(super) shared: Arc<Shared<P>>,
    pub(super) keep: Option<Box<dyn Keep<P>>>,
    /// Whether what is folded is news, to be told of.
    pub(super) is_news: bool,
}

/// What was folded since a snapshot was kept, and the keeping that is under way.
#[derive(Default)]
struct Kept {
    bytes: u64,
    under_way: Option<JoinHandle<()>>,
}

impl<P: Projection> Task<P> {
    /// Follows until cancelled, or until reading on has no sense.
    pub(super) async fn run(mut self, state: Folded<P>) -> Result<(), Arc<Error>> {
        let cancel = self.cancel.clone();
        let mut kept = Kept::default();
        let following = cancel.run_until_cancelled(self.follow(state, &mut kept));
        let ended = until_panic(following).await;
        if let Some(keeping) = kept.under_way {
            // It says itself what goes wrong.
            let _ = keeping.await;
        }
        let error = match ended {
            Ok(None | Some(Ok(()))) => return Ok(()),
            Ok(Some(Err(error))) => error,
            Err(message) => Error::Panicked {
                log: self.source.name().to_owned(),
                message,
            },
        };
        let error = Arc::new(error);
        *lock(&self.shared.ended) = Some(Arc::clone(&error));
        Err(error)
    }

    async fn follow(&mut self, mut state: Folded<P>, kept: &mut Kept) -> Result<(), Error> {
        let first_tail = self.first_tail;
        if self.is_news {
            state.state_mut().watch();
        }
        let mut next_mark = self.next_mark(&state);
        loop {
            let from = state.position();
            // Before anything is folded that comes after what whoever follows may have waited for.
            if self.source.next_position(from) >= first_tail {
                self.watch(&mut state);
            }
            let blocks = self.read(from).await?;
            if blocks.is_empty() {
                self.watch(&mut state);
                self.replace_tails(&mut state).await?;
                self.note.send_replace(Progress {
                    applied: self.source.next_position(from),
                    tail: self.source.tail(),
                });
                self.wait_for_news(from).await?;
                continue;
            }
            kept.bytes += blocks
                .iter()
                .map(|block| block.bytes.len() as u64)
                .sum::<u64>();
            let records = state.records();
            let (folded, broken) = self.fold(state, blocks).await?;
            state = folded;
            let has_more = state.records() > records;
            self.publish(&mut state, &mut next_mark, has_more);
            if let Some(broken) = broken {
                let source = self.source.damage(broken.segment, broken.source);
                return Err(self.stopped(state.position(), source));
            }
            self.keep_now_and_then(&mut state, kept);
        }
    }

    /// From now on, what is folded is news.
    fn watch(&mut self, state: &mut Folded<P>) {
        if !self.is_news {
            self.is_news = true;
            state.state_mut().watch();
        }
    }

    fn next_mark(&self, state: &Folded<P>) -> u64 {
        // Where none is to be retained it is after more records than there can be.
        let every = lock(&self.shared.retained).every();
        state.records().saturating_add(every)
    }

    /// The next blocks, however often it takes; an error is one that tries do not help.
    async fn read(&mut self, from: Position) -> Result<Vec<Block>, Error> {
        loop {
            match self.source.read(from, self.options.load_bytes).await {
                Ok(blocks) => {
                    *lock(&self.shared.failure) = None;
                    return Ok(blocks);
                }
                Err(error) if error.is_transient() => {
                    tokio::time::sleep(self.note_failure(&error)).await;
                }
                Err(source) => return Err(self.stopped(from, source)),
            }
        }
    }

    fn stopped(&self, at: Position, source: SourceError) -> Error {
        let log = self.source.name().to_owned();
        Error::Read { log, at, source }
    }

    async fn fold(
        &self,
        state: Folded<P>,
        blocks: Vec<Block>,
    ) -> Result<(Folded<P>, Option<BrokenFrame>), Error> {
        if state.state().segments().is_none() {
            let mut segments = lock(&self.shared.segments);
            for block in &blocks {
                segments.attach(block);
            }
        }
        fold_all(state, blocks).await.map_err(Error::joined)
    }

    /// Shows what was folded, and tells what that touched.
    fn publish(&self, state: &mut Folded<P>, next_mark: &mut u64, has_more: bool) {
        let touched = state.state_mut().touched();
        let snapshot = Arc::new(state.snapshot());
        if state.records() >= *next_mark {
            lock(&self.shared.retained).push(Arc::clone(&snapshot));
            *next_mark = self.next_mark(state);
        }
        self.publish.send_replace(snapshot);
        self.note.send_replace(Progress {
            applied: state.position(),
            tail: self.source.tail().max(self.first_tail),
        });
        if self.is_news && has_more {
            // Nobody may be waiting for it.
            let _ = self.tell.send(Arc::new(touched));
        }
    }

    /// Lets go of what was read of segments that are files by now.
    async fn replace_tails(&mut self, state: &mut Folded<P>) -> Result<(), Error> {
        let at = state.position();
        let held = match state.state().segments() {
            Some(segments) => segments.clone(),
            None => lock(&self.shared.segments).clone(),
        };
        let sealed = match self.source.sealed(&held).await {
            Ok(sealed) => sealed,
            // The next time.
            Err(error) if error.is_transient() => return Ok(()),
            Err(source) => return Err(self.stopped(at, source)),
        };
        drop(held);
        for block in &sealed {
            match state.state().segments() {
                Some(_) => state.state_mut().attach(block),
                None => lock(&self.shared.segments).attach(block),
            }
        }
        if !sealed.is_empty() {
            self.publish.send_replace(Arc::new(state.snapshot()));
        }
        Ok(())
    }

    /// Returns when there may be more.
    async fn wait_for_news(&mut self, at: Position) -> Result<(), Error> {
        loop {
            match self.source.changed().await {
                Ok(()) => {
                    *lock(&self.shared.failure) = None;
                    return Ok(());
                }
                Err(error) if error.is_transient() => {
                    tokio::time::sleep(self.note_failure(&error)).await;
                }
                Err(source) => return Err(self.stopped(at, source)),
            }
        }
    }

    fn keep_now_and_then(&mut self, state: &mut Folded<P>, kept: &mut Kept) {
        let Some(keep) = self.keep.as_mut().filter(|keep| keep.is_due(kept.bytes)) else {
            return;
        };
        if kept
            .under_way
            .as_ref()
            .is_some_and(|keeping| !keeping.is_finished())
        {
            return;
        }
        kept.bytes = 0;
        kept.under_way = Some(keep.keep(state.snapshot(), self.source.segments()));
    }

    /// Notes that a read failed, and gives how long to wait for the next.
    fn note_failure(&self, error: &SourceError) -> Duration {
        let text = log_core::explain(error);
        let mut failure = lock(&self.shared.failure);
        let tries = failure
            .as_ref()
            .map_or(0, |failure| failure.tries)
            .saturating_add(1);
        *failure = Some(Failure {
            error: text.clone(),
            tries,
        });
        drop(failure);
        let wait = backoff(&self.options, tries);
        tracing::warn!(
            log.stream = self.source.name(),
            tries,
            wait_ms = wait.as_millis(),
            "cannot read: {text}"
        );
        wait
    }
}

/// Runs a future to its end. A panic is its end too, and gives what it said: whoever waits is to hear of it.
async fn until_panic<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    poll_fn(|context| {
        // After a panic it is only dropped.
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(message_of(&*panic))),
        }
    })
    .await
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

/// Folds blocks on a thread that may be blocked for as long as it takes.
pub(crate) async fn fold_all<P: Projection>(
    mut state: Folded<P>,
    blocks: Vec<Block>,
) -> Result<(Folded<P>, Option<BrokenFrame>), JoinError> {
    let bytes = blocks.iter().map(|block| block.bytes.len()).sum();
    off_the_runtime(bytes, move || {
        let broken = state.fold_blocks(&blocks).err();
        (state, broken)
    })
    .await
}

/// Runs what takes as long as `bytes` say on a thread that may be blocked for that long.
pub(crate) async fn off_the_runtime<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    if bytes <= INLINE_BYTES_MAX {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await
}

fn backoff(options: &LiveOptions, tries: u32) -> Duration {
    let doublings = tries.saturating_sub(1).min(31);
    options
        .backoff_min
        .saturating_mul(1 << doublings)
        .min(options.backoff_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let options = LiveOptions::default();
        let waits = [1, 2, 3, 7, 8, u32::MAX].map(|tries| backoff(&options, tries).as_millis());
        assert_eq!(waits, [100, 200, 400, 6_400, 10_000, 10_000]);
    }
}
