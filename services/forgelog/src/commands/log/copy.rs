//! A verified local copy of a server's log, for the commands that read. Depends on `log_core::follower`.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use log_core::follower::{FollowError, Follower, FollowerOptions};
use log_core::{Position, Record, explain};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// Who waits at a terminal is told early that nobody answers.
const INDEX_TRIES: u32 = 3;
const RETRY_UNIT: Duration = Duration::from_millis(250);

/// A copy of a log, and the folder it is in.
#[derive(Debug)]
pub(super) struct LocalCopy {
    follower: Follower,
    /// A folder that goes with this, unless the caller named one.
    _folder: Option<TempDir>,
}

impl LocalCopy {
    /// Fetches the log at this address, as far as the folder does not have it.
    pub(super) async fn fetch(url: &str, cache: Option<&Path>) -> Result<Self> {
        let own = match cache {
            Some(_) => None,
            None => Some(tempfile::tempdir().context("cannot make a folder for the copy")?),
        };
        let folder = cache.or(own.as_ref().map(TempDir::path));
        let folder = folder.context("no folder for the copy")?;
        let options = FollowerOptions {
            index_tries: INDEX_TRIES,
            retry_unit: RETRY_UNIT,
            ..FollowerOptions::default()
        };
        let follower = Follower::open(url, folder, options).await;
        let mut follower = follower.with_context(|| format!("cannot copy {url}"))?;
        let synced = follower.sync().await;
        synced.map_err(|error| what_now(error, url))?;
        Ok(Self {
            follower,
            _folder: own,
        })
    }

    /// The stream's name, as far as the address tells it: `…/streams/NAME/logs`.
    pub(super) fn name(&self) -> &str {
        let above = self.follower.url().trim_end_matches('/');
        let above = above.strip_suffix("/logs").unwrap_or(above);
        let parts = above.rsplit_once("/streams/");
        parts.map_or("activity", |(_, name)| name)
    }

    pub(super) fn tail(&self) -> Position {
        self.follower.tail()
    }

    pub(super) fn lengths(&self) -> Vec<u64> {
        let segments = self.follower.segments();
        segments.iter().map(|segment| segment.size).collect()
    }

    pub(super) fn follower(&self) -> &Follower {
        &self.follower
    }

    /// A part of a segment, which has it.
    pub(super) async fn bytes(&self, segment: u32, range: Range<u64>) -> Result<Bytes> {
        let found = self.follower.segments().get(segment as usize).cloned();
        let found = found.with_context(|| format!("the copy has no segment {segment}"))?;
        let read = tokio::task::spawn_blocking(move || -> Result<Bytes> {
            let mut file = found.open()?;
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(range.start))
                .and_then(|_| file.take(range.end - range.start).read_to_end(&mut bytes))
                .with_context(|| format!("cannot read {}", found.path.display()))?;
            Ok(bytes.into())
        });
        read.await?
    }

    /// The next records of one segment; none at the tail.
    pub(super) async fn records(&self, from: Position) -> Result<Vec<Record>> {
        let mut records = self.follower.records(from)?;
        let Some(block) = records.next_block().await? else {
            return Ok(Vec::new());
        };
        let place = |offset| Position { offset, ..block.at };
        let record = |frame: log_core::frame::Frame<'_>| Record {
            at: place(frame.offset),
            next: place(frame.end),
            payload: block.bytes.slice_ref(frame.payload),
        };
        Ok(block.frames().map(record).collect())
    }

    /// Waits until there is more, for as long as it takes.
    pub(super) async fn wait(&mut self) -> Result<()> {
        let url = self.follower.url().to_owned();
        let news = self.follower.update().await;
        news.map(drop).map_err(|error| what_now(error, &url))
    }
}

/// The error, and what to do about it.
fn what_now(error: FollowError, url: &str) -> anyhow::Error {
    let told = explain(&error);
    match error {
        FollowError::Split { .. } => anyhow::anyhow!(
            "{told}: the server lost records or was replaced. Keep the old copy if its records matter, and mirror into a new folder or stream"
        ),
        FollowError::Url { .. } => anyhow::anyhow!(
            "{told}; the address of a log is http://HOST/logs or http://HOST/streams/NAME/logs"
        ),
        _ => anyhow::anyhow!(
            "cannot follow {url}: {told}; is the address right, and does `forgelog log serve` run there?"
        ),
    }
}
