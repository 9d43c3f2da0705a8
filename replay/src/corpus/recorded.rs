//! When a record was written: what its meta says, or for one of an original writer what follows from its content
//! (design.md, "Mutations").
//!
//! Of the times in a mutation those count that a server gave: GitHub's of issues, comments and events and of its own
//! answers, Gerrit's of meta commits. An author's clock may say anything, and is not looked at. Pure.

use super::git::parse::recorded_by_gerrit;
use crate::time::Time;
use crate::wire::{DecodeError, GithubIssueMutation, Meta, Parts, Timestamp, merge_part};

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

/// The same by the bytes in a payload that say so, if there are any.
#[inline]
pub(super) fn of_meta_in(payload: &[u8], meta: Option<&[u8]>) -> Result<Option<Time>, DecodeError> {
    let Some(bytes) = meta else { return Ok(None) };
    let mut meta = Meta::default();
    merge_part(payload, bytes, &mut meta)?;
    Ok(of_meta(Some(&meta)))
}

/// The latest time that GitHub said.
pub(super) fn of_issue(issue: &GithubIssueMutation<'_>) -> Option<Time> {
    let (mut latest, mut last) = (None, None);
    let mut note = |said: Option<Timestamp>| {
        // Most of what a mutation says is of the same moment.
        if said.is_some() && said != last {
            last = said;
            latest = latest.max(said.map(time));
        }
    };
    note(issue.created);
    note(issue.updated);
    note(issue.closed_at);
    for status in [
        &issue.comment_status,
        &issue.event_status,
        &issue.review_status,
    ] {
        note(status.as_ref().and_then(|status| status.server_date));
    }
    for comment in &issue.comment {
        note(comment.value.updated);
    }
    for event in &issue.event {
        note(event.value.created);
    }
    for review in &issue.review {
        note(review.value.created);
    }
    latest
}

fn time(timestamp: Timestamp) -> Time {
    let Timestamp { seconds, nanos } = timestamp;
    Time::from(proto::Timestamp { seconds, nanos })
}
