//! `forgelog log`: reads, writes, checks, copies and serves logs. Depends on `log-core` for all of that, on
//! `replay::dump` for what records say, and on `synth`.

mod append;
mod cat;
mod copy;
mod export;
mod http;
mod import;
mod info;
mod mirror;
mod mutation;
mod open;
mod records;
mod repair;
mod serve;
mod source;
pub(super) mod synth;
mod verify;

use anyhow::Result;
use clap::Subcommand;
use std::process::ExitCode;

use super::{print_on_all_cores, with_exit_codes};

/// Look into logs, write them, check them, copy them and serve them.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Info(info::Arguments),
    Cat(cat::Arguments),
    Append(append::Arguments),
    Verify(verify::Arguments),
    Repair(repair::Arguments),
    Import(import::Arguments),
    Export(export::Arguments),
    Serve(serve::Arguments),
    Mirror(mirror::Arguments),
    Synth(synth::Arguments),
}

impl Command {
    pub(super) fn run(self) -> Result<ExitCode> {
        print_on_all_cores(async |out| match self {
            Self::Info(arguments) => arguments.run(out).await,
            Self::Cat(arguments) => arguments.run(out).await,
            Self::Append(arguments) => arguments.run(out).await,
            Self::Verify(arguments) => arguments.run(out).await,
            Self::Repair(arguments) => arguments.run(out).await,
            Self::Import(arguments) => arguments.run(out).await,
            Self::Export(arguments) => arguments.run(out).await,
            Self::Serve(arguments) => arguments.run(out).await,
            Self::Mirror(arguments) => arguments.run(out).await,
            Self::Synth(arguments) => arguments.run(out).await,
        })
    }
}
