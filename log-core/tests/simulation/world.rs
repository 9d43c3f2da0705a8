//! The simulated world: one object store with its own clock, and who is alive in front of it.
//!
//! Depends on tokio's paused time alone: a moment of the world is a moment of tokio's clock. It watches
//! what no writer may ever do, writes down every operation, and knows the plan of what goes wrong.

use crate::invariants;
use crate::plan::Plan;
use bytes::Bytes;
use log_core::{Clock, Position};
use object_store::path::Path;
use object_store::{Error, ObjectMeta, Result};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Where the stream is.
pub(crate) const PREFIX: &str = "streams/sim";
/// For so long joined batches stay.
pub(crate) const GRACE: Duration = Duration::from_secs(600);
/// When the world begins, since 1970.
const BEGINNING: Duration = Duration::from_secs(1_700_000_000);

/// What an operation does to the store.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    Create {
        path: Path,
        bytes: Bytes,
    },
    Get {
        path: Path,
        range: Option<object_store::GetRange>,
    },
    List,
    Delete {
        path: Path,
    },
}

/// What the store says.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Done,
    Object {
        meta: ObjectMeta,
        range: std::ops::Range<u64>,
        bytes: Bytes,
    },
    Listed(Vec<ObjectMeta>),
}

/// An object, and when the store took it, since the world's beginning.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) bytes: Bytes,
    pub(crate) since: Duration,
    meta: ObjectMeta,
}

/// Someone in front of the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Process {
    /// Operations begun, over all its lives.
    pub(crate) operations: u64,
    /// The life it is in; what an earlier life left behind stands still for ever.
    pub(crate) life: u64,
    /// Everything of it stands still until then.
    pub(crate) paused_until: Duration,
    /// Its writers' clock may be wrong by so much.
    pub(crate) skewed: bool,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) objects: BTreeMap<String, Stored>,
    /// The first bytes that each path below the stream ever had, also of those removed since.
    pub(crate) first: BTreeMap<String, Bytes>,
    pub(crate) processes: Vec<Process>,
    /// Operations that took effect.
    pub(crate) effects: u64,
    /// Effects that are still to come, although nobody waits for them.
    pub(crate) late: u64,
    /// Late effects come at once.
    pub(crate) hurry: bool,
    /// Delays, if operations take random times.
    pub(crate) random: Option<StdRng>,
    pub(crate) trace: String,
    /// What must never be.
    pub(crate) violations: Vec<String>,
    /// Every record that any reader saw, and where the next began.
    pub(crate) seen: BTreeMap<Position, (Position, Bytes)>,
}

#[derive(Debug)]
pub(crate) struct World {
    began: Instant,
    pub(crate) plan: Plan,
    state: Mutex<State>,
    /// Something happened that someone may wait for.
    news: Notify,
}

impl World {
    pub(crate) fn new(plan: Plan, processes: usize) -> Arc<Self> {
        let random = plan.random_delays.map(StdRng::seed_from_u64);
        let state = State {
            objects: BTreeMap::new(),
            first: BTreeMap::new(),
            processes: vec![Process::default(); processes],
            effects: 0,
            late: 0,
            hurry: false,
            random,
            trace: String::new(),
            violations: Vec::new(),
            seen: BTreeMap::new(),
        };
        Arc::new(Self {
            began: Instant::now(),
            plan,
            state: Mutex::new(state),
            news: Notify::new(),
        })
    }

    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn trace(&self, text: &str) {
        let now = self.now().as_millis();
        let _ = writeln!(self.state().trace, "{now:>9} {text}");
    }

    pub(crate) fn violation(&self, text: String) {
        self.trace(&format!("VIOLATION {text}"));
        self.state().violations.push(text);
    }

    /// How long the way to the store and the way back take.
    pub(crate) fn delays(&self, process: usize) -> (Duration, Duration) {
        let ms = Duration::from_millis;
        match &mut self.state().random {
            // One in sixteen is slow.
            Some(random) => {
                let mut one = || match random.random_range(0..16) {
                    0 => ms(random.random_range(20..3_000)),
                    _ => ms(random.random_range(1..20)),
                };
                (one(), one())
            }
            None => (ms(1 + process as u64), ms(1)),
        }
    }

    /// Waits until `effects` more took effect, but not longer than `at_most`.
    pub(crate) async fn wait_for_others(&self, effects: u64, at_most: Duration) {
        let target = self.state().effects.saturating_add(effects);
        let deadline = Instant::now() + at_most;
        loop {
            let news = self.news.notified();
            {
                let state = self.state();
                if state.hurry || state.effects >= target {
                    return;
                }
            }
            if tokio::time::timeout_at(deadline, news).await.is_err() {
                return;
            }
        }
    }

