//! An original's log in files: a disk log, one file of such, or a client's cache. It is read as it is.
//!
//! The files are segments in the order of their names, from 0. The last one may grow, and new ones may come, which is
//! found by looking. Half a record at the end of the last file is one that is being written: it is not there yet,
//! unless the file had it already when it was opened and nobody writes on. Depends on [`super::cut`].

mod list;

use std::collections::BTreeSet;
use std::fs::File;
use std::future::pending;
use std::path::PathBuf;
use std::time::Duration;

use log_core::Position;
use log_core::frame::FrameError;
use tokio::time::{Instant, sleep, sleep_until};

use super::SegmentId;
use super::cut::{
    SEGMENT_BYTES_MAX, agrees, check_digest, cut, growing_part, map_file, map_part, whole_records,
};
use super::error::{SourceError, blocking};
use crate::segments::{Block, SegmentBytes, Segments};

pub(super) use list::Layout;
use list::{LogFile, list};

/// A record is written with one call: who sees half of it, sees the rest within this time.
const TORN_WAIT: Duration = Duration::from_millis(500);
/// Between two looks for it.
const TORN_POLL: Duration = Duration::from_millis(20);

/// Reads and follows files.
#[derive(Debug)]
pub(super) struct FilesSource {
    layout: Layout,
    place: String,
    refresh: Option<Duration>,
    /// Whether files that name their digest are hashed before they are used.
    verify: bool,
    next_look: Option<Instant>,
    /// By segment. All but the last are complete.
    files: Vec<LogFile>,
    /// Where the last file's records end; up to `checked` that is known, from there on its length says so.
    tail: u64,
    checked: u64,
    /// Where the log ended, by the lengths of its files, when it was opened.
    opened: Position,
    /// The complete segment that was used last.
    current: Option<(u32, SegmentBytes)>,
    /// What was read or mapped of the last file, from its place to `tail`.
    growing: Option<(Position, SegmentBytes)>,
    /// Segments of which bytes were given before they were complete.
    in_parts: BTreeSet<u32>,
    split: Option<Split>,
}

#[derive(Clone, Copy, Debug)]
enum Split {
    Changed(u32),
    Shrunk { tail: Position, end: Position },
}

/// What the last file has at a place.
enum Growing {
    Block(Block),
    Nothing,
    /// Half a record, which was there when the file was opened.
    Torn(FrameError),
}

impl FilesSource {
    pub(super) async fn open(
        layout: Layout,
        place: String,
        refresh: Option<Duration>,
        verify: bool,
    ) -> Result<Self, SourceError> {
        let wanted = layout.clone();
        let files = blocking("listing files", move || list(&wanted)).await?;
        let mut source = Self {
            layout,
            place,
            refresh,
            verify,
            next_look: None,
            tail: files.last().map_or(0, |last| last.len),
            files,
            checked: 0,
            opened: Position::START,
            current: None,
            growing: None,
            in_parts: BTreeSet::new(),
            split: None,
        };
        source.opened = source.tail();
        Ok(source)
    }

    pub(super) fn tail(&self) -> Position {
        let end = Position {
            segment: self.last(),
            offset: self.tail,
        };
        self.next_position(end)
    }

    /// The number of the last segment.
    fn last(&self) -> u32 {
        (self.files.len() as u32).saturating_sub(1)
    }

    /// The file of a segment, how much of it is records as far as is known, and whether there will be no more.
    fn file(&self, segment: u32) -> Option<(&LogFile, u64, bool)> {
        let file = self.files.get(segment as usize)?;
        let complete = segment < self.last() || file.sha224.is_some();
        let size = if segment < self.last() {
            file.len
        } else {
            self.tail
        };
        Some((file, size, complete))
    }

    pub(super) fn next_position(&self, end: Position) -> Position {
        match self.file(end.segment) {
            Some((_, size, true)) if size == end.offset => Position::start_of(end.segment + 1),
            _ => end,
        }
    }

