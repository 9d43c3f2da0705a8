//! `forgelog corpus search`: issues and changes by what they are and say. Depends on the corpus's views.
//!
//! Filters look at cells first, and at texts only of what is left.

mod needle;

use anyhow::Result;
use clap::{Args, ValueEnum};
use forgelog_replay::corpus::gerrit::Status;
use forgelog_replay::corpus::{Cl, Issue};
use forgelog_replay::{Corpus, Scope, Time};
use std::cmp::Reverse;
use std::io::Write;
use std::process::ExitCode;

use super::json;
use super::opening::{AsOf, Log};
use super::with_exit_codes;
use crate::commands::show;
use needle::Needle;

/// The milestone of issues that have none.
const NO_MILESTONE: &str = "none";

/// Find issues and changes; those that changed last come first.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
A line has the name, the state, when it last changed, and the title. What was deleted, and private
changes, are left out.

Examples:
  forgelog corpus search --issues --state open --label NeedsFix --repo golang/go
  forgelog corpus search --cls --state open --owner 5190 --updated-since 2019-01-01
  forgelog corpus search --text deadlock --limit 20 --json"))]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    log: Log,
    #[command(flatten)]
    at: AsOf,
    /// Only issues and pull requests.
    #[arg(long)]
    issues: bool,
    /// Only changes.
    #[arg(long)]
    cls: bool,
    /// Only in this state; merged and abandoned changes are closed too.
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Only issues with this label; of several, with all.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["cls", "owner", "hashtag", "branch", "project"])]
    label: Vec<String>,
    /// Only issues of this user, by login.
    #[arg(long, value_name = "LOGIN", conflicts_with_all = ["cls", "owner", "hashtag", "branch", "project"])]
    author: Option<String>,
    /// Only issues with this milestone, by title; `none` are those without.
    #[arg(long, value_name = "TITLE", conflicts_with_all = ["cls", "owner", "hashtag", "branch", "project"])]
    milestone: Option<String>,
    /// Only issues of this repository; of several, of any.
    #[arg(long, value_name = "OWNER/NAME", conflicts_with_all = ["cls", "owner", "hashtag", "branch", "project"])]
    repo: Vec<String>,
    /// Only changes of this owner: an account's number, or a part of name or address.
    #[arg(long, value_name = "WHO", conflicts_with = "issues")]
    owner: Option<String>,
    /// Only changes with this hashtag; of several, with all.
    #[arg(long, value_name = "TAG", conflicts_with = "issues")]
    hashtag: Vec<String>,
    /// Only changes for this branch.
    #[arg(long, value_name = "NAME", conflicts_with = "issues")]
    branch: Option<String>,
    /// Only changes of this project; of several, of any.
    #[arg(long, value_name = "SERVER/NAME", conflicts_with = "issues")]
    project: Vec<String>,
    /// Only with this text in title, body, comments or messages; the case of letters from a to z does not matter.
    #[arg(long, value_name = "TEXT")]
    text: Option<Needle>,
    /// Only what has changed since this time.
    #[arg(long, value_name = "TIME")]
    updated_since: Option<Time>,
    /// Only what was made since this time.
    #[arg(long, value_name = "TIME")]
    created_since: Option<Time>,
    /// At most so many.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print a JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    Open,
    Closed,
    Merged,
    Abandoned,
}

