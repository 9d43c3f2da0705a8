//! Folding GitHub's mutations in (spec/log-and-corpus.md 3.2, 3.3), in the original's order.
//!
//! Where the original would panic, the mutation is passed over whole and the fault is listed. Depends on the
//! tables and on [`crate::wire`].

use super::keys::Keys;
use super::{Github, MILESTONE_NONE, MILESTONE_UNKNOWN, flag};
use crate::columns::{Chain, Key, List, Moment, NONE, ROWS_MAX, Text};
use crate::corpus::fault::FaultKind;
use crate::corpus::record::Step;
use crate::wire::{
    GithubIssueMutation, GithubLabel, GithubMilestone, GithubMutation, GithubTeam, GithubUser,
    Part, Timestamp,
};

/// The moment that a timestamp says.
pub(in crate::corpus) fn moment(timestamp: Timestamp) -> Moment {
    Moment::from_unix(timestamp.seconds, timestamp.nanos)
}

/// What a mutation touched, for those who want to know.
pub(in crate::corpus) trait Touched {
    /// An issue, by its row.
    fn issue(&mut self, issue: u32);
    /// A repository whose labels or milestones changed.
    fn repo(&mut self, repo: u32);
}

impl Github {
    /// Labels and milestones of a repository (spec 3.2).
    pub(in crate::corpus) fn apply_repo(
        &mut self,
        step: &Step<'_>,
        mutation: &GithubMutation<'_>,
        touched: &mut impl Touched,
    ) {
        if mutation.labels.iter().any(|label| label.value.id == 0) {
            return self.faults.add(&step.record, FaultKind::LabelZero, b"");
        }
        let milestones = &mutation.milestones;
        if milestones.iter().any(|milestone| milestone.value.id == 0) {
            return self.faults.add(&step.record, FaultKind::MilestoneZero, b"");
        }
        let (owner, name) = (mutation.owner.as_bytes(), mutation.repo.as_bytes());
        let Some(repo) = self.repo_row(step, owner, name) else {
            return self
                .faults
                .add(&step.record, FaultKind::RepoWithoutName, owner);
        };
        for label in &mutation.labels {
            self.put_label(step, repo, &label.value, touched);
        }
        for Part { value, .. } in milestones {
            self.put_milestone(step, repo, value, touched);
        }
    }

    /// What changed in an issue (spec 3.3). `keys` has looked ahead at the mutation.
    pub(in crate::corpus) fn apply_issue(
        &mut self,
        step: &Step<'_>,
        mutation: &GithubIssueMutation<'_>,
        keys: &mut Keys,
        touched: &mut impl Touched,
    ) {
        let exists = !mutation.not_exist;
        if exists && mutation.add_label.iter().any(|label| label.value.id == 0) {
            return self.faults.add(&step.record, FaultKind::LabelZero, b"");
        }
        let Some(repo) = self.repo_of_keys(step, mutation, keys) else {
            let owner = mutation.owner.as_bytes();
            return self
                .faults
                .add(&step.record, FaultKind::IssueWithoutRepo, owner);
        };
        if mutation.number == 0 {
            return self
                .faults
                .add(&step.record, FaultKind::IssueZero, mutation.repo.as_bytes());
        }
        let Some(issue) = self.issue_row(repo, mutation, keys.issue) else {
            return self
                .faults
                .add(&step.record, FaultKind::Full, mutation.repo.as_bytes());
        };
        touched.issue(issue);
        self.set_flag(issue, flag::NOT_EXIST, mutation.not_exist);
        if exists {
            self.apply_fields(step, (repo, issue), mutation, touched);
            self.apply_lists(step, (repo, issue), mutation, touched);
            let keys = keys.parts(mutation);
            self.apply_comments(step, issue, mutation, keys.comments);
            self.apply_events(step, issue, mutation, keys.events);
            self.apply_reviews(step, issue, mutation, keys.reviews);
        }
    }

    fn apply_fields(
        &mut self,
        step: &Step<'_>,
        (repo, issue): (u32, u32),
        mutation: &GithubIssueMutation<'_>,
        touched: &mut impl Touched,
    ) {
        if let Some(updated) = mutation.updated {
            self.issues.updated.set(issue, moment(updated));
        }
        if let Some(closed_at) = mutation.closed_at {
            self.issues.closed_at.set(issue, moment(closed_at));
        }
        if let Some(user) = &mutation.user {
            let user = self.put_user(step, user);
            self.issues.user.set(issue, user);
        }
        if mutation.no_milestone {
            self.issues.milestone.set(issue, MILESTONE_NONE);
        } else if mutation.milestone_id != 0 {
            let milestone = GithubMilestone {
                id: mutation.milestone_id,
                title: mutation.milestone_title,
                number: mutation.milestone_num,
                ..GithubMilestone::default()
            };
            let milestone = self.put_milestone(step, repo, &milestone, touched);
            self.issues.milestone.set(issue, milestone);
        }
        if let Some(user) = &mutation.closed_by {
            let user = self.put_user(step, user);
            self.issues.closed_by.set(issue, user);
        }
        if let Some(closed) = &mutation.closed {
            self.set_flag(issue, flag::CLOSED, closed.val);
        }
        if let Some(locked) = &mutation.locked {
            self.set_flag(issue, flag::LOCKED, locked.val);
        }
        if mutation.pull_request {
            self.set_flag(issue, flag::PULL_REQUEST, true);
        }
        let body = match &mutation.body_change {
            Some(change) => Some(change.val),
            None => Some(mutation.body).filter(|body| !body.is_empty()),
        };
        if let Some(body) = body {
            self.issues
                .body
                .set(issue, step.record.text(body.as_bytes()));
        }
        if !mutation.title.is_empty() {
            let title = step.record.text(mutation.title.as_bytes());
            self.issues.title.set(issue, title);
        }
    }

