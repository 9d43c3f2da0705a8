//! What a listing of a stream's objects means: which segments are sealed, and where the tail ends.
//!
//! Pure: from names and sizes alone. Depends on [`crate::segment`].
//!
//! The rules. Segments are numbered from 0 without a gap. A segment with a sealed object is that
//! object, whatever is under its tail folder. One without is the chain of its batches: the first at
//! offset 0, each next one where the last ends. An empty object at the end of the chain closes the
//! segment; only then may the next one begin.

use crate::position::Position;
use crate::segment::SegmentName;
use std::collections::{BTreeMap, BTreeSet};

/// The folder of the open segments' batches, below the stream's prefix.
pub const TAIL: &str = "tail";
/// The folder of what was moved aside, below the stream's prefix: no part of the log, and no stray.
pub const QUARANTINE: &str = "quarantine";
/// The folder of what was derived from the log, below the stream's prefix: no part of the log, and no stray.
pub const CHECKPOINTS: &str = "checkpoints";

/// One object below the stream's prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Below the prefix, such as `tail/0003/00000000000002f4`.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// When the store took it, in seconds since 1970.
    pub modified: i64,
}

/// A sealed segment's object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its name, and so its digest.
    pub name: SegmentName,
    /// Bytes.
    pub size: u64,
    /// When the store took it, in seconds since 1970.
    pub modified: i64,
}

/// A segment that is not sealed yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// Offset and size of each batch, without a gap.
    pub batches: Vec<(u64, u64)>,
    /// Nothing can be appended any more.
    pub closed: bool,
}

impl Tail {
    /// Where the next batch goes.
    pub fn end(&self) -> u64 {
        self.batches
            .last()
            .map_or(0, |(offset, size)| offset.saturating_add(*size))
    }
}

/// One segment of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// One object that never changes.
    Sealed(Sealed),
    /// A chain of batches.
    Tail(Tail),
}

impl Segment {
    /// Bytes that are durable in it.
    pub fn len(&self) -> u64 {
        match self {
            Self::Sealed(sealed) => sealed.size,
            Self::Tail(tail) => tail.end(),
        }
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the next segment may begin.
    pub fn is_complete(&self) -> bool {
        match self {
            Self::Sealed(_) => true,
            Self::Tail(tail) => tail.closed,
        }
    }
}

/// All that a listing says of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Layout {
    /// By number, from 0. Every one but the last is complete.
    pub segments: Vec<Segment>,
    /// Batches that still lie under sealed segments, as (segment, offset).
    pub joined: Vec<(u32, u64)>,
    /// Objects that are no part of the log: foreign, or beyond the end.
    pub strays: Vec<String>,
    /// When the store took the newest object of the log, in seconds since 1970: its clock, for ages. (A
    /// foreign file can be of any time.)
    pub newest: i64,
    /// A segment that is missing, or its end is, although a later one is there: the log can be read up to it, and
    /// nothing can be appended. What lies behind it is among the strays.
    pub gap: Option<Gap>,
}

/// A segment that should be there is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("segment {missing} is missing or cut short, although segment {present} is there")]
pub struct Gap {
    /// The lowest number that is missing.
    pub missing: u32,
    /// The highest that is there.
    pub present: u32,
}

impl Layout {
    /// Reads a listing, in any order.
    pub fn read(objects: &[Object]) -> Self {
        let mut sealed: BTreeMap<u32, Sealed> = BTreeMap::new();
        let mut tails: BTreeMap<u32, BTreeMap<u64, u64>> = BTreeMap::new();
        let mut strays = Vec::new();
        for object in objects.iter().filter(|object| !is_aside(&object.path)) {
            if let Some(name) = SegmentName::parse(&object.path) {
                let found = Sealed {
                    name,
                    size: object.size,
                    modified: object.modified,
                };
                let known = sealed.entry(name.number).or_insert(found);
                if *known != found {
                    let latest = newer(*known, found);
                    let other = if latest == found { *known } else { found };
                    strays.push(other.name.to_string());
                    *known = latest;
                }
            } else if let Some((number, offset)) = parse_batch_path(&object.path) {
                tails.entry(number).or_default().insert(offset, object.size);
            } else {
                strays.push(object.path.clone());
            }
        }
        let mut layout = Self::assemble(&sealed, tails, strays);
        let strays: BTreeSet<&String> = layout.strays.iter().collect();
        let newest = objects
            .iter()
            .filter(|object| !is_aside(&object.path) && !strays.contains(&object.path))
            .map(|object| object.modified)
            .max();
        layout.newest = newest.unwrap_or(0);
        layout
    }

