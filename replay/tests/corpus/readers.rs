//! Readers that walk snapshots while records are applied: none sees half of anything, and what is held never changes.

use std::sync::{Arc, Barrier, Condvar, Mutex, RwLock};
use std::time::Duration;

use forgelog_replay::{Corpus, Folded, Rules};

use crate::determinism::Dice;
use crate::invariants::check;
use crate::log::{DiskLog, assert_equal, cut, dump, folded, records, synth_log};

/// Snapshots that every reader looks at.
const LOOKS: usize = 6;
const READERS: usize = 3;

/// Applies the rest of the log in batches, each published, while readers walk what is published; from time to time
/// the writer waits until somebody has looked, so that they meet.
fn hammer(mut state: Folded<Corpus>, log: &[Vec<u8>], seed: u64) {
    let published = RwLock::new(Arc::new(state.snapshot()));
    let (looks, looked) = (Mutex::new(0), Condvar::new());
    let begin = Barrier::new(READERS + 1);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|reader| {
                let (published, looks, looked, begin) = (&published, &looks, &looked, &begin);
                scope.spawn(move || {
                    begin.wait();
                    let mut held: Option<(Arc<Folded<Corpus>>, String)> = None;
                    for _ in 0..LOOKS {
                        let newest = Arc::clone(&published.read().unwrap());
                        check(newest.state());
                        let text = dump(newest.state());
                        if let Some((before, text)) = held.filter(|_| reader > 0) {
                            assert!(before.records() <= newest.records());
                            // What was held all the time is what it was.
                            assert!(dump(before.state()) == text, "a snapshot changed");
                        }
                        held = Some((newest, text));
                        *looks.lock().unwrap() += 1;
                        looked.notify_all();
                    }
                })
            })
            .collect();
        begin.wait();
        let mut dice = Dice::new(seed);
        let from = state.position();
        let rest: Vec<_> = records(log)
            .into_iter()
            .filter(|record| record.at >= from)
            .collect();
        let batches = 200;
        for (number, batch) in rest.chunks(rest.len().div_ceil(batches)).enumerate() {
            for record in batch {
                state.apply(record);
                if dice.below(16) == 0 {
                    drop(state.snapshot());
                }
            }
            *published.write().unwrap() = Arc::new(state.snapshot());
            let wanted = number * LOOKS * READERS / batches;
            // One that ended early has failed, and tells it.
            let failed = || readers.iter().any(|reader| reader.is_finished());
            let mut seen = looks.lock().unwrap();
            while *seen < wanted && !failed() {
                let a_while = Duration::from_millis(20);
                (seen, _) = looked.wait_timeout(seen, a_while).unwrap();
            }
        }
    });
    assert_equal(&state, &folded(log, &Rules::default()), "in the end");
    check(state.state());
}

#[test]
fn of_a_corpus_that_is_folded_from_the_start() {
    let log = synth_log(1);
    hammer(folded(&[], &Rules::default()), &log, 1);
}

#[tokio::test]
async fn of_a_corpus_that_goes_on_from_a_checkpoint() {
    let log = synth_log(2);
    let all = records(&log);
    let disk = DiskLog::new(&cut(&log, all[all.len() / 2].next));
    disk.load(&Rules::default())
        .await
        .checkpoint()
        .await
        .unwrap();
    let loaded = disk.load(&Rules::default()).await;
    assert!(loaded.opening.checkpoint.is_some() && loaded.opening.folded_bytes == 0);
    let mut loaded = loaded;
    let state = loaded.folded.snapshot();
    hammer(state, &log, 2);
}
