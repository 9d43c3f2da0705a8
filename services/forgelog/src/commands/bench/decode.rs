//! How fast the frames of a stream in memory are walked on one core, beside `memcpy` of the same bytes. Depends on
//! `log_core::frame`.
//!
//! The stream is far larger than any cache, and every byte of it was written just before. What is timed goes over all
//! segments once, record by record, as a reader does; the copy goes into memory that was touched before, once all of
//! it and once segment by segment into the same place, and the faster of the two counts.

use anyhow::{Result, anyhow};
use log_core::frame::{Frames, encode};
use std::hint::black_box;
use std::time::Instant;

use super::payload::Letters;
use super::table::{Row, figure};
use super::{Plan, machine};

/// Bytes of a full segment's records, and how many segments make a gigabyte.
const SEGMENT_BYTES: usize = 16 << 20;
const SEGMENTS: usize = 64;
/// What the issue asks for: 40 % of the copy's speed at 1 KB records.
const TARGET: f64 = 40.0;

pub(super) fn run(plan: &Plan) -> Result<Vec<Row>> {
    // Source and copy, and a margin.
    let room = machine::memory_available().unwrap_or(u64::MAX) / 3;
    let segments = SEGMENTS.min(room as usize / SEGMENT_BYTES).max(1);
    [
        (1000, "1 KB records"),
        (100, "100 B records"),
        (10_000, "10 KB records"),
    ]
    .into_iter()
    .map(|(bytes, case)| row(plan, segments, bytes, case))
    .collect()
}

fn row(plan: &Plan, segments: usize, record_bytes: usize, case: &str) -> Result<Row> {
    let stream: Vec<Vec<u8>> = (0..segments)
        .map(|seed| segment(seed as u64, record_bytes))
        .collect();
    let bytes: usize = stream.iter().map(Vec::len).sum();
    let mut copy = vec![1u8; bytes];
    let (mut decoded, mut copied) = (0f64, 0f64);
    let speed = |began: Instant| bytes as f64 / 1e9 / began.elapsed().as_secs_f64();
    let mut records = 0;
    for _ in 0..plan.turns.max(3) {
        let began = Instant::now();
        records = decode(&stream)?;
        decoded = decoded.max(speed(began));
        let began = Instant::now();
        copy_all(&stream, &mut copy);
        copied = copied.max(speed(began));
        let began = Instant::now();
        copy_by_segment(&stream, &mut copy);
        copied = copied.max(speed(began));
    }
    let percent = decoded / copied * 100.0;
    Ok(Row {
        what: "decode",
        case: format!("{case}, {:.2} GB", bytes as f64 / 1e9),
        ours: vec![
            figure("", decoded, "GB/s"),
            figure(
                "",
                records as f64 / (bytes as f64 / 1e9) * decoded / 1e6,
                "M records/s",
            ),
        ],
        peer: ("memcpy", vec![figure("", copied, "GB/s")]),
        ratio: Some(figure("", percent, "%")),
        target: (record_bytes == 1000).then_some(("≥ 40 % of memcpy", percent >= TARGET)),
    })
}

/// A full segment of records of so many bytes.
fn segment(seed: u64, record_bytes: usize) -> Vec<u8> {
    let mut letters = Letters::new(seed + 1);
    let mut bytes = Vec::with_capacity(SEGMENT_BYTES + record_bytes);
    // Different texts cost more to make than all that is measured; a few are enough, as nobody looks into them.
    let payloads: Vec<String> = (0..64).map(|_| letters.text(record_bytes)).collect();
    for payload in payloads.iter().cycle() {
        if bytes.len() + record_bytes > SEGMENT_BYTES {
            break;
        }
        let offset = bytes.len() as u64;
        encode(&mut bytes, offset, payload.as_bytes());
    }
    bytes
}

/// Walks every record; gives how many there are.
fn decode(stream: &[Vec<u8>]) -> Result<u64> {
    let mut records = 0;
    for segment in stream {
        for frame in Frames::new(segment, 0) {
            let frame = frame.map_err(|error| anyhow!("our own frames do not decode: {error}"))?;
            // What a reader gets: where it is and where its bytes are.
            black_box((frame.offset, frame.payload));
            records += 1;
        }
    }
    Ok(records)
}

fn copy_all(stream: &[Vec<u8>], copy: &mut [u8]) {
    let mut rest = copy;
    for segment in stream {
        let (into, behind) = rest.split_at_mut(segment.len());
        into.copy_from_slice(segment);
        rest = behind;
    }
    black_box(rest);
}

fn copy_by_segment(stream: &[Vec<u8>], copy: &mut [u8]) {
    for segment in stream {
        copy[..segment.len()].copy_from_slice(segment);
        black_box(&mut *copy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_full_and_all_of_it_is_decoded() -> Result<()> {
        let segment = segment(1, 1000);
        assert!((SEGMENT_BYTES - 1100..=SEGMENT_BYTES + 40).contains(&segment.len()));
        let records = decode(&[segment])?;
        assert!((16_300..16_800).contains(&records), "{records}");
        Ok(())
    }
}
