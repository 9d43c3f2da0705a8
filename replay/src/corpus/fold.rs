//! The fold: which part of a record goes where, on one thread or on two.
//!
//! There are two folds, GitHub's and that of git and Gerrit, which know nothing of each other. Each applies its own parts
//! of a record alone, but for the rare record that has several kinds, which counts only if all of it is valid. What needs
//! no tables is done ahead by whichever thread has time (`fold/ahead.rs`). The order in which either side applies its
//! records is the log's, whatever the number of threads.

mod ahead;

use std::thread::{Builder, ScopedJoinHandle};

use log_core::Position;

use super::git::Git;
use super::git::parse::{Parsed, ParsedPart, Taken};
use super::github::Github;
use super::record::{Step, Texts};
use super::recorded;
use super::touched::{Rows, Unwatched};
use super::{Corpus, FaultKind, Rules};
use crate::projection::{
    Applied, BrokenFrame, RecordRef, SKIPPED_KEPT_MAX, Skipped, Skips, Walked, walk,
};
use crate::segments::{Block, Segments};
use crate::time::Time;
use crate::wire::{
    DecodeError, GithubIssueMutation, GithubMutation, Message as _, Parts, merge_part,
};
use ahead::{OfGithub, Queue, Side};

/// The two folds can keep about two more threads busy.
const THREADS_MAX: usize = 4;

/// Less than so many bytes are folded on the thread that has them.
const TWO_THREADS_BYTES_MIN: usize = 1 << 20;

/// Applies one record to both sides.
pub(super) fn apply(corpus: &mut Corpus, record: RecordRef<'_>) -> Applied {
    let walked = fold_here(corpus, std::iter::once(Ok(record)), Walked::default());
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
    if bytes < TWO_THREADS_BYTES_MIN || corpus.touched.is_some() {
        return fold_here(corpus, walk(blocks, from), Walked::from(from));
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
    let queue = Queue::new(blocks, from, rules);
    let mut walked = Walked::from(from);
    let recorded = std::thread::scope(|scope| {
        let queue = &queue;
        // Should anything here come to a panic, the others must not wait for it.
        let _working = queue.working();
        let of_git = Builder::new().spawn_scoped(scope, move || {
            let mut side = GitSide { git, segments };
            let mut recorded = None;
            queue.apply(Side::Git, |piece| {
                side.git.prefetch(&piece.taken);
                for parsed in piece.taken.iter() {
                    recorded = recorded.max(side.apply(&parsed, None));
                }
            });
            recorded
        });
        let of_git = of_git.ok()?;
        let others = 2..cores().min(THREADS_MAX);
        let other = |_| Builder::new().spawn_scoped(scope, || queue.take_apart());
        // Without them it takes longer.
        let others: Vec<_> = others.map_while(|number| other(number).ok()).collect();
        let mut side = GithubSide::new(github, segments, rules);
        queue.apply(Side::Github, |piece| {
            for OfGithub { record, only_issue } in &piece.of_github {
                let recorded = side.apply(*record, *only_issue, None);
                walked.recorded = walked.recorded.max(recorded);
            }
            walked.records += piece.count;
            walked.end = piece.end.unwrap_or(walked.end);
            walked.error = piece.error;
        });
        others.into_iter().for_each(join);
        Some(join(of_git))
    });
    let Some(recorded) = recorded else {
        // The system has no thread for us.
        return fold_here(corpus, walk(blocks, from), Walked::from(from));
    };
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

/// Applies records on this thread, and notes what they touch if somebody wants to know.
fn fold_here<'a>(
    corpus: &mut Corpus,
    records: impl Iterator<Item = Result<RecordRef<'a>, BrokenFrame>>,
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
    let mut git = GitSide { git, segments };
    let mut taken = Taken::default();
    for record in records {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                walked.error = Some(error);
                break;
            }
        };
        let of_github = github.apply(record, None, touched.as_deref_mut());
        walked.recorded = walked.recorded.max(of_github);
        taken.clear();
        if let Ok(parts) = Parts::split(record.payload) {
            taken.add(record, &parts, rules);
        }
        for parsed in taken.iter() {
            let of_git = git.apply(&parsed, touched.as_deref_mut());
            walked.recorded = walked.recorded.max(of_git);
        }
        walked.end = record.next;
        walked.records += 1;
    }
    walked.skipped = corpus.faults_after(before);
    walked.kept = corpus.faults_since(before);
    walked
}

