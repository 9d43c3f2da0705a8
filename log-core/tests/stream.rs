//! A stream through its public API: order, fencing, sealing, following, and what lies about.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

mod faulty;

use log_core::{
    AppendError, NewRecord, OpenError, Position, ReadError, Record, Stream, Writer, WriterOptions,
    meta_of, verify,
};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use std::sync::Arc;

const PREFIX: &str = "streams/test";

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

/// Segments of at most four batches or 4 KiB.
fn small() -> WriterOptions {
    WriterOptions {
        segment_batches: 4,
        segment_bytes: 4096,
        ..WriterOptions::new("test")
    }
}

fn text(text: &str) -> NewRecord {
    NewRecord::from_payload([&[0x0a, text.len() as u8], text.as_bytes()].concat())
}

fn texts(records: &[Record]) -> Vec<String> {
    records
        .iter()
        .filter(|record| record.payload[0] == 0x0a)
        .map(|record| {
            String::from_utf8(record.payload[2..2 + record.payload[1] as usize].to_vec()).unwrap()
        })
        .collect()
}

async fn read_all(stream: &Stream) -> Vec<Record> {
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

async fn put(store: &Arc<dyn ObjectStore>, path: &str, bytes: &'static [u8]) {
    store
        .put(
            &Path::from(format!("{PREFIX}/{path}")),
            PutPayload::from_static(bytes),
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn concurrent_appends_are_each_there_once_at_their_place() {
    let store = memory();
    let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
    let writer = Writer::open(stream.clone(), small()).await.unwrap();
    let appends = (0..200).map(|n| {
        let writer = writer.clone();
        async move { (n, writer.append(text(&n.to_string())).await.unwrap()) }
    });
    let appended = futures::future::join_all(appends).await;
    writer.close().await.unwrap();

    let records = read_all(&Stream::open(store, PREFIX).await.unwrap()).await;
    let mut found: Vec<u32> = texts(&records)
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    for (n, appended) in appended {
        let record = records
            .iter()
            .find(|record| record.at == appended.at)
            .unwrap();
        assert_eq!(texts(std::slice::from_ref(record)), [n.to_string()]);
    }
    found.sort_unstable();
    assert_eq!(found, (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_second_writer_fences_the_first() {
    let store = memory();
    let first = Writer::open(Stream::open(store.clone(), PREFIX).await.unwrap(), small())
        .await
        .unwrap();
    first.append(text("a")).await.unwrap();
    let second = Writer::open(Stream::open(store.clone(), PREFIX).await.unwrap(), small())
        .await
        .unwrap();
    assert_eq!((first.epoch(), second.epoch()), (1, 2));

    let refused = first.append(text("lost")).await.unwrap_err();
    assert!(
        matches!(
            refused,
            AppendError::Fenced {
                epoch: 1,
                by: 2,
                ..
            }
        ),
        "{refused}"
    );
    assert!(first.append(text("lost too")).await.is_err());
    second.append(text("b")).await.unwrap();
    second.close().await.unwrap();
    first.close().await.unwrap();
    let stream = Stream::open(store, PREFIX).await.unwrap();
    assert_eq!(texts(&read_all(&stream).await), ["a", "b"]);
}

#[tokio::test]
async fn epochs_and_times_never_go_back() {
    let store = memory();
    for _ in 0..7 {
        let writer = Writer::open(Stream::open(store.clone(), PREFIX).await.unwrap(), small())
            .await
            .unwrap();
        writer.append(text("x")).await.unwrap();
        writer.close().await.unwrap();
    }
    let records = read_all(&Stream::open(store, PREFIX).await.unwrap()).await;
    let metas: Vec<_> = records
        .iter()
        .map(|record| meta_of(&record.payload).unwrap())
        .collect();
    let times: Vec<_> = metas
        .iter()
        .map(|meta| meta.recorded.unwrap())
        .map(|time| (time.seconds, time.nanos))
        .collect();
    assert!(times.is_sorted());
    assert_eq!(
        metas.iter().map(|meta| meta.epoch).collect::<Vec<_>>(),
        (1..=7).flat_map(|epoch| [epoch; 2]).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_follower_sees_each_record_once_across_seals() {
    let stream = Stream::open(memory(), PREFIX).await.unwrap();
    let writer = Writer::open(stream.clone(), small()).await.unwrap();
    let mut reader = stream.reader(Position::START);
    let follower = tokio::spawn(async move {
        let mut seen = Vec::new();
        while seen.last().map(String::as_str) != Some("end") {
            seen.extend(texts(&reader.follow().await.unwrap()));
        }
        seen
    });
    for n in 0..50 {
        writer.append(text(&n.to_string())).await.unwrap();
    }
    writer.append(text("end")).await.unwrap();
    let expected: Vec<String> = (0..50)
        .map(|n| n.to_string())
        .chain(["end".to_owned()])
        .collect();
    assert_eq!(follower.await.unwrap(), expected);
    writer.close().await.unwrap();
    assert!(stream.segments().len() > 10);
}

#[tokio::test]
async fn sealed_segments_hold_their_batches_under_the_name_of_their_content() {
    let store = memory();
    let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
    let writer = Writer::open(stream.clone(), small()).await.unwrap();
    for n in 0..9 {
        writer.append(text(&n.to_string())).await.unwrap();
    }
    writer.close().await.unwrap();
    let sealed: Vec<_> = stream
        .segments()
        .into_iter()
        .filter(|segment| matches!(segment, log_core::layout::Segment::Sealed(_)))
        .collect();
    assert_eq!(sealed.len(), 2);
    let report = verify(&stream).await.unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    assert_eq!((report.segments, report.records), (3, 10));
}

#[tokio::test]
async fn who_only_reads_sees_the_same_log_and_none_of_what_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let on_disk: Arc<dyn ObjectStore> = Arc::new(log_core::LocalStore::open(&folder).unwrap());
    for store in [memory(), on_disk] {
        let writer = Stream::open(store.clone(), PREFIX).await.unwrap();
        let writer = Writer::open(writer, small()).await.unwrap();
        let reading = Stream::open_to_read(store.clone(), PREFIX).await.unwrap();
        for n in 0..30 {
            writer.append(text(&n.to_string())).await.unwrap();
            let whole = Stream::open(store.clone(), PREFIX).await.unwrap();
            let again = Stream::open_to_read(store.clone(), PREFIX).await.unwrap();
            assert_eq!(reading.refresh().await.unwrap(), whole.tail());
            assert_eq!(again.tail(), whole.tail());
            assert_eq!(read_all(&reading).await, read_all(&whole).await);
        }
        writer.close().await.unwrap();
        let whole = Stream::open(store.clone(), PREFIX).await.unwrap();
        reading.refresh().await.unwrap();
        assert!(whole.segments().len() > 6);
        assert_eq!(reading.segments(), whole.segments());
        assert!(reading.gap().is_none());
    }
}

#[tokio::test]
async fn an_original_bucket_is_a_stream_and_can_be_appended_to() {
    let store = memory();
    let name = log_core::segment::SegmentName::of(0, b"REC@0+5=helloREC@d+0=");
    put(&store, &name.to_string(), b"REC@0+5=helloREC@d+0=").await;
    let stream = Stream::open(store, PREFIX).await.unwrap();
    assert_eq!(stream.tail(), Position::start_of(1));
    let payloads: Vec<_> = read_all(&stream)
        .await
        .into_iter()
        .map(|record| record.payload)
        .collect();
    assert_eq!(payloads, [&b"hello"[..], b""]);
    let writer = Writer::open(stream.clone(), small()).await.unwrap();
    let appended = writer.append(text("new")).await.unwrap();
    assert_eq!((writer.epoch(), appended.at.segment), (1, 1));
    writer.close().await.unwrap();
}

#[tokio::test]
async fn the_log_never_grows_onto_a_stray() {
    let store = memory();
    let writer = Writer::open(Stream::open(store.clone(), PREFIX).await.unwrap(), small())
        .await
        .unwrap();
    writer.append(text("a")).await.unwrap();
    writer.close().await.unwrap();
    put(&store, "tail/0000/0000000000000f00", b"who knows").await;
    put(&store, "notes.txt", b"mine").await;

    let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
    assert_eq!(stream.strays().len(), 2);
    let writer = Writer::open(stream.clone(), small()).await.unwrap();
    let appended = writer.append(text("b")).await.unwrap();
    assert_eq!(
        appended.at.segment, 1,
        "the segment with the stray is closed"
    );
    writer.close().await.unwrap();
    assert_eq!(
        texts(&read_all(&Stream::open(store.clone(), PREFIX).await.unwrap()).await),
        ["a", "b"]
    );
    assert!(
        faulty::object(&*store, &format!("{PREFIX}/notes.txt"))
            .await
            .is_some(),
        "strays are left alone"
    );
}

#[tokio::test]
async fn a_foreign_object_at_the_end_stops_the_writer() {
    let store = memory();
    let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
    let writer = Writer::open(stream.clone(), small()).await.unwrap();
    let end = stream.tail();
    put(
        &store,
        &log_core::layout::batch_path(end.segment, end.offset),
        b"garbage",
    )
    .await;
    let refused = writer.append(text("x")).await.unwrap_err();
    assert!(matches!(refused, AppendError::Foreign { .. }), "{refused}");
    // And nobody writes behind it until it is moved aside.
    let reopened = Writer::open(Stream::open(store, PREFIX).await.unwrap(), small()).await;
    assert!(
        matches!(
            reopened,
            Err(OpenError::Read { ref source, .. }) if matches!(**source, ReadError::Frame { .. })
        ),
        "{reopened:?}"
    );
}

#[tokio::test]
async fn damage_is_found_and_named() {
    let store = memory();
    let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
    let writer = Writer::open(stream.clone(), small()).await.unwrap();
    for n in 0..6 {
        writer.append(text(&n.to_string())).await.unwrap();
    }
    writer.close().await.unwrap();
    let log_core::layout::Segment::Sealed(sealed) = stream.segments()[0].clone() else {
        panic!("not sealed")
    };
    put(&store, &sealed.name.to_string(), b"REC@0+5=hello").await;
    let damaged = Stream::open(store, PREFIX).await.unwrap();
    let report = verify(&damaged).await.unwrap();
    assert!(
        report
            .faults
            .iter()
            .any(|fault| fault.what.contains("not those of its name")),
        "{:?}",
        report.faults
    );
    let error = damaged
        .reader(Position::START)
        .next_batch()
        .await
        .unwrap_err();
    assert!(matches!(error, ReadError::Digest { .. }), "{error}");
}

#[tokio::test]
async fn reading_starts_at_records_only() {
    let stream = Stream::open(memory(), PREFIX).await.unwrap();
    let writer = Writer::open(stream.clone(), small()).await.unwrap();
    let first = writer.append(text("a")).await.unwrap();
    let second = writer.append(text("b")).await.unwrap();
    writer.close().await.unwrap();
    assert_eq!(
        texts(&stream.reader(second.at).next_batch().await.unwrap()),
        ["b"]
    );
    assert!(
        stream
            .reader(second.next)
            .next_batch()
            .await
            .unwrap()
            .is_empty()
    );
    let inside = Position {
        offset: first.at.offset + 1,
        ..first.at
    };
    assert!(matches!(
        stream.reader(inside).next_batch().await,
        Err(ReadError::NotABoundary { .. })
    ));
    let beyond = Position {
        offset: second.next.offset + 1,
        ..second.next
    };
    assert!(matches!(
        stream.reader(beyond).next_batch().await,
        Err(ReadError::BeyondEnd { .. })
    ));
    assert!(matches!(
        stream.reader(Position::start_of(9)).next_batch().await,
        Err(ReadError::BeyondEnd { .. })
    ));
}

#[tokio::test]
async fn sizes_have_bounds() {
    let stream = Stream::open(memory(), PREFIX).await.unwrap();
    let writer = Writer::open(stream.clone(), small()).await.unwrap();
    let long = writer
        .append(NewRecord::from_payload(vec![0; 65 << 20]))
        .await
        .unwrap_err();
    assert!(matches!(long, AppendError::TooLarge { .. }), "{long}");
    let many = writer
        .append_all((0..200).map(|_| text("0123456789")).collect())
        .await
        .unwrap_err();
    assert!(matches!(many, AppendError::TooLarge { .. }), "{many}");
    // One record longer than a segment has a segment of its own.
    let alone = writer
        .append(NewRecord::from_payload(
            [&[0x0a, 0x88, 0x27][..], &[b'x'; 5000]].concat(),
        ))
        .await
        .unwrap();
    assert_eq!(alone.at, Position::start_of(1));
    let next = writer.append(text("after")).await.unwrap();
    assert_eq!(next.at, Position::start_of(2));
    writer.close().await.unwrap();
    assert!(verify(&stream).await.unwrap().faults.is_empty());
}

#[tokio::test]
async fn closed_writers_refuse() {
    let stream = Stream::open(memory(), PREFIX).await.unwrap();
    let writer = Writer::open(stream.clone(), small()).await.unwrap();
    writer.close().await.unwrap();
    assert!(matches!(
        writer.append(text("x")).await,
        Err(AppendError::Closed { .. })
    ));
    assert!(writer.append_all(Vec::new()).await.is_ok());
}

#[tokio::test]
async fn local_files_hold_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let open = || -> Arc<dyn ObjectStore> {
        Arc::new(
            LocalFileSystem::new_with_prefix(folder.path())
                .unwrap()
                .with_fsync(true),
        )
    };
    for round in 0..3 {
        let stream = Stream::open(open(), PREFIX).await.unwrap();
        let writer = Writer::open(stream, small()).await.unwrap();
        for n in 0..5 {
            writer.append(text(&format!("{round}.{n}"))).await.unwrap();
        }
        writer.close().await.unwrap();
    }
    let stream = Stream::open(open(), PREFIX).await.unwrap();
    let expected: Vec<String> = (0..3)
        .flat_map(|round| (0..5).map(move |n| format!("{round}.{n}")))
        .collect();
    assert_eq!(texts(&read_all(&stream).await), expected);
    let report = verify(&stream).await.unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
}

#[tokio::test]
async fn two_writers_with_the_same_options_are_two() {
    let store = memory();
    let options = small();
    let open = || async {
        let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
        Writer::open(stream, options.clone()).await.unwrap()
    };
    let writers = futures::future::join_all((0..8).map(|_| open())).await;
    let epochs: std::collections::BTreeSet<u64> = writers.iter().map(Writer::epoch).collect();
    assert_eq!(epochs.len(), 8, "each has an epoch of its own");
    let appends = writers.iter().map(|writer| writer.append(text("x")));
    let appended = futures::future::join_all(appends).await;
    assert_eq!(
        appended.iter().filter(|outcome| outcome.is_ok()).count(),
        1,
        "only the last may write: {appended:?}"
    );
}

#[tokio::test]
async fn a_claim_does_not_make_a_segment_too_long() {
    let store = memory();
    let options = || WriterOptions {
        segment_bytes: 200,
        ..WriterOptions::new("test")
    };
    for _ in 0..20 {
        let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
        let writer = Writer::open(stream.clone(), options()).await.unwrap();
        writer.close().await.unwrap();
        assert!(
            stream.segments().iter().all(|segment| segment.len() <= 200),
            "{:?}",
            stream.segments()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_loser_asks_until_the_store_tells_who_won() {
    // The loser's operations: list and claim to open, then the create that finds another's object,
    // reading that, and the list to see who it was.
    for failing in 0..12 {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let faulty = Arc::new(faulty::FaultyStore::new(
            store.clone(),
            faulty::Fault::FailBefore,
            failing,
        ));
        let Ok(stream) = Stream::open(faulty.clone(), PREFIX).await else {
            continue;
        };
        let Ok(first) = Writer::open(stream, small()).await else {
            continue;
        };
        let second = Writer::open(Stream::open(store, PREFIX).await.unwrap(), small())
            .await
            .unwrap();
        let refused = first.append(text("lost")).await.unwrap_err();
        assert!(
            matches!(refused, AppendError::Fenced { by: 2, .. }),
            "operation {failing}: {refused}"
        );
        second.close().await.unwrap();
    }
}

#[tokio::test]
async fn closing_appends_what_is_queued() {
    let stream = Stream::open(memory(), PREFIX).await.unwrap();
    let writer = Writer::open(stream.clone(), small()).await.unwrap();
    let appends: Vec<_> = (0..100)
        .map(|n| {
            let writer = writer.clone();
            tokio::spawn(async move { writer.append(text(&n.to_string())).await })
        })
        .collect();
    // On one thread all of them are queued by now, and none is answered.
    tokio::task::yield_now().await;
    writer.close().await.unwrap();
    for append in appends {
        append.await.unwrap().unwrap();
    }
    assert_eq!(texts(&read_all(&stream).await).len(), 100);
}

#[tokio::test(start_paused = true)]
async fn closing_gives_up_on_a_store_that_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn ObjectStore> =
        Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    let stream = Stream::open(store, PREFIX).await.unwrap();
    let writer = Writer::open(stream, small()).await.unwrap();
    // A file where the next segment's folder belongs: no batch can be created there.
    let tail = folder.path().join(PREFIX).join("tail");
    std::fs::rename(tail.join("0000"), tail.join("gone")).unwrap();
    std::fs::write(tail.join("0000"), "in the way").unwrap();
    let append = tokio::spawn({
        let writer = writer.clone();
        async move { writer.append(text("x")).await }
    });
    let mut health = writer.health();
    let retrying =
        |health: &log_core::WriterHealth| matches!(health, log_core::WriterHealth::Retrying(_));
    health.wait_for(retrying).await.unwrap();
    writer.close().await.unwrap();
    assert!(matches!(
        append.await.unwrap(),
        Err(AppendError::Unknown { .. })
    ));
}

/// A reader whose listing is old finds a batch joined and removed, looks again, and goes on.
#[tokio::test]
async fn a_slow_reader_survives_the_removal_of_batches() {
    let store = memory();
    let writer = Writer::open(Stream::open(store.clone(), PREFIX).await.unwrap(), small())
        .await
        .unwrap();
    writer.append(text("0")).await.unwrap();
    writer.append(text("1")).await.unwrap();
    let slow = Stream::open(store.clone(), PREFIX).await.unwrap();
    let mut reader = slow.reader(Position::START);
    let mut seen = texts(&reader.next_batch().await.unwrap());
    seen.extend(texts(&reader.next_batch().await.unwrap()));
    for n in 2..6 {
        writer.append(text(&n.to_string())).await.unwrap();
    }
    writer.close().await.unwrap();
    let first = Path::from(format!("{PREFIX}/tail/0000"));
    let batches: Vec<_> = futures::TryStreamExt::try_collect::<Vec<_>>(store.list(Some(&first)))
        .await
        .unwrap();
    for batch in batches {
        store.delete(&batch.location).await.unwrap();
    }
    while seen.len() < 6 {
        let records = reader.next_batch().await.unwrap();
        if records.is_empty() {
            slow.refresh().await.unwrap();
        }
        seen.extend(texts(&records));
    }
    assert_eq!(seen, ["0", "1", "2", "3", "4", "5"]);
}
