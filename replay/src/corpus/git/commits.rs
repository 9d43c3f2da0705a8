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

/// The cells of what a commit says.
struct Says {
    /// Bits of [`commit_flag`].
    flags: u32,
    raw: Text,
    /// Where the message starts.
    message: u32,
    files: Place,
    /// The row of its first parent, or [`NONE`].
    first: u32,
    /// Those of the others.
    more: List,
}

impl Says {
    /// Of a commit that is only somebody's parent.
    const NOTHING: Self = Self {
        flags: 0,
        raw: Text::EMPTY,
        message: 0,
        files: Place::NOWHERE,
        first: NONE,
        more: List::EMPTY,
    };
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
        let known = self.commit_of_key(&read.hash, read.key);
        if known.is_none() && !self.has_room_for_commit() {
            self.faults.add(&step.record, FaultKind::Full, name);
            return None;
        }
        let says = Says {
            flags: commit_flag::KNOWN | read.facts,
            raw: step.record.text(read.raw),
            message: read.message,
            files: self.files(step, &read.files),
            first,
            more,
        };
        if let Some(row) = known {
            return Some(self.overwrite(step, row, &says, read.raw));
        }
        let row = self.add_commit(&read.hash, read.key, &says);
        self.commits.known.add(1);
        Some(Put {
            row,
            is_new: true,
            old_parent: NONE,
            has_new_parents: false,
            says_the_same: false,
        })
    }

    /// Takes over what a commit that is there, known or not, says now.
    fn overwrite(&mut self, step: &Step<'_>, row: u32, says: &Says, raw: &[u8]) -> Put {
        let flags = self.commits.flags.get(row);
        let is_new = flags & commit_flag::KNOWN == 0;
        let has_new_parents = !is_new && !self.has_parents(row, says.first, says.more);
        let is_in_history = self.commits.change.get(row) != NONE;
        let says_the_same = !is_new
            && !has_new_parents
            && is_in_history
            && self.raw(self.texts(step.texts), row) == raw;
        let commits = &mut self.commits;
        if is_new {
            commits.known.add(1);
        }
        // A walk ends at a merge.
        let old_parent = match commits.more_parents.get(row).len() {
            0 => commits.parent.get(row),
            _ => NONE,
        };
        let flags = flags & !commit_flag::FACTS | says.flags;
        commits.flags.set(row, flags);
        commits.raw.set(row, says.raw);
        commits.message.set(row, says.message);
        commits.files.set(row, says.files);
        commits.parent.set(row, says.first);
        if has_new_parents || commits.more_parents.get(row).len() == 0 {
            commits.more_parents.set(row, says.more);
        }
        Put {
            row,
            is_new,
            old_parent,
            has_new_parents,
            says_the_same,
        }
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
        self.has_room_for_commit()
            .then(|| self.add_commit(hash, key, &Says::NOTHING))
    }

    fn has_room_for_commit(&self) -> bool {
        self.commits.hash.len() < ROWS_MAX
    }

    /// Adds a commit that is not there, for which there is room.
    #[inline(never)]
    fn add_commit(&mut self, hash: &GitHash, key: Key, says: &Says) -> u32 {
        let commits = &mut self.commits;
        let row = commits.hash.len();
        commits.hash.push(*hash.as_bytes());
        commits.flags.push(says.flags);
        commits.raw.push(says.raw);
        commits.message.push(says.message);
        commits.files.push(says.files);
        commits.parent.push(says.first);
        commits.more_parents.push(says.more);
        commits.change.push(NONE);
        commits.project.push(NONE);
        commits.memberships.push(Chain::EMPTY);
        commits.by_hash.insert(key, row);
        row
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
