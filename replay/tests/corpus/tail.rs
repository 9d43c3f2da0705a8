//! Tails with long batches, which are files of their own: mapped, and in no checkpoint.

use std::fs;
use std::sync::Arc;

use forgelog_replay::{Corpus, Projection as _};
use log_core::LocalStore;
use log_core::layout::batch_path;
use log_core::segment::SegmentName;
use object_store::{ObjectStore, ObjectStoreExt as _};

use crate::log::{Bytewise, dump, folded, log_of, options, original_rules, records, synth_log};

/// A sealed segment, and one that is open and long.
fn long_tailed() -> Bytewise {
    let all = records(&synth_log(3));
    let (sealed, tail) = all.split_at(all.len() / 4);
    let segment = |records: &[log_core::Record]| {
        let payloads = records.iter().map(|record| record.payload.clone());
        log_of(payloads, usize::MAX).remove(0)
    };
    let log = vec![segment(sealed), segment(tail)];
    assert!(log[1].len() > 1 << 20);
    log
}

#[tokio::test]
async fn a_long_tail_is_the_same_whether_open_or_sealed() {
    let log = long_tailed();
    let rules = original_rules();
    let want = dump(folded(&log, &rules).state());
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(LocalStore::open(dir.path()).unwrap());
    let put = async |name: String, bytes: &[u8]| {
        let path = format!("log/{name}").into();
        store.put(&path, bytes.to_vec().into()).await.unwrap();
    };
    put(SegmentName::of(0, &log[0]).to_string(), &log[0]).await;
    let batch = batch_path(1, 0);
    put(batch.clone(), &log[1]).await;
    let file = dir.path().join("log").join(&batch);
    assert_eq!(fs::metadata(&file).unwrap().len(), log[1].len() as u64);

    let place = format!(
        "file://{}/log",
        dir.path().canonicalize().unwrap().display()
    );
    let options = options(&dir.path().join("cache"), &rules);
    let mut cold = Corpus::load(&place, None, &options).await.unwrap();
    let segments = cold.folded.state().segments().unwrap();
    assert!(segments.is_mapped(0) && segments.is_mapped(1));
    assert_eq!(dump(cold.folded.state()), want);
    let checkpoint = cold.checkpoint().await.unwrap();
    assert!(fs::metadata(&checkpoint).unwrap().len() < log[1].len() as u64);

    let warm = Corpus::load(&place, None, &options).await.unwrap();
    assert_eq!(warm.opening.checkpoint.as_ref(), Some(&checkpoint));
    assert_eq!(warm.opening.folded_bytes, 0);
    assert_eq!(dump(warm.folded.state()), want);

    // Sealed, as a writer does it, and the batch is removed later.
    put(SegmentName::of(1, &log[1]).to_string(), &log[1]).await;
    fs::remove_file(&file).unwrap();
    let sealed = Corpus::load(&place, None, &options).await.unwrap();
    assert_eq!(sealed.opening.checkpoint.as_ref(), Some(&checkpoint));
    // Those who had it keep it.
    for corpus in [&cold, &warm, &sealed] {
        assert_eq!(dump(corpus.folded.state()), want);
    }
}
