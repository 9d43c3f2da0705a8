//! `forgelog build log`: what a build printed, as far as it is stored. Never holds more than a slice of it. Depends on
//! the builds projection and `log_core::output`.

use anyhow::{Result, bail};
use clap::Args;
use forgelog_replay::builds::{Attempt, Build, State};
use forgelog_replay::{Builds, Folded};
use log_core::{OutputStore, Stream};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use super::{fold_news, folded};
use crate::commands::Data;

/// How often to look for more.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// So much is read at a time.
const SLICE_BYTES: u64 = 4 << 20;
/// So many builds are named when an id could be any of them.
const NAMED_MAX: usize = 5;

/// Print what a build printed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  forgelog build log 1f2e3d4c5b6a7988
  forgelog build log 1f2e --follow")]
pub(in crate::commands) struct Arguments {
    /// The build's id, or as many of its first digits as no other has.
    id: String,
    #[command(flatten)]
    data: Data,
    /// Print on while it runs, from one attempt to the next, until the build has ended.
    #[arg(long)]
    follow: bool,
    /// The output of this attempt, from 1, instead of the last one's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    attempt: Option<u32>,
}

/// What there is to print.
#[derive(Debug, PartialEq, Eq)]
enum Now {
    /// An attempt's output; whether there can be more of it.
    Attempt {
        number: u32,
        prefix: String,
        runs: bool,
    },
    /// Nothing yet, or nothing ever, and why.
    Nothing { why: String, yet: bool },
}

impl Arguments {
    pub(super) async fn run(&self, out: &mut impl Write) -> Result<ExitCode> {
        let folder = self.data.look()?;
        let stream = folder.stream("builds").await?;
        let mut builds = folded::<Builds>(&stream).await?;
        let id = find(builds.state(), &self.id)?;
        let mut printing = Printing {
            outputs: folder.outputs(),
            attempt: 0,
            offset: 0,
        };
        loop {
            let now = now(build(&builds, &id)?, self.attempt, printing.attempt)?;
            let more = match now {
                Now::Attempt {
                    number,
                    prefix,
                    runs,
                } => {
                    printing.print(number, &prefix, out).await?;
                    runs || (self.attempt.is_none() && !build(&builds, &id)?.state().is_terminal())
                }
                Now::Nothing { why, yet } if !yet || !self.follow => {
                    writeln!(std::io::stderr(), "{why}")?;
                    false
                }
                Now::Nothing { .. } => true,
            };
            out.flush()?;
            if !more || !self.follow {
                return Ok(ExitCode::SUCCESS);
            }
            look_again(&stream, &mut builds).await?;
        }
    }
}

async fn look_again(stream: &Stream, builds: &mut Folded<Builds>) -> Result<()> {
    tokio::time::sleep(LOOK_EVERY).await;
    stream.refresh().await?;
    fold_news(stream, builds).await
}

fn build<'a>(builds: &'a Folded<Builds>, id: &str) -> Result<Build<'a>> {
    match builds.state().build(id) {
        Some(build) => Ok(build),
        None => bail!("there is no build {id}"),
    }
}

/// The id of the only build that begins like this.
fn find(builds: &Builds, prefix: &str) -> Result<String> {
    if builds.build(prefix).is_some() {
        return Ok(prefix.to_owned());
    }
    let mut matching = builds
        .latest()
        .map(|build| build.id())
        .filter(|id| !prefix.is_empty() && id.starts_with(prefix));
    let (first, others) = (
        matching.next(),
        matching.by_ref().take(NAMED_MAX).collect::<Vec<_>>(),
    );
    match first {
        None => bail!("no build's id begins with {prefix:?}; `forgelog build list` shows them all"),
        Some(first) if !others.is_empty() => bail!(
            "the ids of {} builds begin with {prefix:?}, such as {first}, {}; give more digits",
            1 + others.len() + matching.count(),
            others.join(", ")
        ),
        Some(only) => Ok(only.to_owned()),
    }
}

/// What to print of a build: the wanted attempt, or the one after those that were `printed`.
fn now(build: Build<'_>, wanted: Option<u32>, printed: u32) -> Result<Now> {
    let attempts = build.attempts().len();
    let attempt = match wanted {
        Some(number) => match build.attempt(number) {
            Some(attempt) => Some(attempt),
            None => bail!(
                "build {} has {attempts} attempts, and none with number {number}",
                build.id()
            ),
        },
        // Of an attempt that was followed to its end, the next one; but nobody asked for all of them.
        None if printed > 0 && !is_open(&build, printed) => {
            build.attempt(printed + 1).or(build.attempt(printed))
        }
        None if printed > 0 => build.attempt(printed),
        None => build.last_attempt(),
    };
    Ok(match attempt {
        Some(attempt) => Now::Attempt {
            number: attempt.number(),
            prefix: attempt.output_prefix().to_owned(),
            runs: attempt.is_open(),
        },
        None => Now::Nothing {
            why: why_nothing(&build),
            yet: !build.state().is_terminal(),
        },
    })
}

fn is_open(build: &Build<'_>, attempt: u32) -> bool {
    build
        .attempt(attempt)
        .as_ref()
        .is_some_and(Attempt::is_open)
}

fn why_nothing(build: &Build<'_>) -> String {
    let detail = build
        .skipped()
        .map_or("", |skipped| skipped.detail.as_str());
    match build.state() {
        State::Queued => format!(
            "build {} waits to be run; nothing was printed yet",
            build.id()
        ),
        State::Skipped => format!("build {} was skipped: {detail}", build.id()),
        state => format!("build {} is {state} and was never run", build.id()),
    }
}

/// How far the printing has come.
struct Printing {
    outputs: OutputStore,
    /// The attempt whose output it is; 0 before any.
    attempt: u32,
    offset: u64,
}

impl Printing {
    /// Prints what is there beyond what was printed.
    async fn print(&mut self, attempt: u32, prefix: &str, out: &mut impl Write) -> Result<()> {
        if self.attempt != attempt {
            if self.attempt != 0 {
                out.flush()?;
                writeln!(std::io::stderr(), "--- attempt {attempt}")?;
            }
            (self.attempt, self.offset) = (attempt, 0);
        }
        loop {
            let bytes = self
                .outputs
                .read(prefix, self.offset..self.offset.saturating_add(SLICE_BYTES))
                .await?;
            if bytes.is_empty() {
                return Ok(());
            }
            out.write_all(&bytes)?;
            self.offset += bytes.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests;
