//! How many small edits a second a corpus takes that was opened from a checkpoint, where every page is copied when it
//! is first written to.
//!
//! The edits are batches in memory, as following a log gives them. Each batch is folded as [`forgelog_replay::Live`]
//! does it: attached, folded, what it touched taken, a snapshot made and published. Every run is a process of its own,
//! so that it begins with pages that nobody has copied. Depends on the projection's steps.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use forgelog_replay::{Block, Corpus, Projection};
use log_core::Position;
use log_core::frame::encode;
use log_core::segment::SEGMENT_BYTES_MAX;
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::slice;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Runtime;

use super::super::sample::{median, percentile};
use super::super::table::{Row, figure};
use super::child::{Given, Task};
use super::edits::Edits;
use super::logs::Log;
use super::{NOBODY, child};

/// What the issue asks for: edits a second.
const TARGET: f64 = 1e6;
/// Edits of one run.
const EDITS: usize = 500_000;
/// Records in a batch: as many as whoever is far behind folds at once; about a full one; one of 256 callers'
/// (BENCHMARKS.md); a lone one.
const BATCHES: [usize; 4] = [65_536, TARGET_BATCH, 144, 1];
/// Those of which the issue's figure is taken.
const TARGET_BATCH: usize = 8192;

/// What a child tells.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Applied {
    edits: usize,
    bytes: usize,
    seconds: f64,
}

/// Folds edits in batches of `given.count` records, in a child.
pub(super) fn apply(runtime: &Runtime, given: &Given) -> Result<Applied> {
    let options = given.options(true);
    let mut loaded = runtime.block_on(Corpus::load(&given.log, None, &options))?;
    let is_warm = loaded.opening.checkpoint.is_some();
    ensure!(is_warm, "the checkpoint was not used");
    let folded = loaded.folded.snapshot();
    let newest = folded.recorded().context("the log is empty")?;
    // A snapshot, so that what is read for the edits is not read of the corpus that takes them.
    let mut edits = Edits::of(folded.state(), newest.unix_seconds())?;
    let from = Position::start_of(folded.position().segment + 1);
    // A lone one costs as much as many; a tenth of them is enough.
    let count = if given.count == 1 { EDITS / 10 } else { EDITS };
    let blocks = batches(&mut edits, from, count, given.count);
    let mut corpus = folded.state().again();
    corpus.watch();
    let began = Instant::now();
    let records = fold(&mut corpus, &blocks, from)?;
    let seconds = began.elapsed().as_secs_f64();
    ensure!(records == count as u64, "{records} of {count} were folded");
    Ok(Applied {
        edits: count,
        bytes: blocks.iter().map(|block| block.bytes.len()).sum(),
        seconds,
    })
}

/// The edits as a log holds them from a segment's start on, in batches of so many.
fn batches(edits: &mut Edits, from: Position, count: usize, in_batch: usize) -> Vec<Block> {
    let (mut blocks, mut bytes, mut at) = (Vec::new(), Vec::new(), from);
    let mut records = 0;
    for number in 1..=count {
        let offset = at.offset + bytes.len() as u64;
        encode(&mut bytes, offset, &edits.next_logged());
        records += 1;
        if records < in_batch && number < count {
            continue;
        }
        records = 0;
        let block = Block {
            segment: at.segment,
            start: at.offset,
            bytes: Bytes::from(std::mem::take(&mut bytes)).into(),
        };
        at = block.end();
        if at.offset + block.bytes.len() as u64 > SEGMENT_BYTES_MAX {
            at = Position::start_of(at.segment + 1);
        }
        blocks.push(block);
    }
    blocks
}

/// Folds each batch and publishes what it makes; gives how many records there were.
fn fold(corpus: &mut Corpus, blocks: &[Block], from: Position) -> Result<u64> {
    let (mut from, mut records) = (from, 0);
    let mut published = Arc::new(Corpus::default());
    for block in blocks {
        corpus.attach(block);
        let walked = corpus.fold(slice::from_ref(block), from);
        let is_whole = walked.error.is_none() && walked.skipped == 0;
        ensure!(is_whole, "an edit was not folded: {:?}", walked.kept);
        from = walked.end;
        records += walked.records;
        black_box(corpus.touched());
        published = Arc::new(corpus.snapshot());
    }
    black_box(published);
    Ok(records)
}

