//! Folding in what happened to an issue: comments, events and reviews (spec 3.3, steps 12 to 17).

use super::apply::moment;
use super::{Github, Happenings};
use crate::columns::{Chain, Key, Moment, NONE, Place, ROWS_MAX, Text};
use crate::corpus::fault::FaultKind;
use crate::corpus::record::Step;
use crate::wire::{GithubIssueCommentMutation, GithubIssueMutation, GithubIssueSyncStatus};

/// The cells of an event or a review.
struct Happening {
    id: i64,
    kind: Text,
    actor: u32,
    created: Moment,
    place: Place,
}

impl Github {
    pub(super) fn apply_comments(
        &mut self,
        step: &Step<'_>,
        issue: u32,
        mutation: &GithubIssueMutation<'_>,
        keys: &[Key],
    ) {
        for (comment, key) in mutation.comment.iter().zip(keys) {
            self.put_comment(step, (issue, *key), &comment.value);
        }
        if let Some(synced) = synced(mutation.comment_status.as_ref()) {
            self.issues.comments_synced.set(issue, synced);
        }
    }

    fn put_comment(
        &mut self,
        step: &Step<'_>,
        (issue, key): (u32, Key),
        comment: &GithubIssueCommentMutation<'_>,
    ) {
        if comment.id == 0 {
            return self.faults.add(&step.record, FaultKind::CommentZero, b"");
        }
        let Some(row) = self.comment_row(issue, comment.id, key) else {
            return self.faults.add(&step.record, FaultKind::Full, b"");
        };
        if let Some(user) = &comment.user {
            let user = self.put_user(step, user);
            self.comments.user.set(row, user);
        }
        if let Some(created) = comment.created {
            self.comments.created.set(row, moment(created));
        }
        if let Some(updated) = comment.updated {
            self.comments.updated.set(row, moment(updated));
        }
        if !comment.body.is_empty() {
            let body = step.record.text(comment.body.as_bytes());
            self.comments.body.set(row, body);
        }
    }

    fn comment_row(&mut self, issue: u32, id: i64, key: Key) -> Option<u32> {
        if let Some(row) = self.comments.find(issue, id, key) {
            return Some(row);
        }
        let row = Some(self.comments.id.len()).filter(|row| *row < ROWS_MAX)?;
        let chain = self.issues.comments.get(issue);
        let comments = &mut self.comments;
        comments.issue.push(issue);
        comments.id.push(id);
        comments.user.push(NONE);
        comments.created.push(Moment::default());
        comments.updated.push(Moment::default());
        comments.body.push(Text::default());
        comments.previous.push(chain.last);
        comments.by_id.insert(key, row);
        self.issues.comments.set(issue, chain.with(row));
        Some(row)
    }

    pub(super) fn apply_events(
        &mut self,
        step: &Step<'_>,
        issue: u32,
        mutation: &GithubIssueMutation<'_>,
        keys: &[Key],
    ) {
        for (part, key) in mutation.event.iter().zip(keys) {
            let event = &part.value;
            if event.id == 0 {
                self.faults.add(&step.record, FaultKind::EventZero, b"");
                continue;
            }
            let happening = Happening {
                id: event.id,
                kind: step.record.text(event.event_type.as_bytes()),
                actor: self.user_of_id(event.actor_id),
                created: event.created.map(moment).unwrap_or_default(),
                place: step.record.place(part.bytes),
            };
            // Whoever is named comes to be known, if only by the id.
            for id in [
                event.assignee_id,
                event.assigner_id,
                event.reviewer_id,
                event.review_requester_id,
            ] {
                self.user_of_id(id);
            }
            if let Some(team) = &event.team_reviewer {
                self.put_team(step, team);
            }
            self.note_event(issue, happening.created);
            let chain = self.issues.events.get(issue);
            match self.events.put((issue, *key), happening, chain) {
                Some(chain) => self.issues.events.set(issue, chain),
                None => self.faults.add(&step.record, FaultKind::Full, b""),
            }
        }
        if let Some(synced) = synced(mutation.event_status.as_ref()) {
            self.issues.events_synced.set(issue, synced);
        }
    }

    pub(super) fn apply_reviews(
        &mut self,
        step: &Step<'_>,
        issue: u32,
        mutation: &GithubIssueMutation<'_>,
        keys: &[Key],
    ) {
        for (part, key) in mutation.review.iter().zip(keys) {
            let review = &part.value;
            if review.id == 0 {
                self.faults.add(&step.record, FaultKind::ReviewZero, b"");
                continue;
            }
            let happening = Happening {
                id: review.id,
                kind: step.record.text(review.state.as_bytes()),
                actor: self.user_of_id(review.actor_id),
                created: review.created.map(moment).unwrap_or_default(),
                place: step.record.place(part.bytes),
            };
            self.note_event(issue, happening.created);
            let chain = self.issues.reviews.get(issue);
            match self.reviews.put((issue, *key), happening, chain) {
                Some(chain) => self.issues.reviews.set(issue, chain),
                None => self.faults.add(&step.record, FaultKind::Full, b""),
            }
        }
        if let Some(synced) = synced(mutation.review_status.as_ref()) {
            self.issues.reviews_synced.set(issue, synced);
        }
    }

    fn note_event(&mut self, issue: u32, created: Moment) {
        if created > self.issues.event_max.get(issue) {
            self.issues.event_max.set(issue, created);
        }
    }
}

impl Happenings {
    /// Adds one, or replaces that with the same id, and gives the issue's chain; `None` if there is no room.
    fn put(
        &mut self,
        (issue, key): (u32, Key),
        happening: Happening,
        chain: Chain,
    ) -> Option<Chain> {
        let Happening {
            id,
            kind,
            actor,
            created,
            place,
        } = happening;
        if let Some(row) = self.find(issue, id, key) {
            self.kind.set(row, kind);
            self.actor.set(row, actor);
            self.created.set(row, created);
            self.place.set(row, place);
            return Some(chain);
        }
        let row = Some(self.id.len()).filter(|row| *row < ROWS_MAX)?;
        self.issue.push(issue);
        self.id.push(id);
        self.kind.push(kind);
        self.actor.push(actor);
        self.created.push(created);
        self.place.push(place);
        self.previous.push(chain.last);
        self.by_id.insert(key, row);
        Some(chain.with(row))
    }
}

fn synced(status: Option<&GithubIssueSyncStatus>) -> Option<Moment> {
    status?.server_date.map(moment)
}
