//! A process that is killed at any moment: what it had acknowledged is in the log, once, in order, and
//! at its place.
//!
//! The child is this same program: with [`FOLDER`] in its environment the one test appends and prints
//! positions until it is killed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use log_core::{LocalStore, NewRecord, Position, Stream, Writer, WriterOptions, meta_of, verify};
use rand::{Rng as _, SeedableRng as _};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const FOLDER: &str = "FORGELOG_KILL_TEST_FOLDER";
const ROUND: &str = "FORGELOG_KILL_TEST_ROUND";
const ROUNDS: u32 = 60;
/// What the child prints once it can append, and before each position.
const READY: &str = "ready";
const ACKNOWLEDGED: &str = "acknowledged ";

/// A folder in memory where there is one: syncs are not what is tested here, and take their time.
fn scratch() -> TempDir {
    TempDir::new_in("/dev/shm")
        .or_else(|_| TempDir::new())
        .unwrap()
}

/// Small segments, and no grace, so that segments are sealed and batches removed all the time.
fn options() -> WriterOptions {
    WriterOptions {
        segment_batches: 8,
        segment_bytes: 64 << 10,
        grace: Duration::ZERO,
        ..WriterOptions::new("kill-test")
    }
}

async fn stream(folder: &Path) -> Stream {
    let store = Arc::new(LocalStore::create(folder).unwrap());
    Stream::open(store, "log").await.unwrap()
}

/// A record of some thousand bytes that says which it is.
fn payload(label: &str) -> Vec<u8> {
    let filler = 50 + label.bytes().map(usize::from).sum::<usize>() * 37 % 5000;
    let text = format!("{label}{}", ".".repeat(filler));
    let len = text.len();
    [
        &[0x0a, (len & 0x7f | 0x80) as u8, (len >> 7) as u8],
        text.as_bytes(),
    ]
    .concat()
}

fn label(payload: &[u8]) -> Option<String> {
    let text = payload.get(3..).filter(|_| payload[0] == 0x0a)?;
    let end = text.iter().position(|&byte| byte == b'.')?;
    Some(String::from_utf8(text[..end].to_vec()).unwrap())
}

/// Appends until it is killed, several at a time.
async fn append_forever(folder: &Path, round: &str) {
    let writer = Writer::open(stream(folder).await, options()).await.unwrap();
    let say = |line: String| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").unwrap();
        out.flush().unwrap();
    };
    say(READY.to_owned());
    let callers = (0..3).map(|caller| {
        let writer = writer.clone();
        async move {
            for number in 0.. {
                let label = format!("{round}-{caller}-{number}");
                let appended = writer
                    .append(NewRecord::from_payload(payload(&label)))
                    .await;
                say(format!("{ACKNOWLEDGED}{label} {}", appended.unwrap().at));
            }
        }
    });
    futures::future::join_all(callers).await;
}

fn child(folder: &Path, round: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "a_killed_writer_loses_nothing_acknowledged",
            "--exact",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Runs a child until so many positions after it was ready, and some more time; gives what it said.
fn kill_after(
    folder: &Path,
    round: u32,
    positions: usize,
    more: Duration,
) -> Vec<(String, Position)> {
    let mut child = child(folder, round);
    let mut said = Vec::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let parse = |line: &str| {
        let (_, rest) = line.split_once(ACKNOWLEDGED)?;
        let (label, at) = rest.split_once(' ')?;
        Some((label.to_owned(), at.parse().unwrap()))
    };
    let ready = lines.by_ref().any(|line| line.unwrap().contains(READY));
    assert!(ready, "round {round}: the child could not open the log");
    while said.len() < positions {
        let line = lines.next().expect("the child ended by itself").unwrap();
        said.extend(parse(&line));
    }
    std::thread::sleep(more);
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    // A line that was cut off has no end, and counts only if it is whole.
    for line in lines.map_while(Result::ok) {
        if let Some((label, at)) = line
            .split_once(ACKNOWLEDGED)
            .and_then(|(_, rest)| rest.split_once(' '))
        {
            said.extend(at.parse().ok().map(|at| (label.to_owned(), at)));
        }
    }
    said
}

#[test]
fn a_killed_writer_loses_nothing_acknowledged() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(folder) = std::env::var_os(FOLDER) {
        let round = std::env::var(ROUND).unwrap();
        return runtime.block_on(append_forever(Path::new(&folder), &round));
    }
    let folder = scratch();
    let mut random = rand::rngs::StdRng::seed_from_u64(7);
    let mut acknowledged: BTreeMap<String, Position> = BTreeMap::new();
    let mut sealed = 0;
    for round in 0..ROUNDS {
        let positions = random.random_range(0..40);
        let more = Duration::from_micros(random.random_range(0..3000));
        acknowledged.extend(kill_after(folder.path(), round, positions, more));
        sealed = runtime.block_on(check(folder.path(), &acknowledged, round));
    }
    assert!(acknowledged.len() > 500, "{}", acknowledged.len());
    assert!(sealed > 20, "{sealed}");
}

/// Compares the log with what was acknowledged; gives the number of sealed segments.
async fn check(folder: &Path, acknowledged: &BTreeMap<String, Position>, round: u32) -> usize {
    let stream = stream(folder).await;
    let mut found: BTreeMap<String, Position> = BTreeMap::new();
    let (mut reader, mut last, mut epoch) = (stream.reader(Position::START), None, 0);
    let mut newest: BTreeMap<String, u64> = BTreeMap::new();
    loop {
        let records = reader.next_batch().await.unwrap();
        if records.is_empty() {
            break;
        }
        for record in records {
            assert!(last < Some(record.at));
            last = Some(record.at);
            let now = meta_of(&record.payload).unwrap().epoch;
            assert!(now >= epoch, "round {round}: epoch {now} after {epoch}");
            epoch = now;
            let Some(label) = label(&record.payload) else {
                continue;
            };
            assert!(record.payload.starts_with(&payload(&label)), "{label}");
            let (caller, number) = label.rsplit_once('-').unwrap();
            let number: u64 = number.parse().unwrap();
            let before = newest.insert(caller.to_owned(), number);
            assert_eq!(
                before.map_or(0, |before| before + 1),
                number,
                "{label} is out of order"
            );
            assert!(
                found.insert(label, record.at).is_none(),
                "round {round}: twice"
            );
        }
    }
    for (label, at) in acknowledged {
        assert_eq!(found.get(label), Some(at), "round {round}: {label}");
    }
    let report = verify(&stream).await.unwrap();
    // A write that the kill cut off was not acknowledged, and is reported as what it is.
    let faults: Vec<_> = report
        .faults
        .iter()
        .filter(|fault| !fault.object.contains("/torn-"))
        .collect();
    assert!(faults.is_empty(), "round {round}: {faults:?}");
    let names = std::fs::read_dir(folder.join("log")).unwrap();
    names
        .filter(|name| {
            name.as_ref()
                .unwrap()
                .path()
                .extension()
                .is_some_and(|e| e == "mutlog")
        })
        .count()
}
