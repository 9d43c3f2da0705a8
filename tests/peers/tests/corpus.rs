//! The corpus that the original makes of a log, and ours: the same lines.
//!
//! The original's is what `tests/peers/go/dump` prints. That program is a judge, so it is judged first:
//! by the conformance logs, whose dumps others made.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use log_core::frame;
use peers::maintner::{self, Dumped, Questions};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use synth::{Synth, SynthOptions};
use tempfile::{TempDir, tempdir};
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(120);
/// The name of the day's file in the conformance logs' errors.
const DAY: &str = "maintner-2017-03-01.mutlog";
/// How much of a line is shown around a difference, on either side.
const AROUND: usize = 120;

fn conformance() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance")
}

/// Says where two dumps differ first, and how.
fn first_difference(ours: &str, theirs: &str) -> Option<String> {
    if ours == theirs {
        return None;
    }
    let (mut left, mut right) = (ours.split_inclusive('\n'), theirs.split_inclusive('\n'));
    for number in 1.. {
        let (ours, theirs) = match (left.next(), right.next()) {
            (Some(ours), Some(theirs)) if ours == theirs => continue,
            (None, None) => break,
            (ours, theirs) => (ours.unwrap_or("(end)"), theirs.unwrap_or("(end)")),
        };
        let same = ours.bytes().zip(theirs.bytes());
        let at = same.take_while(|(a, b)| a == b).count();
        let around = |line: &str| {
            let from = line.floor_char_boundary(at.saturating_sub(AROUND));
            let to = line.floor_char_boundary(at + AROUND);
            // What precedes the window tells what the line is about.
            let head = &line[..line.floor_char_boundary(from.min(AROUND))];
            format!("{head} ... {}", line[from..to].trim_end())
        };
        return Some(format!(
            "line {number}, byte {at}\n  ours:   {}\n  theirs: {}",
            around(ours),
            around(theirs)
        ));
    }
    None
}

fn assert_same(what: &str, ours: &str, theirs: &str) {
    if let Some(difference) = first_difference(ours, theirs) {
        panic!("{what}: {difference}");
    }
}

/// The name and the outcome of every conformance log.
fn index() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(conformance().join("INDEX.tsv"))
        .expect("the conformance logs belong beside the repository, in ../shared/conformance");
    text.lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            (fields[0].to_owned(), fields[3].to_owned())
        })
        .collect()
}

#[tokio::test]
async fn the_judge_says_of_every_conformance_log_what_is_known() {
    if !conformance().is_dir() {
        // They are no part of the repository; a clone by itself has to pass its tests all the same.
        eprintln!("SKIPPED: no {}", conformance().display());
        return;
    }
    let index = index();
    assert!(index.len() > 60, "the index has only {} logs", index.len());
    for (name, outcome) in index {
        let folder = tempdir().unwrap();
        let folder = folder.path().to_str().unwrap();
        let file = |ending: &str| conformance().join(format!("{name}.{ending}"));
        std::fs::copy(file("mutlog"), Path::new(folder).join(DAY)).unwrap();
        let dumped = maintner::dump(folder, None).await.unwrap();
        let expected = match outcome.as_str() {
            "ok" => "dump.jsonl",
            _ => "error.txt",
        };
        let expected = std::fs::read_to_string(file(expected)).unwrap();
        match dumped {
            Dumped::Lines(lines) if outcome == "ok" => assert_same(&name, &lines, &expected),
            Dumped::Refused(notes) if outcome != "ok" => {
                let expected = expected.replace("DIR", folder);
                assert!(notes.contains(expected.trim_end()), "{name}: {notes}");
            }
            other => panic!("{name}: {other:?}, and not {outcome}"),
        }
    }
}

/// A synthetic log of one file, as the original's disk log has it.
fn synthetic(seed: u64) -> TempDir {
    let scale = 0.01;
    let mut log = Vec::new();
    for payload in Synth::new(SynthOptions { scale, seed }).unwrap() {
        let offset = u64::try_from(log.len()).unwrap();
        frame::encode(&mut log, offset, &payload);
    }
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join(DAY), log).unwrap();
    folder
}

async fn dump_by_original(folder: &Path) -> String {
    let dumped = maintner::dump(folder.to_str().unwrap(), None).await;
    match dumped.unwrap() {
        Dumped::Lines(lines) => lines,
        Dumped::Refused(notes) => panic!("{notes}"),
    }
}

