//! The fold: which part of a record goes where, on one thread or on two.
//!
//! There are two folds, GitHub's and that of git and Gerrit, which know nothing of each other. Each applies its own parts
//! of a record alone, but for the rare record that has several kinds, which counts only if all of it is valid. What needs
//! no tables is done ahead, piece by piece (`fold/piece.rs`), by whichever thread has time (`fold/ahead.rs`); and where a
//! record is looked for in the tables is asked for some records before it is applied. The order in which either side
//! applies its records is the log's, whatever the number of threads.

mod ahead;
mod git;
mod github;
mod piece;

use std::thread::{Builder, ScopedJoinHandle};

use log_core::Position;

use super::Corpus;
use super::touched::Rows;
use crate::projection::{Applied, RecordRef, SKIPPED_KEPT_MAX, Skipped, Skips, Walked};
use crate::segments::Block;
use crate::wire::DecodeError;
use ahead::{Queue, Side};
use git::GitSide;
use github::GithubSide;
use piece::{Cursor, Piece};

/// The two folds can keep about two more threads busy.
const THREADS_MAX: usize = 4;

/// Less than so many bytes are folded on the thread that has them.
const TWO_THREADS_BYTES_MIN: usize = 1 << 20;

/// Where a piece ends that is taken apart and applied on one thread: it should be still in the processor's memory.
const HERE_BYTES: usize = 64 << 10;

/// Applies one record to both sides.
pub(super) fn apply(corpus: &mut Corpus, record: RecordRef<'_>) -> Applied {
    let mut record = Some(record);
    let walked = fold_here(
        corpus,
        |piece| record.take().map(|record| piece.push(record)).is_some(),
        Walked::default(),
    );
    let mut skips = Skips::default();
    for skipped in walked.kept {
        skips.push(skipped.reason);
    }
    skips.set_count(walked.skipped);
    Applied {
        recorded: walked.recorded,
        skips,
    }
}

/// Applies the records of blocks that were attached.
pub(super) fn fold(corpus: &mut Corpus, blocks: &[Block], from: Position) -> Walked {
    let bytes: usize = blocks.iter().map(|block| block.bytes.len()).sum();
    if bytes < TWO_THREADS_BYTES_MIN {
        return fold_blocks_here(corpus, blocks, from);
    }
    let before = (corpus.github.faults.len(), corpus.git.faults.len());
    let Corpus {
        github,
        git,
        segments,
        rules,
        touched,
    } = corpus;
    let mut touched = touched.as_deref_mut();
    // What git's side touches is noted apart, on its thread.
    let mut touched_of_git = touched.as_ref().map(|_| Rows::default());
    let rows_of_git = &mut touched_of_git;
    let (segments, rules) = (&*segments, &**rules);
    let queue = Queue::new(blocks, from, rules);
    let mut walked = Walked::from(from);
    let recorded = std::thread::scope(|scope| {
        let queue = &queue;
        // Should anything here come to a panic, the others must not wait for it.
        let _working = queue.working();
        let of_git = Builder::new().spawn_scoped(scope, move || {
            let mut side = GitSide::new(git, segments);
            queue.apply(Side::Git, |piece| side.apply(piece, rows_of_git.as_mut()));
            side.recorded
        });
        let of_git = of_git.ok()?;
        let others = 2..cores().min(THREADS_MAX);
        let other = |_| Builder::new().spawn_scoped(scope, || queue.take_apart());
        // Without them it takes longer.
        let others: Vec<_> = others.map_while(|number| other(number).ok()).collect();
        let mut side = GithubSide::new(github, segments, rules);
        queue.apply(Side::Github, |piece| {
            side.apply(piece, touched.as_deref_mut());
            piece.tell(&mut walked);
        });
        walked.recorded = side.recorded;
        others.into_iter().for_each(join);
        Some(join(of_git))
    });
    let Some(recorded) = recorded else {
        // The system has no thread for us.
        return fold_blocks_here(corpus, blocks, from);
    };
    if let (Some(touched), Some(of_git)) = (touched, touched_of_git) {
        touched.append(of_git);
    }
    walked.recorded = walked.recorded.max(recorded);
    walked.skipped = corpus.faults_after(before);
    walked.kept = corpus.faults_since(before);
    walked
}

/// What a thread gives. A panic there is one of ours: it goes on here.
fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Applies pieces on this thread, and notes what they touch if somebody wants to know. `next` adds to a piece, or says that
/// there is none.
fn fold_here<'a>(
    corpus: &mut Corpus,
    mut next: impl FnMut(&mut Piece<'a>) -> bool,
    mut walked: Walked,
) -> Walked {
    let before = (corpus.github.faults.len(), corpus.git.faults.len());
    let Corpus {
        github,
        git,
        segments,
        rules,
        touched,
    } = corpus;
    let mut touched = touched.as_deref_mut();
    let mut github = GithubSide::new(github, segments, rules);
    let mut git = GitSide::new(git, segments);
    let mut piece = Piece::default();
    while next(&mut piece) {
        piece.take_apart(rules);
        github.apply(&piece, touched.as_deref_mut());
        git.apply(&piece, touched.as_deref_mut());
        piece.tell(&mut walked);
        piece.clear();
    }
    walked.recorded = walked.recorded.max(github.recorded).max(git.recorded);
    walked.skipped = corpus.faults_after(before);
    walked.kept = corpus.faults_since(before);
    walked
}

/// Applies the records of blocks on this thread.
fn fold_blocks_here(corpus: &mut Corpus, blocks: &[Block], from: Position) -> Walked {
    let mut cursor = Cursor::new(blocks, from);
    fold_here(
        corpus,
        |piece| cursor.walk(HERE_BYTES, piece),
        Walked::from(from),
    )
}

fn at_byte(error: DecodeError) -> String {
    format!("byte {}", error.offset)
}

impl Corpus {
    /// How many faults there are after so many of both sides.
    fn faults_after(&self, (github, git): (u32, u32)) -> u64 {
        u64::from(self.github.faults.len() - github) + u64::from(self.git.faults.len() - git)
    }

    /// The first faults after so many of both sides, as every projection tells of them.
    fn faults_since(&self, (github, git): (u32, u32)) -> Vec<Skipped> {
        let texts = self.texts();
        let github = self.github.faults.iter_from(github, texts);
        let git = self.git.faults.iter_from(git, texts);
        let (github, git) = (github.take(SKIPPED_KEPT_MAX), git.take(SKIPPED_KEPT_MAX));
        let mut all: Vec<_> = github.chain(git).collect();
        all.sort_by_key(|fault| fault.at);
        all.truncate(SKIPPED_KEPT_MAX);
        let skipped = |fault: super::Fault| Skipped {
            at: fault.at,
            reason: fault.reason(),
        };
        all.into_iter().map(skipped).collect()
    }
}
