//! The board: commits down, builders across (spec/dashboards.md 5.2).

use forgelog_replay::builds::{Build, State};
use forgelog_replay::corpus::{Commit, Repo};

use super::Facts;
use super::broken::{Broken, broken};
use super::frame::Frame;
use super::grid::{ALL_BRANCHES, Grid, GridRow, Shown, Slot, default_branch};
use super::mark::{Mark, is_failing};
use super::query::BoardQuery;
use super::when::When;
use crate::text::{cut_marked, label, visible_lines};

/// On a board with more columns than this only those cells are links that people look for; the
/// commit's page links the others.
const LINKED_COLUMNS_MAX: usize = 24;

/// On a board with more columns than this commits get less room.
const ROOMY_COLUMNS_MAX: usize = 8;

/// The longest subject, in bytes; the whole message, as far as this, is its title.
const SUBJECT_BYTES_MAX: usize = 100;
const MESSAGE_BYTES_MAX: usize = 500;

/// How often a board with something unfinished is loaded again, in seconds.
const REFRESH_SECONDS: u32 = 5;

/// The board's page.
#[derive(askama::Template)]
#[template(path = "board.html")]
pub(crate) struct Board {
    frame: Frame,
    repo: String,
    branch: String,
    repos: Vec<Choice>,
    branches: Vec<Choice>,
    is_wide: bool,
    columns: usize,
    header: Vec<Vec<HeadCell>>,
    rows: Vec<Row>,
    others: Vec<Row>,
    broken: Vec<Broken>,
    paused: Vec<Pause>,
    running: usize,
    waiting: usize,
    awaited: Option<Awaited>,
    newer: Option<String>,
    latest: Option<String>,
    older: Option<String>,
}

/// One of the things that can be chosen.
struct Choice {
    value: String,
    label: String,
    is_chosen: bool,
}

/// A cell over the builders.
struct HeadCell {
    text: String,
    title: String,
    columns: usize,
    begins_group: bool,
}

/// A commit.
struct Row {
    repo: Option<String>,
    branch: Option<String>,
    short: String,
    href: String,
    subject: String,
    message: String,
    author: String,
    email: String,
    when: Option<When>,
    cells: Vec<CellView>,
}

/// Where a commit and a builder meet.
struct CellView {
    mark: Mark,
    href: Option<String>,
    title: String,
    begins_group: bool,
}

/// A builder that is not to build for a while.
struct Pause {
    builder: String,
    reason: String,
}

/// What has to come before there is a board.
struct Awaited {
    what: &'static str,
    findings: Vec<String>,
    shows_sample: bool,
}

impl Board {
    /// The page for a grid.
    pub(crate) fn new(facts: Facts<'_>, query: &BoardQuery, grid: &Grid<'_>, frame: Frame) -> Self {
        let broken = if query.page == 0 {
            broken(facts, grid)
        } else {
            Vec::new()
        };
        let (repo, branch) = (label(grid.repo_name, 100), branch_label(grid.branch));
        let (header, group_starts) = header(&grid.columns);
        let rows: Vec<Row> = grid
            .rows
            .iter()
            .map(|row| Row::new(facts, row, grid, &group_starts, false))
            .collect();
        let changes = grid
            .rows
            .iter()
            .chain(&grid.others)
            .flat_map(|row| &row.cells)
            .any(is_unfinished);
        let title = match broken.len() {
            0 => format!("{repo} {branch}"),
            count => format!("✗ {count} · {repo} {branch}"),
        };
        let page = |page: usize| facts.links.board(&query.params(page));
        Self {
            frame: frame.titled(title).refreshed(REFRESH_SECONDS, changes),
            repos: repos(facts, grid),
            branches: grid
                .repo
                .map(|repo| branches(&repo, grid.branch))
                .unwrap_or_default(),
            is_wide: grid.columns.len() > ROOMY_COLUMNS_MAX,
            columns: grid.columns.len(),
            header,
            others: grid
                .others
                .iter()
                .map(|row| Row::new(facts, row, grid, &group_starts, true))
                .collect(),
            running: facts.builds.counts().of(State::Running),
            waiting: facts.builds.counts().of(State::Queued),
            awaited: awaited(facts, grid, query),
            newer: (query.page > 0).then(|| page(query.page - 1)),
            latest: (query.page > 1).then(|| page(0)),
            older: grid.has_older.then(|| page(query.page + 1)),
            paused: paused(facts, grid),
            rows,
            broken,
            repo,
            branch,
        }
    }
}

