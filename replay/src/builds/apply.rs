//! The rules of the fold: which records hold, and what they change (spec/builds.md 6.1 to 6.4).
//!
//! * A record of an epoch that is over does not count.
//! * A build moves from queued to running and back with each attempt, until its first terminal
//!   record; from there it never moves.
//! * An attempt starts only with a lease number that is higher than any before it in the stream,
//!   and only under that number does its result hold.
//!
//! What breaks a rule changes nothing and gives a [`Refusal`]. What was said before changes nothing
//! either, and gives none: two who decide the same thing may both say it.

mod attempts;

use std::cmp::Reverse;
use std::sync::Arc;

use log_core::Position;
use proto::GitHash;
use proto::forgelog::builds::mutation::Kind;
use proto::forgelog::builds::{
    AttemptEnd, BuildCancelRequested, BuildCancelled, BuildQueued, BuildSkipped, BuilderPaused,
    ConfigActivated, HostDied, HostReady, Mutation, ResultCleared,
};

use super::Builds;
use super::refusal::Refusal;
use super::rows::{BuildRow, Cell, Close, HostRow, How};
use super::state::State;
use crate::time::Time;

pub use attempts::{EVENTS_MAX, SPANS_MAX};

/// The record that is being applied.
#[derive(Clone, Copy)]
struct Now {
    position: Position,
    time: Option<Time>,
}

type Applied = Result<(), Refusal>;

impl Builds {
    pub(super) fn step(
        &mut self,
        position: Position,
        time: Option<Time>,
        mutation: &Mutation,
    ) -> Applied {
        let epoch = mutation.meta.as_ref().map_or(0, |meta| meta.epoch);
        if epoch < self.epoch {
            return Err(Refusal::StaleEpoch {
                epoch,
                newest: self.epoch,
            });
        }
        self.epoch = epoch;
        let now = Now { position, time };
        match &mutation.kind {
            // The claim of an epoch, or something that a newer writer says.
            None => Ok(()),
            Some(Kind::ConfigActivated(config)) => self.config_activated(config),
            Some(Kind::BuilderPaused(paused)) => self.builder_paused(paused),
            Some(Kind::BuilderResumed(resumed)) => {
                self.paused.remove(resumed.builder.as_str());
                Ok(())
            }
            Some(Kind::BuildQueued(queued)) => self.build_queued(now, queued),
            Some(Kind::BuildSkipped(skipped)) => self.build_skipped(now, skipped),
            Some(Kind::BuildAttemptStarted(started)) => self.attempt_started(now, started),
            Some(Kind::BuildAttemptEnded(ended)) => self.attempt_ended(now, ended),
            Some(Kind::BuildFinished(finished)) => self.build_finished(now, finished),
            Some(Kind::BuildCancelRequested(request)) => self.cancel_requested(request),
            Some(Kind::BuildCancelled(cancelled)) => self.build_cancelled(now, cancelled),
            Some(Kind::ResultCleared(cleared)) => self.result_cleared(cleared),
            Some(Kind::SpanStarted(started)) => self.span_started(now, started),
            Some(Kind::SpanFinished(finished)) => self.span_finished(now, finished),
            Some(Kind::EventNoted(event)) => self.event_noted(now, event),
            Some(Kind::HostReady(ready)) => self.host_ready(now, ready),
            Some(Kind::HostDied(died)) => self.host_died(now, died),
        }
    }

    fn config_activated(&mut self, config: &ConfigActivated) -> Applied {
        present("digest", &config.digest)?;
        let shared = Arc::new(config.clone());
        self.configs
            .insert(config.digest.as_str().into(), Arc::clone(&shared));
        self.config = Some(shared);
        Ok(())
    }

    fn builder_paused(&mut self, paused: &BuilderPaused) -> Applied {
        present("builder", &paused.builder)?;
        self.paused
            .insert(paused.builder.as_str().into(), Arc::new(paused.clone()));
        Ok(())
    }

    fn build_queued(&mut self, now: Now, queued: &BuildQueued) -> Applied {
        let BuildQueued {
            build_id: id,
            build_key: key,
            builder,
            repo,
            commit,
            generation,
            ..
        } = queued;
        present("build_id", id)?;
        present("build_key", key)?;
        present("builder", builder)?;
        present("repo", repo)?;
        if self.by_id.contains_key(id.as_str()) {
            return Ok(());
        }
        let Some(hash) = GitHash::from_hex(commit.as_bytes()) else {
            return Err(Refusal::NotACommit {
                id: id.clone(),
                commit: commit.clone(),
            });
        };
        let newest = self.generation(key).unwrap_or(0);
        if *generation != newest {
            return Err(Refusal::Generation {
                key: key.clone(),
                generation: *generation,
                newest,
            });
        }
        if self.generations(key).next().is_some_and(|first| {
            (
                first.builder(),
                first.repo(),
                first.commit(),
                first.row_purpose(),
            ) != (builder, repo, hash, queued.purpose)
        }) {
            return Err(Refusal::OtherKey {
                id: id.clone(),
                key: key.clone(),
            });
        }
        if self.current(key).is_some() {
            return Err(Refusal::SecondBuild {
                id: id.clone(),
                key: key.clone(),
                generation: newest,
            });
        }
        self.add_build(now, queued, hash)
    }

