//! One writer, and a store that fails at every operation in turn.
//!
//! For each operation k of a workload with appends and seals: it fails before its effect, it fails
//! after it (a lost answer), or the process stops there. After opening again every acknowledged
//! record is there exactly once, in order and at its place; what was not acknowledged may be there,
//! once, but nothing else is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

mod faulty;

use faulty::{Fault, FaultyStore};
use log_core::{Appended, NewRecord, Position, Record, Stream, Writer, WriterOptions, verify};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use proto::Message as _;
use proto::forgelog::AnyMutation;
use std::sync::Arc;

const APPENDS: usize = 24;
const PREFIX: &str = "streams/test";

/// Segments end after three batches or 600 bytes, so that the workload seals several.
fn options() -> WriterOptions {
    WriterOptions {
        segment_batches: 3,
        segment_bytes: 600,
        ..WriterOptions::new("crash-test")
    }
}

/// An unknown field carries the number, as any mutation would.
fn payload(number: usize) -> Vec<u8> {
    let text = format!("record {number}");
    [&[0x0a, text.len() as u8], text.as_bytes()].concat()
}

fn number_of(record: &Record) -> Option<usize> {
    let length = *record.payload.get(1)? as usize;
    (record.payload[0] == 0x0a)
        .then(|| std::str::from_utf8(&record.payload[2..2 + length]).unwrap())?
        .strip_prefix("record ")?
        .parse()
        .ok()
}

/// Appends until done or the process stops; what was acknowledged is pushed as it comes.
async fn work(
    store: Arc<dyn ObjectStore>,
    acknowledged: &mut Vec<(usize, Appended)>,
) -> Result<(), Box<dyn std::error::Error>> {
    let stream = Stream::open(store, PREFIX).await?;
    let writer = Writer::open(stream, options()).await?;
    for number in 0..APPENDS {
        let records = if number % 5 == 0 { 2 } else { 1 };
        // Every fifth append is a batch of two; the second of them is a record without a number.
        let batch = (0..records).map(|nth| {
            NewRecord::from_payload(if nth == 0 {
                payload(number)
            } else {
                Vec::new()
            })
        });
        let appended = writer.append_all(batch.rev().collect()).await?;
        acknowledged.push((number, appended));
    }
    writer.close().await?;
    Ok(())
}

async fn all_records(stream: &Stream) -> Vec<Record> {
    let mut reader = stream.reader(Position::START);
    let mut all = Vec::new();
    loop {
        let records = reader.next_batch().await.unwrap();
        if records.is_empty() {
            return all;
        }
        all.extend(records);
    }
}

async fn check(store: Arc<dyn ObjectStore>, acknowledged: &[(usize, Appended)], context: &str) {
    let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
    let writer = Writer::open(stream.clone(), options())
        .await
        .expect(context);
    let after = writer
        .append(NewRecord::from_payload(payload(1000)))
        .await
        .expect(context);
    writer.close().await.unwrap();

    let fresh = Stream::open(store, PREFIX).await.unwrap();
    let records = all_records(&fresh).await;
    let numbers: Vec<usize> = records.iter().filter_map(number_of).collect();
    let (last, numbers) = numbers.split_last().unwrap();
    assert_eq!(*last, 1000, "{context}");
    assert_eq!(
        *numbers,
        (0..numbers.len()).collect::<Vec<_>>(),
        "each once and in order; {context}"
    );
    assert!(numbers.len() >= acknowledged.len(), "{context}");
    assert!(
        numbers.len() <= acknowledged.len() + 1,
        "at most the one in flight; {context}"
    );
    for (number, appended) in acknowledged.iter().chain([&(1000, after)]) {
        let record = records
            .iter()
            .find(|record| number_of(record) == Some(*number))
            .expect(context);
        assert_eq!(
            (record.at, record.next),
            (appended.at, appended.next),
            "{context}"
        );
        assert!(
            AnyMutation::decode(&record.payload[..])
                .unwrap()
                .meta
                .is_some()
        );
    }
    for pair in records.windows(2) {
        let joined = pair[0].next == pair[1].at
            || pair[1].at == Position::start_of(pair[0].next.segment + 1);
        assert!(joined, "{context}");
    }
    let report = verify(&fresh).await.unwrap();
    assert!(report.faults.is_empty(), "{context}: {:?}", report.faults);
    assert_eq!(report.records, records.len() as u64, "{context}");
}

/// Runs the workload with one fault; true if the fault was reached.
async fn round(fault: Fault, at: u64) -> bool {
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let faulty = Arc::new(FaultyStore::new(memory.clone(), fault, at));
    let mut acknowledged = Vec::new();
    let context = format!("{fault:?} at operation {at}");
    let outcome = {
        let mut work = std::pin::pin!(work(faulty.clone(), &mut acknowledged));
        tokio::select! {
            biased;
            outcome = &mut work => Some(outcome.map_err(|error| error.to_string())),
            () = faulty.stopped() => None,
        }
    };
    match (fault, outcome) {
        (Fault::Stop | Fault::StopAfter, _) => {}
        // Only opening may give up; once open, the writer tries until the store works.
        (_, Some(Ok(()))) => assert_eq!(acknowledged.len(), APPENDS, "{context}"),
        (_, Some(Err(_))) => assert!(acknowledged.is_empty(), "{context}"),
        (_, None) => unreachable!("{context}"),
    }
    check(memory, &acknowledged, &context).await;
    faulty.reached()
}

async fn every_operation(fault: Fault) {
    let mut at = 0;
    while round(fault, at).await {
        at += 1;
    }
    assert!(
        at > APPENDS as u64,
        "the workload has at least an operation an append, not {at}"
    );
}

#[tokio::test(start_paused = true)]
async fn failing_before_the_effect() {
    every_operation(Fault::FailBefore).await;
}

#[tokio::test(start_paused = true)]
async fn failing_after_the_effect() {
    every_operation(Fault::FailAfter).await;
}

#[tokio::test(start_paused = true)]
async fn stopping_before_the_effect() {
    every_operation(Fault::Stop).await;
}

#[tokio::test(start_paused = true)]
async fn stopping_after_the_effect() {
    every_operation(Fault::StopAfter).await;
}
