//! What nobody means to happen to a writer: reads that never end, options without sense, strays, and
//! records that lie about their epoch.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use log_core::layout::Segment;
use log_core::segment::SEGMENT_BYTES_MAX;
use log_core::{
    AppendError, BulkWriter, NewRecord, Position, Stream, Writer, WriterOptions, explain, meta_of,
};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use prost::Message as _;
use proto::forgelog::{AnyMutation, Meta};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const PREFIX: &str = "streams/test";

fn small() -> WriterOptions {
    WriterOptions {
        segment_batches: 4,
        ..WriterOptions::new("test")
    }
}

fn text(text: &str) -> NewRecord {
    NewRecord::from_payload([&[0x0a, text.len() as u8], text.as_bytes()].concat())
}

async fn open_with(store: &Arc<dyn ObjectStore>, options: WriterOptions) -> Writer {
    let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
    Writer::open(stream, options).await.unwrap()
}

async fn put(store: &Arc<dyn ObjectStore>, below: &str, bytes: Vec<u8>) {
    let path = Path::from(format!("{PREFIX}/{below}"));
    store.put(&path, bytes.into()).await.unwrap();
}

/// A store that can be told to answer no more to those who read, list or write.
#[derive(Debug)]
struct Deaf {
    inner: Arc<InMemory>,
    puts: watch::Sender<bool>,
    reads: watch::Sender<bool>,
    lists: watch::Sender<bool>,
}

impl Deaf {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::default(),
            puts: watch::Sender::new(true),
            reads: watch::Sender::new(true),
            lists: watch::Sender::new(true),
        })
    }
}

impl std::fmt::Display for Deaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Deaf")
    }
}

