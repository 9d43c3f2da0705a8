//! What a log's server is asked over HTTP (spec 1.5.2, 1.5.3), one request at a time. Depends on [`crate::index`].
//!
//! No length that a server states is trusted: bodies are read in pieces, and counted.

use super::error::FollowError;
use super::options::FollowerOptions;
use crate::index::{IndexEntry, parse_index};
use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Client, Response, StatusCode, Url};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Once;
use std::time::Duration;
use tokio::time::timeout;

/// Where an original server keeps what never changes again (spec 1.4.1, 6).
const FROZEN_PREFIX: &str = "https://storage.googleapis.com/";

/// A log's server.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    client: Client,
    base: Url,
    options: FollowerOptions,
}

/// A segment's answer, of which nothing is read yet.
#[derive(Debug)]
pub(super) struct Body {
    /// What was asked for.
    pub(super) url: String,
    /// Whether the server says that the bytes start where they were asked from.
    pub(super) from_offset: bool,
    response: Response,
    stall: Duration,
    /// Why it broke off, kept until what came before is taken.
    failed: Option<FollowError>,
}

impl Remote {
    /// `url` is the log's index, such as `https://host/logs`.
    pub(super) fn new(url: &str, options: FollowerOptions) -> Result<Self, FollowError> {
        let base = parse_url(Url::parse(url), url)?;
        install_tls();
        let client = Client::builder()
            .connect_timeout(options.connect_timeout)
            .build()
            .map_err(|source| FollowError::Client { source })?;
        Ok(Self {
            client,
            base,
            options,
        })
    }

    /// The log's address.
    pub(super) fn url(&self) -> &str {
        self.base.as_str()
    }

    /// The index; with `not`, once the log's size is not that. `None` if the server waited in vain.
    pub(super) async fn index(
        &self,
        not: Option<u64>,
    ) -> Result<Option<Vec<IndexEntry>>, FollowError> {
        let mut url = self.base.clone();
        if let Some(not) = not {
            url.query_pairs_mut()
                .append_pair("waitsizenot", &not.to_string());
        }
        let after = self.options.poll_timeout;
        let asked = self.read_index(url.clone(), not.is_some());
        timeout(after, asked).await.unwrap_or_else(|_| {
            let url = url.into();
            Err(FollowError::Stalled { url, after })
        })
    }

    async fn read_index(
        &self,
        url: Url,
        waits: bool,
    ) -> Result<Option<Vec<IndexEntry>>, FollowError> {
        let name = url.to_string();
        let failed = |source| FollowError::Http {
            url: name.clone(),
            source,
        };
        let mut response = self.client.get(url).send().await.map_err(failed)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if waits => return Ok(None),
            status => return Err(refused(name, status)),
        }
        let max = self.options.index_bytes_max;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > max {
                return Err(FollowError::IndexTooLong { url: name, max });
            }
            body.extend_from_slice(&chunk);
        }
        let entries = parse_index(&body).map_err(|source| FollowError::Index {
            url: name.clone(),
            source,
        })?;
        let max = self.options.segment_bytes_max;
        match entries.iter().find(|entry| entry.size > max) {
            Some(entry) => Err(FollowError::SegmentTooLong {
                url: name,
                segment: entry.number,
                size: entry.size,
                max,
            }),
            None => Ok(Some(entries)),
        }
    }

    /// Like [`Remote::index`], with the retries of spec 1.5.5.
    pub(super) async fn index_patiently(
        &self,
        not: Option<u64>,
    ) -> Result<Option<Vec<IndexEntry>>, FollowError> {
        let mut tries = 1;
        loop {
            match self.index(not).await {
                Err(error)
                    if error.is_transient()
                        && !error.is_offline()
                        && tries < self.options.index_tries =>
                {
                    self.pause(tries, &error).await;
                    tries += 1;
                }
                answer => return answer,
            }
        }
    }

    /// Waits after a failed try.
    pub(super) async fn pause(&self, tries: u32, error: &FollowError) {
        tracing::debug!(tries, error = %crate::explain(error), "the log's server failed; trying again");
        let square = tries.saturating_mul(tries);
        // Between three and five quarters, so that many followers do not come back at once.
        let quarter = 256 + RandomState::new().build_hasher().finish() % 129 - 64;
        let delay = self.options.retry_unit.saturating_mul(square);
        tokio::time::sleep(delay.mul_f64(quarter as f64 / 256.0)).await;
    }

    /// Asks for a segment's bytes from `from` on.
    pub(super) async fn segment(&self, entry: &IndexEntry, from: u64) -> Result<Body, FollowError> {
        let url = parse_url(self.base.join(&entry.url), &entry.url)?;
        let name = url.to_string();
        let stall = self.options.stall_timeout;
        let mut request = self.client.get(url);
        // Also from the start: the segment may have grown since it was listed.
        if from < entry.size {
            request = request.header(RANGE, format!("bytes={from}-{}", entry.size - 1));
        }
        let response = timeout(stall, request.send())
            .await
            .map_err(|_| FollowError::Stalled {
                url: name.clone(),
                after: stall,
            })?
            .map_err(|source| FollowError::Http {
                url: name.clone(),
                source,
            })?;
        let from_offset = match response.status() {
            StatusCode::OK => from == 0,
            StatusCode::PARTIAL_CONTENT => starts_at(&response, from),
            status => return Err(refused(name, status)),
        };
        Ok(Body {
            url: name,
            from_offset,
            response,
            stall,
            failed: None,
        })
    }
}

