//! `forgelog log append`: records from stdin into a stream, and their positions to stdout once they are durable.
//!
//! A thread reads stdin and makes records ([`input`]); many are under way at a time ([`pipeline`]); positions come out in
//! the order of the input. Depends on `log-core`'s writer.

mod input;
mod pipeline;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use log_core::{Appended, Position, Stream, Writer, WriterOptions, meta_of};
use std::collections::HashMap;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use super::mutation::Mutation;
use super::source::One;
use super::with_exit_codes;
use crate::commands::up::period;
use input::Input;
use pipeline::Pipeline;

/// Append records from stdin to a stream. Prints a position a line, once the record there is durable.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
Formats:
  json    protobuf's JSON, one mutation a line; fields that are not known are refused
  binary  serialized mutations, each behind its length as a varint
  raw     framed records, as `log cat --format raw` prints them: what they hold is taken, and framed anew; a meta of
          theirs is replaced, and records that hold nothing but that are left out (`log import` keeps all as it is)

A record that cannot be read stops the command, after those before it are durable; stderr says where it is.

Examples:
  forgelog log append --log file:///srv/log --format json < mutations.jsonl
  forgelog log append --log s3://bucket/log --format json --idempotency-prefix nightly-42 < mutations.jsonl"))]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    log: One,
    /// What stdin has.
    #[arg(long, value_enum)]
    format: Format,
    /// The message that the records are [default: that of the stream's name]
    #[arg(long, value_enum)]
    message: Option<Mutation>,
    /// Record number N, from 1, gets the key PREFIX-N, and one that the log has already is not appended again: the same
    /// input can be piped in again after a failure. Reads the log first.
    #[arg(long, value_name = "PREFIX")]
    idempotency_prefix: Option<String>,
    /// Append only if the stream still ends here.
    #[arg(long, value_name = "POSITION")]
    if_tail: Option<Position>,
    /// Go on after a record that cannot be read, as far as it is known where the next one begins.
    #[arg(long)]
    keep_going: bool,
    /// How long a store that refuses to write is tried again, from 50ms to 24h.
    #[arg(long, value_name = "DURATION", value_parser = period::parse, default_value = "30s")]
    patience: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Protobuf's JSON, one mutation a line.
    Json,
    /// Serialized mutations, each behind its length as a varint.
    Binary,
    /// Framed records.
    Raw,
}

impl Arguments {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<ExitCode> {
        let target = self.log.target().await?;
        let stream = target.stream.clone();
        let mutation = self.message.unwrap_or_else(|| Mutation::of(stream.name()));
        let input = Input::new(self.format, mutation, self.idempotency_prefix.clone())?;
        if let Some(expected) = self.if_tail {
            check_tail(&stream, expected)?;
        }
        let writer = Writer::open(stream.clone(), WriterOptions::new("append"));
        let writer = writer.await.context("cannot write")?;
        let condition = match self.if_tail {
            Some(expected) => Some(claimed(&writer, expected).await?),
            None => None,
        };
        let known = match &self.idempotency_prefix {
            Some(prefix) => known(&stream, prefix).await?,
            None => HashMap::new(),
        };
        let pipeline = Pipeline::new(&writer, condition, known, self.patience, self.keep_going);
        let outcome = pipeline.run(input.read_stdin(), out).await;
        out.flush()?;
        let closed = writer.close().await.context("the writer broke down");
        let bad = outcome?;
        closed?;
        Ok(if bad == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn check_tail(stream: &Stream, expected: Position) -> Result<()> {
    let tail = stream.tail();
    if tail != expected {
        bail!(
            "stream {}: the log ends at {tail}, not at {expected}; nothing was appended",
            stream.name()
        );
    }
    Ok(())
}

/// The numbers of the records that earlier runs with this prefix appended, and where they are. The writer itself knows
/// only the newest keys.
async fn known(stream: &Stream, prefix: &str) -> Result<HashMap<u64, Appended>> {
    let mut known = HashMap::new();
    let mut reader = stream.reader(Position::START);
    loop {
        let records = reader.next_batch().await;
        let records = records.context("cannot read which records are there already")?;
        if records.is_empty() {
            return Ok(known);
        }
        for record in records {
            let key = meta_of(&record.payload).map(|meta| meta.idempotency_key);
            let number = key.as_deref().and_then(|key| {
                let number = key.strip_prefix(prefix)?.strip_prefix('-')?;
                number.parse().ok()
            });
            if let Some(number) = number {
                let (at, next) = (record.at, record.next);
                known.entry(number).or_insert(Appended { at, next });
            }
        }
    }
}

/// Where the log ends now that the writer has begun its epoch, if nothing but that lies behind `expected`.
async fn claimed(writer: &Writer, expected: Position) -> Result<Position> {
    let stream = writer.stream();
    let records = stream.reader(expected).next_batch().await?;
    let ours = records.first().and_then(|record| {
        let meta = meta_of(&record.payload)?;
        (meta.epoch == writer.epoch()).then_some(record.next)
    });
    ours.with_context(|| {
        format!(
            "stream {}: somebody appended at {expected} just now; nothing was appended here",
            stream.name()
        )
    })
}
