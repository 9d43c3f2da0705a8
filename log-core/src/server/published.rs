//! What the server says of a stream: one state at a time, with the sizes and digests of all segments.
//!
//! Depends on [`Stream`] alone. A state is computed by the first who needs it after the tail has moved and is
//! shared by all others, so that many long polls cost one. The digest of a segment that still grows is kept
//! going: only its new bytes are read. If the store does not give them, the last state stands: it is older, and
//! still true.

use super::render::Rendered;
use crate::error::{ReadError, explain};
use crate::index::IndexEntry;
use crate::layout::Segment;
use crate::position::Position;
use crate::stream::Stream;
use bytes::Bytes;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha224};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// So many bytes are read and hashed at a time.
const PIECE: u64 = 1 << 20;
/// More than this is hashed off the runtime.
const INLINE_HASH_MAX: usize = 32 << 10;
/// After the store failed, it is left alone for so long.
const PAUSE: Duration = Duration::from_millis(500);

/// One state of a stream. It never changes; the next one extends it.
#[derive(Debug)]
pub(super) struct Published {
    /// Everything up to here is in it.
    pub(super) end: Position,
    /// Every segment that has bytes, or is complete; by number.
    pub(super) entries: Vec<IndexEntry>,
    /// The number of the segment that grows next; there may be none of it yet.
    pub(super) current: u32,
    /// Bytes of all segments.
    pub(super) total: u64,
    /// The whole index as it is sent, by the path of the index: there are at most two.
    whole: StdMutex<BTreeMap<String, Arc<Rendered>>>,
}

/// A digest that goes on.
#[derive(Clone, Debug, Default)]
struct Running {
    hasher: Sha224,
    hashed: u64,
}

/// Where one stream's segments are found.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    /// The path of the index, such as `/logs`.
    pub(super) index: String,
    /// Where sealed segments are, if not here, without a slash at its end.
    pub(super) frozen_base: Option<String>,
}

/// Keeps the newest state of one stream.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) stream: Stream,
    store_timeout: Duration,
    digests: Mutex<Digests>,
    newest: StdMutex<Option<Arc<Published>>>,
}

#[derive(Debug, Default)]
struct Digests {
    running: BTreeMap<u32, Running>,
    failed: Option<Instant>,
}

