//! `forgelog corpus`: what a log says of issues, changes and commits, as of now or any moment of the past. Reads only,
//! but for the checkpoints that it leaves in the cache. Depends on `replay` for all of that.

mod check;
mod checkpoint;
mod cl;
mod commit;
mod diff;
mod dump;
mod faults;
mod issue;
mod json;
mod opening;
mod search;
mod stats;

use anyhow::Result;
use clap::Subcommand;
use std::process::ExitCode;

use super::{print_on_all_cores, with_exit_codes};

/// Look at the issues, changes and commits that a log tells of.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Stats(stats::Arguments),
    Dump(dump::Arguments),
    Issue(issue::Arguments),
    Cl(cl::Arguments),
    Commit(commit::Arguments),
    Search(Box<search::Arguments>),
    Diff(diff::Arguments),
    Faults(faults::Arguments),
    Check(check::Arguments),
    Checkpoint(checkpoint::Arguments),
}

impl Command {
    pub(super) fn run(self) -> Result<ExitCode> {
        print_on_all_cores(async |out| match self {
            Self::Stats(arguments) => arguments.run(out).await,
            Self::Dump(arguments) => arguments.run(out).await,
            Self::Issue(arguments) => arguments.run(out).await,
            Self::Cl(arguments) => arguments.run(out).await,
            Self::Commit(arguments) => arguments.run(out).await,
            Self::Search(arguments) => arguments.run(out).await,
            Self::Diff(arguments) => arguments.run(out).await,
            Self::Faults(arguments) => arguments.run(out).await,
            Self::Check(arguments) => arguments.run(out).await,
            Self::Checkpoint(arguments) => arguments.run(out).await,
        })
    }
}
