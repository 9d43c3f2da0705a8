//! `forgelog up`: every service in one process, on local files.
//!
//! What can be wrong with the arguments is found before anything starts: the repository, the data folder, the address.
//! Then the URL is printed, and the services start as [`parts`] of one runtime. Depends on all services; decides
//! nothing that one of them could decide.

pub(super) mod address;
mod notices;
mod pages;
mod parts;
pub(super) mod period;
mod printer;
mod report;
mod watched;
mod writing;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::data_folder::{self, DataFolder};
use notices::Notices;
pub(super) use parts::Signals;
use parts::{Parts, Plan};
use printer::Printer;
use watched::Watched;

/// How often to look for news, unless told otherwise.
const POLL_LOCAL: Duration = Duration::from_millis(300);
const POLL_REMOTE: Duration = Duration::from_secs(10);
/// How long threads that are in the middle of something may hold up the end.
const THREADS_LIMIT: Duration = Duration::from_secs(1);
/// Commits of a branch that `--history` may ask for.
const HISTORY_MAX: u32 = 1_000_000;
/// Builds at the same time.
const JOBS_MAX: u32 = 1024;

/// Watch a repository, build what is new, and serve the pages that show it.
#[derive(Debug, Args)]
#[command(after_help = "\
The first line on stdout is the URL of the pages. Ctrl-C or SIGTERM stops it
within a few seconds; a second one at once. Killed in any way, it goes on where
it was when it is started again.

Builders are in the repository, in env/builders/NAME.toml of the default
branch's newest commit. A repository without any gets builders by the looks of
it (Cargo.toml, go.mod, package.json …). BUILDS RUN WITH ALL YOUR RIGHTS: watch
repositories that you trust.

Examples:
  forgelog up                                    # the repository around the current folder
  forgelog up ../server --listen 127.0.0.1:9000
  forgelog up https://example.org/server.git --data /var/lib/forgelog --jobs 4

A builder, env/builders/check.toml:
  [[builder.check.step]]
  id = \"test\"
  run = [\"sh\", \"test.sh\"]")]
pub(super) struct Arguments {
    /// The repository: a folder in it, or a URL.
    #[arg(default_value = ".")]
    repo: String,
    /// Where everything is kept; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = data_folder::DEFAULT)]
    data: PathBuf,
    /// Where to serve the pages, HOST:PORT; port 0 is any free one [default: 127.0.0.1:8419, or the next free port]
    #[arg(long, value_name = "ADDRESS", value_parser = address::parse)]
    listen: Option<SocketAddr>,
    /// Builds that run at the same time [default: half the cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(JOBS_MAX)))]
    jobs: Option<u32>,
    /// Take builders from the TOML files of this folder instead of the repository's.
    #[arg(long, value_name = "DIR")]
    env: Option<PathBuf>,
    /// Build so many of the newest commits of each branch.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=i64::from(HISTORY_MAX)))]
    history: u32,
    /// The time between two looks at the repository, such as 500ms, 10s, 5m [default: 300ms, or 10s for a URL]
    #[arg(long, value_name = "DURATION", value_parser = period::parse)]
    poll: Option<Duration>,
    /// Record commits and serve the pages, but build nothing.
    #[arg(long)]
    no_build: bool,
}

impl Arguments {
    pub(super) fn run(self) -> Result<ExitCode> {
        let location = watched::locate(&self.repo)?;
        let environment = self.environment()?;
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let (folder, held) = DataFolder::hold(&self.data)?;
        let watched = location.open(&folder)?;
        let bound = address::bind(self.listen)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start")?;
        let signals = {
            let _within = runtime.enter();
            Signals::catch()?
        };

        let mut out = std::io::stdout();
        // Who does not read the URL does not need it.
        let _ = writeln!(out, "{}", bound.url).and_then(|()| out.flush());
        held.note_url(&bound.url)?;

        let plan = Plan {
            repository: watched.repository.clone(),
            repo: watched.name.clone(),
            remote: watched.remote,
            poll: self.poll.unwrap_or(if watched.remote {
                POLL_REMOTE
            } else {
                POLL_LOCAL
            }),
            history: usize::try_from(self.history).unwrap_or(usize::MAX),
            environment,
            program,
            jobs: (!self.no_build).then(|| self.jobs()),
            url: bound.url.clone(),
        };
        let (said, warned) = (
            Printer::new(std::io::stdout()),
            Printer::new(std::io::stderr()),
        );
        self.introduce(&watched, &folder, &plan, &bound, &said, &warned);

        let notices = Notices::new(warned.clone());
        let outcome = runtime.block_on(async {
            let parts =
                Parts::start(plan, &folder, &held, bound.listener, notices, said.clone()).await?;
            parts.until_stopped(signals).await
        });
        runtime.shutdown_timeout(THREADS_LIMIT);
        if outcome.is_ok() {
            said.say("stopped");
        }
        said.finish();
        warned.finish();
        outcome.map(|()| ExitCode::SUCCESS)
    }

    /// The folder with builders, if one is given.
    fn environment(&self) -> Result<Option<PathBuf>> {
        let Some(folder) = &self.env else {
            return Ok(None);
        };
        let path = folder
            .canonicalize()
            .with_context(|| format!("cannot read builders from {}", folder.display()))?;
        if !path.is_dir() {
            bail!(
                "--env names a folder with TOML files, and {} is a file",
                folder.display()
            );
        }
        Ok(Some(path))
    }

    fn jobs(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.map_or((cores / 2).max(1), |jobs| {
            usize::try_from(jobs).unwrap_or(1)
        })
    }

    /// Says in a few lines what is going to happen.
    fn introduce(
        &self,
        watched: &Watched,
        folder: &DataFolder,
        plan: &Plan,
        bound: &address::Bound,
        said: &Printer,
        warned: &Printer,
    ) {
        said.say(watched.describe());
        said.say(format!("keeping everything in {}", folder.path().display()));
        if let Some(note) = &bound.note {
            said.say(note);
        }
        match plan.jobs {
            Some(1) => said.say(format!(
                "building the {} newest commits of a branch, one at a time",
                self.history
            )),
            Some(jobs) => said.say(format!(
                "building the {} newest commits of a branch, {jobs} at a time",
                self.history
            )),
            None => said.say("building nothing (--no-build)"),
        }
        if bound.is_open {
            warned.say("warning: whoever reaches this address can read the pages, and what builds print; there is no password");
        }
    }
}
