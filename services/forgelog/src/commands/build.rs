//! `forgelog build`: what was built, and what it printed. Reads, also while `up` writes. Depends on the projections.

mod json;
mod list;
mod output;

use anyhow::Result;
use clap::Subcommand;
use forgelog_replay::{Folded, Projection};
use log_core::{Position, Stream};
use std::process::ExitCode;

use super::print;

/// Look at builds and their output.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    List(list::Arguments),
    Log(output::Arguments),
}

impl Command {
    pub(super) fn run(self) -> Result<ExitCode> {
        match self {
            Self::List(arguments) => print(async |out| arguments.run(out).await),
            Self::Log(arguments) => print(async |out| arguments.run(out).await),
        }
    }
}

/// The state after all records that are there now.
async fn folded<P: Projection>(stream: &Stream) -> Result<Folded<P>> {
    let mut folded = Folded::default();
    fold_news(stream, &mut folded).await?;
    Ok(folded)
}

/// Applies what came since.
async fn fold_news<P: Projection>(stream: &Stream, folded: &mut Folded<P>) -> Result<()> {
    let from = if folded.records() == 0 {
        Position::START
    } else {
        folded.position()
    };
    let mut reader = stream.reader(from);
    loop {
        let records = reader.next_batch().await?;
        if records.is_empty() {
            return Ok(());
        }
        folded.fold(&records);
    }
}
