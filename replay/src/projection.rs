//! What a projection is, and how it is folded over records.
//!
//! A [`Projection`] is the state and one step of the fold; [`Folded`] is the state together with how
//! far the fold has come and what it had to pass over. Both are pure: no I/O, no clock, no error.
//! Depends on `log-core` for positions and records.

use std::fmt;
use std::sync::Arc;

use log_core::{Position, Record};
use prost::Message as _;

use crate::time::Time;

/// How many of the records that were passed over are kept for listing.
pub const SKIPPED_KEPT_MAX: usize = 100;

/// The longest reason that is kept, in bytes.
const REASON_BYTES_MAX: usize = 200;

/// A read model: a pure left fold over a stream's mutations (design.md, rule 4).
///
/// `Clone` must be cheap, by structural sharing: a clone is taken of every published version.
pub trait Projection: Clone + Default + Send + Sync + 'static {
    /// What a record of the stream holds.
    type Mutation: prost::Message + Default;

    /// When the record was written, as it says itself; `None` for records of original writers.
    fn recorded(mutation: &Self::Mutation) -> Option<Time>;

    /// Takes one step. Total and deterministic: a record cannot be taken back, so what makes no
    /// sense changes nothing and is reported in the answer. `at` is where the record starts,
    /// `recorded` what [`Self::recorded`] says of it.
    fn apply(&mut self, at: Position, recorded: Option<Time>, mutation: &Self::Mutation) -> Skips;
}

/// What one step passed over, and why. Empty in nearly all cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skips {
    count: u64,
    reasons: Vec<String>,
}

impl Skips {
    /// Adds one. Only the first [`SKIPPED_KEPT_MAX`] reasons of a step are kept, shortened.
    pub fn push(&mut self, reason: impl fmt::Display) {
        self.count += 1;
        if self.reasons.len() < SKIPPED_KEPT_MAX {
            let mut text = reason.to_string();
            if text.len() > REASON_BYTES_MAX {
                text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
                text.push('…');
            }
            self.reasons.push(text);
        }
    }

    /// How many there are.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The reasons, in order; fewer than [`Self::count`] if there were very many.
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }
}

impl<E: fmt::Display> From<Result<(), E>> for Skips {
    fn from(result: Result<(), E>) -> Self {
        let mut skips = Self::default();
        if let Err(reason) = result {
            skips.push(reason);
        }
        skips
    }
}

/// A record, or a part of one, that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Where the record starts.
    pub at: Position,
    /// Why, for people.
    pub reason: String,
}

/// A projection's state after all records up to a position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folded<P> {
    state: P,
    position: Position,
    recorded: Option<Time>,
    records: u64,
    skipped: u64,
    // Shared by all snapshots: it hardly ever changes.
    kept: Arc<Vec<Skipped>>,
}

impl<P> Folded<P> {
    /// The state, to be read through its views.
    pub const fn state(&self) -> &P {
        &self.state
    }

    /// The end of the last record that was applied; the stream's start before any.
    pub const fn position(&self) -> Position {
        self.position
    }

    /// The latest recorded time of all records applied; `None` before any has one.
    pub const fn recorded(&self) -> Option<Time> {
        self.recorded
    }

    /// How many records were applied, those that were passed over included.
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// How many records, or parts of one, were passed over.
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The first [`SKIPPED_KEPT_MAX`] that were passed over, in the stream's order.
    pub fn skips(&self) -> &[Skipped] {
        &self.kept
    }
}

impl<P: Projection> Folded<P> {
    /// Applies one record. One that starts before [`Self::position`] was applied already, and
    /// changes nothing.
    pub fn apply(&mut self, record: &Record) {
        if record.at < self.position {
            return;
        }
        self.step(record, Self::decode(record));
    }

    /// Applies records in the stream's order.
    pub fn fold<'r>(&mut self, records: impl IntoIterator<Item = &'r Record>) {
        for record in records {
            self.apply(record);
        }
    }

    /// Applies the record unless it would take [`Self::recorded`] beyond `time`; says whether it did.
    pub(crate) fn apply_until(&mut self, record: &Record, time: Time) -> bool {
        if record.at < self.position {
            return true;
        }
        let decoded = Self::decode(record);
        if decoded
            .as_ref()
            .is_ok_and(|mutation| P::recorded(mutation) > Some(time))
        {
            return false;
        }
        self.step(record, decoded);
        true
    }

    // The payload is cloned by reference count, and byte fields become slices of it.
    fn decode(record: &Record) -> Result<P::Mutation, prost::DecodeError> {
        P::Mutation::decode(record.payload.clone())
    }

    fn step(&mut self, record: &Record, decoded: Result<P::Mutation, prost::DecodeError>) {
        let skips = match decoded {
            Ok(mutation) => {
                let recorded = P::recorded(&mutation);
                self.recorded = self.recorded.max(recorded);
                self.state.apply(record.at, recorded, &mutation)
            }
            Err(error) => Skips::from(Err(format!("not a mutation: {error}"))),
        };
        self.position = record.next;
        self.records += 1;
        if skips.count > 0 {
            self.keep(record.at, skips);
        }
    }

    fn keep(&mut self, at: Position, skips: Skips) {
        self.skipped += skips.count;
        let room = SKIPPED_KEPT_MAX.saturating_sub(self.kept.len());
        if room > 0 {
            let new = skips
                .reasons
                .into_iter()
                .take(room)
                .map(|reason| Skipped { at, reason });
            Arc::make_mut(&mut self.kept).extend(new);
        }
    }
}
