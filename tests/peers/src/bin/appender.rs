//! One of several processes that compete for a stream on S3: `appender ENDPOINT BUCKET PREFIX FIRST COUNT`.
//!
//! For each line that it is given it appends COUNT issues, one behind the other, and says `done`; for each
//! acknowledged one it prints its number and its position. When another takes over, it says `fenced`, takes
//! over itself, and tries the same again. It ends with its input.

use anyhow::{Context as _, bail};
use log_core::{AppendError, Stream, Writer};
use peers::{ledger, minio};
use std::io::Write as _;
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, bucket, prefix, first, count] = &arguments[..] else {
        bail!("usage: appender ENDPOINT BUCKET PREFIX FIRST COUNT");
    };
    let first: i32 = first.parse().context("FIRST")?;
    let count: i32 = count.parse().context("COUNT")?;
    let store = Arc::new(minio::store(endpoint, bucket)?);
    let open = async || -> anyhow::Result<Writer> {
        let stream = Stream::open(store.clone(), prefix).await?;
        Ok(Writer::open(stream, ledger::small_segments("appender")).await?)
    };
    let mut out = std::io::stdout();
    let mut writer = open().await?;
    for (round, line) in (0..).zip(std::io::stdin().lines()) {
        line?;
        let first = first + round * count;
        for number in first..first + count {
            loop {
                match writer.append(ledger::issue(number)).await {
                    Ok(appended) => {
                        writeln!(out, "{number} {}", appended.at)?;
                        break;
                    }
                    Err(AppendError::Fenced { .. }) => {
                        writeln!(out, "fenced")?;
                        writer.close().await?;
                        writer = open().await?;
                    }
                    Err(error) => bail!(log_core::explain(&error)),
                }
            }
        }
        writeln!(out, "done")?;
    }
    writer.close().await?;
    Ok(())
}
