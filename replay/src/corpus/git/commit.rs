//! Reading commits. What is not in a cell is read from the commit's raw text and diff tree in the log, each time it is
//! asked for. Depends on the tables and on [`crate::notedb`].

use std::borrow::Cow;

use proto::GitHash;

use super::signature::Signature;
use super::{Git, commit_flag};
use crate::columns::NONE;
use crate::corpus::view::view;
use crate::corpus::{Cl, Corpus, GerritProject};
use crate::notedb::commit::{ParsedCommit, parse_commit};
use crate::notedb::message;
use crate::wire::{DiffTreeFiles, GitDiffTreeFile};

view! {
    /// A commit, of plain repositories and Gerrit projects alike.
    ///
    /// It is a *placeholder* while it is known only as somebody's parent: then it has a hash and nothing else.
    Commit
}

/// How much of a file a commit changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStat<'a> {
    /// Its name, as `git diff-tree --numstat` prints it.
    pub name: &'a str,
    /// Lines.
    pub added: i64,
    /// Lines.
    pub deleted: i64,
    /// It is not a text, and its lines were not counted.
    pub binary: bool,
}

impl Corpus {
    /// The commit, if it is known in full.
    pub fn commit(&self, hash: &GitHash) -> Option<Commit<'_>> {
        self.any_commit(hash)
            .filter(|commit| !commit.is_placeholder())
    }

    /// The commit, also if it is known only as somebody's parent.
    pub fn any_commit(&self, hash: &GitHash) -> Option<Commit<'_>> {
        let row = self.git.commit(hash)?;
        Some(Commit { corpus: self, row })
    }

    /// Whether [`Self::commit`] would find it.
    pub fn has_commit(&self, hash: &GitHash) -> bool {
        self.commit(hash).is_some()
    }

    /// All commits, placeholders too, in the order in which they were first heard of.
    pub fn commits(&self) -> impl ExactSizeIterator<Item = Commit<'_>> {
        (0..self.git.commits.hash.len()).map(|row| Commit { corpus: self, row })
    }
}

impl<'a> Commit<'a> {
    /// Its name.
    pub fn hash(&self) -> GitHash {
        GitHash::from_bytes(self.git().commits.hash.get(self.row))
    }

    /// Whether it is known only as somebody's parent.
    pub fn is_placeholder(&self) -> bool {
        self.git().commits.flags.get(self.row) & commit_flag::KNOWN == 0
    }

    /// Its tree; `None` if the commit does not say.
    pub fn tree(&self) -> Option<GitHash> {
        self.parsed()?.tree()
    }

