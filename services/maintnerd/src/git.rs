//! The git source: follows the refs of one repository, local or mirrored.
//!
//! Depends on the `git` library, the corpus and the log's writer. It records every commit after its
//! parents, and a ref only after every commit that it reaches (spec/log-and-corpus.md 4.2), so that a
//! reader never sees a ref whose history is not there yet, and a start after a crash goes on where
//! the log ends.

mod difference;
mod mutation;

use crate::error::Error;
use ::git::{CommitObject, Refs, Repository};
use forgelog_replay::{Corpus, Live};
use log_core::{NewRecord, Writer, explain};
use proto::GitHash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Commits that are appended in one batch, at most …
const COMMITS_AT_A_TIME: usize = 512;
/// … and no more bytes, but for one that is longer alone.
const BYTES_AT_A_TIME: usize = 1 << 20;
/// The wait after an error, doubled each time.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);
/// The same for a repository on this machine: looking costs nothing, and people wait.
const LOCAL_RETRY_MAX: Duration = Duration::from_secs(2);

/// Which repository is followed, and how.
#[derive(Clone, Debug)]
pub struct GitConfig {
    /// The repository; a mirror if it is remote.
    pub repository: Repository,
    /// Its name in the corpus.
    pub name: String,
    /// The time between two looks.
    pub poll: Duration,
    /// Whether each look begins with a fetch.
    pub remote: bool,
}

/// How far the source is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Commits recorded of those that were found missing at the last look.
    pub logged: u64,
    /// Commits that were found missing at the last look.
    pub total: u64,
    /// Everything that was there at the last look is recorded.
    pub caught_up: bool,
    /// The repository has no commit yet.
    pub empty: bool,
    /// Why the last look failed; it is tried again.
    pub error: Option<String>,
}

/// Follows the repository until it is cancelled. A look that fails is tried again.
pub async fn follow(
    config: GitConfig,
    writer: Writer,
    activity: Live<Corpus>,
    progress: watch::Sender<Progress>,
    cancel: CancellationToken,
) -> Result<(), Error> {
    // What is in the log already is not recorded again.
    activity.wait_for(writer.stream().tail()).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut source = Source {
        config,
        writer,
        activity,
        progress,
        seen: None,
        stop: stop.clone(),
    };
    let outcome = tokio::select! {
        biased;
        () = cancel.cancelled() => Ok(()),
        outcome = source.run() => outcome,
    };
    // What still reads on another thread stops at its next step.
    stop.store(true, Ordering::Relaxed);
    outcome
}

struct Source {
    config: GitConfig,
    writer: Writer,
    activity: Live<Corpus>,
    progress: watch::Sender<Progress>,
    /// The refs of the last look, all of which is recorded.
    seen: Option<Refs>,
    stop: Arc<AtomicBool>,
}

impl Source {
    async fn run(&mut self) -> Result<(), Error> {
        let mut wait = RETRY_FIRST;
        loop {
            match self.look().await? {
                Ok(()) => {
                    wait = RETRY_FIRST;
                    tokio::time::sleep(self.config.poll).await;
                }
                Err(error) => {
                    let error = explain(&error);
                    self.tell(error, wait);
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(if self.config.remote {
                        RETRY_MAX
                    } else {
                        LOCAL_RETRY_MAX
                    });
                }
            }
        }
    }

    /// Shows why a look failed; says so once if it goes on failing the same way.
    fn tell(&self, error: String, wait: Duration) {
        self.progress.send_if_modified(|progress| {
            let news = progress.error.as_ref() != Some(&error);
            if news {
                tracing::warn!(repo = %self.config.name, "{error}; trying again in {wait:?}, and until it works");
            }
            progress.error = Some(error);
            news
        });
    }

    /// Looks once, and records what is new. The inner error is the repository's and may pass.
    async fn look(&mut self) -> Result<Result<(), ::git::Error>, Error> {
        let refs = match self.refs().await {
            Ok(refs) => refs,
            Err(error) => return Ok(Err(error)),
        };
        if self.seen.as_ref() == Some(&refs) {
            self.progress
                .send_if_modified(|progress| progress.error.take().is_some());
            return Ok(Ok(()));
        }
        if refs.skipped > 0 {
            tracing::warn!(
                repo = %self.config.name,
                "{} refs are left out: their names are not UTF-8, or their objects cannot be read",
                refs.skipped
            );
        }
        let tips = difference::tips(&refs);
        if let Err(error) = self.record_commits(&tips).await? {
            return Ok(Err(error));
        }
        self.record_refs(&refs).await?;
        self.progress.send_modify(|progress| {
            *progress = Progress {
                caught_up: true,
                empty: tips.is_empty(),
                error: None,
                ..*progress
            };
        });
        self.seen = Some(refs);
        Ok(Ok(()))
    }

