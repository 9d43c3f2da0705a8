//! A server's index, for a glance at its log. Depends on `log_core::index` and `reqwest`.

use anyhow::{Context as _, Result, bail};
use log_core::Position;
use log_core::index::parse_index;
use std::time::Duration;

use super::info::Summary;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest index.
const INDEX_BYTES_MAX: usize = 64 << 20;
/// What original servers say of segments that do not change any more.
const FROZEN_AT: &str = "https://storage.googleapis.com/";

/// What the index says; what it does not say is unset.
pub(super) async fn summary(url: &str) -> Result<Summary> {
    let body = get(url).await.with_context(|| {
        format!("cannot get {url}; is the address right, and does `forgelog log serve` run there?")
    })?;
    let index = parse_index(&body).with_context(|| format!("{url} gives no index of a log"))?;
    let is_frozen =
        |entry: &&log_core::index::IndexEntry| entry.frozen || entry.url.starts_with(FROZEN_AT);
    let sealed = index.iter().filter(is_frozen).count();
    Ok(Summary {
        name: url.to_owned(),
        tail: index.last().map_or(Position::START, |last| Position {
            segment: last.number,
            offset: last.size,
        }),
        sealed,
        open: index.len() - sealed,
        bytes: index.iter().map(|entry| entry.size).sum(),
        ..Summary::default()
    })
}

async fn get(url: &str) -> Result<Vec<u8>> {
    // A second installation finds the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .connect_timeout(PATIENCE)
        .timeout(PATIENCE)
        .build()?;
    let mut answer = client.get(url).send().await?.error_for_status()?;
    let mut body = Vec::new();
    while let Some(bytes) = answer.chunk().await? {
        if body.len() + bytes.len() > INDEX_BYTES_MAX {
            bail!("the answer is longer than {INDEX_BYTES_MAX} bytes");
        }
        body.extend_from_slice(&bytes);
    }
    Ok(body)
}
