//! `forgelog corpus issue`: one issue, and what was said and done. Depends on the corpus's views.

use anyhow::{Context as _, Result};
use clap::Args;
use forgelog_replay::corpus::{Comment, Event, Issue, IssueMilestone, Review, User};
use forgelog_replay::{Loaded, Scope, Time};
use serde_json::Value;
use std::io::Write;
use std::process::ExitCode;
use std::str::FromStr;

use super::json;
use super::opening::{AsOf, Log, origin};
use super::with_exit_codes;
use crate::commands::show;

/// So many repositories are named to who asks for one that is not there.
const NAMED_MAX: usize = 8;

/// Show an issue or a pull request, and what was said and done.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
Examples:
  forgelog corpus issue golang/go#1234 --log https://maintner.golang.org/logs
  forgelog corpus issue golang/go#1234 --at 2019-01-01T00:00:00Z --json"))]
pub(in crate::commands) struct Arguments {
    /// The issue.
    #[arg(value_name = "OWNER/REPO#N")]
    issue: IssueName,
    #[command(flatten)]
    log: Log,
    #[command(flatten)]
    at: AsOf,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// What names an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IssueName {
    pub(super) owner: String,
    pub(super) repo: String,
    pub(super) number: i32,
}

impl FromStr for IssueName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = || {
            let (repo, number) = text.rsplit_once('#')?;
            let (owner, repo) = repo.split_once('/')?;
            let number = number.parse().ok()?;
            (!owner.is_empty() && !repo.is_empty()).then(|| Self {
                owner: owner.to_owned(),
                repo: repo.to_owned(),
                number,
            })
        };
        parsed().ok_or_else(|| "write OWNER/REPO#N, such as golang/go#1234".to_owned())
    }
}

impl Arguments {
    pub(super) async fn run(&self, out: &mut impl Write) -> Result<ExitCode> {
        self.log
            .ask(self.at, Scope::default(), out, |loaded, out| {
                let issue = self.find(loaded)?;
                if self.json {
                    writeln!(out, "{:#}", as_json(&issue))?;
                } else {
                    write_text(&issue, out)?;
                }
                Ok(ExitCode::SUCCESS)
            })
            .await
    }

    fn find<'l>(&self, loaded: &'l Loaded) -> Result<Issue<'l>> {
        let IssueName {
            owner,
            repo: name,
            number,
        } = &self.issue;
        let corpus = loaded.folded.state();
        let repo = corpus.github_repo(owner, name).with_context(|| {
            let known = corpus.github_repos().filter(|repo| repo.issue_count() > 0);
            let known: Vec<String> = known
                .take(NAMED_MAX)
                .map(|repo| show::line(&repo.id().to_string(), 80))
                .collect();
            let known = match known.is_empty() {
                true => "there are no issues at all".to_owned(),
                false => format!("there are issues of {}", known.join(", ")),
            };
            format!(
                "no repository {owner}/{name} in {}; {known}",
                origin(loaded)
            )
        })?;
        let issue = repo.issue(*number);
        issue.with_context(|| format!("no issue {owner}/{name}#{number} in {}", origin(loaded)))
    }
}

fn as_json(issue: &Issue<'_>) -> Value {
    let mut object = json::issue(issue);
    object["body"] = issue.body().into();
    object["comments"] = issue.comments().map(|one| json::comment(&one)).collect();
    object["events"] = issue.events().map(|one| json::event(&one)).collect();
    object["reviews"] = issue.reviews().map(|one| json::review(&one)).collect();
    object
}

