//! What can be found out of a record's git and Gerrit parts without the tables: any thread may do it, ahead of the fold.
//!
//! Depends on [`crate::wire`] and [`crate::notedb`].

mod read;

use proto::GitHash;

use crate::columns::Key;
use crate::corpus::fault::FaultKind;
use crate::corpus::{Rules, recorded};
use crate::notedb::change_ref::{ChangeRef, change_ref};
use crate::projection::RecordRef;
use crate::time::Time;
use crate::wire::{
    DecodeError, GerritMutation, GitMutation, GitRef, Message, Only, Part, Parts, empty, merge_part,
};

pub(super) use read::{Read, all_facts};

/// The git and Gerrit parts of many records, taken apart.
///
/// All of them are in a few lists, of which each part has the next few entries: many of these wait for their turn, and
/// are made by one thread and forgotten by another, so that lists of their own would cost more than everything else.
#[derive(Default)]
pub(in crate::corpus) struct Taken<'a> {
    parts: Vec<Entry<'a>>,
    commits: Vec<Read<'a>>,
    unread: Vec<Unread<'a>>,
    refs: Vec<ReadRef<'a>>,
    plain_refs: Vec<Part<'a, GitRef<'a>>>,
    deleted_refs: Vec<&'a str>,
    // Decoded into again and again.
    git: GitMutation<'a>,
    gerrit: GerritMutation<'a>,
    /// The project that refs were set of last, and its key.
    project: Option<(&'a str, Key)>,
}

/// A part of a record.
struct Entry<'a> {
    record: RecordRef<'a>,
    recorded: Option<Time>,
    content: Content<'a>,
    /// Where its entries end in each list; they begin where those of the part before end.
    ends: Ends,
}

/// What a part is.
#[derive(Clone, Copy)]
enum Content<'a> {
    /// The repository.
    Git(&'a str),
    /// The project.
    Gerrit(&'a str),
    /// It is of no interest, but for when it was written.
    OutOfScope,
    Invalid(DecodeError),
}

/// How much of each list of [`Taken`] is taken.
#[derive(Clone, Copy, Default)]
struct Ends {
    commits: u32,
    unread: u32,
    refs: u32,
    plain_refs: u32,
    deleted_refs: u32,
}

/// A part of a record, taken apart.
pub(in crate::corpus) struct Parsed<'t, 'a> {
    pub(in crate::corpus) record: RecordRef<'a>,
    /// When the record was written.
    pub(in crate::corpus) recorded: Option<Time>,
    pub(in crate::corpus) part: ParsedPart<'t, 'a>,
}

/// What a part is.
pub(in crate::corpus) enum ParsedPart<'t, 'a> {
    Git(ParsedGit<'t, 'a>),
    Gerrit(ParsedGerrit<'t, 'a>),
    /// It is of no interest, but for when it was written.
    OutOfScope,
    Invalid(DecodeError),
}

/// A commit of a plain repository, and what became of its refs.
pub(in crate::corpus) struct ParsedGit<'t, 'a> {
    pub(super) repo: &'a str,
    pub(super) commit: Option<&'t Read<'a>>,
    /// A commit that is not stored.
    pub(super) unread: Option<&'t Unread<'a>>,
    pub(super) refs: &'t [Part<'a, GitRef<'a>>],
    pub(super) deleted_refs: &'t [&'a str],
}

/// Commits and refs of a project.
pub(in crate::corpus) struct ParsedGerrit<'t, 'a> {
    pub(super) project: &'a str,
    pub(super) commits: &'t [Read<'a>],
    /// Commits that are dropped. Where one of them is fatal, the whole mutation is passed over: the original would panic.
    pub(super) unread: &'t [Unread<'a>],
    pub(super) refs: &'t [ReadRef<'a>],
    pub(super) deleted_refs: &'t [&'a str],
}

