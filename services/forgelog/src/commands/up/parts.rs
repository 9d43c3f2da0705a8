//! The services as parts of one process: how they start, how one's end is everybody's, and how they stop.
//!
//! What writes and what serves stops first; the projections go on until it has, because it waits for them. Depends on
//! all services.

use anyhow::{Context as _, Error, Result, anyhow, bail};
use forgelog_replay::{Builds, Corpus, Live, LiveOptions, Projection};
use git::Repository;
use log_core::{OutputStore, Stream};
use maintnerd::git::{GitConfig, Progress};
use std::collections::HashMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::notices::{Notices, Topic};
use super::pages;
use super::printer::Printer;
use super::report;
use super::writing::with_writer;
use crate::data_folder::{DataFolder, Held};

/// How long all parts together may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// The exit code after a second signal: that of a process that SIGINT ended.
const ENDED_BY_SIGNAL: i32 = 130;

/// What is to be run.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) repository: Repository,
    /// The repository's name in the log.
    pub(super) repo: String,
    /// Whether it has to be fetched.
    pub(super) remote: bool,
    pub(super) poll: Duration,
    /// Commits of a branch that are built.
    pub(super) history: usize,
    /// A folder with builders, instead of the repository's.
    pub(super) environment: Option<PathBuf>,
    /// This program.
    pub(super) program: PathBuf,
    /// Builds at the same time; `None` to build nothing.
    pub(super) jobs: Option<usize>,
    /// Where the pages are.
    pub(super) url: String,
}

