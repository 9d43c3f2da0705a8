//! What to do about each fault. Changes nothing.

use super::{RepairError, Replacement, Step};
use crate::layout::{Object, Segment, TAIL, Tail, batch_path};
use crate::segment::SegmentName;
use crate::stream::Stream;
use crate::verify::{Fault, FaultKind, verify};
use std::collections::{BTreeMap, BTreeSet};

const COPY: &str = "restore it from a copy of the log";

/// Verifies the stream, and says what [`super::apply`] would do about its faults, in this order.
pub async fn plan(stream: &Stream) -> Result<Vec<Step>, RepairError> {
    let report = verify(stream).await?;
    stream.refresh().await?;
    let listed = stream.objects().list().await;
    let listed = listed.map_err(|source| RepairError::Store {
        stream: stream.name().to_owned(),
        what: "list",
        object: "its objects".to_owned(),
        source,
    })?;
    let mut plan = Plan {
        stream,
        listed: &listed,
        steps: Vec::new(),
        kept: BTreeSet::new(),
    };
    plan.sealed(&report.faults).await?;
    plan.open(&report.faults);
    plan.lying_about(&report.faults);
    Ok(plan.steps)
}

/// The folder of a segment's batches.
fn folder(number: u32) -> String {
    format!("{TAIL}/{number:04}/")
}

/// Whether an object lies in the tail folder of this segment or a later one.
fn is_in_tail_from(object: &str, segment: u32) -> bool {
    let below = object
        .strip_prefix(TAIL)
        .and_then(|below| below.strip_prefix('/'));
    let number = below.and_then(|below| below.split('/').next()?.parse::<u32>().ok());
    number.is_some_and(|number| number >= segment)
}

struct Plan<'a> {
    stream: &'a Stream,
    listed: &'a [Object],
    steps: Vec<Step>,
    /// Segments whose batches must stay: a damaged object may be made again from them, one day.
    kept: BTreeSet<u32>,
}

