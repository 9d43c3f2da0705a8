//! What must hold after every single operation, whoever did it. Pure: a look at the store's state.
//!
//! `docs/LOG-FORMAT.md`, "Objects" and "Sealing".

use crate::world::{Effect, GRACE, PREFIX, State};
use bytes::BytesMut;
use log_core::frame::Frames;
use log_core::layout::{TAIL, batch_path};
use log_core::segment::SegmentName;
use std::time::Duration;

/// What the effect has broken.
pub(crate) fn after(state: &mut State, effect: &Effect, now: Duration) -> Vec<String> {
    let mut broken = Vec::new();
    match effect {
        Effect::Create { path, bytes } => {
            let below = below(path.as_ref());
            if let Some(name) = SegmentName::parse(below) {
                sealed(state, name, bytes, &mut broken);
            } else if parse_batch(below).is_some() {
                let first = state.first.entry(below.to_owned());
                first.or_insert_with(|| bytes.clone());
            } else {
                broken.push(format!("{below} is created"));
            }
        }
        Effect::Delete { path } => removed(state, below(path.as_ref()), now, &mut broken),
        Effect::Get { .. } | Effect::List => {}
    }
    broken
}

/// A path below the stream's prefix.
pub(crate) fn below(path: &str) -> &str {
    path.strip_prefix(PREFIX)
        .map_or(path, |rest| rest.trim_start_matches('/'))
}

/// Segment and offset of a batch.
pub(crate) fn parse_batch(below: &str) -> Option<(u32, u64)> {
    let rest = below.strip_prefix(TAIL)?.strip_prefix('/')?;
    let (number, offset) = rest.split_once('/')?;
    Some((number.parse().ok()?, u64::from_str_radix(offset, 16).ok()?))
}

/// The batches that were first at each place of the segment, and whether it was closed behind them.
pub(crate) fn first_chain(state: &State, number: u32) -> (Vec<bytes::Bytes>, bool) {
    let (mut chain, mut end) = (Vec::new(), 0);
    while let Some(bytes) = state.first.get(&batch_path(number, end)) {
        if bytes.is_empty() {
            return (chain, true);
        }
        chain.push(bytes.clone());
        end += bytes.len() as u64;
    }
    (chain, false)
}

fn sealed(state: &State, name: SegmentName, bytes: &[u8], broken: &mut Vec<String>) {
    let number = name.number;
    if SegmentName::of(number, bytes) != name {
        broken.push(format!("{name} has other bytes than its name says"));
    }
    if let Some(error) = Frames::new(bytes, 0).find_map(Result::err) {
        broken.push(format!("{name} is sealed damaged: {error}"));
    }
    let (chain, closed) = first_chain(state, number);
    if chain.concat() != bytes || !closed {
        broken.push(format!("{name} is not the segment that was written"));
    }
    if sealed_objects(state, number).count() != 1 {
        broken.push(format!("segment {number} is sealed twice"));
    }
}

/// The sealed objects of a segment.
pub(crate) fn sealed_objects(
    state: &State,
    number: u32,
) -> impl Iterator<Item = (SegmentName, &crate::world::Stored)> {
    let objects = state.objects.iter();
    objects.filter_map(move |(path, stored)| {
        let name = SegmentName::parse(below(path))?;
        (name.number == number).then_some((name, stored))
    })
}

/// Batches go only when they were joined soundly, a grace ago, and the log went on.
fn removed(state: &State, path: &str, now: Duration, broken: &mut Vec<String>) {
    let Some((number, offset)) = parse_batch(path) else {
        broken.push(format!("{path} is removed"));
        return;
    };
    let Some((_, sealed)) = sealed_objects(state, number).next() else {
        broken.push(format!("{path} is removed, and not joined"));
        return;
    };
    let age = now - sealed.since;
    // Stores tell whole seconds.
    if age + Duration::from_secs(1) < GRACE {
        broken.push(format!("{path} is removed after {} s", age.as_secs()));
    }
    if let Some(first) = state.first.get(path) {
        let start = offset as usize;
        let joined = sealed.bytes.get(start..start + first.len());
        if joined != Some(&first[..]) {
            broken.push(format!("{path} is removed, and is joined otherwise"));
        }
    }
    let mut paths = state.first.iter();
    let followed = paths.any(|(path, bytes)| {
        !bytes.is_empty() && parse_batch(path).is_some_and(|(later, _)| later > number)
    });
    if !followed {
        broken.push(format!("{path} is removed, and nothing follows"));
    }
}

/// The store's content with every segment as it was written: for comparing sealed and open parts.
pub(crate) fn written(state: &State) -> Vec<BytesMut> {
    let mut segments = Vec::new();
    for number in 0.. {
        let (chain, closed) = first_chain(state, number);
        segments.push(BytesMut::from(&chain.concat()[..]));
        if !closed {
            break;
        }
    }
    segments
}
