//! Builds: what is to be built and how it went, folded from the `builds` stream.
//!
//! The rules of the fold are in `apply.rs`; what it keeps is in `rows.rs`; how it is read is in [`view`]
//! (spec/builds.md 6). Ids are derived by [`id`]. Depends on [`crate::projection`] and `proto`.

mod apply;
pub mod id;
mod refusal;
mod rows;
pub mod state;
pub mod view;

use std::cmp::Reverse;
use std::sync::Arc;

use imbl::{HashMap, OrdMap, OrdSet};
use log_core::Position;
use prost::Message as _;
use proto::GitHash;
use proto::forgelog::builds::{BuilderPaused, ConfigActivated, Mutation, Purpose};

use crate::projection::{Applied, Projection, RecordRef, Skips};
use crate::table::Table;
use crate::time::Time;

pub use apply::{EVENTS_MAX, SPANS_MAX};
pub use id::{BuildId, BuildKey};
pub use refusal::Refusal;
pub use state::{Counts, State};
pub use view::{Attempt, Build, Event, Host, Span};

/// The projection of the `builds` stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Builds {
    /// The highest epoch so far: records of earlier ones do not count.
    epoch: u64,
    /// The highest lease number so far.
    lease: u64,
    configs: OrdMap<Arc<str>, Arc<ConfigActivated>>,
    config: Option<Arc<ConfigActivated>>,
    paused: OrdMap<Arc<str>, Arc<BuilderPaused>>,
    hosts: OrdMap<Arc<str>, Arc<rows::HostRow>>,
    /// In the order in which they were queued.
    builds: Table<rows::BuildRow>,
    by_id: HashMap<Arc<str>, u32>,
    keys: HashMap<Arc<str>, rows::KeyRow>,
    cells: HashMap<rows::Cell, Arc<str>>,
    /// Newest commit first, then by id.
    queued: OrdSet<(Reverse<Option<Time>>, u32)>,
    /// By lease number.
    running: OrdSet<(u64, u32)>,
    /// By repository, then builder.
    builders_seen: OrdSet<(Arc<str>, Arc<str>)>,
    /// The row and the attempt.
    outputs: HashMap<Arc<str>, (u32, u32)>,
    counts: Counts,
}

impl Builds {
    /// The builders in force.
    pub fn config(&self) -> Option<&ConfigActivated> {
        self.config.as_deref()
    }

    /// The builders that were in force under this digest.
    pub fn config_by_digest(&self, digest: &str) -> Option<&ConfigActivated> {
        self.configs.get(digest).map(Arc::as_ref)
    }

    /// The build with this id.
    pub fn build(&self, id: &str) -> Option<Build<'_>> {
        Build::new(self, *self.by_id.get(id)?)
    }

    /// The build of a commit after it is in a branch, of the newest generation. `None` if there was
    /// never one, and when its result was cleared and it is not queued anew yet.
    pub fn cell(&self, builder: &str, repo: &str, commit: &GitHash) -> Option<Build<'_>> {
        self.cell_for(builder, repo, commit, Purpose::Post)
    }

    /// As [`Self::cell`], for any purpose.
    pub fn cell_for(
        &self,
        builder: &str,
        repo: &str,
        commit: &GitHash,
        purpose: Purpose,
    ) -> Option<Build<'_>> {
        let cell = rows::Cell::new(builder, repo, *commit, purpose.into());
        self.current(self.cells.get(&cell)?)
    }

    /// The newest generation of a build key; `None` for a key that was never queued.
    pub fn generation(&self, build_key: &str) -> Option<u32> {
        self.keys.get(build_key).map(|key| key.generation)
    }

    /// The build of a build key's newest generation, once it is queued.
    pub fn current(&self, build_key: &str) -> Option<Build<'_>> {
        let key = self.keys.get(build_key)?;
        Build::new(self, *key.builds.get(&key.generation)?)
    }

    /// All generations of a build key that were queued, oldest first.
    pub fn generations<'a>(
        &'a self,
        build_key: &str,
    ) -> impl DoubleEndedIterator<Item = Build<'a>> + use<'a> {
        let key = self.keys.get(build_key);
        key.into_iter()
            .flat_map(|key| key.builds.values())
            .filter_map(|row| Build::new(self, *row))
    }

    /// What waits to be run: that of the newest commit first, then in the order of queueing.
    pub fn queued(&self) -> impl Iterator<Item = Build<'_>> {
        self.queued
            .iter()
            .filter_map(|(_, row)| Build::new(self, *row))
    }

    /// What has an open attempt, the earliest lease first.
    pub fn running(&self) -> impl Iterator<Item = Build<'_>> {
        self.running
            .iter()
            .filter_map(|(_, row)| Build::new(self, *row))
    }

    /// All builds, the last queued first.
    pub fn latest(&self) -> impl Iterator<Item = Build<'_>> {
        self.builds.iter().rev().map(|row| Build::of(self, row))
    }

    /// The builders for which a build of the repository was ever queued, by name.
    pub fn builders_seen<'a>(&'a self, repo: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let repo: Arc<str> = repo.into();
        self.builders_seen
            .range((Arc::clone(&repo), Arc::from(""))..)
            .take_while(move |(seen, _)| *seen == repo)
            .map(|(_, builder)| builder.as_ref())
    }

    /// The lowest lease number that the next attempt may have.
    pub fn next_lease(&self) -> u64 {
        self.lease.saturating_add(1)
    }

    /// The highest epoch so far; 0 before any.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The first attempt whose output has this SHA-1, 40 lower-case hex digits.
    pub fn by_output_sha1(&self, sha1: &str) -> Option<(Build<'_>, Attempt<'_>)> {
        let (row, attempt) = *self.outputs.get(sha1)?;
        let build = Build::new(self, row)?;
        let attempt = build.attempt(attempt)?;
        Some((build, attempt))
    }

    /// Where the record starts that brought the build into its state.
    pub fn position_of(&self, id: &str) -> Option<Position> {
        self.build(id).map(|build| build.position())
    }

    /// How many builds are in each state.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Why and until when the builder is paused; `None` if it is not.
    pub fn paused(&self, builder: &str) -> Option<&BuilderPaused> {
        self.paused.get(builder).map(Arc::as_ref)
    }

    /// The hosts that ever were ready, by id.
    pub fn hosts(&self) -> impl Iterator<Item = Host<'_>> {
        self.hosts.iter().map(|(id, row)| Host::new(id, row))
    }

    /// The host with this id.
    pub fn host(&self, id: &str) -> Option<Host<'_>> {
        self.hosts
            .get_key_value(id)
            .map(|(id, row)| Host::new(id, row))
    }
}

impl Projection for Builds {
    fn snapshot(&mut self) -> Self {
        self.clone()
    }

    fn again(&self) -> Self {
        self.clone()
    }

    fn recorded(record: RecordRef<'_>) -> Option<Time> {
        recorded(&Mutation::decode(record.payload).ok()?)
    }

    fn apply(&mut self, record: RecordRef<'_>) -> Applied {
        match Mutation::decode(record.payload) {
            Ok(mutation) => {
                let recorded = recorded(&mutation);
                Applied {
                    recorded,
                    skips: Skips::from(self.step(record.at, recorded, &mutation)),
                }
            }
            Err(error) => Applied {
                recorded: None,
                skips: Skips::from(Err(format!("not a mutation: {error}"))),
            },
        }
    }
}

fn recorded(mutation: &Mutation) -> Option<Time> {
    mutation.meta.as_ref()?.recorded.map(Time::from)
}

#[cfg(test)]
mod tests;
