//! How long after a record is durable it is to be seen in a corpus that follows the log, in the process that writes it.
//!
//! The log is a local stream; the writer appends small edits at a steady rate, one at a time. The clock starts when the
//! append is acknowledged, so that the disk's part is not in it, and stops when the corpus has it, for whoever waits.
//! Depends on `log-core`'s writer and [`Live`].

use anyhow::{Context as _, Result, ensure};
use forgelog_replay::{Corpus, Live, Source};
use log_core::{NewRecord, Stream, StreamUrl, Writer, WriterOptions};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::time::{MissedTickBehavior, interval};

use super::super::sample::{milliseconds, percentile};
use super::super::table::{Row, figure};
use super::child::{Given, Task};
use super::edits::Edits;
use super::logs::Log;
use super::{NOBODY, child};

/// What the issue asks for, in milliseconds.
const TARGET: f64 = 1.0;
/// Appends a second, and how many a turn has.
const RATE: u32 = 500;
const RECORDS: usize = 1000;

/// What a child tells, in milliseconds, a record each.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Seen {
    /// From the acknowledgement.
    since_durable: Vec<f64>,
    /// From when the append began.
    since_append: Vec<f64>,
}

/// Opens from a checkpoint beside the log, which it makes, and appends and waits; in a child.
pub(super) fn follow(runtime: &Runtime, given: &Given) -> Result<Seen> {
    runtime.block_on(async {
        let options = given.options(false);
        let mut loaded = Corpus::load(&given.log, None, &options).await?;
        loaded.checkpoint_beside().await?;
        drop(loaded);
        let (store, prefix) = given.log.parse::<StreamUrl>()?.open()?;
        let stream = Stream::open(store, &prefix).await?;
        let source = Source::of_stream(stream.clone(), None);
        let live = Corpus::open_from(source, given.options(true)).await?;
        let writer = Writer::open(stream, WriterOptions::new("bench")).await?;
        let seen = append(&writer, &live, given.count).await;
        writer.close().await?;
        seen
    })
}

async fn append(writer: &Writer, live: &Live<Corpus>, count: usize) -> Result<Seen> {
    let before = live.snapshot();
    let newest = before.recorded().context("the log is empty")?;
    let mut edits = Edits::of(before.state(), newest.unix_seconds())?;
    let mut ticks = interval(Duration::from_secs(1) / RATE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = Seen::default();
    for _ in 0..count {
        let record = NewRecord::new(&edits.next_edit());
        ticks.tick().await;
        let began = Instant::now();
        let appended = writer.append(record).await?;
        let durable = Instant::now();
        let snapshot = live.wait_for(appended.next).await?;
        let now = Instant::now();
        ensure!(
            snapshot.position() >= appended.next,
            "the record at {} was said to be seen, and is not",
            appended.at
        );
        seen.since_durable
            .push(milliseconds(now.duration_since(durable)));
        seen.since_append
            .push(milliseconds(now.duration_since(began)));
    }
    Ok(seen)
}

/// Takes so many turns on a log that may be appended to.
pub(super) fn rows(log: &Log, turns: usize) -> Result<Vec<Row>> {
    let given = Given {
        count: RECORDS,
        ..log.given()
    };
    let mut all = Seen::default();
    for _ in 0..turns {
        let seen: Seen = child::ask(Task::Visible, &given)?;
        all.since_durable.extend(seen.since_durable);
        all.since_append.extend(seen.since_append);
    }
    let at = |times: &[f64], p, name| figure(name, percentile(times, p), "ms");
    let since = &all.since_durable;
    Ok(vec![Row {
        what: "visible",
        case: format!("{}: from durable to seen, {RATE}/s", log.case),
        ours: vec![
            at(since, 0.5, "p50"),
            at(since, 0.99, "p99"),
            at(since, 1.0, "worst"),
            at(&all.since_append, 0.5, "with the append p50"),
        ],
        peer: NOBODY,
        ratio: None,
        target: Some(("p99 ≤ 1 ms", percentile(since, 0.99) <= TARGET)),
    }])
}