/// Takes so many turns, from the checkpoint that is in the log's cache.
pub(super) fn rows(log: &Log, turns: usize) -> Result<Vec<Row>> {
    let mut runs = BATCHES.map(|_| Vec::new());
    for _ in 0..turns {
        for (count, runs) in BATCHES.into_iter().zip(&mut runs) {
            let given = Given {
                count,
                ..log.given()
            };
            runs.push(child::ask::<Applied>(Task::Apply, &given)?);
        }
    }
    let rows = BATCHES.into_iter().zip(&runs);
    Ok(rows
        .map(|(in_batch, runs)| row(log, in_batch, runs))
        .collect())
}

fn row(log: &Log, in_batch: usize, runs: &[Applied]) -> Row {
    let rates: Vec<f64> = runs
        .iter()
        .map(|run| run.edits as f64 / run.seconds)
        .collect();
    let each = runs.iter().map(|run| run.bytes as f64 / run.edits as f64);
    let batches = runs.iter().map(|run| {
        let batches = run.edits.div_ceil(in_batch) as f64;
        run.seconds / batches * 1e3
    });
    Row {
        what: "apply",
        case: format!("{}: edits, {in_batch} a batch", log.case),
        ours: vec![
            figure("", median(&rates) / 1e6, "M/s"),
            figure("worst", percentile(&rates, 0.0) / 1e6, "M/s"),
            figure("a batch", median(&batches.collect::<Vec<_>>()), "ms"),
            figure("a record", median(&each.collect::<Vec<_>>()), "B"),
        ],
        peer: NOBODY,
        ratio: None,
        target: (in_batch == TARGET_BATCH).then_some(("≥ 1 M/s", median(&rates) >= TARGET)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::Message as _;
    use proto::maintpb::{GithubIssueMutation, GithubLabel, GithubMutation, Mutation};

    /// A corpus of a few issues.
    fn small() -> Result<Corpus> {
        let issue = |number| Mutation {
            github_issue: Some(GithubIssueMutation {
                owner: "golang".to_owned(),
                repo: "go".to_owned(),
                number,
                title: "a title".to_owned(),
                ..GithubIssueMutation::default()
            }),
            github: Some(GithubMutation {
                owner: "golang".to_owned(),
                repo: "go".to_owned(),
                labels: vec![GithubLabel {
                    id: 7,
                    name: "NeedsFix".to_owned(),
                }],
                ..GithubMutation::default()
            }),
            ..Mutation::default()
        };
        let mut bytes = Vec::new();
        for number in 1..=5 {
            let offset = bytes.len() as u64;
            encode(&mut bytes, offset, &issue(number).encode_to_vec());
        }
        let block = Block {
            segment: 0,
            start: 0,
            bytes: Bytes::from(bytes).into(),
        };
        let mut corpus = Corpus::default();
        fold(&mut corpus, &[block], Position::START)?;
        Ok(corpus)
    }

    #[test]
    fn batches_follow_each_other_and_are_folded_whole() -> Result<()> {
        let mut corpus = small()?;
        let before = corpus.snapshot();
        let mut edits = Edits::of(&before, 1_600_000_000)?;
        let from = Position::start_of(1);
        let blocks = batches(&mut edits, from, 1000, 144);
        assert_eq!(blocks.len(), 7);
        let follow = |pair: &[Block]| pair[0].end() == pair[1].at();
        assert!(blocks.windows(2).all(follow));
        assert_eq!(fold(&mut corpus, &blocks, from)?, 1000);
        let comments = |corpus: &Corpus| -> usize {
            let repo = corpus.github_repo("golang", "go");
            let issues = repo.into_iter().flat_map(|repo| repo.issues());
            issues.map(|issue| issue.comment_count()).sum()
        };
        assert_eq!((comments(&before), comments(&corpus)), (0, 250));
        Ok(())
    }

    #[test]
    fn a_corpus_without_issues_has_none_to_edit() {
        assert!(Edits::of(&Corpus::default(), 0).is_err());
    }
}
