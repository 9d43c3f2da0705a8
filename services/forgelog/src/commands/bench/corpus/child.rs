//! The processes that are measured: this program once more, each for one task, so that what one leaves behind is no
//! other's. Depends on nothing but the tasks.
//!
//! A child is told its task by arguments that nobody else should type, and answers with JSON on its output.

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use forgelog_replay::{CorpusOptions, SourceOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use super::super::runtime;
use super::{apply, chain, cold, floor, visible, warm};
use crate::commands::stdout;

/// What a child is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Task {
    /// Open without a checkpoint, and answer questions.
    Cold,
    /// Leave a checkpoint, and think of a question.
    Checkpoint,
    /// Open from the checkpoint, and answer it.
    Warm,
    /// Open from the checkpoint, and fold edits.
    Apply,
    /// Append, and wait until it is to be seen.
    Visible,
    /// Ask who descends from whom.
    Ancestors,
    /// Read and decode, and do nothing with it.
    Floor,
}

/// One task of `forgelog bench corpus`, in a process of its own.
#[derive(Clone, Debug, Args)]
#[command(hide = true)]
pub(in crate::commands) struct Arguments {
    task: Task,
    #[command(flatten)]
    given: Given,
}

/// What a task is about.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Given {
    /// The log.
    #[arg(long, default_value = "")]
    pub(super) log: String,
    /// Where checkpoints are.
    #[arg(long)]
    pub(super) cache: Option<PathBuf>,
    /// How often, or how many.
    #[arg(long, default_value_t = 0)]
    pub(super) count: usize,
    /// An issue, such as `golang/go#1234`.
    #[arg(long, default_value = "")]
    pub(super) issue: String,
}

impl Given {
    /// How the corpus is opened: with checkpoints of this cache alone, which nobody writes meanwhile.
    pub(super) fn options(&self, reads_checkpoints: bool) -> CorpusOptions {
        let mut options = CorpusOptions::default();
        options.source = self.source();
        options.reads_checkpoints = reads_checkpoints;
        options.writes_checkpoints = false;
        options
    }

    /// How the log is opened.
    pub(super) fn source(&self) -> SourceOptions {
        SourceOptions {
            cache: self.cache.clone(),
            ..SourceOptions::default()
        }
    }
}

impl Arguments {
    /// Does the task, in the child.
    pub(in crate::commands::bench) fn run(&self) -> Result<ExitCode> {
        let (runtime, given) = (runtime()?, &self.given);
        match self.task {
            Task::Cold => tell(&cold::open(&runtime, given)?),
            Task::Checkpoint => tell(&warm::checkpoint(&runtime, given)?),
            Task::Warm => tell(&warm::open(&runtime, given)?),
            Task::Apply => tell(&apply::apply(&runtime, given)?),
            Task::Visible => tell(&visible::follow(&runtime, given)?),
            Task::Ancestors => tell(&chain::ask(&runtime, given)?),
            Task::Floor => tell(&floor::pass(&runtime, given)?),
        }
    }
}

fn tell(answer: &impl Serialize) -> Result<ExitCode> {
    let mut out = stdout();
    serde_json::to_writer(&mut out, answer).context("cannot answer")?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Has a child do a task, and gives its answer.
pub(super) fn ask<T: DeserializeOwned>(task: Task, given: &Given) -> Result<T> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let name = task.to_possible_value();
    let name = name.as_ref().map_or("", |name| name.get_name());
    let cache = given.cache.iter().map(|cache| cache.as_os_str());
    let asked = Command::new(program)
        .args(["bench", "corpus-child", name, "--log", &given.log])
        .args(cache.flat_map(|cache| [OsStr::new("--cache"), cache]))
        .args(["--count", &given.count.to_string()])
        .args(["--issue", &given.issue])
        .stdin(Stdio::null())
        // What it has to say is for who waits.
        .stderr(Stdio::inherit())
        .output();
    let asked = asked.context("cannot run this program once more")?;
    ensure!(
        asked.status.success(),
        "the part {name:?} of the measurement failed ({}); the reason is above",
        asked.status
    );
    serde_json::from_slice(&asked.stdout)
        .with_context(|| format!("the part {name:?} of the measurement gives no answer"))
}
