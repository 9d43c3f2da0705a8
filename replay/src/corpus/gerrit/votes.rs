//! Votes on a change, added up over its metas. Depends on [`crate::notedb`] for what a meta says.

use super::{GerritProject, Meta};
use crate::corpus::Commit;
use crate::notedb::person::person_email;
use crate::notedb::votes::Votes as Sum;

pub use crate::notedb::votes::{NoVotes as VotesError, VotesByLabel as Votes};

/// The votes on a change while its metas are walked, oldest first.
pub(in crate::corpus) struct VotesWalk<'a> {
    sum: Sum<'a, Commit<'a>>,
    project: GerritProject<'a>,
}

impl<'a> VotesWalk<'a> {
    /// Before the first meta of a change of the project.
    pub(in crate::corpus) fn new(project: GerritProject<'a>) -> Self {
        Self {
            sum: Sum::new(project.corpus.rules().original_semantics),
            project,
        }
    }

    /// Adds the next meta.
    pub(in crate::corpus) fn step(&mut self, meta: Meta<'a>) {
        let commit = meta.commit();
        let author = commit.parsed().and_then(|commit| commit.author);
        let email = author.map(|author| person_email(author.person));
        let project = self.project;
        self.sum.apply_meta(
            email,
            commit.message_bytes(),
            |hash| project.commit(&hash),
            |old, new| old.same_diff_stat(*new),
        );
    }

    /// The votes after the metas so far.
    pub(in crate::corpus) fn votes(&self) -> Result<&Votes<'a>, VotesError> {
        self.sum.labels()
    }
}
