//! The keys of what a mutation names, made once and some time before anything is looked up, so that where it is looked for
//! can be asked for meanwhile. Depends on the tables and on [`crate::wire`].

use super::Github;
use crate::columns::Key;
use crate::corpus::record::Texts;
use crate::wire::{GithubIssueMutation, empty};

/// The keys of what a mutation names. Used for many mutations, one after the other.
#[derive(Default)]
pub(in crate::corpus) struct Keys {
    /// The row of the repository, if it is there already.
    pub(super) repo: Option<u32>,
    pub(super) issue: Key,
    /// A row that is likely to be the issue's.
    row: Option<u32>,
    /// Those of its comments, its events and its reviews, in this order.
    parts: Vec<Key>,
}

/// Keys of the parts of a mutation, by kind.
pub(super) struct PartKeys<'k> {
    pub(super) comments: &'k [Key],
    pub(super) events: &'k [Key],
    pub(super) reviews: &'k [Key],
}

impl Keys {
    /// The key of an issue.
    pub(in crate::corpus) fn issue(repo: u32, number: i32) -> Key {
        Key::of_numbers(repo, i64::from(number))
    }

    /// Makes the keys of a mutation, if its repository is there, and asks for where they are looked for.
    pub(in crate::corpus) fn look_ahead(
        &mut self,
        github: &Github,
        texts: Texts<'_>,
        mutation: &GithubIssueMutation<'_>,
    ) {
        let (owner, name) = (mutation.owner.as_bytes(), mutation.repo.as_bytes());
        self.repo = github.repo(texts, owner, name);
        let Some(repo) = self.repo else { return };
        self.make(repo, mutation);
        github.issues.by_number.prefetch(self.issue);
        let parts = self.parts(mutation);
        for (keys, index) in [
            (parts.comments, &github.comments.by_id),
            (parts.events, &github.events.by_id),
            (parts.reviews, &github.reviews.by_id),
        ] {
            keys.iter().for_each(|key| index.prefetch(*key));
        }
    }

    /// Asks for the cells that applying most mutations will look at or change, some time after [`Self::look_ahead`].
    pub(in crate::corpus) fn look_at_cells(
        &mut self,
        github: &Github,
        mutation: &GithubIssueMutation<'_>,
    ) {
        let issues = &github.issues;
        let likely = self.repo.and_then(|_| issues.by_number.likely(self.issue));
        self.row = likely.filter(|row| *row < issues.number.len());
        let Some(row) = self.row else { return };
        issues.number.prefetch(row);
        issues.repo.prefetch(row);
        issues.flags.prefetch(row);
        if mutation.updated.is_some() {
            issues.updated.prefetch(row);
        }
        if !mutation.title.is_empty() {
            issues.title.prefetch(row);
        }
        if !mutation.add_label.is_empty() || !mutation.remove_label.is_empty() {
            issues.labels.prefetch(row);
        }
        if !mutation.comment.is_empty() {
            issues.comments.prefetch(row);
        }
        if !mutation.event.is_empty() {
            issues.events.prefetch(row);
            issues.event_max.prefetch(row);
        }
    }

    /// Asks for the labels of the issue, if they change, some time after [`Self::look_at_cells`].
    pub(in crate::corpus) fn look_at_lists(
        &self,
        github: &Github,
        mutation: &GithubIssueMutation<'_>,
    ) {
        if mutation.add_label.is_empty() && mutation.remove_label.is_empty() {
            return;
        }
        if let Some(row) = self.row {
            github.lists.prefetch(github.issues.labels.get(row));
        }
    }

    /// Forgets them, and the memory of many.
    pub(in crate::corpus) fn clear(&mut self) {
        self.repo = None;
        self.row = None;
        empty(&mut self.parts);
    }

    /// Makes the keys of a mutation.
    pub(super) fn make(&mut self, repo: u32, mutation: &GithubIssueMutation<'_>) {
        let number = mutation.number;
        self.issue = Self::issue(repo, number);
        let comments = mutation.comment.iter().map(|part| part.value.id);
        let events = mutation.event.iter().map(|part| part.value.id);
        let reviews = mutation.review.iter().map(|part| part.value.id);
        let ids = comments.chain(events).chain(reviews);
        // Such that they are known before the issue's row is.
        let key = |id| Key::of_three(repo, number, id);
        empty(&mut self.parts);
        self.parts.extend(ids.map(key));
    }

    /// Those of the parts of the mutation of which they were made.
    pub(super) fn parts(&self, mutation: &GithubIssueMutation<'_>) -> PartKeys<'_> {
        let (comments, rest) = self.parts.split_at(mutation.comment.len());
        let (events, reviews) = rest.split_at(mutation.event.len());
        PartKeys {
            comments,
            events,
            reviews,
        }
    }
}
