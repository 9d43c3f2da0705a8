//! A change of a Gerrit project.

use std::borrow::Cow;

use super::{GerritProject, HashtagSet, IssueRef, Message, Meta, Status, TryStatus};
use super::{Votes, VotesError};
use crate::columns::{Moment, NONE};
use crate::corpus::Commit;
use crate::corpus::git::change_flag;
use crate::corpus::git::signature::Signature;
use crate::corpus::view::view;
use crate::notedb::{issue_ref, message, meta};
use crate::time::Time;

view! {
    /// A change of a Gerrit project (Gerrit's word is "change", its users' is CL), with all its patch sets.
    Cl
}

/// What a cell says, without looking at any text.
impl<'a> Cl<'a> {
    /// The project whose change it is.
    pub fn project(&self) -> GerritProject<'a> {
        GerritProject {
            corpus: self.corpus,
            row: self.corpus.git.changes.project.get(self.row),
        }
    }

    /// Its number on the server.
    pub fn number(&self) -> i32 {
        self.corpus.git.changes.number.get(self.row)
    }

    /// The number of its patch set: of the one that was recorded last, which need not be the largest.
    pub fn version(&self) -> i32 {
        self.corpus.git.changes.version.get(self.row)
    }

    /// When it was made: when its oldest meta was committed.
    pub fn created(&self) -> Option<Time> {
        self.created_moment().time()
    }

    pub(in crate::corpus) fn created_moment(&self) -> Moment {
        self.corpus.git.changes.created.get(self.row)
    }

    /// The number of the account that made it; `None` if its oldest meta names none.
    pub fn owner_id(&self) -> Option<i64> {
        self.owner_number().filter(|number| *number != -1)
    }

    /// The same as the original has it: -1 if there is an author without a number, `None` if there is no author.
    pub(in crate::corpus) fn owner_number(&self) -> Option<i64> {
        let is_known = !self.has_flag(change_flag::NO_OWNER);
        is_known.then(|| self.corpus.git.changes.owner.get(self.row))
    }

    /// Whether it is new, merged, …
    pub fn status(&self) -> Status {
        Status::from_number(self.corpus.git.changes.status.get(self.row))
    }

    /// Whether it was ever made private: then treat it as if it did not exist.
    pub fn is_private(&self) -> bool {
        self.has_flag(change_flag::PRIVATE)
    }

    /// Whether its owner still works on it.
    pub fn is_work_in_progress(&self) -> bool {
        self.has_flag(change_flag::WORK_IN_PROGRESS)
    }

    /// Whether it waits for something: it is new, and not private.
    pub fn is_open(&self) -> bool {
        self.status() == Status::New && !self.is_private()
    }

    /// The branch that it is for, without `refs/heads/`; empty if no meta says it.
    pub fn branch(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.branch_bytes())
    }

    /// The same as it was written.
    pub fn branch_bytes(&self) -> &'a [u8] {
        self.corpus.bytes(&self.corpus.git.changes.branch, self.row)
    }

    /// Whether it has a patch set and a history.
    pub(in crate::corpus) fn is_complete(&self) -> bool {
        let changes = &self.corpus.git.changes;
        self.has_flag(change_flag::HISTORY)
            && changes.meta.get(self.row) != NONE
            && changes.commit.get(self.row) != NONE
    }

    fn has_flag(&self, flag: u32) -> bool {
        self.corpus.git.changes.flags.get(self.row) & flag != 0
    }
}

