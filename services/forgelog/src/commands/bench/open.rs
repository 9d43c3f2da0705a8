//! What it takes to open a local stream for append, beside one bare listing of its files. Depends on `log-core`.
//!
//! The streams are made of sealed segments, which are written as plain files here, and a tail, which goes through the
//! local store as a writer's would. Every opening begins with a store that knows nothing, as in a new process, though
//! the system has the files in memory. Afterwards the tail is put back as it was.

mod stream;

use anyhow::{Context as _, Result};
use log_core::{LocalStore, Stream, Writer, WriterOptions};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::sample::{median, milliseconds, percentile};
use super::table::{Row, figure};
use super::{Plan, runtime};
use stream::{Shape, make, put_back};

/// What the issue asks for, in milliseconds.
const TARGET: f64 = 50.0;
const PREFIX: &str = "streams/bench";

/// Full segments of the larger and of the smaller stream: 2 GB and 0.1 GB.
const LARGE: u32 = 128;
const SMALL: u32 = 6;
/// A segment whose last batch is the writer's own claim.
const FULL_TAIL: usize = 4095;

/// What openings of one stream took, in milliseconds, one each.
#[derive(Debug, Default)]
struct Openings {
    /// Both.
    all: Vec<f64>,
    /// `Stream::open` alone.
    stream: Vec<f64>,
    listing: Vec<f64>,
}

pub(super) fn run(plan: &Plan) -> Result<Vec<Row>> {
    let shapes = [
        (
            "0.1 GB, 8 batches in its tail",
            Shape::new(SMALL, 8, 1000),
            false,
        ),
        (
            "2 GB, nothing in its tail",
            Shape::new(LARGE, 0, 1000),
            true,
        ),
        (
            "2 GB, 8 batches in its tail",
            Shape::new(LARGE, 8, 1000),
            true,
        ),
        (
            "2 GB, 4,095 batches of 100 B",
            Shape::new(LARGE, FULL_TAIL, 100),
            true,
        ),
        (
            "2 GB, 4,095 batches of 4 KB",
            Shape::new(LARGE, FULL_TAIL, 4000),
            true,
        ),
    ];
    let runtime = runtime()?;
    let mut rows = Vec::new();
    for (case, shape, is_target) in shapes {
        let folder = plan.folder.join("open");
        let below = folder.join(PREFIX);
        runtime.block_on(make(&folder, PREFIX, shape))?;
        let openings = openings(plan, &runtime, &folder)?;
        // The sealed segments are the next stream's too, as far as it has them.
        stream::remove_tail(&below)?;
        rows.push(openings.row(case, is_target));
    }
    Ok(rows)
}

fn openings(plan: &Plan, runtime: &tokio::runtime::Runtime, folder: &Path) -> Result<Openings> {
    let mut openings = Openings::default();
    let below = folder.join(PREFIX);
    let before = stream::tail_as_it_is(&below)?;
    for _ in 0..plan.turns.max(3) * 2 {
        let began = Instant::now();
        stream::list(&below)?;
        openings.listing.push(milliseconds(began.elapsed()));
        let (stream, all) = runtime.block_on(open(folder))?;
        openings.stream.push(stream);
        openings.all.push(all);
        put_back(&below, &before)?;
    }
    Ok(openings)
}

/// Opens the stream for append; gives what its two steps took.
async fn open(folder: &Path) -> Result<(f64, f64)> {
    let began = Instant::now();
    let store = Arc::new(LocalStore::open(folder)?);
    let stream = Stream::open(store, PREFIX).await?;
    let opened = milliseconds(began.elapsed());
    let writer = Writer::open(stream, WriterOptions::new("bench")).await?;
    let all = milliseconds(began.elapsed());
    writer.close().await.context("cannot close the writer")?;
    Ok((opened, all))
}

impl Openings {
    fn row(&self, case: &str, is_target: bool) -> Row {
        let (all, listing) = (median(&self.all), median(&self.listing));
        Row {
            what: "open",
            case: case.to_owned(),
            ours: vec![
                figure("", all, "ms"),
                figure("worst", percentile(&self.all, 1.0), "ms"),
                figure("to read", median(&self.stream), "ms"),
            ],
            peer: ("listing the files", vec![figure("", listing, "ms")]),
            ratio: None,
            target: is_target.then_some(("≤ 50 ms", all <= TARGET)),
        }
    }
}
