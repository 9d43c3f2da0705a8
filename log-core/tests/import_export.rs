//! Copying logs in and out: the two layouts of the original, resuming, and what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use log_core::bulk::{BulkOptions, BulkWriter};
use log_core::export::{ExportError, ExportLayout, export};
use log_core::frame::{self, FrameError};
use log_core::import::{ImportError, Imported, StreamSegments, import_dir, import_segments};
use log_core::segment::SegmentName;
use log_core::{Position, Record, Stream, verify};
use object_store::memory::InMemory;
use prost::Message as _;
use proto::forgelog::{AnyMutation, Meta};
use std::fs;
use std::path::Path;
use std::sync::Arc;

const DAY: i64 = 86_400;

async fn empty() -> Stream {
    Stream::open(Arc::new(InMemory::new()), "s").await.unwrap()
}

/// A payload that is a message; with a time if it has one.
fn payload(n: u8, seconds: Option<i64>) -> Vec<u8> {
    let recorded = seconds.map(|seconds| proto::Timestamp { seconds, nanos: 0 });
    let meta = recorded.map(|recorded| Meta {
        recorded: Some(recorded),
        ..Meta::default()
    });
    let text = [0x0a, 40].into_iter().chain([n; 40]);
    text.chain(AnyMutation { meta }.encode_to_vec()).collect()
}

/// Small segments, the last of them open.
async fn push(stream: &Stream, payloads: &[Vec<u8>]) {
    let options = BulkOptions {
        segment_bytes: 200,
        ..BulkOptions::default()
    };
    let mut writer = BulkWriter::open_with(stream.clone(), options)
        .await
        .unwrap();
    for payload in payloads {
        writer.push(payload).await.unwrap();
    }
    writer.finish().await.unwrap();
}

fn undated(range: std::ops::Range<u8>) -> Vec<Vec<u8>> {
    range.map(|n| payload(n, None)).collect()
}

