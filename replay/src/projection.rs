//! What a projection is, and how it is folded over records.
//!
//! A [`Projection`] is the state and one step of the fold; [`Folded`] is the state together with how
//! far the fold has come and what it had to pass over. Both are pure: no I/O, no clock, no error.
//! Depends on `log-core` for positions and records.

use std::fmt;
use std::sync::Arc;

use log_core::frame::FrameError;
use log_core::{Position, Record};

use crate::corpus::Touched;
use crate::segments::{Block, Segments};
use crate::time::Time;

/// How many of the records that were passed over are kept for listing.
pub const SKIPPED_KEPT_MAX: usize = 100;

/// The longest reason that is kept, in bytes.
const REASON_BYTES_MAX: usize = 200;

/// A record that is folded: its place and its payload.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecordRef<'a> {
    /// Where its frame starts.
    pub at: Position,
    /// Where its frame ends: the state after it is the state at this position.
    pub next: Position,
    /// The serialized mutation.
    pub payload: &'a [u8],
}

impl<'a> From<&'a Record> for RecordRef<'a> {
    fn from(record: &'a Record) -> Self {
        Self {
            at: record.at,
            next: record.next,
            payload: &record.payload,
        }
    }
}

/// A read model: a pure left fold over a stream's mutations (design.md, rule 4).
pub trait Projection: Default + Send + Sync + 'static {
    /// A copy that shares what is the same: it must be cheap, and is made for every published version.
    fn snapshot(&mut self) -> Self;

    /// A copy of a snapshot, to be folded on from.
    fn again(&self) -> Self;

    /// The state before any record, by the same rules.
    fn empty(&self) -> Self {
        Self::default()
    }

    /// Bytes of the log that the records of which follow; a projection may keep them, and point at them.
    fn attach(&mut self, block: &Block) {
        let _ = block;
    }

    /// All bytes that were attached, if it keeps them.
    fn segments(&self) -> Option<&Segments> {
        None
    }

    /// From now on, notes what is touched.
    fn watch(&mut self) {}

    /// What was touched since it was asked last, if it is noted.
    fn touched(&mut self) -> Touched {
        Touched::default()
    }

    /// When the record was written, as it says itself or as follows from its content alone.
    fn recorded(record: RecordRef<'_>) -> Option<Time>;

    /// Takes one step. Total and deterministic: a record cannot be taken back, so what makes no
    /// sense changes nothing and is reported in the answer.
    fn apply(&mut self, record: RecordRef<'_>) -> Applied;

    /// Takes the steps of all records of blocks that were attached, those before `from` apart. A projection may do it
    /// on several threads; the outcome is the same.
    fn fold(&mut self, blocks: &[Block], from: Position) -> Walked {
        let mut walked = Walked::from(from);
        for record in walk(blocks, from) {
            match record {
                Ok(record) => {
                    let applied = self.apply(record);
                    walked.take(&record, applied);
                }
                Err(error) => walked.error = Some(error),
            }
        }
        walked
    }
}

/// What came of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// When the record was written: see [`Projection::recorded`].
    pub recorded: Option<Time>,
    /// What was passed over.
    pub skips: Skips,
}

/// A place in the log that is no record. Everything before it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("segment {segment}: {source}")]
pub struct BrokenFrame {
    /// The segment.
    pub segment: u32,
    /// What is wrong there, and where.
    pub source: FrameError,
}

/// What came of many steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// The end of the last record.
    pub end: Position,
    /// How many records there were.
    pub records: u64,
    /// The latest of [`Projection::recorded`].
    pub recorded: Option<Time>,
    /// What was passed over; of the reasons only the first.
    pub skipped: u64,
    /// The first that were passed over.
    pub kept: Vec<Skipped>,
    /// Why the rest was not read.
    pub error: Option<BrokenFrame>,
}

impl Walked {
    /// Nothing yet, from a position on.
    pub(crate) fn from(end: Position) -> Self {
        Self {
            end,
            ..Self::default()
        }
    }

    pub(crate) fn take(&mut self, record: &RecordRef<'_>, applied: Applied) {
        self.end = record.next;
        self.records += 1;
        self.recorded = self.recorded.max(applied.recorded);
        self.skipped += applied.skips.count;
        let room = SKIPPED_KEPT_MAX.saturating_sub(self.kept.len());
        let at = record.at;
        let reasons = applied.skips.reasons.into_iter().take(room);
        self.kept
            .extend(reasons.map(|reason| Skipped { at, reason }));
    }
}

