//! The coordinator's task: compare what is wanted with what is recorded, decide, record, act, repeat.
//!
//! Depends on all the other modules. Only this task decides; attempts run beside it and report back.

use crate::attempt::{self, End, Order, Report, Surroundings};
use crate::environment::{self, EnvironmentError, Found};
use crate::error::Error;
use crate::limits::{BACKOFF_FIRST, BACKOFF_MAX, LEASE_MARGIN, LOOK_AGAIN, QUEUE_AT_A_TIME};
use crate::notices::Notices;
use crate::output::OutputSink;
use crate::pool::{Pool, PoolConfig, Slot};
use crate::record::Recorder;
use crate::recover;
use crate::schedule;
use crate::wanted::{self, Policy};
use builders::Environment;
use forgelog_replay::builds::Build;
use forgelog_replay::{Builds, Corpus, Live};
use futures::FutureExt as _;
use git::Repository;
use log_core::{OutputStore, Position, Writer, explain};
use proto::forgelog::builds::mutation::Kind;
use proto::forgelog::builds::{
    AttemptEnd, BuildAttemptStarted, BuildFinished, BuildSkipped, Lease, SkipReason,
};
use proto::{GitHash, Timestamp};
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What is built, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// The repository's name in the corpus.
    pub repo: String,
    /// The newest commits of a branch that are built.
    pub history: usize,
    /// A folder with builders, instead of the repository's own.
    pub environment: Option<PathBuf>,
    /// The hosts.
    pub pool: PoolConfig,
}

/// What the coordinator works with.
pub struct Components {
    /// What there is to build.
    pub activity: Live<Corpus>,
    /// What became of it.
    pub builds: Live<Builds>,
    /// The stream's only writer.
    pub writer: Writer,
    /// Where output goes.
    pub outputs: OutputStore,
    /// The sources.
    pub repository: Repository,
    /// What people should know, such as a mistake in a builder's file.
    pub notices: watch::Sender<Vec<String>>,
}