/// The columns of builders that are paused, and why.
fn paused(facts: Facts<'_>, grid: &Grid<'_>) -> Vec<Pause> {
    let paused = |name: &&str| {
        let paused = facts.builds.paused(name)?;
        let by = (!paused.who.is_empty()).then(|| format!("by {}", label(&paused.who, 100)));
        let until = paused
            .until
            .map(|until| When::new(until.into(), facts.as_of));
        let until = until.map(|until| format!("until {}Z", until.long));
        let reason = (!paused.reason.is_empty()).then(|| label(&paused.reason, 200));
        let parts: Vec<String> = [by, until, reason].into_iter().flatten().collect();
        Some(Pause {
            builder: label(name, 100),
            reason: parts.join(", "),
        })
    };
    grid.columns.iter().filter_map(paused).collect()
}

fn branch_label(shown: Shown<'_>) -> String {
    match shown {
        Shown::One { name, .. } => label(name, 100),
        Shown::All => "all branches".to_owned(),
        Shown::Commits => "chosen commits".to_owned(),
        Shown::Nothing => String::new(),
    }
}

fn repos(facts: Facts<'_>, grid: &Grid<'_>) -> Vec<Choice> {
    let choice = |repo: Repo<'_>| Choice {
        value: repo.name().to_owned(),
        label: label(repo.name(), 100),
        is_chosen: repo.name() == grid.repo_name,
    };
    facts.corpus.repos().map(choice).collect()
}

fn branches(repo: &Repo<'_>, shown: Shown<'_>) -> Vec<Choice> {
    let default = default_branch(repo);
    let is_shown = |branch: &str| matches!(shown, Shown::One { name, .. } if name == branch);
    let choice = |name: &str| Choice {
        value: if name == ALL_BRANCHES {
            format!("refs/heads/{name}")
        } else {
            name.to_owned()
        },
        label: label(name, 100),
        is_chosen: is_shown(name),
    };
    let others = repo
        .branches()
        .map(|branch| branch.name)
        .filter(|name| Some(*name) != default);
    let all = Choice {
        value: ALL_BRANCHES.to_owned(),
        label: "all branches".to_owned(),
        is_chosen: shown == Shown::All,
    };
    default
        .into_iter()
        .chain(others)
        .map(choice)
        .chain([all])
        .collect()
}

/// The rows over the builders, without those that would be empty, and which columns begin a group.
fn header(columns: &[&str]) -> (Vec<Vec<HeadCell>>, Vec<bool>) {
    let rows = builders::header_rows(columns);
    let mut starts = vec![false; columns.len()];
    let mut at = 0;
    let mut groups = Vec::new();
    for group in &rows.groups {
        starts[at] = true;
        let title = if group.columns == 1 {
            columns[at]
        } else {
            group.name
        };
        groups.push(HeadCell {
            text: label(group.name, 60),
            title: label(title, 200),
            columns: group.columns,
            begins_group: true,
        });
        at += group.columns;
    }
    let line = |texts: &[&str]| -> Option<Vec<HeadCell>> {
        let cells = texts
            .iter()
            .zip(columns)
            .zip(&starts)
            .map(|((text, name), begins_group)| HeadCell {
                text: label(text, 60),
                title: label(name, 200),
                columns: 1,
                begins_group: *begins_group,
            });
        texts
            .iter()
            .any(|text| !text.is_empty())
            .then(|| cells.collect())
    };
    let header = [Some(groups), line(&rows.second), line(&rows.third)]
        .into_iter()
        .flatten()
        .collect();
    (header, starts)
}

