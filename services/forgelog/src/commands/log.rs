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
mod progress;
mod records;
mod repair;
mod serve;
mod source;
pub(super) mod synth;
mod verify;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use std::io::{BufWriter, Stdout, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use super::stdout;

/// How long threads that are in the middle of something may hold up the end.
const THREADS_LIMIT: Duration = Duration::from_secs(1);

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
        print(async |out| match self {
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

/// Runs a command on all cores, and sees to it that all that it prints gets out.
fn print(
    command: impl AsyncFnOnce(&mut BufWriter<Stdout>) -> Result<ExitCode>,
) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    let mut out = stdout();
    let outcome = runtime.block_on(command(&mut out));
    runtime.shutdown_timeout(THREADS_LIMIT);
    let flushed = out.flush();
    let code = outcome?;
    flushed?;
    Ok(code)
}

/// What is at the end of a command's help.
fn with_exit_codes(text: &str) -> String {
    format!(
        "{text}\n\nExit codes: 0 all went well, 1 something failed or has faults (stderr says what), 2 the command line is wrong."
    )
}
