//! Bulk appends: what lies in the store, whose positions, and who is refused.

use super::*;
use crate::segment::SegmentName;
use crate::{NewRecord, Writer, WriterOptions, verify};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;

fn small() -> BulkOptions {
    BulkOptions {
        segment_bytes: 100,
        ..BulkOptions::default()
    }
}

async fn stream() -> (Arc<dyn ObjectStore>, Stream) {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let stream = Stream::open(store.clone(), "s").await.unwrap();
    (store, stream)
}

async fn payloads(stream: &Stream) -> Vec<(Position, Bytes)> {
    let mut reader = stream.reader(Position::START);
    let mut all = Vec::new();
    loop {
        let records = reader.next_batch().await.unwrap();
        if records.is_empty() {
            return all;
        }
        all.extend(
            records
                .into_iter()
                .map(|record| (record.at, record.payload)),
        );
    }
}

async fn push_all(stream: &Stream, range: std::ops::Range<u8>) -> Vec<(Position, Bytes)> {
    let mut writer = BulkWriter::open_with(stream.clone(), small())
        .await
        .unwrap();
    let mut pushed = Vec::new();
    for n in range {
        let payload = Bytes::from([&[0x0a, 28][..], &[n; 28]].concat());
        pushed.push((writer.push(&payload).await.unwrap(), payload));
    }
    assert_eq!(writer.finish().await.unwrap(), stream.tail());
    pushed
}

#[tokio::test]
async fn payloads_lie_verbatim_in_sealed_segments_and_an_open_one() {
    let (store, stream) = stream().await;
    let pushed = push_all(&stream, 0..8).await;
    let fresh = Stream::open(store, "s").await.unwrap();
    assert_eq!(payloads(&fresh).await, pushed);
    let segments = fresh.segments();
    assert_eq!(segments.len(), 4);
    assert!(
        segments[..3]
            .iter()
            .all(|segment| matches!(segment, Segment::Sealed(_)))
    );
    assert!(matches!(segments[3], Segment::Tail(_)));
    // Two of 30 and their headers make 78; a third payload would be 108.
    assert_eq!(pushed[2].0, Position::start_of(1));
    assert_eq!(verify(&fresh).await.unwrap().faults.len(), 0);
}

#[tokio::test]
async fn another_writer_continues_the_open_segment() {
    let (store, stream) = stream().await;
    let mut all = push_all(&stream, 0..3).await;
    for n in 3..9 {
        let again = Stream::open(store.clone(), "s").await.unwrap();
        all.extend(push_all(&again, n..n + 1).await);
    }
    let fresh = Stream::open(store, "s").await.unwrap();
    assert_eq!(payloads(&fresh).await, all);
    assert_eq!(fresh.tail().segment, 4);
    assert_eq!(verify(&fresh).await.unwrap().faults.len(), 0);
}

#[tokio::test]
async fn segments_keep_their_boundaries() {
    let (_, stream) = stream().await;
    let mut one = Vec::new();
    frame::encode(&mut one, 0, &[1; 300]);
    let mut writer = BulkWriter::open_with(stream.clone(), small())
        .await
        .unwrap();
    writer.push(b"first").await.unwrap();
    writer.push_segment(&one).await.unwrap();
    writer.extend_segment(&one).unwrap();
    let end = one.len() as u64;
    let error = writer.extend_segment(&one).unwrap_err();
    let found = FrameError::WrongOffset {
        offset: end,
        found: 0,
    };
    assert!(matches!(error, BulkError::Frame { segment: 2, source, .. } if source == found));
    assert_eq!(
        writer.finish().await.unwrap(),
        Position {
            segment: 2,
            offset: end
        }
    );
    let Segment::Sealed(sealed) = stream.segments()[1] else {
        panic!("not sealed")
    };
    assert_eq!(sealed.name, SegmentName::of(1, &one));
}

