//! GitHub's tables: users, teams, repositories, labels, milestones, issues and what belongs to them.
//!
//! What rows are joined and filtered by is in their cells. What is only shown of an event or a review is read from the
//! record that has it: the row says where that is. Depends on `columns`.

pub(in crate::corpus) mod apply;
pub(in crate::corpus) mod keys;
pub(in crate::corpus) mod list_edits;
pub(in crate::corpus) mod timeline;
pub mod view;

use crate::columns::{Chain, Index, Key, List, Lists, Moment, NONE, Place, Recent, Text, table};
use crate::corpus::fault::Faults;
use crate::corpus::record::Texts;
use keys::Keys;

/// What an issue is, in bits.
pub(in crate::corpus) mod flag {
    pub(in crate::corpus) const NOT_EXIST: u32 = 1;
    pub(in crate::corpus) const CLOSED: u32 = 2;
    pub(in crate::corpus) const LOCKED: u32 = 4;
    pub(in crate::corpus) const PULL_REQUEST: u32 = 8;
}

/// The milestone of an issue of which no mutation has said anything.
pub(in crate::corpus) const MILESTONE_UNKNOWN: u32 = NONE;
/// The milestone of an issue that has none.
pub(in crate::corpus) const MILESTONE_NONE: u32 = NONE - 1;

table! {
    /// Users, by id.
    Users { id: i64, login: Text, }
    and { by_id: Index, recent: Recent<1024>, }
}

table! {
    /// Teams, by id.
    Teams { id: i64, slug: Text, }
    and { by_id: Index, recent: Recent<64>, }
}

table! {
    /// Repositories, by owner and name.
    Repos { owner: Text, name: Text, labels: Chain, milestones: Chain, issues: Chain, }
    and { by_name: Index, recent: Recent<1>, }
}

table! {
    /// Labels, by repository and id.
    Labels { repo: u32, id: i64, name: Text, previous: u32, }
    and { by_id: Index, }
}

table! {
    /// Milestones, by repository and id.
    Milestones { repo: u32, id: i64, title: Text, number: i32, closed: u32, previous: u32, }
    and { by_id: Index, }
}

table! {
    /// Issues and pull requests, by repository and number.
    Issues {
        repo: u32,
        number: i32,
        id: i64,
        /// Bits of [`flag`].
        flags: u32,
        user: u32,
        created: Moment,
        updated: Moment,
        closed_at: Moment,
        closed_by: u32,
        title: Text,
        body: Text,
        milestone: u32,
        /// Rows of [`Users`], in the original's order.
        assignees: List,
        /// Rows of [`Labels`].
        labels: List,
        comments: Chain,
        events: Chain,
        reviews: Chain,
        /// The latest creation ever seen of an event or a review.
        event_max: Moment,
        comments_synced: Moment,
        events_synced: Moment,
        reviews_synced: Moment,
        previous: u32,
    }
    and { by_number: Index, }
}

table! {
    /// Comments, by issue and id.
    Comments {
        issue: u32, id: i64, user: u32, created: Moment, updated: Moment, body: Text, previous: u32,
    }
    and { by_id: Index, }
}

table! {
    /// Events or reviews of issues, by issue and id.
    Happenings {
        issue: u32,
        id: i64,
        /// The type of an event, the state of a review.
        kind: Text,
        actor: u32,
        created: Moment,
        /// The element of the mutation that says the rest.
        place: Place,
        previous: u32,
    }
    and { by_id: Index, }
}

table! {
    /// All of GitHub.
    Github {}
    and {
        users: Users,
        teams: Teams,
        repos: Repos,
        labels: Labels,
        milestones: Milestones,
        issues: Issues,
        comments: Comments,
        events: Happenings,
        reviews: Happenings,
        lists: Lists,
        faults: Faults,
    }
}

impl Github {
    /// The user with this id.
    pub(in crate::corpus) fn user(&self, id: i64) -> Option<u32> {
        let users = &self.users;
        let is_it = |row| users.id.get(row) == id;
        users.by_id.find(Key::of_numbers(0, id), is_it)
    }

    /// The team with this id.
    pub(in crate::corpus) fn team(&self, id: i64) -> Option<u32> {
        let teams = &self.teams;
        let is_it = |row| teams.id.get(row) == id;
        teams.by_id.find(Key::of_numbers(0, id), is_it)
    }

    /// The repository of this name.
    pub(in crate::corpus) fn repo(
        &self,
        texts: Texts<'_>,
        owner: &[u8],
        name: &[u8],
    ) -> Option<u32> {
        let repos = &self.repos;
        let is_it = |row| {
            texts.get(repos.owner.cell(row)) == owner && texts.get(repos.name.cell(row)) == name
        };
        let recent = repos.recent.find(0, repos.owner.len(), is_it);
        recent.or_else(|| repos.by_name.find(Key::of_texts(owner, name), is_it))
    }

    /// The issue of a repository with this number.
    pub(in crate::corpus) fn issue(&self, repo: u32, number: i32) -> Option<u32> {
        self.issue_of_key(repo, number, Keys::issue(repo, number))
    }

    /// The same by the key of both.
    #[inline]
    pub(in crate::corpus) fn issue_of_key(&self, repo: u32, number: i32, key: Key) -> Option<u32> {
        let issues = &self.issues;
        let is_it = |row| issues.number.get(row) == number && issues.repo.get(row) == repo;
        issues.by_number.find(key, is_it)
    }

    /// The label of a repository with this id.
    pub(in crate::corpus) fn label(&self, repo: u32, id: i64) -> Option<u32> {
        let labels = &self.labels;
        let is_it = |row| labels.id.get(row) == id && labels.repo.get(row) == repo;
        labels.by_id.find(Key::of_numbers(repo, id), is_it)
    }

    /// The milestone of a repository with this id.
    pub(in crate::corpus) fn milestone(&self, repo: u32, id: i64) -> Option<u32> {
        let milestones = &self.milestones;
        let is_it = |row| milestones.id.get(row) == id && milestones.repo.get(row) == repo;
        milestones.by_id.find(Key::of_numbers(repo, id), is_it)
    }
}

impl Comments {
    /// The one of an issue with this id; `key` is that of both.
    pub(in crate::corpus) fn find(&self, issue: u32, id: i64, key: Key) -> Option<u32> {
        let is_it = |row| self.id.get(row) == id && self.issue.get(row) == issue;
        self.by_id.find(key, is_it)
    }
}

impl Happenings {
    /// The one of an issue with this id; `key` is that of both.
    pub(in crate::corpus) fn find(&self, issue: u32, id: i64, key: Key) -> Option<u32> {
        let is_it = |row| self.id.get(row) == id && self.issue.get(row) == issue;
        self.by_id.find(key, is_it)
    }
}
