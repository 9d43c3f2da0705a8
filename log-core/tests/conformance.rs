//! Framing against the conformance logs, which the original was run on: `../shared/conformance`, beside
//! the repository.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use log_core::frame::{FrameError, FrameReadError, FrameReader, Frames};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn dir() -> PathBuf {
    // Where tests run is the crate's folder; its name at compile time may be that of another checkout.
    PathBuf::from("../../shared/conformance")
}

/// The logs whose frames are bad: how many records are sound before the place that the original names,
/// and what is wrong there. The other fatal ones have sound frames.
fn bad_frames() -> BTreeMap<&'static str, FrameError> {
    let torn = FrameError::TornPayload {
        offset: 73,
        want: 64,
        have: 61,
    };
    BTreeMap::from([
        ("fatal-bad-magic", FrameError::BadHeader { offset: 66 }),
        (
            "fatal-header-too-long",
            FrameError::OverlongHeader { offset: 72 },
        ),
        // Where these two are the original does not say: it gives a bare `EOF`.
        (
            "fatal-trailing-newline",
            FrameError::BadHeader { offset: 73 },
        ),
        (
            "fatal-truncated-header",
            FrameError::TornHeader { offset: 73 },
        ),
        ("fatal-truncated-record", torn),
    ])
}

/// Name, records if the original could count them, and bytes of every log, as the index has them.
fn index() -> Vec<(String, Option<usize>, usize)> {
    let text = std::fs::read_to_string(dir().join("INDEX.tsv"))
        .expect("the conformance logs belong beside the repository, in ../shared/conformance");
    text.lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let records = (fields[1] != "-").then(|| fields[1].parse().unwrap());
            (fields[0].to_owned(), records, fields[2].parse().unwrap())
        })
        .collect()
}

#[tokio::test]
async fn every_conformance_log_reads_as_the_original_reads_it() {
    if !dir().is_dir() {
        // They are no part of the repository; a clone by itself has to pass its tests all the same.
        eprintln!(
            "SKIPPED: there are no conformance logs in {}",
            dir().display()
        );
        return;
    }
    let index = index();
    let mut bad = bad_frames();
    assert!(index.len() > 60, "the index has only {} logs", index.len());
    for (name, records, size) in index {
        let path = dir().join(format!("{name}.mutlog"));
        let bytes =
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(bytes.len(), size, "{name}");
        let (sound, error) = by_slice(&bytes);
        assert_eq!((sound, error), by_stream(&path).await, "{name}");
        match bad.remove(name.as_str()) {
            Some(fault) => assert_eq!((1, Some(fault)), (sound, error), "{name}"),
            None => assert_eq!((records, None), (Some(sound), error), "{name}"),
        }
    }
    assert!(bad.is_empty(), "not in the index: {bad:?}");
}

fn by_slice(bytes: &[u8]) -> (usize, Option<FrameError>) {
    let mut sound = 0;
    for frame in Frames::new(bytes, 0) {
        match frame {
            Ok(_) => sound += 1,
            Err(error) => return (sound, Some(error)),
        }
    }
    (sound, None)
}

async fn by_stream(path: &Path) -> (usize, Option<FrameError>) {
    let mut reader = FrameReader::new(tokio::fs::File::open(path).await.unwrap(), 0);
    let mut sound = 0;
    loop {
        match reader.next().await {
            Ok(Some(_)) => sound += 1,
            Ok(None) => return (sound, None),
            Err(FrameReadError::Frame { source }) => return (sound, Some(source)),
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
}
