//! `forgelog corpus checkpoint`: writes one, so that the next opening takes no time. Depends on `replay`.

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use forgelog_replay::Loaded;
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use super::opening::{AsOf, Log, Only};
use super::with_exit_codes;
use crate::commands::progress::size;

/// Write a checkpoint, so that the next opening takes no time.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
Checkpoints beside a stream are for everybody who opens it; those in the cache are for this machine's
user. One that is damaged, or is of another log, is passed over with a warning.

Examples:
  forgelog corpus checkpoint --log s3://bucket/log
  forgelog corpus checkpoint --log http://127.0.0.1:8080/logs --to cache"))]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    log: Log,
    #[command(flatten)]
    at: AsOf,
    #[command(flatten)]
    only: Only,
    /// Where to [default: beside the log if it is a stream that can be written, else the cache]
    #[arg(long, value_enum)]
    to: Option<To>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum To {
    /// The log's own store.
    Beside,
    /// The cache of this machine.
    Cache,
}

/// A checkpoint that was written.
struct Written {
    place: String,
    bytes: u64,
}

impl Arguments {
    pub(super) async fn run(&self, out: &mut impl Write) -> Result<ExitCode> {
        let mut loaded = self.log.load(self.at.at, self.only.scope()).await?;
        let begun = Instant::now();
        let Written { place, bytes } = self.write(&mut loaded).await?;
        let seconds = begun.elapsed().as_secs_f64();
        let position = loaded.folded.position().to_string();
        if self.json {
            let answer = json!({
                "checkpoint": place, "bytes": bytes, "seconds": seconds, "position": position,
            });
            writeln!(out, "{answer}")?;
        } else {
            let size = size(bytes);
            writeln!(out, "{place}\n{size}, up to {position}, in {seconds:.2} s")?;
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn write(&self, loaded: &mut Loaded) -> Result<Written> {
        match self.to {
            Some(To::Beside) => beside(loaded).await,
            Some(To::Cache) => to_cache(loaded).await,
            None if !loaded.source().keeps_checkpoints() => to_cache(loaded).await,
            None => match beside(loaded).await {
                Ok(written) => Ok(written),
                Err(error) => {
                    let why = log_core::explain(error.as_ref());
                    let _ = writeln!(
                        std::io::stderr(),
                        "warning: not beside the log, so to the cache: {why}"
                    );
                    to_cache(loaded).await
                }
            },
        }
    }
}

async fn beside(loaded: &mut Loaded) -> Result<Written> {
    let name = loaded.checkpoint_beside().await?;
    let all = loaded.source().list_checkpoints().await?;
    let found = all.into_iter().find(|(listed, _)| *listed == name);
    let (_, bytes) = found.with_context(|| format!("{name} was written, and is not there"))?;
    let place = loaded.source().place().trim_end_matches('/');
    Ok(Written {
        place: format!("{place}/checkpoints/{name}"),
        bytes,
    })
}

async fn to_cache(loaded: &mut Loaded) -> Result<Written> {
    let path = loaded.checkpoint().await?;
    let metadata = tokio::fs::metadata(&path).await;
    let metadata = metadata.with_context(|| format!("cannot look at {}", path.display()))?;
    Ok(Written {
        place: path.display().to_string(),
        bytes: metadata.len(),
    })
}
