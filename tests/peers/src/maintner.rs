//! The original's client, golang.org/x/build/maintner, and its server, as programs: see `go`.
//!
//! `tests/peers/run` builds it.

use crate::program;
use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use std::path::Path;
use std::process::Stdio;
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

/// What one load cost.
#[derive(Clone, Debug, Deserialize)]
pub struct Load {
    /// Of the load alone.
    pub seconds: f64,
    /// The most memory that the process had.
    pub peak_bytes: u64,
    /// What the corpus is in the end.
    pub held: Held,
}

/// Loads a log with the original's library: a folder in one of its layouts, or a URL and a cache.
pub async fn load(from: &str, cache: Option<&Path>) -> anyhow::Result<Load> {
    let program = program::find("maintner-load", "FORGELOG_PEERS_MAINTNER_LOAD")?;
    let mut command = Command::new(&program);
    if let Some(cache) = cache {
        command.arg("-cache").arg(cache);
    }
    let loading = command.arg(from).kill_on_drop(true).output();
    let loaded = tokio::time::timeout(LIMIT, loading)
        .await
        .with_context(|| format!("{from}: the load does not end"))?
        .with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(
        loaded.status.success(),
        "{from}: {}",
        String::from_utf8_lossy(&loaded.stderr)
    );
    serde_json::from_slice(&loaded.stdout).with_context(|| format!("{from}: no JSON"))
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
