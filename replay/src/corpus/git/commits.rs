//! Folding commits in (spec/log-and-corpus.md 3.4).
//!
//! Depends on [`crate::notedb`] for what a raw commit says.

use proto::GitHash;

use super::{Git, commit_flag};
use crate::columns::{Chain, Key, List, NONE, Place, ROWS_MAX, Text};
use crate::corpus::fault::FaultKind;
use crate::corpus::record::Step;
use crate::notedb::commit::{BadCommit, BadSignature, ParsedCommit, Refused, parse_commit};
use crate::wire::GitCommit;

/// A commit of a mutation, taken apart.
pub(super) struct Read<'a> {
    pub(super) commit: &'a GitCommit<'a>,
    pub(super) hash: GitHash,
    pub(super) parsed: Result<ParsedCommit<'a>, Refused<'a>>,
}

/// Why a commit of a mutation is not stored.
pub(super) struct Unread {
    pub(super) kind: FaultKind,
    /// The original would panic.
    pub(super) is_fatal: bool,
}

/// Takes a commit apart.
pub(super) fn read<'a>(commit: &'a GitCommit<'a>, original: bool) -> Result<Read<'a>, Unread> {
    let name = commit.sha1.as_bytes();
    let Some(hash) = GitHash::from_hex(name) else {
        let is_fatal = name.len() == GitHash::HEX_LEN;
        let kind = match is_fatal {
            true => FaultKind::CommitNameNotHex,
            false => FaultKind::CommitName,
        };
        return Err(Unread { kind, is_fatal });
    };
    let parsed = parse_commit(commit.raw, original);
    if let Err(Refused { reason, .. }) = &parsed {
        let (kind, is_fatal) = kind_of(reason);
        // One that is only dropped leaves its parents.
        if is_fatal {
            return Err(Unread { kind, is_fatal });
        }
    }
    Ok(Read {
        commit,
        hash,
        parsed,
    })
}

/// What is wrong, and whether the original would panic.
fn kind_of(reason: &BadCommit) -> (FaultKind, bool) {
    match reason {
        BadCommit::NoMessage => (FaultKind::CommitWithoutMessage, true),
        BadCommit::NoHeader => (FaultKind::CommitWithoutHeader, false),
        BadCommit::Parent { .. } | BadCommit::Tree { .. } => (FaultKind::CommitBadHash, true),
        BadCommit::Person { source, .. } => match source {
            BadSignature::Zone => (FaultKind::CommitShortZone, true),
            _ => (FaultKind::CommitBadPerson, false),
        },
    }
}

impl Git {
    /// Stores a commit; one that is known, in full or as a parent, is overwritten in place. Gives its row, and
    /// whether it had other parents before; `None` if it is dropped.
    pub(super) fn put_commit(&mut self, step: &Step<'_>, read: &Read<'_>) -> Option<(u32, bool)> {
        let name = read.commit.sha1.as_bytes();
        let (parents, parsed) = match &read.parsed {
            Ok(parsed) => (&parsed.parents, Ok(parsed)),
            Err(refused) => (&refused.parents, Err(&refused.reason)),
        };
        let mut first = NONE;
        let mut more = List::default();
        for parent in parents.clone() {
            let Some(row) = self.commit_row(&parent) else {
                self.faults.add(&step.record, FaultKind::Full, name);
                return None;
            };
            if first == NONE {
                first = row;
            } else if parsed.is_ok() {
                more = self.commits.lists.push(more, row);
            }
        }
        let parsed = match parsed {
            Ok(parsed) => parsed,
            Err(reason) => {
                self.faults.add(&step.record, kind_of(reason).0, name);
                return None;
            }
        };
        if parsed.bad_person.is_some() {
            self.faults
                .add(&step.record, FaultKind::CommitBadPerson, name);
        }
        let Some(row) = self.commit_row(&read.hash) else {
            self.faults.add(&step.record, FaultKind::Full, name);
            return None;
        };
        let files = self.files(step, read.commit);
        let flags = self.commits.flags.get(row);
        let has_new_parents =
            flags & commit_flag::KNOWN != 0 && !self.has_parents(row, first, more);
        let commits = &mut self.commits;
        if flags & commit_flag::KNOWN == 0 {
            commits.known.add(1);
        }
        commits.flags.set(row, flags | commit_flag::KNOWN);
        commits.raw.set(row, step.record.text(read.commit.raw));
        // A record is shorter than 4 GiB.
        commits.message.set(row, parsed.message_start as u32);
        commits.files.set(row, files);
        commits.parent.set(row, first);
        if has_new_parents || commits.more_parents.get(row).len() == 0 {
            commits.more_parents.set(row, more);
        }
        Some((row, has_new_parents))
    }

    fn has_parents(&self, commit: u32, first: u32, more: List) -> bool {
        let lists = &self.commits.lists;
        self.commits.parent.get(commit) == first
            && lists
                .get(self.commits.more_parents.get(commit))
                .eq(lists.get(more))
    }

    /// Where the commit's diff tree is, in one piece.
    fn files(&mut self, step: &Step<'_>, commit: &GitCommit<'_>) -> Place {
        match commit.diff_tree.occurrences() {
            [] => Place::NOWHERE,
            [one] => step.record.place(one),
            several => self.add_extra(several.concat()),
        }
    }

    /// The commit's row; a placeholder's if it is new. `None` if no row is left.
    fn commit_row(&mut self, hash: &GitHash) -> Option<u32> {
        if let Some(row) = self.commit(hash) {
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
        commits.by_hash.insert(Key::of_hash(hash), row);
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
