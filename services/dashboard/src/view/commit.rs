//! One commit: its message, its files, and how its builds went (spec/dashboards.md 5.3).

use forgelog_replay::builds::{Build, State};
use forgelog_replay::corpus::{Commit, Signature};
use proto::GitHash;
use proto::forgelog::builds::Purpose;

use super::Facts;
use super::frame::Frame;
use super::mark::Mark;
use super::when::{When, between, duration};
use crate::refusal::Refusal;
use crate::text::{cut_marked, label, visible_lines};

/// How often the page of a commit with unfinished builds is loaded again, in seconds.
const REFRESH_SECONDS: u32 = 5;

/// The longest message that is shown, in bytes.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// Files that are listed.
const FILES_MAX: usize = 500;

/// A commit's page.
#[derive(askama::Template)]
#[template(path = "commit.html")]
pub(crate) struct CommitPage {
    frame: Frame,
    repo: String,
    repo_href: String,
    hash: String,
    short: String,
    subject: String,
    body: String,
    people: Vec<Person>,
    parents: Vec<Parent>,
    builds: Vec<BuildRow>,
    summary: Vec<(Mark, usize)>,
    files: Vec<FileRow>,
    files_left_out: usize,
    added: i64,
    deleted: i64,
}

struct Person {
    did: &'static str,
    name: String,
    email: String,
    when: When,
}

struct Parent {
    short: String,
    href: String,
    subject: String,
}

struct BuildRow {
    builder: String,
    mark: Mark,
    href: String,
    note: String,
    took: String,
    finished: Option<When>,
    log: String,
}

struct FileRow {
    name: String,
    added: i64,
    deleted: i64,
    is_binary: bool,
}

impl CommitPage {
    /// The page of a commit of a repository.
    pub(crate) fn new(
        facts: Facts<'_>,
        repo: &str,
        hash: &GitHash,
        frame: Frame,
    ) -> Result<Self, Refusal> {
        let missing = || {
            Refusal::missing(format!(
                "There is no commit {hash} in {}.",
                label(repo, 200)
            ))
        };
        let known = facts.corpus.repo(repo).ok_or_else(missing)?;
        let commit = facts.corpus.commit(hash).ok_or_else(missing)?;
        let message = commit.message();
        let (subject, body) = message
            .trim()
            .split_once('\n')
            .unwrap_or((message.trim(), ""));
        let builds = builds(facts, known.name(), hash);
        let changes = builds.iter().any(|build| !build.state().is_terminal());
        let other_repo = (repo != facts.main_repo).then(|| repo.to_owned());
        Ok(Self {
            frame: frame
                .titled(format!("{} {}", hash.short(), label(subject, 80)))
                .refreshed(REFRESH_SECONDS, changes),
            repo: label(known.name(), 100),
            repo_href: facts.links.board(&[("repo", other_repo)]),
            hash: hash.to_string(),
            short: hash.short(),
            subject: label(subject, 300),
            body: visible_lines(&cut_marked(body.trim(), MESSAGE_BYTES_MAX)),
            people: people(facts, &commit),
            parents: commit
                .parents()
                .map(|parent| Parent::new(facts, repo, &parent))
                .collect(),
            summary: summary(&builds),
            builds: builds
                .iter()
                .map(|build| BuildRow::new(facts, build))
                .collect(),
            files: commit.files().take(FILES_MAX).map(FileRow::from).collect(),
            files_left_out: commit.files().len().saturating_sub(FILES_MAX),
            added: commit
                .files()
                .map(|file| file.added)
                .fold(0, i64::saturating_add),
            deleted: commit
                .files()
                .map(|file| file.deleted)
                .fold(0, i64::saturating_add),
        })
    }
}