/// A step of an issue's history.
enum Step<'a> {
    Comment(Comment<'a>),
    Event(Event<'a>),
    Review(Review<'a>),
}

impl Step<'_> {
    fn time(&self) -> Option<Time> {
        match self {
            Self::Comment(comment) => comment.created(),
            Self::Event(event) => event.created(),
            Self::Review(review) => review.created(),
        }
    }
}

fn write_text(issue: &Issue<'_>, out: &mut impl Write) -> Result<()> {
    let title = show::line(issue.title(), 500);
    writeln!(out, "{}: {title}", show::line(&issue.to_string(), 200))?;
    if !issue.exists() {
        writeln!(out, "It is no more, or was never to be seen.")?;
    }
    let kind = match issue.is_pull_request() {
        true => "pull request",
        false => "issue",
    };
    let locked = if issue.is_locked() { ", locked" } else { "" };
    writeln!(out, "{} {kind}{locked}", json::issue_state(issue))?;
    let by = |user: Option<User<'_>>| {
        user.map_or(String::new(), |user| format!(" by {}", who(Some(user))))
    };
    let moments = [
        ("opened", issue.created(), by(issue.user())),
        ("updated", issue.last_modified(), String::new()),
        (
            "closed",
            issue.closed_at().filter(|_| issue.is_closed()),
            by(issue.closed_by().filter(|_| issue.is_closed())),
        ),
    ];
    for (what, time, by) in moments {
        if time.is_some() || !by.is_empty() {
            writeln!(out, "{what:<10} {}{by}", when(time))?;
        }
    }
    let lists = [
        (
            "assignees",
            issue
                .assignees()
                .map(|user| who(Some(user)))
                .collect::<Vec<_>>(),
        ),
        (
            "labels",
            issue
                .labels()
                .map(|label| show::line(label.name(), 80))
                .collect(),
        ),
        ("milestone", milestone(issue).into_iter().collect()),
    ];
    for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        writeln!(out, "{name:<10} {}", list.join(", "))?;
    }
    write_body(issue.body(), out)?;
    let mut steps: Vec<Step<'_>> = issue.events().map(Step::Event).collect();
    steps.extend(issue.comments().map(Step::Comment));
    steps.extend(issue.reviews().map(Step::Review));
    steps.sort_by_key(Step::time);
    steps.iter().try_for_each(|step| write_step(step, out))
}

fn milestone(issue: &Issue<'_>) -> Option<String> {
    match issue.milestone() {
        IssueMilestone::Some(milestone) => Some(show::line(milestone.title(), 80)),
        IssueMilestone::None | IssueMilestone::Unknown => None,
    }
}

fn write_body(body: &str, out: &mut impl Write) -> Result<()> {
    let body = show::text(body);
    if !body.is_empty() {
        writeln!(out, "\n{body}")?;
    }
    Ok(())
}

fn write_step(step: &Step<'_>, out: &mut impl Write) -> Result<()> {
    let time = when(step.time());
    match step {
        Step::Comment(comment) => {
            writeln!(out, "\n── {time} {} commented", who(comment.user()))?;
            write_body(comment.body(), out)
        }
        Step::Review(review) => {
            let state = show::line(review.state(), 40);
            let state = if state.is_empty() { "reviewed" } else { &state };
            writeln!(out, "\n── {time} {} review: {state}", who(review.actor()))?;
            write_body(review.body(), out)
        }
        Step::Event(event) => {
            writeln!(out, "\n── {time} {} {}", who(event.actor()), what(event))?;
            Ok(())
        }
    }
}

/// What happened, in some words.
fn what(event: &Event<'_>) -> String {
    let details = event.details();
    let mut words = show::line(event.event_type(), 40);
    let mut add = |word: &str, text: &str| {
        if !text.is_empty() {
            words.push_str(word);
            words.push_str(&show::line(text, 200));
        }
    };
    add(" ", details.label);
    add(" ", details.milestone);
    if details.assignee.is_some() {
        add(" ", &who(details.assignee));
    }
    if details.reviewer.is_some() {
        add(" ", &who(details.reviewer));
    }
    add(
        " team ",
        details.team_reviewer.map_or("", |team| team.slug()),
    );
    add(" from ", details.from);
    add(" to ", details.to);
    add(" by commit ", details.commit_id);
    if let Some(review) = details.dismissed_review {
        add(": ", review.message);
    }
    words
}

/// Somebody's login, or what is known instead.
fn who(user: Option<User<'_>>) -> String {
    match user {
        None => "somebody".to_owned(),
        Some(user) if user.login().is_empty() => format!("user {}", user.id()),
        Some(user) => format!("@{}", show::line(user.login(), 80)),
    }
}

fn when(time: Option<Time>) -> String {
    time.map_or("at an unknown time".to_owned(), show::time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issues_are_named_as_people_do() {
        let name = IssueName {
            owner: "golang".to_owned(),
            repo: "go".to_owned(),
            number: 12,
        };
        assert_eq!("golang/go#12".parse(), Ok(name));
        for wrong in [
            "",
            "golang/go",
            "go#1",
            "golang/go#",
            "/go#1",
            "golang/#1",
            "golang/go#x",
        ] {
            assert!(wrong.parse::<IssueName>().is_err(), "{wrong}");
        }
    }
}