    /// Takes over who is named in a mutation that is of no interest otherwise.
    pub(in crate::corpus) fn learn_people(
        &mut self,
        step: &Step<'_>,
        mutation: &GithubIssueMutation<'_>,
    ) {
        if mutation.not_exist {
            return;
        }
        let comments = mutation.comment.iter();
        let people = [&mutation.user, &mutation.closed_by]
            .into_iter()
            .chain(comments.map(|comment| &comment.value.user))
            .flatten()
            .chain(mutation.assignees.iter().map(|part| &part.value));
        for user in people {
            self.put_user(step, user);
        }
        for event in &mutation.event {
            if let Some(team) = &event.value.team_reviewer {
                self.put_team(step, team);
            }
        }
    }

    fn set_flag(&mut self, issue: u32, bit: u32, on: bool) {
        let flags = self.issues.flags.get(issue);
        let flags = if on { flags | bit } else { flags & !bit };
        self.issues.flags.set(issue, flags);
    }

    /// The row of a mutation's repository. One that was not there when the keys looked ahead is made, and so are the keys.
    fn repo_of_keys(
        &mut self,
        step: &Step<'_>,
        mutation: &GithubIssueMutation<'_>,
        keys: &mut Keys,
    ) -> Option<u32> {
        if let Some(repo) = keys.repo {
            return Some(self.repos.recent.note(0, repo));
        }
        let (owner, name) = (mutation.owner.as_bytes(), mutation.repo.as_bytes());
        let repo = self.repo_row(step, owner, name)?;
        keys.make(repo, mutation);
        Some(repo)
    }

    /// The repository's row, made if it is new; `None` without owner or name.
    fn repo_row(&mut self, step: &Step<'_>, owner: &[u8], name: &[u8]) -> Option<u32> {
        if owner.is_empty() || name.is_empty() {
            return None;
        }
        if let Some(repo) = self.repo(step.texts, owner, name) {
            return Some(self.repos.recent.note(0, repo));
        }
        let repos = &mut self.repos;
        let row = Some(repos.owner.len()).filter(|row| *row < ROWS_MAX)?;
        repos.owner.push(step.record.text(owner));
        repos.name.push(step.record.text(name));
        repos.labels.push(Chain::EMPTY);
        repos.milestones.push(Chain::EMPTY);
        repos.issues.push(Chain::EMPTY);
        repos.by_name.insert(Key::of_texts(owner, name), row);
        Some(row)
    }

    /// The issue's row, made if it is new.
    fn issue_row(
        &mut self,
        repo: u32,
        mutation: &GithubIssueMutation<'_>,
        key: Key,
    ) -> Option<u32> {
        let number = mutation.number;
        if let Some(issue) = self.issue_of_key(repo, number, key) {
            return Some(issue);
        }
        let row = Some(self.issues.repo.len()).filter(|row| *row < MILESTONE_NONE)?;
        let chain = self.repos.issues.get(repo);
        let created = match mutation.created {
            _ if mutation.not_exist => Moment::default(),
            Some(created) => moment(created),
            // As in the original, which takes a missing timestamp for 0.
            None => Moment::from_unix(0, 0),
        };
        let issues = &mut self.issues;
        issues.repo.push(repo);
        issues.number.push(number);
        issues.id.push(mutation.id);
        issues.flags.push(0);
        issues.user.push(NONE);
        issues.created.push(created);
        issues.updated.push(Moment::default());
        issues.closed_at.push(Moment::default());
        issues.closed_by.push(NONE);
        issues.title.push(Text::default());
        issues.body.push(Text::default());
        issues.milestone.push(MILESTONE_UNKNOWN);
        issues.assignees.push(List::default());
        issues.labels.push(List::default());
        issues.comments.push(Chain::EMPTY);
        issues.events.push(Chain::EMPTY);
        issues.reviews.push(Chain::EMPTY);
        issues.event_max.push(Moment::default());
        issues.comments_synced.push(Moment::default());
        issues.events_synced.push(Moment::default());
        issues.reviews_synced.push(Moment::default());
        issues.previous.push(chain.last);
        issues.by_number.insert(key, row);
        self.repos.issues.set(repo, chain.with(row));
        Some(row)
    }

    /// The user of a message; its login is taken over unless it is empty (spec 3.3.1).
    pub(in crate::corpus) fn put_user(&mut self, step: &Step<'_>, user: &GithubUser<'_>) -> u32 {
        let row = self.user_row(user.id);
        if row != NONE && !user.login.is_empty() {
            step.put(&mut self.users.login, row, user.login.as_bytes());
        }
        row
    }