/// Who wrote it, and who committed it where that is somebody else.
fn people(facts: Facts<'_>, commit: &Commit<'_>) -> Vec<Person> {
    let person = |did, who: &Signature<'_>| Person {
        did,
        name: label(who.name(), 100),
        email: label(who.email(), 100),
        when: When::new(who.time(), facts.as_of),
    };
    let (author, committer) = (commit.author(), commit.committer());
    let is_other = author.as_ref().map(|author| &author.person)
        != committer.as_ref().map(|committer| &committer.person);
    let author = author.iter().map(|who| person("Author", who));
    author
        .chain(
            committer
                .iter()
                .filter(|_| is_other)
                .map(|who| person("Committer", who)),
        )
        .collect()
}

/// All its builds: what is bad first, then what is unfinished, then by builder as on the board.
fn builds<'a>(facts: Facts<'a>, repo: &'a str, hash: &GitHash) -> Vec<Build<'a>> {
    let mut builders: Vec<&str> = facts.builds.builders_seen(repo).collect();
    builders::column_order(&mut builders);
    let purposes = [Purpose::Post, Purpose::Try, Purpose::Manual];
    let cells = builders
        .iter()
        .flat_map(|builder| purposes.map(|purpose| (*builder, purpose)));
    let mut builds: Vec<Build<'a>> = cells
        .filter_map(|(builder, purpose)| facts.builds.cell_for(builder, repo, hash, purpose))
        .collect();
    builds.sort_by_key(|build| urgency(build.state()));
    builds
}

const fn urgency(state: State) -> u8 {
    match state {
        State::Failed | State::Timeout => 0,
        State::InfraExhausted => 1,
        State::Running => 2,
        State::Queued => 3,
        State::Ok => 4,
        State::Cancelled | State::Skipped => 5,
    }
}

/// How many there are of each kind, in the same order.
fn summary(builds: &[Build<'_>]) -> Vec<(Mark, usize)> {
    let mut counts: Vec<(Mark, usize)> = Vec::new();
    for mark in builds.iter().map(|build| Mark::of(build.state())) {
        match counts.iter_mut().find(|(known, _)| *known == mark) {
            Some((_, count)) => *count += 1,
            None => counts.push((mark, 1)),
        }
    }
    counts
}

impl Parent {
    fn new(facts: Facts<'_>, repo: &str, hash: &GitHash) -> Self {
        let commit = facts.corpus.commit(hash);
        Self {
            short: hash.short(),
            href: facts.links.commit(repo, &hash.to_string()),
            subject: commit.map_or_else(String::new, |commit| label(&commit.subject(), 100)),
        }
    }
}

impl BuildRow {
    fn new(facts: Facts<'_>, build: &Build<'_>) -> Self {
        let took = build.took().map(duration);
        // What still runs is told by its own page: this one changes with the streams alone.
        let took =
            took.or_else(|| between(build.started_at(), Some(build.finished_at()?), facts.as_of));
        let attempts = build.attempts().len();
        let parts = [
            label(build.failed_step(), 60),
            label(build.exit_state(), 100),
            if attempts > 1 {
                format!("{attempts} attempts")
            } else {
                String::new()
            },
            match build.purpose() {
                Purpose::Try => "try".to_owned(),
                Purpose::Manual => "by hand".to_owned(),
                Purpose::Post | Purpose::Unspecified => String::new(),
            },
        ];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Self {
            builder: label(build.builder(), 100),
            mark: Mark::of(build.state()),
            href: facts.links.build(build.id()),
            note: parts.join(" · "),
            took: took.unwrap_or_default(),
            finished: build.finished_at().map(|time| When::new(time, facts.as_of)),
            log: if attempts > 0 {
                facts.links.output(build.id(), "log", &[])
            } else {
                String::new()
            },
        }
    }
}

impl From<forgelog_replay::corpus::FileStat<'_>> for FileRow {
    fn from(file: forgelog_replay::corpus::FileStat<'_>) -> Self {
        Self {
            name: label(file.name, 300),
            added: file.added,
            deleted: file.deleted,
            is_binary: file.binary,
        }
    }
}