impl Body {
    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, FollowError> {
        timeout(self.stall, self.response.chunk())
            .await
            .map_err(|_| FollowError::Stalled {
                url: self.url.clone(),
                after: self.stall,
            })?
            .map_err(|source| FollowError::Http {
                url: self.url.clone(),
                source,
            })
    }

    /// About a mebibyte, or less at the end. What comes behind `left` bytes is not taken: the server may have got it
    /// since its index.
    pub(super) async fn next_piece(&mut self, left: u64) -> Result<Vec<u8>, FollowError> {
        const PIECE_BYTES: usize = 1 << 20;
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let want = left.min(PIECE_BYTES as u64) as usize;
        let mut piece = Vec::new();
        while piece.len() < want {
            let chunk = match self.next().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) if piece.is_empty() => return Err(error),
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            };
            let rest = usize::try_from(left).map_or(usize::MAX, |left| left - piece.len());
            piece.extend_from_slice(&chunk[..chunk.len().min(rest)]);
        }
        Ok(piece)
    }
}

/// Whether this segment will never change (spec 1.4.1, 6): the server says so, or keeps it where an original one
/// keeps such, or another follows it, so that nothing is appended to it.
pub(super) fn is_frozen(entry: &IndexEntry, entries: &[IndexEntry]) -> bool {
    entry.frozen
        || entry.url.starts_with(FROZEN_PREFIX)
        || entry.number as usize + 1 < entries.len()
}

fn starts_at(response: &Response, from: u64) -> bool {
    let header = response.headers().get(CONTENT_RANGE);
    let range = header.and_then(|value| value.to_str().ok()?.strip_prefix("bytes "));
    range.and_then(|range| range.split_once('-')?.0.parse().ok()) == Some(from)
}

fn parse_url<E>(url: Result<Url, E>, text: &str) -> Result<Url, FollowError> {
    url.ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| FollowError::Url { url: text.into() })
}

fn refused(url: String, status: StatusCode) -> FollowError {
    FollowError::Status {
        url,
        status: status.as_u16(),
    }
}

/// reqwest takes the process-wide provider, and panics without one.
fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error says that the program has chosen one already.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frozen_is_what_cannot_change() {
        let entry = |number, url: &str, frozen| IndexEntry {
            number,
            size: 1,
            sha224: String::new(),
            url: url.into(),
            frozen,
        };
        let google = entry(1, "https://storage.googleapis.com/b/o", false);
        let index = [entry(0, "/logs/0", false), google.clone()];
        assert!(is_frozen(&index[0], &index), "another follows");
        assert!(is_frozen(&google, &index), "where originals keep such");
        let index = [entry(0, "/logs/0", true), entry(1, "/logs/1", false)];
        assert!(is_frozen(&index[0], &index), "it says so");
        assert!(!is_frozen(&index[1], &index));
    }
}