#[tokio::test]
async fn a_flush_is_durable_and_small_ones_never_use_up_the_batches() {
    let (store, stream) = stream().await;
    let mut writer = BulkWriter::open(stream.clone()).await.unwrap();
    writer.push(b"x").await.unwrap();
    assert_eq!(stream.tail(), Position::START);
    assert_eq!(writer.flush().await.unwrap(), writer.position());
    let elsewhere = Stream::open(store, "s").await.unwrap();
    assert_eq!(elsewhere.tail(), writer.position());
    for _ in 0..SEGMENT_BATCHES_MAX + 10 {
        writer.push(b"x").await.unwrap();
        writer.flush().await.unwrap();
    }
    assert!(writer.batches < SEGMENT_BATCHES_MAX / 2 + 10);
    assert!(writer.durable() < writer.position());
    let end = writer.position();
    assert_eq!(writer.finish().await.unwrap(), end);
}

#[tokio::test]
async fn of_two_bulk_writers_one_is_refused() {
    let (store, stream) = stream().await;
    let other = Stream::open(store.clone(), "s").await.unwrap();
    let mut first = BulkWriter::open(stream).await.unwrap();
    let mut second = BulkWriter::open(other).await.unwrap();
    first.push(b"first").await.unwrap();
    second.push(b"second").await.unwrap();
    first.finish().await.unwrap();
    let error = second.flush().await.unwrap_err();
    assert!(
        matches!(
            error,
            BulkError::Conflict {
                at: Position::START,
                ..
            }
        ),
        "{error}"
    );
    assert!(matches!(
        second.push(b"").await,
        Err(BulkError::Failed { .. })
    ));
    let fresh = Stream::open(store, "s").await.unwrap();
    assert_eq!(payloads(&fresh).await[0].1, b"first"[..]);
}

#[tokio::test]
async fn a_writer_follows_a_bulk_writer_and_the_other_way_round() {
    let (store, stream) = stream().await;
    push_all(&stream, 0..5).await;
    let writer = Writer::open(stream.clone(), WriterOptions::new("t"))
        .await
        .unwrap();
    let appended = writer
        .append(NewRecord::from_payload(vec![]))
        .await
        .unwrap();
    writer.close().await.unwrap();
    let mut bulk = BulkWriter::open(stream.clone()).await.unwrap();
    assert_eq!(bulk.push(b"").await.unwrap(), appended.next);
    bulk.finish().await.unwrap();
    let fresh = Stream::open(store, "s").await.unwrap();
    assert_eq!(verify(&fresh).await.unwrap().faults.len(), 0);
    assert_eq!(verify(&fresh).await.unwrap().records, 8);
}

#[tokio::test]
async fn local_files_work_too() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn ObjectStore> =
        Arc::new(LocalFileSystem::new_with_prefix(dir.path()).unwrap());
    let stream = Stream::open(store.clone(), "s").await.unwrap();
    let pushed = push_all(&stream, 0..8).await;
    let fresh = Stream::open(store, "s").await.unwrap();
    assert_eq!(payloads(&fresh).await, pushed);
}

/// A clock that a test sets.
#[derive(Debug, Default)]
struct SetClock(std::sync::atomic::AtomicU64);

impl Clock for SetClock {
    fn since_1970(&self) -> Duration {
        self.uptime()
    }
    fn uptime(&self) -> Duration {
        Duration::from_secs(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

#[tokio::test]
async fn one_that_slept_finds_its_place_sealed() {
    let (store, stream) = stream().await;
    let clock = Arc::new(SetClock::default());
    let options = BulkOptions {
        clock: clock.clone(),
        ..small()
    };
    let mut late = BulkWriter::open_with(stream, options).await.unwrap();
    late.push(b"late").await.unwrap();
    // Meanwhile another fills the segment, and its batches are removed after a day.
    let other = Stream::open(store, "s").await.unwrap();
    push_all(&other, 0..4).await;
    let mut joined = other.layout().joined.clone();
    joined.retain(|&(segment, _)| segment == 0);
    let gone = joined
        .iter()
        .map(|&(n, offset)| crate::layout::batch_path(n, offset));
    other.objects().delete(gone.collect()).await.unwrap();
    clock
        .0
        .store(24 * 60 * 60, std::sync::atomic::Ordering::SeqCst);
    let error = late.flush().await.unwrap_err();
    assert!(matches!(error, BulkError::Conflict { .. }), "{error}");
}