/// What its patch sets say.
impl<'a> Cl<'a> {
    /// The commit of its patch set [`Self::version`].
    pub fn commit(&self) -> Commit<'a> {
        self.commit_at(self.corpus.git.changes.commit.get(self.row))
    }

    /// The commit of a patch set from 1 to [`Self::version`], if the project has it.
    pub fn commit_at_version(&self, version: i32) -> Option<Commit<'a>> {
        if version < 1 || version > self.version() {
            return None;
        }
        self.patch_set(version)
    }

    fn patch_set(&self, version: i32) -> Option<Commit<'a>> {
        let git = &self.corpus.git;
        let row = git.patch_set(self.corpus.texts(), self.row, version)?;
        let commit = git.patch_sets.commit.get(row);
        let has_it = git.has_commit(git.changes.project.get(self.row), commit);
        has_it.then(|| self.commit_at(commit))
    }

    /// Everything that [`Self::commit_at_version`] gives, by version.
    pub fn patch_sets(
        &self,
    ) -> impl DoubleEndedIterator<Item = (i32, Commit<'a>)> + ExactSizeIterator + use<'a> {
        let git = &self.corpus.git;
        let chain = git.changes.patch_sets.get(self.row);
        let rows = chain.rows(&git.patch_sets.previous);
        let versions = rows.map(|row| git.patch_sets.version.get(row));
        let mut sets: Vec<_> = versions
            .filter_map(|version| Some((version, self.commit_at_version(version)?)))
            .collect();
        sets.sort_unstable_by_key(|(version, _)| *version);
        sets.into_iter()
    }

    /// The first paragraph of its commit message, in one line.
    pub fn subject(&self) -> Cow<'a, str> {
        match self.subject_bytes() {
            Cow::Borrowed(subject) => String::from_utf8_lossy(subject),
            Cow::Owned(subject) => String::from_utf8_lossy(&subject).into_owned().into(),
        }
    }

    /// The same as it was written.
    pub fn subject_bytes(&self) -> Cow<'a, [u8]> {
        message::subject(self.commit().message_bytes())
    }

    /// What the first line that starts with `key` in its commit message says. A key ends in a colon; one that does not
    /// is nowhere.
    pub fn footer(&self, key: &str) -> Option<Cow<'a, str>> {
        let value = message::commit_footer(self.commit().message_bytes(), key.as_bytes());
        value.map(String::from_utf8_lossy)
    }

    /// Its name in the commit message, `I` and 40 more characters.
    pub fn change_id(&self) -> Option<Cow<'a, str>> {
        self.change_id_bytes().map(String::from_utf8_lossy)
    }

    /// The same as it was written.
    pub fn change_id_bytes(&self) -> Option<&'a [u8]> {
        message::change_id(self.commit().message_bytes())
    }

    /// Who wrote the commit of patch set 1, if the project has that.
    pub fn owner(&self) -> Option<Signature<'a>> {
        self.patch_set(1)?.author()
    }

    /// The GitHub issues that its commit message speaks of, in order, each once.
    pub fn github_refs(&self) -> Vec<IssueRef<'a>> {
        // Nobody looked when there was nothing to see yet.
        if self.has_flag(change_flag::UNREAD) {
            return Vec::new();
        }
        let project = self.project().name().as_bytes();
        issue_ref::github_refs(self.commit().message_bytes(), project)
    }

    /// Whether its commit message speaks of a GitHub issue, whose owner and repository are in lower case.
    pub fn references(&self, owner: &str, repo: &str, number: i32) -> bool {
        let is_it = |issue: &IssueRef<'_>| {
            issue.number == number
                && *issue.owner == *owner.as_bytes()
                && *issue.repo == *repo.as_bytes()
        };
        self.github_refs().iter().any(is_it)
    }

    fn commit_at(&self, row: u32) -> Commit<'a> {
        let corpus = self.corpus;
        Commit { corpus, row }
    }
}

/// What its metas say.
impl<'a> Cl<'a> {
    /// The newest meta.
    pub fn meta(&self) -> Meta<'a> {
        self.meta_at(self.corpus.git.changes.meta.get(self.row))
    }

    /// The oldest meta.
    pub fn oldest_meta(&self) -> Meta<'a> {
        self.meta_at(self.corpus.git.changes.oldest.get(self.row))
    }

    /// How many metas there are.
    pub fn meta_count(&self) -> usize {
        self.corpus.git.changes.metas.get(self.row) as usize
    }

    /// All metas, oldest first.
    pub fn metas(&self) -> impl DoubleEndedIterator<Item = Meta<'a>> + ExactSizeIterator + use<'a> {
        let cl = *self;
        let mut metas = Vec::with_capacity(self.meta_count());
        metas.extend(self.back_from(self.meta().commit));
        let metas = metas.into_iter().rev();
        metas.map(move |commit| Meta { cl, commit })
    }

    /// The messages, oldest first.
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = Message<'a>> + use<'a> {
        self.metas().filter_map(|meta| {
            let said = meta::meta_message(meta.commit.message_bytes())?;
            Some(Message { meta, said })
        })
    }

    /// Its hashtags.
    pub fn hashtags(&self) -> HashtagSet<'a> {
        self.meta().hashtags()
    }

    /// The votes on it. It reads all metas.
    ///
    /// # Errors
    /// Only with the original's semantics, where the original has no answer.
    pub fn votes(&self) -> Result<Votes<'a>, VotesError> {
        self.meta().label_votes()
    }

    /// What tests asked for and answered on its patch set [`Self::version`], as the votes in messages tell it.
    pub fn try_status(&self) -> TryStatus {
        let messages = self.messages().map(|message| message.said);
        meta::try_status(messages, self.version())
    }

    /// The commits from a meta back to the oldest.
    pub(super) fn back_from(&self, meta: Commit<'a>) -> impl Iterator<Item = Commit<'a>> + use<'a> {
        let (corpus, parents) = (self.corpus, &self.corpus.git.commits.parent);
        let next = |row: u32| (row != NONE).then_some(row);
        let rows = std::iter::successors(Some(meta.row), move |row| next(parents.get(*row)));
        rows.map(move |row| Commit { corpus, row })
    }

    fn meta_at(&self, row: u32) -> Meta<'a> {
        let cl = *self;
        let commit = self.commit_at(row);
        Meta { cl, commit }
    }
}

impl std::fmt::Debug for Cl<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cl({}~{})", self.project().name(), self.number())
    }
}
