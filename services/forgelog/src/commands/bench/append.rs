//! Durable appends to a local stream, beside the bare writes and syncs of the very same batches. Depends on `log-core`
//! through its public API, as a service does.
//!
//! So many callers append as fast as they are acknowledged, for one turn; the batches that the writer made of it are
//! noted where they reach the store. Then the same batches are written barely: each as a new file, and all to one open
//! file. A turn's rates are compared with each other and not with another turn's. Sealing goes on behind the writer
//! as it always does, and is part of what is measured; the bare peers have nothing like it.

mod noting;

use anyhow::{Context as _, Result};
use log_core::{LocalStore, NewRecord, Stream, Writer, WriterOptions};
use noting::{Batch, Noting};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

use super::bare::{self, Took};
use super::payload::Letters;
use super::sample::{median, median_ratio, milliseconds, percentile};
use super::table::{Figure, Row, figure};
use super::{Plan, runtime};

const CALLERS: [usize; 3] = [1, 16, 256];
const RECORD_BYTES: usize = 1000;
/// What the issue asks for beside (a); and beside (b), with one caller, above which it asks for another way.
const FILES_TARGET: f64 = 1.3;
const ONE_FILE_TARGET: f64 = 2.0;

/// What the turns of one number of callers gave.
#[derive(Debug, Default)]
struct Turns {
    /// Records a second, a turn each.
    ours: Vec<f64>,
    files: Vec<f64>,
    one_file: Vec<f64>,
    /// Milliseconds, an acknowledgement or a batch each.
    acknowledged: Vec<f64>,
    each_file: Vec<f64>,
    each_write: Vec<f64>,
    each_put: Vec<f64>,
    records: usize,
    batches: usize,
}

/// What one turn of ours gave.
struct Turn {
    took: Duration,
    acknowledged: Vec<Duration>,
    batches: Vec<Batch>,
}

pub(super) fn run(plan: &Plan) -> Result<Vec<Row>> {
    let mut turns: Vec<Turns> = CALLERS.map(|_| Turns::default()).into();
    let filler = Letters::new(3).text(4 << 20).into_bytes();
    for turn in 0..plan.turns {
        for (callers, turns) in CALLERS.into_iter().zip(&mut turns) {
            let folder = plan.folder.join(format!("append-{turn}-{callers}"));
            std::fs::create_dir_all(&folder).context("cannot make a folder")?;
            one_turn(plan, &folder, callers, &filler, turns)?;
            std::fs::remove_dir_all(&folder).context("cannot remove a folder")?;
        }
    }
    let rows = CALLERS.into_iter().zip(&turns);
    Ok(rows
        .flat_map(|(callers, turns)| turns.rows(callers))
        .collect())
}

fn one_turn(
    plan: &Plan,
    folder: &Path,
    callers: usize,
    filler: &[u8],
    turns: &mut Turns,
) -> Result<()> {
    let ours = runtime()?.block_on(ours(&folder.join("stream"), callers, plan.turn))?;
    let lengths: Vec<usize> = ours.batches.iter().map(|batch| batch.bytes).collect();
    let files = bare::files(&folder.join("files"), filler, &lengths)?;
    let one_file = bare::one_file(&folder.join("file"), filler, &lengths)?;
    let records = ours.acknowledged.len();
    let rate = |took: Duration| records as f64 / took.as_secs_f64();
    turns.ours.push(rate(ours.took));
    turns.files.push(rate(files.all));
    turns.one_file.push(rate(one_file.all));
    let times = |each: &[Duration]| each.iter().copied().map(milliseconds).collect::<Vec<_>>();
    turns.acknowledged.extend(times(&ours.acknowledged));
    let each = |took: &Took| times(&took.each);
    turns.each_file.extend(each(&files));
    turns.each_write.extend(each(&one_file));
    let puts = ours.batches.iter().map(|batch| milliseconds(batch.took));
    turns.each_put.extend(puts);
    turns.records += records;
    turns.batches += ours.batches.len();
    Ok(())
}

/// Appends with so many callers for one turn.
async fn ours(folder: &Path, callers: usize, turn: Duration) -> Result<Turn> {
    let noting = Noting::new(LocalStore::create(folder)?);
    let noted = noting.batches();
    let stream = Stream::open(Arc::new(noting), "streams/bench").await?;
    let writer = Writer::open(stream, WriterOptions::new("bench")).await?;
    let claims = noted.count();
    let mut appending = JoinSet::new();
    let began = Instant::now();
    for caller in 0..callers {
        appending.spawn(append_until(writer.clone(), caller as u64, began + turn));
    }
    let mut acknowledged = Vec::new();
    while let Some(times) = appending.join_next().await {
        acknowledged.extend(times.context("a caller died")??);
    }
    let took = began.elapsed();
    let batches = noted.since(claims);
    writer.close().await?;
    Ok(Turn {
        took,
        acknowledged,
        batches,
    })
}

/// One caller: appends the next record when the one before is acknowledged.
async fn append_until(writer: Writer, caller: u64, end: Instant) -> Result<Vec<Duration>> {
    let payload = bytes::Bytes::from(Letters::new(caller + 1).mutation(7, RECORD_BYTES));
    let mut times = Vec::new();
    loop {
        let began = Instant::now();
        if began >= end {
            return Ok(times);
        }
        writer
            .append(NewRecord::from_payload(payload.clone()))
            .await?;
        times.push(began.elapsed());
    }
}

impl Turns {
    fn rows(&self, callers: usize) -> Vec<Row> {
        let what = if callers == 1 {
            "1 caller".to_owned()
        } else {
            format!("{callers} callers")
        };
        let (per_file, per_write) = (
            median_ratio(&self.files, &self.ours),
            median_ratio(&self.one_file, &self.ours),
        );
        let mut ours = figures(&self.ours, &self.acknowledged);
        ours.push(figure("store p50", median(&self.each_put), "ms"));
        ours.push(figure(
            "",
            self.records as f64 / self.batches.max(1) as f64,
            "records a batch",
        ));
        let files = Row {
            what: "append",
            case: format!("{what}, 1 KB records"),
            ours,
            peer: (
                "a file each, 2 fsyncs",
                figures(&self.files, &self.each_file),
            ),
            ratio: Some(figure("", per_file, "×")),
            target: Some(("≤ 1.3×", per_file <= FILES_TARGET)),
        };
        let one_file = Row {
            what: "append",
            case: format!("{what}, 1 KB records"),
            ours: vec![figure("", median(&self.ours), "records/s")],
            peer: (
                "one file, fdatasync",
                figures(&self.one_file, &self.each_write),
            ),
            ratio: Some(figure("", per_write, "×")),
            target: (callers == 1).then_some(("≤ 2×", per_write <= ONE_FILE_TARGET)),
        };
        vec![files, one_file]
    }
}

fn figures(rates: &[f64], times: &[f64]) -> Vec<Figure> {
    vec![
        figure("", median(rates), "records/s"),
        figure("p50", percentile(times, 0.5), "ms"),
        figure("p99", percentile(times, 0.99), "ms"),
    ]
}