/// Something that is not stored, and why.
pub(in crate::corpus) struct Unread<'a> {
    pub(super) kind: FaultKind,
    pub(super) name: &'a [u8],
    /// The original would panic.
    pub(super) is_fatal: bool,
}

/// A ref of a project.
pub(in crate::corpus) struct ReadRef<'a> {
    pub(super) name: &'a [u8],
    pub(super) hash: GitHash,
    pub(super) key: Key,
    /// What its name makes it.
    pub(super) change: ChangeRef,
    /// The key of the change that it is of, and that of the patch set that it is.
    pub(super) change_key: Key,
    pub(super) patch_set_key: Key,
}

/// The key of a project's name.
pub(super) fn project_key(name: &[u8]) -> Key {
    Key::of_text(0, name)
}

/// The key of a change. It is known before its project's row is.
pub(super) fn change_key(project: Key, number: i32) -> Key {
    project.within(number, -1)
}

/// The key of a patch set.
pub(super) fn patch_set_key(project: Key, change: i32, version: i32) -> Key {
    project.within(change, i64::from(version))
}

impl<'a> ReadRef<'a> {
    fn new(project: Key, name: &'a [u8], hash: GitHash, key: Key) -> Self {
        let change = change_ref(name);
        let (change_key, patch_set_key) = match change {
            ChangeRef::Meta { change } => (change_key(project, change), Key::default()),
            ChangeRef::PatchSet { change, version } => (
                change_key(project, change),
                patch_set_key(project, change, version),
            ),
            _ => Default::default(),
        };
        Self {
            name,
            hash,
            key,
            change,
            change_key,
            patch_set_key,
        }
    }
}

impl<'a> Taken<'a> {
    /// Forgets everything but the memory, unless that is much.
    pub(in crate::corpus) fn clear(&mut self) {
        empty(&mut self.parts);
        empty(&mut self.commits);
        empty(&mut self.unread);
        empty(&mut self.refs);
        empty(&mut self.plain_refs);
        empty(&mut self.deleted_refs);
        self.git.clear();
        self.gerrit.clear();
    }

    /// The commits and the refs of changes that are named in the part of this number, if there are as many.
    pub(super) fn named(&self, part: usize) -> (&[Read<'a>], &[ReadRef<'a>]) {
        let Some(entry) = self.parts.get(part) else {
            return Default::default();
        };
        let before = part
            .checked_sub(1)
            .and_then(|before| self.parts.get(before));
        let (from, to) = (
            before.map_or(Ends::default(), |before| before.ends),
            entry.ends,
        );
        let commits = between(&self.commits, from.commits, to.commits);
        (commits, between(&self.refs, from.refs, to.refs))
    }

    /// Takes a record's parts apart. Nothing is added if it has none of git's or Gerrit's, or if it has several kinds and
    /// one of them is invalid, which the other side tells of.
    pub(in crate::corpus) fn add(
        &mut self,
        record: RecordRef<'a>,
        parts: &Parts<'a>,
        rules: &Rules,
    ) {
        if parts.git.is_empty() && parts.gerrit.is_empty() {
            return;
        }
        if parts.kinds() > 1 && parts.check_all().is_err() {
            return;
        }
        self.add_unless_invalid(record, |taken| {
            let said = recorded::of_meta(parts.meta()?.as_ref());
            if parts.decode_into(&parts.git, &mut taken.git)? {
                taken.add_git(record, said, rules);
            }
            if parts.decode_into(&parts.gerrit, &mut taken.gerrit)? {
                taken.add_gerrit(record, said, rules);
            }
            Ok(())
        });
    }

    /// Takes a record apart that has nothing but this part of a plain repository.
    pub(in crate::corpus) fn add_only_git(
        &mut self,
        record: RecordRef<'a>,
        only: Only<'a>,
        rules: &Rules,
    ) {
        let add = |taken: &mut Self, said| taken.add_git(record, said, rules);
        self.add_only(record, only, |taken| &mut taken.git, add);
    }

