//! `forgelog log cat`: the records of a log, one a line, or its bytes as they are. Depends on `replay::dump` for what
//! records say.

mod raw;

use anyhow::Result;
use clap::{Args, ValueEnum};
use forgelog_replay::{Time, dump};
use log_core::{Position, Record, meta_of};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use super::mutation::Mutation;
use super::records::{Log, Records};
use super::source::One;
use super::with_exit_codes;

/// Print the records of a log.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
Examples:
  forgelog log cat --stream builds                         # one line a record
  forgelog log cat --stream builds --format json --follow  # one JSON object a line, as they come
  forgelog log cat --stream activity --from 0000.2f1 --to 0001.0
  forgelog log cat --log file:///srv/log --format raw > log.mutlog
  forgelog log cat --log http://127.0.0.1:8080/logs --limit 10"))]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    log: One,
    /// Begin with the record at this position, such as 0000.2f1.
    #[arg(long, value_name = "POSITION")]
    from: Option<Position>,
    /// End before the record at this position.
    #[arg(long, value_name = "POSITION")]
    to: Option<Position>,
    /// End where the log ended at this time, such as 2026-11-23T12:00:00Z, or position.
    #[arg(long, value_name = "MOMENT")]
    at: Option<Moment>,
    /// Print so many records at most.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// At the end, wait for more.
    #[arg(long)]
    follow: bool,
    /// How to print a record.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The message that the records are [default: that of the stream's name]
    #[arg(long, value_enum)]
    message: Option<Mutation>,
    /// Keep the copy of a server's log in this folder, and fetch only what is new the next time.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line: position, time, writer/epoch, content.
    Text,
    /// A JSON object on a line.
    Json,
    /// The bytes as they are stored, frames included.
    Raw,
}

/// A moment in the log's history.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Position(Position),
    Time(Time),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let position = text.parse().map(Self::Position);
        position
            .or_else(|_| text.parse().map(Self::Time))
            .map_err(|_| {
                "write a time such as 2026-11-23T12:00:00Z, or a position such as 17.2ab10"
                    .to_owned()
            })
    }
}

impl Arguments {
    pub(super) async fn run(&self, out: &mut impl Write) -> Result<ExitCode> {
        let mut log = Log::open(self.log.source().await?, self.cache.as_deref()).await?;
        let counted = self.limit.is_some() || matches!(self.at, Some(Moment::Time(_)));
        if self.format == Format::Raw && !counted {
            raw::copy(&mut log, self.from, self.end(), self.follow, out).await?;
        } else {
            self.records(&mut log, out).await?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The position at which to end, as far as one is given.
    fn end(&self) -> Option<Position> {
        let at = match self.at {
            Some(Moment::Position(at)) => Some(at),
            _ => None,
        };
        [self.to, at].into_iter().flatten().min()
    }

    async fn records(&self, log: &mut Log, out: &mut impl Write) -> Result<()> {
        let mutation = self.message.unwrap_or_else(|| Mutation::of(log.name()));
        let mut left = self.limit.unwrap_or(u64::MAX);
        let mut records = log.records(self.from.unwrap_or_default());
        while left > 0
            && let Some(mut batch) = self.next(log, &mut records, out).await?
        {
            let come = batch.len();
            let wanted = batch.iter().take_while(|record| self.is_wanted(record));
            let wanted = wanted.take(usize::try_from(left).unwrap_or(usize::MAX));
            batch.truncate(wanted.count());
            left -= batch.len() as u64;
            self.write(log, mutation, &batch, out).await?;
            if batch.len() < come {
                break;
            }
        }
        Ok(())
    }

    fn is_wanted(&self, record: &Record) -> bool {
        let was_there = match self.at {
            // Times never go back in a stream, so the first later record ends it.
            Some(Moment::Time(time)) => meta_of(&record.payload)
                .and_then(|meta| meta.recorded)
                .is_none_or(|recorded| Time::from(recorded) <= time),
            Some(Moment::Position(at)) => record.next <= at,
            None => true,
        };
        was_there && self.to.is_none_or(|to| record.at < to)
    }

    /// The next records; `None` if no more are wanted.
    async fn next(
        &self,
        log: &mut Log,
        records: &mut Records,
        out: &mut impl Write,
    ) -> Result<Option<Vec<Record>>> {
        loop {
            let end = self.end();
            if end.is_some_and(|end| log.is_at_or_after(records.position(), end)) {
                return Ok(None);
            }
            let batch = records.next_batch(log).await?;
            if !batch.is_empty() {
                return Ok(Some(batch));
            }
            if !self.follow {
                return Ok(None);
            }
            out.flush()?;
            log.look_again().await?;
        }
    }

    async fn write(
        &self,
        log: &Log,
        mutation: Mutation,
        records: &[Record],
        out: &mut impl Write,
    ) -> Result<()> {
        let stream = mutation.stream();
        match (self.format, records) {
            (Format::Text, _) => {
                for record in records {
                    writeln!(out, "{}", dump::describe(stream, record))?;
                }
            }
            (Format::Json, _) => {
                for record in records {
                    writeln!(out, "{}", dump::describe_json(stream, record))?;
                }
            }
            // A batch of records is in one segment.
            (Format::Raw, [first, .., last] | [first @ last]) => {
                let range = first.at.offset..last.next.offset;
                out.write_all(&log.bytes(first.at.segment, range).await?)?;
            }
            (Format::Raw, []) => {}
        }
        Ok(())
    }
}
