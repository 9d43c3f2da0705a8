//! GitHub's part of the dump: repositories, labels, milestones, issues, what happened to them, and who is named there.

use std::io;

use super::json::Lines;
use crate::corpus::Corpus;
use crate::corpus::github::view::{Event, GithubRepo, Issue, IssueMilestone, Review, Team, User};

/// Writes the lines of all of GitHub's kinds.
pub(super) fn dump(corpus: &Corpus, lines: &mut Lines<'_>) -> io::Result<()> {
    let repos: Vec<GithubRepo<'_>> = corpus.github_repos().collect();
    let mut named = Named::new(corpus);
    dump_repos(&repos, lines)?;
    dump_labels(&repos, lines)?;
    dump_milestones(&repos, lines)?;
    dump_issues(&repos, lines, &mut named)?;
    dump_comments(&repos, lines, &mut named)?;
    dump_events(&repos, lines, &mut named)?;
    dump_reviews(&repos, lines, &mut named)?;
    named.dump(lines)
}

fn dump_repos(repos: &[GithubRepo<'_>], lines: &mut Lines<'_>) -> io::Result<()> {
    lines.kind("repo")?;
    for repo in repos {
        start_of_repo(lines, repo)
            .int("labels", count(repo.label_count()))
            .int("milestones", count(repo.milestone_count()))
            .int("issues", count(repo.issue_count()))
            .end()?;
    }
    Ok(())
}

fn dump_labels(repos: &[GithubRepo<'_>], lines: &mut Lines<'_>) -> io::Result<()> {
    lines.kind("label")?;
    for repo in repos {
        for label in repo.labels() {
            start_of_repo(lines, repo)
                .int("id", label.id())
                .str("name", label.name().as_bytes())
                .end()?;
        }
    }
    Ok(())
}

fn dump_milestones(repos: &[GithubRepo<'_>], lines: &mut Lines<'_>) -> io::Result<()> {
    lines.kind("milestone")?;
    for repo in repos {
        for milestone in repo.milestones() {
            start_of_repo(lines, repo)
                .int("id", milestone.id())
                .str("title", milestone.title().as_bytes())
                .int("number", milestone.number().into())
                .bool("closed", milestone.is_closed())
                .end()?;
        }
    }
    Ok(())
}

fn dump_issues(
    repos: &[GithubRepo<'_>],
    lines: &mut Lines<'_>,
    named: &mut Named<'_>,
) -> io::Result<()> {
    lines.kind("issue")?;
    for repo in repos {
        for issue in repo.issues() {
            dump_issue(repo, &issue, lines, named)?;
        }
    }
    Ok(())
}

fn dump_issue(
    repo: &GithubRepo<'_>,
    issue: &Issue<'_>,
    lines: &mut Lines<'_>,
    named: &mut Named<'_>,
) -> io::Result<()> {
    let (cells, row) = (&issue.corpus.github.issues, issue.row);
    start_of_repo(lines, repo)
        .int("number", issue.number().into())
        .int("id", issue.id())
        .bool("not_exist", !issue.exists())
        .bool("closed", issue.is_closed())
        .bool("locked", issue.is_locked())
        .bool("pull_request", issue.is_pull_request())
        .int_or_null("user", named.user(issue.user()))
        .array("assignees");
    for assignee in issue.assignees() {
        named.user(Some(assignee));
        lines.item_int(assignee.id());
    }
    lines
        .close()
        .time("created", cells.created.get(row))
        .time("updated", cells.updated.get(row))
        .time("closed_at", cells.closed_at.get(row))
        .int_or_null("closed_by", named.user(issue.closed_by()))
        .str("title", issue.title().as_bytes())
        .str("body", issue.body().as_bytes());
    match issue.milestone() {
        IssueMilestone::Unknown => lines.null("milestone"),
        IssueMilestone::None => lines.str("milestone", b"none"),
        IssueMilestone::Some(milestone) => lines.int("milestone", milestone.id()),
    };
    lines
        .ints("labels", issue.labels().map(|label| label.id()))
        .time("last_modified", issue.last_moment())
        .int("comments", count(issue.comment_count()))
        .int("events", count(issue.event_count()))
        .int("reviews", count(issue.review_count()))
        .end()
}

fn dump_comments(
    repos: &[GithubRepo<'_>],
    lines: &mut Lines<'_>,
    named: &mut Named<'_>,
) -> io::Result<()> {
    lines.kind("comment")?;
    for_each_issue(repos, |repo, issue| {
        for comment in issue.comments() {
            let (cells, row) = (&comment.corpus.github.comments, comment.row);
            start_of_issue(lines, repo, &issue)
                .int("id", comment.id())
                .int_or_null("user", named.user(comment.user()))
                .time("created", cells.created.get(row))
                .time("updated", cells.updated.get(row))
                .str("body", comment.body().as_bytes())
                .end()?;
        }
        Ok(())
    })
}

fn dump_events(
    repos: &[GithubRepo<'_>],
    lines: &mut Lines<'_>,
    named: &mut Named<'_>,
) -> io::Result<()> {
    lines.kind("event")?;
    for_each_issue(repos, |repo, issue| {
        for event in issue.events() {
            start_of_issue(lines, repo, &issue);
            dump_event(&event, lines, named)?;
        }
        Ok(())
    })
}

fn dump_event(event: &Event<'_>, lines: &mut Lines<'_>, named: &mut Named<'_>) -> io::Result<()> {
    let details = event.details();
    let commit_url = details.commit_url().unwrap_or_default();
    lines
        .int("id", event.id())
        .str("type", event.event_type().as_bytes())
        .time("created", event.corpus.github.events.created.get(event.row))
        .int_or_null("actor", named.user(event.actor()))
        .str("label", details.label.as_bytes())
        .int_or_null("assignee", named.user(details.assignee))
        .int_or_null("assigner", named.user(details.assigner))
        .str("milestone", details.milestone.as_bytes())
        .str("from", details.from.as_bytes())
        .str("to", details.to.as_bytes())
        .str("commit_id", details.commit_id.as_bytes())
        .str("commit_url", commit_url.as_bytes())
        .int_or_null("reviewer", named.user(details.reviewer))
        .int_or_null("team_reviewer", named.team(details.team_reviewer))
        .int_or_null("review_requester", named.user(details.review_requester));
    match details.dismissed_review {
        Some(review) => lines
            .object("dismissed_review")
            .int("review_id", review.review_id)
            .str("state", review.state.as_bytes())
            .str("message", review.message.as_bytes())
            .close_object(),
        None => lines.null("dismissed_review"),
    };
    lines.str("other_json", details.other_json).end()
}

fn dump_reviews(
    repos: &[GithubRepo<'_>],
    lines: &mut Lines<'_>,
    named: &mut Named<'_>,
) -> io::Result<()> {
    lines.kind("review")?;
    for_each_issue(repos, |repo, issue| {
        for review in issue.reviews() {
            start_of_issue(lines, repo, &issue);
            dump_review(&review, lines, named)?;
        }
        Ok(())
    })
}

fn dump_review(
    review: &Review<'_>,
    lines: &mut Lines<'_>,
    named: &mut Named<'_>,
) -> io::Result<()> {
    let details = review.details();
    lines
        .int("id", review.id())
        .int_or_null("actor", named.user(review.actor()))
        .time(
            "created",
            review.corpus.github.reviews.created.get(review.row),
        )
        .str("state", review.state().as_bytes())
        .str("body", details.body.as_bytes())
        .str("commit_id", details.commit_id.as_bytes())
        .str("actor_association", details.actor_association.as_bytes())
        .str("other_json", details.other_json)
        .end()
}

/// Calls for all issues in order.
fn for_each_issue<'a>(
    repos: &[GithubRepo<'a>],
    mut call: impl FnMut(&GithubRepo<'a>, Issue<'a>) -> io::Result<()>,
) -> io::Result<()> {
    for repo in repos {
        repo.issues().try_for_each(|issue| call(repo, issue))?;
    }
    Ok(())
}

fn start_of_repo<'l, 'o>(lines: &'l mut Lines<'o>, repo: &GithubRepo<'_>) -> &'l mut Lines<'o> {
    let id = repo.id();
    lines
        .start()
        .str("owner", id.owner.as_bytes())
        .str("repo", id.name.as_bytes())
}

fn start_of_issue<'l, 'o>(
    lines: &'l mut Lines<'o>,
    repo: &GithubRepo<'_>,
    issue: &Issue<'_>,
) -> &'l mut Lines<'o> {
    start_of_repo(lines, repo).int("issue", issue.number().into())
}

/// A count, which is that of rows and so fits.
fn count(count: usize) -> i64 {
    count as i64
}

/// Who was named in a line: the original's API can't tell of others.
struct Named<'a> {
    corpus: &'a Corpus,
    /// By row.
    users: Vec<bool>,
    teams: Vec<bool>,
}

impl<'a> Named<'a> {
    fn new(corpus: &'a Corpus) -> Self {
        let github = &corpus.github;
        Self {
            corpus,
            users: vec![false; github.users.id.len() as usize],
            teams: vec![false; github.teams.id.len() as usize],
        }
    }

    /// Notes a user, and gives their id.
    fn user(&mut self, user: Option<User<'_>>) -> Option<i64> {
        let user = user?;
        note(&mut self.users, user.row);
        Some(user.id())
    }

    /// Notes a team, and gives its id.
    fn team(&mut self, team: Option<Team<'_>>) -> Option<i64> {
        let team = team?;
        note(&mut self.teams, team.row);
        Some(team.id())
    }

    fn dump(&self, lines: &mut Lines<'_>) -> io::Result<()> {
        let corpus = self.corpus;
        lines.kind("user")?;
        let mut users: Vec<_> = rows(&self.users).map(|row| User { corpus, row }).collect();
        users.sort_by_key(User::id);
        for user in users {
            let login = user.login().as_bytes();
            lines
                .start()
                .int("id", user.id())
                .str("login", login)
                .end()?;
        }
        lines.kind("team")?;
        let mut teams: Vec<_> = rows(&self.teams).map(|row| Team { corpus, row }).collect();
        teams.sort_by_key(Team::id);
        for team in teams {
            let slug = team.slug().as_bytes();
            lines.start().int("id", team.id()).str("slug", slug).end()?;
        }
        Ok(())
    }
}

fn note(rows: &mut [bool], row: u32) {
    if let Some(is_named) = rows.get_mut(row as usize) {
        *is_named = true;
    }
}

fn rows(is_named: &[bool]) -> impl Iterator<Item = u32> {
    let rows = (0..).zip(is_named);
    rows.filter(|(_, is_named)| **is_named).map(|(row, _)| row)
}
