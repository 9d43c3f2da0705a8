//! `forgelog log info`: how long logs are, and who wrote last. Depends on `log-core`.

use anyhow::Result;
use clap::Args;
use forgelog_replay::Time;
use log_core::layout::Segment;
use log_core::{Position, ReadError, Reader, Stream, explain, meta_of};
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

use super::http;
use super::source::Any;
use super::with_exit_codes;

/// Records are counted by reading all of them, which is cheap up to so many bytes.
const COUNTED_BYTES_MAX: u64 = 64 << 20;

/// Show how long logs are, and who wrote last.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
Examples:
  forgelog log info --data .forgelog --json
  forgelog log info --log s3://bucket/log
  forgelog log info --log http://127.0.0.1:8080/logs"))]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    log: Any,
    /// Count the records of long logs too, which takes a while.
    #[arg(long)]
    count: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What a log holds.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) name: String,
    pub(super) tail: Position,
    pub(super) sealed: usize,
    pub(super) open: usize,
    pub(super) bytes: u64,
    /// Unless nobody counted.
    pub(super) records: Option<u64>,
    pub(super) first: Option<Time>,
    pub(super) last: Option<Time>,
    pub(super) epoch: u64,
    pub(super) writer: String,
    pub(super) strays: Vec<String>,
    pub(super) gap: Option<String>,
    /// Why its records cannot all be read.
    pub(super) problem: Option<String>,
}

impl Arguments {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<ExitCode> {
        let mut summaries = Vec::new();
        if let Some(url) = self.log.http() {
            summaries.push(http::summary(url).await?);
        } else {
            for stream in self.log.streams().await?.0 {
                summaries.push(summary(&stream, self.count).await?);
            }
        }
        let folder = self.log.folder()?;
        match (&folder, summaries.as_slice()) {
            (None, [summary]) if self.json => writeln!(out, "{:#}", as_json(summary))?,
            (Some(folder), _) if self.json => {
                let streams: Vec<Value> = summaries.iter().map(as_json).collect();
                let data = folder.path().display().to_string();
                writeln!(out, "{:#}", json!({ "data": data, "streams": streams }))?;
            }
            _ => {
                if let Some(folder) = &folder {
                    writeln!(out, "{}\n", folder.path().display())?;
                }
                for (number, summary) in summaries.iter().enumerate() {
                    if number > 0 {
                        writeln!(out)?;
                    }
                    write_text(summary, out)?;
                }
            }
        }
        let readable = summaries.iter().all(|summary| summary.problem.is_none());
        Ok(if readable {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

async fn summary(stream: &Stream, count: bool) -> Result<Summary> {
    let mut summary = Summary {
        name: stream.name().to_owned(),
        tail: stream.tail(),
        strays: stream.strays(),
        gap: stream.gap().map(|gap| gap.to_string()),
        ..Summary::default()
    };
    let segments = stream.segments();
    for segment in &segments {
        match segment {
            Segment::Sealed(_) => summary.sealed += 1,
            Segment::Tail(_) => summary.open += 1,
        }
        summary.bytes += segment.len();
    }
    if let Err(error) = summary.look(stream, &segments, count).await {
        summary.problem = Some(explain(&error));
    }
    Ok(summary)
}

impl Summary {
    /// Looks at all records or, where they are many, at the first ones and those of the last segment that has any.
    async fn look(
        &mut self,
        stream: &Stream,
        segments: &[Segment],
        count: bool,
    ) -> Result<(), ReadError> {
        let mut reader = stream.reader(Position::START);
        if count || self.bytes <= COUNTED_BYTES_MAX {
            self.records = Some(self.read(&mut reader, u64::MAX).await?);
            return Ok(());
        }
        self.read(&mut reader, 1).await?;
        let numbered = (0..).zip(segments);
        let last = numbered.filter(|(_, segment)| !segment.is_empty()).last();
        let last = last.map_or(0, |(number, _)| number);
        let mut reader = stream.reader(Position::start_of(last));
        self.read(&mut reader, u64::MAX).await?;
        Ok(())
    }

    /// Looks at the records of so many batches; gives their number.
    async fn read(&mut self, reader: &mut Reader, batches: u64) -> Result<u64, ReadError> {
        let mut count = 0;
        for _ in 0..batches {
            if reader.position() >= self.tail {
                break;
            }
            let records = match reader.next_batch().await {
                // The gap is told by itself.
                Err(ReadError::Gap { .. }) => break,
                read => read?,
            };
            if records.is_empty() {
                break;
            }
            count += records.len() as u64;
            for meta in records.iter().filter_map(|record| meta_of(&record.payload)) {
                let recorded = meta.recorded.map(Time::from);
                self.first = self.first.or(recorded);
                self.last = recorded.or(self.last);
                if meta.epoch >= self.epoch {
                    (self.epoch, self.writer) = (meta.epoch, meta.writer);
                }
            }
        }
        Ok(count)
    }
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
        "strays": summary.strays,
        "gap": summary.gap,
        "problem": summary.problem,
    })
}

fn write_text(summary: &Summary, out: &mut impl Write) -> Result<()> {
    writeln!(out, "{}", summary.name)?;
    writeln!(out, "  tail      {}", summary.tail)?;
    let (sealed, open) = (summary.sealed, summary.open);
    writeln!(out, "  segments  {sealed} sealed, {open} open")?;
    match summary.records {
        Some(records) => writeln!(out, "  records   {records} in {} bytes", summary.bytes)?,
        None => writeln!(
            out,
            "  bytes     {} (--count counts the records)",
            summary.bytes
        )?,
    }
    if let (Some(first), Some(last)) = (summary.first, summary.last) {
        writeln!(out, "  recorded  {first} to {last}")?;
        writeln!(out, "  epoch     {}, by {}", summary.epoch, summary.writer)?;
    }
    if let Some(gap) = &summary.gap {
        writeln!(out, "  gap       {gap}; restore it from a copy of the log")?;
    }
    if let Some(problem) = &summary.problem {
        writeln!(out, "  problem   {problem}; `log verify` tells all of them")?;
    }
    for stray in &summary.strays {
        writeln!(out, "  stray     {stray} is no part of the log")?;
    }
    Ok(())
}