    async fn refs(&self) -> Result<Refs, ::git::Error> {
        let (repository, remote, stop) = (
            self.config.repository.clone(),
            self.config.remote,
            self.stop.clone(),
        );
        blocking(move || {
            if remote {
                repository.fetch(&stop)?;
            }
            repository.refs()
        })
        .await
    }

    /// Records every commit that the tips reach and the corpus has not, parents first.
    async fn record_commits(
        &mut self,
        tips: &[GitHash],
    ) -> Result<Result<(), ::git::Error>, Error> {
        let corpus = self.activity.snapshot();
        if tips.iter().all(|tip| corpus.state().has_commit(tip)) {
            return Ok(Ok(()));
        }
        let (repository, stop, tips) = (
            self.config.repository.clone(),
            self.stop.clone(),
            tips.to_vec(),
        );
        let missing = blocking(move || {
            repository.missing(&tips, &|hash| corpus.state().has_commit(hash), &stop)
        })
        .await;
        let missing = match missing {
            Ok(missing) => missing,
            Err(error) => return Ok(Err(error)),
        };
        self.progress.send_modify(|progress| {
            *progress = Progress {
                total: missing.len() as u64,
                error: progress.error.take(),
                ..Progress::default()
            };
        });
        // One batch is read while the one before it is appended.
        let (sender, mut batches) = mpsc::channel(1);
        let (repository, stop, name) = (
            self.config.repository.clone(),
            self.stop.clone(),
            self.config.name.clone(),
        );
        let reading = tokio::task::spawn_blocking(move || {
            read_batches(&repository, &name, &missing, &stop, &sender)
        });
        let mut appended = self.writer.stream().tail();
        while let Some(batch) = batches.recv().await {
            let count = batch.len() as u64;
            appended = self.writer.append_all(batch).await?.next;
            self.progress
                .send_modify(|progress| progress.logged += count);
        }
        self.activity.wait_for(appended).await?;
        Ok(joined(reading.await))
    }

    async fn record_refs(&mut self, refs: &Refs) -> Result<(), Error> {
        let corpus = self.activity.snapshot();
        let Some(mutation) = difference::refs(corpus.state(), &self.config.name, refs) else {
            return Ok(());
        };
        let appended = self.writer.append(NewRecord::new(&mutation)).await?;
        self.activity.wait_for(appended.next).await?;
        Ok(())
    }
}

/// Reads the commits in order and hands them over in batches, until nobody takes them.
fn read_batches(
    repository: &Repository,
    name: &str,
    hashes: &[GitHash],
    stop: &AtomicBool,
    sender: &mpsc::Sender<Vec<NewRecord>>,
) -> Result<(), ::git::Error> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    for hash in hashes {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let commit: CommitObject = repository.commit(hash)?;
        let record =
            NewRecord::new(&mutation::commit(name, hash, commit)).with_key(format!("git/{hash}"));
        let full =
            batch.len() == COMMITS_AT_A_TIME || bytes + record.payload.len() > BYTES_AT_A_TIME;
        if full && !batch.is_empty() {
            bytes = 0;
            if sender.blocking_send(std::mem::take(&mut batch)).is_err() {
                return Ok(());
            }
        }
        bytes += record.payload.len();
        batch.push(record);
    }
    if !batch.is_empty() {
        // If nobody takes it any more, the source is being stopped.
        let _ = sender.blocking_send(batch);
    }
    Ok(())
}

/// Runs what blocks on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ::git::Error> + Send + 'static,
) -> Result<T, ::git::Error> {
    joined(tokio::task::spawn_blocking(work).await)
}

fn joined<T>(
    joined: Result<Result<T, ::git::Error>, tokio::task::JoinError>,
) -> Result<T, ::git::Error> {
    match joined {
        Ok(result) => result,
        // A panic there is a bug, and is ours to die of; the work is never aborted.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
