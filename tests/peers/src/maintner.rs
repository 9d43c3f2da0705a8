//! The original's client, golang.org/x/build/maintner, and its server, as programs: see `go`.
//!
//! `tests/peers/run` builds it.

use crate::program;
use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

/// Longer than anything takes; what waits longer hangs.
const LIMIT: Duration = Duration::from_secs(60);
/// What is kept of the program's own log, in bytes.
const NOTES_MAX: u64 = 64 << 10;

/// What the client's corpus holds after a load.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Held {
    /// 0 is the first load, every further one an update.
    pub round: u32,
    /// GitHub repositories.
    pub repos: u32,
    /// Their issues.
    pub issues: u32,
    /// Their comments.
    pub comments: u32,
    /// Bytes of all issues' titles.
    pub title_bytes: usize,
    /// Bytes of all issues' bodies.
    pub body_bytes: usize,
    /// The highest number of an issue.
    pub highest_issue: i32,
    /// Gerrit projects.
    pub gerrit_projects: u32,
    /// Their changes.
    pub changes: u32,
}

/// What one load cost, and what the corpus answers.
#[derive(Clone, Debug, Deserialize)]
pub struct Load {
    /// Of the load alone.
    pub seconds: f64,
    /// Processor seconds of all threads up to the load's end, outside of the kernel.
    pub user_seconds: f64,
    /// Those within it.
    pub system_seconds: f64,
    /// The most memory that the process had.
    pub peak_bytes: u64,
    /// The most that was no file's; looked at every 10 ms.
    pub peak_anonymous_bytes: u64,
    /// What was alive after the load.
    pub heap_bytes: u64,
    /// What the corpus is in the end.
    pub held: Held,
    /// What it answers.
    pub answers: Answers,
}

/// What to ask of a corpus; the default leaves it to the program.
#[derive(Clone, Debug, Default)]
pub struct Questions {
    /// The label of the open issues that are counted; else the one that the most issues have.
    pub label: Option<String>,
    /// The owner of the changes that are counted; else the one with the most.
    pub owner: Option<i64>,
    /// Their year; else the owner's with the most.
    pub year: Option<i32>,
    /// How many chained commits to ask about.
    pub chain: Option<u32>,
}

/// The answers; each question was asked several times, and the seconds are their median.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Answers {
    /// The open issues with a label.
    pub open_issues: OpenIssues,
    /// The changes of an owner in a year.
    pub changes: Changes,
    /// Whether a chain's newest commit descends from its oldest; if that was asked.
    pub ancestors: Option<Ancestors>,
}

/// How many issues with a label are open, in all repositories, pull requests not counted.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct OpenIssues {
    /// The label's name.
    pub label: String,
    /// How many.
    pub count: u64,
    /// For one count.
    pub seconds: f64,
}

/// How many changes of an owner were created in a year, in all projects.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Changes {
    /// The owner's ID.
    pub owner: i64,
    /// The year in UTC.
    pub year: i32,
    /// How many.
    pub count: u64,
    /// For one count.
    pub seconds: f64,
}

/// Whether the newest commit of a chain descends from its oldest. The chain is the program's own.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Ancestors {
    /// How many commits it has.
    pub commits: u32,
    /// The newest one's name.
    pub newest: String,
    /// The oldest one's name.
    pub oldest: String,
    /// Whether it does.
    pub descends: bool,
    /// For one look.
    pub seconds: f64,
}

/// What comes of dumping a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dumped {
    /// The corpus, in the canonical form of the conformance logs.
    Lines(String),
    /// The original does not load it; what it says, be it an error or a panic.
    Refused(String),
}

/// Loads a log with the original's library: a folder in one of its layouts, a file of records, or a
/// URL and a cache.
pub async fn load(from: &str, cache: Option<&Path>, ask: &Questions) -> anyhow::Result<Load> {
    let program = program::find("maintner-load", "FORGELOG_PEERS_MAINTNER_LOAD")?;
    let mut command = Command::new(program);
    if let Some(label) = &ask.label {
        command.arg(format!("-label={label}"));
    }
    if let Some(owner) = ask.owner {
        command.arg(format!("-owner={owner}"));
    }
    if let Some(year) = ask.year {
        command.arg(format!("-year={year}"));
    }
    if let Some(chain) = ask.chain {
        command.arg(format!("-chain={chain}"));
    }
    let loaded = read(command, from, cache).await?;
    ensure!(
        loaded.status.success(),
        "{from}: {}",
        String::from_utf8_lossy(&loaded.stderr)
    );
    serde_json::from_slice(&loaded.stdout).with_context(|| format!("{from}: no JSON"))
}

