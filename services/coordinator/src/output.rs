//! An attempt's output on its way to the store: gathered into chunks, bounded in all.
//!
//! Depends on `log_core::output`. A store that fails is tried again; meanwhile nothing more is read
//! from the build, which waits.

use crate::limits::{CHUNK_AGE, CHUNK_BYTES};
use crate::notices::Notices;
use bytes::{Bytes, BytesMut};
use log_core::{OutputWriter, explain};
use proto::forgelog::builds::Output;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);

pub(crate) struct OutputSink {
    writer: OutputWriter,
    notices: Notices,
    prefix: String,
    waiting: BytesMut,
    /// When what waits has to be stored.
    due: Option<Instant>,
    /// Bytes that may still come.
    room: u64,
    truncated: bool,
    give_up: CancellationToken,
    lost: bool,
}

impl OutputSink {
    pub(crate) fn new(
        writer: OutputWriter,
        prefix: &str,
        bytes_max: u64,
        notices: Notices,
        give_up: CancellationToken,
    ) -> Self {
        let waiting = BytesMut::new();
        Self {
            writer,
            notices,
            prefix: prefix.to_owned(),
            waiting,
            due: None,
            room: bytes_max,
            truncated: false,
            give_up,
            lost: false,
        }
    }

    /// Takes some of the build's output; false once there is no room for all of it.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> bool {
        let fits = usize::try_from(self.room)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        self.truncated |= fits < bytes.len();
        self.room -= fits as u64;
        self.note(&bytes[..fits]).await;
        !self.truncated
    }

    /// Writes a line of ours, for which there is always room.
    pub(crate) async fn note(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() && self.due.is_none() {
            self.due = Some(Instant::now() + CHUNK_AGE);
        }
        self.waiting.extend_from_slice(bytes);
        while self.waiting.len() >= CHUNK_BYTES {
            let chunk = self.waiting.split_to(CHUNK_BYTES).freeze();
            self.store(chunk).await;
        }
        if self.waiting.is_empty() {
            self.due = None;
        }
    }

    /// Waits until what was written has to be stored; for ever if nothing has.
    pub(crate) async fn due(&self) {
        match self.due {
            Some(due) => tokio::time::sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    /// Stores what waits.
    pub(crate) async fn flush(&mut self) {
        let chunk = self.waiting.split().freeze();
        self.due = None;
        self.store(chunk).await;
    }

    /// Bytes that came so far.
    pub(crate) fn size(&self) -> u64 {
        self.writer.size() + self.waiting.len() as u64
    }

    /// What is in the store, once all is.
    pub(crate) async fn finish(&mut self) -> Output {
        self.flush().await;
        let digest = self.writer.digest();
        Output {
            prefix: self.prefix.clone(),
            size: digest.size,
            sha256: digest.sha256,
            sha1: digest.sha1,
            truncated: self.truncated,
        }
    }

    /// Whether the store did not take all of it before it was given up.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Stores a chunk, trying until it works or nobody wants it any more.
    async fn store(&mut self, chunk: Bytes) {
        let mut wait = RETRY_FIRST;
        let mut told = false;
        // Behind a chunk that is lost there must be no other.
        while !self.lost
            && let Err(error) = self.writer.append(chunk.clone()).await
        {
            let error = explain(&error);
            if !told {
                tracing::warn!(output = %self.prefix, "{error}; trying until it works");
            }
            told = true;
            self.notices.set(
                &self.prefix,
                Some(format!("A build waits: {error}; trying until it works")),
            );
            tokio::select! {
                biased;
                () = self.give_up.cancelled() => {
                    self.lost = true;
                    break;
                }
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(RETRY_MAX),
            }
        }
        if told {
            self.notices.set(&self.prefix, None);
        }
    }
}

impl Drop for OutputSink {
    fn drop(&mut self) {
        self.notices.set(&self.prefix, None);
    }
}

#[cfg(test)]
#[path = "output/tests.rs"]
mod tests;
