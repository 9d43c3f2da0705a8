//! Output on its way to the store: bounds, age, and a store that refuses.

use super::*;
use log_core::OutputStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use std::sync::Arc;
use tokio::sync::watch;

const PREFIX: &str = "output/b/1";

fn sink(
    outputs: &OutputStore,
    bytes_max: u64,
) -> (OutputSink, watch::Receiver<Vec<String>>, CancellationToken) {
    let (shown, notices) = watch::channel(Vec::new());
    let give_up = CancellationToken::new();
    let sink = OutputSink::new(
        outputs.writer(PREFIX),
        PREFIX,
        bytes_max,
        Notices::new(shown),
        give_up.clone(),
    );
    (sink, notices, give_up)
}

#[tokio::test]
async fn what_is_over_the_limit_is_cut_but_notes_are_not() {
    let outputs = OutputStore::new(Arc::new(InMemory::new()));
    let (mut sink, _, _) = sink(&outputs, 10);
    assert!(sink.write(b"0123456").await);
    assert!(!sink.write(b"789abc").await);
    sink.note(b" stopped").await;
    assert_eq!(sink.size(), 18);
    let output = sink.finish().await;
    assert!(output.truncated && !sink.is_lost());
    assert_eq!(
        outputs.read(PREFIX, 0..100).await.unwrap(),
        "0123456789 stopped"
    );
    assert_eq!(output.size, 18);
}

#[tokio::test(start_paused = true)]
async fn a_little_output_is_stored_when_it_is_old_enough() {
    let outputs = OutputStore::new(Arc::new(InMemory::new()));
    let (mut sink, _, _) = sink(&outputs, 100);
    assert!(
        tokio::time::timeout(CHUNK_AGE * 10, sink.due())
            .await
            .is_err(),
        "nothing is never due"
    );
    sink.write(b"a").await;
    assert!(
        tokio::time::timeout(CHUNK_AGE / 2, sink.due())
            .await
            .is_err()
    );
    sink.write(b"b").await;
    assert!(
        tokio::time::timeout(CHUNK_AGE, sink.due()).await.is_ok(),
        "the first byte's age counts"
    );
    sink.flush().await;
    assert_eq!(outputs.size(PREFIX).await.unwrap(), 2);
    assert!(
        tokio::time::timeout(CHUNK_AGE * 10, sink.due())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_lot_of_output_is_stored_at_once() {
    let outputs = OutputStore::new(Arc::new(InMemory::new()));
    let (mut sink, _, _) = sink(&outputs, u64::MAX);
    sink.write(&vec![b'x'; CHUNK_BYTES * 2 + 1]).await;
    assert_eq!(outputs.size(PREFIX).await.unwrap(), CHUNK_BYTES as u64 * 2);
}

/// A store in which no chunk can be created, until the file in the way is gone.
fn refusing(folder: &std::path::Path) -> (OutputStore, std::path::PathBuf) {
    let in_the_way = folder.join("output");
    std::fs::write(&in_the_way, "in the way").unwrap();
    let store = LocalFileSystem::new_with_prefix(folder).unwrap();
    (OutputStore::new(Arc::new(store)), in_the_way)
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_is_told_of_and_tried_until_it_works() {
    let folder = tempfile::tempdir().unwrap();
    let (outputs, in_the_way) = refusing(folder.path());
    let (mut sink, mut notices, _) = sink(&outputs, 100);
    sink.note(b"text").await;
    let finishing = tokio::spawn(async move { (sink.finish().await, sink.is_lost()) });
    notices
        .wait_for(|notices| notices.iter().any(|text| text.contains("A build waits")))
        .await
        .unwrap();
    std::fs::remove_file(in_the_way).unwrap();
    let (output, lost) = finishing.await.unwrap();
    assert_eq!((output.size, lost), (4, false));
    assert_eq!(*notices.borrow(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_store_when_all_stops() {
    let folder = tempfile::tempdir().unwrap();
    let (outputs, _in_the_way) = refusing(folder.path());
    let (mut sink, _, give_up) = sink(&outputs, 100);
    sink.note(b"text").await;
    give_up.cancel();
    let output = sink.finish().await;
    assert_eq!((output.size, sink.is_lost()), (0, true));
}
