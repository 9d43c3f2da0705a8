//! The corpus: what the forges and repositories hold, folded from the `activity` stream (spec/log-and-corpus.md 3).
//!
//! It is two folds over the same records that know nothing of each other: one of GitHub, one of git and Gerrit. So two
//! threads make it at once, and it is the same whoever made it. Its tables are columns whose texts lie in the log
//! itself (`columns`). It is read through small borrowed views ([`Issue`], [`Cl`], [`Commit`], …), which
//! follow the original's API; where it differs from the original on purpose, replay/DIFFERENCES.md says so.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use forgelog_replay::{Corpus, CorpusOptions};
//! let mut live = Corpus::open("https://maintner.golang.org/logs", CorpusOptions::default()).await?;
//! let snapshot = live.snapshot();
//! let open = snapshot.state().github_repo("golang", "go").into_iter().flat_map(|repo| repo.issues());
//! println!("{} open issues", open.filter(|issue| !issue.is_closed()).count());
//! let news = live.update().await?;
//! println!("{} issues changed", news.issues.len());
//! # Ok(())
//! # }
//! ```

mod check;
mod counts;
pub mod dump;
pub mod fault;
mod fold;
pub mod gerrit;
mod git;
pub mod github;
pub(crate) mod record;
mod recorded;
pub mod scope;
pub mod touched;
mod view;

use std::sync::Arc;

use crate::columns::{BlockSink, BlockSource, NotStored, Stored as _};
use crate::projection::{Applied, Projection, RecordRef, Walked};
use crate::segments::{Block, Segments};
use crate::time::Time;
use git::Git;
use github::Github;
use record::Texts;

pub use check::Inconsistency;
pub use counts::Counts;
pub use dump::{DumpOptions, dump};
pub use fault::{Fault, FaultKind};
pub use gerrit::{Cl, GerritProject, Meta};
pub use git::ancestry::FirstParents;
pub use git::commit::{Commit, FileStat};
pub use git::repo::{Branch, Head, Ref, Repo};
pub use git::signature::Signature;
pub use github::view::{
    Comment, DismissedReview, Event, EventDetails, GithubRepo, GithubRepoId, Issue, IssueMilestone,
    Label, Milestone, Review, ReviewDetails, Team, User,
};
pub use scope::Scope;
pub use touched::Touched;

/// The projection of the `activity` stream.
#[derive(Default)]
pub struct Corpus {
    // Dozens of columns each: too much to be moved from hand to hand.
    github: Box<Github>,
    git: Box<Git>,
    segments: Segments,
    rules: Arc<Rules>,
    /// What was touched since somebody asked; only where somebody does.
    touched: Option<Box<touched::Rows>>,
}

/// How records are folded. The same log gives another corpus under other rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rules {
    /// Do as the original does also where it is wrong: see replay/DIFFERENCES.md.
    pub original_semantics: bool,
    /// What is kept of the log; everything, unless something is named.
    pub scope: Scope,
}

impl Rules {
    /// What identifies them in a checkpoint.
    pub(crate) fn as_text(&self) -> String {
        format!(
            "original_semantics={} {}",
            self.original_semantics,
            self.scope.as_text()
        )
    }
}

impl Corpus {
    /// An empty corpus under these rules.
    pub fn with_rules(rules: Rules) -> Self {
        Self {
            rules: Arc::new(rules),
            ..Self::default()
        }
    }

    /// The rules that it was folded by.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Everything that made no sense, in the order of the log.
    pub fn faults(&self) -> impl Iterator<Item = Fault> {
        let github = self.github.faults.iter(self.texts());
        let git = self.git.faults.iter(self.texts());
        let (mut github, mut git) = (github.peekable(), git.peekable());
        std::iter::from_fn(move || match (github.peek(), git.peek()) {
            (Some(a), Some(b)) if b.at < a.at => git.next(),
            (Some(_), _) => github.next(),
            (None, _) => git.next(),
        })
    }

    /// How many there are of [`Corpus::faults`].
    pub fn fault_count(&self) -> u64 {
        u64::from(self.github.faults.len()) + u64::from(self.git.faults.len())
    }

    /// Gives all pages to a checkpoint.
    pub(crate) fn save_pages(&self, sink: &mut dyn BlockSink) {
        self.github.save(sink);
        self.git.save(sink);
    }

    /// Takes the pages of a checkpoint that was made by these rules.
    pub(crate) fn of_pages(source: &mut BlockSource<'_>, rules: Rules) -> Result<Self, NotStored> {
        Ok(Self {
            github: Box::new(Github::load(source)?),
            git: Box::new(Git::load(source)?),
            ..Self::with_rules(rules)
        })
    }

    /// All bytes that cells can mean.
    pub(crate) fn texts(&self) -> Texts<'_> {
        Texts {
            segments: &self.segments,
            extra: Some(&self.git.extra),
        }
    }

    pub(crate) fn segments(&self) -> &Segments {
        &self.segments
    }

    /// Makes bytes known that cells point at.
    pub(crate) fn attach_bytes(&mut self, block: &Block) {
        self.segments.attach(block);
    }
}

impl std::fmt::Debug for Corpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Corpus")
            .field("issues", &self.github.issues.repo.len())
            .field("commits", &self.git.commits.hash.len())
            .finish_non_exhaustive()
    }
}

impl Projection for Corpus {
    fn snapshot(&mut self) -> Self {
        Self {
            github: Box::new(self.github.freeze()),
            git: Box::new(self.git.freeze()),
            segments: self.segments.clone(),
            rules: Arc::clone(&self.rules),
            touched: None,
        }
    }

    fn again(&self) -> Self {
        Self {
            github: Box::new(self.github.again()),
            git: Box::new(self.git.again()),
            segments: self.segments.clone(),
            rules: Arc::clone(&self.rules),
            touched: None,
        }
    }

    fn empty(&self) -> Self {
        Self {
            rules: Arc::clone(&self.rules),
            ..Self::default()
        }
    }

    fn attach(&mut self, block: &Block) {
        self.segments.attach(block);
    }

    fn segments(&self) -> Option<&Segments> {
        Some(&self.segments)
    }

    fn watch(&mut self) {
        self.touched.get_or_insert_default();
    }

    fn touched(&mut self) -> Touched {
        self.take_touched()
    }

    fn recorded(record: RecordRef<'_>) -> Option<Time> {
        recorded::recorded(record.payload)
    }

    fn apply(&mut self, record: RecordRef<'_>) -> Applied {
        fold::apply(self, record)
    }

    fn fold(&mut self, blocks: &[Block], from: log_core::Position) -> Walked {
        fold::fold(self, blocks, from)
    }
}
