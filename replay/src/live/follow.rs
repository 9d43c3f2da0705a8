//! The task that reads, folds and publishes. Depends on the stream's reader.

use std::sync::Arc;
use std::time::Duration;

use log_core::{OpenError, Position, ReadError, Reader, Record, Stream};
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use super::{Failure, LiveOptions, Shared, lock};
use crate::error::Error;
use crate::projection::{Folded, Projection};

/// Batches up to this many bytes are folded where they are read; a move to another thread costs more.
const INLINE_BYTES_MAX: usize = 16 << 10;

pub(super) struct Task<P> {
    pub(super) stream: Stream,
    pub(super) options: LiveOptions,
    pub(super) cancel: CancellationToken,
    pub(super) publish: watch::Sender<Arc<Folded<P>>>,
    pub(super) note_applied: watch::Sender<Position>,
    pub(super) shared: Arc<Shared<P>>,
}

impl<P: Projection> Task<P> {
    /// Follows until cancelled, or until reading on has no sense.
    pub(super) async fn run(self) -> Result<(), Error> {
        let cancel = self.cancel.clone();
        let ended = cancel.run_until_cancelled(self.follow()).await;
        ended.unwrap_or(Ok(()))
    }

    async fn follow(self) -> Result<(), Error> {
        let mut reader = self.stream.reader(Position::START);
        let mut tail = self.stream.watch();
        let mut state = Folded::default();
        loop {
            // Before the read: what comes meanwhile must wake us after it.
            tail.mark_unchanged();
            let records = self.read(&mut reader).await?;
            if records.is_empty() {
                self.note_applied.send_replace(reader.position());
                self.wait_for_news(&mut tail).await;
            } else {
                state = self.fold(state, records).await?;
            }
        }
    }

    /// The next records, however often it takes; an error is one that tries do not help.
    async fn read(&self, reader: &mut Reader) -> Result<Vec<Record>, Error> {
        loop {
            match reader.next_batch().await {
                Ok(records) => {
                    *lock(&self.shared.failure) = None;
                    return Ok(records);
                }
                Err(error) if is_transient(&error) => {
                    tokio::time::sleep(self.note_failure(&error)).await
                }
                Err(source) => {
                    let (stream, at) = (self.stream.name().to_owned(), reader.position());
                    return Err(Error::Read { stream, at, source });
                }
            }
        }
    }

    async fn fold(&self, state: Folded<P>, records: Vec<Record>) -> Result<Folded<P>, Error> {
        let (at, every) = (state.position(), lock(&self.shared.retained).every());
        let bytes = records.iter().map(|record| record.payload.len()).sum();
        let folded = off_the_runtime(bytes, move || fold(state, &records, every)).await;
        let (state, marks) = folded.map_err(|source| Error::Fold {
            stream: self.stream.name().to_owned(),
            at,
            source,
        })?;
        lock(&self.shared.retained).extend(marks);
        self.publish.send_replace(Arc::new(state.clone()));
        self.note_applied.send_replace(state.position());
        Ok(state)
    }

    /// Returns when the tail may have moved.
    async fn wait_for_news(&self, tail: &mut watch::Receiver<Position>) {
        // The stream that this task holds keeps the sender alive.
        let Some(mut wait) = self.options.refresh else {
            let _ = tail.changed().await;
            return;
        };
        while tokio::time::timeout(wait, tail.changed()).await.is_err() {
            match self.stream.refresh().await {
                Ok(_) => {
                    *lock(&self.shared.failure) = None;
                    return;
                }
                Err(error) => wait = self.note_failure(&error),
            }
        }
    }

    /// Notes that a read failed, and gives how long to wait for the next.
    fn note_failure(&self, error: &dyn std::error::Error) -> Duration {
        let text = with_causes(error);
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
            log.stream = self.stream.name(),
            tries,
            wait_ms = wait.as_millis(),
            "cannot read: {text}"
        );
        wait
    }
}

/// Folds the records, and marks the state after every so many of all.
fn fold<P: Projection>(
    mut state: Folded<P>,
    records: &[Record],
    every: u64,
) -> (Folded<P>, Vec<Arc<Folded<P>>>) {
    let mut marks = Vec::new();
    for record in records {
        state.apply(record);
        if state.records().is_multiple_of(every) {
            marks.push(Arc::new(state.clone()));
        }
    }
    (state, marks)
}

/// Runs what takes as long as `bytes` say on a thread that may be blocked for that long.
pub(super) async fn off_the_runtime<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    if bytes <= INLINE_BYTES_MAX {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await
}

/// Whether the same read may work later, with nobody repairing anything.
fn is_transient(error: &ReadError) -> bool {
    match error {
        ReadError::Store { .. } | ReadError::Size { .. } => true,
        ReadError::Refresh { source, .. } => matches!(**source, OpenError::Store { .. }),
        _ => false,
    }
}

fn backoff(options: &LiveOptions, tries: u32) -> Duration {
    let doublings = tries.saturating_sub(1).min(31);
    options
        .backoff_min
        .saturating_mul(1 << doublings)
        .min(options.backoff_max)
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
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

    #[test]
    fn only_the_store_is_tried_again() {
        let stream = || "s".to_owned();
        let size = ReadError::Size {
            stream: stream(),
            object: stream(),
            want: 1,
            have: 0,
        };
        assert!(is_transient(&size));
        assert!(!is_transient(&ReadError::Digest {
            stream: stream(),
            object: stream()
        }));
        let source = Box::new(OpenError::Contended {
            stream: stream(),
            tries: 1,
        });
        assert!(!is_transient(&ReadError::Refresh {
            stream: stream(),
            source
        }));
    }
}
