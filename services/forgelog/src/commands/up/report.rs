//! What happens, a line each, for who watches the terminal. Depends on the projections; says what they hold, and
//! decides nothing.

use anyhow::{Context as _, Result};
use forgelog_replay::builds::{Build, State};
use forgelog_replay::{Builds, Corpus, Folded, Live};
use log_core::{Position, Record, Stream};
use maintnerd::git::Progress;
use prost::Message as _;
use proto::forgelog::builds::mutation::Kind;
use proto::forgelog::builds::{ConfigActivated, Mutation};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

use super::notices::{Notices, Topic};
use super::printer::Printer;
use crate::commands::show;

/// How often a long import says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);
/// How much of a text is shown.
const SUBJECT_WIDTH: usize = 60;
const STATE_WIDTH: usize = 120;

/// Says which commits are recorded, until the source is gone.
pub(super) async fn commits(
    repo: &str,
    activity: Live<Corpus>,
    mut progress: watch::Receiver<Progress>,
    said: &Printer,
    notices: &Notices,
) {
    let mut known = activity.snapshot().state().counts().commits;
    let mut head = None;
    let mut next_progress = Instant::now() + PROGRESS_EVERY;
    while progress.changed().await.is_ok() {
        let now = progress.borrow_and_update().clone();
        let texts = now
            .error
            .as_ref()
            .map(|error| format!("{}: {error}; trying again", show::line(repo, SUBJECT_WIDTH)));
        notices.set(Topic::Repository, texts.into_iter().collect());
        if now.caught_up {
            let snapshot = activity.snapshot();
            let commits = snapshot.state().counts().commits;
            let news = at_head(snapshot.state(), repo);
            if commits > known || (news.is_some() && news != head) {
                said.say(logged(commits.saturating_sub(known), news.as_deref()));
            }
            (known, head) = (commits, news);
        } else if now.total > 0 && Instant::now() >= next_progress {
            said.say(format!("logging commits: {} of {}", now.logged, now.total));
            next_progress = Instant::now() + PROGRESS_EVERY;
        }
    }
}

fn logged(commits: usize, head: Option<&str>) -> String {
    let commits = match commits {
        0 => String::new(),
        1 => "logged 1 commit".to_owned(),
        commits => format!("logged {commits} commits"),
    };
    [
        Some(commits).filter(|text| !text.is_empty()),
        head.map(str::to_owned),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(", ")
}

/// Where the repository's default branch is: `main is at 1f2e3d4 Subject`.
fn at_head(corpus: &Corpus, repo: &str) -> Option<String> {
    let head = corpus.repo(repo)?.head()?;
    let commit = corpus.commit(&head.commit?)?;
    let branch = show::line(head.branch.unwrap_or("HEAD"), SUBJECT_WIDTH);
    Some(format!(
        "{branch} is at {} {}",
        show::short(&commit.hash()),
        show::line(&commit.subject(), SUBJECT_WIDTH)
    ))
}

/// Says which builds begin and end, from the stream's end on, until it is no longer followed.
pub(super) async fn builds(
    builds: Live<Builds>,
    stream: &Stream,
    url: &str,
    said: &Printer,
) -> Result<()> {
    let snapshot = builds.caught_up().await?;
    if let Some(config) = snapshot.state().config() {
        said.say(in_force(config));
    }
    let mut reader = stream.reader(snapshot.position());
    loop {
        let records = reader.follow().await.context("cannot follow the builds")?;
        let end = records.last().map_or(Position::START, |record| record.next);
        let snapshot = builds.wait_for(end).await?;
        for line in records
            .iter()
            .filter_map(|record| line(record, &snapshot, url))
        {
            said.say(line);
        }
    }
}

/// What a record means to people; most mean nothing.
fn line(record: &Record, builds: &Folded<Builds>, url: &str) -> Option<String> {
    let mutation = Mutation::decode(record.payload.clone()).ok()?;
    let id = match mutation.kind? {
        Kind::ConfigActivated(config) => return Some(in_force(&config)),
        Kind::BuildAttemptStarted(attempt) => {
            let build = builds.state().build(&attempt.build_id)?;
            let again = if attempt.attempt > 1 {
                format!(", attempt {}", attempt.attempt)
            } else {
                String::new()
            };
            return Some(format!(
                "building {}{again}  {}",
                name(&build),
                link(&build, url)
            ));
        }
        Kind::BuildAttemptEnded(end) => {
            let build = builds.state().build(&end.build_id)?;
            let why = show::line(&end.error, STATE_WIDTH);
            return Some(format!(
                "ended    {}, without a result: {why}  {}",
                name(&build),
                link(&build, url)
            ));
        }
        Kind::BuildFinished(end) => end.build_id,
        Kind::BuildSkipped(end) => end.build_id,
        Kind::BuildCancelled(end) => end.build_id,
        _ => return None,
    };
    Some(ended(&builds.state().build(&id)?, url))
}

fn ended(build: &Build<'_>, url: &str) -> String {
    let mut line = format!("{:<8} {}", build.state().word(), name(build));
    if let Some(took) = build.took() {
        line.push_str(&format!(" in {}", show::took(took)));
    }
    if build.state() != State::Ok {
        let why = build
            .skipped()
            .map_or(build.exit_state(), |skipped| &skipped.detail);
        let step = if build.failed_step().is_empty() {
            String::new()
        } else {
            format!("{}: ", build.failed_step())
        };
        line.push_str(&format!(
            ": {}",
            show::line(&format!("{step}{why}"), STATE_WIDTH)
        ));
    }
    format!("{line}  {}", link(build, url))
}

fn name(build: &Build<'_>) -> String {
    format!(
        "{} {}",
        show::line(build.builder(), 64),
        show::short(&build.commit())
    )
}

fn link(build: &Build<'_>, url: &str) -> String {
    format!("{url}build/{}", build.id())
}

/// The builders in force, and where they come from.
fn in_force(config: &ConfigActivated) -> String {
    let names: Vec<String> = config
        .builders
        .iter()
        .map(|builder| show::line(&builder.name, 64))
        .collect();
    let names = if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    };
    let mut text = format!(
        "builders: {names} ({})",
        show::line(&config.source, STATE_WIDTH)
    );
    for finding in config.findings.iter().flat_map(|finding| finding.lines()) {
        text.push_str("\n  ");
        text.push_str(&show::line(finding, 2 * STATE_WIDTH));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::forgelog::builds::Builder;

    #[test]
    fn builders_in_force_are_named_with_their_findings() {
        let builder = |name: &str| Builder {
            name: name.into(),
            ..Builder::default()
        };
        let mut config = ConfigActivated {
            source: "commit 1".into(),
            ..ConfigActivated::default()
        };
        assert_eq!(in_force(&config), "builders: none (commit 1)");
        config.builders = vec![builder("a"), builder("b")];
        config.findings = vec!["found\x1b this\nand that".into()];
        assert_eq!(
            in_force(&config),
            "builders: a, b (commit 1)\n  found  this\n  and that"
        );
    }

    #[test]
    fn commits_and_the_head_are_said_together() {
        assert_eq!(logged(1, None), "logged 1 commit");
        assert_eq!(
            logged(2, Some("main is at 1")),
            "logged 2 commits, main is at 1"
        );
        assert_eq!(logged(0, Some("main is at 1")), "main is at 1");
    }
}