async fn records(stream: &Stream) -> Vec<Record> {
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

async fn payloads(stream: &Stream) -> Vec<Vec<u8>> {
    let records = records(stream).await;
    records
        .iter()
        .map(|record| record.payload.to_vec())
        .collect()
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

async fn import(dir: &Path, stream: &Stream) -> Result<Imported, ImportError> {
    import_dir(dir, stream, |_| {}).await
}

#[tokio::test]
async fn a_bucket_comes_back_with_every_position() {
    let (source, dir) = (empty().await, tempfile::tempdir().unwrap());
    push(&source, &undated(0..10)).await;
    let mut told = Vec::new();
    export(&source, dir.path(), ExportLayout::Bucket, |done, total| {
        told.push((done, total))
    })
    .await
    .unwrap();
    assert_eq!(told.len(), source.segments().len());
    assert_eq!(told.last().unwrap().0, told.last().unwrap().1);
    assert!(
        names(dir.path())
            .iter()
            .all(|name| SegmentName::parse(name).is_some())
    );

    let copy = empty().await;
    let mut seen = Vec::new();
    let imported = import_dir(dir.path(), &copy, |progress| seen.push(progress))
        .await
        .unwrap();
    assert_eq!(records(&copy).await, records(&source).await);
    assert_eq!((imported.records, imported.end), (10, source.tail()));
    let last = seen.last().unwrap();
    assert_eq!((last.done, last.total), (imported.bytes, imported.bytes));
    assert!(verify(&copy).await.unwrap().faults.is_empty());
}

#[tokio::test]
async fn a_disk_log_has_a_file_a_day_and_comes_back_in_order() {
    let (source, dir) = (empty().await, tempfile::tempdir().unwrap());
    let times = [
        None,
        None,
        Some(17_000),
        Some(17_001),
        None,
        Some(16_000),
        Some(17_002),
    ];
    let pushed: Vec<_> = (0..)
        .zip(times)
        .map(|(n, day)| payload(n, day.map(|day| day * DAY + 5)))
        .collect();
    push(&source, &pushed).await;
    export(&source, dir.path(), ExportLayout::Disk, |_, _| {})
        .await
        .unwrap();
    let expected = ["1970-01-01", "2016-07-18", "2016-07-19", "2016-07-20"];
    assert_eq!(
        names(dir.path()),
        expected.map(|day| format!("maintner-{day}.mutlog"))
    );
    let copy = empty().await;
    import(dir.path(), &copy).await.unwrap();
    assert_eq!(payloads(&copy).await, pushed);
}

#[tokio::test]
async fn a_stream_is_copied_into_a_stream() {
    let (source, copy) = (empty().await, empty().await);
    push(&source, &undated(0..10)).await;
    import_segments(StreamSegments::new(&source), &copy, |_| {})
        .await
        .unwrap();
    assert_eq!(records(&copy).await, records(&source).await);
    assert_eq!(copy.tail(), source.tail());
}

/// Grows the source record by record, exports and imports after each, and always goes on where it was.
#[tokio::test]
async fn export_and_import_resume() {
    for layout in [ExportLayout::Bucket, ExportLayout::Disk] {
        let (source, copy) = (empty().await, empty().await);
        let dir = tempfile::tempdir().unwrap();
        for n in 0..12 {
            push(&source, &[payload(n, Some(i64::from(n / 5) * DAY))]).await;
            export(&source, dir.path(), layout, |_, _| {})
                .await
                .unwrap();
            let imported = import(dir.path(), &copy).await.unwrap();
            assert_eq!(imported.records, 1, "{layout:?} {n}");
            assert_eq!(payloads(&copy).await, payloads(&source).await);
            let again = import(dir.path(), &copy).await.unwrap();
            assert_eq!((again.records, again.end), (0, imported.end));
        }
        if layout == ExportLayout::Bucket {
            assert_eq!(records(&copy).await, records(&source).await);
            assert_eq!(names(dir.path()).len(), source.segments().len());
        }
    }
}

#[tokio::test]
async fn another_history_is_refused_and_the_place_is_told() {
    let (source, other) = (empty().await, empty().await);
    push(&source, &undated(0..6)).await;
    let mut changed = undated(0..6);
    changed[4] = payload(99, None);
    push(&other, &changed).await;
    for layout in [ExportLayout::Bucket, ExportLayout::Disk] {
        let dir = tempfile::tempdir().unwrap();
        export(&source, dir.path(), layout, |_, _| {})
            .await
            .unwrap();
        let error = import(dir.path(), &other).await.unwrap_err();
        let ImportError::Differs { at, .. } = &error else {
            panic!("{error}")
        };
        let wrong = records(&other).await[4].clone();
        assert!(wrong.at <= *at && *at < wrong.next, "{error}");
        let error = export(&other, dir.path(), layout, |_, _| {})
            .await
            .unwrap_err();
        assert!(matches!(error, ExportError::Differs { .. }), "{error}");
    }
    assert_eq!(payloads(&other).await, changed);
}

#[tokio::test]
async fn a_stream_that_has_more_than_the_source_is_refused() {
    for layout in [ExportLayout::Bucket, ExportLayout::Disk] {
        let (source, dir) = (empty().await, tempfile::tempdir().unwrap());
        push(&source, &undated(0..4)).await;
        export(&source, dir.path(), layout, |_, _| {})
            .await
            .unwrap();
        push(&source, &undated(4..12)).await;
        let error = import(dir.path(), &source).await.unwrap_err();
        let longer = matches!(
            error,
            ImportError::Longer { .. } | ImportError::Differs { .. }
        );
        assert!(longer, "{error}");
        assert_eq!(payloads(&source).await.len(), 12);
    }
}

#[tokio::test]
async fn what_is_before_the_damage_comes_in() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = Vec::new();
    for payload in undated(0..3) {
        let offset = bytes.len() as u64;
        frame::encode(&mut bytes, offset, &payload);
    }
    fs::write(dir.path().join("maintner-2017-01-01.mutlog"), &bytes).unwrap();
    fs::write(
        dir.path().join("maintner-2017-01-02.mutlog"),
        &bytes[..bytes.len() - 1],
    )
    .unwrap();
    fs::write(dir.path().join("maintner-2017-01-03.mutlog"), &bytes).unwrap();
    fs::create_dir(dir.path().join("maintner-sub.mutlog")).unwrap();
    let copy = empty().await;
    let error = import(dir.path(), &copy).await.unwrap_err();
    let ImportError::Frame {
        origin,
        source: FrameError::TornPayload { .. },
    } = &error
    else {
        panic!("{error}")
    };
    assert!(origin.ends_with("maintner-2017-01-02.mutlog"));
    let expected = [undated(0..3), undated(0..2)].concat();
    assert_eq!(payloads(&copy).await, expected);
    // Once the file is whole, the import goes on.
    fs::write(dir.path().join("maintner-2017-01-02.mutlog"), &bytes).unwrap();
    assert_eq!(import(dir.path(), &copy).await.unwrap().records, 4);
}

#[tokio::test]
async fn a_segment_that_is_not_its_name_stays_out() {
    let (source, dir) = (empty().await, tempfile::tempdir().unwrap());
    push(&source, &undated(0..10)).await;
    export(&source, dir.path(), ExportLayout::Bucket, |_, _| {})
        .await
        .unwrap();
    let second = dir.path().join(&names(dir.path())[1]);
    let mut bytes = fs::read(&second).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&second, &bytes).unwrap();
    let copy = empty().await;
    let error = import(dir.path(), &copy).await.unwrap_err();
    assert!(matches!(error, ImportError::Digest { .. }), "{error}");
    assert_eq!(copy.tail(), Position::start_of(1));
}

