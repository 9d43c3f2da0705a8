//! The conformance logs: what the original's client makes of them, so does ours.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use forgelog_replay::corpus::{Fault, FaultKind};

use crate::activity::{dump, fold, framed};

fn folder() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/conformance"
    ))
}

fn read(name: &str) -> Bytes {
    std::fs::read(folder().join(name)).unwrap().into()
}

/// Names of logs, of those that have a file with this ending.
fn logs_with(ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder()).unwrap_or_else(|error| {
        let place = folder().display().to_string();
        panic!("the conformance logs are not beside the clone, in {place}: {error}")
    });
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut logs: Vec<_> = names
        .filter_map(|name| Some(name.strip_suffix(ending)?.to_owned()))
        .collect();
    logs.sort();
    logs
}

#[test]
fn every_log_dumps_to_what_the_original_has() {
    let logs = logs_with(".dump.jsonl");
    assert!(logs.len() > 50, "{logs:?}");
    for name in logs {
        let (folded, broken) = fold(read(&format!("{name}.mutlog")));
        assert_eq!(broken, None, "{name}");
        let want = read(&format!("{name}.dump.jsonl"));
        let got = dump(folded.state());
        let want = str::from_utf8(&want).unwrap();
        for (want, got) in want.lines().zip(got.lines()) {
            assert_eq!(got, want, "{name}");
        }
        assert_eq!(got.len(), want.len(), "{name}");
    }
}

#[test]
fn every_record_alone_gives_the_same() {
    for name in logs_with(".dump.jsonl") {
        let log = read(&format!("{name}.mutlog"));
        let (at_once, _) = fold(log.clone());
        let (mut one_by_one, _) = fold(Bytes::new());
        for frame in log_core::frame::Frames::new(&log, 0) {
            let frame = frame.unwrap();
            let place = |offset| log_core::Position { segment: 0, offset };
            one_by_one.apply(&log_core::Record {
                at: place(frame.offset),
                next: place(frame.end),
                payload: Bytes::copy_from_slice(frame.payload),
            });
            // What is shared with a snapshot is copied before it is written.
            drop(one_by_one.snapshot());
        }
        assert_eq!(dump(one_by_one.state()), dump(at_once.state()), "{name}");
        assert_eq!(one_by_one.position(), at_once.position(), "{name}");
    }
}

/// Where the frames of a log are no longer frames.
fn broken_frames() -> BTreeMap<&'static str, u64> {
    BTreeMap::from([
        ("fatal-bad-magic", 66),
        ("fatal-header-too-long", 72),
        ("fatal-trailing-newline", 73),
        ("fatal-truncated-header", 73),
        ("fatal-truncated-record", 73),
    ])
}

#[test]
fn a_log_that_the_original_refuses_is_read_up_to_there() {
    let frames = broken_frames();
    let refused = logs_with(".error.txt").into_iter().filter(|name| {
        let text = read(&format!("{name}.error.txt"));
        text.starts_with(b"error:")
    });
    for name in refused {
        let log = read(&format!("{name}.mutlog"));
        let (folded, broken) = fold(log.clone());
        let Some(at) = frames.get(name.as_str()) else {
            // The frames are sound, and only what one record holds is not: it is listed, and the fold goes on.
            assert_eq!(broken, None, "{name}");
            assert_eq!(folded.position().offset, log.len() as u64, "{name}");
            let faults: Vec<_> = folded.state().faults().collect();
            assert!(
                matches!(
                    faults.as_slice(),
                    [Fault {
                        kind: FaultKind::NotAMutation,
                        ..
                    }]
                ),
                "{name}: {faults:?}"
            );
            continue;
        };
        let broken = broken.unwrap();
        assert_eq!(broken.segment, 0, "{name}");
        assert!(
            broken.to_string().contains(&format!("{at:#x}")),
            "{name}: {broken}"
        );
        assert_eq!(folded.position().offset, *at, "{name}");
        let (before, _) = fold(log.slice(..usize::try_from(*at).unwrap()));
        assert_eq!(dump(folded.state()), dump(before.state()), "{name}");
        assert!(folded.state().github_repos().next().is_some(), "{name}");
    }
}

#[test]
fn a_mutation_that_the_original_dies_of_is_listed_and_passed_over() {
    let kinds = BTreeMap::from([
        ("fatal-label-id-zero", FaultKind::LabelZero),
        ("fatal-raw-empty", FaultKind::CommitWithoutMessage),
        ("fatal-raw-no-blank-line", FaultKind::CommitWithoutMessage),
        ("fatal-sha1-not-hex", FaultKind::CommitNameNotHex),
        ("fatal-short-zone", FaultKind::CommitShortZone),
    ]);
    let deadly: Vec<_> = logs_with(".error.txt")
        .into_iter()
        .filter(|name| read(&format!("{name}.error.txt")).starts_with(b"panic:"))
        .collect();
    assert!(deadly.iter().eq(kinds.keys()));
    let after = read("gh-issue-full.mutlog");
    for name in deadly {
        let log = read(&format!("{name}.mutlog"));
        let payloads: Vec<&[u8]> = log_core::frame::Frames::new(&log, 0)
            .chain(log_core::frame::Frames::new(&after, 0))
            .map(|frame| frame.unwrap().payload)
            .collect();
        let (folded, broken) = fold(framed(&payloads));
        assert_eq!(broken, None);
        let faults: Vec<_> = folded.state().faults().collect();
        let [fault] = faults.as_slice() else {
            panic!("{name}: {faults:?}");
        };
        assert_eq!(fault.kind, kinds[name.as_str()]);
        assert_eq!(folded.skipped(), 1);
        assert_eq!(folded.skips()[0].reason, fault.reason());
        // As if it had not been there.
        let sound = payloads.iter().enumerate().filter(|(number, _)| {
            let (one, _) = fold(framed([payloads[*number]]));
            one.state().fault_count() == 0
        });
        let (without, _) = fold(framed(sound.map(|(_, payload)| payload)));
        assert_eq!(dump(folded.state()), dump(without.state()), "{name}");
    }
}