/// GitHub's parts of a record, decoded. Many records are decoded into one, one after the other, so that its lists are
/// made once.
#[derive(Default)]
struct Decoded<'a> {
    issue: GithubIssueMutation<'a>,
    has_issue: bool,
    repo: GithubMutation<'a>,
    has_repo: bool,
    /// When the record was written, by its own account.
    said: Option<Time>,
    error: Option<DecodeError>,
}

impl<'a> Decoded<'a> {
    /// Decodes a payload, which may be known to have nothing but one part.
    fn decode(&mut self, payload: &'a [u8], only_issue: Option<&'a [u8]>) {
        (self.has_issue, self.has_repo, self.said) = (false, false, None);
        let decoded = match only_issue {
            Some(issue) => self.decode_issue(payload, issue),
            None => self.try_decode(payload),
        };
        self.error = decoded.err();
    }

    fn decode_issue(&mut self, payload: &'a [u8], issue: &'a [u8]) -> Result<(), DecodeError> {
        self.has_issue = true;
        self.issue.clear();
        merge_part(payload, issue, &mut self.issue)
    }

    fn try_decode(&mut self, payload: &'a [u8]) -> Result<(), DecodeError> {
        let parts = Parts::split(payload)?;
        let kinds = parts.kinds();
        if kinds > 1 {
            parts.check_all()?;
        }
        if parts.has_github() || kinds == 0 {
            self.said = recorded::of_meta(parts.meta()?.as_ref());
            self.has_issue = parts.decode_into(&parts.github_issue, &mut self.issue)?;
            self.has_repo = parts.decode_into(&parts.github, &mut self.repo)?;
        }
        Ok(())
    }
}

/// GitHub's side: what its records are decoded into, and what they are applied to.
struct GithubSide<'c, 'a> {
    decoded: Decoded<'a>,
    tables: GithubTables<'c>,
}

impl<'c, 'a> GithubSide<'c, 'a> {
    fn new(github: &'c mut Github, segments: &'c Segments, rules: &'c Rules) -> Self {
        Self {
            decoded: Decoded::default(),
            tables: GithubTables {
                github,
                segments,
                rules,
            },
        }
    }

    /// Decodes a record's parts, or the only one that it has, and applies them.
    fn apply(
        &mut self,
        record: RecordRef<'a>,
        only_issue: Option<&'a [u8]>,
        touched: Option<&mut Rows>,
    ) -> Option<Time> {
        self.decoded.decode(record.payload, only_issue);
        self.tables.apply(record, &self.decoded, touched)
    }
}

/// GitHub's tables, and what their fold looks at.
struct GithubTables<'c> {
    github: &'c mut Github,
    segments: &'c Segments,
    rules: &'c Rules,
}

impl GithubTables<'_> {
    /// Applies GitHub's parts of a record. This side also tells of what is no mutation at all, unless the record has
    /// only parts of the other side.
    fn apply(
        &mut self,
        record: RecordRef<'_>,
        decoded: &Decoded<'_>,
        touched: Option<&mut Rows>,
    ) -> Option<Time> {
        if let Some(error) = decoded.error {
            let (fault, about) = (FaultKind::NotAMutation, at_byte(error));
            self.github.faults.add_about(&record, fault, &about);
            // It counts as what `Projection::recorded` says of it, or the past would depend on where a fold began.
            return recorded::recorded(record.payload);
        }
        let issue = decoded.has_issue.then_some(&decoded.issue);
        let repo = decoded.has_repo.then_some(&decoded.repo);
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
        if let Some(issue) = issue {
            if scope.has_github(issue.owner, issue.repo) {
                self.github.apply_issue(&step, issue, touched);
            } else {
                self.github.learn_people(&step, issue);
            }
        }
        if let Some(repo) = repo.filter(|repo| scope.has_github(repo.owner, repo.repo)) {
            self.github.apply_repo(&step, repo, touched);
        }
        let by_content = || issue.and_then(recorded::of_issue);
        decoded.said.or_else(by_content)
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
    /// Applies a part of a record.
    fn apply(&mut self, parsed: &Parsed<'_, '_>, touched: Option<&mut Rows>) -> Option<Time> {
        let record = parsed.record;
        let step = Step {
            record,
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
        match &parsed.part {
            ParsedPart::Git(git) => self.git.apply_git(&step, git, touched),
            ParsedPart::Gerrit(gerrit) => self.git.apply_gerrit(&step, gerrit, touched),
            ParsedPart::OutOfScope => {}
            ParsedPart::Invalid(error) => {
                let fault = FaultKind::NotAMutation;
                self.git.faults.add_about(&record, fault, &at_byte(*error));
                return recorded::recorded(record.payload);
            }
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
