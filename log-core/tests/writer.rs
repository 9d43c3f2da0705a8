//! What the writer promises its callers: conditions, idempotency keys, true outcomes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use async_trait::async_trait;
use futures::stream::BoxStream;
use log_core::{
    Advice, AppendError, NewRecord, NotStampable, OpenError, Position, ReadError, Record, Stream,
    Writer, WriterOptions, meta_of,
};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
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

/// An unknown field that carries a text, as any mutation would.
fn text(text: &str) -> NewRecord {
    NewRecord::from_payload([&[0x0a, text.len() as u8], text.as_bytes()].concat())
}

fn text_of(record: &Record) -> Option<String> {
    let length = *record.payload.get(1)? as usize;
    (record.payload[0] == 0x0a)
        .then(|| String::from_utf8(record.payload[2..2 + length].to_vec()).unwrap())
}

async fn texts(store: &Arc<dyn ObjectStore>) -> Vec<String> {
    let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
    let mut reader = stream.reader(Position::START);
    let mut found = Vec::new();
    loop {
        let records = reader.next_batch().await.unwrap();
        if records.is_empty() {
            return found;
        }
        found.extend(records.iter().filter_map(text_of));
    }
}

async fn open(store: &Arc<dyn ObjectStore>) -> Writer {
    let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
    Writer::open(stream, small()).await.unwrap()
}

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

#[tokio::test]
async fn a_condition_holds_or_nothing_is_appended() {
    let store = memory();
    let writer = open(&store).await;
    let seen = writer.stream().tail();
    let first = writer.append_if(seen, vec![text("a")]).await.unwrap();
    assert_eq!(first.at, seen);
    let refused = writer.append_if(seen, vec![text("b")]).await.unwrap_err();
    match &refused {
        AppendError::Moved { expected, tail, .. } => {
            assert_eq!((*expected, *tail), (seen, first.next));
        }
        other => panic!("{other}"),
    }
    assert_eq!(refused.advice(), Advice::DecideAgain);
    // Without records it only asks.
    assert!(writer.append_if(seen, vec![]).await.is_err());
    let asked = writer.append_if(first.next, vec![]).await.unwrap();
    assert_eq!(asked.at, first.next);
    writer.append_if(first.next, vec![text("c")]).await.unwrap();
    writer.close().await.unwrap();
    assert_eq!(texts(&store).await, ["a", "c"]);
}

#[tokio::test]
async fn of_many_with_one_condition_one_wins() {
    let store = memory();
    let writer = open(&store).await;
    for round in 0..8 {
        let seen = writer.stream().tail();
        let tries = (0..16).map(|n| {
            let (writer, record) = (writer.clone(), text(&format!("{round}-{n}")));
            async move { writer.append_if(seen, vec![record]).await.is_ok() }
        });
        let won = futures::future::join_all(tries).await;
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "round {round}");
    }
    writer.close().await.unwrap();
    assert_eq!(texts(&store).await.len(), 8);
}

/// Where a segment ends and where the next one starts are the same end of the log.
#[tokio::test]
async fn a_condition_holds_across_the_end_of_a_segment() {
    let store = memory();
    let writer = open(&store).await;
    let mut segments = std::collections::BTreeSet::new();
    for n in 0..20 {
        let seen = writer.stream().tail();
        let appended = writer.append_if(seen, vec![text(&n.to_string())]).await;
        segments.insert(appended.unwrap().at.segment);
    }
    assert!(segments.len() > 3, "{segments:?}");
    writer.close().await.unwrap();
    assert_eq!(texts(&store).await.len(), 20);
}

#[tokio::test]
async fn a_key_is_appended_once() {
    let store = memory();
    let writer = open(&store).await;
    let first = writer.append(text("a").with_key("k")).await.unwrap();
    let other = writer.append(text("b").with_key("l")).await.unwrap();
    assert_eq!(
        writer.append(text("again").with_key("k")).await.unwrap(),
        first
    );
    // Together with a fresh one, twice in one append, and at the same time.
    let both = vec![text("x").with_key("k"), text("c").with_key("m")];
    let third = writer.append_all(both).await.unwrap();
    assert!(third.at > other.at);
    let twice = vec![text("d").with_key("n"), text("e").with_key("n")];
    let fourth = writer.append_all(twice).await.unwrap();
    let (one, two) = tokio::join!(
        writer.append(text("f").with_key("o")),
        writer.append(text("g").with_key("o"))
    );
    assert_eq!(one.unwrap(), two.unwrap());
    // A condition that held the first time is not asked again.
    let seen = writer.stream().tail();
    let keyed = || vec![text("h").with_key("p")];
    let fifth = writer.append_if(seen, keyed()).await.unwrap();
    assert_eq!(writer.append_if(seen, keyed()).await.unwrap(), fifth);
    writer.close().await.unwrap();
    assert_eq!(texts(&store).await, ["a", "b", "c", "d", "f", "h"]);

    // Another writer, later, still knows them, also those of the segment before.
    let writer = open(&store).await;
    assert_eq!(
        writer.append(text("late").with_key("n")).await.unwrap(),
        fourth
    );
    assert_eq!(
        writer.append(text("late").with_key("p")).await.unwrap(),
        fifth
    );
    writer.close().await.unwrap();
    assert_eq!(texts(&store).await.len(), 6);
}

