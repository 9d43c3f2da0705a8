//! When a record was written: what its meta says, or for one of an original writer what follows from its content
//! (design.md, "Mutations").
//!
//! Of the times in a mutation those count that a server gave: GitHub's of issues, comments and events and of its own
//! answers, Gerrit's of meta commits. An author's clock may say anything, and is not looked at. Pure.

use super::git::parse::recorded_by_gerrit;
use crate::time::Time;
use crate::wire::{GithubIssueMutation, Meta, Parts, Timestamp};

/// When the record with this payload was written; `None` if nothing says.
pub(super) fn recorded(payload: &[u8]) -> Option<Time> {
    let parts = Parts::split(payload).ok()?;
    if let Some(time) = of_meta(parts.meta().ok()?.as_ref()) {
        return Some(time);
    }
    let issue = parts.github_issue().ok()?;
    let gerrit = parts.gerrit().ok()?;
    let of_issue = issue.as_ref().and_then(of_issue);
    of_issue.max(gerrit.and_then(recorded_by_gerrit))
}

/// When it was written by our own account.
pub(super) fn of_meta(meta: Option<&Meta<'_>>) -> Option<Time> {
    meta?.recorded.map(time)
}

/// The latest time that GitHub said.
pub(super) fn of_issue(issue: &GithubIssueMutation<'_>) -> Option<Time> {
    let comments = issue.comment.iter().map(|comment| comment.value.updated);
    let events = issue.event.iter().map(|event| event.value.created);
    let reviews = issue.review.iter().map(|review| review.value.created);
    let statuses = [
        &issue.comment_status,
        &issue.event_status,
        &issue.review_status,
    ];
    let statuses = statuses.map(|status| status.as_ref().and_then(|status| status.server_date));
    [issue.created, issue.updated, issue.closed_at]
        .into_iter()
        .chain(statuses)
        .chain(comments)
        .chain(events)
        .chain(reviews)
        .flatten()
        .map(time)
        .max()
}

fn time(timestamp: Timestamp) -> Time {
    let Timestamp { seconds, nanos } = timestamp;
    Time::from(proto::Timestamp { seconds, nanos })
}