/// With no data folder but one of its own, so that it finds no checkpoint of another run.
async fn dump_by_forgelog(folder: &Path) -> String {
    let program = std::env::var_os("FORGELOG")
        .expect("FORGELOG names the built command: use tests/peers/run");
    let home = tempdir().unwrap();
    let dumping = Command::new(program)
        .args(["corpus", "dump", "--original-semantics", "--no-checkpoint"])
        .arg("--log")
        .arg(folder)
        .current_dir(home.path())
        .env("HOME", home.path())
        .env("XDG_CACHE_HOME", home.path())
        .kill_on_drop(true)
        .output();
    let dumped = tokio::time::timeout(LIMIT, dumping).await;
    let dumped = dumped.expect("the dump does not end").unwrap();
    let notes = String::from_utf8_lossy(&dumped.stderr);
    assert!(dumped.status.success(), "{notes}");
    String::from_utf8(dumped.stdout).unwrap()
}

#[tokio::test]
async fn forgelog_makes_the_same_of_synthetic_logs() {
    for seed in [7, 8] {
        let log = synthetic(seed);
        let theirs = dump_by_original(log.path()).await;
        let ours = dump_by_forgelog(log.path()).await;
        assert_same(&format!("seed {seed}"), &ours, &theirs);
    }
}

/// The dump's lines of a kind.
fn of_kind(dump: &str, kind: &str) -> Vec<Value> {
    let lines = dump.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.filter(|line: &Value| line["kind"] == kind).collect()
}

/// The issues of a dump that are open and have a label, pull requests left out.
fn open_with_label(dump: &str, name: &str) -> usize {
    let mut labels = of_kind(dump, "label");
    labels.retain(|label| label["name"] == name);
    let mut issues = of_kind(dump, "issue");
    issues.retain(|issue| {
        let has = |label: &Value| {
            let ids = issue["labels"].as_array().unwrap();
            label["owner"] == issue["owner"]
                && label["repo"] == issue["repo"]
                && ids.contains(&label["id"])
        };
        let left_out = ["closed", "not_exist", "pull_request"];
        left_out.iter().all(|flag| issue[flag] == false) && labels.iter().any(has)
    });
    issues.len()
}

/// The changes of a dump that an owner created in a year.
fn created_in(dump: &str, owner: i64, year: i32) -> usize {
    let begin = |year: i32| {
        let begin: jiff::Timestamp = format!("{year:04}-01-01T00:00:00Z").parse().unwrap();
        begin.as_second()
    };
    let year = begin(year)..begin(year + 1);
    let mut changes = of_kind(dump, "cl");
    changes
        .retain(|cl| cl["owner_id"] == owner && year.contains(&cl["created"][0].as_i64().unwrap()));
    changes.len()
}

#[tokio::test]
async fn the_answers_of_a_load_are_those_of_its_dump() {
    let log = synthetic(9);
    let folder = log.path().to_str().unwrap();
    let dump = dump_by_original(log.path()).await;
    let ask = Questions {
        chain: Some(100_000),
        ..Questions::default()
    };
    let loaded = maintner::load(folder, None, &ask).await.unwrap();
    let answers = loaded.answers;
    let (issues, changes) = (&answers.open_issues, &answers.changes);
    let count = |count: u64| usize::try_from(count).unwrap();
    assert!(issues.count > 0 && changes.count > 0, "{answers:?}");
    assert_eq!(count(issues.count), open_with_label(&dump, &issues.label));
    let created = created_in(&dump, changes.owner, changes.year);
    assert_eq!(count(changes.count), created);
    let ancestors = answers.ancestors.unwrap();
    assert!(ancestors.descends && ancestors.commits == 100_000);

    // Another question about the same log; this one has no chain.
    let other = of_kind(&dump, "cl").swap_remove(0)["owner_id"].as_i64();
    let ask = Questions {
        label: Some("no such label".to_owned()),
        owner: other,
        year: Some(changes.year),
        chain: None,
    };
    let answers = maintner::load(folder, None, &ask).await.unwrap().answers;
    assert_eq!(answers.open_issues.count, 0);
    let created = created_in(&dump, other.unwrap(), changes.year);
    assert_eq!(count(answers.changes.count), created);
    assert_eq!(answers.ancestors, None);
    assert!(loaded.user_seconds > 0.0 && loaded.peak_anonymous_bytes > 0);
    assert!(loaded.peak_bytes >= loaded.peak_anonymous_bytes && loaded.heap_bytes > 0);
}
