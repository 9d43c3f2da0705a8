//! What opening cold can't be faster than, and where its time goes, as far as it can be told from outside.
//!
//! The floor is to read every byte of the mapped log once. The stages are done alone, on one thread, over the whole
//! log: finding the frames; taking the records apart and decoding every field; folding all records; and folding those
//! of GitHub alone, and those of git and Gerrit alone, which are the two sides that a cold open folds at once. Each
//! fold begins with the two stages before it, for its own records; the rest of it is the tables. Depends on the source
//! and the wire view.

use anyhow::{Context as _, Result, ensure};
use forgelog_replay::wire::Parts;
use forgelog_replay::{Block, Corpus, Projection, RecordRef, Source};
use log_core::Position;
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::time::Instant;
use tokio::runtime::Runtime;

use super::super::sample::median;
use super::super::table::{Row, figure};
use super::child::{Given, Task};
use super::cold::Opens;
use super::logs::Log;
use super::{child, megabytes};

/// How often the bytes are read; the best counts, as it is a floor.
const PASSES: usize = 5;

/// What a child tells, in seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Passes {
    records: u64,
    /// Finding and mapping the files.
    map: f64,
    /// The first reading, in which the system maps each page; on two threads.
    first: f64,
    /// The best of the later ones.
    two_threads: f64,
    one_thread: f64,
    frames: f64,
    decode: f64,
    fold: f64,
    github: f64,
    git: f64,
}

/// Does all of it once, in a child.
pub(super) fn pass(runtime: &Runtime, given: &Given) -> Result<Passes> {
    let began = Instant::now();
    let blocks = runtime.block_on(async {
        let mut source = Source::open(&given.log, given.source()).await?;
        anyhow::Ok(source.read(Position::START, u64::MAX).await?)
    })?;
    let map = began.elapsed().as_secs_f64();
    let first = seconds(|| two_threads(&blocks));
    let best = |sum: fn(&[Block]) -> u64| {
        let passes = (0..PASSES).map(|_| seconds(|| sum(&blocks)));
        passes.fold(f64::INFINITY, f64::min)
    };
    let (mut records, mut is_github) = (0, Vec::new());
    let frames = seconds(|| {
        records = walk(&blocks).count() as u64;
        records
    });
    let mut decoded = true;
    let decode = seconds(|| {
        for record in walk(&blocks) {
            let parts = Parts::split(record.payload);
            decoded &= parts.is_ok_and(|parts| parts.check_all().is_ok());
        }
        u64::from(decoded)
    });
    ensure!(decoded, "the log has records that are no mutations");
    for record in walk(&blocks) {
        let parts = Parts::split(record.payload).context("a record is no mutation")?;
        is_github.push(!parts.github_issue.is_empty() || !parts.github.is_empty());
    }
    let of_github = |number: usize| is_github.get(number).copied().unwrap_or_default();
    Ok(Passes {
        records,
        map,
        first,
        two_threads: best(two_threads),
        one_thread: best(one_thread),
        frames,
        decode,
        fold: seconds(|| fold(&blocks, |_| true)),
        github: seconds(|| fold(&blocks, of_github)),
        git: seconds(|| fold(&blocks, |number| !of_github(number))),
    })
}

/// What something takes; its outcome is kept, so that it is done.
fn seconds(work: impl FnOnce() -> u64) -> f64 {
    let began = Instant::now();
    black_box(work());
    began.elapsed().as_secs_f64()
}

/// The records, up to the first place that is none.
fn walk(blocks: &[Block]) -> impl Iterator<Item = RecordRef<'_>> {
    blocks.iter().flat_map(|block| {
        let segment = block.segment;
        let frames = block.frames().map_while(Result::ok);
        frames.map(move |frame| RecordRef {
            at: Position {
                segment,
                offset: frame.offset,
            },
            next: Position {
                segment,
                offset: frame.end,
            },
            payload: frame.payload,
        })
    })
}

/// Folds the records whose numbers are wanted on this thread; gives how many they were.
fn fold(blocks: &[Block], is_wanted: impl Fn(usize) -> bool) -> u64 {
    let mut corpus = Corpus::default();
    for block in blocks {
        corpus.attach(block);
    }
    let mut folded = 0;
    for (number, record) in walk(blocks).enumerate() {
        if is_wanted(number) {
            black_box(corpus.apply(record));
            folded += 1;
        }
    }
    folded
}

