//! One log: what is known of it, shared by its readers and its writer in this process.
//!
//! Depends on [`crate::layout`] and the store. Only what the store has is ever visible here.

use crate::error::{OpenError, ReadError};
use crate::layout::{Gap, Layout, Sealed, Segment, Tail, batch_path};
use crate::position::Position;
use crate::reader::load::load;
use crate::reader::{Object, Reader, ReaderOptions};
use crate::segment::SegmentName;
use crate::store::Objects;
use bytes::{Bytes, BytesMut};
use object_store::ObjectStore;
use std::collections::VecDeque;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// A listing that shows a gap may have raced with a writer: it is asked for again, so often at most.
const LISTINGS_MAX: u32 = 10;
/// And so long in between.
const LISTING_WAIT: Duration = Duration::from_millis(100);

/// Bytes of the newest batches that are kept for the readers of this process.
const RECENT_BYTES_MAX: usize = 4 << 20;

/// One log in an object store. Clones are handles to the same.
#[derive(Clone, Debug)]
pub struct Stream {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    objects: Objects,
    /// Nobody writes through this handle.
    only_reads: bool,
    layout: Mutex<Layout>,
    recent: Mutex<Recent>,
    tail: watch::Sender<Position>,
    /// Where the log ended when it was last listed.
    listed_end: Mutex<Position>,
    /// The folder of the stream's files, if it has one; unset until that is known.
    folder: OnceLock<Option<PathBuf>>,
}

/// The newest batches of this process's writer.
#[derive(Debug, Default)]
struct Recent {
    batches: VecDeque<(Position, Bytes)>,
    bytes: usize,
}

/// Where a position's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Sealed(Sealed),
    Batch {
        offset: u64,
        size: u64,
    },
    /// At the end of a segment that is complete.
    NextSegment,
    /// At the end of the log.
    End,
    /// Beyond the end of the log, or of its segment.
    Beyond(Position),
}

impl Stream {
    /// Opens the log below `prefix`, such as `streams/activity`; its last part is the stream's name.
    /// A prefix without objects is an empty log.
    pub async fn open(store: Arc<dyn ObjectStore>, prefix: &str) -> Result<Self, OpenError> {
        Self::open_as(store, prefix, false).await
    }

    /// The same for those who only read: it costs less where much is left of the tails of sealed segments, which such a
    /// handle knows nothing of.
    pub async fn open_to_read(
        store: Arc<dyn ObjectStore>,
        prefix: &str,
    ) -> Result<Self, OpenError> {
        Self::open_as(store, prefix, true).await
    }

    async fn open_as(
        store: Arc<dyn ObjectStore>,
        prefix: &str,
        only_reads: bool,
    ) -> Result<Self, OpenError> {
        let name = prefix.rsplit('/').next().unwrap_or(prefix).to_owned();
        let inner = Inner {
            name,
            objects: Objects::new(store, prefix),
            only_reads,
            layout: Mutex::default(),
            recent: Mutex::default(),
            tail: watch::Sender::new(Position::START),
            listed_end: Mutex::default(),
            folder: OnceLock::new(),
        };
        let stream = Self {
            inner: Arc::new(inner),
        };
        stream.refresh().await?;
        for stray in &stream.layout().strays {
            tracing::warn!(stream = %stream.inner.name, object = %stray, "not part of the log, left alone: {stray}");
        }
        Ok(stream)
    }

    /// The stream's name, such as `activity`.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The first position at which nothing is durable, as far as this process knows.
    pub fn tail(&self) -> Position {
        *self.inner.tail.borrow()
    }

    /// The tail, with a wake-up whenever it moves.
    pub fn watch(&self) -> watch::Receiver<Position> {
        self.inner.tail.subscribe()
    }

    /// Reads from `from`, which must be the start of a record or the tail.
    pub fn reader(&self, from: Position) -> Reader {
        self.reader_with(from, ReaderOptions::default())
    }

    /// Like [`Stream::reader`], with other bounds on what it reads ahead.
    pub fn reader_with(&self, from: Position, options: ReaderOptions) -> Reader {
        Reader::new(self.clone(), from, options)
    }

    /// Number and length of every segment, and whether it is sealed.
    pub fn segments(&self) -> Vec<Segment> {
        self.layout().segments.clone()
    }

    /// Objects below the prefix that are no part of the log.
    pub fn strays(&self) -> Vec<String> {
        self.layout().strays.clone()
    }