    pub(super) fn segments(&self) -> Vec<SegmentId> {
        let numbers = 0..self.files.len() as u32;
        let id = |number| {
            let (file, size, complete) = self.file(number)?;
            Some(SegmentId {
                number,
                size,
                sha224: file.sha224,
                complete,
            })
        };
        numbers.filter_map(id).collect()
    }

    pub(super) async fn read(
        &mut self,
        from: Position,
        bytes_max: u64,
    ) -> Result<Vec<Block>, SourceError> {
        self.refuse_split()?;
        let (mut blocks, mut at, mut left) = (Vec::new(), from, bytes_max.max(1));
        loop {
            match self.next_block(&mut at, left, blocks.is_empty()).await {
                Ok(Some(block)) => {
                    at = block.end();
                    left = left.saturating_sub(block.bytes.len() as u64);
                    blocks.push(block);
                }
                Ok(None) => return Ok(blocks),
                // What is sound first, the error next time.
                Err(_) if !blocks.is_empty() => return Ok(blocks),
                Err(error) => return Err(error),
            }
        }
    }

    async fn next_block(
        &mut self,
        at: &mut Position,
        left: u64,
        first: bool,
    ) -> Result<Option<Block>, SourceError> {
        let begun = Instant::now();
        loop {
            let Some((_, size, complete)) = self.file(at.segment) else {
                return if *at == self.tail() {
                    Ok(None)
                } else {
                    Err(self.beyond(*at))
                };
            };
            if at.offset > size {
                return Err(self.beyond(*at));
            }
            if at.offset == size && complete {
                *at = Position::start_of(at.segment + 1);
            } else if at.offset == size {
                // The caller was there, so it is where a record ends.
                self.checked = self.checked.max(size);
                return Ok(None);
            } else if !first && size - at.offset > left {
                return Ok(None);
            } else if complete {
                let whole = self.whole(at.segment).await?;
                let bytes = whole
                    .part(at.offset as usize..size as usize)
                    .unwrap_or_default();
                let block = cut(at.segment, at.offset, bytes, left).await?;
                return block
                    .map(Some)
                    .map_err(|error| self.damage(at.segment, error));
            } else {
                match self.growing_block(*at, left).await? {
                    Growing::Block(block) => return Ok(Some(block)),
                    Growing::Nothing => return Ok(None),
                    Growing::Torn(error) if begun.elapsed() > TORN_WAIT => {
                        return Err(self.damage(at.segment, error));
                    }
                    Growing::Torn(_) => {
                        sleep(TORN_POLL).await;
                        self.look().await?;
                    }
                }
            }
        }
    }

    /// A block of the last file, which may end in half a record.
    async fn growing_block(&mut self, at: Position, left: u64) -> Result<Growing, SourceError> {
        let Some((file, size, _)) = self.file(at.segment) else {
            return Ok(Growing::Nothing);
        };
        let path = file.path.clone();
        let known = self.growing.take().and_then(|(start, bytes)| {
            let skip = at.offset.checked_sub(start.offset)?;
            let fits =
                start.segment == at.segment && skip + (size - at.offset) == bytes.len() as u64;
            fits.then(|| bytes.part(skip as usize..bytes.len()))?
        });
        let read = blocking("reading", move || {
            let bytes = match known {
                Some(bytes) => bytes,
                None => {
                    let file = File::open(&path).map_err(SourceError::io("open", &path))?;
                    growing_part(&file, &path, at.offset, size - at.offset)?
                }
            };
            let (end, error) = whole_records(&bytes, at.offset, left);
            Ok((bytes, end, error))
        });
        let (all, end, error) = read.await?;
        let bytes = all.part(0..end).unwrap_or_default();
        let Some(error) = error.filter(|_| bytes.is_empty()) else {
            let block = Block {
                segment: at.segment,
                start: at.offset,
                bytes,
            };
            self.checked = self.checked.max(block.end().offset);
            self.in_parts.insert(at.segment);
            self.growing = Some((at, all));
            return Ok(Growing::Block(block));
        };
        if !is_torn(&error) {
            return Err(self.damage(at.segment, error));
        }
        if at < self.opened {
            return Ok(Growing::Torn(error));
        }
        (self.tail, self.checked) = (at.offset, at.offset); // it is not there yet
        Ok(Growing::Nothing)
    }