/// Has everything built that should be, until it is cancelled. Then what runs is broken off, which is
/// recorded, and the hosts are stopped.
pub async fn run(
    config: Config,
    components: Components,
    cancel: CancellationToken,
) -> Result<(), Error> {
    let recorder = Recorder::new(components.writer.clone(), components.builds.clone());
    let tail = components.writer.stream().tail();
    components.builds.wait_for(tail).await?;
    components.activity.caught_up().await?;
    recorder
        .record(recover::broken_off(components.builds.snapshot().state()))
        .await?;

    let (pool, epoch) = (config.pool.clone(), recorder.epoch());
    let pool = match tokio::task::spawn_blocking(move || Pool::open(pool, epoch)).await {
        Ok(pool) => Arc::new(pool?),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    let around = Surroundings {
        repository: components.repository.clone(),
        recorder,
        cancel: cancel.clone(),
    };
    let mut coordinator = Coordinator {
        notices: Notices::new(components.notices.clone()),
        free: pool.slots(),
        pool,
        around,
        config,
        components,
        environment: None,
        looked_at: None,
        pinned: HashMap::new(),
        wanted_at: None,
        not_before: HashMap::new(),
        running: JoinSet::new(),
    };
    let outcome = coordinator.until_cancelled(&cancel).await;
    cancel.cancel();
    let stopped = coordinator.stop().await;
    outcome.and(stopped)
}

struct Coordinator {
    notices: Notices,
    config: Config,
    components: Components,
    around: Surroundings,
    pool: Arc<Pool>,
    /// The builders in force, once some were found.
    environment: Option<Environment>,
    /// The commit whose builders were looked at last.
    looked_at: Option<GitHash>,
    /// Environments by digest, for builds that were queued under earlier ones.
    pinned: HashMap<String, Arc<Environment>>,
    /// Up to where the corpus was searched for what is wanted.
    wanted_at: Option<Position>,
    /// Builds that have to wait after an attempt that said nothing. A restart forgets it, and tries at once.
    not_before: HashMap<String, Instant>,
    free: Vec<Slot>,
    running: JoinSet<Done>,
}

/// An attempt that is over.
struct Done {
    slot: Slot,
    build_id: String,
    attempt: u32,
    report: Result<Report, Error>,
}

impl Coordinator {
    async fn until_cancelled(&mut self, cancel: &CancellationToken) -> Result<(), Error> {
        let mut activity = self.components.activity.watch();
        let mut builds = self.components.builds.watch();
        while !cancel.is_cancelled() {
            activity.mark_unchanged();
            builds.mark_unchanged();
            self.look_for_builders().await?;
            self.queue_wanted().await?;
            self.start_queued().await?;
            let is_mended_by_hand = self.looked_at.is_none() && self.config.environment.is_some();
            let look = is_mended_by_hand.then(|| Instant::now() + LOOK_AGAIN);
            let due = self.not_before.values().copied().chain(look).min();
            tokio::select! {
                biased;
                () = cancel.cancelled() => {}
                Some(done) = self.running.join_next() => self.take_back(done).await?,
                changed = activity.changed() => if changed.is_err() { self.components.activity.caught_up().await?; },
                changed = builds.changed() => if changed.is_err() { self.components.builds.caught_up().await?; },
                () = sleep_until(due) => {}
            }
        }
        Ok(())
    }

    /// Puts the builders of the default branch's head in force, if they are others.
    async fn look_for_builders(&mut self) -> Result<(), Error> {
        let corpus = self.components.activity.snapshot();
        let head = corpus
            .state()
            .repo(&self.config.repo)
            .and_then(|repo| repo.head())
            .and_then(|head| head.commit);
        let Some(head) = head.filter(|head| self.looked_at != Some(*head)) else {
            return Ok(());
        };
        self.looked_at = Some(head);
        let found = self.find_builders(head).await;
        let mistake = match found {
            Ok(found) => {
                self.activate(found).await?;
                None
            }
            Err(mistake) => Some(match &self.environment {
                Some(_) => format!("{mistake}\n(the builders found earlier stay in force)"),
                None => mistake,
            }),
        };
        if mistake.is_some() && self.config.environment.is_some() {
            // A folder is mended without a commit.
            self.looked_at = None;
        }
        self.notices.set("builders", mistake);
        Ok(())
    }

    async fn find_builders(&self, head: GitHash) -> Result<Found, String> {
        let (repository, folder) = (
            self.components.repository.clone(),
            self.config.environment.clone(),
        );
        let found = tokio::task::spawn_blocking(move || match folder {
            Some(folder) => environment::from_folder(&folder),
            None => environment::of_commit(&repository, &head),
        });
        match found.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(EnvironmentError::Mistakes(mistakes))) => Err(mistakes.to_string()),
            Ok(Err(error)) => Err(explain(&error)),
            Err(error) => Err(explain(&error)),
        }
    }

    async fn activate(&mut self, found: Found) -> Result<(), Error> {
        let seen = self.components.activity.snapshot().position();
        let in_force = self.components.builds.snapshot();
        let in_force = in_force
            .state()
            .config()
            .map(|config| config.digest.as_str());
        if in_force != Some(found.environment.digest().as_str()) {
            self.around
                .recorder
                .record_for_activity(
                    seen,
                    [Kind::ConfigActivated(environment::activation(&found))],
                )
                .await?;
        }
        self.environment = Some(found.environment);
        self.wanted_at = None;
        Ok(())
    }

    /// Queues what the corpus has and the builds have not.
    async fn queue_wanted(&mut self) -> Result<(), Error> {
        let Some(environment) = &self.environment else {
            return Ok(());
        };
        let corpus = self.components.activity.snapshot();
        if self.wanted_at == Some(corpus.position()) {
            return Ok(());
        }
        let policy = Policy {
            history: self.config.history,
        };
        loop {
            let builds = self.components.builds.snapshot();
            let missing = wanted::wanted(
                corpus.state(),
                builds.state(),
                &self.config.repo,
                environment,
                policy,
                QUEUE_AT_A_TIME,
            );
            if missing.is_empty() {
                break;
            }
            self.around
                .recorder
                .record_for_activity(
                    corpus.position(),
                    missing.into_iter().map(Kind::BuildQueued),
                )
                .await?;
        }
        self.wanted_at = Some(corpus.position());
        Ok(())
    }

    /// Gives queued builds to free hosts: records the lease, then acts on it.
    async fn start_queued(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        self.not_before.retain(|_, due| *due > now);
        while !self.free.is_empty() {
            let builds = self.components.builds.snapshot();
            let Some(build) = schedule::next(builds.state(), |build| {
                self.not_before.contains_key(build.id())
            }) else {
                return Ok(());
            };
            match self.order(builds.state(), &build) {
                Ok(order) => self.start(order, builds.state().next_lease()).await?,
                Err(detail) => {
                    let (build_id, reason) = (build.id().to_owned(), SkipReason::Policy.into());
                    self.around
                        .recorder
                        .record([Kind::BuildSkipped(BuildSkipped {
                            build_id,
                            reason,
                            detail,
                        })])
                        .await?;
                }
            }
        }
        Ok(())
    }

    /// The order for the build's next attempt, or why there can be none.
    fn order(&mut self, builds: &Builds, build: &Build<'_>) -> Result<Order, String> {
        let environment = self.pinned_environment(builds, build.config_digest())?;
        let missing = || {
            format!(
                "its environment {} has no builder {}",
                build.config_digest(),
                build.builder()
            )
        };
        let builder = environment
            .builder(build.builder())
            .ok_or_else(missing)?
            .clone();
        let host = environment
            .host(builder.host().as_str())
            .ok_or_else(missing)?
            .clone();
        Ok(Order {
            build_id: build.id().to_owned(),
            attempt: build.attempts().len() as u32 + 1,
            repo: build.repo().to_owned(),
            branch: build.branch().to_owned(),
            commit: build.commit(),
            builder,
            host,
        })
    }

    fn pinned_environment(
        &mut self,
        builds: &Builds,
        digest: &str,
    ) -> Result<Arc<Environment>, String> {
        if let Some(environment) = self.pinned.get(digest) {
            return Ok(environment.clone());
        }
        let config = builds
            .config_by_digest(digest)
            .ok_or_else(|| format!("there is no environment {digest}"))?;
        let environment =
            Arc::new(environment::of_activation(config).map_err(|mistakes| mistakes.to_string())?);
        self.pinned.insert(digest.to_owned(), environment.clone());
        Ok(environment)
    }

    async fn start(&mut self, order: Order, lease: u64) -> Result<(), Error> {
        if self.free.is_empty() {
            return Ok(());
        }
        // The one that was free longest: a host that fails its builds must not get all of them.
        let slot = self.free.remove(0);
        let time = order.builder.limits().total() + LEASE_MARGIN;
        let prefix = format!("output/{}/{}", order.build_id, order.attempt);
        let started = BuildAttemptStarted {
            build_id: order.build_id.clone(),
            attempt: order.attempt,
            lease: Some(Lease {
                number: lease,
                expires: Some(after(time)),
            }),
            host_id: slot.host_id(),
            output_prefix: prefix.clone(),
        };
        if let Err(error) = self
            .around
            .recorder
            .record([Kind::BuildAttemptStarted(started)])
            .await
        {
            self.free.push(slot);
            return Err(error);
        }
        let sink = OutputSink::new(
            self.components.outputs.writer(&prefix),
            &prefix,
            order.builder.limits().output_bytes(),
            self.notices.clone(),
            self.around.cancel.clone(),
        );
        let (pool, around) = (self.pool.clone(), self.around.clone());
        let expires = Instant::now() + time;
        self.running
            .spawn(async move { on_slot(pool, slot, order, around, sink, expires).await });
        Ok(())
    }

    /// Records how an attempt ended, and has its host back.
    async fn take_back(&mut self, done: Result<Done, tokio::task::JoinError>) -> Result<(), Error> {
        let done = match done {
            Ok(done) => done,
            // Panics are caught there, and nothing aborts it.
            Err(error) => {
                tracing::error!("an attempt broke off: {error}");
                return Ok(());
            }
        };
        self.free.push(done.slot);
        let report = done.report?;
        let builds = self.components.builds.snapshot();
        let Some(build) = builds.state().build(&done.build_id) else {
            return Ok(());
        };
        let Some(open) = build
            .open_attempt()
            .filter(|open| open.number() == done.attempt)
        else {
            return Ok(());
        };
        let kind = match report.end {
            End::Verdict {
                verdict,
                failed_step,
                state,
            } => Some(Kind::BuildFinished(BuildFinished {
                build_id: done.build_id.clone(),
                attempt: open.number(),
                lease: open.lease(),
                verdict: verdict.into(),
                output: report.output,
                took: proto::Duration::try_from(report.took).ok(),
                failed_step,
                state,
            })),
            End::NoWord { end, error } => {
                let tries = build
                    .attempts()
                    .filter(|attempt| attempt.end().is_some())
                    .count();
                let wait = BACKOFF_FIRST
                    .saturating_mul(1 << tries.min(16))
                    .min(BACKOFF_MAX);
                self.not_before
                    .insert(done.build_id.clone(), Instant::now() + wait);
                recover::ended(&build, end, error, report.output)
            }
        };
        self.around.recorder.record(kind).await
    }

    /// Ends what runs, and the hosts. The token is cancelled already.
    async fn stop(&mut self) -> Result<(), Error> {
        let mut outcome = Ok(());
        while let Some(done) = self.running.join_next().await {
            let recorded = self.take_back(done).await;
            outcome = outcome.and(recorded);
        }
        for slot in &mut self.free {
            slot.stop().await;
        }
        outcome
    }
}

