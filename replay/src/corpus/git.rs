//! Git's and Gerrit's tables: commits, the projects and repositories that have them, refs, changes.
//!
//! A commit's row says where its raw text and its diff tree are in the log; what is only shown of it is read from there.
//! What changes are filtered by, derived from their history of meta commits, is in their cells. Depends on
//! [`crate::columns`].

pub(in crate::corpus) mod ancestry;
pub(in crate::corpus) mod apply;
pub(in crate::corpus) mod commit;
pub(in crate::corpus) mod commits;
pub(in crate::corpus) mod history;
mod look_ahead;
pub(in crate::corpus) mod parse;
pub(in crate::corpus) mod refs;
pub(in crate::corpus) mod repo;
pub(in crate::corpus) mod signature;

use crate::columns::{Chain, Count, Index, Key, Moment, NONE, Pages, Place, Recent, Text, table};
use crate::corpus::fault::Faults;
use crate::corpus::record::Texts;
use proto::GitHash;

/// What is known of a commit, in bits.
pub(in crate::corpus) mod commit_flag {
    /// It was recorded; else it is only somebody's parent.
    pub(in crate::corpus) const KNOWN: u32 = 1;
    /// It is in the histories of several changes.
    pub(in crate::corpus) const SHARED: u32 = 2;
    /// The bits from here on say what its message does, as a meta commit's. Where it does not look like one, they are
    /// found out when they are needed.
    pub(in crate::corpus) const HAS_FACTS: u32 = 4;
    pub(in crate::corpus) const LABEL: u32 = 8;
    pub(in crate::corpus) const PRIVATE: u32 = 16;
    pub(in crate::corpus) const BRANCH: u32 = 32;
    pub(in crate::corpus) const SAYS_PROGRESS: u32 = 64;
    pub(in crate::corpus) const IN_PROGRESS: u32 = 128;
    pub(in crate::corpus) const SAYS_STATUS: u32 = 256;
    /// Two bits: a [`crate::notedb::meta::Status`].
    pub(in crate::corpus) const STATUS_SHIFT: u32 = 9;
    /// All of them.
    pub(in crate::corpus) const FACTS: u32 = (1 << 11) - HAS_FACTS;
}

/// What is known of a change, in bits.
pub(in crate::corpus) mod change_flag {
    /// Its metas can be walked from the head to the root.
    pub(in crate::corpus) const HISTORY: u32 = 1;
    pub(in crate::corpus) const PRIVATE: u32 = 2;
    pub(in crate::corpus) const WORK_IN_PROGRESS: u32 = 4;
    /// Its newest patch set was not known when its ref was set: nobody looked for issues in its message.
    pub(in crate::corpus) const UNREAD: u32 = 8;
    /// Whoever wrote its oldest meta is not known.
    pub(in crate::corpus) const NO_OWNER: u32 = 16;
    /// Some meta says its status, whether it is in progress, its branch: what comes to be known of older ones does not
    /// count for that.
    pub(in crate::corpus) const SAYS_STATUS: u32 = 32;
    pub(in crate::corpus) const SAYS_PROGRESS: u32 = 64;
    pub(in crate::corpus) const SAYS_BRANCH: u32 = 128;
}

/// What is known of a ref, in bits.
pub(in crate::corpus) mod ref_flag {
    /// It is there; else it was deleted.
    pub(in crate::corpus) const LIVE: u32 = 1;
    /// It points to an object.
    pub(in crate::corpus) const TARGET: u32 = 2;
    /// It is a name for another ref.
    pub(in crate::corpus) const SYMBOLIC: u32 = 4;
}

/// The bit that tells the owner of a ref that is a plain repository from one that is a project.
pub(in crate::corpus) const PLAIN: u32 = 1 << 31;

table! {
    /// Commits, by hash.
    Commits {
        hash: [u8; 20],
        /// Bits of [`commit_flag`].
        flags: u32,
        /// What `git cat-file commit` prints.
        raw: Text,
        /// Where in it the message starts.
        message: u32,
        /// The diff tree, serialized.
        files: Place,
        /// The first parent, or [`NONE`].
        parent: u32,
        /// The other parents, in the table's list of them.
        more_parents: crate::columns::List,
        /// The change in whose history of metas it is, or [`NONE`].
        change: u32,
        /// The first project that has it, or [`NONE`].
        project: u32,
        /// Further ones, rows of [`Memberships`].
        memberships: Chain,
    }
    and {
        by_hash: Index,
        lists: crate::columns::Lists,
        /// Those that were recorded.
        known: Count,
    }
}

table! {
    /// Projects that have a commit, besides the first.
    Memberships { commit: u32, project: u32, previous: u32, }
    and { by_both: Index, }
}

table! {
    /// Gerrit projects, or plain repositories, by name.
    Owners {
        name: Text,
        refs: Chain,
        live_refs: u32,
        changes: Chain,
        commits: u32,
        label_changes: i64,
    }
    and { by_name: Index, recent: Recent<1>, }
}

table! {
    /// Refs, by owner and name.
    Refs {
        owner: u32, name: Text, flags: u32, target: [u8; 20], symref_target: Text, previous: u32,
    }
    and { by_name: Index, }
}

table! {
    /// Changes, by project and number.
    Changes {
        project: u32,
        number: i32,
        /// Bits of [`change_flag`].
        flags: u32,
        /// The commit of the patch set that was set last, or [`NONE`].
        commit: u32,
        /// Its number.
        version: i32,
        patch_sets: Chain,
        /// The newest meta commit, or [`NONE`].
        meta: u32,
        /// The oldest one, where the walk from the newest ends; [`NONE`] if it does not come to an end.
        oldest: u32,
        /// How many there are.
        metas: u32,
        label_changes: u32,
        /// A [`crate::notedb::meta::Status`].
        status: u32,
        branch: Text,
        /// When the oldest meta was committed.
        created: Moment,
        owner: i64,
        previous: u32,
    }
    and {
        by_number: Index,
        /// Those that have a patch set and a history.
        complete: Count,
        /// The metas of those.
        complete_metas: Count,
    }
}