    fn add_build(&mut self, now: Now, queued: &BuildQueued, commit: GitHash) -> Applied {
        let id: Arc<str> = queued.build_id.as_str().into();
        let row = BuildRow {
            id: Arc::clone(&id),
            queued: Arc::new(queued.clone()),
            commit,
            queued_at: now.time,
            state: State::Queued,
            position: now.position,
            finished_at: None,
            attempts: Vec::new(),
            skipped: None,
            cancel_requested: None,
            cancelled: None,
        };
        let place = queued_place(&row);
        let Some(number) = self.builds.push(row) else {
            return Err(Refusal::TooMany {
                id: queued.build_id.clone(),
                what: "builds",
            });
        };
        let (builder, repo) = (queued.builder.as_str(), queued.repo.as_str());
        let key: Arc<str> = queued.build_key.as_str().into();
        self.by_id.insert(id, number);
        self.keys
            .entry(Arc::clone(&key))
            .or_default()
            .builds
            .insert(queued.generation, number);
        self.cells
            .insert(Cell::new(builder, repo, commit, queued.purpose), key);
        self.builders_seen.insert((repo.into(), builder.into()));
        self.queued.insert((place, number));
        self.counts.add(State::Queued);
        Ok(())
    }

    fn build_skipped(&mut self, now: Now, skipped: &BuildSkipped) -> Applied {
        let (number, row) = self.row_mut(&skipped.build_id)?;
        in_state(row, State::Queued)?;
        row.skipped = Some(Arc::new(skipped.clone()));
        self.enter(number, State::Skipped, now);
        Ok(())
    }

    fn cancel_requested(&mut self, request: &BuildCancelRequested) -> Applied {
        let (_, row) = self.row_mut(&request.build_id)?;
        if row.state.is_terminal() {
            return Err(Refusal::State {
                id: request.build_id.clone(),
                state: row.state,
            });
        }
        row.cancel_requested
            .get_or_insert_with(|| Arc::new(request.clone()));
        Ok(())
    }

    fn build_cancelled(&mut self, now: Now, cancelled: &BuildCancelled) -> Applied {
        let (number, row) = self.row_mut(&cancelled.build_id)?;
        if row.state.is_terminal() {
            return Err(Refusal::State {
                id: cancelled.build_id.clone(),
                state: row.state,
            });
        }
        row.cancelled = Some(Arc::new(cancelled.clone()));
        close(row, now, || How::Ended {
            end: AttemptEnd::Cancelled,
            error: String::new(),
            output: None,
        });
        self.enter(number, State::Cancelled, now);
        Ok(())
    }

    fn result_cleared(&mut self, cleared: &ResultCleared) -> Applied {
        let ResultCleared {
            build_key,
            generation,
            ..
        } = cleared;
        let Some(key) = self.keys.get_mut(build_key.as_str()) else {
            return Err(Refusal::UnknownKey {
                key: build_key.clone(),
            });
        };
        let newest = key.generation;
        if *generation <= newest {
            return Ok(());
        }
        if newest.checked_add(1) != Some(*generation) {
            return Err(Refusal::Generation {
                key: build_key.clone(),
                generation: *generation,
                newest,
            });
        }
        key.generation = *generation;
        Ok(())
    }

    fn host_ready(&mut self, now: Now, ready: &HostReady) -> Applied {
        present("host_id", &ready.host_id)?;
        let row = HostRow {
            ready: ready.clone(),
            ready_at: now.time,
            died: None,
        };
        self.hosts
            .insert(ready.host_id.as_str().into(), Arc::new(row));
        Ok(())
    }

    fn host_died(&mut self, now: Now, died: &HostDied) -> Applied {
        let Some(row) = self.hosts.get_mut(died.host_id.as_str()).map(Arc::make_mut) else {
            return Err(Refusal::UnknownHost {
                id: died.host_id.clone(),
            });
        };
        row.died
            .get_or_insert_with(|| (now.time, died.cause.clone()));
        Ok(())
    }

    /// Takes the build into a state, and the indexes with it.
    fn enter(&mut self, number: u32, state: State, now: Now) {
        let Some(row) = self.builds.get_mut(number) else {
            return;
        };
        let before = std::mem::replace(&mut row.state, state);
        row.position = now.position;
        if state.is_terminal() {
            row.finished_at = now.time;
        }
        let place = queued_place(row);
        let lease = row.attempts.last().map_or(0, |attempt| attempt.lease);
        self.counts.shift(before, state);
        match before {
            State::Queued => self.queued.remove(&(place, number)).is_some(),
            _ => self.running.remove(&(lease, number)).is_some(),
        };
        match state {
            State::Queued => self.queued.insert((place, number)).is_some(),
            State::Running => self.running.insert((lease, number)).is_some(),
            _ => false,
        };
    }

    fn row_mut(&mut self, id: &str) -> Result<(u32, &mut BuildRow), Refusal> {
        let number = self.by_id.get(id).copied();
        let row = number.and_then(|number| Some((number, self.builds.get_mut(number)?)));
        row.ok_or_else(|| Refusal::UnknownBuild { id: id.to_owned() })
    }
}

fn present(what: &'static str, value: &str) -> Applied {
    if value.is_empty() {
        Err(Refusal::Lacks { what })
    } else {
        Ok(())
    }
}

fn in_state(row: &BuildRow, state: State) -> Applied {
    if row.state == state {
        Ok(())
    } else {
        Err(Refusal::State {
            id: row.id.to_string(),
            state: row.state,
        })
    }
}

/// Closes the open attempt, if there is one.
fn close(row: &mut BuildRow, now: Now, how: impl FnOnce() -> How) {
    if let Some(attempt) = row
        .attempts
        .last_mut()
        .filter(|attempt| attempt.close.is_none())
    {
        Arc::make_mut(attempt).close = Some(Close {
            at: now.time,
            how: how(),
        });
    }
}

/// Where the build stands among those that wait; of the same place, the first queued is first.
fn queued_place(row: &BuildRow) -> Reverse<Option<Time>> {
    Reverse(row.queued.commit_time.map(Time::from))
}
