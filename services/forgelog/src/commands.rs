//! What can be typed: the commands, their arguments, and how they end. Depends on `clap`; each command is a module.

mod bench;
mod build;
mod buildlet;
mod corpus;
mod log;
mod memory;
mod progress;
mod show;
mod up;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};
use std::io::{BufWriter, ErrorKind, Stdout, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

use crate::data_folder::{self, DataFolder};

/// How long threads that are in the middle of something may hold up the end.
const THREADS_LIMIT: Duration = Duration::from_secs(1);

const EXIT_CODES: &str = "\
Exit codes: 0 all went well, 1 something failed (stderr says what), 2 the command line is wrong.
Environment: RUST_LOG=info (or debug, or MODULE=LEVEL) shows more of what goes on, on stderr.";

/// Watches a git repository, builds what is new, and keeps all of it in an append-only log.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Arguments),
    #[command(subcommand)]
    Log(log::Command),
    #[command(subcommand)]
    Corpus(corpus::Command),
    #[command(subcommand)]
    Build(build::Command),
    Buildlet(buildlet::Arguments),
    #[command(subcommand)]
    Bench(bench::Command),
}

/// Which data folder is meant.
#[derive(Debug, Args)]
struct Data {
    /// The data folder, as `up` made it.
    #[arg(long = "data", value_name = "DIR", default_value = data_folder::DEFAULT)]
    path: PathBuf,
}

impl Data {
    fn look(&self) -> Result<DataFolder> {
        DataFolder::look(&self.path)
    }
}

impl Arguments {
    /// Does what was typed. An error is for people, with its causes.
    pub(crate) fn run(self) -> Result<ExitCode> {
        show_logs();
        match self.command {
            Command::Up(arguments) => arguments.run(),
            Command::Log(command) => until_nobody_reads(command.run()),
            Command::Corpus(command) => until_nobody_reads(command.run()),
            Command::Build(command) => until_nobody_reads(command.run()),
            Command::Buildlet(arguments) => arguments.run(),
            Command::Bench(command) => until_nobody_reads(command.run()),
        }
    }
}

/// What the services say while they work goes to stderr, as far as RUST_LOG wants it.
fn show_logs() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}

/// A command that prints is done when nobody reads on: `forgelog log cat … | head` is no failure.
fn until_nobody_reads(outcome: Result<ExitCode>) -> Result<ExitCode> {
    match outcome {
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        outcome => outcome,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain();
    causes.any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == ErrorKind::BrokenPipe)
    })
}

/// The runtime of a command that does one thing after the other.
fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")
}

/// Where a command prints to. Has to be flushed.
fn stdout() -> BufWriter<Stdout> {
    BufWriter::with_capacity(64 << 10, std::io::stdout())
}

/// Runs a command that prints, and sees to it that all of it gets out.
fn print(
    command: impl AsyncFnOnce(&mut BufWriter<Stdout>) -> Result<ExitCode>,
) -> Result<ExitCode> {
    let mut out = stdout();
    let code = runtime()?.block_on(command(&mut out))?;
    out.flush()?;
    Ok(code)
}

/// The same on all cores.
fn print_on_all_cores(
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