/// Why there is no state to show.
#[derive(Debug, thiserror::Error)]
pub(super) enum PublishError {
    /// The store did not give the bytes of a segment that grows.
    #[error("cannot read what is new")]
    Read(#[from] ReadError),
    /// It gave fewer than it said that it has.
    #[error("segment {segment} ends at {have}, although {want} bytes were listed")]
    Short { segment: u32, have: u64, want: u64 },
    /// It gave no answer in time.
    #[error("the store has not answered for {0:?}")]
    Slow(Duration),
    /// It failed a moment ago, and is left alone.
    #[error("the store failed a moment ago")]
    Paused,
    /// The hashing task broke off.
    #[error("cannot hash")]
    Hash(#[source] tokio::task::JoinError),
}

impl Publisher {
    pub(super) fn new(stream: Stream, store_timeout: Duration) -> Self {
        Self {
            stream,
            store_timeout,
            digests: Mutex::default(),
            newest: StdMutex::default(),
        }
    }

    /// The state that holds all that is durable, as far as this process knows. If its bytes cannot be read, the
    /// last one; an error only if there is none.
    pub(super) async fn state(&self) -> Result<Arc<Published>, PublishError> {
        let segments = self.stream.segments();
        if let Some(newest) = self.newest().filter(|newest| newest.shows(&segments)) {
            return Ok(newest);
        }
        let mut digests = self.digests.lock().await;
        let segments = self.stream.segments();
        if let Some(newest) = self.newest().filter(|newest| newest.shows(&segments)) {
            return Ok(newest); // another was first
        }
        match self.compute(&mut digests, segments).await {
            Ok(state) => {
                digests.failed = None;
                let state = Arc::new(state);
                *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(state.clone());
                Ok(state)
            }
            Err(error) => {
                if !matches!(error, PublishError::Paused) {
                    digests.failed = Some(Instant::now());
                    tracing::warn!(
                        stream = self.stream.name(),
                        error = &error as &dyn std::error::Error,
                        "the newest records cannot be served yet: {}",
                        explain(&error)
                    );
                }
                self.newest().ok_or(error)
            }
        }
    }

    /// The last state that could be computed.
    pub(super) fn newest(&self) -> Option<Arc<Published>> {
        self.newest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn compute(
        &self,
        digests: &mut Digests,
        segments: Vec<Segment>,
    ) -> Result<Published, PublishError> {
        if digests
            .failed
            .is_some_and(|failed| failed.elapsed() < PAUSE)
        {
            return Err(PublishError::Paused);
        }
        let mut entries = Vec::with_capacity(segments.len());
        for (number, segment) in (0u32..).zip(&segments) {
            let size = segment.len();
            let (sha224, frozen) = match segment {
                Segment::Sealed(sealed) => {
                    if let Some(running) = digests.running.remove(&number) {
                        self.compare(number, running, sealed.size, sealed.name.sha224);
                    }
                    (sealed.name.sha224, true)
                }
                Segment::Tail(_) => {
                    let running = digests.running.entry(number).or_default();
                    (self.digest(running, number, size).await?, false)
                }
            };
            entries.push(IndexEntry {
                number,
                size,
                sha224: HEXLOWER.encode(&sha224),
                url: String::new(), // depends on the address that is asked
                frozen,
            });
        }
        Ok(Published {
            end: end(&segments),
            current: end(&segments).segment,
            total: entries.iter().map(|entry| entry.size).sum(),
            entries,
            whole: StdMutex::default(),
        })
    }

    /// Says so if a sealed segment is not what was shown while it grew: clients that have seen it cannot go on.
    fn compare(&self, number: u32, running: Running, size: u64, sealed: [u8; 28]) {
        let shown: [u8; 28] = running.hasher.finalize().into();
        if running.hashed == size && shown != sealed {
            tracing::error!(
                stream = self.stream.name(),
                log.segment = number,
                "segment {number} was sealed with other bytes than it had; run verify"
            );
        }
    }

    /// The digest of the first `size` bytes. What was hashed stays, also if this is given up half-way.
    async fn digest(
        &self,
        running: &mut Running,
        segment: u32,
        size: u64,
    ) -> Result<[u8; 28], PublishError> {
        if running.hashed > size {
            *running = Running::default(); // a repair cut it
        }
        while running.hashed < size {
            let range = running.hashed..size.min(running.hashed + PIECE);
            let want = range.end;
            let reading = timeout(self.store_timeout, self.stream.bytes(segment, range));
            let piece = reading
                .await
                .map_err(|_| PublishError::Slow(self.store_timeout))??;
            let have = running.hashed + piece.len() as u64;
            if have != want {
                return Err(PublishError::Short {
                    segment,
                    have,
                    want,
                });
            }
            let hasher = running.hasher.clone();
            running.hasher = if piece.len() <= INLINE_HASH_MAX {
                extended(hasher, &piece)
            } else {
                let hashing = tokio::task::spawn_blocking(move || extended(hasher, &piece));
                hashing.await.map_err(PublishError::Hash)?
            };
            running.hashed = have;
        }
        Ok(running.hasher.clone().finalize().into())
    }
}

impl Published {
    /// Whether it says of these segments all that there is to say.
    fn shows(&self, segments: &[Segment]) -> bool {
        let frozen = |segment: &Segment| matches!(segment, Segment::Sealed(_));
        self.end == end(segments)
            && self.entries.len() == segments.len()
            && self.entries.iter().zip(segments).all(|(entry, segment)| {
                entry.frozen == frozen(segment) && entry.size == segment.len()
            })
    }

    /// The whole index as it is sent; it is made once for all who ask.
    pub(super) fn whole(&self, addresses: &Addresses) -> Result<Arc<Rendered>, serde_json::Error> {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rendered) = whole.get(&addresses.index) {
            return Ok(rendered.clone());
        }
        let rendered = Arc::new(Rendered::new(&self.index(0, addresses))?);
        whole.insert(addresses.index.clone(), rendered.clone());
        Ok(rendered)
    }

    /// The index from a segment on, with the addresses that are valid there.
    pub(super) fn index(&self, from: u32, addresses: &Addresses) -> Vec<IndexEntry> {
        let entries = self.entries.iter().skip(from as usize);
        entries
            .map(|entry| IndexEntry {
                url: match &addresses.frozen_base {
                    Some(base) if entry.frozen => frozen_url(base, entry),
                    _ => format!("{}/{}", addresses.index, entry.number),
                },
                ..entry.clone()
            })
            .collect()
    }
}

/// Where a sealed segment is in a bucket.
pub(super) fn frozen_url(base: &str, entry: &IndexEntry) -> String {
    format!("{base}/{:04}.{}.mutlog", entry.number, entry.sha224)
}

fn end(segments: &[Segment]) -> Position {
    let next = u32::try_from(segments.len()).unwrap_or(u32::MAX);
    match segments.last() {
        Some(segment) if !segment.is_complete() => Position {
            segment: next.saturating_sub(1),
            offset: segment.len(),
        },
        _ => Position::start_of(next),
    }
}

fn extended(mut hasher: Sha224, piece: &Bytes) -> Sha224 {
    hasher.update(piece);
    hasher
}
