//! `forgelog bench corpus`: what a corpus costs, beside the original's client on the same log and machine. Depends on
//! `replay`; each measurement is a module.
//!
//! Every opening is a process of its own, so that its memory is its own, and reports what it cost; the original's are
//! such too. They take turns, and medians count. What both hold and answer is compared: if it is not the same, there is
//! no table.

mod answers;
mod apply;
mod chain;
pub(super) mod child;
mod cold;
mod cost;
mod edits;
mod floor;
mod logs;
mod peer;
mod queries;
mod visible;
mod warm;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::runtime::Runtime;

use super::machine::Machine;
use super::table::{Figure, Row, write_report};
use super::{runtime, say};
use cold::{Beside, Opens};
use logs::Log;
use peer::Peer;

/// The original, in a row.
const PEER: &str = "the original";
/// Where nothing is beside us.
const NOBODY: (&str, Vec<Figure>) = ("", Vec::new());
/// The commits of the chain that the issue asks about.
const CHAIN: usize = 100_000;

/// The corpus: opening it, keeping it up to date, asking it; beside the original Go client, if that is there.
///
/// At scale 1 it needs about 6 GB in DIR, and with the original 12 GB of memory. The original's program is built by
/// tests/peers/run. A missed target is no failure; answers that differ are.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  forgelog bench corpus --scale 0.1,1\n  forgelog bench corpus --scale 3 --only warm --json"
)]
pub(in crate::commands) struct Arguments {
    /// How large the synthetic logs are, separated by commas: 1 is about 2 GB.
    #[arg(long, value_delimiter = ',', value_name = "S", default_value = "0.1")]
    scale: Vec<f64>,
    /// Measure this log instead, which is a folder, and is only read.
    #[arg(long, value_name = "URL", conflicts_with = "scale")]
    log: Option<String>,
    /// Only these, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "WHAT")]
    only: Vec<What>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Where to make the folder for the files. The system's temporary folder if unset.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The original's client; without it, where tests/peers/run puts it.
    #[arg(long, value_name = "FILE", env = "FORGELOG_PEERS_MAINTNER_LOAD")]
    peer: Option<PathBuf>,
    /// How many turns are taken; the median counts.
    #[arg(long, value_name = "N", default_value_t = 5)]
    turns: usize,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    Cold,
    Warm,
    Apply,
    Visible,
    Queries,
    Floor,
}

/// How it is to be done.
struct Plan {
    only: Vec<What>,
    turns: usize,
    peer: Option<Peer>,
    runtime: Runtime,
}

fn megabytes(bytes: f64) -> f64 {
    bytes / 1e6
}

impl Arguments {
    pub(super) fn run(self) -> Result<ExitCode> {
        ensure!(self.turns > 0, "--turns has to be above 0");
        let peer = Peer::find(self.peer.as_deref())?;
        if peer.is_none() {
            say(
                "the original's client is not there (tests/peers/run builds it): nothing is beside us",
            );
        }
        let plan = Plan {
            only: self.only.clone(),
            turns: self.turns,
            peer,
            runtime: runtime()?,
        };
        let dir = self.dir.clone().unwrap_or_else(std::env::temp_dir);
        let folder = tempfile::Builder::new()
            .prefix("forgelog-bench-")
            .tempdir_in(&dir)
            .with_context(|| format!("cannot make a folder in {}", dir.display()))?;
        let machine = Machine::look(folder.path());
        for warning in machine.warnings() {
            say(&format!("WARNING: {warning}"));
        }
        let rows = self.measure(&plan, folder.path())?;
        write_report(&machine, &rows, self.json)?;
        folder
            .close()
            .context("cannot remove the folder of the measurements")?;
        Ok(ExitCode::SUCCESS)
    }

    fn measure(&self, plan: &Plan, folder: &Path) -> Result<Vec<Row>> {
        if let Some(log) = &self.log {
            let making = Log::named(folder.join("named"), log);
            return plan.measure(plan.runtime.block_on(making)?, Some(CHAIN));
        }
        let mut rows = Vec::new();
        for (number, scale) in self.scale.iter().copied().enumerate() {
            say(&format!("making a log: scale {scale}"));
            let making = Log::make(folder.join(number.to_string()), scale);
            // The chain is the same for all logs.
            let chain = (number == 0).then_some(CHAIN);
            rows.extend(plan.measure(plan.runtime.block_on(making)?, chain)?);
        }
        Ok(rows)
    }
}

impl Plan {
    fn wants(&self, what: What) -> bool {
        let wanted = self.only.is_empty() || self.only.contains(&what);
        if wanted {
            say(&format!(
                "measuring: {}",
                format!("{what:?}").to_lowercase()
            ));
        }
        wanted
    }

    /// Measures one log, and removes what is ours of it.
    fn measure(&self, log: Log, chain: Option<usize>) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let (cold, queries) = (self.wants(What::Cold), self.wants(What::Queries));
        let floor = self.wants(What::Floor);
        let mut opens = Opens::default();
        if cold || queries || floor {
            let chain = chain.filter(|_| queries);
            opens = self.opens(&log, cold || queries, chain)?;
        }
        if cold {
            rows.extend(opens.rows(&log));
        }
        let (warm, apply) = (self.wants(What::Warm), self.wants(What::Apply));
        if warm || apply {
            let checkpoint: warm::Checkpoint = child::ask(child::Task::Checkpoint, &log.given())?;
            if warm {
                let theirs = opens.of_theirs(|open| open.seconds);
                rows.extend(warm::rows(&log, self.turns, &checkpoint, &theirs)?);
            }
            if apply {
                rows.extend(apply::rows(&log, self.turns)?);
            }
        }
        if self.wants(What::Visible) {
            let again = self.runtime.block_on(log.again())?;
            rows.extend(visible::rows(&again, self.turns)?);
            again.remove()?;
        }
        if queries {
            rows.extend(queries::rows(&log, &opens));
        }
        if floor {
            rows.extend(floor::rows(&log, self.turns, &opens)?);
        }
        log.remove()?;
        Ok(rows)
    }

    /// Opens cold, and has the original load beside us, if that is wanted and it is there.
    fn opens(&self, log: &Log, beside: bool, chain: Option<usize>) -> Result<Opens> {
        let Some(peer) = self.peer.as_ref().filter(|_| beside) else {
            return Opens::take(log, self.turns, None, chain);
        };
        let files = self.runtime.block_on(log.as_original())?;
        let beside = Beside { peer, log: &files };
        let opens = Opens::take(log, self.turns, Some(&beside), chain)?;
        std::fs::remove_dir_all(&files).context("cannot remove the original's log")?;
        Ok(opens)
    }
}
