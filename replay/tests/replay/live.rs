//! Following a log: what is published, when, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use forgelog_replay::{
    Applied, At, AtError, Builds, Error, Live, LiveOptions, Projection, RecordRef, Time,
};
use log_core::layout::batch_path;
use log_core::{NewRecord, Position};
use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::log::{all_records, append, fill, folded, ids, open, queued, reopen};

/// What follows, its task, and what stops it.
type Following = (
    Live<Builds>,
    JoinHandle<Result<(), Arc<Error>>>,
    CancellationToken,
);

fn spawn(stream: &log_core::Stream, options: LiveOptions) -> Following {
    let cancel = CancellationToken::new();
    let (live, task) = Live::spawn(stream.clone(), options, cancel.clone());
    (live, task, cancel)
}

#[tokio::test]
async fn what_is_appended_is_seen_once_it_is_waited_for() {
    let (stream, writer) = open(&Arc::default()).await;
    let (live, task, cancel) = spawn(&stream, LiveOptions::default());
    let before = live.snapshot();
    for id in ["a", "b", "c", "d", "e"] {
        let end = append(&writer, id).await;
        let folded = live.wait_for(end).await.unwrap();
        assert_eq!(folded.position(), end);
        assert!(folded.state().build(id).is_some());
    }
    assert_eq!(ids(&live.snapshot()), ["e", "d", "c", "b", "a"]);
    assert_eq!(ids(&before), Vec::<&str>::new());
    cancel.cancel();
    task.await.unwrap().unwrap();
    writer.close().await.unwrap();
}

#[tokio::test]
async fn it_catches_up_with_what_was_there() {
    let (stream, writer) = open(&Arc::default()).await;
    fill(&writer, 0, 50).await;
    let (live, task, cancel) = spawn(&stream, LiveOptions::default());
    let folded_live = live.caught_up().await.unwrap();
    assert_eq!(*folded_live, folded(&all_records(&stream).await));
    let health = live.health();
    assert_eq!(
        (health.stream.as_str(), health.caught_up, health.stopped),
        ("builds", true, false)
    );
    assert_eq!(
        (health.applied, health.failure, health.skipped),
        (stream.tail(), None, 0)
    );
    // The claim of the writer's epoch is a record too.
    assert_eq!(health.records, 51);
    cancel.cancel();
    task.await.unwrap().unwrap();
    writer.close().await.unwrap();
}

