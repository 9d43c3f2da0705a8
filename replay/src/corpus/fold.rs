//! The fold: which part of a record goes where, on one thread or on two.
//!
//! A record is taken apart once for GitHub and once for git and Gerrit; each side decodes its own parts alone, but for the
//! rare record that has several kinds, which counts only if all of it is valid. Of the two folds that of git and Gerrit is
//! the longer one; what of it needs no tables is done ahead by whichever thread has time (`fold/ahead.rs`). The order in
//! which either side applies its records is the log's, whatever the number of threads.

mod ahead;

use log_core::Position;

use super::git::Git;
use super::git::parse::parse;
use super::github::Github;
use super::record::{Step, Texts};
use super::recorded;
use super::touched::{Rows, Unwatched};
use super::{Corpus, FaultKind, Rules};
use crate::projection::{
    Applied, Projection as _, RecordRef, SKIPPED_KEPT_MAX, Skipped, Skips, Walked, walk,
};
use crate::segments::{Block, Segments};
use crate::time::Time;
use crate::wire::{DecodeError, Parts};
use ahead::{Item, Queue};

/// Less than so many bytes are folded on the thread that has them.
const TWO_THREADS_BYTES_MIN: usize = 1 << 20;

/// Applies one record to both sides.
pub(super) fn apply(corpus: &mut Corpus, record: RecordRef<'_>) -> Applied {
    let before = (corpus.github.faults.len(), corpus.git.faults.len());
    let Corpus {
        github,
        git,
        segments,
        rules,
        touched,
    } = corpus;
    let mut touched = touched.as_deref_mut();
    let mut side = GithubSide {
        github,
        segments,
        rules,
    };
    let of_github = side.apply(record, touched.as_deref_mut());
    let parsed = parse(record, rules).map(|parsed| Item { record, parsed });
    let of_git = parsed.and_then(|item| GitSide { git, segments }.apply(item, touched));
    let mut skips = Skips::default();
    if before != (corpus.github.faults.len(), corpus.git.faults.len()) {
        for skipped in corpus.faults_since(before) {
            skips.push(skipped.reason);
        }
        skips.set_count(corpus.faults_after(before));
    }
    Applied {
        recorded: of_github.max(of_git),
        skips,
    }
}

/// Applies the records of blocks that were attached.
pub(super) fn fold(corpus: &mut Corpus, blocks: &[Block], from: Position) -> Walked {
    let bytes: usize = blocks.iter().map(|block| block.bytes.len()).sum();
    if bytes < TWO_THREADS_BYTES_MIN || corpus.touched.is_some() {
        return one_by_one(corpus, blocks, from);
    }
    let before = (corpus.github.faults.len(), corpus.git.faults.len());
    let Corpus {
        github,
        git,
        segments,
        rules,
        ..
    } = corpus;
    let (segments, rules) = (&*segments, &**rules);
    let pieces = ahead::pieces(blocks);
    let queue = Queue::new(&pieces, from, rules);
    let (mut walked, recorded) = std::thread::scope(|scope| {
        let queue = &queue;
        let of_git = scope.spawn(move || {
            let mut side = GitSide { git, segments };
            let mut recorded = None;
            queue.for_each(|item| recorded = recorded.max(side.apply(item, None)));
            recorded
        });
        for _ in 2..cores() {
            scope.spawn(|| queue.parse_all());
        }
        let mut side = GithubSide {
            github,
            segments,
            rules,
        };
        let walked = walk_github(&mut side, &pieces, from, queue);
        // A panic in the other thread is one of ours: it goes on here.
        let recorded = of_git
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (walked, recorded)
    });
    walked.recorded = walked.recorded.max(recorded);
    walked.skipped = corpus.faults_after(before);
    walked.kept = corpus.faults_since(before);
    walked
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Folds GitHub's side, and in between takes records apart for the other side, which has more to do.
fn walk_github(
    side: &mut GithubSide<'_>,
    pieces: &[Block],
    from: Position,
    queue: &Queue<'_>,
) -> Walked {
    let mut walked = Walked::from(from);
    for (number, piece) in pieces.iter().enumerate() {
        if number % 2 == 1 {
            queue.parse_one();
        }
        for record in walk(std::slice::from_ref(piece), from) {
            match record {
                Ok(record) => {
                    walked.recorded = walked.recorded.max(side.apply(record, None));
                    walked.end = record.next;
                    walked.records += 1;
                }
                Err(error) => {
                    walked.error = Some(error);
                    return walked;
                }
            }
        }
    }
    queue.parse_all();
    walked
}

/// The default of [`crate::Projection::fold`].
fn one_by_one(corpus: &mut Corpus, blocks: &[Block], from: Position) -> Walked {
    let mut walked = Walked::from(from);
    for record in walk(blocks, from) {
        match record {
            Ok(record) => {
                let applied = corpus.apply(record);
                walked.take(&record, applied);
            }
            Err(error) => walked.error = Some(error),
        }
    }
    walked
}

/// GitHub's tables, and what their fold looks at.
struct GithubSide<'c> {
    github: &'c mut Github,
    segments: &'c Segments,
    rules: &'c Rules,
}

