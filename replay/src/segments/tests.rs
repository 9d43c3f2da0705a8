//! What is attached is found, and nothing else; clones stay as they are.

use super::*;
use proptest::prelude::*;

fn block(segment: u32, start: u64, bytes: &[u8]) -> Block {
    Block {
        segment,
        start,
        bytes: Bytes::copy_from_slice(bytes).into(),
    }
}

/// A file's bytes, mapped.
fn mapped(bytes: &[u8]) -> SegmentBytes {
    use std::io::Write as _;
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    SegmentBytes::map(&file, bytes.len()).unwrap()
}

/// Bytes of which none is like its neighbours.
fn text(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

#[test]
fn cells_find_their_bytes_and_nothing_beyond() {
    let mut segments = Segments::default();
    assert_eq!(segments.get(0, 0, 0), None);
    segments.attach(&block(2, 0, b"abcdef"));
    assert_eq!(segments.count(), 3);
    assert_eq!(segments.get(2, 0, 6), Some(&b"abcdef"[..]));
    assert_eq!(segments.get(2, 2, 3), Some(&b"cde"[..]));
    assert_eq!(segments.get(2, 6, 0), Some(&b""[..]));
    for (segment, offset, len) in [
        (2, 0, 7),
        (2, 6, 1),
        (2, 7, 0),
        (2, u32::MAX, u32::MAX),
        (0, 0, 0),
        (1, 0, 1),
        (3, 0, 0),
        (u32::MAX, 0, 0),
    ] {
        assert_eq!(
            segments.get(segment, offset, len),
            None,
            "{segment} {offset} {len}"
        );
    }
}

#[test]
fn nothing_is_attached_where_nothing_is() {
    let mut segments = Segments::default();
    segments.attach(&block(7, 0, b""));
    assert_eq!(segments.count(), 0);
}

#[test]
fn a_clone_stays_as_it_is() {
    let mut segments = Segments::default();
    segments.attach(&block(0, 0, b"abc"));
    let before = segments.clone();
    segments.attach(&block(0, 3, b"def"));
    segments.attach(&block(1, 0, b"ghi"));
    assert_eq!(before.get(0, 3, 1), None);
    assert_eq!(before.get(1, 0, 1), None);
    assert_eq!(before.get(0, 0, 3), Some(&b"abc"[..]));
    assert_eq!(segments.get(0, 3, 3), Some(&b"def"[..]));
    let after = segments.clone();
    drop(segments);
    assert_eq!(after.get(1, 0, 3), Some(&b"ghi"[..]));
}

#[test]
fn a_sealed_segment_takes_the_place_of_its_parts() {
    let bytes = text(1000);
    let mut segments = Segments::default();
    for start in (0..1000).step_by(100) {
        segments.attach(&block(0, start as u64, &bytes[start..start + 100]));
    }
    let before = segments.clone();
    assert!(segments.agree_with(0, &bytes));
    assert_eq!(
        (segments.is_mapped(0), segments.size()),
        (false, (1000, 1000))
    );
    segments.attach(&Block {
        segment: 0,
        start: 0,
        bytes: mapped(&bytes),
    });
    assert_eq!((segments.is_mapped(0), segments.size()), (true, (1000, 0)));
    assert_eq!(segments.get(0, 150, 50), Some(&bytes[150..200]));
    assert_eq!(before.get(0, 150, 50), Some(&bytes[150..200]));
    // Memory is not taken for what is mapped, and a shorter part is known already.
    segments.attach(&block(0, 0, &bytes));
    segments.attach(&block(0, 0, &bytes[..100]));
    assert!(segments.is_mapped(0));
}

#[test]
fn parts_of_one_mapping_are_one() {
    let bytes = text(900);
    let whole = mapped(&bytes);
    let other = mapped(&bytes);
    let part = |of: &SegmentBytes, start: usize, end: usize| Block {
        segment: 0,
        start: start as u64,
        bytes: of.part(start..end).unwrap(),
    };
    let mut segments = Segments::default();
    for start in (0..600).step_by(50) {
        segments.attach(&part(&whole, start, start + 50));
        assert!(segments.is_mapped(0));
    }
    assert_eq!(
        segments.get(0, 40, 20),
        Some(&bytes[40..60]),
        "it is one part"
    );
    assert_eq!(segments.get(0, 590, 20), None);
    segments.attach(&part(&other, 600, 700));
    segments.attach(&part(&whole, 700, 900));
    assert!(!segments.is_mapped(0));
    assert!(segments.agree_with(0, &bytes));
    assert_eq!(segments.size(), (900, 0));
    segments.attach(&part(&other, 0, 900));
    assert!(segments.is_mapped(0));
}

#[test]
fn bytes_that_differ_are_noticed() {
    let bytes = text(300);
    let mut segments = Segments::default();
    segments.attach(&block(0, 100, &bytes[100..200]));
    assert!(segments.agree_with(0, &bytes) && segments.agree_with(0, &bytes[..200]));
    assert!(segments.agree_with(1, &bytes[..0]));
    let mut other = bytes.clone();
    other[199] ^= 1;
    assert!(!segments.agree_with(0, &other) && !segments.agree_with(0, &bytes[..199]));
}

#[test]
fn the_parts_of_a_tail_stay_few() {
    let bytes = text(64 << 10);
    let mut segments = Segments::default();
    for start in (0..bytes.len()).step_by(16) {
        segments.attach(&block(0, start as u64, &bytes[start..start + 16]));
        assert!(segments.list[0].len() <= 14, "{}", segments.list[0].len());
    }
    assert_eq!(segments.get(0, 100, 7), Some(&bytes[100..107]));
    assert!(segments.agree_with(0, &bytes));
}

proptest! {
    /// Whatever parts come in whatever order: each that was attached is found whole, and nothing else is.
    #[test]
    fn every_attached_part_is_found(parts in prop::collection::vec((0usize..40, 1usize..12), 1..30)) {
        let bytes = text(60 * 4);
        let mut segments = Segments::default();
        let mut known = [false; 60];
        for (start, len) in parts {
            // Like records, parts begin and end where others may.
            let end = (start + len).min(60);
            segments.attach(&block(0, start as u64 * 4, &bytes[start * 4..end * 4]));
            known[start..end].fill(true);
            for (record, known) in known.iter().enumerate() {
                let cell = segments.get(0, record as u32 * 4, 4);
                prop_assert_eq!(cell, known.then(|| &bytes[record * 4..record * 4 + 4]));
            }
            prop_assert!(segments.agree_with(0, &bytes));
        }
    }
}
