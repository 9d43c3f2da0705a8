//! What can be found out of a record's git and Gerrit parts without the tables: any thread may do it, ahead of the fold.
//!
//! Depends on [`crate::wire`] and [`crate::notedb`].

use proto::GitHash;

use super::commit_flag;
use crate::corpus::fault::FaultKind;
use crate::corpus::{Rules, recorded};
use crate::notedb::commit::{BadCommit, BadSignature, Parents, Refused, parse_commit};
use crate::notedb::meta;
use crate::projection::RecordRef;
use crate::time::Time;
use crate::wire::{
    DecodeError, DiffTree, GerritMutation, GitCommit, GitMutation, GitRef, Part, Parts,
};

/// The parts of a record, taken apart.
pub(in crate::corpus) struct Parsed<'a> {
    /// When it was written.
    pub(in crate::corpus) recorded: Option<Time>,
    // Boxed: many of these wait for their turn, and few have both.
    pub(in crate::corpus) git: Option<Box<ParsedGit<'a>>>,
    pub(in crate::corpus) gerrit: Option<Box<ParsedGerrit<'a>>>,
}

/// A commit of a plain repository, and what became of its refs.
pub(in crate::corpus) struct ParsedGit<'a> {
    pub(super) repo: &'a str,
    pub(super) commit: Option<Result<Read<'a>, Unread<'a>>>,
    pub(super) refs: Vec<Part<'a, GitRef<'a>>>,
    pub(super) deleted_refs: Vec<&'a str>,
}

/// Commits and refs of a project.
pub(in crate::corpus) struct ParsedGerrit<'a> {
    pub(super) project: &'a str,
    pub(super) commits: Vec<Read<'a>>,
    /// Commits that are dropped.
    pub(super) dropped: Vec<Unread<'a>>,
    /// Why the whole mutation is passed over: the original would panic.
    pub(super) refused: Option<Unread<'a>>,
    /// Names, and what they point to.
    pub(super) refs: Vec<(&'a str, GitHash)>,
    pub(super) deleted_refs: Vec<&'a str>,
}

/// A commit of a mutation, taken apart.
pub(super) struct Read<'a> {
    pub(super) name: &'a [u8],
    pub(super) hash: GitHash,
    pub(super) raw: &'a [u8],
    pub(super) files: DiffTree<'a>,
    /// The parents; of a commit that is dropped, those before what is wrong with it.
    pub(super) parents: Parents<'a>,
    /// Why it is dropped.
    pub(super) refused: Option<FaultKind>,
    /// A line that should say who it was does not.
    pub(super) has_bad_person: bool,
    /// Where the message starts.
    pub(super) message: u32,
    /// When it was committed, in seconds since 1970.
    committed: Option<i64>,
    /// Bits of [`commit_flag`]: what it says if it is a meta commit.
    pub(super) facts: u32,
}

/// Something that is not stored, and why.
pub(super) struct Unread<'a> {
    pub(super) kind: FaultKind,
    pub(super) name: &'a [u8],
    /// The original would panic.
    is_fatal: bool,
}

/// Takes a record's parts apart; `None` if it has none of git's or Gerrit's, or if it has several kinds and one of them
/// is invalid, which the other side tells of.
pub(in crate::corpus) fn parse<'a>(
    record: RecordRef<'a>,
    rules: &Rules,
) -> Option<Result<Parsed<'a>, DecodeError>> {
    let parts = Parts::split(record.payload).ok()?;
    if parts.git.is_empty() && parts.gerrit.is_empty() {
        return None;
    }
    if parts.kinds() > 1 {
        parts.check_all().ok()?;
    }
    Some(parse_parts(&parts, rules))
}

fn parse_parts<'a>(parts: &Parts<'a>, rules: &Rules) -> Result<Parsed<'a>, DecodeError> {
    let meta = parts.meta()?;
    let original = rules.original_semantics;
    let git = parts.git()?.map(|git| Box::new(parse_git(git, original)));
    let gerrit = parts.gerrit()?;
    let gerrit = gerrit.map(|gerrit| Box::new(parse_gerrit(gerrit, original)));
    let said = recorded::of_meta(meta.as_ref());
    Ok(Parsed {
        recorded: said.or_else(|| gerrit.as_ref().and_then(|gerrit| gerrit.recorded())),
        git: git.filter(|git| rules.scope.has_git(git.repo)),
        gerrit: gerrit.filter(|gerrit| rules.scope.has_gerrit(gerrit.project)),
    })
}