/// Dumps a log, which is any that [`load`] takes, with the original's library.
pub async fn dump(from: &str, cache: Option<&Path>) -> anyhow::Result<Dumped> {
    let program = program::find("maintner-dump", "FORGELOG_PEERS_MAINTNER_DUMP")?;
    let dumped = read(Command::new(program), from, cache).await?;
    if !dumped.status.success() {
        let notes = String::from_utf8_lossy(&dumped.stderr).into_owned();
        return Ok(Dumped::Refused(notes));
    }
    let lines = String::from_utf8(dumped.stdout);
    Ok(Dumped::Lines(
        lines.with_context(|| format!("{from}: no UTF-8"))?,
    ))
}

/// Runs a program on a log to its end.
async fn read(mut command: Command, from: &str, cache: Option<&Path>) -> anyhow::Result<Output> {
    if let Some(cache) = cache {
        command.arg("-cache").arg(cache);
    }
    let reading = command.arg(from).kill_on_drop(true).output();
    tokio::time::timeout(LIMIT, reading)
        .await
        .with_context(|| format!("{from}: the original does not come to its end"))?
        .with_context(|| format!("{from}: cannot run the original"))
}

/// A running server of the original; it is killed when this is dropped, also by a panic.
#[derive(Debug)]
pub struct Server {
    _child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Server {
    /// Starts one with an empty log.
    pub async fn start() -> anyhow::Result<Self> {
        // Whoever reads from it makes an HTTP client.
        crate::install_crypto();
        let program = program::find("maintner-serve", "FORGELOG_PEERS_MAINTNER_SERVE")?;
        let mut child = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let (Some(input), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the server has no input or output");
        };
        let mut server = Self {
            _child: child,
            input,
            lines: BufReader::new(stdout).lines(),
            url: String::new(),
        };
        server.url = server.line().await?;
        Ok(server)
    }

    /// Where its log is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Has it log so many issues more, numbered on from the last; they are as a ledger's.
    pub async fn log(&mut self, issues: u32) -> anyhow::Result<()> {
        self.input
            .write_all(format!("{issues}\n").as_bytes())
            .await?;
        self.line().await.map(drop)
    }

    async fn line(&mut self) -> anyhow::Result<String> {
        let line = tokio::time::timeout(LIMIT, self.lines.next_line());
        line.await
            .context("the server says nothing")??
            .context("the server ended")
    }
}

/// A running client; it is killed when this is dropped, also by a panic.
#[derive(Debug)]
pub struct Client {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    notes: JoinHandle<String>,
}

impl Client {
    /// Starts one on the log at `url`, such as `http://127.0.0.1:8080/logs`, with this cache. It loads,
    /// and ends after so many updates, or never.
    pub fn start(url: &str, cache: &Path, updates: Option<u32>) -> anyhow::Result<Self> {
        let program = program::find("maintner-client", "FORGELOG_PEERS_MAINTNER_CLIENT")?;
        let mut command = Command::new(&program);
        if let Some(updates) = updates {
            command.arg(format!("-rounds={updates}"));
        }
        let mut child = command
            .arg(url)
            .arg(cache)
            .env_clear()
            .env("HOME", cache)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            bail!("the client has no output");
        };
        Ok(Self {
            child,
            lines: BufReader::new(stdout).lines(),
            notes: tokio::spawn(notes(stderr)),
        })
    }

    /// What it holds after its next load.
    pub async fn next(&mut self) -> anyhow::Result<Held> {
        let line = tokio::time::timeout(LIMIT, self.lines.next_line())
            .await
            .context("the client says nothing")??;
        let Some(line) = line else {
            let code = self.end().await?;
            let notes = (&mut self.notes).await?;
            bail!("the client ended with {code:?}: {notes}");
        };
        serde_json::from_str(&line).with_context(|| format!("the client says {line:?}"))
    }

    /// Waits until it holds so many issues. Fails if it ever holds more.
    pub async fn until_issues(&mut self, issues: u32) -> anyhow::Result<Held> {
        loop {
            let held = self.next().await?;
            ensure!(
                held.issues <= issues,
                "the client holds {} issues of {issues}",
                held.issues
            );
            if held.issues == issues {
                return Ok(held);
            }
        }
    }

    /// Waits for its end; gives its exit code.
    pub async fn end(&mut self) -> anyhow::Result<Option<i32>> {
        let ended = tokio::time::timeout(LIMIT, self.child.wait());
        Ok(ended.await.context("the client does not end")??.code())
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }
}

/// Reads the program's log to its end and keeps the beginning.
async fn notes(mut stderr: ChildStderr) -> String {
    let mut text = Vec::new();
    let _ = (&mut stderr).take(NOTES_MAX).read_to_end(&mut text).await;
    let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&text).into_owned()
}