#[tokio::test]
async fn the_tail_may_be_where_the_next_segment_begins() {
    let store = Arc::<InMemory>::default();
    let (_, writer) = open(&store).await;
    let end = append(&writer, "a").await;
    writer.close().await.unwrap();
    let closing = Path::from(format!(
        "{}/{}",
        crate::log::PREFIX,
        batch_path(0, end.offset)
    ));
    store.put(&closing, Vec::new().into()).await.unwrap();

    let stream = reopen(&store).await;
    assert_eq!(stream.tail(), Position::start_of(1));
    let (live, task, cancel) = spawn(&stream, LiveOptions::default());
    assert_eq!(live.caught_up().await.unwrap().position(), end);
    assert_eq!(live.health().applied, stream.tail());
    let newest = live.at(At::Position(stream.tail())).await.unwrap();
    assert_eq!(ids(&newest), ["a"]);
    let beyond = Position {
        offset: end.offset + 1,
        ..end
    };
    assert!(matches!(
        live.at(At::Position(beyond)).await,
        Err(AtError::NotABoundary { .. })
    ));
    cancel.cancel();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_waits_for_changes_misses_none() {
    let (stream, writer) = open(&Arc::default()).await;
    let (live, task, cancel) = spawn(&stream, LiveOptions::default());
    let mut seen = live.caught_up().await.unwrap();
    for number in 0..20 {
        append(&writer, &number.to_string()).await;
        let newer = live.changed(seen.position()).await.unwrap();
        assert!(newer.position() > seen.position() && newer.records() > seen.records());
        seen = newer;
    }
    let mut watch = live.watch();
    let end = append(&writer, "last").await;
    let last = watch
        .wait_for(|folded| folded.position() >= end)
        .await
        .unwrap()
        .clone();
    assert_eq!(ids(&last)[0], "last");
    cancel.cancel();
    task.await.unwrap().unwrap();
    writer.close().await.unwrap();
}

#[tokio::test]
async fn there_are_news_of_projections_that_note_nothing_too() {
    let (stream, writer) = open(&Arc::default()).await;
    let (mut live, task, cancel) = spawn(&stream, LiveOptions::default());
    live.caught_up().await.unwrap();
    for number in 0..5 {
        let end = append(&writer, &number.to_string()).await;
        assert!(live.update().await.unwrap().is_empty());
        assert!(live.snapshot().position() >= end);
    }
    cancel.cancel();
    task.await.unwrap().unwrap();
    writer.close().await.unwrap();
}

#[tokio::test]
async fn nothing_is_published_between_the_records_of_a_batch() {
    let (stream, writer) = open(&Arc::default()).await;
    let (live, task, cancel) = spawn(&stream, LiveOptions::default());
    let mut seen = live.caught_up().await.unwrap();
    for pair in 0..20 {
        let records = ["a", "b"].map(|half| NewRecord::new(&queued(&format!("{pair}{half}"))));
        writer.append_all(records.to_vec()).await.unwrap();
        seen = live.changed(seen.position()).await.unwrap();
        // One claim, and then pairs.
        assert_eq!(seen.records() % 2, 1);
    }
    cancel.cancel();
    task.await.unwrap().unwrap();
    writer.close().await.unwrap();
}

#[tokio::test]
async fn after_the_end_the_last_state_stays_readable() {
    let (stream, writer) = open(&Arc::default()).await;
    let end = append(&writer, "a").await;
    let (live, task, cancel) = spawn(&stream, LiveOptions::default());
    live.caught_up().await.unwrap();
    cancel.cancel();
    task.await.unwrap().unwrap();
    let later = append(&writer, "b").await;
    assert_eq!(live.wait_for(later).await.unwrap_err().at, end);
    assert_eq!(live.changed(end).await.unwrap_err().at, end);
    assert_eq!(ids(&live.wait_for(end).await.unwrap()), ["a"]);
    assert!(live.health().stopped);
    writer.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_tried_until_it_works() {
    let store = Arc::<InMemory>::default();
    let (_, writer) = open(&store).await;
    let end = append(&writer, "a").await;
    writer.close().await.unwrap();

    let stream = reopen(&store).await;
    let batch = Path::from(format!("{}/{}", crate::log::PREFIX, batch_path(0, 0)));
    let bytes = store.get(&batch).await.unwrap().bytes().await.unwrap();
    store.delete(&batch).await.unwrap();
    let (live, task, cancel) = spawn(&stream, LiveOptions::default());
    // Time stands still as long as there is something to do, so each further try needs us to wait.
    for tries in 1..=3 {
        let failure = loop {
            match live.health().failure {
                Some(failure) if failure.tries >= tries => break failure,
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        assert!(
            failure.error.contains("tail/0000/0000000000000000"),
            "{}",
            failure.error
        );
    }
    assert!(!live.health().caught_up);
    store.put(&batch, bytes.into()).await.unwrap();
    assert_eq!(live.caught_up().await.unwrap().position(), end);
    assert_eq!(live.health().failure, None);
    cancel.cancel();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_damaged_log_ends_it() {
    let store = Arc::<InMemory>::default();
    let (_, writer) = open(&store).await;
    let end = append(&writer, "a").await;
    writer.close().await.unwrap();
    let foreign = Path::from(format!(
        "{}/{}",
        crate::log::PREFIX,
        batch_path(0, end.offset)
    ));
    store.put(&foreign, "not a record".into()).await.unwrap();

    let stream = reopen(&store).await;
    let (live, task, _cancel) = spawn(&stream, LiveOptions::default());
    let error = task.await.unwrap().unwrap_err();
    assert!(
        matches!(*error, Error::Read { at, .. } if at == end),
        "{error:?}"
    );
    assert_eq!(ids(&live.snapshot()), ["a"]);
    assert_eq!(live.caught_up().await.unwrap_err().at, end);
}

/// Breaks down at the third record.
#[derive(Clone, Default)]
struct Brittle(u32);

impl Projection for Brittle {
    fn snapshot(&mut self) -> Self {
        self.clone()
    }

    fn again(&self) -> Self {
        self.clone()
    }

    fn recorded(_: RecordRef<'_>) -> Option<Time> {
        None
    }

    fn apply(&mut self, _: RecordRef<'_>) -> Applied {
        self.0 += 1;
        assert!(self.0 < 3, "the third record");
        Applied::default()
    }
}

#[tokio::test]
async fn a_fold_that_panics_ends_it_and_says_so() {
    // Little is folded by the task, much on another thread.
    for bytes in [1, 100_000] {
        let (stream, writer) = open(&Arc::default()).await;
        let cancel = CancellationToken::new();
        let options = LiveOptions::default();
        let (mut live, task) = Live::<Brittle>::spawn(stream.clone(), options, cancel);
        live.caught_up().await.unwrap();
        let end = append(&writer, "a").await;
        live.update().await.unwrap();
        append(&writer, &"b".repeat(bytes)).await;
        let stopped = live.update().await.unwrap_err();
        assert_eq!(stopped.at, end);
        let text = log_core::explain(&stopped);
        assert!(
            text.contains("broke down") && text.contains("the third record"),
            "{text}"
        );
        let error = task.await.unwrap().unwrap_err();
        assert!(
            matches!(*error, Error::Panicked { .. } | Error::Fold { .. }),
            "{error:?}"
        );
        assert!(live.health().stopped);
        assert_eq!(live.snapshot().records(), 2);
        writer.close().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_others_append_is_seen_by_looking_at_the_store() {
    let store = Arc::<InMemory>::default();
    let (_, writer) = open(&store).await;
    let elsewhere = reopen(&store).await;
    let options = LiveOptions {
        refresh: Some(Duration::from_secs(1)),
        ..LiveOptions::default()
    };
    let (live, task, cancel) = spawn(&elsewhere, options);
    live.caught_up().await.unwrap();
    let end = append(&writer, "a").await;
    assert_eq!(ids(&live.wait_for(end).await.unwrap()), ["a"]);
    cancel.cancel();
    task.await.unwrap().unwrap();
    writer.close().await.unwrap();
}

#[tokio::test]
async fn large_batches_are_folded_too() {
    let (stream, writer) = open(&Arc::default()).await;
    let records: Vec<_> = (0..3000)
        .map(|number| NewRecord::new(&queued(&number.to_string())))
        .collect();
    let end = writer.append_all(records).await.unwrap().next;
    let (live, task, cancel) = spawn(&stream, LiveOptions::default());
    assert_eq!(
        live.wait_for(end).await.unwrap().state().counts().total(),
        3000
    );
    cancel.cancel();
    task.await.unwrap().unwrap();
    writer.close().await.unwrap();
}
