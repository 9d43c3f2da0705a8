//! A stream as a source: its sealed segments and the long batches of its tail mapped, the short ones read. (A log without
//! a sealed segment is read, as there is nothing to tell its folder by.)
//!
//! Depends on the stream, and on [`super::download`] where its store has no files. A stream never goes back; here is
//! where it is noticed if its store does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use log_core::frame::FrameError;
use log_core::layout::{Sealed, Segment};
use log_core::segment::SegmentName;
use log_core::{Batch, Part, Position, ReadError, Stream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::SegmentId;
use super::cut::{READ_BYTES_MAX, SEGMENT_BYTES_MAX, agrees, check_digest, cut, map_file};
use super::download::Downloads;
use super::error::{SourceError, blocking};
use crate::segments::{Block, SegmentBytes, Segments};

/// How sealed segments get into memory.
#[derive(Debug)]
pub(super) enum Access {
    /// As files, where the store has such; otherwise they are read.
    Direct,
    /// From local copies.
    Copies(Downloads),
}

/// Follows a stream.
#[derive(Debug)]
pub(super) struct StreamSource {
    stream: Stream,
    place: String,
    access: Access,
    refresh: Option<Duration>,
    /// Whether sealed files are hashed before they are used.
    verify: bool,
    news: watch::Receiver<Position>,
    /// When to look at the store again.
    next_look: Option<Instant>,
    /// The sealed segments of which bytes were given.
    given: BTreeMap<u32, SegmentName>,
    /// The segments of which batches were given.
    in_batches: BTreeSet<u32>,
    /// The sealed segment that was used last.
    current: Option<(SegmentName, SegmentBytes)>,
    /// The long batch that was mapped last.
    batch: Option<(Batch, SegmentBytes)>,
    /// Segments that were mapped and not asked for yet.
    ahead: BTreeMap<SegmentName, SegmentBytes>,
    /// What was found of a history that is another by now.
    split: Option<Split>,
}

#[derive(Clone, Copy, Debug)]
enum Split {
    Changed { segment: u32, what: &'static str },
    Shrunk { tail: Position, end: Position },
}

impl StreamSource {
    pub(super) fn new(
        stream: Stream,
        place: String,
        access: Access,
        refresh: Option<Duration>,
        verify: bool,
    ) -> Self {
        Self {
            news: stream.watch(),
            stream,
            place,
            access,
            refresh,
            verify,
            next_look: None,
            given: BTreeMap::new(),
            in_batches: BTreeSet::new(),
            current: None,
            batch: None,
            ahead: BTreeMap::new(),
            split: None,
        }
    }

    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    pub(super) fn tail(&self) -> Position {
        self.stream.tail()
    }

    pub(super) fn next_position(&self, end: Position) -> Position {
        match self.stream.part_at(end, 0) {
            Part::NextSegment => Position::start_of(end.segment + 1),
            _ => end,
        }
    }

    pub(super) fn segments(&self) -> Vec<SegmentId> {
        let segments = (0..).zip(self.stream.segments());
        segments
            .map(|(number, segment)| SegmentId {
                number,
                size: segment.len(),
                sha224: match &segment {
                    Segment::Sealed(sealed) => Some(sealed.name.sha224),
                    Segment::Tail(_) => None,
                },
                complete: segment.is_complete(),
            })
            .collect()
    }

    pub(super) async fn read(
        &mut self,
        from: Position,
        bytes_max: u64,
    ) -> Result<Vec<Block>, SourceError> {
        self.refuse_split()?;
        // Before the look: what comes meanwhile must wake us after it.
        self.news.mark_unchanged();
        let (mut blocks, mut at, mut left) = (Vec::new(), from, bytes_max.max(1));
        self.map_ahead(from.segment..=u32::MAX, left).await?;
        let read = loop {
            match self.next_block(&mut at, left, blocks.is_empty()).await {
                Ok(Some(block)) => {
                    at = block.end();
                    left = left.saturating_sub(block.bytes.len() as u64);
                    blocks.push(block);
                }
                Ok(None) => break Ok(blocks),
                // What is sound first, the error next time.
                Err(_) if !blocks.is_empty() => break Ok(blocks),
                Err(error) => break Err(error),
            }
        };
        self.ahead.clear();
        read
    }

    /// The next block; `None` at the tail. What does not fit is given only if it is the `first`.
    async fn next_block(
        &mut self,
        at: &mut Position,
        left: u64,
        first: bool,
    ) -> Result<Option<Block>, SourceError> {
        loop {
            match self.stream.part_at(*at, left) {
                Part::Sealed(sealed) => {
                    let rest = sealed.size - at.offset;
                    if !first && rest > left {
                        return Ok(None);
                    }
                    let Some(whole) = self.sealed_segment(sealed).await? else {
                        continue;
                    };
                    let bytes = part(&whole, at.offset, sealed.size);
                    let block = cut(at.segment, at.offset, bytes, left).await?;
                    return block
                        .map(Some)
                        .map_err(|error| self.damage(at.segment, error));
                }
                Part::Batches { end } => {
                    if !first && end - at.offset > left {
                        return Ok(None);
                    }
                    self.check_length(at.segment, end)?;
                    if let Some(bytes) = self.mapped_batch(*at).await? {
                        let block = cut(at.segment, at.offset, bytes, left).await?;
                        let block = block.map_err(|error| self.damage(at.segment, error))?;
                        self.in_batches.insert(at.segment);
                        return Ok(Some(block));
                    }
                    let end = self.before_long_batch(*at, end);
                    let bytes = self.stream.bytes(at.segment, at.offset..end).await;
                    let bytes = bytes.map_err(|source| self.read_error(source))?;
                    self.in_batches.insert(at.segment);
                    return Ok(Some(Block {
                        segment: at.segment,
                        start: at.offset,
                        bytes: bytes.into(),
                    }));
                }
                Part::NextSegment => *at = Position::start_of(at.segment + 1),
                Part::Beyond { end } => {
                    return Err(SourceError::BeyondEnd {
                        place: self.place.clone(),
                        position: *at,
                        end,
                    });
                }
                _ => {
                    let Some(source) = self.stream.gap() else {
                        return Ok(None);
                    };
                    let place = self.place.clone();
                    return Err(SourceError::Gap { place, source });
                }
            }
        }
    }

    /// Blocks of all bytes before `end`.
    pub(super) async fn history(&mut self, end: Position) -> Result<Vec<Block>, SourceError> {
        self.refuse_split()?;
        self.map_ahead(0..=end.segment, u64::MAX).await?;
        let (mut blocks, mut at) = (Vec::new(), Position::START);
        // A segment of which nothing is wanted is not read.
        while self.next_position(at) < end {
            let Some(mut block) = self.next_block(&mut at, u64::MAX, true).await? else {
                break;
            };
            if block.segment > end.segment {
                break;
            }
            at = block.end();
            if at > end && block.segment == end.segment {
                block.bytes = part(&block.bytes, 0, end.offset - block.start);
                at = end;
            }
            blocks.push(block);
        }
        self.ahead.clear();
        if at < end && self.next_position(at) != end {
            return Err(SourceError::BeyondEnd {
                place: self.place.clone(),
                position: end,
                end: self.tail(),
            });
        }
        Ok(blocks)
    }

    /// Blocks of whole segments of which `held` has batches, and which are sealed by now.
    pub(super) async fn sealed(&mut self, held: &Segments) -> Result<Vec<Block>, SourceError> {
        self.refuse_split()?;
        let mut blocks = Vec::new();
        for number in self.in_batches.clone() {
            let Some(sealed) = self.stream.sealed(number) else {
                continue;
            };
            let Some(bytes) = self.sealed_segment(sealed).await? else {
                continue;
            };
            if !agrees(held, number, &bytes).await? {
                return Err(self.changed_history(number, "a part"));
            }
            blocks.push(Block {
                segment: number,
                start: 0,
                bytes,
            });
        }
        for block in &blocks {
            self.in_batches.remove(&block.segment);
        }
        Ok(blocks)
    }

    pub(super) async fn changed(&mut self) -> Result<(), SourceError> {
        loop {
            self.refuse_split()?;
            let Some(refresh) = self.refresh else {
                // The stream that we hold keeps the sender alive.
                drop(self.news.changed().await);
                return Ok(());
            };
            // Kept over calls: one that is cancelled often must not put it off for ever.
            let due = *self
                .next_look
                .get_or_insert_with(|| Instant::now() + refresh);
            tokio::select! {
                biased;
                _ = self.news.changed() => return Ok(()),
                () = sleep_until(due) => {}
            }
            self.next_look = Some(Instant::now() + refresh);
            self.look().await?;
        }
    }

    /// Looks at the store for what others have done.
    async fn look(&mut self) -> Result<(), SourceError> {
        let tail = self.stream.tail();
        // A listing while objects are joined may show less; the next one does not.
        for _ in 0..2 {
            let looked = self.stream.refresh().await;
            looked.map_err(|source| SourceError::open(&self.place, source))?;
            if self.stream.listed_end() >= tail {
                break;
            }
        }
        let end = self.stream.listed_end();
        if end < tail {
            self.split = Some(Split::Shrunk { tail, end });
        }
        for (&segment, name) in &self.given {
            let now = self.stream.sealed(segment);
            if now.is_some_and(|now| now.name != *name) {
                let what = "the name";
                self.split = Some(Split::Changed { segment, what });
            }
        }
        self.refuse_split()
    }

    /// A sealed segment's bytes; `None` if the stream has them elsewhere by now.
    async fn sealed_segment(
        &mut self,
        sealed: Sealed,
    ) -> Result<Option<SegmentBytes>, SourceError> {
        let (number, name) = (sealed.name.number, sealed.name);
        if self.given.get(&number).is_some_and(|given| *given != name) {
            return Err(self.changed_history(number, "the name"));
        }
        if let Some((current, bytes)) = &self.current
            && *current == name
        {
            return Ok(Some(bytes.clone()));
        }
        self.check_length(number, sealed.size)?;
        if let Some(bytes) = self.ahead.remove(&name) {
            self.given.insert(number, name);
            self.current = Some((name, bytes.clone()));
            return Ok(Some(bytes));
        }
        let found = match &mut self.access {
            Access::Copies(downloads) => downloads.segment(&self.stream, sealed).await?,
            Access::Direct => {
                let folder = self.stream.local_folder().await;
                match folder.map_err(|source| self.read_error(source))? {
                    Some(folder) => self.map_sealed(folder, sealed).await?,
                    None => self.sealed_bytes(sealed).await?,
                }
            }
        };
        if let Some(bytes) = &found {
            self.given.insert(number, name);
            self.current = Some((name, bytes.clone()));
        }
        Ok(found)
    }

    async fn map_sealed(
        &mut self,
        folder: PathBuf,
        sealed: Sealed,
    ) -> Result<Option<SegmentBytes>, SourceError> {
        let verify = self.verify;
        match blocking("mapping", move || map_sealed(&folder, sealed, verify)).await {
            Ok(Some(bytes)) => Ok(Some(bytes)),
            // A link: what is behind it, the store may know.
            Ok(None) => self.sealed_bytes(sealed).await,
            Err(SourceError::Io { source, .. }) if source.kind() == ErrorKind::UnexpectedEof => {
                Err(self.changed_history(sealed.name.number, "the length"))
            }
            Err(SourceError::Io { what, path, source }) if source.kind() == ErrorKind::NotFound => {
                self.look().await?;
                if self.stream.sealed(sealed.name.number) != Some(sealed) {
                    return Ok(None);
                }
                Err(SourceError::Io { what, path, source })
            }
            Err(error) => Err(error),
        }
    }

    fn is_current(&self, name: SegmentName) -> bool {
        matches!(&self.current, Some((current, _)) if *current == name)
    }

    async fn sealed_bytes(&self, sealed: Sealed) -> Result<Option<SegmentBytes>, SourceError> {
        let bytes = self.stream.sealed_bytes(sealed.name).await;
        let bytes = bytes.map_err(|source| self.read_error(source))?;
        Ok(bytes.map(SegmentBytes::from))
    }

    /// Maps the files of those of some segments that are sealed, up to so many bytes, in one go: to go to a thread that may
    /// wait takes longer than to map a file. [`Self::sealed_segment`] finds them. What goes wrong with one is told when it
    /// is asked for.
    async fn map_ahead(
        &mut self,
        segments: RangeInclusive<u32>,
        bytes_max: u64,
    ) -> Result<(), SourceError> {
        // What is hashed first takes its time: one at a time, and only what is asked for.
        if self.verify || !matches!(self.access, Access::Direct) {
            return Ok(());
        }
        let mut bytes = 0u64;
        let sealed: Vec<_> = segments
            .map_while(|number| self.stream.sealed(number))
            .filter(|sealed| !self.is_current(sealed.name))
            .take_while(|sealed| {
                bytes = bytes.saturating_add(sealed.size);
                bytes <= bytes_max
            })
            .collect();
        if sealed.len() < 2 {
            return Ok(());
        }
        let folder = self.stream.local_folder().await;
        let Some(folder) = folder.map_err(|source| self.read_error(source))? else {
            return Ok(());
        };
        let verify = self.verify;
        self.ahead = blocking("mapping", move || {
            let mapped = sealed.into_iter().filter_map(|sealed| {
                let bytes = map_sealed(&folder, sealed, verify).ok()??;
                Some((sealed.name, bytes))
            });
            Ok(mapped.collect())
        })
        .await?;
        Ok(())
    }

    /// The rest of a long batch that is a file; `None` if it is none, or is not there any more.
    async fn mapped_batch(&mut self, at: Position) -> Result<Option<SegmentBytes>, SourceError> {
        let long = self.stream.batch_at(at).filter(is_long);
        let (Access::Direct, Some(batch)) = (&self.access, long) else {
            return Ok(None);
        };
        let rest = |whole: &SegmentBytes| part(whole, at.offset - batch.start.offset, batch.size);
        // One mapping, however often a part is asked for: there can be only so many.
        if let Some((mapped, whole)) = &self.batch
            && *mapped == batch
        {
            return Ok(Some(rest(whole)));
        }
        // Whatever is wrong with a file, the store tells of it where it is read.
        let Ok(Some(folder)) = self.stream.local_folder().await else {
            return Ok(None);
        };
        let path = folder.join(batch.object());
        let mapped = blocking("mapping", move || {
            Ok(map_file(&path, batch.size).ok().flatten())
        });
        self.batch = mapped.await?.map(|whole| (batch, whole));
        Ok(self.batch.as_ref().map(|(_, whole)| rest(whole)))
    }

    /// Where the first long batch starts between a place and the end of a later batch, or that end: what is before it is
    /// read together. The batch at the place itself does not count.
    fn before_long_batch(&self, at: Position, end: u64) -> u64 {
        let mut next = self.stream.batch_at(at);
        while let Some(batch) = next.filter(|batch| batch.end() < end) {
            next = self.stream.batch_at(Position {
                offset: batch.end(),
                ..at
            });
            if next.is_some_and(|next| is_long(&next)) {
                return batch.end();
            }
        }
        end
    }

    /// What is wrong with a segment's bytes.
    pub(super) fn damage(&self, segment: u32, source: FrameError) -> SourceError {
        let file = match self.stream.sealed(segment) {
            Some(sealed) => format!("{}/{}", self.place, sealed.name),
            None => self.place.clone(),
        };
        SourceError::Frame {
            segment,
            file,
            source,
        }
    }

    fn check_length(&self, segment: u32, size: u64) -> Result<(), SourceError> {
        if size <= SEGMENT_BYTES_MAX {
            return Ok(());
        }
        Err(SourceError::TooLong {
            file: format!("segment {segment} of {}", self.place),
            size,
            max: SEGMENT_BYTES_MAX,
        })
    }

    fn read_error(&self, source: ReadError) -> SourceError {
        SourceError::read(&self.place, source)
    }

    fn changed_history(&mut self, segment: u32, what: &'static str) -> SourceError {
        let split = Split::Changed { segment, what };
        self.split = Some(split);
        self.split_error(split)
    }

    fn refuse_split(&self) -> Result<(), SourceError> {
        self.split
            .map_or(Ok(()), |split| Err(self.split_error(split)))
    }

    fn split_error(&self, split: Split) -> SourceError {
        let place = self.place.clone();
        match split {
            Split::Changed { segment, what } => SourceError::Changed {
                place,
                segment,
                what,
            },
            Split::Shrunk { tail, end } => SourceError::Shrunk { place, tail, end },
        }
    }
}

fn map_sealed(
    folder: &Path,
    sealed: Sealed,
    verify: bool,
) -> Result<Option<SegmentBytes>, SourceError> {
    let path = folder.join(sealed.name.to_string());
    let bytes = map_file(&path, sealed.size)?;
    if let Some(bytes) = bytes.as_deref().filter(|_| verify) {
        check_digest(bytes, sealed.name, &path)?;
    }
    Ok(bytes)
}

/// A part that is known to be in it.
/// Whether a batch is a file of its own that is worth a mapping.
fn is_long(batch: &Batch) -> bool {
    batch.size > READ_BYTES_MAX
}

fn part(bytes: &SegmentBytes, start: u64, end: u64) -> SegmentBytes {
    bytes.part(start as usize..end as usize).unwrap_or_default()
}