impl Plan<'_> {
    /// Sealed objects that are damaged, and batches that differ from sealed ones that are not.
    async fn sealed(&mut self, faults: &[Fault]) -> Result<(), RepairError> {
        let damage = [FaultKind::Digest, FaultKind::Size, FaultKind::Unreadable];
        let mut names = BTreeSet::new();
        for fault in faults {
            let Some(name) = SegmentName::parse(&fault.object) else {
                continue;
            };
            if damage.contains(&fault.kind) && names.insert(name) {
                self.kept.insert(name.number);
                self.reseal(name, fault).await?;
            } else if fault.kind == FaultKind::Frame && !names.contains(&name) {
                let why = "its bytes are what was sealed, and yet are not all records; keep it, and import \
                           the records before the damage into a new stream";
                self.cannot(fault, why);
            }
        }
        for fault in faults {
            if fault.kind == FaultKind::Joined && !self.kept.contains(&fault.at.segment) {
                self.rejoin(fault);
            }
        }
        Ok(())
    }

    async fn reseal(&mut self, name: SegmentName, fault: &Fault) -> Result<(), RepairError> {
        let folder = folder(name.number);
        let mut batches = BTreeMap::new();
        for object in self.listed {
            if let Some(offset) = object.path.strip_prefix(&folder)
                && let Ok(offset) = u64::from_str_radix(offset, 16)
            {
                batches.insert(offset, object.size);
            }
        }
        let mut offsets = Vec::new();
        let mut bytes = Vec::new();
        while let Some(size @ 1..) = batches.remove(&(bytes.len() as u64)) {
            let offset = bytes.len() as u64;
            let object = batch_path(name.number, offset);
            match self.stream.objects().get(&object).await {
                Ok(batch) if batch.len() as u64 == size => bytes.extend_from_slice(&batch),
                _ => break,
            }
            offsets.push(offset);
        }
        let hashed = tokio::task::spawn_blocking(move || SegmentName::of(name.number, &bytes));
        if fault.kind != FaultKind::Unreadable && hashed.await.is_ok_and(|joined| joined == name) {
            self.steps.push(Step::Replace {
                object: fault.object.clone(),
                with: Replacement::Batches { offsets },
                why: fault.what.clone(),
            });
        } else {
            let why = format!("{}, and its batches are gone or differ; {COPY}", fault.what);
            self.cannot(fault, &why);
        }
        Ok(())
    }

    fn rejoin(&mut self, fault: &Fault) {
        let segments = self.stream.segments();
        let size = self
            .listed
            .iter()
            .find(|object| object.path == fault.object);
        if let (Some(Segment::Sealed(sealed)), Some(object)) =
            (segments.get(fault.at.segment as usize), size)
        {
            let range = fault.at.offset..fault.at.offset + object.size;
            self.steps.push(Step::Replace {
                object: fault.object.clone(),
                with: Replacement::Part {
                    of: sealed.name.to_string(),
                    range,
                },
                why: fault.what.clone(),
            });
        }
    }

    /// The first damaged batch of a segment that is not sealed: it and what follows it.
    fn open(&mut self, faults: &[Fault]) {
        let segments = self.stream.segments();
        let last = segments.len().wrapping_sub(1);
        let batch = |fault: &&Fault| {
            let damage = [FaultKind::Frame, FaultKind::Size, FaultKind::Unreadable];
            damage.contains(&fault.kind) && SegmentName::parse(&fault.object).is_none()
        };
        let mut segment_done = None;
        for fault in faults.iter().filter(batch) {
            let number = fault.at.segment;
            let Some(Segment::Tail(tail)) = segments.get(number as usize) else {
                if fault.kind == FaultKind::Unreadable {
                    self.cannot(fault, "the store does not give it; look at the store");
                }
                continue;
            };
            if segment_done == Some(number) {
                continue; // it goes with the first
            }
            segment_done = Some(number);
            if number as usize != last || fault.kind != FaultKind::Frame {
                let why = format!("{}, and more of the log follows; {COPY}", fault.what);
                self.cannot(fault, &why);
                continue;
            }
            self.cut(tail, fault);
        }
    }

    /// From the end backwards, so that the log is a chain after every step.
    fn cut(&mut self, tail: &Tail, fault: &Fault) {
        let number = fault.at.segment;
        let quarantine = |offset: u64| Step::Quarantine {
            object: batch_path(number, offset),
            why: format!("it follows the damage at {}", fault.at),
        };
        if tail.closed {
            self.steps.push(quarantine(tail.end()));
        }
        let after = tail
            .batches
            .partition_point(|&(offset, _)| batch_path(number, offset) <= fault.object);
        let following = tail.batches[after..].iter().rev();
        self.steps
            .extend(following.map(|&(offset, _)| quarantine(offset)));
        let start = after.checked_sub(1).map_or(0, |at| tail.batches[at].0);
        let (object, why) = (fault.object.clone(), fault.what.clone());
        self.steps
            .push(match fault.at.offset.saturating_sub(start) {
                0 => Step::Quarantine { object, why },
                bytes => Step::Replace {
                    object,
                    with: Replacement::Start { bytes },
                    why,
                },
            });
    }

    fn lying_about(&mut self, faults: &[Fault]) {
        let missing = |fault: &&Fault| fault.kind == FaultKind::Missing;
        let gap = faults
            .iter()
            .filter(missing)
            .map(|fault| fault.at.segment)
            .min();
        for fault in faults {
            let object = fault.object.clone();
            // What lies behind a gap is of the log, and will be again when the gap is closed.
            let behind = gap.is_some_and(|gap| is_in_tail_from(&object, gap));
            let kept = behind
                || self
                    .kept
                    .iter()
                    .any(|&number| object.starts_with(&folder(number)));
            match fault.kind {
                FaultKind::Stray if kept => {} // it may be a batch of the damaged segment
                FaultKind::Stray | FaultKind::Duplicate => self.steps.push(Step::Quarantine {
                    object,
                    why: fault.what.clone(),
                }),
                FaultKind::Missing => self.cannot(fault, COPY),
                _ => {}
            }
        }
    }

    fn cannot(&mut self, fault: &Fault, why: &str) {
        self.steps.push(Step::Cannot {
            object: fault.object.clone(),
            why: why.to_owned(),
        });
    }
}
