//! Issues, changes and commits for programs. Depends on the corpus's views.

use forgelog_replay::Time;
use forgelog_replay::corpus::gerrit::Message;
use forgelog_replay::corpus::{
    Cl, Comment, Commit, Event, FileStat, Issue, Review, Signature, User,
};
use serde_json::{Map, Value, json};

/// An issue without what was said and done.
pub(super) fn issue(issue: &Issue<'_>) -> Value {
    let labels: Vec<&str> = issue.labels().map(|label| label.name()).collect();
    let milestone = issue.milestone().get();
    json!({
        "kind": "issue",
        "issue": issue.to_string(),
        "exists": issue.exists(),
        "state": issue_state(issue),
        "pull_request": issue.is_pull_request(),
        "locked": issue.is_locked(),
        "title": issue.title(),
        "author": user(issue.user()),
        "assignees": issue.assignees().map(|one| user(Some(one))).collect::<Vec<_>>(),
        "labels": labels,
        "milestone": milestone.map(|milestone| milestone.title()),
        "comments": issue.comment_count(),
        "created": time(issue.created()),
        "updated": time(issue.last_modified()),
        "closed_at": time(issue.closed_at()),
        "closed_by": user(issue.closed_by()),
    })
}

/// Whether an issue is open, for people and programs.
pub(super) fn issue_state(issue: &Issue<'_>) -> &'static str {
    match issue.is_closed() {
        true => "closed",
        false => "open",
    }
}

/// A comment on an issue.
pub(super) fn comment(comment: &Comment<'_>) -> Value {
    json!({
        "id": comment.id(),
        "user": user(comment.user()),
        "created": time(comment.created()),
        "updated": time(comment.updated()),
        "body": comment.body(),
    })
}

/// Something that happened to an issue. Only what its type has is there.
pub(super) fn event(event: &Event<'_>) -> Value {
    let details = event.details();
    let mut object = Map::new();
    object.insert("id".to_owned(), event.id().into());
    object.insert("type".to_owned(), event.event_type().into());
    object.insert("created".to_owned(), time(event.created()));
    object.insert("actor".to_owned(), user(event.actor()));
    let texts = [
        ("label", details.label),
        ("milestone", details.milestone),
        ("from", details.from),
        ("to", details.to),
        ("commit", details.commit_id),
    ];
    for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        object.insert(name.to_owned(), text.into());
    }
    let users = [
        ("assignee", details.assignee),
        ("assigner", details.assigner),
        ("reviewer", details.reviewer),
        ("review_requester", details.review_requester),
    ];
    for (name, one) in users.into_iter().filter(|(_, one)| one.is_some()) {
        object.insert(name.to_owned(), user(one));
    }
    if let Some(team) = details.team_reviewer {
        object.insert("team_reviewer".to_owned(), team.slug().into());
    }
    if let Some(review) = details.dismissed_review {
        let review = json!({
            "id": review.review_id, "state": review.state, "message": review.message,
        });
        object.insert("dismissed_review".to_owned(), review);
    }
    Value::Object(object)
}

/// A review of a pull request.
pub(super) fn review(review: &Review<'_>) -> Value {
    let details = review.details();
    json!({
        "id": review.id(),
        "actor": user(review.actor()),
        "created": time(review.created()),
        "state": review.state(),
        "commit": details.commit_id,
        "association": details.actor_association,
        "body": details.body,
    })
}

/// A change without what was said.
pub(super) fn cl(cl: &Cl<'_>) -> Value {
    json!({
        "kind": "cl",
        "cl": cl_name(cl),
        "status": cl.status().as_str(),
        "open": cl.is_open(),
        "private": cl.is_private(),
        "wip": cl.is_work_in_progress(),
        "subject": cl.subject(),
        "owner": cl.owner().map(|owner| owner.person.into_owned()),
        "owner_id": cl.owner_id(),
        "branch": cl.branch(),
        "hashtags": hashtags(cl),
        "patch_set": cl.version(),
        "commit": cl.commit().hash().to_string(),
        "change_id": cl.change_id(),
        "created": time(cl.created()),
        "updated": time(cl_updated(cl)),
    })
}

/// A change's name, as the commands take it.
pub(super) fn cl_name(cl: &Cl<'_>) -> String {
    format!("{}~{}", cl.project().name(), cl.number())
}

/// When something last happened to a change: when its newest meta was committed.
pub(super) fn cl_updated(cl: &Cl<'_>) -> Option<Time> {
    let committer = cl.meta().commit().committer();
    committer.map(|committer| committer.time())
}

/// A change's hashtags.
pub(super) fn hashtags(cl: &Cl<'_>) -> Vec<String> {
    let tags = cl.hashtags();
    let tags = tags.iter().filter(|tag| !tag.is_empty());
    tags.map(|tag| String::from_utf8_lossy(tag).into_owned())
        .collect()
}

/// The votes on a change: by label, and by voter. Empty where there is no telling.
pub(super) fn votes(cl: &Cl<'_>) -> Vec<(String, Vec<(String, i8)>)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let votes = cl.votes().unwrap_or_default();
    let of_label = votes.iter().map(|(label, voters)| {
        let voters = voters.iter().map(|(voter, vote)| (text(voter), *vote));
        (text(label), voters.collect())
    });
    of_label.collect()
}

/// What was said on a change.
pub(super) fn message(message: &Message<'_>) -> Value {
    let (author, date) = (message.author(), message.date());
    json!({
        "patch_set": message.version(),
        "author": author.map(|author| author.person.into_owned()),
        "date": time(date.map(|date| date.time())),
        "text": message.text(),
    })
}

/// A commit without its files.
pub(super) fn commit(commit: &Commit<'_>) -> Value {
    let parents: Vec<String> = commit.parents().map(|parent| parent.to_string()).collect();
    let projects: Vec<&str> = commit.projects().map(|project| project.name()).collect();
    json!({
        "kind": "commit",
        "commit": commit.hash().to_string(),
        "known": !commit.is_placeholder(),
        "tree": commit.tree().map(|tree| tree.to_string()),
        "parents": parents,
        "author": signature(commit.author().as_ref()),
        "committer": signature(commit.committer().as_ref()),
        "message": commit.message(),
        "meta_of": commit.meta_of().map(|cl| cl_name(&cl)),
        "projects": projects,
    })
}

/// How much of a file changed.
pub(super) fn file(file: &FileStat<'_>) -> Value {
    json!({
        "name": file.name, "added": file.added, "deleted": file.deleted, "binary": file.binary,
    })
}

fn signature(by: Option<&Signature<'_>>) -> Value {
    let by = by
        .map(|by| json!({ "person": by.person, "time": by.time().to_string(), "zone": by.zone() }));
    by.unwrap_or_default()
}

fn user(user: Option<User<'_>>) -> Value {
    user.map_or(
        Value::Null,
        |user| json!({ "id": user.id(), "login": user.login() }),
    )
}

fn time(time: Option<Time>) -> Value {
    time.map_or(Value::Null, |time| time.to_string().into())
}
