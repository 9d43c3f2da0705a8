//! `forgelog bench`: measures what this machine gives: the log beside the bare work that it cannot be faster than, the
//! corpus beside the original's client (`bench/corpus.rs`). Depends on `log-core` and `replay`; each measurement is a
//! module.
//!
//! A measurement is run in turns with its peer, so that whatever else the machine does hits both, and the median of
//! the turns counts. It goes through the library's public API only, in a folder of its own that is removed afterwards.

mod append;
mod bare;
mod corpus;
mod decode;
mod follow;
mod machine;
mod open;
mod payload;
mod sample;
mod table;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Subcommand, ValueEnum};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use machine::Machine;
use table::{Row, write_report};

/// Measure this machine, beside the bare work that nothing can be faster than.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Log(Arguments),
    Corpus(corpus::Arguments),
    CorpusChild(corpus::child::Arguments),
}

/// The log: decoding, durable appends, following over HTTP, opening.
///
/// Needs about 2.5 GB in DIR and as much memory, and three minutes. A missed target is no failure: the exit code is 0.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  forgelog bench log --only append --dir /mnt/disk")]
pub(super) struct Arguments {
    /// Only these, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "WHAT")]
    only: Vec<What>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Where to make the folder for the files; its disk is what is measured. The system's temporary folder if unset.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// How long one turn of a timed measurement takes, in seconds.
    #[arg(long, value_name = "N", default_value_t = 0.5)]
    seconds: f64,
    /// How many turns are taken; the median counts.
    #[arg(long, value_name = "N", default_value_t = 12)]
    turns: usize,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    Decode,
    Append,
    Follow,
    Open,
}

type Measurement = fn(&Plan) -> Result<Vec<Row>>;

/// How each measurement is to be done.
#[derive(Clone, Debug)]
struct Plan {
    /// A folder of our own on the disk that is measured.
    folder: PathBuf,
    /// How long one turn takes.
    turn: Duration,
    turns: usize,
}

impl Command {
    pub(super) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Log(arguments) => arguments.run(),
            Self::Corpus(arguments) => arguments.run(),
            Self::CorpusChild(arguments) => arguments.run(),
        }
    }
}

impl Arguments {
    fn run(self) -> Result<ExitCode> {
        let sound = self.seconds > 0.0 && self.seconds <= 3600.0 && self.turns > 0;
        ensure!(
            sound,
            "--seconds and --turns have to be above 0, and --seconds at most 3600"
        );
        let dir = self.dir.clone().unwrap_or_else(std::env::temp_dir);
        let folder = tempfile::Builder::new()
            .prefix("forgelog-bench-")
            .tempdir_in(&dir)
            .with_context(|| format!("cannot make a folder in {}", dir.display()))?;
        let plan = Plan {
            folder: folder.path().to_owned(),
            turn: Duration::from_secs_f64(self.seconds),
            turns: self.turns,
        };
        let machine = Machine::look(&plan.folder);
        for warning in machine.warnings() {
            say(&format!("WARNING: {warning}"));
        }
        let rows = self.measure(&plan)?;
        write_report(&machine, &rows, self.json)?;
        folder
            .close()
            .context("cannot remove the folder of the measurements")?;
        Ok(ExitCode::SUCCESS)
    }

    fn measure(&self, plan: &Plan) -> Result<Vec<Row>> {
        let wanted = |what: What| self.only.is_empty() || self.only.contains(&what);
        let all: [(What, Measurement); 4] = [
            (What::Decode, decode::run),
            (What::Append, append::run),
            (What::Follow, follow::run),
            (What::Open, open::run),
        ];
        let mut rows = Vec::new();
        for (what, run) in all.into_iter().filter(|&(what, _)| wanted(what)) {
            say(&format!(
                "measuring: {}",
                format!("{what:?}").to_lowercase()
            ));
            rows.extend(run(plan)?);
        }
        Ok(rows)
    }
}

/// Tells a person who waits. Output is for the numbers alone.
fn say(line: &str) {
    // Nobody is left to tell if this fails.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The runtime of something that is measured: as the services have it.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start")
}