    /// Looks at the store for what others have appended, and gives the tail.
    pub async fn refresh(&self) -> Result<Position, OpenError> {
        let mut listed = self.list().await?;
        for _ in 1..LISTINGS_MAX {
            let Some(gap) = listed.gap else { break };
            tracing::debug!(stream = %self.inner.name, "{gap}; listing again");
            tokio::time::sleep(LISTING_WAIT).await;
            // A writer at work moves the end of what was listed in part; a true gap stays as it is.
            let again = self.list().await?;
            let stays = again.gap == listed.gap && again.end() == listed.end();
            listed = again;
            if stays {
                break;
            }
        }
        let mut listed_end = self
            .inner
            .listed_end
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *listed_end = listed.end();
        drop(listed_end);
        self.change(|layout| {
            // A listing that began before our own last append may not show it.
            if listed.end() >= layout.end() {
                *layout = listed;
            }
        });
        Ok(self.tail())
    }

    /// Where the log ended when it was last listed. If that is before a tail that was known when the listing
    /// began, somebody has taken something away.
    pub fn listed_end(&self) -> Position {
        let end = self.inner.listed_end.lock();
        *end.unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of a part of a segment, as far as the segment has them: framed records, cut anywhere.
    /// They are as the store gives them; a sealed segment's digest is not checked here.
    pub async fn bytes(&self, segment: u32, range: Range<u64>) -> Result<Bytes, ReadError> {
        let mut bytes = BytesMut::new();
        let mut at = range.start;
        while at < range.end {
            let position = Position {
                segment,
                offset: at,
            };
            let place = self.locate(position);
            let (object, start, size) = match place {
                Place::Sealed(sealed) => (sealed.name.to_string(), 0, sealed.size),
                Place::Batch { offset, size } => (batch_path(segment, offset), offset, size),
                Place::NextSegment | Place::End | Place::Beyond(_) => break,
            };
            let part = at - start..size.min(range.end - start);
            let wanted = part.end - part.start;
            let recent = Position {
                offset: start,
                ..position
            };
            let read = match self
                .recent(recent)
                .filter(|bytes| bytes.len() as u64 == size)
            {
                Some(bytes) => Ok(bytes.slice(part.start as usize..part.end as usize)),
                None => self.objects().get_range(&object, part).await,
            };
            let read = match read {
                // Joined meanwhile: the place is another now.
                Err(object_store::Error::NotFound { .. })
                    if self.moved(position, place).await? =>
                {
                    continue;
                }
                read => read.map_err(|source| ReadError::Store {
                    stream: self.inner.name.clone(),
                    object: object.clone(),
                    source,
                })?,
            };
            if read.len() as u64 != wanted {
                return Err(ReadError::Size {
                    stream: self.inner.name.clone(),
                    object,
                    want: wanted,
                    have: read.len() as u64,
                });
            }
            if wanted == range.end - range.start {
                return Ok(read);
            }
            bytes.extend_from_slice(&read);
            at += wanted;
        }
        Ok(bytes.freeze())
    }

    /// Whether `position` is elsewhere than in `tried`, which was not there. Looks at the store again,
    /// unless somebody else has done that meanwhile.
    pub(crate) async fn moved(&self, position: Position, tried: Place) -> Result<bool, ReadError> {
        if self.locate(position) != tried {
            return Ok(true);
        }
        self.refresh().await.map_err(|source| ReadError::Refresh {
            stream: self.inner.name.clone(),
            source: Box::new(source),
        })?;
        Ok(self.locate(position) != tried)
    }

    /// Reads a sealed segment and checks its bytes against its name.
    pub(crate) async fn check_sealed(&self, number: u32) -> Result<(), ReadError> {
        match self.object_at(Position::start_of(number)) {
            Some(object) => load(self, object).await.map(drop),
            None => Ok(()),
        }
    }

    /// Number and batches of every segment that is closed and not sealed.
    pub(crate) fn closed_tails(&self) -> Vec<(u32, Vec<(u64, u64)>)> {
        let layout = self.layout();
        let numbered = (0..).zip(&layout.segments);
        numbered
            .filter_map(|(number, segment)| match segment {
                Segment::Tail(tail) if tail.closed => Some((number, tail.batches.clone())),
                _ => None,
            })
            .collect()
    }

    async fn list(&self) -> Result<Layout, OpenError> {
        let objects = match self.inner.only_reads {
            true => self.objects().list_to_read().await,
            false => self.objects().list().await,
        };
        let objects = objects.map_err(|source| OpenError::Store {
            stream: self.inner.name.clone(),
            what: "list its objects".to_owned(),
            source,
        })?;
        Ok(Layout::read(&objects))
    }

    /// The segment that is missing, if one is: the log can be read up to it, and not be written.
    pub fn gap(&self) -> Option<Gap> {
        self.layout().gap
    }

    pub(crate) fn objects(&self) -> &Objects {
        &self.inner.objects
    }

    pub(crate) fn folder(&self) -> &OnceLock<Option<PathBuf>> {
        &self.inner.folder
    }

    pub(crate) fn layout(&self) -> MutexGuard<'_, Layout> {
        // The layout is replaced or extended whole, so a panic elsewhere leaves it sound.
        self.inner
            .layout
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Layout)) {
        let end = {
            let mut layout = self.layout();
            change(&mut layout);
            layout.end()
        };
        self.inner.tail.send_if_modified(|tail| {
            let moved = end > *tail;
            if moved {
                *tail = end;
            }
            moved
        });
    }

    /// Notes that the store has the batch.
    pub(crate) fn note_batch(&self, at: Position, bytes: Bytes) {
        let size = bytes.len() as u64;
        self.remember(at, bytes);
        self.change(|layout| {
            if layout.end() != at {
                return; // a listing was faster
            }
            match layout.segments.get_mut(at.segment as usize) {
                Some(Segment::Tail(tail)) => tail.batches.push((at.offset, size)),
                _ => layout.segments.push(Segment::Tail(Tail {
                    batches: vec![(at.offset, size)],
                    closed: false,
                })),
            }
        });
    }

    /// Notes that the segment is closed.
    pub(crate) fn note_closed(&self, number: u32) {
        self.change(|layout| match layout.segments.get_mut(number as usize) {
            Some(Segment::Tail(tail)) => tail.closed = true,
            Some(Segment::Sealed(_)) => {}
            None => layout.segments.push(Segment::Tail(Tail {
                batches: Vec::new(),
                closed: true,
            })),
        });
    }

    /// Notes that the segment has become one object.
    pub(crate) fn note_sealed(&self, name: SegmentName, size: u64) {
        self.change(|layout| {
            if let Some(segment) = layout.segments.get_mut(name.number as usize) {
                if let Segment::Tail(tail) = segment {
                    let batches = tail
                        .batches
                        .iter()
                        .map(|&(offset, _)| (name.number, offset));
                    layout
                        .joined
                        .extend(batches.chain([(name.number, tail.end())]));
                }
                // Only a listing says when the store took it; until then it is not old.
                let modified = i64::MAX;
                *segment = Segment::Sealed(Sealed {
                    name,
                    size,
                    modified,
                });
            }
        });
    }

    /// Notes that the batches are gone.
    pub(crate) fn note_removed(&self, number: u32) {
        self.change(|layout| layout.joined.retain(|&(segment, _)| segment != number));
    }

    fn remember(&self, at: Position, bytes: Bytes) {
        let mut recent = self
            .inner
            .recent
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        recent.bytes += bytes.len();
        recent.batches.push_back((at, bytes));
        while recent.bytes > RECENT_BYTES_MAX {
            let Some((_, dropped)) = recent.batches.pop_front() else {
                break;
            };
            recent.bytes -= dropped.len();
        }
    }

    pub(crate) fn recent(&self, at: Position) -> Option<Bytes> {
        let recent = self
            .inner
            .recent
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let found = recent
            .batches
            .binary_search_by_key(&at, |(position, _)| *position);
        found.ok().map(|index| recent.batches[index].1.clone())
    }

    /// The object that holds `position` or, at the end of a segment, the first of the next one; `None`
    /// at the end of the log.
    pub(crate) fn object_at(&self, mut position: Position) -> Option<Object> {
        loop {
            match self.locate(position) {
                Place::Sealed(sealed) => {
                    return Some(Object {
                        start: Position::start_of(position.segment),
                        size: sealed.size,
                        sealed: Some(sealed),
                    });
                }
                Place::Batch { offset, size } => {
                    return Some(Object {
                        start: Position { offset, ..position },
                        size,
                        sealed: None,
                    });
                }
                Place::NextSegment => position = Position::start_of(position.segment + 1),
                Place::End | Place::Beyond(_) => return None,
            }
        }
    }

    /// The objects of a segment from `at` on.
    pub(crate) fn objects_of(&self, at: Position) -> Vec<Object> {
        let mut objects = Vec::new();
        let mut next = self.object_at(at);
        while let Some(object) = next.filter(|object| object.start.segment == at.segment) {
            let end = Position {
                offset: object.start.offset + object.size,
                ..at
            };
            objects.push(object);
            next = self.object_at(end);
        }
        objects
    }

    pub(crate) fn locate(&self, position: Position) -> Place {
        let layout = self.layout();
        let end = layout.end();
        if position >= end {
            return if position == end {
                Place::End
            } else {
                Place::Beyond(end)
            };
        }
        match layout.segments.get(position.segment as usize) {
            None => Place::Beyond(end),
            Some(segment) if position.offset == segment.len() => Place::NextSegment,
            Some(segment) if position.offset > segment.len() => Place::Beyond(end),
            Some(Segment::Sealed(sealed)) => Place::Sealed(*sealed),
            Some(Segment::Tail(tail)) => {
                let after = tail
                    .batches
                    .partition_point(|&(offset, _)| offset <= position.offset);
                let (offset, size) = tail.batches[after - 1];
                Place::Batch { offset, size }
            }
        }
    }
}