/// What was found.
#[derive(Clone, Copy)]
enum Found<'a> {
    Issue(Issue<'a>),
    Cl(Cl<'a>),
}

impl Arguments {
    pub(super) async fn run(&self, out: &mut impl Write) -> Result<ExitCode> {
        self.log
            .ask(self.at, Scope::default(), out, |loaded, out| {
                for found in self.find(loaded.folded.state()) {
                    match self.json {
                        true => writeln!(out, "{}", found.as_json())?,
                        false => writeln!(out, "{}", found.line())?,
                    }
                }
                Ok(ExitCode::SUCCESS)
            })
            .await
    }

    /// What fits, newest first.
    fn find<'c>(&self, corpus: &'c Corpus) -> Vec<Found<'c>> {
        let mut found = Vec::new();
        if self.wants_issues() {
            for repo in corpus.github_repos() {
                let id = repo.id().to_string();
                if self.repo.is_empty() || self.repo.contains(&id) {
                    let issues = repo.issues().filter(|issue| self.fits_issue(issue));
                    found.extend(issues.map(|one| (one.last_modified(), Found::Issue(one))));
                }
            }
        }
        if self.wants_cls() {
            for project in corpus.gerrit_projects() {
                if self.project.is_empty() || self.project.iter().any(|it| it == project.name()) {
                    let mut cls: Vec<_> = project.cls().filter(|cl| self.fits_cl(cl)).collect();
                    cls.sort_unstable_by_key(Cl::number);
                    found.extend(
                        cls.into_iter()
                            .map(|cl| (json::cl_updated(&cl), Found::Cl(cl))),
                    );
                }
            }
        }
        // Those of the same time stay in the order of their names.
        found.sort_by_key(|(updated, _)| Reverse(*updated));
        found.truncate(self.limit.unwrap_or(usize::MAX));
        found.into_iter().map(|(_, found)| found).collect()
    }

    fn wants_issues(&self) -> bool {
        let of_cls = self.owner.is_some()
            || self.branch.is_some()
            || !self.hashtag.is_empty()
            || !self.project.is_empty();
        (self.issues || !self.cls) && !of_cls
    }

    fn wants_cls(&self) -> bool {
        let of_issues = self.author.is_some()
            || self.milestone.is_some()
            || !self.label.is_empty()
            || !self.repo.is_empty();
        (self.cls || !self.issues) && !of_issues
    }

    fn fits_issue(&self, issue: &Issue<'_>) -> bool {
        let fits_state = match self.state {
            None => true,
            Some(State::Open) => !issue.is_closed(),
            Some(State::Closed) => issue.is_closed(),
            Some(State::Merged | State::Abandoned) => false,
        };
        let is_author = |author: &String| {
            let login = issue.user().map_or("", |user| user.login());
            login.eq_ignore_ascii_case(author)
        };
        let has_milestone = |title: &String| match issue.milestone().get() {
            Some(milestone) => milestone.title() == title,
            None => title == NO_MILESTONE,
        };
        issue.exists()
            && fits_state
            && is_since(self.created_since, issue.created())
            && is_since(self.updated_since, issue.last_modified())
            && self.label.iter().all(|label| issue.has_label(label))
            && self.author.as_ref().is_none_or(is_author)
            && self.milestone.as_ref().is_none_or(has_milestone)
            && self.text.as_ref().is_none_or(|text| {
                text.is_in(issue.title().as_bytes())
                    || text.is_in(issue.body().as_bytes())
                    || issue
                        .comments()
                        .any(|one| text.is_in(one.body().as_bytes()))
            })
    }

    fn fits_cl(&self, cl: &Cl<'_>) -> bool {
        let status = cl.status();
        let fits_state = match self.state {
            None => true,
            Some(State::Open) => status == Status::New,
            Some(State::Closed) => matches!(status, Status::Merged | Status::Abandoned),
            Some(State::Merged) => status == Status::Merged,
            Some(State::Abandoned) => status == Status::Abandoned,
        };
        let is_for = |branch: &String| cl.branch_bytes() == branch.as_bytes();
        !cl.is_private()
            && fits_state
            && is_since(self.created_since, cl.created())
            && self.branch.as_ref().is_none_or(is_for)
            && self.owner.as_ref().is_none_or(|owner| is_owner(cl, owner))
            && (self.updated_since.is_none() || is_since(self.updated_since, json::cl_updated(cl)))
            && self.hashtag.iter().all(|tag| cl.hashtags().contains(tag))
            && self.text.as_ref().is_none_or(|text| {
                text.is_in(cl.commit().message_bytes())
                    || cl.messages().any(|one| text.is_in(one.text_bytes()))
            })
    }
}

fn is_since(since: Option<Time>, time: Option<Time>) -> bool {
    since.is_none_or(|since| time >= Some(since))
}

/// Whether somebody who is named by an account's number, or a part of name or address, owns the change.
fn is_owner(cl: &Cl<'_>, owner: &str) -> bool {
    if let Ok(number) = owner.parse::<i64>() {
        return cl.owner_id() == Some(number);
    }
    let needle = Needle::new(owner);
    cl.owner().is_some_and(|by| needle.is_in(by.person_bytes()))
}

impl Found<'_> {
    fn as_json(&self) -> serde_json::Value {
        match self {
            Self::Issue(issue) => json::issue(issue),
            Self::Cl(cl) => json::cl(cl),
        }
    }

    fn line(&self) -> String {
        let (name, state, updated, title, marks) = match self {
            Self::Issue(issue) => {
                let labels: Vec<&str> = issue.labels().map(|label| label.name()).collect();
                let state = json::issue_state(issue);
                let title = issue.title().to_owned();
                (
                    issue.to_string(),
                    state,
                    issue.last_modified(),
                    title,
                    labels.join(", "),
                )
            }
            Self::Cl(cl) => {
                let (state, tags) = (cl.status().as_str(), json::hashtags(cl).join(", "));
                let title = cl.subject().into_owned();
                (json::cl_name(cl), state, json::cl_updated(cl), title, tags)
            }
        };
        let updated = updated.map_or("-".to_owned(), show::time);
        let name = show::line(&name, 120);
        let marks = match marks.as_str() {
            "" => String::new(),
            marks => format!("  [{}]", show::line(marks, 120)),
        };
        let title = show::line(&title, 200);
        format!("{name}  {state}  {updated}  {title}{marks}")
    }
}
