//! Reads a whole stream and checks it: digests, sizes, framing, and that nothing lies about.
//!
//! Depends on the store and the layout. Faults are reported with their place; nothing is changed. It
//! looks at the store itself rather than at what a [`Stream`] knows, so that it also tells what is wrong
//! with a log that cannot be opened. A few objects are read at a time, so memory is bounded.

mod check;

use crate::bulk::SEGMENT_TAKEN_MAX;
use crate::error::OpenError;
use crate::layout::{Gap, Layout, Object, Sealed, Segment, TAIL, batch_path};
use crate::position::Position;
use crate::segment::SegmentName;
use crate::store::Objects;
use crate::stream::Stream;
use check::{Check, Checked};
use futures::{StreamExt as _, stream};
use object_store::ObjectStore;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Objects that are read at a time.
const PREFETCH: usize = 4;

/// What a stream holds, and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Segments, the open one included.
    pub segments: u64,
    /// Records that are sound.
    pub records: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// What is wrong, in order of the log.
    pub faults: Vec<Fault>,
}

/// Something wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: Position,
    /// The object, below the stream's prefix.
    pub object: String,
    /// Of what kind.
    pub kind: FaultKind,
    /// What, for people.
    pub what: String,
}

/// The kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// A segment is not there, although later ones are.
    Missing,
    /// The store does not give the object.
    Unreadable,
    /// The object is longer or shorter than it was listed, or longer than any can be.
    Size,
    /// A sealed segment's bytes are not those of its name.
    Digest,
    /// The bytes are not records, or end inside one.
    Frame,
    /// A batch below a sealed segment differs from it.
    Joined,
    /// An older sealed object of a segment that has a newer one.
    Duplicate,
    /// An object that is no part of the log.
    Stray,
    /// A payload that is no protobuf message: the log is sound, but what is in it may not be.
    Payload,
}