fn one_thread(blocks: &[Block]) -> u64 {
    blocks
        .iter()
        .map(|block| sum(&block.bytes))
        .fold(0, u64::wrapping_add)
}

fn two_threads(blocks: &[Block]) -> u64 {
    let (first, second) = blocks.split_at(blocks.len() / 2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| one_thread(second));
        let sum = one_thread(first);
        // It can't panic; if it did, a sum would be the least of it.
        sum.wrapping_add(other.join().unwrap_or_default())
    })
}

/// Looks at every byte, several at a time.
fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let rest = rest.iter().copied().map(u64::from);
    words.chain(rest).fold(0, u64::wrapping_add)
}

/// Takes so many turns. Beside them is what opening cold took.
pub(super) fn rows(log: &Log, turns: usize, opens: &Opens) -> Result<Vec<Row>> {
    let mut passes: Vec<Passes> = Vec::new();
    for _ in 0..turns {
        passes.push(child::ask(Task::Floor, &log.given())?);
    }
    let of = |value: fn(&Passes) -> f64| median(&passes.iter().map(value).collect::<Vec<_>>());
    let wall = median(&opens.of_ours(|open| open.cost.seconds));
    let cpu = median(&opens.of_ours(|open| open.cost.cpu_seconds));
    let records = passes.first().map_or(0, |pass| pass.records) as f64;
    let bytes = log.bytes as f64;
    let floor = |of_what: &str, took: f64| Row {
        what: "floor",
        case: format!("{}: {of_what}", log.case),
        ours: vec![
            figure("", took * 1e3, "ms"),
            figure("", bytes / 1e9 / took, "GB/s"),
        ],
        peer: ("cold open", vec![figure("", wall * 1e3, "ms")]),
        ratio: Some(figure("", wall / took, "×")),
        target: None,
    };
    let stage = |of_what: &str, took: f64| Row {
        what: "profile",
        case: format!("{}: {of_what}", log.case),
        ours: vec![
            figure("", took * 1e3, "ms"),
            figure("", megabytes(bytes) / took, "MB/s"),
            figure("", took * 1e9 / records, "ns a record"),
        ],
        peer: ("cold open's processor", vec![figure("", cpu * 1e3, "ms")]),
        ratio: Some(figure("", took / cpu * 100.0, "%")),
        target: None,
    };
    Ok(vec![
        floor(
            "every byte, on 2 threads, the first time",
            of(|pass| pass.first),
        ),
        floor("every byte, on 2 threads", of(|pass| pass.two_threads)),
        floor("every byte, on 1 thread", of(|pass| pass.one_thread)),
        stage("finding and mapping the files", of(|pass| pass.map)),
        stage("finding the frames", of(|pass| pass.frames)),
        stage("and decoding every field", of(|pass| pass.decode)),
        stage("folding GitHub's records", of(|pass| pass.github)),
        stage("folding git's and Gerrit's records", of(|pass| pass.git)),
        stage(
            "folding all, each record alone, on 1 thread",
            of(|pass| pass.fold),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use log_core::frame::encode;

    #[test]
    fn every_byte_is_looked_at() {
        assert_eq!(sum(&[]), 0);
        assert_eq!(sum(&[1, 0, 0, 0, 0, 0, 0, 0, 2, 3]), 6);
        let block = |bytes: &[u8]| Block {
            segment: 0,
            start: 0,
            bytes: Bytes::copy_from_slice(bytes).into(),
        };
        let blocks = [block(b"abc"), block(b"d"), block(b"")];
        assert_eq!(one_thread(&blocks), 394);
        assert_eq!(two_threads(&blocks), 394);
    }

    #[test]
    fn records_are_chosen_by_their_number() {
        let mut bytes = Vec::new();
        for _ in 0..5 {
            let offset = bytes.len() as u64;
            encode(&mut bytes, offset, b"");
        }
        let block = Block {
            segment: 3,
            start: 0,
            bytes: Bytes::from(bytes).into(),
        };
        let blocks = [block];
        assert_eq!(walk(&blocks).count(), 5);
        assert_eq!(fold(&blocks, |number| number % 2 == 0), 3);
    }
}