#[tokio::test]
async fn a_writer_that_begins_in_a_new_segment_knows_the_keys_before_it() {
    let store = memory();
    let writer = open(&store).await;
    // The claim and three batches fill the segment; the fourth closes it.
    let mut placed = Vec::new();
    for n in 0..4 {
        let record = text(&n.to_string()).with_key(format!("key {n}"));
        placed.push(writer.append(record).await.unwrap());
    }
    assert_eq!(placed[3].at.segment, 1);
    writer.close().await.unwrap();
    for _ in 0..2 {
        let writer = open(&store).await;
        for (n, placed) in placed.iter().enumerate() {
            let again = text("again").with_key(format!("key {n}"));
            assert_eq!(writer.append(again).await.unwrap(), *placed, "key {n}");
        }
        writer.close().await.unwrap();
    }
    assert_eq!(texts(&store).await.len(), 4);
}

#[tokio::test]
async fn late_callers_of_a_fenced_writer_hear_why() {
    let store = memory();
    let old = open(&store).await;
    let new = open(&store).await;
    for _ in 0..3 {
        let refused = old.append(text("x")).await.unwrap_err();
        let AppendError::Fenced { epoch, by, .. } = refused else {
            panic!("{refused}")
        };
        assert_eq!((epoch, by), (old.epoch(), new.epoch()));
        assert_eq!(refused.advice(), Advice::StepDown);
    }
    old.close().await.unwrap();
    assert!(matches!(
        old.append(text("x")).await,
        Err(AppendError::Fenced { .. })
    ));
    new.close().await.unwrap();
    assert!(matches!(
        new.append(text("x")).await,
        Err(AppendError::Closed { .. })
    ));
}

#[tokio::test]
async fn payloads_that_would_swallow_the_meta_are_refused() {
    let store = memory();
    let writer = open(&store).await;
    let refused = writer
        .append(NewRecord::from_payload(b"\x0a\x7fshort".to_vec()))
        .await
        .unwrap_err();
    let source = match &refused {
        AppendError::Payload { source, .. } => source,
        other => panic!("{other}"),
    };
    assert!(matches!(source, NotStampable::NotAMessage(_)));
    assert_eq!(refused.advice(), Advice::Drop);
    let appended = writer.append(text("fine")).await.unwrap();
    let mut reader = writer.stream().reader(appended.at);
    let stamped = reader.next_batch().await.unwrap().remove(0).payload;
    let twice = writer.append(NewRecord::from_payload(stamped)).await;
    assert!(matches!(
        twice,
        Err(AppendError::Payload {
            source: NotStampable::HasMeta,
            ..
        })
    ));
    writer.close().await.unwrap();
    assert_eq!(texts(&store).await, ["fine"]);
}

#[tokio::test]
async fn a_payload_beyond_the_limit_is_refused_before_it_is_copied() {
    let writer = open(&memory()).await;
    let huge = NewRecord::from_payload(vec![0; 64 << 20]);
    let refused = writer.append(huge).await.unwrap_err();
    assert!(matches!(refused, AppendError::TooLarge { .. }), "{refused}");
    writer.append(text("fine")).await.unwrap();
    writer.close().await.unwrap();
}

/// Records of an import carry no meta; an epoch begun after them is above all that there were.
#[tokio::test]
async fn an_epoch_is_above_all_before_it_even_when_records_do_not_tell() {
    let store = memory();
    let mut last = 0;
    for _ in 0..3 {
        let writer = open(&store).await;
        assert!(writer.epoch() > last);
        last = writer.epoch();
        let next = writer.stream().tail().segment + 1;
        // Fill the segment, so that it is closed.
        while writer.stream().tail().segment < next {
            writer.append(text("x")).await.unwrap();
        }
        writer.close().await.unwrap();
        let tail = writer.stream().tail();
        // As an import does: a whole segment of records without meta, at the end.
        let path =
            |offset: u64| Path::from(format!("{PREFIX}/tail/{:04}/{offset:016x}", tail.segment));
        store
            .put(&path(tail.offset), PutPayload::new())
            .await
            .unwrap();
        let path = |offset: u64| {
            Path::from(format!(
                "{PREFIX}/tail/{:04}/{offset:016x}",
                tail.segment + 1
            ))
        };
        let record = b"REC@0+4=\x0a\x02hi".to_vec();
        let end = record.len() as u64;
        store.put(&path(0), record.into()).await.unwrap();
        store.put(&path(end), PutPayload::new()).await.unwrap();
    }
    let writer = open(&store).await;
    assert!(writer.epoch() > last);
    writer.close().await.unwrap();
}