fn parse_git(git: GitMutation<'_>, original: bool) -> ParsedGit<'_> {
    let repo = git.repo.as_ref().map_or("", |repo| match repo.name {
        "" => repo.go_repo,
        name => name,
    });
    ParsedGit {
        repo,
        commit: git.commit.map(|commit| read(commit, original)),
        refs: git.refs,
        deleted_refs: git.deleted_refs,
    }
}

pub(in crate::corpus) fn parse_gerrit(
    gerrit: GerritMutation<'_>,
    original: bool,
) -> ParsedGerrit<'_> {
    let mut parsed = ParsedGerrit {
        project: gerrit.project,
        commits: Vec::with_capacity(gerrit.commits.len()),
        dropped: Vec::new(),
        refused: None,
        refs: Vec::with_capacity(gerrit.refs.len()),
        deleted_refs: gerrit.deleted_refs,
    };
    for commit in gerrit.commits {
        match read(commit.value, original) {
            Ok(read) => parsed.commits.push(read),
            Err(unread) if unread.is_fatal => {
                parsed.refused.get_or_insert(unread);
            }
            Err(unread) => parsed.dropped.push(unread),
        }
    }
    for git_ref in &gerrit.refs {
        let name = git_ref.value.r#ref;
        match GitHash::from_hex(git_ref.value.sha1.as_bytes()) {
            Some(hash) => parsed.refs.push((name, hash)),
            None => {
                parsed.refused.get_or_insert(Unread {
                    kind: FaultKind::RefBadHash,
                    name: name.as_bytes(),
                    is_fatal: true,
                });
            }
        }
    }
    parsed
}

impl ParsedGerrit<'_> {
    /// The latest time that Gerrit said: of meta commits, which no author's clock has touched.
    pub(in crate::corpus) fn recorded(&self) -> Option<Time> {
        let metas = self.commits.iter().filter(|read| read.facts != 0);
        let seconds = metas.filter_map(|read| read.committed).max();
        seconds.map(Time::from_unix_seconds)
    }
}

/// Takes a commit apart.
fn read(commit: GitCommit<'_>, original: bool) -> Result<Read<'_>, Unread<'_>> {
    let name = commit.sha1.as_bytes();
    let Some(hash) = GitHash::from_hex(name) else {
        let is_fatal = name.len() == GitHash::HEX_LEN;
        let kind = match is_fatal {
            true => FaultKind::CommitNameNotHex,
            false => FaultKind::CommitName,
        };
        return Err(Unread {
            kind,
            name,
            is_fatal,
        });
    };
    let mut read = Read {
        name,
        hash,
        raw: commit.raw,
        files: commit.diff_tree,
        parents: Parents::NONE,
        refused: None,
        has_bad_person: false,
        message: 0,
        committed: None,
        facts: 0,
    };
    match parse_commit(commit.raw, original) {
        Ok(parsed) => {
            read.parents = parsed.parents;
            read.has_bad_person = parsed.bad_person.is_some();
            // A record is shorter than 4 GiB.
            read.message = parsed.message_start as u32;
            read.committed = parsed.committer.map(|by| by.unix_seconds);
            read.facts = facts(parsed.message);
        }
        Err(Refused { parents, reason }) => {
            let (kind, is_fatal) = kind_of(&reason);
            if is_fatal {
                return Err(Unread {
                    kind,
                    name,
                    is_fatal,
                });
            }
            // One that is only dropped leaves its parents.
            read.parents = parents;
            read.refused = Some(kind);
        }
    }
    Ok(read)
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
    match meta::names_patch_set(message) {
        true => all_facts(message),
        false => 0,
    }
}

/// The same, whatever it looks like. Never 0.
pub(super) fn all_facts(message: &[u8]) -> u32 {
    let mut facts = commit_flag::HAS_FACTS;
    let mut note = |says: bool, bit: u32| facts |= if says { bit } else { 0 };
    note(meta::has_label(message), commit_flag::LABEL);
    note(meta::is_private(message), commit_flag::PRIVATE);
    note(meta::branch(message).is_some(), commit_flag::BRANCH);
    if let Some(is) = meta::work_in_progress(message) {
        note(true, commit_flag::SAYS_PROGRESS);
        note(is, commit_flag::IN_PROGRESS);
    }
    if let Some(status) = meta::status(message) {
        note(true, commit_flag::SAYS_STATUS);
        facts |= (status as u32) << commit_flag::STATUS_SHIFT;
    }
    facts
}