/// Runs one attempt on a slot's host, for no longer than its lease.
async fn on_slot(
    pool: Arc<Pool>,
    mut slot: Slot,
    order: Order,
    around: Surroundings,
    sink: OutputSink,
    expires: Instant,
) -> Done {
    let (build_id, number) = (order.build_id.clone(), order.attempt);
    let no_word = |end, error| {
        Ok(Report {
            end: End::NoWord { end, error },
            output: None,
            took: Duration::ZERO,
        })
    };
    let report = match pool.host(&mut slot).await {
        Ok(host) => {
            let attempt =
                AssertUnwindSafe(attempt::run(&order, host, &around, sink)).catch_unwind();
            match tokio::time::timeout_at(expires, attempt).await {
                Ok(Ok(report)) => report,
                // A bug of ours; the build and the slot go on without it.
                Ok(Err(_)) => no_word(AttemptEnd::Infra, "the attempt panicked".to_owned()),
                Err(_) => no_word(AttemptEnd::Timeout, "its lease expired".to_owned()),
            }
        }
        Err(error) => no_word(AttemptEnd::Infra, explain(&error)),
    };
    if matches!(&report, Ok(Report { end: End::NoWord { end, .. }, .. }) if *end != AttemptEnd::Cancelled)
    {
        // Nobody knows what state it is in.
        slot.stop().await;
    }
    Done {
        slot,
        build_id,
        attempt: number,
        report,
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// The wall clock in `time` from now.
fn after(time: Duration) -> Timestamp {
    let then = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        + time;
    Timestamp {
        seconds: then.as_secs().cast_signed(),
        nanos: then.subsec_nanos().cast_signed(),
    }
}