impl FaultKind {
    /// Its name in machine-readable output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
            Self::Size => "size",
            Self::Digest => "digest",
            Self::Frame => "frame",
            Self::Joined => "joined",
            Self::Duplicate => "duplicate",
            Self::Stray => "stray",
            Self::Payload => "payload",
        }
    }

    /// Whether the log as such is sound all the same.
    pub fn is_warning(self) -> bool {
        self == Self::Payload
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Checks every object of the stream as the store has it now.
pub async fn verify(stream: &Stream) -> Result<Report, OpenError> {
    verify_with(stream, |_, _| {}).await
}

/// Like [`verify`]; `progress` is told how many bytes are checked, and how many there are.
pub async fn verify_with(
    stream: &Stream,
    progress: impl FnMut(u64, u64) + Send,
) -> Result<Report, OpenError> {
    check_all(stream.name(), stream.objects(), progress).await
}

/// Like [`verify_with`], for a log that may be too broken to open.
pub async fn verify_store(
    store: Arc<dyn ObjectStore>,
    prefix: &str,
    progress: impl FnMut(u64, u64) + Send,
) -> Result<Report, OpenError> {
    let name = prefix.rsplit('/').next().unwrap_or(prefix);
    check_all(name, &Objects::new(store, prefix), progress).await
}

async fn check_all(
    name: &str,
    objects: &Objects,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Result<Report, OpenError> {
    let listed = objects.list().await.map_err(|source| OpenError::Store {
        stream: name.to_owned(),
        what: "list its objects".to_owned(),
        source,
    })?;
    let survey = Survey::of(&listed);
    let sizes = survey.checks.iter().map(Check::size);
    let total = sizes.fold(0, u64::saturating_add);
    let mut report = Report {
        segments: survey.segments,
        ..Report::default()
    };
    let mut checked = stream::iter(survey.checks)
        .map(|check| check.run(objects.clone()))
        .buffered(PREFETCH);
    while let Some(Checked {
        bytes,
        records,
        faults,
    }) = checked.next().await
    {
        report.bytes = report.bytes.saturating_add(bytes);
        report.records += records;
        report.faults.extend(faults);
        progress(report.bytes, total);
    }
    report.faults.extend(survey.faults);
    // In order of the log; the faults of one place stay in the order in which they were found.
    report.faults.sort_by_key(|fault| fault.at);
    Ok(report)
}

/// What a listing says is to be read, and what it says is wrong by itself.
struct Survey {
    segments: u64,
    checks: Vec<Check>,
    faults: Vec<Fault>,
}

impl Survey {
    fn of(listed: &[Object]) -> Self {
        let (layout, beyond, missing) = read_past_gaps(listed);
        let mut survey = Self {
            segments: (layout.segments.len() + beyond.len()) as u64,
            checks: Vec::new(),
            faults: Vec::new(),
        };
        let sizes: BTreeMap<&str, u64> = listed
            .iter()
            .map(|object| (object.path.as_str(), object.size))
            .collect();
        let mut joined: BTreeMap<u32, Vec<(u64, u64)>> = BTreeMap::new();
        for &(number, offset) in &layout.joined {
            let size = sizes.get(batch_path(number, offset).as_str());
            let batch = (offset, size.copied().unwrap_or(0));
            joined.entry(number).or_default().push(batch);
        }
        let beyond = beyond.into_iter().map(|(number, sealed)| {
            let segment = Segment::Sealed(sealed);
            (number, segment)
        });
        for (number, segment) in (0..).zip(layout.segments.iter().cloned()).chain(beyond) {
            match segment {
                Segment::Sealed(sealed) => survey.checks.push(Check::Sealed {
                    name: sealed.name,
                    size: sealed.size,
                    joined: joined.remove(&number).unwrap_or_default(),
                }),
                Segment::Tail(tail) => {
                    for (offset, size) in tail.batches {
                        let at = Position {
                            segment: number,
                            offset,
                        };
                        survey.checks.push(Check::Batch { at, size });
                    }
                }
            }
        }
        for number in missing {
            survey.faults.push(Fault {
                at: Position::start_of(number),
                object: format!("segment {number}"),
                kind: FaultKind::Missing,
                what: "it is missing, and later segments are there; restore it from a copy".into(),
            });
        }
        let end = layout.end();
        survey.faults.extend(
            layout
                .strays
                .into_iter()
                .map(|stray| lying_about(stray, end)),
        );
        survey
    }
}

/// The layout up to the first gap, the sealed segments beyond it, and the numbers that are missing.
fn read_past_gaps(listed: &[Object]) -> (Layout, BTreeMap<u32, Sealed>, Vec<u32>) {
    let layout = Layout::read(listed);
    let Some(Gap { missing, present }) = layout.gap else {
        return (layout, BTreeMap::new(), Vec::new());
    };
    let sealed_number = |object: &Object| SegmentName::parse(&object.path).map(|name| name.number);
    let before: Vec<Object> = listed
        .iter()
        .filter(|object| sealed_number(object).is_none_or(|number| number < missing))
        .cloned()
        .collect();
    // Without any sealed segment beyond, there can be no gap.
    let mut layout = Layout::read(&before);
    let mut beyond: BTreeMap<u32, Sealed> = BTreeMap::new();
    for object in listed {
        let Some(name) = SegmentName::parse(&object.path).filter(|name| name.number >= missing)
        else {
            continue;
        };
        let found = Sealed {
            name,
            size: object.size,
            modified: object.modified,
        };
        match beyond.get(&name.number).copied() {
            Some(other) if (other.modified, other.size) >= (found.modified, found.size) => {
                layout.strays.push(object.path.clone());
            }
            other => {
                beyond.insert(name.number, found);
                layout
                    .strays
                    .extend(other.map(|other| other.name.to_string()));
            }
        }
    }
    // What lies below a segment that is there is no stray, though it cannot be reached.
    layout.strays.retain(|stray| {
        !beyond
            .keys()
            .any(|&number| stray.starts_with(&format!("{}/{number:04}/", TAIL)))
    });
    let numbers = (missing..present).filter(|number| !beyond.contains_key(number));
    // A number is a u32 that some object has, yet there need not be many: name no more than a page.
    let numbers = numbers.take(100).collect();
    (layout, beyond, numbers)
}

fn lying_about(object: String, end: Position) -> Fault {
    let (kind, at, what) = match SegmentName::parse(&object) {
        Some(name) => (
            FaultKind::Duplicate,
            Position::start_of(name.number),
            "a newer object of this segment is there",
        ),
        None => (FaultKind::Stray, end, "no part of the log"),
    };
    Fault {
        at,
        object,
        kind,
        what: what.to_owned(),
    }
}