#[async_trait]
impl ObjectStore for Deaf {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let _ = self.puts.subscribe().wait_for(|open| *open).await;
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let _ = self.reads.subscribe().wait_for(|open| *open).await;
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let mut open = self.lists.subscribe();
        let listed = self.inner.list(prefix);
        let wait = async move { drop(open.wait_for(|open| *open).await) };
        let nothing = stream::once(wait).filter_map(|()| async { None });
        nothing.chain(listed).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// Closes a writer that one append is stuck in; the append's outcome.
async fn close_stuck(writer: Writer, record: NewRecord) -> AppendError {
    let append = tokio::spawn({
        let writer = writer.clone();
        async move { writer.append(record).await }
    });
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(!append.is_finished());
    tokio::time::timeout(Duration::from_secs(600), writer.close())
        .await
        .expect("closing hangs")
        .unwrap();
    append.await.unwrap().unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn closing_gives_up_on_keys_that_cannot_be_read() {
    let deaf = Deaf::new();
    let store: Arc<dyn ObjectStore> = deaf.clone();
    let writer = open_with(&store, small()).await;
    for n in 0..5 {
        writer.append(text(&n.to_string())).await.unwrap();
    }
    writer.close().await.unwrap();
    // The open segment is not empty, so the keys before it are read when the first one is asked for.
    let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
    let writer = Writer::open(stream, small()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await; // the sealer is done
    deaf.reads.send_replace(false);
    let error = close_stuck(writer, text("x").with_key("k")).await;
    assert!(matches!(error, AppendError::Closed { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn closing_gives_up_on_finding_out_who_was_first() {
    let deaf = Deaf::new();
    let store: Arc<dyn ObjectStore> = deaf.clone();
    let writer = open_with(&store, small()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let at = writer.stream().tail();
    let object = format!("tail/{:04}/{:016x}", at.segment, at.offset);
    put(&store, &object, b"foreign".to_vec()).await;
    deaf.lists.send_replace(false);
    let error = close_stuck(writer, text("x")).await;
    assert!(matches!(error, AppendError::Closed { .. }), "{error}");
}

/// What makes it look as if the clock of this process had stood still for a day.
#[derive(Debug)]
struct Slept(watch::Receiver<Duration>);

impl log_core::Clock for Slept {
    fn since_1970(&self) -> Duration {
        self.uptime()
    }

    fn uptime(&self) -> Duration {
        *self.0.borrow()
    }
}

#[tokio::test(start_paused = true)]
async fn closing_gives_up_on_looking_again_after_a_sleep() {
    let deaf = Deaf::new();
    let store: Arc<dyn ObjectStore> = deaf.clone();
    let (uptime, clock) = watch::channel(Duration::from_secs(1));
    let options = WriterOptions {
        clock: Arc::new(Slept(clock)),
        ..small()
    };
    let writer = open_with(&store, options).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    uptime.send_replace(Duration::from_secs(24 * 60 * 60));
    deaf.lists.send_replace(false);
    let error = close_stuck(writer, text("x")).await;
    assert!(matches!(error, AppendError::Unknown { .. }), "{error}");
}

#[tokio::test]
async fn options_beyond_all_bounds_are_cut_to_what_the_format_allows() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let options = WriterOptions {
        linger: Duration::MAX,
        batch_bytes: 1,
        queue: usize::MAX,
        queue_bytes: usize::MAX,
        segment_bytes: u64::MAX,
        segment_batches: usize::MAX,
        patience: Duration::MAX,
        ..WriterOptions::new("test")
    };
    let writer = open_with(&store, options).await;
    let long = [&[0x0a, 0x80, 0x80, 0xc0, 0x02][..], &vec![b'x'; 5 << 20]].concat();
    for _ in 0..4 {
        let record = NewRecord::from_payload(long.clone());
        writer.append(record).await.unwrap();
    }
    for segment in writer.stream().segments() {
        assert!(segment.len() <= SEGMENT_BYTES_MAX, "{}", segment.len());
    }
    writer.close().await.unwrap();
}

#[tokio::test]
async fn a_record_that_claims_the_last_epoch_does_not_end_the_log() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let epoch = u64::MAX;
    let meta = Meta {
        epoch,
        ..Meta::default()
    };
    let payload = AnyMutation { meta: Some(meta) }.encode_to_vec();
    let header = format!("REC@0+{:x}=", payload.len());
    put(
        &store,
        "tail/0000/0000000000000000",
        [header.as_bytes(), &payload].concat(),
    )
    .await;
    let first = open_with(&store, small()).await;
    let second = open_with(&store, small()).await;
    assert!(second.epoch() > first.epoch());
    let fenced = first.append(text("x")).await.unwrap_err();
    assert!(matches!(fenced, AppendError::Fenced { .. }), "{fenced}");
    second.append(text("y")).await.unwrap();
}

/// A stray ends the open segment early, and a key is known for more than the two last segments then.
#[tokio::test]
async fn a_key_outlives_segments_that_were_closed_early() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let writer = open_with(&store, WriterOptions::new("test")).await;
    let first = writer.append(text("x").with_key("k")).await.unwrap();
    writer.close().await.unwrap();
    for segment in 0..4 {
        put(
            &store,
            &format!("tail/{segment:04}/000000000000ffff"),
            b"stray".to_vec(),
        )
        .await;
        let writer = open_with(&store, WriterOptions::new("test")).await;
        assert_eq!(writer.stream().tail().segment, segment + 1);
        let again = writer.append(text("again").with_key("k")).await.unwrap();
        assert_eq!(again, first, "segment {segment}");
        writer.close().await.unwrap();
    }
}

/// And for as long in the writer that closed them itself.
#[tokio::test]
async fn a_key_outlives_segments_that_one_writer_filled() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let writer = open_with(&store, small()).await;
    let first = writer.append(text("x").with_key("k")).await.unwrap();
    while writer.stream().tail().segment < 5 {
        writer.append(text("y")).await.unwrap();
    }
    assert_eq!(writer.append(text("z").with_key("k")).await.unwrap(), first);
    writer.close().await.unwrap();
    let mut with_key = 0;
    let mut reader = writer.stream().reader(Position::START);
    loop {
        let records = reader.next_batch().await.unwrap();
        if records.is_empty() {
            break;
        }
        let metas = records.iter().filter_map(|record| meta_of(&record.payload));
        with_key += metas.filter(|meta| meta.idempotency_key == "k").count();
    }
    assert_eq!(with_key, 1);
}

#[tokio::test]
async fn a_segment_that_no_memory_can_hold_is_not_joined() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    put(&store, "tail/0000/0000000000000000", vec![b'x'; 90 << 20]).await;
    put(&store, "tail/0000/0000000005a00000", Vec::new()).await;
    let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
    assert!(matches!(&stream.segments()[0], Segment::Tail(tail) if tail.closed));
    let error = BulkWriter::open(stream).await.unwrap_err();
    assert!(
        explain(&error).contains("more than any segment"),
        "{}",
        explain(&error)
    );
}

/// Somebody else's look at the store may be what shows that a batch was joined while it was read.
#[tokio::test]
async fn a_batch_that_goes_while_it_is_read_is_found_in_its_segment() {
    let deaf = Deaf::new();
    let store: Arc<dyn ObjectStore> = deaf.clone();
    let writer = open_with(&store, small()).await;
    let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
    for n in 0..8 {
        writer.append(text(&n.to_string())).await.unwrap();
    }
    writer.close().await.unwrap();
    deaf.reads.send_replace(false);
    let reading = tokio::spawn({
        let stream = stream.clone();
        async move { stream.reader(Position::START).next_batch().await }
    });
    tokio::time::sleep(Duration::from_millis(10)).await;
    stream.refresh().await.unwrap();
    let first = Path::from(format!("{PREFIX}/tail/0000/0000000000000000"));
    deaf.inner.delete(&first).await.unwrap();
    deaf.reads.send_replace(true);
    let records = reading.await.unwrap().unwrap();
    assert_eq!(records[0].at, Position::START);
}

/// Whoever was faster may be another writer that begins: its epoch, its keys and its times count.
#[tokio::test(start_paused = true)]
async fn who_is_overtaken_while_it_opens_learns_from_what_was_first() {
    let deaf = Deaf::new();
    deaf.puts.send_replace(false);
    let late = tokio::spawn({
        let store: Arc<dyn ObjectStore> = deaf.clone();
        async move { open_with(&store, small()).await }
    });
    tokio::time::sleep(Duration::from_millis(10)).await;
    let store: Arc<dyn ObjectStore> = deaf.inner.clone();
    let (_uptime, clock) = watch::channel(Duration::from_secs(1 << 34));
    let ahead = WriterOptions {
        clock: Arc::new(Slept(clock)),
        ..small()
    };
    open_with(&store, small()).await.close().await.unwrap();
    let early = open_with(&store, ahead).await;
    let mut placed = Vec::new();
    for n in 0..4 {
        let record = text("x").with_key(n.to_string());
        placed.push(early.append(record).await.unwrap());
    }
    assert_eq!(placed[3].at.segment, 1);
    deaf.puts.send_replace(true);
    let late = late.await.unwrap();
    assert!(late.epoch() > early.epoch());
    for (n, placed) in placed.iter().enumerate() {
        let again = text("again").with_key(n.to_string());
        assert_eq!(late.append(again).await.unwrap(), *placed);
    }
    let appended = late.append(text("y")).await.unwrap();
    let mut reader = late.stream().reader(appended.at);
    let record = reader.next_batch().await.unwrap().remove(0);
    let recorded = meta_of(&record.payload).unwrap().recorded.unwrap();
    assert!(recorded.seconds >= 1 << 34, "{recorded:?}");
    late.close().await.unwrap();
}

/// Something huge is where the next batch belongs: it is named, and not read into memory.
#[tokio::test]
async fn a_huge_object_in_the_way_is_named() {
    let store: Arc<dyn ObjectStore> = Arc::new(object_store::memory::InMemory::new());
    let stream = Stream::open(store.clone(), "s").await.unwrap();
    let huge = vec![0; (81 << 20) + 4096];
    let path = object_store::path::Path::from("s/tail/0000/0000000000000000");
    object_store::ObjectStoreExt::put(&*store, &path, huge.into())
        .await
        .unwrap();
    let refused = Writer::open(stream, WriterOptions::new("test")).await;
    let told = log_core::explain(&refused.unwrap_err());
    assert!(told.contains("tail/0000/0000000000000000"), "{told}");
    assert!(told.contains("more than any"), "{told}");
}
