//! Windows of a log: from any offset, in bounded reads.

use std::sync::Arc;

use log_core::output::OutputStore;
use object_store::memory::InMemory;

use super::*;

async fn output(chunks: &[&str]) -> Output {
    let store = OutputStore::new(Arc::new(InMemory::new()));
    let mut writer = store.writer("output/x");
    for chunk in chunks {
        writer
            .append(Bytes::copy_from_slice(chunk.as_bytes()))
            .await
            .unwrap();
    }
    Output::open(&store, "output/x").await.unwrap()
}

async fn check(output: &Output, place: Place, lines_max: usize, want: (u64, &str, Option<u64>)) {
    let found = window(output, place, lines_max).await.unwrap();
    let text = String::from_utf8(found.bytes.to_vec()).unwrap();
    assert_eq!(
        (found.start, text.as_str(), found.first_line),
        want,
        "{place:?} of {lines_max}"
    );
}

#[tokio::test]
async fn windows_hold_whole_lines() {
    let output = output(&["one\ntw", "o\nthree\n", "four"]).await;
    check(&output, Place::Line(1), 2, (0, "one\ntwo\n", Some(1))).await;
    check(&output, Place::Line(2), 2, (4, "two\nthree\n", Some(2))).await;
    check(&output, Place::Line(4), 2, (14, "four", Some(4))).await;
    check(&output, Place::Offset(4), 1, (4, "two\n", Some(2))).await;
    check(&output, Place::Before(14), 1, (8, "three\n", Some(3))).await;
    check(&output, Place::Before(8), 9, (0, "one\ntwo\n", Some(1))).await;
    check(&output, Place::End, 2, (8, "three\nfour", Some(3))).await;
    check(&output, Place::Offset(u64::MAX), 2, (18, "", Some(4))).await;
    check(&output, Place::Before(0), 2, (0, "", Some(1))).await;
}

#[tokio::test]
async fn a_window_that_begins_inside_a_line_says_so() {
    let output = output(&["one\ntwo\n"]).await;
    for (offset, is_inside) in [
        (0, false),
        (1, true),
        (3, true),
        (4, false),
        (5, true),
        (8, false),
    ] {
        let found = window(&output, Place::Offset(offset), 9).await.unwrap();
        assert_eq!(found.is_inside_line, is_inside, "{offset}");
    }
}

#[tokio::test]
async fn a_line_that_is_not_there_gives_the_end() {
    for (chunks, count) in [
        (&["a\nb\n"][..], 2),
        (&["a\nb"], 2),
        (&["a"], 1),
        (&["\n"], 1),
        (&[], 0),
    ] {
        let output = output(chunks).await;
        let found = window(&output, Place::Line(count + 1), 9).await.unwrap();
        let missed = if count == 0 {
            None
        } else {
            Some(Missed::Lines(count))
        };
        assert_eq!((found.missed, found.start), (missed, 0), "{chunks:?}");
    }
}

#[tokio::test]
async fn empty_lines_are_lines() {
    let output = output(&["\n\n\nx"]).await;
    check(&output, Place::Line(3), 1, (2, "\n", Some(3))).await;
    check(&output, Place::Line(4), 1, (3, "x", Some(4))).await;
    check(&output, Place::End, 2, (2, "\nx", Some(3))).await;
}