/// The records of blocks that start at `from` or later. The last item is the error, if there is one.
pub(crate) fn walk(
    blocks: &[Block],
    from: Position,
) -> impl Iterator<Item = Result<RecordRef<'_>, BrokenFrame>> {
    let records = blocks.iter().flat_map(|block| {
        let segment = block.segment;
        block.frames().map(move |frame| {
            let place = |offset| Position { segment, offset };
            let frame = frame.map_err(|source| BrokenFrame { segment, source })?;
            Ok(RecordRef {
                at: place(frame.offset),
                next: place(frame.end),
                payload: frame.payload,
            })
        })
    });
    let mut is_broken = false;
    records
        .take_while(move |record| !std::mem::replace(&mut is_broken, record.is_err()))
        .filter(move |record| record.as_ref().map_or(true, |record| record.at >= from))
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

    /// Sets how many there are, where not all of them were pushed.
    pub(crate) fn set_count(&mut self, count: u64) {
        self.count = count;
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
    /// A state before any record, such as an empty corpus under other rules than the usual ones.
    pub fn with(state: P) -> Self {
        Self::starting_from(state)
    }

    /// A state before any record.
    pub(crate) fn starting_from(state: P) -> Self {
        Self::resumed(state, Walked::default())
    }

    /// A state that was reached before, at a position.
    pub(crate) fn resumed(state: P, walked: Walked) -> Self {
        Self {
            state,
            position: walked.end,
            recorded: walked.recorded,
            records: walked.records,
            skipped: walked.skipped,
            kept: Arc::new(walked.kept),
        }
    }

    /// What [`Folded::resumed`] takes.
    pub(crate) fn walked(&self) -> Walked {
        Walked {
            end: self.position,
            records: self.records,
            recorded: self.recorded,
            skipped: self.skipped,
            kept: self.kept.to_vec(),
            error: None,
        }
    }

    /// A copy of a snapshot, to be folded on from.
    pub(crate) fn again(&self) -> Self {
        Self {
            state: self.state.again(),
            position: self.position,
            recorded: self.recorded,
            records: self.records,
            skipped: self.skipped,
            kept: Arc::clone(&self.kept),
        }
    }

    /// The state, to be changed by whoever folds.
    pub(crate) fn state_mut(&mut self) -> &mut P {
        &mut self.state
    }

    /// A copy that shares what is the same; it never changes.
    pub fn snapshot(&mut self) -> Self {
        Self {
            state: self.state.snapshot(),
            position: self.position,
            recorded: self.recorded,
            records: self.records,
            skipped: self.skipped,
            kept: Arc::clone(&self.kept),
        }
    }

    /// Applies one record. One that starts before [`Self::position`] was applied already, and
    /// changes nothing.
    pub fn apply(&mut self, record: &Record) {
        if record.at < self.position {
            return;
        }
        // The payload alone: nothing points at a frame's header.
        self.state.attach(&Block {
            segment: record.next.segment,
            start: record
                .next
                .offset
                .saturating_sub(record.payload.len() as u64),
            bytes: record.payload.clone().into(),
        });
        let record = RecordRef::from(record);
        let mut walked = Walked::from(self.position);
        walked.take(&record, self.state.apply(record));
        self.add(walked);
    }

    /// Applies records in the stream's order.
    pub fn fold<'r>(&mut self, records: impl IntoIterator<Item = &'r Record>) {
        for record in records {
            self.apply(record);
        }
    }

    /// Applies the records of blocks, in the stream's order. Where the log is broken, what comes before it is applied.
    ///
    /// # Errors
    /// At the first place that is no record.
    pub fn fold_blocks(&mut self, blocks: &[Block]) -> Result<(), BrokenFrame> {
        for block in blocks {
            self.state.attach(block);
        }
        let walked = self.state.fold(blocks, self.position);
        let error = walked.error;
        self.add(walked);
        error.map_or(Ok(()), Err)
    }

    /// Applies the records of blocks up to the first that would take [`Self::recorded`] beyond `time`, and gives the
    /// start and the end of that.
    pub(crate) fn fold_until(
        &mut self,
        blocks: &[Block],
        time: Time,
    ) -> Result<Option<(Position, Position)>, BrokenFrame> {
        for block in blocks {
            self.state.attach(block);
        }
        for record in walk(blocks, self.position) {
            let record = record?;
            if P::recorded(record) > Some(time) {
                return Ok(Some((record.at, record.next)));
            }
            let mut walked = Walked::from(self.position);
            walked.take(&record, self.state.apply(record));
            self.add(walked);
        }
        Ok(None)
    }

    fn add(&mut self, walked: Walked) {
        self.position = walked.end;
        self.records += walked.records;
        self.recorded = self.recorded.max(walked.recorded);
        self.skipped += walked.skipped;
        let room = SKIPPED_KEPT_MAX.saturating_sub(self.kept.len());
        if room > 0 && !walked.kept.is_empty() {
            Arc::make_mut(&mut self.kept).extend(walked.kept.into_iter().take(room));
        }
    }
}