/// A store whose puts wait until they are let through.
#[derive(Debug)]
struct Gate {
    inner: InMemory,
    open: watch::Sender<bool>,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: InMemory::new(),
            open: watch::Sender::new(true),
        })
    }
}

impl std::fmt::Display for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gate")
    }
}

#[async_trait]
impl ObjectStore for Gate {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> object_store::Result<PutResult> {
        let _ = self.open.subscribe().wait_for(|open| *open).await;
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(
        &self,
        location: &Path,
        options: GetOptions,
    ) -> object_store::Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &Path,
        to: &Path,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[tokio::test(start_paused = true)]
async fn closing_gives_up_on_a_store_that_does_not_answer_and_says_what_is_known() {
    let gate = Gate::new();
    let stream = Stream::open(gate.clone(), PREFIX).await.unwrap();
    let options = WriterOptions {
        batch_bytes: 1,
        ..small()
    };
    let writer = Writer::open(stream, options).await.unwrap();
    gate.open.send_replace(false);
    let append = |name: &'static str| {
        let writer = writer.clone();
        tokio::spawn(async move { writer.append(text(name)).await })
    };
    let under_way = append("under way");
    tokio::time::sleep(Duration::from_millis(1)).await;
    let queued = append("queued");
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert!(
        matches!(&*writer.health().borrow(), log_core::WriterHealth::Retrying(why) if why.contains("does not answer"))
    );
    // Both closers wait until it has ended; one that is cancelled does no harm.
    let cancelled = tokio::time::timeout(Duration::from_secs(1), writer.close()).await;
    assert!(cancelled.is_err());
    let (one, two) = tokio::join!(writer.close(), writer.close());
    one.unwrap();
    two.unwrap();
    let unknown = under_way.await.unwrap().unwrap_err();
    assert!(matches!(unknown, AppendError::Unknown { .. }), "{unknown}");
    assert_eq!(unknown.advice(), Advice::TryAgainWithKey);
    let closed = queued.await.unwrap().unwrap_err();
    assert!(matches!(closed, AppendError::Closed { .. }), "{closed}");
}

#[tokio::test(start_paused = true)]
async fn callers_are_held_back_by_bytes() {
    let gate = Gate::new();
    let stream = Stream::open(gate.clone(), PREFIX).await.unwrap();
    let options = WriterOptions {
        queue_bytes: 10_000,
        ..WriterOptions::new("test")
    };
    let writer = Writer::open(stream, options).await.unwrap();
    gate.open.send_replace(false);
    let big = NewRecord::from_payload([&[0x0a, 0xa0, 0x1f], &[b'x'; 4000][..]].concat());
    let mut appends = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let (writer, big) = (writer.clone(), big.clone());
        appends.spawn(async move { writer.append(big).await.unwrap() });
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    // Two wait for the store; the others have not got in, and closing now keeps them out.
    let closing = tokio::spawn({
        let writer = writer.clone();
        async move { writer.close().await }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    gate.open.send_replace(true);
    closing.await.unwrap().unwrap();
    let mut appended = 0;
    while let Some(outcome) = appends.join_next().await {
        appended += usize::from(outcome.is_ok());
    }
    assert_eq!(appended, 2);
}

#[tokio::test]
async fn a_log_with_a_gap_is_read_up_to_it_and_not_written() {
    let store = memory();
    let writer = open(&store).await;
    for n in 0..12 {
        writer.append(text(&n.to_string())).await.unwrap();
    }
    writer.close().await.unwrap();
    let listed: Vec<ObjectMeta> = futures::TryStreamExt::try_collect(store.list(None))
        .await
        .unwrap();
    for object in listed {
        let path = object.location.to_string();
        if path.contains("/0001.") || path.contains("/tail/0001/") {
            store.delete(&object.location).await.unwrap();
        }
    }
    let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
    assert_eq!(stream.gap().unwrap().missing, 1);
    let mut reader = stream.reader(Position::START);
    let mut before = 0;
    let error = loop {
        match reader.next_batch().await {
            Ok(records) => before += records.iter().filter_map(text_of).count(),
            Err(error) => break error,
        }
    };
    assert_eq!(before, 3);
    assert!(matches!(error, ReadError::Gap { .. }), "{error}");
    let refused = Writer::open(stream, small()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Gap { .. }), "{refused}");
}

#[tokio::test]
async fn metas_tell_writer_epoch_and_key() {
    let store = memory();
    let writer = open(&store).await;
    let appended = writer.append(text("a").with_key("k")).await.unwrap();
    let mut reader = writer.stream().reader(appended.at);
    let record = reader.next_batch().await.unwrap().remove(0);
    let meta = meta_of(&record.payload).unwrap();
    assert_eq!(meta.epoch, writer.epoch());
    assert_eq!(meta.idempotency_key, "k");
    assert!(meta.writer.starts_with("test-"), "{}", meta.writer);
    writer.close().await.unwrap();
}
