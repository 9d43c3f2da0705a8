//! The fold: which part of a record goes where, on one thread or on two.
//!
//! A record is taken apart once for GitHub and once for git and Gerrit; each side decodes its own parts alone, but for the
//! rare record that has several kinds, which counts only if all of it is valid.

use log_core::Position;

use super::git::Git;
use super::github::Github;
use super::record::{Step, Texts};
use super::recorded;
use super::touched::{Rows, Unwatched};
use super::{Corpus, FaultKind, Rules};
use crate::projection::{
    Applied, BrokenFrame, Projection as _, RecordRef, SKIPPED_KEPT_MAX, Skipped, Skips, Walked,
    walk,
};
use crate::segments::{Block, Segments};
use crate::time::Time;
use crate::wire::{DecodeError, Parts};

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
    let of_github = GithubSide {
        github,
        segments,
        rules,
    }
    .apply(record, touched.as_deref_mut());
    let of_git = GitSide {
        git,
        segments,
        rules,
    }
    .apply(record, touched);
    let mut skips = Skips::default();
    if before != (corpus.github.faults.len(), corpus.git.faults.len()) {
        for skipped in corpus.faults_since(before).into_iter() {
            skips.push(skipped.reason);
        }
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
    let (mut walked, recorded) = std::thread::scope(|scope| {
        let of_git = scope.spawn(move || {
            let mut side = GitSide {
                git,
                segments,
                rules,
            };
            walk_all(blocks, from, |record| side.apply(record, None)).recorded
        });
        let mut side = GithubSide {
            github,
            segments,
            rules,
        };
        let walked = walk_all(blocks, from, |record| side.apply(record, None));
        // A panic in the other thread is one of ours: it goes on here.
        let recorded = of_git
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (walked, recorded)
    });
    walked.recorded = walked.recorded.max(recorded);
    let after = (corpus.github.faults.len(), corpus.git.faults.len());
    walked.skipped = u64::from(after.0 - before.0) + u64::from(after.1 - before.1);
    walked.kept = corpus.faults_since(before);
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

/// Walks the records of one side.
fn walk_all(
    blocks: &[Block],
    from: Position,
    mut apply: impl FnMut(RecordRef<'_>) -> Option<Time>,
) -> Walked {
    let mut walked = Walked::from(from);
    for record in walk(blocks, from) {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let BrokenFrame { .. } = error;
                walked.error = Some(error);
                break;
            }
        };
        walked.recorded = walked.recorded.max(apply(record));
        walked.end = record.next;
        walked.records += 1;
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
                None
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
        if let Some(issue) = &issue {
            if scope.has_github(issue.owner, issue.repo) {
                let row = self.github.apply_issue(&step, issue);
                if let (Some(row), Some(touched)) = (row, touched) {
                    touched.issue(row);
                }
            } else {
                self.github.learn_people(&step, issue);
            }
        }
        if let Some(repo) = repo.filter(|repo| scope.has_github(repo.owner, repo.repo)) {
            self.github.apply_repo(&step, &repo);
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
    rules: &'c Rules,
}

impl GitSide<'_> {
    /// Applies git's and Gerrit's parts of a record.
    fn apply(&mut self, record: RecordRef<'_>, touched: Option<&mut Rows>) -> Option<Time> {
        // What can't be split, the other side tells of.
        let parts = Parts::split(record.payload).ok()?;
        if parts.git.is_empty() && parts.gerrit.is_empty() {
            return None;
        }
        let outcome = match parts.kinds() {
            1 => self.try_apply(&record, &parts, touched),
            _ => {
                // Likewise.
                parts.check_all().ok()?;
                self.try_apply(&record, &parts, touched)
            }
        };
        match outcome {
            Ok(time) => time,
            Err(error) => {
                let fault = FaultKind::NotAMutation;
                self.git.faults.add_about(&record, fault, &at_byte(error));
                None
            }
        }
    }

    fn try_apply(
        &mut self,
        record: &RecordRef<'_>,
        parts: &Parts<'_>,
        touched: Option<&mut Rows>,
    ) -> Result<Option<Time>, DecodeError> {
        let meta = parts.meta()?;
        let (git, gerrit) = (parts.git()?, parts.gerrit()?);
        let step = Step {
            record: *record,
            texts: Texts {
                segments: self.segments,
                extra: None,
            },
        };
        let original = self.rules.original_semantics;
        let scope = &self.rules.scope;
        let mut unwatched = Unwatched;
        let touched: &mut dyn super::git::apply::Touched = match touched {
            Some(rows) => rows,
            None => &mut unwatched,
        };
        if let Some(git) = &git {
            let name = git.repo.as_ref().map_or("", |repo| match repo.name {
                "" => repo.go_repo,
                name => name,
            });
            if scope.has_git(name) {
                self.git.apply_git(&step, git, original, touched);
            }
        }
        if let Some(gerrit) = gerrit
            .as_ref()
            .filter(|gerrit| scope.has_gerrit(gerrit.project))
        {
            self.git.apply_gerrit(&step, gerrit, original, touched);
        }
        let said = recorded::of_meta(meta.as_ref());
        Ok(said.or_else(|| gerrit.as_ref().and_then(recorded::of_gerrit)))
    }
}

impl Corpus {
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