    /// Blocks of all bytes before `end`.
    pub(super) async fn history(&mut self, end: Position) -> Result<Vec<Block>, SourceError> {
        self.refuse_split()?;
        let mut parts = Vec::new();
        for segment in 0..=end.segment {
            let Some((file, size, complete)) = self.file(segment) else {
                break;
            };
            let until = if segment == end.segment {
                end.offset
            } else {
                size
            };
            if until > size {
                return Err(self.beyond(end));
            }
            let path = file.path.clone();
            let in_part = !complete || until < size;
            if in_part {
                self.in_parts.insert(segment);
            }
            parts.push((segment, path, until, in_part));
        }
        if end > self.tail() {
            return Err(self.beyond(end));
        }
        blocking("mapping", move || {
            let mut blocks = Vec::with_capacity(parts.len());
            for (segment, path, size, in_part) in parts {
                let file = File::open(&path).map_err(SourceError::io("open", &path))?;
                let bytes = if in_part {
                    growing_part(&file, &path, 0, size)?
                } else {
                    map_part(&file, &path, 0, size)?
                };
                blocks.push(Block {
                    segment,
                    start: 0,
                    bytes,
                });
            }
            blocks.retain(|block| !block.bytes.is_empty());
            Ok(blocks)
        })
        .await
    }

    /// Blocks of whole segments of which `held` has parts, and which are complete by now.
    pub(super) async fn sealed(&mut self, held: &Segments) -> Result<Vec<Block>, SourceError> {
        self.refuse_split()?;
        let mut blocks = Vec::new();
        for segment in self.in_parts.clone() {
            if !matches!(self.file(segment), Some((_, _, true))) {
                continue;
            }
            let bytes = self.whole(segment).await?;
            if !agrees(held, segment, &bytes).await? {
                self.split = Some(Split::Changed(segment));
                self.refuse_split()?;
            }
            blocks.push(Block {
                segment,
                start: 0,
                bytes,
            });
        }
        for block in &blocks {
            self.in_parts.remove(&block.segment);
        }
        Ok(blocks)
    }

    pub(super) async fn changed(&mut self) -> Result<(), SourceError> {
        let tail = self.tail();
        loop {
            self.refuse_split()?;
            let Some(refresh) = self.refresh else {
                return pending().await;
            };
            // Kept over calls: one that is cancelled often must not put it off for ever.
            let due = *self
                .next_look
                .get_or_insert_with(|| Instant::now() + refresh);
            sleep_until(due).await;
            self.next_look = Some(Instant::now() + refresh);
            self.look().await?;
            if self.tail() != tail {
                return Ok(());
            }
        }
    }

    /// Looks for what was written meanwhile. Dropped in the middle, it has changed nothing.
    async fn look(&mut self) -> Result<(), SourceError> {
        let (layout, last, tail) = (self.layout.clone(), self.last() as usize, self.tail);
        // Where nothing is known of the end, no record can be looked for behind it.
        let known = self.checked == tail;
        let (files, end) = blocking("listing files", move || {
            let files = list(&layout)?;
            let end = match files.get(last) {
                Some(file) if known && file.len > tail => end_of(file, tail)?,
                Some(file) => file.len,
                None => 0,
            };
            Ok((files, end))
        })
        .await?;
        if let Some(split) = self.compare(&files) {
            self.split = Some(split);
            return self.refuse_split();
        }
        if files.len() > self.files.len() {
            self.tail = files.last().map_or(0, |last| last.len);
            self.checked = 0;
            self.growing = None;
        } else {
            self.tail = end.max(self.tail);
        }
        self.files = files;
        Ok(())
    }

