//! `forgelog log synth`: a synthetic activity log, the same for the same seed. Depends on the crate `synth` and on
//! `log-core`'s bulk writer.
//!
//! A thread generates while others frame, hash and write.

use ::synth::{Synth, SynthOptions};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use log_core::{BulkWriter, Position, Stream};
use std::io::Write;
use std::process::ExitCode;
use tokio::sync::mpsc;

use super::source::One;
use super::with_exit_codes;
use crate::commands::progress::{Progress, size};

/// Payload bytes that are generated at a time, and how many such chunks may wait.
const CHUNK: usize = 1 << 20;
const CHUNKS_MAX: usize = 8;

/// Write a synthetic activity log, for benches and tests.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
The same scale and seed give the same records, always. A stream that holds some of them already is completed; one with
anything else is left alone.

Example:
  forgelog log synth --scale 0.01 --seed 7 --log file:///tmp/a"))]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    log: One,
    /// How much: 1 is about 2 GB, of 85,000 issues, 130,000 changes and 65,000 commits.
    #[arg(long, value_name = "S")]
    scale: f64,
    /// Which of all such logs.
    #[arg(long, value_name = "N")]
    seed: u64,
}

/// Payloads, one behind the other.
#[derive(Debug, Default)]
struct Chunk {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Chunk {
    fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| &self.bytes[start..end])
    }
}

impl Arguments {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<ExitCode> {
        let options = SynthOptions {
            scale: self.scale,
            seed: self.seed,
        };
        // Says what is wrong with the scale before anything is made.
        Synth::new(options)?;
        let target = self.log.target().await?;
        let (records, bytes) = write(&target.stream, options).await?;
        let end = target.stream.tail();
        writeln!(out, "{records} records, {}, up to {end}", size(bytes))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Completes a stream that holds a beginning of this log, or nothing; gives the number of its records and their bytes.
pub(in crate::commands) async fn write(
    stream: &Stream,
    options: SynthOptions,
) -> Result<(u64, u64)> {
    let expected = Synth::new(options)?.expected_bytes();
    let (send, mut chunks) = mpsc::channel(CHUNKS_MAX);
    let generator = std::thread::spawn(move || generate(options, &send));
    let outcome = fill(stream, &mut chunks, expected).await;
    // A generator that still runs finds that nobody takes more.
    drop(chunks);
    let joined = tokio::task::spawn_blocking(move || generator.join()).await?;
    let written = outcome?;
    if joined.is_err() {
        bail!("the generator failed inside");
    }
    Ok(written)
}

fn generate(options: SynthOptions, send: &mpsc::Sender<Chunk>) {
    let Ok(mut synth) = Synth::new(options) else {
        return; // checked before
    };
    let mut chunk = Chunk::default();
    let mut more = true;
    while more {
        more = synth.next_into(&mut chunk.bytes);
        if more {
            chunk.ends.push(chunk.bytes.len());
        }
        if (chunk.bytes.len() >= CHUNK || !more)
            && send.blocking_send(std::mem::take(&mut chunk)).is_err()
        {
            return;
        }
    }
}

/// Writes what the stream does not have yet; gives the number of all records and their bytes.
async fn fill(
    stream: &Stream,
    chunks: &mut mpsc::Receiver<Chunk>,
    expected: u64,
) -> Result<(u64, u64)> {
    let mut there = There::new(stream);
    let mut writer = None;
    let mut progress = Progress::new("generating");
    let (mut records, mut bytes) = (0, 0);
    while let Some(chunk) = chunks.recv().await {
        for payload in chunk.payloads() {
            records += 1;
            bytes += payload.len() as u64;
            if writer.is_none() && there.has(payload).await? {
                continue;
            }
            let writer = match &mut writer {
                Some(writer) => writer,
                None => writer.insert(BulkWriter::open(stream.clone()).await?),
            };
            writer.push(payload).await?;
        }
        progress.at(bytes, Some(expected));
    }
    match writer {
        Some(writer) => drop(writer.finish().await?),
        None => there.check_end()?,
    }
    Ok((records, bytes))
}

/// What the stream holds already.
struct There {
    stream: Stream,
    reader: log_core::Reader,
    records: std::vec::IntoIter<log_core::Record>,
    at: Position,
}

impl There {
    fn new(stream: &Stream) -> Self {
        Self {
            stream: stream.clone(),
            reader: stream.reader(Position::START),
            records: Vec::new().into_iter(),
            at: Position::START,
        }
    }

    /// Whether the next record there is this one; false at the end, an error if it is another.
    async fn has(&mut self, payload: &[u8]) -> Result<bool> {
        if self.records.len() == 0 {
            let next = self.reader.next_batch().await;
            self.records = next.context("cannot read what is there")?.into_iter();
        }
        let Some(record) = self.records.next() else {
            return Ok(false);
        };
        self.at = record.next;
        if record.payload != payload {
            bail!(
                "the stream {} holds something else at {}, and is left alone; name a new one, or the scale and seed that it was made with",
                self.stream.name(),
                record.at
            );
        }
        Ok(true)
    }

    /// Whether nothing follows.
    fn check_end(&self) -> Result<()> {
        if self.at < self.stream.tail() {
            bail!(
                "the stream {} goes on beyond this log, from {}; it was made with a larger scale, or appended to",
                self.stream.name(),
                self.at
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_gives_its_payloads_back() {
        let chunk = Chunk {
            bytes: b"abcde".to_vec(),
            ends: vec![2, 2, 5],
        };
        let payloads: Vec<&[u8]> = chunk.payloads().collect();
        assert_eq!(payloads, [&b"ab"[..], b"", b"cde"]);
    }
}