    /// Its parents in order, whether or not they are known in full.
    pub fn parents(&self) -> impl ExactSizeIterator<Item = GitHash> + use<'a> {
        self.parent_commits().map(|parent| parent.hash())
    }

    /// The same, to go on from.
    pub fn parent_commits(&self) -> impl ExactSizeIterator<Item = Commit<'a>> + use<'a> {
        let corpus = self.corpus;
        let commits = &corpus.git.commits;
        let first = usize::from(commits.parent.get(self.row) != NONE);
        let left = first + commits.more_parents.get(self.row).len() as usize;
        let rows = corpus.git.parents(self.row);
        Counted { rows, left }.map(move |row| Commit { corpus, row })
    }

    /// Whether the other commit is a parent of this one, or a parent's parent, and so on.
    pub fn has_ancestor(&self, other: Commit<'_>) -> bool {
        self.git().has_ancestor(self.row, other.row)
    }

    /// Who wrote it, and when; `None` if the commit does not say.
    pub fn author(&self) -> Option<Signature<'a>> {
        self.parsed()?.author.map(Signature::new)
    }

    /// Who committed it, and when; `None` if the commit does not say.
    pub fn committer(&self) -> Option<Signature<'a>> {
        self.parsed()?.committer.map(Signature::new)
    }

    /// Who reviewed it: what its first line that starts with `Reviewer: ` says.
    pub fn reviewer(&self) -> Option<Cow<'a, str>> {
        self.reviewer_bytes().map(String::from_utf8_lossy)
    }

    /// The same as it was written.
    pub fn reviewer_bytes(&self) -> Option<&'a [u8]> {
        message::reviewer(self.message_bytes())
    }

    /// The message; what is not UTF-8 in it is replaced.
    pub fn message(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.message_bytes())
    }

    /// The message as it was written, in [`Self::encoding`].
    pub fn message_bytes(&self) -> &'a [u8] {
        self.git().message(self.corpus.texts(), self.row)
    }

    /// The encoding that the commit names for its texts; git's own, UTF-8, if `None`.
    pub fn encoding(&self) -> Option<&'a [u8]> {
        self.parsed()?.encoding
    }

    /// The message's first line, trimmed.
    pub fn summary(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(message::summary(self.message_bytes()))
    }

    /// The same, by the name that people have for it. (A [`Cl::subject`] may be of several lines.)
    pub fn subject(&self) -> Cow<'a, str> {
        self.summary()
    }

    /// The commit as `git cat-file commit` prints it.
    pub fn raw(&self) -> &'a [u8] {
        self.git().raw(self.corpus.texts(), self.row)
    }

    /// The difference to the only parent, by file name; empty for roots and merges.
    pub fn files(&self) -> impl ExactSizeIterator<Item = FileStat<'a>> + use<'a> {
        let mut files: Vec<FileStat<'a>> = self.recorded_files().collect();
        // Equal names stay in their order.
        files.sort_by_key(|file| file.name);
        files.into_iter()
    }

    /// Whether both change the same files by the same numbers of lines; two that change none do.
    pub fn same_diff_stat(&self, other: Commit<'_>) -> bool {
        self.files().eq(other.files())
    }

    /// The change in whose history of meta commits it is, if it is complete.
    pub fn meta_of(&self) -> Option<Cl<'a>> {
        self.meta_of_any().filter(Cl::is_complete)
    }

    /// The same, complete or not.
    pub(in crate::corpus) fn meta_of_any(&self) -> Option<Cl<'a>> {
        let row = self.git().commits.change.get(self.row);
        let corpus = self.corpus;
        (row != NONE).then_some(Cl { corpus, row })
    }

    /// The Gerrit projects that have it, by name.
    pub fn projects(&self) -> impl ExactSizeIterator<Item = GerritProject<'a>> + use<'a> {
        let (corpus, git) = (self.corpus, self.git());
        let project = |row| GerritProject { corpus, row };
        let mut projects = Vec::new();
        let first = git.commits.project.get(self.row);
        if first != NONE {
            let memberships = git.commits.memberships.get(self.row);
            let further = memberships.rows(&git.memberships.previous);
            projects.push(project(first));
            projects.extend(further.map(|row| project(git.memberships.project.get(row))));
            projects.sort_by_key(GerritProject::name);
        }
        projects.into_iter()
    }

    /// The files in the order of the record.
    fn recorded_files(&self) -> impl Iterator<Item = FileStat<'a>> + use<'a> {
        let place = self.git().commits.files.get(self.row);
        let files = DiffTreeFiles::new(self.corpus.texts().at(place));
        // What is not valid was not recorded.
        files.map_while(Result::ok).map(FileStat::from)
    }

    pub(in crate::corpus) fn parsed(&self) -> Option<ParsedCommit<'a>> {
        // What the original refuses was not recorded where it should be refused.
        parse_commit(self.raw(), false).ok()
    }

    fn git(&self) -> &'a Git {
        &self.corpus.git
    }
}

impl<'a> From<GitDiffTreeFile<'a>> for FileStat<'a> {
    fn from(file: GitDiffTreeFile<'a>) -> Self {
        Self {
            name: file.file,
            added: file.added,
            deleted: file.deleted,
            binary: file.binary,
        }
    }
}

/// Rows of which it is known how many they are.
struct Counted<I> {
    rows: I,
    left: usize,
}

impl<I: Iterator> Iterator for Counted<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.left = self.left.saturating_sub(1);
        self.rows.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<I: Iterator> ExactSizeIterator for Counted<I> {}

impl std::fmt::Debug for Commit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Commit({} {:?})", Commit::hash(self), self.summary())
    }
}
