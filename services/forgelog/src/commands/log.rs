//! `forgelog log`: a look into the streams of a data folder. Reads, also while `up` writes. Depends on `log-core` and
//! `replay::dump`.

mod cat;
mod info;
mod verify;

use anyhow::Result;
use clap::{Args, Subcommand};
use std::process::ExitCode;

use super::{Data, print};

/// Look into the log.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Info(Info),
    Cat(cat::Arguments),
    Verify(Verify),
}

/// How long the streams are, and who wrote last.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  forgelog log info --data .forgelog --json")]
pub(super) struct Info {
    #[command(flatten)]
    data: Data,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Read everything and check it: digests, framing, and that nothing lies about. Exit code 1 if something is wrong.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  forgelog log verify --data .forgelog")]
pub(super) struct Verify {
    #[command(flatten)]
    data: Data,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Command {
    pub(super) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Info(Info { data, json }) => {
                print(async |out| info::run(&data.look()?, json, out).await)
            }
            Self::Cat(arguments) => print(async |out| arguments.run(out).await),
            Self::Verify(Verify { data, json }) => {
                print(async |out| verify::run(&data.look()?, json, out).await)
            }
        }
    }
}