    /// Lets every late effect happen now.
    pub(crate) async fn settle(&self) {
        self.state().hurry = true;
        loop {
            let news = self.news.notified();
            self.news.notify_waiters();
            if self.state().late == 0 {
                return;
            }
            news.await;
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn late_is_done(&self) {
        self.state().late -= 1;
        self.news.notify_waiters();
    }

    /// Ends the process's life: what is left of it stands still for ever.
    pub(crate) fn stop(&self, process: usize) {
        self.state().processes[process].life += 1;
        self.trace(&format!("p{process} stops"));
        self.news.notify_waiters();
    }

    /// Ready when this life of the process is over.
    pub(crate) async fn stopped(&self, process: usize, life: u64) {
        loop {
            let news = self.news.notified();
            if self.state().processes[process].life != life {
                return;
            }
            news.await;
        }
    }

    pub(crate) fn pause(&self, process: usize, duration: Duration) {
        let until = self.now() + duration;
        self.trace(&format!("p{process} sleeps for {} s", duration.as_secs()));
        self.state().processes[process].paused_until = until;
    }

    /// Waits as long as the process sleeps, for ever if its life is over.
    pub(crate) async fn stand_still(&self, process: usize, life: u64) {
        loop {
            let until = {
                let process = &self.state().processes[process];
                if process.life != life {
                    None
                } else {
                    Some(process.paused_until)
                }
            };
            match until {
                None => std::future::pending().await,
                Some(until) if until > self.now() => {
                    tokio::time::sleep_until(self.began + until).await;
                }
                Some(_) => return,
            }
        }
    }

    /// Does it, now, and tells what came of it.
    pub(crate) fn apply(&self, effect: &Effect) -> Result<Answer> {
        let now = self.now();
        let mut state = self.state();
        state.effects += 1;
        let answer = state.apply(effect, now);
        let broken = match &answer {
            Ok(_) => invariants::after(&mut state, effect, now),
            Err(_) => Vec::new(),
        };
        drop(state);
        for text in broken {
            self.violation(text);
        }
        self.news.notify_waiters();
        answer
    }

    /// Damages an object where every reader of it must see it: in its first header.
    pub(crate) fn garble(&self, path: &Path) {
        if let Some(stored) = self.state().objects.get_mut(path.as_ref()) {
            let mut bytes = stored.bytes.to_vec();
            if let Some(first) = bytes.first_mut() {
                *first ^= 0x20;
            }
            stored.bytes = bytes.into();
        }
    }

    /// The process's clocks.
    pub(crate) fn clock(self: &Arc<Self>, process: usize) -> Arc<dyn Clock> {
        Arc::new(ProcessClock {
            world: self.clone(),
            process,
        })
    }
}

impl State {
    fn apply(&mut self, effect: &Effect, now: Duration) -> Result<Answer> {
        match effect {
            Effect::Create { path, bytes } => {
                if self.objects.contains_key(path.as_ref()) {
                    return Err(Error::AlreadyExists {
                        path: path.to_string(),
                        source: "simulated".into(),
                    });
                }
                let stored = Stored {
                    bytes: bytes.clone(),
                    since: now,
                    meta: meta(path, bytes, now),
                };
                self.objects.insert(path.to_string(), stored);
                Ok(Answer::Done)
            }
            Effect::Get { path, range } => {
                let stored = self
                    .objects
                    .get(path.as_ref())
                    .ok_or_else(|| not_found(path))?;
                let size = stored.bytes.len() as u64;
                let range = match range {
                    None => 0..size,
                    Some(range) => range.as_range(size).map_err(|source| Error::Generic {
                        store: "simulated",
                        source: Box::new(source),
                    })?,
                };
                let bytes = stored.bytes.slice(range.start as usize..range.end as usize);
                let meta = stored.meta.clone();
                Ok(Answer::Object { meta, range, bytes })
            }
            Effect::List => Ok(Answer::Listed(
                self.objects
                    .values()
                    .map(|stored| stored.meta.clone())
                    .collect(),
            )),
            Effect::Delete { path } => {
                if self.objects.remove(path.as_ref()).is_none() {
                    return Err(not_found(path));
                }
                Ok(Answer::Done)
            }
        }
    }
}

fn not_found(path: &Path) -> Error {
    Error::NotFound {
        path: path.to_string(),
        source: "simulated".into(),
    }
}

fn meta(path: &Path, bytes: &Bytes, since: Duration) -> ObjectMeta {
    ObjectMeta {
        location: path.clone(),
        last_modified: (SystemTime::UNIX_EPOCH + BEGINNING + since).into(),
        size: bytes.len() as u64,
        e_tag: None,
        version: None,
    }
}

/// The store's clock, but for a wall clock that is wrong and goes back now and then.
#[derive(Debug)]
struct ProcessClock {
    world: Arc<World>,
    process: usize,
}

impl Clock for ProcessClock {
    fn since_1970(&self) -> Duration {
        let now = self.world.now();
        let skewed = self.world.state().processes[self.process].skewed;
        let back = match (skewed, now.as_secs() / 40 % 3) {
            (true, 1) => Duration::from_secs(3_600 * (1 + self.process as u64)),
            _ => Duration::ZERO,
        };
        BEGINNING + now - back
    }

    fn uptime(&self) -> Duration {
        self.world.now() + Duration::from_secs(1_000 * (1 + self.process as u64))
    }
}
