//! Damage of every kind: verify says what and where, repair moves it aside, and the log goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use bytes::Bytes;
use futures::TryStreamExt as _;
use log_core::bulk::{BulkOptions, BulkWriter};
use log_core::repair::{RepairError, Step, apply, plan};
use log_core::{
    FaultKind, NewRecord, OpenError, Position, ReadError, Stream, Writer, WriterOptions, verify,
    verify_store,
};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use std::collections::BTreeMap;
use std::sync::Arc;

type Store = Arc<dyn ObjectStore>;

fn payload(n: u8) -> Vec<u8> {
    [&[0x0a, 28][..], &[n; 28]].concat()
}

/// Seven records: segments 0 to 2 of two records each, sealed, their batches still there; then an open
/// segment of one batch. With `more`, another batch of two records.
async fn log(more: bool) -> Store {
    let store: Store = Arc::new(InMemory::new());
    let stream = Stream::open(store.clone(), "s").await.unwrap();
    let options = BulkOptions {
        segment_bytes: 100,
        ..BulkOptions::default()
    };
    let mut writer = BulkWriter::open_with(stream, options.clone())
        .await
        .unwrap();
    for n in 0..7 {
        writer.push(&payload(n)).await.unwrap();
    }
    writer.flush().await.unwrap();
    if more {
        let mut framed = Vec::new();
        for n in 7..9 {
            let offset = writer.position().offset + framed.len() as u64;
            log_core::frame::encode(&mut framed, offset, &payload(n));
        }
        writer.extend_segment(&framed).unwrap();
    }
    writer.finish().await.unwrap();
    store
}

async fn objects(store: &Store) -> BTreeMap<String, Bytes> {
    let metas: Vec<_> = store.list(None).try_collect().await.unwrap();
    let mut all = BTreeMap::new();
    for meta in metas {
        let bytes = store
            .get(&meta.location)
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        let path = meta.location.as_ref().strip_prefix("s/").unwrap();
        all.insert(path.to_owned(), bytes);
    }
    all
}

async fn put(store: &Store, object: &str, bytes: impl Into<Bytes>) {
    let path = Path::parse(format!("s/{object}")).unwrap();
    store.put(&path, bytes.into().into()).await.unwrap();
}

async fn damage(store: &Store, object: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = objects(store).await[object].to_vec();
    change(&mut bytes);
    put(store, object, bytes).await;
}

async fn sealed(store: &Store, number: usize) -> String {
    let objects = objects(store).await;
    objects.keys().nth(number).unwrap().clone()
}

async fn kinds(store: &Store) -> Vec<(FaultKind, String, Position)> {
    let report = verify_store(store.clone(), "s", |_, _| {}).await.unwrap();
    let faults = report.faults.into_iter();
    faults
        .map(|fault| (fault.kind, fault.object, fault.at))
        .collect()
}

/// Repairs, and checks that nothing got lost, that verify is content, and that a writer can go on.
/// Gives the first bytes of the payloads that are in the log then.
async fn repaired(store: &Store) -> Vec<u8> {
    let before = objects(store).await;
    let stream = Stream::open(store.clone(), "s").await.unwrap();
    let steps = plan(&stream).await.unwrap();
    assert!(
        !steps.iter().any(|step| matches!(step, Step::Cannot { .. })),
        "{steps:?}"
    );
    assert_eq!(objects(store).await, before, "a plan changes nothing");
    let folder = apply(&stream, &steps).await.unwrap().unwrap();
    let after = objects(store).await;
    for (object, bytes) in &before {
        let aside = after.get(&format!("{folder}/{object}"));
        assert!(
            after.get(object) == Some(bytes) || aside == Some(bytes),
            "{object} is lost"
        );
    }
    assert_eq!(kinds(store).await, []);
    let stream = Stream::open(store.clone(), "s").await.unwrap();
    assert_eq!(plan(&stream).await.unwrap(), []);
    let records = numbers(&stream).await;
    let writer = Writer::open(stream.clone(), WriterOptions::new("t"))
        .await
        .unwrap();
    writer
        .append(NewRecord::from_payload(payload(99)))
        .await
        .unwrap();
    writer.close().await.unwrap();
    assert_eq!(numbers(&stream).await, [&records[..], &[99]].concat());
    assert!(verify(&stream).await.unwrap().faults.is_empty());
    records
}

/// Of the records that are no claims of an epoch.
async fn numbers(stream: &Stream) -> Vec<u8> {
    let mut reader = stream.reader(Position::START);
    let mut all = Vec::new();
    loop {
        let records = reader.next_batch().await.unwrap();
        if records.is_empty() {
            return all;
        }
        let ours = records.iter().filter(|record| record.payload[0] == 0x0a);
        all.extend(ours.map(|record| record.payload[2]));
    }
}

