//! How an issue differs between two moments. Depends on the corpus's views.

use forgelog_replay::Corpus;
use forgelog_replay::corpus::touched::IssueKey;
use forgelog_replay::corpus::{Issue, User};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::changes::Changed;

/// Every issue, by its key.
pub(super) fn all(corpus: &Corpus) -> impl Iterator<Item = IssueKey> {
    corpus.github_repos().flat_map(|repo| {
        let id = repo.id();
        let (owner, name): (Arc<str>, Arc<str>) = (id.owner.into(), id.name.into());
        repo.issues().map(move |issue| IssueKey {
            owner: Arc::clone(&owner),
            repo: Arc::clone(&name),
            number: issue.number(),
        })
    })
}

/// How an issue changed, if it did.
pub(super) fn changed(
    (before, after): (&Corpus, &Corpus),
    owner: &str,
    repo: &str,
    number: i32,
) -> Option<Changed> {
    let find = |corpus| issue(corpus, owner, repo, number);
    let new = find(after)?;
    let title = new.title().to_owned();
    let mut changed = Changed::new("issue", new.to_string(), title);
    let old = find(before);
    match old {
        None if new.exists() => changed.did(match new.is_pull_request() {
            true => "new pull request",
            false => "new issue",
        }),
        None => changed.did("known not to exist"),
        Some(old) => changed.truth(["deleted", "restored"], !old.exists(), !new.exists()),
    }
    if let Some(old) = &old {
        changed.value("title", Some(old.title()), Some(new.title()));
        if old.body() != new.body() {
            changed.did("body edited");
        }
    }
    let was_closed = old.is_some_and(|old| old.is_closed());
    changed.truth(["closed", "reopened"], was_closed, new.is_closed());
    let was_locked = old.is_some_and(|old| old.is_locked());
    changed.truth(["locked", "unlocked"], was_locked, new.is_locked());
    let of_both = |of: fn(&Issue<'_>) -> BTreeSet<String>| {
        (old.as_ref().map(of).unwrap_or_default(), of(&new))
    };
    let (from, to) = of_both(labels);
    changed.set(["labeled", "unlabeled"], &from, &to);
    let (from, to) = of_both(assignees);
    changed.set(["assigned", "unassigned"], &from, &to);
    let milestone = |issue: &Issue<'_>| Some(issue.milestone().get()?.title().to_owned());
    let from = old.as_ref().and_then(milestone);
    changed.value("milestone", from, milestone(&new));
    comments(&mut changed, old.as_ref(), &new);
    reviews(&mut changed, old.as_ref(), &new);
    changed.if_any()
}

fn issue<'c>(corpus: &'c Corpus, owner: &str, repo: &str, number: i32) -> Option<Issue<'c>> {
    corpus.github_repo(owner, repo)?.issue(number)
}

fn labels(issue: &Issue<'_>) -> BTreeSet<String> {
    let labels = issue.labels();
    labels.map(|label| label.name().to_owned()).collect()
}

fn assignees(issue: &Issue<'_>) -> BTreeSet<String> {
    issue.assignees().map(|user| login(Some(user))).collect()
}

/// Comments that are new or were edited.
fn comments(changed: &mut Changed, old: Option<&Issue<'_>>, new: &Issue<'_>) {
    let old: BTreeMap<i64, &str> = match old {
        Some(old) => old.comments().map(|one| (one.id(), one.body())).collect(),
        None => BTreeMap::new(),
    };
    for comment in new.comments() {
        match old.get(&comment.id()) {
            None => changed.did_to("commented", login(comment.user())),
            Some(body) if *body != comment.body() => {
                changed.did_to("comment edited", login(comment.user()));
            }
            Some(_) => {}
        }
    }
}

fn reviews(changed: &mut Changed, old: Option<&Issue<'_>>, new: &Issue<'_>) {
    let old: BTreeSet<i64> = match old {
        Some(old) => old.reviews().map(|one| one.id()).collect(),
        None => BTreeSet::new(),
    };
    for review in new.reviews().filter(|review| !old.contains(&review.id())) {
        let review = format!("{} by {}", review.state(), login(review.actor()));
        changed.did_to("reviewed", review);
    }
}

fn login(user: Option<User<'_>>) -> String {
    match user {
        None => "somebody".to_owned(),
        Some(user) if user.login().is_empty() => format!("user {}", user.id()),
        Some(user) => user.login().to_owned(),
    }
}