    /// How the files as they are now are no continuation of what they were.
    fn compare(&self, files: &[LogFile]) -> Option<Split> {
        for (number, known) in (0..).zip(&self.files) {
            let is_last = number == self.last();
            let size = if is_last { self.tail } else { known.len };
            let len = files.get(number as usize).map_or(0, |file| file.len);
            let same = files
                .get(number as usize)
                .is_some_and(|file| file.goes_on(known));
            if len < size && (same || files.len() <= number as usize) {
                let end = Position {
                    segment: number,
                    offset: len,
                };
                let tail = self.tail();
                return Some(Split::Shrunk { tail, end });
            }
            let complete = !is_last || known.sha224.is_some();
            if !same || (complete && len != known.len) {
                return Some(Split::Changed(number));
            }
        }
        None
    }

    /// A complete segment's bytes.
    async fn whole(&mut self, segment: u32) -> Result<SegmentBytes, SourceError> {
        if let Some((current, bytes)) = &self.current
            && *current == segment
        {
            return Ok(bytes.clone());
        }
        let Some(file) = self.files.get(segment as usize).cloned() else {
            return Err(self.beyond(Position::start_of(segment)));
        };
        let verify = self.verify;
        let bytes = blocking("mapping", move || {
            let bytes = match map_file(&file.path, file.len)? {
                Some(bytes) => bytes,
                // A link, which is as good here.
                None => {
                    let open = File::open(&file.path);
                    let open = open.map_err(SourceError::io("open", &file.path))?;
                    map_part(&open, &file.path, 0, file.len)?
                }
            };
            if let Some(name) = file.name(segment).filter(|_| verify) {
                check_digest(&bytes, name, &file.path)?;
            }
            Ok(bytes)
        })
        .await?;
        self.current = Some((segment, bytes.clone()));
        Ok(bytes)
    }

    /// What is wrong with a segment's bytes.
    pub(super) fn damage(&self, segment: u32, source: FrameError) -> SourceError {
        let path: Option<&PathBuf> = self.files.get(segment as usize).map(|file| &file.path);
        SourceError::Frame {
            segment,
            file: path.map_or(self.place.clone(), |path| path.display().to_string()),
            source,
        }
    }

    fn beyond(&self, position: Position) -> SourceError {
        SourceError::BeyondEnd {
            place: self.place.clone(),
            position,
            end: self.tail(),
        }
    }

    fn refuse_split(&self) -> Result<(), SourceError> {
        let place = self.place.clone();
        match self.split {
            None => Ok(()),
            Some(Split::Shrunk { tail, end }) => Err(SourceError::Shrunk { place, tail, end }),
            Some(Split::Changed(segment)) => Err(SourceError::Changed {
                place,
                segment,
                what: "the file",
            }),
        }
    }
}

/// Where the records of a file end that had them up to `tail`. If what follows is none at all, that is for the
/// reader to tell, so it counts.
fn end_of(file: &LogFile, tail: u64) -> Result<u64, SourceError> {
    if file.len > SEGMENT_BYTES_MAX {
        return Ok(file.len);
    }
    let open = File::open(&file.path).map_err(SourceError::io("open", &file.path))?;
    let bytes = growing_part(&open, &file.path, tail, file.len - tail)?;
    let (end, error) = whole_records(&bytes, tail, u64::MAX);
    let damaged = error.is_some_and(|error| !is_torn(&error));
    Ok(if damaged { file.len } else { tail + end as u64 })
}

/// Whether the rest of a record may still come.
fn is_torn(error: &FrameError) -> bool {
    matches!(
        error,
        FrameError::TornHeader { .. } | FrameError::TornPayload { .. }
    )
}
