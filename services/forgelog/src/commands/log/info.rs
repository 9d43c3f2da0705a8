//! `forgelog log info`: how long the streams are, and who wrote last. Counting records means reading them all. Depends
//! on `log-core`.

use anyhow::Result;
use forgelog_replay::Time;
use log_core::layout::Segment;
use log_core::{Position, Stream, meta_of};
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

use crate::data_folder::{DataFolder, STREAMS};

/// What a stream holds.
#[derive(Debug, Default)]
struct Summary {
    name: String,
    tail: Position,
    sealed: usize,
    open: usize,
    bytes: u64,
    records: u64,
    first: Option<Time>,
    last: Option<Time>,
    epoch: u64,
    writer: String,
}

pub(super) async fn run(folder: &DataFolder, json: bool, out: &mut impl Write) -> Result<ExitCode> {
    let mut summaries = Vec::new();
    for name in STREAMS {
        summaries.push(summary(&folder.stream(name).await?).await?);
    }
    if json {
        let streams: Vec<Value> = summaries.iter().map(as_json).collect();
        writeln!(
            out,
            "{:#}",
            json!({ "data": folder.path().display().to_string(), "streams": streams })
        )?;
    } else {
        writeln!(out, "{}", folder.path().display())?;
        for summary in &summaries {
            write_text(summary, out)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn summary(stream: &Stream) -> Result<Summary> {
    let mut summary = Summary {
        name: stream.name().to_owned(),
        tail: stream.tail(),
        ..Summary::default()
    };
    for segment in stream.segments() {
        match &segment {
            Segment::Sealed(_) => summary.sealed += 1,
            Segment::Tail(_) => summary.open += 1,
        }
        summary.bytes += segment.len();
    }
    let mut reader = stream.reader(Position::START);
    while reader.position() < summary.tail {
        let records = reader.next_batch().await?;
        if records.is_empty() {
            break;
        }
        summary.records += records.len() as u64;
        for meta in records.iter().filter_map(|record| meta_of(&record.payload)) {
            let recorded = meta.recorded.map(Time::from);
            summary.first = summary.first.or(recorded);
            summary.last = recorded.or(summary.last);
            if meta.epoch >= summary.epoch {
                (summary.epoch, summary.writer) = (meta.epoch, meta.writer);
            }
        }
    }
    Ok(summary)
}

fn as_json(summary: &Summary) -> Value {
    let text = |time: Option<Time>| time.map(|time| time.to_string());
    json!({
        "name": summary.name,
        "tail": summary.tail.to_string(),
        "segments": { "sealed": summary.sealed, "open": summary.open },
        "bytes": summary.bytes,
        "records": summary.records,
        "first_recorded": text(summary.first),
        "last_recorded": text(summary.last),
        "epoch": summary.epoch,
        "writer": summary.writer,
    })
}

fn write_text(summary: &Summary, out: &mut impl Write) -> Result<()> {
    let Summary {
        name,
        tail,
        sealed,
        open,
        bytes,
        records,
        first,
        last,
        epoch,
        writer,
    } = summary;
    writeln!(out, "\n{name}")?;
    writeln!(out, "  tail      {tail}")?;
    writeln!(out, "  segments  {sealed} sealed, {open} open")?;
    writeln!(out, "  records   {records} in {bytes} bytes")?;
    if let (Some(first), Some(last)) = (first, last) {
        writeln!(out, "  recorded  {first} to {last}")?;
        writeln!(out, "  epoch     {epoch}, by {writer}")?;
    }
    Ok(())
}
