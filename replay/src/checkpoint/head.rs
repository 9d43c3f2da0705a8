//! What a checkpoint stands for: which log, up to where, by which rules. Pure.

use log_core::Position;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::projection::{Skipped, Walked};
use crate::time::Time;

/// The last part of the file, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The version of the tables: of another, nothing here makes sense.
    pub(crate) tables: u32,
    /// The rules of the fold.
    pub(crate) rules: String,
    /// The segments up to the position. The last is only what lies before it.
    pub(crate) segments: Vec<SegmentMark>,
    /// The position: a segment and bytes.
    position: (u32, u64),
    records: u64,
    recorded: Option<(i64, u32)>,
    skipped: u64,
    kept: Vec<(u32, u64, String)>,
    /// The segment whose bytes, up to the position, are the last block: they are nowhere else to be mapped.
    pub(crate) tail: Option<u32>,
}

/// One segment of the history that a checkpoint stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentMark {
    /// Bytes of it that were folded.
    pub(crate) size: u64,
    /// Its SHA-224 in hex, if it was sealed and so is known by that.
    pub(crate) sha224: Option<String>,
    /// Its last records, where it is not.
    pub(crate) end: Option<EndMark>,
}

/// The last records of a segment, to tell it from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndMark {
    /// Where the first of them starts.
    pub(crate) from: u64,
    /// XXH3 of their frames.
    hash: u64,
}

impl EndMark {
    pub(crate) fn of(from: u64, bytes: &[u8]) -> Self {
        Self {
            from,
            hash: xxh3_64(bytes),
        }
    }

    /// Whether these are their bytes.
    pub(crate) fn matches(self, bytes: &[u8]) -> bool {
        xxh3_64(bytes) == self.hash
    }
}

impl Head {
    pub(crate) fn new(
        rules: String,
        walked: &Walked,
        segments: Vec<SegmentMark>,
        tail: Option<u32>,
    ) -> Self {
        let kept = walked.kept.iter();
        Self {
            tables: super::write::TABLES_VERSION,
            rules,
            segments,
            position: (walked.end.segment, walked.end.offset),
            records: walked.records,
            recorded: walked
                .recorded
                .map(|time| (time.unix_seconds(), time.nanos())),
            skipped: walked.skipped,
            kept: kept
                .map(|skipped| {
                    (
                        skipped.at.segment,
                        skipped.at.offset,
                        skipped.reason.clone(),
                    )
                })
                .collect(),
            tail,
        }
    }

    /// The end of the last record that was folded.
    pub(crate) fn position(&self) -> Position {
        let (segment, offset) = self.position;
        Position { segment, offset }
    }

    /// The latest time of them.
    pub(crate) fn recorded(&self) -> Option<Time> {
        self.recorded
            .map(|(seconds, nanos)| Time::new(seconds, nanos))
    }

    /// How far the fold has come, and what it passed over.
    pub(crate) fn walked(&self) -> Walked {
        let skipped = |(segment, offset, reason): &(u32, u64, String)| Skipped {
            at: Position {
                segment: *segment,
                offset: *offset,
            },
            reason: reason.clone(),
        };
        Walked {
            end: self.position(),
            records: self.records,
            recorded: self.recorded(),
            skipped: self.skipped,
            kept: self.kept.iter().map(skipped).collect(),
            error: None,
        }
    }
}