    /// The user of a bare id, which may have no login yet; none for 0.
    pub(in crate::corpus) fn user_of_id(&mut self, id: i64) -> u32 {
        if id == 0 { NONE } else { self.user_row(id) }
    }

    #[inline]
    fn user_row(&mut self, id: i64) -> u32 {
        let users = &self.users;
        let is_it = |row| users.id.get(row) == id;
        match users.recent.find(id, users.id.len(), is_it) {
            Some(row) => row,
            None => self.any_user_row(id),
        }
    }

    /// The row of a user who was not named lately, made if it is new.
    #[inline(never)]
    fn any_user_row(&mut self, id: i64) -> u32 {
        let known = self.user(id);
        let row = known.unwrap_or(self.users.id.len());
        if row == ROWS_MAX {
            return NONE;
        }
        if known.is_none() {
            self.users.id.push(id);
            self.users.login.push(Text::default());
            self.users.by_id.insert(Key::of_numbers(0, id), row);
        }
        self.users.recent.note(id, row)
    }

    /// The team of a message; its slug is taken over unless it is empty.
    pub(in crate::corpus) fn put_team(&mut self, step: &Step<'_>, team: &GithubTeam<'_>) {
        let teams = &self.teams;
        let is_it = |row| teams.id.get(row) == team.id;
        let recent = teams.recent.find(team.id, teams.id.len(), is_it);
        let Some(row) = recent.or_else(|| self.any_team_row(team.id)) else {
            return;
        };
        if !team.slug.is_empty() {
            step.put(&mut self.teams.slug, row, team.slug.as_bytes());
        }
    }

    /// The row of a team that was not named lately, made if it is new; `None` if no row is left.
    #[inline(never)]
    fn any_team_row(&mut self, id: i64) -> Option<u32> {
        let known = self.team(id);
        let row = known.unwrap_or(self.teams.id.len());
        if row == ROWS_MAX {
            return None;
        }
        if known.is_none() {
            self.teams.id.push(id);
            self.teams.slug.push(Text::default());
            self.teams.by_id.insert(Key::of_numbers(0, id), row);
        }
        Some(self.teams.recent.note(id, row))
    }

    /// The label, made if it is new, with its name unless that is empty.
    pub(in crate::corpus) fn put_label(
        &mut self,
        step: &Step<'_>,
        repo: u32,
        label: &GithubLabel<'_>,
        touched: &mut impl Touched,
    ) -> u32 {
        let known = self.label(repo, label.id);
        let row = match known {
            Some(row) => row,
            None => {
                let row = self.labels.id.len();
                if row == ROWS_MAX {
                    self.faults.add(&step.record, FaultKind::Full, b"");
                    return NONE;
                }
                let chain = self.repos.labels.get(repo);
                self.labels.repo.push(repo);
                self.labels.id.push(label.id);
                self.labels.name.push(Text::default());
                self.labels.previous.push(chain.last);
                self.labels
                    .by_id
                    .insert(Key::of_numbers(repo, label.id), row);
                self.repos.labels.set(repo, chain.with(row));
                row
            }
        };
        let name = label.name.as_bytes();
        let is_renamed = !name.is_empty() && step.put(&mut self.labels.name, row, name);
        if known.is_none() || is_renamed {
            touched.repo(repo);
        }
        row
    }

    /// The milestone, made if it is new, with what is said of it.
    fn put_milestone(
        &mut self,
        step: &Step<'_>,
        repo: u32,
        milestone: &GithubMilestone<'_>,
        touched: &mut impl Touched,
    ) -> u32 {
        let known = self.milestone(repo, milestone.id);
        let row = match known {
            Some(row) => row,
            None => {
                let row = self.milestones.id.len();
                if row >= MILESTONE_NONE {
                    self.faults.add(&step.record, FaultKind::Full, b"");
                    return MILESTONE_UNKNOWN;
                }
                let chain = self.repos.milestones.get(repo);
                self.milestones.repo.push(repo);
                self.milestones.id.push(milestone.id);
                self.milestones.title.push(Text::default());
                self.milestones.number.push(0);
                self.milestones.closed.push(0);
                self.milestones.previous.push(chain.last);
                let key = Key::of_numbers(repo, milestone.id);
                self.milestones.by_id.insert(key, row);
                self.repos.milestones.set(repo, chain.with(row));
                row
            }
        };
        let title = milestone.title.as_bytes();
        let mut is_other = known.is_none();
        is_other |= !title.is_empty() && step.put(&mut self.milestones.title, row, title);
        if milestone.number != 0 {
            // 32 bits of it, as in the original.
            let number = milestone.number as i32;
            is_other |= self.milestones.number.get(row) != number;
            self.milestones.number.set(row, number);
        }
        if let Some(closed) = &milestone.closed {
            let closed = u32::from(closed.val);
            is_other |= self.milestones.closed.get(row) != closed;
            self.milestones.closed.set(row, closed);
        }
        if is_other {
            touched.repo(repo);
        }
        row
    }
}
