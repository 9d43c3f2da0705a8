//! The same records give the same corpus, bit for bit, however they came and whoever folded them.

use forgelog_replay::{Block, Corpus, Folded, Projection as _, Rules};
use log_core::Position;
use log_core::frame::Frames;

use crate::checkpoint_file::CheckpointFile;
use crate::log::{
    Bytewise, DiskLog, assert_equal, blocks, cut, folded, records, rich_log, synth_log,
};

const SEEDS: std::ops::RangeInclusive<u64> = 1..=4;

/// Numbers that are the same every time.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// One below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

fn empty() -> Folded<Corpus> {
    Folded::with(Corpus::with_rules(Rules::default()))
}

/// Runs of whole records, each of about so many bytes at most.
fn pieces(log: &[Vec<u8>], mut bytes_max: impl FnMut() -> usize) -> Vec<Block> {
    let mut pieces = Vec::new();
    for block in blocks(log) {
        let (mut start, mut max) = (0, bytes_max());
        for frame in Frames::new(&block.bytes, 0) {
            let end = frame.unwrap().end as usize;
            if end - start >= max || end == block.bytes.len() {
                pieces.push(Block {
                    start: start as u64,
                    bytes: block.bytes.part(start..end).unwrap(),
                    ..block
                });
                (start, max) = (end, bytes_max());
            }
        }
    }
    pieces
}

#[test]
fn one_record_at_a_time() {
    for seed in SEEDS {
        let log = synth_log(seed);
        let mut one_by_one = empty();
        for (number, record) in records(&log).iter().enumerate() {
            one_by_one.apply(record);
            if number % 7 == 0 {
                // What is shared with a snapshot is copied before it is written.
                drop(one_by_one.snapshot());
            }
        }
        let want = folded(&log, &Rules::default());
        assert_equal(&one_by_one, &want, &format!("seed {seed}"));
    }
}

#[test]
fn on_one_thread_and_on_several() {
    for seed in SEEDS {
        let log = synth_log(seed);
        let bytes: usize = log.iter().map(Vec::len).sum();
        assert!(bytes > 1 << 20, "what is shorter is folded on one thread");
        let mut small = empty();
        for piece in pieces(&log, || 64 << 10) {
            small.fold_blocks(&[piece]).unwrap();
        }
        let want = folded(&log, &Rules::default());
        assert_equal(&small, &want, &format!("seed {seed}"));
    }
}

#[test]
fn what_is_touched_does_not_depend_on_threads() {
    for seed in SEEDS {
        let log = synth_log(seed);
        let touched = |pieces: &[Vec<Block>]| {
            let mut corpus = Corpus::with_rules(Rules::default());
            corpus.watch();
            let mut from = Position::START;
            for piece in pieces {
                piece.iter().for_each(|block| corpus.attach(block));
                from = corpus.fold(piece, from).end;
            }
            corpus.touched()
        };
        let whole = touched(&[blocks(&log)]);
        let small = pieces(&log, || 64 << 10)
            .into_iter()
            .map(|piece| vec![piece]);
        assert_eq!(whole, touched(&small.collect::<Vec<_>>()), "seed {seed}");
        assert!(!whole.issues.is_empty() && !whole.cls.is_empty() && !whole.commits.is_empty());
        assert!(whole.issues.is_sorted() && whole.cls.is_sorted() && whole.refs.is_sorted());
    }
}

#[test]
fn however_blocks_are_cut() {
    for seed in SEEDS {
        let log = synth_log(seed);
        let want = folded(&log, &Rules::default());
        let mut dice = Dice::new(seed);
        let all = pieces(&log, || [1, 5_000, 300_000, 2_000_000][dice.below(4)]);
        let mut got = empty();
        let mut rest = &all[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(1 + dice.below(rest.len().min(20)));
            got.fold_blocks(now).unwrap();
            rest = later;
        }
        assert_equal(&got, &want, &format!("seed {seed}"));
    }
}

#[test]
fn what_was_applied_is_not_applied_again() {
    let log = synth_log(1);
    let mut got = empty();
    let all = blocks(&log);
    got.fold_blocks(&all[..2]).unwrap();
    got.fold_blocks(&all).unwrap();
    got.fold_blocks(&all).unwrap();
    assert_equal(&got, &folded(&log, &Rules::default()), "twice");
}

/// Opens the log again and again as it grows, each time from the checkpoint of the time before. Gives the last
/// checkpoint's bytes and those of one that was written after a cold opening.
async fn resumed(log: &Bytewise, numbers: &[usize], what: &str) -> [CheckpointFile; 2] {
    let rules = Rules::default();
    let all = records(log);
    let disk = DiskLog::new(&[]);
    disk.extend_to(&cut(log, all[numbers[0]].next));
    let mut last = None;
    let ends = numbers.iter().map(|number| all[*number].next);
    for end in ends.chain([all.last().unwrap().next]) {
        disk.extend_to(&cut(log, end));
        let mut loaded = disk.load(&rules).await;
        assert_eq!(loaded.opening.checkpoint, last, "{what}");
        assert_eq!(loaded.folded.position(), end, "{what}");
        last = Some(loaded.checkpoint().await.unwrap());
    }
    let loaded = disk.load(&rules).await;
    assert_eq!(loaded.opening.folded_bytes, 0, "{what}");
    let want = folded(log, &rules);
    assert_equal(&loaded.folded, &want, what);
    let resumed = CheckpointFile::read(&last.unwrap());
    let cold = DiskLog::new(log);
    let cold = cold.load(&rules).await.checkpoint().await.unwrap();
    [resumed, CheckpointFile::read(&cold)]
}

#[tokio::test]
async fn resumed_from_checkpoints_anywhere() {
    for seed in SEEDS {
        let log = synth_log(seed);
        let count = records(&log).len();
        let mut dice = Dice::new(seed);
        let mut numbers: Vec<usize> = (0..4).map(|_| dice.below(count)).collect();
        numbers.sort_unstable();
        let what = format!("seed {seed}, checkpoints after {numbers:?} of {count}");
        let [resumed, cold] = resumed(&log, &numbers, &what).await;
        assert!(resumed.bytes == cold.bytes, "{what}: other bytes");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_log_is_the_same_after_a_checkpoint() {
    let log = rich_log();
    let count = records(&log).len();
    let mut dice = Dice::new(7);
    for _ in 0..10 {
        let mut numbers: Vec<usize> = (0..3).map(|_| dice.below(count)).collect();
        numbers.sort_unstable();
        let what = format!("checkpoints after {numbers:?} of {count}");
        let [resumed, cold] = resumed(&log, &numbers, &what).await;
        assert!(resumed.bytes == cold.bytes, "{what}: other bytes");
    }
}