    /// The same for a part of a project.
    pub(in crate::corpus) fn add_only_gerrit(
        &mut self,
        record: RecordRef<'a>,
        only: Only<'a>,
        rules: &Rules,
    ) {
        let add = |taken: &mut Self, said| taken.add_gerrit(record, said, rules);
        self.add_only(record, only, |taken| &mut taken.gerrit, add);
    }

    /// Decodes the only part of a record into the message that is used for its kind, and adds that.
    #[inline]
    fn add_only<M: Message<'a>>(
        &mut self,
        record: RecordRef<'a>,
        only: Only<'a>,
        message: impl FnOnce(&mut Self) -> &mut M,
        add: impl FnOnce(&mut Self, Option<Time>),
    ) {
        self.add_unless_invalid(record, |taken| {
            let said = recorded::of_meta_in(record.payload, only.meta)?;
            let message = message(taken);
            message.clear();
            merge_part(record.payload, only.part, message)?;
            add(taken, said);
            Ok(())
        });
    }

    /// Adds what `add` adds of a record, or that it is invalid.
    #[inline]
    fn add_unless_invalid(
        &mut self,
        record: RecordRef<'a>,
        add: impl FnOnce(&mut Self) -> Result<(), DecodeError>,
    ) {
        let (first, before) = (self.parts.len(), self.ends());
        if let Err(error) = add(self) {
            self.parts.truncate(first);
            self.truncate(before);
            self.push(record, None, Content::Invalid(error));
        }
    }

    /// Adds the decoded part of a plain repository.
    fn add_git(&mut self, record: RecordRef<'a>, said: Option<Time>, rules: &Rules) {
        let before = self.ends();
        let repo = self.take_git(rules.original_semantics);
        let content = match rules.scope.has_git(repo) {
            true => Content::Git(repo),
            false => self.out_of_scope(before),
        };
        self.push(record, said, content);
    }

    /// Adds the decoded part of a project.
    fn add_gerrit(&mut self, record: RecordRef<'a>, said: Option<Time>, rules: &Rules) {
        let before = self.ends();
        self.take_gerrit(rules.original_semantics);
        let time = said.or_else(|| self.said_by_gerrit(before));
        let content = match rules.scope.has_gerrit(self.gerrit.project) {
            true => Content::Gerrit(self.gerrit.project),
            false => self.out_of_scope(before),
        };
        self.push(record, time, content);
    }

    fn out_of_scope(&mut self, before: Ends) -> Content<'a> {
        self.truncate(before);
        Content::OutOfScope
    }

    fn push(&mut self, record: RecordRef<'a>, recorded: Option<Time>, content: Content<'a>) {
        self.parts.push(Entry {
            record,
            recorded,
            content,
            ends: self.ends(),
        });
    }

    /// Takes the decoded mutation of a plain repository apart; gives the repository.
    fn take_git(&mut self, original: bool) -> &'a str {
        let git = &mut self.git;
        if let Some(mut commit) = git.commit.take()
            && let Err(unread) = Read::add(&mut commit, original, &mut self.commits)
        {
            self.unread.push(unread);
        }
        self.plain_refs.append(&mut git.refs);
        self.deleted_refs.append(&mut git.deleted_refs);
        git.repo.as_ref().map_or("", |repo| match repo.name {
            "" => repo.go_repo,
            name => name,
        })
    }

    /// Takes the decoded mutation of a project apart.
    fn take_gerrit(&mut self, original: bool) {
        let gerrit = &mut self.gerrit;
        for commit in &mut gerrit.commits {
            if let Err(unread) = Read::add(&mut commit.value, original, &mut self.commits) {
                self.unread.push(unread);
            }
        }
        let project = match self.project {
            Some((last, key)) if last == gerrit.project => key,
            _ => project_key(gerrit.project.as_bytes()),
        };
        self.project = Some((gerrit.project, project));
        for git_ref in &gerrit.refs {
            let name = git_ref.value.r#ref.as_bytes();
            let target = git_ref.value.sha1.as_bytes();
            // Most point to what comes with them.
            let last = self.commits.last().filter(|last| last.name == target);
            let known = last.map(|last| (last.hash, last.key));
            let read = || GitHash::from_hex(target).map(|hash| (hash, Key::of_hash(&hash)));
            match known.or_else(read) {
                Some((hash, key)) => self.refs.push(ReadRef::new(project, name, hash, key)),
                None => self.unread.push(Unread {
                    kind: FaultKind::RefBadHash,
                    name,
                    is_fatal: true,
                }),
            }
        }
        self.deleted_refs.append(&mut gerrit.deleted_refs);
    }

    /// The latest time that Gerrit said, in the commits from there on: of meta commits, which no author's clock has
    /// touched.
    fn said_by_gerrit(&self, from: Ends) -> Option<Time> {
        let commits = self.commits.iter().skip(from.commits as usize);
        // Those of a bad person are not read with the original's semantics, and this must not depend on that.
        let metas = commits.filter(|read| read.facts != 0 && !read.has_bad_person);
        let seconds = metas.filter_map(|read| read.committed).max();
        seconds.map(Time::from_unix_seconds)
    }

    fn ends(&self) -> Ends {
        // A piece of the log is shorter than 4 GiB.
        Ends {
            commits: self.commits.len() as u32,
            unread: self.unread.len() as u32,
            refs: self.refs.len() as u32,
            plain_refs: self.plain_refs.len() as u32,
            deleted_refs: self.deleted_refs.len() as u32,
        }
    }

    fn truncate(&mut self, to: Ends) {
        self.commits.truncate(to.commits as usize);
        self.unread.truncate(to.unread as usize);
        self.refs.truncate(to.refs as usize);
        self.plain_refs.truncate(to.plain_refs as usize);
        self.deleted_refs.truncate(to.deleted_refs as usize);
    }

    /// The parts, in the order of the records.
    pub(in crate::corpus) fn iter(&self) -> impl Iterator<Item = Parsed<'_, 'a>> {
        let mut start = Ends::default();
        self.parts.iter().map(move |entry| {
            let from = std::mem::replace(&mut start, entry.ends);
            Parsed {
                record: entry.record,
                recorded: entry.recorded,
                part: self.part(entry.content, from, entry.ends),
            }
        })
    }

    fn part(&self, content: Content<'a>, from: Ends, to: Ends) -> ParsedPart<'_, 'a> {
        let commits = between(&self.commits, from.commits, to.commits);
        let unread = between(&self.unread, from.unread, to.unread);
        let deleted_refs = between(&self.deleted_refs, from.deleted_refs, to.deleted_refs);
        match content {
            Content::Git(repo) => ParsedPart::Git(ParsedGit {
                repo,
                commit: commits.first(),
                unread: unread.first(),
                refs: between(&self.plain_refs, from.plain_refs, to.plain_refs),
                deleted_refs,
            }),
            Content::Gerrit(project) => ParsedPart::Gerrit(ParsedGerrit {
                project,
                commits,
                unread,
                refs: between(&self.refs, from.refs, to.refs),
                deleted_refs,
            }),
            Content::OutOfScope => ParsedPart::OutOfScope,
            Content::Invalid(error) => ParsedPart::Invalid(error),
        }
    }
}

fn between<T>(list: &[T], from: u32, to: u32) -> &[T] {
    list.get(from as usize..to as usize).unwrap_or_default()
}

/// The latest time that a Gerrit mutation says (see [`Taken::said_by_gerrit`]).
pub(in crate::corpus) fn recorded_by_gerrit(gerrit: GerritMutation<'_>) -> Option<Time> {
    let mut taken = Taken {
        gerrit,
        ..Taken::default()
    };
    taken.take_gerrit(false);
    taken.said_by_gerrit(Ends::default())
}