/// The signals that stop the process.
#[derive(Debug)]
pub(in crate::commands) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on these signals no longer end the process. Call it within a runtime.
    pub(in crate::commands) fn catch() -> Result<Self> {
        let catch = |kind| signal(kind).context("cannot handle signals");
        Ok(Self {
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub(in crate::commands) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The parts that run.
pub(super) struct Parts {
    tasks: JoinSet<Result<()>>,
    names: HashMap<Id, &'static str>,
    /// Stops what writes and what serves.
    stop: CancellationToken,
    /// Stops the projections.
    stop_reading: CancellationToken,
    notices: Notices,
    said: Printer,
}

/// The projections, and what they are made from.
#[derive(Clone)]
struct Models {
    activity: Live<Corpus>,
    builds: Live<Builds>,
    outputs: OutputStore,
    streams: Streams,
}

/// The streams that the projections follow.
#[derive(Clone)]
struct Streams {
    activity: Stream,
    builds: Stream,
}

impl Parts {
    /// Starts everything. An error means that nothing runs.
    pub(super) async fn start(
        plan: Plan,
        folder: &DataFolder,
        held: &Held,
        listener: TcpListener,
        notices: Notices,
        said: Printer,
    ) -> Result<Self> {
        let mut parts = Self {
            tasks: JoinSet::new(),
            names: HashMap::new(),
            stop: CancellationToken::new(),
            stop_reading: CancellationToken::new(),
            notices,
            said,
        };
        let streams = Streams {
            activity: folder.stream("activity").await?,
            builds: folder.stream("builds").await?,
        };
        let models = Models {
            activity: parts.follow_activity(streams.activity.clone()).await?,
            builds: parts.follow("the builds projection", streams.builds.clone()),
            outputs: folder.outputs(),
            streams,
        };
        parts.serve_pages(&plan, &models, listener)?;
        sweep(folder, held)?;
        parts.report_builds(&plan, &models);
        parts.follow_repository(&plan, &models);
        if let Some(jobs) = plan.jobs {
            parts.coordinate(plan, jobs, &models, folder);
        }
        Ok(parts)
    }

    fn spawn(
        &mut self,
        name: &'static str,
        part: impl Future<Output = Result<()>> + Send + 'static,
    ) {
        let task = self.tasks.spawn(part);
        self.names.insert(task.id(), name);
    }

    async fn follow_activity(&mut self, stream: Stream) -> Result<Live<Corpus>> {
        let stop = self.stop_reading.clone();
        let (live, task) = Corpus::follow_stream(stream, LiveOptions::default(), stop).await?;
        self.spawn("the corpus", async { Ok(task.await??) });
        Ok(live)
    }

    fn follow<P: Projection>(&mut self, name: &'static str, stream: Stream) -> Live<P> {
        let (live, task) = Live::spawn(stream, LiveOptions::default(), self.stop_reading.clone());
        self.spawn(name, async { Ok(task.await??) });
        live
    }

    fn serve_pages(&mut self, plan: &Plan, models: &Models, listener: TcpListener) -> Result<()> {
        let listener =
            tokio::net::TcpListener::from_std(listener).context("cannot use the listener")?;
        let components = dashboard::Components {
            activity: models.activity.clone(),
            builds: models.builds.clone(),
            output: models.outputs.clone(),
            repo: plan.repo.clone(),
            status: self.notices.status(),
        };
        let Streams { activity, builds } = models.streams.clone();
        let app = pages::with_logs(dashboard::router(components), [activity, builds])?;
        let stop = self.stop.clone();
        self.spawn("the dashboard", app.serve(listener, stop));
        Ok(())
    }

    fn report_builds(&mut self, plan: &Plan, models: &Models) {
        let (builds, url, said) = (models.builds.clone(), plan.url.clone(), self.said.clone());
        let stream = models.streams.builds.clone();
        let stop = self.stop_reading.clone();
        self.spawn("the report of builds", async move {
            match stop
                .run_until_cancelled(report::builds(builds, &stream, &url, &said))
                .await
            {
                // The projection may have noticed the end first.
                Some(outcome) if !stop.is_cancelled() => outcome,
                _ => Ok(()),
            }
        });
    }

    fn follow_repository(&mut self, plan: &Plan, models: &Models) {
        let config = GitConfig {
            repository: plan.repository.clone(),
            name: plan.repo.clone(),
            poll: plan.poll,
            remote: plan.remote,
        };
        let (activity, notices, said, stop) = (
            models.activity.clone(),
            self.notices.clone(),
            self.said.clone(),
            self.stop.clone(),
        );
        let stream = models.streams.activity.clone();
        self.spawn("the git source", async move {
            with_writer(
                stream,
                "maintnerd",
                Topic::Writing("activity"),
                &notices,
                &stop,
                async |writer| {
                    activity.wait_for(writer.stream().tail()).await?;
                    let (progress, seen) = watch::channel(Progress::default());
                    let repo = config.name.clone();
                    let following = maintnerd::git::follow(
                        config,
                        writer,
                        activity.clone(),
                        progress,
                        stop.clone(),
                    );
                    let (outcome, ()) = tokio::join!(
                        following,
                        report::commits(&repo, activity.clone(), seen, &said, &notices)
                    );
                    Ok(outcome?)
                },
            )
            .await
        });
    }

    fn coordinate(&mut self, plan: Plan, jobs: usize, models: &Models, folder: &DataFolder) {
        let config = coordinator::Config {
            repo: plan.repo,
            history: plan.history,
            environment: plan.environment,
            pool: coordinator::PoolConfig {
                command: vec![plan.program.display().to_string(), "buildlet".to_owned()],
                folder: folder.buildlets(),
                hosts: jobs,
            },
        };
        let repository = plan.repository;
        let (models, notices, stop) = (models.clone(), self.notices.clone(), self.stop.clone());
        self.spawn("the coordinator", async move {
            let stream = models.streams.builds.clone();
            with_writer(
                stream,
                "coordinator",
                Topic::Writing("builds"),
                &notices,
                &stop,
                async |writer| {
                    let (say, said) = watch::channel(Vec::new());
                    let components = coordinator::Components {
                        activity: models.activity.clone(),
                        builds: models.builds.clone(),
                        writer,
                        outputs: models.outputs.clone(),
                        repository,
                        notices: say,
                    };
                    // It stops itself with this token when something goes wrong; the others are told by its end.
                    let running = coordinator::run(config, components, stop.child_token());
                    let (outcome, ()) = tokio::join!(running, announce(said, &notices));
                    Ok(outcome?)
                },
            )
            .await
        });
    }

    /// Waits until a signal or the end of a part, then stops all of them. A second signal ends the process.
    pub(super) async fn until_stopped(mut self, mut signals: Signals) -> Result<()> {
        let outcome = tokio::select! {
            () = signals.next() => {
                self.said.say("stopping; once more stops it at once");
                Ok(())
            }
            ended = self.next_end() => Err(ended.unwrap_or_else(|name| anyhow!("{name} ended without a reason"))),
        };
        tokio::select! {
            stopped = self.stop() => outcome.and(stopped),
            () = signals.next() => std::process::exit(ENDED_BY_SIGNAL),
        }
    }

    /// The next part that ends: with an error, or by its name without one.
    async fn next_end(&mut self) -> Result<Error, &'static str> {
        match self.tasks.join_next_with_id().await {
            Some(ended) => {
                let (name, outcome) = self.end(ended);
                outcome
                    .err()
                    .map(|error| error.context(format!("{name} ended")))
                    .ok_or(name)
            }
            None => Err("everything"),
        }
    }

    /// Which part it was, and what came of it.
    fn end(&mut self, ended: Result<(Id, Result<()>), JoinError>) -> (&'static str, Result<()>) {
        let (id, outcome) = match ended {
            Ok((id, outcome)) => (id, outcome),
            Err(error) => (error.id(), Err(anyhow!(error))),
        };
        (self.names.remove(&id).unwrap_or("a part"), outcome)
    }

    /// Stops the parts in their order, and waits for them.
    async fn stop(&mut self) -> Result<()> {
        let deadline = Instant::now() + STOP_LIMIT;
        let mut outcome = Ok(());
        self.stop.cancel();
        let readers = [
            "the corpus",
            "the builds projection",
            "the report of builds",
        ];
        while !self.tasks.is_empty() {
            if self.names.values().all(|name| readers.contains(name)) {
                self.stop_reading.cancel();
            }
            let Ok(Some(ended)) =
                tokio::time::timeout_at(deadline, self.tasks.join_next_with_id()).await
            else {
                break;
            };
            let (name, ended) = self.end(ended);
            outcome = outcome.and(ended.with_context(|| format!("{name} did not stop well")));
        }
        if !self.tasks.is_empty() {
            let mut left: Vec<&str> = self.names.values().copied().collect();
            left.sort_unstable();
            bail!(
                "{} did not stop within {STOP_LIMIT:?}; the next start settles what was under way",
                left.join(" and ")
            );
        }
        outcome
    }
}

/// Before anything is written: removes what a killed process left half-written.
fn sweep(folder: &DataFolder, held: &Held) -> Result<()> {
    let removed = tokio::task::block_in_place(|| folder.sweep(held))?;
    if removed > 0 {
        tracing::info!("removed {removed} files that were left half-written");
    }
    Ok(())
}

/// Shows what the coordinator has to say, until it is gone.
async fn announce(mut said: watch::Receiver<Vec<String>>, notices: &Notices) {
    while said.changed().await.is_ok() {
        let texts = said.borrow_and_update().clone();
        notices.announce(Topic::Builders, texts);
    }
}