impl GithubSide<'_> {
    /// Applies GitHub's parts of a record. This side also tells of what is no mutation at all, unless the record has
    /// only parts of the other side.
    fn apply(&mut self, record: RecordRef<'_>, touched: Option<&mut Rows>) -> Option<Time> {
        match self.try_apply(record, touched) {
            Ok(time) => time,
            Err(error) => {
                let fault = FaultKind::NotAMutation;
                self.github
                    .faults
                    .add_about(&record, fault, &at_byte(error));
                // It counts as what `Projection::recorded` says of it, or the past would depend on where a fold began.
                recorded::recorded(record.payload)
            }
        }
    }

    fn try_apply(
        &mut self,
        record: RecordRef<'_>,
        touched: Option<&mut Rows>,
    ) -> Result<Option<Time>, DecodeError> {
        let parts = Parts::split(record.payload)?;
        let kinds = parts.kinds();
        let is_ours = !parts.github_issue.is_empty() || !parts.github.is_empty();
        if kinds > 1 {
            parts.check_all()?;
        }
        if !is_ours && kinds > 0 {
            return Ok(None);
        }
        let meta = parts.meta()?;
        let (issue, repo) = (parts.github_issue()?, parts.github()?);
        let step = Step {
            record,
            texts: Texts {
                segments: self.segments,
                extra: None,
            },
        };
        let scope = &self.rules.scope;
        let mut unwatched = Unwatched;
        let touched: &mut dyn super::github::apply::Touched = match touched {
            Some(rows) => rows,
            None => &mut unwatched,
        };
        if let Some(issue) = &issue {
            if scope.has_github(issue.owner, issue.repo) {
                self.github.apply_issue(&step, issue, touched);
            } else {
                self.github.learn_people(&step, issue);
            }
        }
        if let Some(repo) = repo.filter(|repo| scope.has_github(repo.owner, repo.repo)) {
            self.github.apply_repo(&step, &repo, touched);
        }
        let said = recorded::of_meta(meta.as_ref());
        Ok(said.or_else(|| issue.as_ref().and_then(recorded::of_issue)))
    }
}

fn at_byte(error: DecodeError) -> String {
    format!("byte {}", error.offset)
}

/// Git's and Gerrit's tables, and what their fold looks at.
struct GitSide<'c> {
    git: &'c mut Git,
    segments: &'c Segments,
}

impl GitSide<'_> {
    /// Applies git's and Gerrit's parts of a record.
    fn apply(&mut self, item: Item<'_>, touched: Option<&mut Rows>) -> Option<Time> {
        let parsed = match item.parsed {
            Ok(parsed) => parsed,
            Err(error) => {
                let fault = FaultKind::NotAMutation;
                let about = at_byte(error);
                self.git.faults.add_about(&item.record, fault, &about);
                return recorded::recorded(item.record.payload);
            }
        };
        let step = Step {
            record: item.record,
            texts: Texts {
                segments: self.segments,
                extra: None,
            },
        };
        let mut unwatched = Unwatched;
        let touched: &mut dyn super::git::apply::Touched = match touched {
            Some(rows) => rows,
            None => &mut unwatched,
        };
        if let Some(git) = &parsed.git {
            self.git.apply_git(&step, git, touched);
        }
        if let Some(gerrit) = &parsed.gerrit {
            self.git.apply_gerrit(&step, gerrit, touched);
        }
        parsed.recorded
    }
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
