//! Folding commits in (spec/log-and-corpus.md 3.4).
//!
//! Depends on [`crate::notedb`] for what a raw commit says.

use proto::GitHash;

use super::parse::Read;
use super::{Git, commit_flag};
use crate::columns::{Chain, Key, List, NONE, Place, ROWS_MAX, Text};
use crate::corpus::fault::FaultKind;
use crate::corpus::record::Step;
use crate::wire::DiffTree;

/// A commit that was stored.
pub(super) struct Put {
    pub(super) row: u32,
    /// It was only somebody's parent before, or not there at all.
    pub(super) is_new: bool,
    /// Where a walk went on from it before, or [`NONE`].
    pub(super) old_parent: u32,
    /// It had others before, which never happens to a commit that has its name rightly.
    pub(super) has_new_parents: bool,
    /// It is in the history of a change, and was there before, word for word.
    pub(super) says_the_same: bool,
}

impl Git {
    /// Stores a commit; one that is known, in full or as a parent, is overwritten in place. `None` if it is dropped.
    pub(super) fn put_commit(&mut self, step: &Step<'_>, read: &Read<'_>) -> Option<Put> {
        let name = read.name;
        let Some((first, more)) = self.parent_rows(read) else {
            self.faults.add(&step.record, FaultKind::Full, name);
            return None;
        };
        if let Some(kind) = read.refused {
            self.faults.add(&step.record, kind, name);
            return None;
        }
        if read.has_bad_person {
            self.faults
                .add(&step.record, FaultKind::CommitBadPerson, name);
        }
        let Some(row) = self.commit_row(&read.hash, read.key) else {
            self.faults.add(&step.record, FaultKind::Full, name);
            return None;
        };
        let files = self.files(step, &read.files);
        let flags = self.commits.flags.get(row);
        let has_new_parents =
            flags & commit_flag::KNOWN != 0 && !self.has_parents(row, first, more);
        let is_in_history = self.commits.change.get(row) != NONE;
        let says_the_same = flags & commit_flag::KNOWN != 0
            && !has_new_parents
            && is_in_history
            && self.raw(self.texts(step.texts), row) == read.raw;
        let is_new = flags & commit_flag::KNOWN == 0;
        let commits = &mut self.commits;
        if is_new {
            commits.known.add(1);
        }
        // A walk ends at a merge.
        let old_parent = match commits.more_parents.get(row).len() {
            0 => commits.parent.get(row),
            _ => NONE,
        };
        let flags = flags & !commit_flag::FACTS | commit_flag::KNOWN | read.facts;
        commits.flags.set(row, flags);
        commits.raw.set(row, step.record.text(read.raw));
        commits.message.set(row, read.message);
        commits.files.set(row, files);
        commits.parent.set(row, first);
        if has_new_parents || commits.more_parents.get(row).len() == 0 {
            commits.more_parents.set(row, more);
        }
        Some(Put {
            row,
            is_new,
            old_parent,
            has_new_parents,
            says_the_same,
        })
    }

    /// The rows of a commit's parents: the first, or [`NONE`], and a list of the others. `None` if no row is left.
    fn parent_rows(&mut self, read: &Read<'_>) -> Option<(u32, List)> {
        let mut more = List::default();
        let Some((parent, key)) = &read.first_parent else {
            return Some((NONE, more));
        };
        let first = self.commit_row(parent, *key)?;
        for parent in read.more_parents.clone() {
            let row = self.commit_row(&parent, Key::of_hash(&parent))?;
            if read.refused.is_none() {
                more = self.commits.lists.push(more, row);
            }
        }
        Some((first, more))
    }

    fn has_parents(&self, commit: u32, first: u32, more: List) -> bool {
        let lists = &self.commits.lists;
        self.commits.parent.get(commit) == first
            && lists
                .get(self.commits.more_parents.get(commit))
                .eq(lists.get(more))
    }

    /// Where the commit's diff tree is, in one piece.
    fn files(&mut self, step: &Step<'_>, files: &DiffTree<'_>) -> Place {
        match files.occurrences() {
            [] => Place::NOWHERE,
            [one] => step.record.place(one),
            several => self.add_extra(several.concat()),
        }
    }

    /// The commit's row; a placeholder's if it is new. `None` if no row is left.
    fn commit_row(&mut self, hash: &GitHash, key: Key) -> Option<u32> {
        if let Some(row) = self.commit_of_key(hash, key) {
            return Some(row);
        }
        let commits = &mut self.commits;
        let row = Some(commits.hash.len()).filter(|row| *row < ROWS_MAX)?;
        commits.hash.push(*hash.as_bytes());
        commits.flags.push(0);
        commits.raw.push(Text::default());
        commits.message.push(0);
        commits.files.push(Place::NOWHERE);
        commits.parent.push(NONE);
        commits.more_parents.push(List::default());
        commits.change.push(NONE);
        commits.project.push(NONE);
        commits.memberships.push(Chain::EMPTY);
        commits.by_hash.insert(key, row);
        Some(row)
    }

    /// Notes that a project has a commit.
    pub(super) fn join(&mut self, project: u32, commit: u32) {
        if self.has_commit(project, commit) {
            return;
        }
        let commits = self.projects.commits.get(project);
        self.projects
            .commits
            .set(project, commits.saturating_add(1));
        if self.commits.project.get(commit) == NONE {
            return self.commits.project.set(commit, project);
        }
        let row = self.memberships.commit.len();
        if row == ROWS_MAX {
            return;
        }
        let chain = self.commits.memberships.get(commit);
        self.memberships.commit.push(commit);
        self.memberships.project.push(project);
        self.memberships.previous.push(chain.last);
        let key = Key::of_numbers(project, i64::from(commit));
        self.memberships.by_both.insert(key, row);
        self.commits.memberships.set(commit, chain.with(row));
    }

    /// Keeps bytes that are nowhere in the log in one piece.
    pub(super) fn add_extra(&mut self, bytes: Vec<u8>) -> Place {
        // A record is shorter than 4 GiB, and there are fewer records than 2³¹ commits.
        let place = Place {
            segment: Place::EXTRA + (self.extra.len() as u32 & (Place::EXTRA - 1)),
            offset: 0,
            len: bytes.len() as u32,
        };
        self.extra.push(bytes);
        place
    }
}
