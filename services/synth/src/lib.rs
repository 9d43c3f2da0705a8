//! Realistic synthetic activity for benches and tests: the same for the same seed, on every machine.
//!
//! [`Synth`] gives the payloads of an `activity` stream, serialized `maintpb.Mutation`s, as an
//! original leader would have logged ten years of a large project: issues and pull requests with
//! their comments, events and reviews, Gerrit changes with their patch sets and NoteDb commits, and
//! plain git commits. Every field of the original's messages is used at every scale, commits have
//! their real names, and no commit or ref points to what was not logged before it.
//!
//! ```
//! # fn main() -> Result<(), synth::ScaleError> {
//! let mut synth = synth::Synth::new(synth::SynthOptions { scale: 0.001, seed: 7 })?;
//! let first = synth.next().unwrap_or_default();
//! assert!(!first.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! Depends on `proto` and `sha1`.

mod change;
mod commit;
mod issue;
mod people;
mod plain;
mod project;
mod rng;
mod schedule;
mod text;
mod words;
mod world;

use proto::Message as _;
use schedule::{Counts, Schedule};
use world::World;

/// Bytes of all payloads at scale 1, as measured.
const BYTES: f64 = 1_980_000_000.0;

/// The scales that make sense.
const SCALES: std::ops::RangeInclusive<f64> = 0.001..=5.0;

/// How much to make, and which of all possible logs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SynthOptions {
    /// 1 is about 2 GB: 85,000 issues and pull requests, 130,000 changes, 65,000 plain commits.
    /// From 0.001 to 5.
    pub scale: f64,
    /// Which log: the same seed and scale give the same bytes, in every version.
    pub seed: u64,
}

/// The scale is out of range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("scale {scale} is out of range: from {} to {}", SCALES.start(), SCALES.end())]
#[non_exhaustive]
pub struct ScaleError {
    /// What was asked for.
    pub scale: f64,
}

/// The payloads, in time order. Holds only what something may still happen to.
pub struct Synth {
    world: World,
    schedule: Schedule,
    scale: f64,
}

impl Synth {
    /// # Errors
    /// If the scale is not within 0.001 and 5.
    pub fn new(options: SynthOptions) -> Result<Self, ScaleError> {
        let scale = options.scale;
        if !SCALES.contains(&scale) {
            return Err(ScaleError { scale });
        }
        let counts = Counts::of(scale);
        let mut world = World::new(options.seed, &counts);
        let schedule = Schedule::new(&mut world, &counts);
        Ok(Self {
            world,
            schedule,
            scale,
        })
    }

    /// About how many bytes all payloads have, for a progress bar.
    pub fn expected_bytes(&self) -> u64 {
        (self.scale * BYTES) as u64
    }

    /// When the newest payload was logged, in seconds since 1970; it never goes back. No time within a
    /// payload is later than this.
    pub fn now(&self) -> i64 {
        self.schedule.now()
    }

    /// Appends the next payload to a buffer. False at the end, with nothing appended.
    pub fn next_into(&mut self, payload: &mut Vec<u8>) -> bool {
        loop {
            if let Some(mutation) = self.world.taken() {
                payload.reserve(mutation.encoded_len());
                mutation.encode_raw(payload);
                return true;
            }
            if !self.schedule.step(&mut self.world) {
                return false;
            }
        }
    }
}

impl Iterator for Synth {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut payload = Vec::new();
        self.next_into(&mut payload).then_some(payload)
    }
}
