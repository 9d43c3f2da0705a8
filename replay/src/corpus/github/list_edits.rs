//! Folding in who is assigned to an issue and which labels it has (spec 3.3, steps 8 and 11).

use std::collections::HashSet;

use super::Github;
use super::apply::Touched;
use crate::columns::NONE;
use crate::corpus::record::Step;
use crate::wire::GithubIssueMutation;

/// So many ids are looked through one by one; more are hashed first.
const IDS_SEARCHED_MAX: usize = 16;

/// Whether an id is among them, in bounded time for each.
enum Ids<'i> {
    Few(&'i [i64]),
    Many(HashSet<i64>),
}

impl<'i> Ids<'i> {
    fn of(ids: &'i [i64]) -> Self {
        if ids.len() <= IDS_SEARCHED_MAX {
            Self::Few(ids)
        } else {
            Self::Many(ids.iter().copied().collect())
        }
    }

    fn contains(&self, id: i64) -> bool {
        match self {
            Self::Few(ids) => ids.contains(&id),
            Self::Many(ids) => ids.contains(&id),
        }
    }
}

impl Github {
    /// Assignees and labels of an issue.
    pub(super) fn apply_lists(
        &mut self,
        step: &Step<'_>,
        (repo, issue): (u32, u32),
        mutation: &GithubIssueMutation<'_>,
        touched: &mut impl Touched,
    ) {
        if !mutation.assignees.is_empty() || !mutation.deleted_assignees.is_empty() {
            self.apply_assignees(step, issue, mutation);
        }
        if !mutation.add_label.is_empty() || !mutation.remove_label.is_empty() {
            self.apply_labels(step, (repo, issue), mutation, touched);
        }
    }

    /// Whoever is new is appended, twice if the mutation names them twice; then those to be deleted go.
    fn apply_assignees(&mut self, step: &Step<'_>, issue: u32, mutation: &GithubIssueMutation<'_>) {
        let mut list = self.issues.assignees.get(issue);
        let before: HashSet<u32> = if mutation.assignees.is_empty() {
            HashSet::new()
        } else {
            self.lists.get(list).collect()
        };
        for assignee in &mutation.assignees {
            let user = self.put_user(step, &assignee.value);
            if user != NONE && !before.contains(&user) {
                list = self.lists.push(list, user);
            }
        }
        if !mutation.deleted_assignees.is_empty() {
            let deleted = Ids::of(&mutation.deleted_assignees);
            let users = &self.users;
            list = self
                .lists
                .retain(list, |user| !deleted.contains(users.id.get(user)));
        }
        self.issues.assignees.set(issue, list);
    }

    /// Removals first, so that a label that is removed and added stays.
    fn apply_labels(
        &mut self,
        step: &Step<'_>,
        (repo, issue): (u32, u32),
        mutation: &GithubIssueMutation<'_>,
        touched: &mut impl Touched,
    ) {
        let mut list = self.issues.labels.get(issue);
        if !mutation.remove_label.is_empty() {
            let removed = Ids::of(&mutation.remove_label);
            let labels = &self.labels;
            list = self
                .lists
                .retain(list, |label| !removed.contains(labels.id.get(label)));
        }
        let mut has: HashSet<u32> = HashSet::new();
        let many = mutation.add_label.len() > IDS_SEARCHED_MAX;
        if many {
            has.extend(self.lists.get(list));
        }
        for label in &mutation.add_label {
            let label = self.put_label(step, repo, &label.value, touched);
            let is_new = match many {
                true => has.insert(label),
                false => self.lists.get(list).all(|other| other != label),
            };
            if label != NONE && is_new {
                list = self.lists.push(list, label);
            }
        }
        self.issues.labels.set(issue, list);
    }
}
