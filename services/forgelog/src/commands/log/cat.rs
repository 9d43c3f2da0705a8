//! `forgelog log cat`: the records of a stream, one a line. Depends on `replay::dump` for what they say.

use anyhow::Result;
use clap::{Args, ValueEnum};
use forgelog_replay::dump;
use log_core::{Position, Reader, Record, Stream, frame};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use crate::commands::Data;
use crate::data_folder::STREAMS;

/// How often to look for what another process appends.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Print the records of a stream.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  forgelog log cat --stream builds                         # one line a record
  forgelog log cat --stream builds --format json --follow  # one JSON object a line, as they come
  forgelog log cat --stream activity --from 0000.2f1 --to 0001.0")]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    data: Data,
    /// The stream.
    #[arg(long, value_name = "NAME", value_parser = STREAMS)]
    stream: String,
    /// Begin with the record at this position, such as 0000.2f1.
    #[arg(long, value_name = "POSITION")]
    from: Option<Position>,
    /// End before the record at this position.
    #[arg(long, value_name = "POSITION")]
    to: Option<Position>,
    /// At the end, wait for more.
    #[arg(long)]
    follow: bool,
    /// How to print a record.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A line: position, time, writer/epoch, content.
    Text,
    /// A JSON object on a line.
    Json,
    /// The bytes as they are stored, frame included.
    Raw,
}

impl Arguments {
    pub(super) async fn run(&self, out: &mut impl Write) -> Result<ExitCode> {
        let stream = self.data.look()?.stream(&self.stream).await?;
        let mut reader = stream.reader(self.from.unwrap_or_default());
        while let Some(records) = self.next(&stream, &mut reader, out).await? {
            for record in &records {
                if self.is_past_end(record.at) {
                    return Ok(ExitCode::SUCCESS);
                }
                self.write(stream.name(), record, out)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn is_past_end(&self, at: Position) -> bool {
        self.to.is_some_and(|to| at >= to)
    }

    /// The next records; `None` if no more are wanted.
    async fn next(
        &self,
        stream: &Stream,
        reader: &mut Reader,
        out: &mut impl Write,
    ) -> Result<Option<Vec<Record>>> {
        loop {
            let records = reader.next_batch().await?;
            if !records.is_empty() {
                return Ok(Some(records));
            }
            if !self.follow || self.is_past_end(reader.position()) {
                return Ok(None);
            }
            out.flush()?;
            tokio::time::sleep(LOOK_EVERY).await;
            stream.refresh().await?;
        }
    }

    fn write(&self, stream: &str, record: &Record, out: &mut impl Write) -> Result<()> {
        match self.format {
            Format::Text => writeln!(out, "{}", dump::describe(stream, record))?,
            Format::Json => writeln!(out, "{}", dump::describe_json(stream, record))?,
            Format::Raw => {
                let mut bytes = Vec::new();
                frame::encode(&mut bytes, record.at.offset, &record.payload);
                out.write_all(&bytes)?;
            }
        }
        Ok(())
    }
}
