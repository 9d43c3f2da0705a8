//! Processes that take one local stream over from each other while all of them append flat out: each
//! gets it soon, and what any had acknowledged is in the log, once, in order, and at its place.
//!
//! The child is this same program: with [`FOLDER`] in its environment the one test appends and prints
//! positions until another writer fences it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use log_core::{
    AppendError, LocalStore, NewRecord, Position, Stream, Writer, WriterOptions, meta_of, verify,
};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

const FOLDER: &str = "FORGELOG_TAKEOVER_TEST_FOLDER";
const ROUND: &str = "FORGELOG_TAKEOVER_TEST_ROUND";
const ROUNDS: u32 = 12;
const CALLERS: u32 = 16;
/// What the child prints once it can append, and before each position.
const READY: &str = "ready";
const ACKNOWLEDGED: &str = "acknowledged ";

fn options() -> WriterOptions {
    WriterOptions {
        segment_batches: 64,
        ..WriterOptions::new("takeover-test")
    }
}

async fn stream(folder: &Path) -> Stream {
    let store = Arc::new(LocalStore::create(folder).unwrap());
    Stream::open(store, "log").await.unwrap()
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// Appends, with many callers, until another writer has taken over.
async fn append_until_fenced(folder: &Path, round: &str) {
    let writer = Writer::open(stream(folder).await, options()).await.unwrap();
    say(READY);
    let callers = (0..CALLERS).map(|caller| {
        let writer = writer.clone();
        async move {
            for number in 0.. {
                let label = format!("{round}-{caller}-{number}");
                let payload = [&[0x0a, label.len() as u8], label.as_bytes()].concat();
                match writer.append(NewRecord::from_payload(payload)).await {
                    Ok(appended) => say(&format!("{ACKNOWLEDGED}{label} {}", appended.at)),
                    Err(AppendError::Fenced { .. }) => return,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    });
    futures::future::join_all(callers).await;
    writer.close().await.unwrap();
}

fn child(folder: &Path, round: u32) -> (Child, std::io::Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["a_busy_writer_is_taken_over_from", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

fn acknowledged(line: &str) -> Option<(String, Position)> {
    let (_, rest) = line.split_once(ACKNOWLEDGED)?;
    let (label, at) = rest.split_once(' ')?;
    Some((label.to_owned(), at.parse().unwrap()))
}

#[test]
fn a_busy_writer_is_taken_over_from() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(folder) = std::env::var_os(FOLDER) {
        let round = std::env::var(ROUND).unwrap();
        return runtime.block_on(append_until_fenced(Path::new(&folder), &round));
    }
    // In memory where there is any: an append takes no time there, and the writer is at its busiest.
    let folder = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new());
    let folder = folder.unwrap();
    let mut all = BTreeMap::new();
    // Whoever is taken over from has its lines read by a thread of their own, so that it stays busy.
    let mut readers = Vec::new();
    for round in 0..ROUNDS {
        let (mut child, mut lines) = child(folder.path(), round);
        let ready = lines.by_ref().any(|line| line.unwrap().contains(READY));
        assert!(ready, "round {round}: the child could not open the log");
        let mut said: BTreeMap<_, _> = BTreeMap::new();
        while said.len() < 200 {
            let line = lines.next().expect("the child ended by itself").unwrap();
            said.extend(acknowledged(&line));
        }
        readers.push(std::thread::spawn(move || {
            said.extend(
                lines
                    .map_while(Result::ok)
                    .filter_map(|line| acknowledged(&line)),
            );
            assert!(child.wait().unwrap().success(), "round {round}");
            said
        }));
    }
    let last = runtime.block_on(async {
        Writer::open(stream(folder.path()).await, options())
            .await
            .unwrap()
    });
    for reader in readers {
        all.extend(reader.join().unwrap());
    }
    runtime.block_on(async {
        last.close().await.unwrap();
        check(folder.path(), &all).await;
    });
}

/// Compares the log with what was acknowledged.
async fn check(folder: &Path, acknowledged: &BTreeMap<String, Position>) {
    let stream = stream(folder).await;
    let mut found: BTreeMap<String, Position> = BTreeMap::new();
    let mut next: BTreeMap<String, u64> = BTreeMap::new();
    let (mut reader, mut epoch) = (stream.reader(Position::START), 0);
    loop {
        let records = reader.next_batch().await.unwrap();
        if records.is_empty() {
            break;
        }
        for record in records {
            let now = meta_of(&record.payload).unwrap().epoch;
            assert!(now >= epoch, "epoch {now} after {epoch}");
            epoch = now;
            if record.payload[0] != 0x0a {
                continue; // a claim
            }
            let end = 2 + usize::from(record.payload[1]);
            let label = String::from_utf8(record.payload[2..end].to_vec()).unwrap();
            let (caller, number) = label.rsplit_once('-').unwrap();
            let expected = next.entry(caller.to_owned()).or_default();
            assert_eq!(number.parse(), Ok(*expected), "{label} is out of order");
            *expected += 1;
            found.insert(label, record.at);
        }
    }
    for (label, at) in acknowledged {
        assert_eq!(found.get(label), Some(at), "{label}");
    }
    let report = verify(&stream).await.unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
}