const OPEN: &str = "tail/0003/0000000000000000";
const OPEN_NEXT: &str = "tail/0003/0000000000000027";
const RECORD: u64 = 0x27;

#[tokio::test]
async fn a_sound_log_has_no_faults_and_no_plan() {
    let store = log(true).await;
    let report = verify_store(store.clone(), "s", |_, _| {}).await.unwrap();
    assert_eq!((report.segments, report.records), (4, 9));
    assert_eq!(report.faults, []);
    let stream = Stream::open(store, "s").await.unwrap();
    assert_eq!(plan(&stream).await.unwrap(), []);
    assert_eq!(apply(&stream, &[]).await.unwrap(), None);
}

#[tokio::test]
async fn strays_and_foreign_objects_are_moved_aside() {
    let store = log(false).await;
    let strays = [
        "notes%20of #today.txt",
        "tail/0003/0000000000001000",
        "tail/0009/0000000000000010",
    ];
    for stray in strays {
        put(&store, stray, "x").await;
    }
    let end = Position {
        segment: 3,
        offset: RECORD,
    };
    assert_eq!(
        kinds(&store).await,
        strays.map(|stray| (FaultKind::Stray, stray.to_owned(), end))
    );
    assert_eq!(repaired(&store).await, [0, 1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_torn_last_batch_keeps_its_sound_records() {
    let store = log(true).await;
    damage(&store, OPEN_NEXT, |bytes| bytes.truncate(bytes.len() - 1)).await;
    let at = Position {
        segment: 3,
        offset: 2 * RECORD + 1,
    };
    assert_eq!(
        kinds(&store).await,
        [(FaultKind::Frame, OPEN_NEXT.to_owned(), at)]
    );
    let stream = Stream::open(store.clone(), "s").await.unwrap();
    let opened = Writer::open(stream, WriterOptions::new("t")).await;
    assert!(matches!(opened, Err(OpenError::Read { .. })));
    assert_eq!(repaired(&store).await, [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn what_follows_a_damaged_batch_goes_with_it() {
    let store = log(true).await;
    put(&store, "tail/0003/0000000000000077", "").await; // and it was closed
    damage(&store, OPEN, |bytes| bytes[0] = b'X').await;
    assert_eq!(
        kinds(&store).await,
        [(FaultKind::Frame, OPEN.to_owned(), Position::start_of(3))]
    );
    assert_eq!(repaired(&store).await, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_damaged_sealed_segment_is_sealed_again_from_its_batches() {
    for truncate in [false, true] {
        let store = log(false).await;
        let object = sealed(&store, 1).await;
        damage(&store, &object, |bytes| match truncate {
            true => bytes.truncate(20),
            false => bytes[30] ^= 1,
        })
        .await;
        let found = kinds(&store).await;
        assert!(
            found.contains(&(FaultKind::Digest, object, Position::start_of(1))),
            "{found:?}"
        );
        assert_eq!(repaired(&store).await, [0, 1, 2, 3, 4, 5, 6]);
    }
}

#[tokio::test]
async fn a_damaged_sealed_segment_without_its_batches_cannot_be_repaired_here() {
    let store = log(false).await;
    let object = sealed(&store, 1).await;
    damage(&store, &object, |bytes| bytes[30] ^= 1).await;
    for batch in ["0000000000000000", "000000000000004f"] {
        let path = Path::from(format!("s/tail/0001/{batch}"));
        store.delete(&path).await.unwrap();
    }
    put(&store, "stray", "x").await;
    let stream = Stream::open(store.clone(), "s").await.unwrap();
    let steps = plan(&stream).await.unwrap();
    assert!(
        matches!(&steps[..], [Step::Cannot { object: it, why }, Step::Quarantine { .. }]
        if *it == object && why.contains("copy")),
        "{steps:?}"
    );
    apply(&stream, &steps).await.unwrap();
    assert_eq!(
        kinds(&store).await,
        [(FaultKind::Digest, object, Position::start_of(1))]
    );
}

#[tokio::test]
async fn a_batch_below_a_sealed_segment_is_put_right() {
    let store = log(false).await;
    let object = "tail/0001/0000000000000000";
    damage(&store, object, |bytes| bytes[30] ^= 1).await;
    assert_eq!(
        kinds(&store).await,
        [(FaultKind::Joined, object.to_owned(), Position::start_of(1))]
    );
    assert_eq!(repaired(&store).await, [0, 1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn an_older_object_of_a_segment_is_moved_aside() {
    let store = log(false).await;
    let object = sealed(&store, 1).await;
    let newer = objects(&store).await[&object].clone();
    // In the same second; then the longer one is meant.
    let older = log_core::segment::SegmentName::of(1, b"").to_string();
    put(&store, &older, "").await;
    put(&store, &object, newer).await;
    assert_eq!(
        kinds(&store).await,
        [(FaultKind::Duplicate, older, Position::start_of(1))]
    );
    assert_eq!(repaired(&store).await, [0, 1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_gap_is_reported_and_what_is_beyond_it_is_checked() {
    let store = log(false).await;
    let (second, third) = (sealed(&store, 1).await, sealed(&store, 2).await);
    store
        .delete(&Path::from(format!("s/{second}")))
        .await
        .unwrap();
    for batch in ["0000000000000000", "000000000000004f"] {
        let _ = store
            .delete(&Path::from(format!("s/tail/0001/{batch}")))
            .await;
    }
    damage(&store, &third, |bytes| bytes[30] ^= 1).await;
    let found = kinds(&store).await;
    assert_eq!(found[0].0, FaultKind::Missing);
    assert_eq!(found[0].2, Position::start_of(1));
    assert!(
        found.contains(&(FaultKind::Digest, third, Position::start_of(2))),
        "{found:?}"
    );
    let stream = Stream::open(store, "s").await.unwrap();
    assert_eq!(stream.gap().map(|gap| gap.missing), Some(1));
    let opened = Writer::open(stream, WriterOptions::new("test")).await;
    assert!(matches!(opened, Err(OpenError::Gap { .. })));
}

/// A listing that raced with a writer shows the second of two new batches alone: a stray, for a moment.
#[tokio::test]
async fn a_plan_that_time_has_overtaken_is_refused() {
    let store: Store = Arc::new(InMemory::new());
    let record = |offset| {
        let mut bytes = Vec::new();
        log_core::frame::encode(&mut bytes, offset, b"\x0a\x01x");
        bytes
    };
    let end = record(0).len() as u64;
    put(&store, &format!("tail/0000/{end:016x}"), record(end)).await;
    let stream = Stream::open(store.clone(), "s").await.unwrap();
    let steps = plan(&stream).await.unwrap();
    assert_eq!(steps.len(), 1, "{steps:?}");
    put(&store, "tail/0000/0000000000000000", record(0)).await;
    let refused = apply(&stream, &steps).await.unwrap_err();
    assert!(matches!(refused, RepairError::Changed { .. }), "{refused}");
    let stream = Stream::open(store.clone(), "s").await.unwrap();
    assert_eq!(stream.tail().offset, 2 * end, "nothing was moved");
    assert!(plan(&stream).await.unwrap().is_empty());
}

/// Only the open segment is left of a log: its records are behind a gap, and no litter.
#[tokio::test]
async fn what_is_behind_a_gap_stays_where_it_is() {
    let store: Store = Arc::new(InMemory::new());
    let mut record = Vec::new();
    log_core::frame::encode(&mut record, 0, b"\x0a\x01x");
    put(&store, "tail/0001/0000000000000000", record).await;
    let stream = Stream::open(store.clone(), "s").await.unwrap();
    let mut reader = stream.reader(Position::START);
    let read = reader.next_batch().await;
    assert!(matches!(read, Err(ReadError::Gap { .. })), "{read:?}");
    let opened = Writer::open(stream.clone(), WriterOptions::new("test")).await;
    assert!(matches!(opened, Err(OpenError::Gap { .. })));
    assert_eq!(kinds(&store).await[0].0, FaultKind::Missing);
    let steps = plan(&stream).await.unwrap();
    let only_said = steps.iter().all(|step| matches!(step, Step::Cannot { .. }));
    assert!(only_said && !steps.is_empty(), "{steps:?}");
}

#[tokio::test]
async fn a_payload_that_is_no_message_is_a_warning() {
    let store: Store = Arc::new(InMemory::new());
    let stream = Stream::open(store.clone(), "s").await.unwrap();
    let mut writer = BulkWriter::open(stream.clone()).await.unwrap();
    writer.push(b"").await.unwrap();
    let at = writer.push(b"\xff").await.unwrap();
    writer.finish().await.unwrap();
    let report = verify(&stream).await.unwrap();
    assert_eq!(report.records, 2);
    assert_eq!(report.faults.len(), 1);
    assert_eq!(
        (report.faults[0].kind, report.faults[0].at),
        (FaultKind::Payload, at)
    );
    assert!(report.faults[0].kind.is_warning());
    assert_eq!(plan(&stream).await.unwrap(), []);
}