impl Row {
    fn new(
        facts: Facts<'_>,
        row: &GridRow<'_>,
        grid: &Grid<'_>,
        group_starts: &[bool],
        is_other: bool,
    ) -> Self {
        let commit = &row.commit;
        let author = commit.author();
        let links_all = grid.columns.len() <= LINKED_COLUMNS_MAX;
        let cells = row
            .cells
            .iter()
            .zip(group_starts)
            .map(|(slot, begins_group)| CellView {
                begins_group: *begins_group,
                ..CellView::new(facts, slot, links_all)
            });
        Self {
            repo: is_other.then(|| label(row.repo, 60)),
            branch: (grid.branch == Shown::All && !is_other).then(|| label(row.branch, 40)),
            short: commit.hash().short(),
            href: facts.links.commit(row.repo, &commit.hash().to_string()),
            subject: label(&commit.subject(), SUBJECT_BYTES_MAX),
            message: message(commit),
            author: author
                .as_ref()
                .map_or_else(String::new, |author| label(author.name(), 40)),
            email: author
                .as_ref()
                .map_or_else(String::new, |author| label(author.email(), 100)),
            when: commit
                .committer()
                .map(|committer| When::new(committer.time(), facts.as_of)),
            cells: cells.collect(),
        }
    }
}

/// The message as a title; nothing if that would only repeat the subject.
fn message(commit: &Commit<'_>) -> String {
    let message = commit.message();
    let message = message.trim();
    if message.len() <= SUBJECT_BYTES_MAX && !message.contains('\n') {
        return String::new();
    }
    visible_lines(&cut_marked(message, MESSAGE_BYTES_MAX))
}

impl CellView {
    fn new(facts: Facts<'_>, slot: &Slot<'_>, links_all: bool) -> Self {
        let build = match slot {
            Slot::Blank => return Self::plain(Mark::BLANK),
            Slot::Untested => return Self::plain(Mark::UNTESTED),
            Slot::Build(build) => build,
        };
        let state = build.state();
        let is_linked = links_all || is_failing(state) || state == State::Running;
        Self {
            href: is_linked.then(|| facts.links.build(build.id())),
            title: cell_title(build),
            ..Self::plain(Mark::of(state))
        }
    }

    fn plain(mark: Mark) -> Self {
        Self {
            mark,
            href: None,
            title: String::new(),
            begins_group: false,
        }
    }
}

/// More about a failure.
fn cell_title(build: &Build<'_>) -> String {
    if !is_failing(build.state()) {
        return String::new();
    }
    let parts = [build.failed_step(), build.exit_state()];
    let parts: Vec<String> = parts
        .iter()
        .filter(|part| !part.is_empty())
        .map(|part| label(part, 60))
        .collect();
    parts.join(": ")
}

fn is_unfinished(slot: &Slot<'_>) -> bool {
    matches!(slot, Slot::Build(build) if !build.state().is_terminal())
}

fn awaited(facts: Facts<'_>, grid: &Grid<'_>, query: &BoardQuery) -> Option<Awaited> {
    let has_builds = grid
        .rows
        .iter()
        .flat_map(|row| &row.cells)
        .any(|slot| matches!(slot, Slot::Build(_)));
    if has_builds || query.page > 0 || !query.hashes.is_empty() || grid.repo_name != facts.main_repo
    {
        return None;
    }
    let config = facts.builds.config();
    let has_builders = config.is_some_and(|config| !config.builders.is_empty());
    let what = match (grid.rows.is_empty(), has_builders) {
        (true, _) => {
            "Waiting for the first commits. They appear here as soon as they are recorded."
        }
        (false, true) => "Waiting for the first build of these commits.",
        (false, false) => "Nothing is built yet: there is no builder.",
    };
    Some(Awaited {
        what,
        findings: config
            .map_or(&[][..], |config| &config.findings)
            .iter()
            .map(|finding| {
                let lines: Vec<String> = finding.lines().map(|line| label(line, 300)).collect();
                lines.join("\n")
            })
            .collect(),
        // A finding of several lines has a sample of its own.
        shows_sample: !grid.rows.is_empty()
            && !has_builders
            && !config
                .is_some_and(|config| config.findings.iter().any(|finding| finding.contains('\n'))),
    })
}