table! {
    /// Patch sets of changes, by change and version.
    PatchSets { change: u32, version: i32, commit: u32, previous: u32, }
    and { by_version: Index, }
}

table! {
    /// GitHub repositories that commit messages speak of, in lower case.
    Mentions { owner: Text, name: Text, }
    and { by_name: Index, }
}

table! {
    /// All of git and Gerrit.
    Git {}
    and {
        commits: Commits,
        memberships: Memberships,
        projects: Owners,
        repos: Owners,
        refs: Refs,
        changes: Changes,
        patch_sets: PatchSets,
        mentions: Mentions,
        /// Texts that are nowhere in the log in one piece.
        extra: Pages<u8>,
        faults: Faults,
    }
}

impl Git {
    /// All bytes that these tables mean.
    pub(in crate::corpus) fn texts<'t>(&'t self, texts: Texts<'t>) -> Texts<'t> {
        Texts {
            extra: Some(&self.extra),
            ..texts
        }
    }

    /// The commit of this name, known or not.
    pub(in crate::corpus) fn commit(&self, hash: &GitHash) -> Option<u32> {
        self.commit_of_key(hash, Key::of_hash(hash))
    }

    /// The same by the name and its key.
    #[inline]
    pub(in crate::corpus) fn commit_of_key(&self, hash: &GitHash, key: Key) -> Option<u32> {
        let commits = &self.commits;
        let is_it = |row| commits.hash.cell(row) == hash.as_bytes();
        commits.by_hash.find(key, is_it)
    }

    /// Whether the project has the commit.
    pub(in crate::corpus) fn has_commit(&self, project: u32, commit: u32) -> bool {
        if self.commits.project.get(commit) == project {
            return true;
        }
        if self.commits.memberships.get(commit).count == 0 {
            return false;
        }
        let all = &self.memberships;
        let is_it = |row| all.commit.get(row) == commit && all.project.get(row) == project;
        let key = Key::of_numbers(project, i64::from(commit));
        all.by_both.find(key, is_it).is_some()
    }

    /// The change of a project with this number, complete or not.
    pub(in crate::corpus) fn change(
        &self,
        texts: Texts<'_>,
        project: u32,
        number: i32,
    ) -> Option<u32> {
        let name = texts.get(self.projects.name.cell(project));
        let key = parse::change_key(parse::project_key(name), number);
        self.change_of_key(project, number, key)
    }

    /// The same by the key of both.
    #[inline]
    pub(in crate::corpus) fn change_of_key(
        &self,
        project: u32,
        number: i32,
        key: Key,
    ) -> Option<u32> {
        let changes = &self.changes;
        let is_it = |row| changes.number.get(row) == number && changes.project.get(row) == project;
        changes.by_number.find(key, is_it)
    }

    /// The patch set of a change with this version.
    pub(in crate::corpus) fn patch_set(
        &self,
        texts: Texts<'_>,
        change: u32,
        version: i32,
    ) -> Option<u32> {
        let changes = &self.changes;
        let name = texts.get(self.projects.name.cell(changes.project.get(change)));
        let project = parse::project_key(name);
        let key = parse::patch_set_key(project, changes.number.get(change), version);
        self.patch_set_of_key(change, version, key)
    }

    /// The same by the key of both.
    #[inline]
    pub(in crate::corpus) fn patch_set_of_key(
        &self,
        change: u32,
        version: i32,
        key: Key,
    ) -> Option<u32> {
        let sets = &self.patch_sets;
        let is_it = |row| sets.version.get(row) == version && sets.change.get(row) == change;
        sets.by_version.find(key, is_it)
    }

    /// A ref of an owner, deleted or not.
    pub(in crate::corpus) fn ref_row(
        &self,
        texts: Texts<'_>,
        owner: u32,
        name: &[u8],
    ) -> Option<u32> {
        let (refs, texts) = (&self.refs, self.texts(texts));
        let is_it = |row| refs.owner.get(row) == owner && texts.get(&refs.name.get(row)) == name;
        refs.by_name.find(Key::of_text(owner, name), is_it)
    }

    /// The parents of a commit, in order.
    pub(in crate::corpus) fn parents(
        &self,
        commit: u32,
    ) -> impl Iterator<Item = u32> + Clone + use<'_> {
        let first = self.commits.parent.get(commit);
        let more = self.commits.more_parents.get(commit);
        let first = (first != NONE).then_some(first);
        first.into_iter().chain(self.commits.lists.get(more))
    }

    /// A commit's message.
    pub(in crate::corpus) fn message<'t>(&'t self, texts: Texts<'t>, commit: u32) -> &'t [u8] {
        let raw = self.raw(texts, commit);
        let start = self.commits.message.get(commit) as usize;
        raw.get(start..).unwrap_or_default()
    }

    /// A commit as git prints it; empty if it is not known.
    pub(in crate::corpus) fn raw<'t>(&'t self, texts: Texts<'t>, commit: u32) -> &'t [u8] {
        texts.get(self.commits.raw.cell(commit))
    }
}

impl Owners {
    /// The one of this name.
    pub(in crate::corpus) fn find(&self, texts: Texts<'_>, name: &[u8]) -> Option<u32> {
        let is_it = |row| texts.get(&self.name.get(row)) == name;
        self.by_name.find(parse::project_key(name), is_it)
    }
}