#[tokio::test]
async fn a_clients_cache_with_a_growing_segment_is_a_bucket() {
    let (source, dir) = (empty().await, tempfile::tempdir().unwrap());
    push(&source, &undated(0..10)).await;
    export(&source, dir.path(), ExportLayout::Bucket, |_, _| {})
        .await
        .unwrap();
    let last = names(dir.path()).pop().unwrap();
    fs::rename(
        dir.path().join(&last),
        dir.path().join(format!("{}.growing.mutlog", &last[..4])),
    )
    .unwrap();
    let copy = empty().await;
    import(dir.path(), &copy).await.unwrap();
    assert_eq!(records(&copy).await, records(&source).await);
    fs::remove_file(dir.path().join(&names(dir.path())[0])).unwrap();
    let error = import(dir.path(), &copy).await.unwrap_err();
    assert!(
        matches!(error, ImportError::Gap { missing: 0, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn of_two_files_of_a_segment_the_latest_is_meant() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = Vec::new();
    frame::encode(&mut bytes, 0, b"");
    let old = dir.path().join(SegmentName::of(0, &bytes).to_string());
    fs::write(&old, &bytes).unwrap();
    let past = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000);
    fs::File::options()
        .write(true)
        .open(&old)
        .unwrap()
        .set_modified(past)
        .unwrap();
    let offset = bytes.len() as u64;
    frame::encode(&mut bytes, offset, b"");
    fs::write(
        dir.path().join(SegmentName::of(0, &bytes).to_string()),
        &bytes,
    )
    .unwrap();
    let copy = empty().await;
    assert_eq!(import(dir.path(), &copy).await.unwrap().records, 2);
}

#[tokio::test]
async fn folders_that_are_no_log_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let stream = empty().await;
    assert!(matches!(
        import(dir.path(), &stream).await,
        Err(ImportError::NoLog { .. })
    ));
    fs::write(dir.path().join("maintner-x.mutlog"), b"").unwrap();
    fs::write(dir.path().join("0000.growing.mutlog"), b"").unwrap();
    assert!(matches!(
        import(dir.path(), &stream).await,
        Err(ImportError::TwoLogs { .. })
    ));
    let error = export(&stream, dir.path(), ExportLayout::Bucket, |_, _| {})
        .await
        .unwrap_err();
    assert!(matches!(error, ExportError::Foreign { .. }), "{error}");
    let missing = dir.path().join("none");
    assert!(matches!(
        import(&missing, &stream).await,
        Err(ImportError::Io { .. })
    ));
}
