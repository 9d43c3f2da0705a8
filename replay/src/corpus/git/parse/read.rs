//! A commit, taken apart. Depends on [`crate::wire`] and [`crate::notedb`].

use proto::GitHash;

use super::Unread;
use crate::columns::Key;
use crate::corpus::fault::FaultKind;
use crate::corpus::git::commit_flag;
use crate::notedb::commit::{
    BadCommit, BadSignature, Parents, ParsedCommit, Refused, parse_any, parse_usual,
};
use crate::notedb::meta::{self, Lines};
use crate::wire::{DiffTree, GitCommit};

/// A commit of a mutation, taken apart.
pub(in crate::corpus) struct Read<'a> {
    pub(in crate::corpus::git) name: &'a [u8],
    pub(in crate::corpus::git) hash: GitHash,
    pub(in crate::corpus::git) key: Key,
    pub(in crate::corpus::git) raw: &'a [u8],
    pub(in crate::corpus::git) files: DiffTree<'a>,
    pub(in crate::corpus::git) first_parent: Option<(GitHash, Key)>,
    /// The parents after the first; of a commit that is dropped, those before what is wrong with it.
    pub(in crate::corpus::git) more_parents: Parents<'a>,
    /// Why it is dropped.
    pub(in crate::corpus::git) refused: Option<FaultKind>,
    /// A line that should say who it was does not.
    pub(in crate::corpus::git) has_bad_person: bool,
    /// Where the message starts.
    pub(in crate::corpus::git) message: u32,
    /// When it was committed, in seconds since 1970.
    pub(super) committed: Option<i64>,
    /// Bits of [`commit_flag`]: what it says if it is a meta commit.
    pub(in crate::corpus::git) facts: u32,
}

impl<'a> Read<'a> {
    /// Takes a commit apart and adds it to others; says so if it cannot be.
    #[inline]
    pub(super) fn add(
        commit: &mut GitCommit<'a>,
        original: bool,
        commits: &mut Vec<Self>,
    ) -> Result<(), Unread<'a>> {
        let name = commit.sha1.as_bytes();
        let Some(hash) = GitHash::from_hex(name) else {
            return Err(Unread::of_name(name));
        };
        let read = commits.push_mut(Self {
            name,
            hash,
            key: Key::of_hash(&hash),
            raw: commit.raw,
            files: std::mem::take(&mut commit.diff_tree),
            first_parent: None,
            more_parents: Parents::NONE,
            refused: None,
            has_bad_person: false,
            message: 0,
            committed: None,
            facts: 0,
        });
        match parse_usual(commit.raw) {
            Some(parsed) => read.take(parsed),
            None => {
                let unread = read.take_any(original);
                unread.inspect_err(|_| drop(commits.pop()))?;
            }
        }
        Ok(())
    }

    /// Takes in what its raw text says.
    #[inline(always)]
    fn take(&mut self, parsed: ParsedCommit<'a>) {
        self.has_bad_person = parsed.bad_person.is_some();
        // A record is shorter than 4 GiB.
        self.message = parsed.message_start as u32;
        self.committed = parsed.committer.map(|by| by.unix_seconds);
        self.facts = facts(parsed.message);
        let (first, more) = parsed.split_parents();
        self.first_parent = first.map(with_key);
        self.more_parents = more;
    }

    /// The same, whatever the raw text is.
    #[cold]
    fn take_any(&mut self, original: bool) -> Result<(), Unread<'a>> {
        match parse_any(self.raw, original) {
            Ok(parsed) => self.take(parsed),
            Err(Refused { parents, reason }) => {
                let (kind, is_fatal) = kind_of(&reason);
                if is_fatal {
                    return Err(Unread {
                        kind,
                        name: self.name,
                        is_fatal,
                    });
                }
                // One that is only dropped leaves its parents.
                self.more_parents = parents;
                self.refused = Some(kind);
                self.first_parent = self.more_parents.next().map(with_key);
            }
        }
        Ok(())
    }
}

/// A name, and its key.
fn with_key(hash: GitHash) -> (GitHash, Key) {
    (hash, Key::of_hash(&hash))
}

impl<'a> Unread<'a> {
    /// A commit whose name is none.
    #[cold]
    fn of_name(name: &'a [u8]) -> Self {
        let is_fatal = name.len() == GitHash::HEX_LEN;
        let kind = match is_fatal {
            true => FaultKind::CommitNameNotHex,
            false => FaultKind::CommitName,
        };
        Self {
            kind,
            name,
            is_fatal,
        }
    }
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

/// What a message says as a meta commit's, if it looks like one: all that Gerrit writes name the patch set.
fn facts(message: &[u8]) -> u32 {
    let lines = Lines::of(message);
    match lines.has_patch_set {
        true => facts_of(lines, message),
        false => 0,
    }
}

/// The same, whatever it looks like. Never 0.
pub(in crate::corpus::git) fn all_facts(message: &[u8]) -> u32 {
    facts_of(Lines::of(message), message)
}

fn facts_of(lines: Lines, message: &[u8]) -> u32 {
    let mut facts = commit_flag::HAS_FACTS;
    let mut note = |says: bool, bit: u32| facts |= if says { bit } else { 0 };
    note(lines.has_label, commit_flag::LABEL);
    note(lines.is_private, commit_flag::PRIVATE);
    let has_branch = lines.may_have_branch && meta::branch(message).is_some();
    note(has_branch, commit_flag::BRANCH);
    if lines.may_have_progress
        && let Some(is) = meta::work_in_progress(message)
    {
        note(true, commit_flag::SAYS_PROGRESS);
        note(is, commit_flag::IN_PROGRESS);
    }
    if let Some(status) = lines.status {
        note(true, commit_flag::SAYS_STATUS);
        facts |= (status as u32) << commit_flag::STATUS_SHIFT;
    }
    facts
}