    fn assemble(
        sealed: &BTreeMap<u32, Sealed>,
        mut tails: BTreeMap<u32, BTreeMap<u64, u64>>,
        strays: Vec<String>,
    ) -> Self {
        let mut layout = Self {
            strays,
            ..Self::default()
        };
        let highest_sealed = sealed.keys().next_back().copied();
        for number in 0.. {
            let batches = tails.remove(&number);
            if let Some(&sealed) = sealed.get(&number) {
                for (offset, size) in batches.into_iter().flatten() {
                    // What reaches beyond its end was never joined, whoever made it.
                    if offset
                        .checked_add(size)
                        .is_some_and(|end| end <= sealed.size)
                    {
                        layout.joined.push((number, offset));
                    } else {
                        layout.strays.push(batch_path(number, offset));
                    }
                }
                layout.segments.push(Segment::Sealed(sealed));
                continue;
            }
            let tail = layout.chain(number, batches.unwrap_or_default());
            let beyond = highest_sealed.filter(|&highest| highest > number && !tail.closed);
            layout.gap = beyond.map(|present| Gap {
                missing: number,
                present,
            });
            let (empty, closed) = (tail.batches.is_empty(), tail.closed);
            if !empty || closed {
                layout.segments.push(Segment::Tail(tail));
            }
            if !closed {
                break;
            }
        }
        if let Some(gap) = layout.gap {
            let behind = sealed.range(gap.missing..);
            layout
                .strays
                .extend(behind.map(|(_, sealed)| sealed.name.to_string()));
        }
        // Nothing begins before the segment before it is complete: if it is not, something is lost.
        let begun = tails.iter().rev().find(|(_, batches)| {
            let first = batches.get(&0);
            first.is_some_and(|&size| size > 0)
        });
        if let (Some((&present, _)), None) = (begun, layout.gap) {
            layout.gap = Some(Gap {
                missing: layout.end().segment,
                present,
            });
        }
        for (number, batches) in tails {
            layout
                .strays
                .extend(batches.keys().map(|&offset| batch_path(number, offset)));
        }
        layout
    }

    /// Follows the chain of batches from offset 0; what is not on it is stray.
    fn chain(&mut self, number: u32, mut batches: BTreeMap<u64, u64>) -> Tail {
        let mut tail = Tail::default();
        while let Some(size) = batches.remove(&tail.end()) {
            if size == 0 {
                tail.closed = true;
                break;
            }
            tail.batches.push((tail.end(), size));
        }
        self.strays
            .extend(batches.keys().map(|&offset| batch_path(number, offset)));
        tail
    }

    /// The first position at which nothing is written.
    pub fn end(&self) -> Position {
        let next = self.segments.len() as u32;
        match self.segments.last() {
            Some(Segment::Tail(tail)) if !tail.closed => Position {
                segment: next - 1,
                offset: tail.end(),
            },
            _ => Position::start_of(next),
        }
    }

    /// A stray in a segment after the open one, which the log would run into; or in the place of a folder
    /// that its next batches go to, such as a link to one: no listing would show them.
    pub fn stray_ahead(&self) -> Option<&str> {
        let open = self.end().segment;
        let ahead = |path: &&String| match parse_batch_path(path) {
            Some((number, _)) => number > open,
            None => *path == TAIL || parse_tail_folder(path).is_some_and(|number| number >= open),
        };
        self.strays.iter().find(ahead).map(String::as_str)
    }

    /// Whether a stray lies in the open segment, where the log could grow onto it.
    pub fn open_segment_has_strays(&self) -> bool {
        let open = format!("{TAIL}/{:04}/", self.end().segment);
        self.strays.iter().any(|path| path.starts_with(&open))
    }
}

/// An original writer leaves the older object of a growing segment behind; the latest is meant.
fn newer(a: Sealed, b: Sealed) -> Sealed {
    if (b.modified, b.size, b.name) > (a.modified, a.size, a.name) {
        b
    } else {
        a
    }
}

/// Where the batch at `offset` of segment `number` is, below the stream's prefix.
pub fn batch_path(number: u32, offset: u64) -> String {
    format!("{TAIL}/{number:04}/{offset:016x}")
}

/// Whether it lies in a folder that is neither part of the log nor stray.
fn is_aside(path: &str) -> bool {
    let folder = path.split_once('/').map(|(folder, _)| folder);
    matches!(folder, Some(QUARANTINE | CHECKPOINTS))
}

fn parse_tail_folder(path: &str) -> Option<u32> {
    let number = path.strip_prefix(TAIL)?.strip_prefix('/')?;
    number.parse().ok()
}

fn parse_batch_path(path: &str) -> Option<(u32, u64)> {
    let (number, offset) = path
        .strip_prefix(TAIL)?
        .strip_prefix('/')?
        .split_once('/')?;
    let parsed = (number.parse().ok()?, u64::from_str_radix(offset, 16).ok()?);
    (batch_path(parsed.0, parsed.1) == path).then_some(parsed)
}

#[cfg(test)]
#[path = "layout/tests.rs"]
mod tests;
