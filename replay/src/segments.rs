//! The bytes that the cells of a corpus point at: parts of segments, mapped or in memory.
//!
//! [`Segments`] only ever learns more bytes of a log that only ever grows, so a clone of it, such as a snapshot's,
//! finds what it could find for as long as it lives. Nothing is copied when bytes are attached, but for the
//! little ones of a tail, which are joined so that they stay few. Depends on `mapped` for the mapping.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use log_core::Position;
use log_core::frame::Frames;

use crate::mapped;

/// Parts of a tail that follow one another are joined up to this size.
const JOINED_BYTES_MAX: usize = 1 << 20;

/// Bytes of a segment that never change. A clone is a handle to the same.
#[derive(Clone, Default)]
pub struct SegmentBytes {
    /// The mapping, or the memory, that they are a part of.
    whole: Bytes,
    range: Range<usize>,
    mapped: bool,
}

impl SegmentBytes {
    /// Maps a file's first bytes. The file must be one that is never cut nor changed where it has bytes: see
    /// docs/LOG-FORMAT.md. Blocks for as long as the system needs to look the file up.
    pub fn map(file: &File, len: usize) -> io::Result<Self> {
        Self::map_part(file, 0, len)
    }

    /// Maps the `len` bytes from `offset` on.
    pub fn map_part(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        if len == 0 {
            return Ok(Self::default());
        }
        Ok(Self {
            whole: Bytes::from_owner(mapped::map(file, offset, len)?),
            range: 0..len,
            mapped: true,
        })
    }

    /// Whether they are a file's, and so no memory of this process's own.
    pub fn is_mapped(&self) -> bool {
        self.mapped
    }

    /// A part of them, without a copy; `None` if it reaches beyond them.
    pub fn part(&self, range: Range<usize>) -> Option<Self> {
        (range.start <= range.end && range.end <= self.range.len()).then(|| Self {
            whole: self.whole.clone(),
            range: self.range.start + range.start..self.range.start + range.end,
            mapped: self.mapped,
        })
    }

    /// Both as one, without a copy, if they are of one mapping and `next` begins where these end.
    fn joined(&self, next: &Self) -> Option<Self> {
        let same = self.whole.as_ptr() == next.whole.as_ptr()
            && self.whole.len() == next.whole.len()
            && self.mapped
            && next.mapped
            && self.range.end == next.range.start;
        same.then(|| Self {
            whole: self.whole.clone(),
            range: self.range.start..next.range.end,
            mapped: true,
        })
    }
}

impl Deref for SegmentBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // The range is always within.
        self.whole.get(self.range.clone()).unwrap_or_default()
    }
}

impl From<Bytes> for SegmentBytes {
    fn from(whole: Bytes) -> Self {
        Self {
            range: 0..whole.len(),
            whole,
            mapped: false,
        }
    }
}

impl fmt::Debug for SegmentBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.mapped { "mapped" } else { "in memory" };
        write!(f, "{} bytes, {kind}", self.len())
    }
}

/// A run of whole records of one segment. Where the log itself is damaged, what is not a record is told by whoever
/// walks the frames.
#[derive(Clone, Debug)]
pub struct Block {
    /// The number of the segment.
    pub segment: u32,
    /// Where the first record starts in it.
    pub start: u64,
    /// Framed.
    pub bytes: SegmentBytes,
}

impl Block {
    /// Where the first record starts.
    pub fn at(&self) -> Position {
        Position {
            segment: self.segment,
            offset: self.start,
        }
    }

    /// Where the last record ends.
    pub fn end(&self) -> Position {
        Position {
            segment: self.segment,
            offset: self.start + self.bytes.len() as u64,
        }
    }

    /// The records, borrowed.
    pub fn frames(&self) -> Frames<'_> {
        Frames::new(&self.bytes, self.start)
    }
}

/// One part of a segment.
#[derive(Clone, Debug)]
struct Chunk {
    start: u64,
    bytes: SegmentBytes,
}

impl Chunk {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn get(&self, offset: u32, len: u32) -> Option<&[u8]> {
        let start = usize::try_from(u64::from(offset).checked_sub(self.start)?).ok()?;
        let end = start.checked_add(usize::try_from(len).ok()?)?;
        self.bytes.get(start..end)
    }
}

/// The parts of one segment, in order; they do not overlap.
type Chunks = Arc<Vec<Chunk>>;

/// All bytes that cells can point at. A clone shares them, and stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    /// By number.
    list: Arc<Vec<Chunks>>,
}

impl Segments {
    /// Adds a block's bytes. What is there already stays, but for a block from the start of its segment that
    /// reaches as far as all that is there: it takes their place, as a sealed segment does that of its batches.
    pub fn attach(&mut self, block: &Block) {
        let number = block.segment as usize;
        if block.bytes.is_empty() {
            return;
        }
        let list = Arc::make_mut(&mut self.list);
        if list.len() <= number {
            list.resize_with(number + 1, Chunks::default);
        }
        let new = Chunk {
            start: block.start,
            bytes: block.bytes.clone(),
        };
        let Some(chunks) = list.get_mut(number) else {
            return; // it was just made
        };
        let end = chunks.last().map_or(0, Chunk::end);
        if new.start == 0 && new.end() >= end {
            // Memory is not taken for what is a file's already.
            let known = matches!(chunks.as_slice(), [only] if only.start == 0 && only.bytes.mapped);
            if known && new.end() == end && !new.bytes.mapped {
                return;
            }
            *chunks = Arc::new(vec![new]);
        } else if new.start >= end {
            append(Arc::make_mut(chunks), new);
        } else {
            insert(Arc::make_mut(chunks), &new);
        }
    }

    /// The bytes of a cell; `None` if nothing like it is attached.
    #[inline]
    pub fn get(&self, segment: u32, offset: u32, len: u32) -> Option<&[u8]> {
        let chunks = self.list.get(segment as usize)?;
        if let [chunk] = chunks.as_slice() {
            return chunk.get(offset, len);
        }
        let after = chunks.partition_point(|chunk| chunk.start <= u64::from(offset));
        chunks.get(after.checked_sub(1)?)?.get(offset, len)
    }

    /// How many segments there are up to the last that has bytes.
    pub fn count(&self) -> u32 {
        self.list.len() as u32
    }

    /// Whether all of the segment that is attached is one part, from its start, that is a mapped file's.
    pub fn is_mapped(&self, segment: u32) -> bool {
        let chunks = self.list.get(segment as usize);
        matches!(chunks.map(|chunks| chunks.as_slice()), Some([chunk]) if chunk.start == 0 && chunk.bytes.mapped)
    }

    /// Whether `bytes`, of which the first is at the start of the segment, are the same where anything is attached.
    pub fn agree_with(&self, segment: u32, bytes: &[u8]) -> bool {
        let chunks = self.list.get(segment as usize);
        let mut chunks = chunks.into_iter().flat_map(|chunks| chunks.iter());
        chunks.all(|chunk| {
            let range = usize::try_from(chunk.start)
                .ok()
                .zip(usize::try_from(chunk.end()).ok());
            range.and_then(|(start, end)| bytes.get(start..end)) == Some(&*chunk.bytes)
        })
    }

    /// Bytes that are attached: all, and those of them that are memory of this process's own.
    pub fn size(&self) -> (u64, u64) {
        let chunks = self.list.iter().flat_map(|chunks| chunks.iter());
        chunks.fold((0, 0), |(all, own), chunk| {
            let len = chunk.bytes.len() as u64;
            (all + len, own + if chunk.bytes.mapped { 0 } else { len })
        })
    }
}

/// Adds a part behind all others. Parts of one mapping are joined. Parts in memory that follow one another are joined
/// with those at most twice as long, so that a tail of n batches has about log n parts and each byte is copied about
/// log n times.
fn append(chunks: &mut Vec<Chunk>, mut new: Chunk) {
    if let Some(last) = chunks.last_mut()
        && last.end() == new.start
        && let Some(joined) = last.bytes.joined(&new.bytes)
    {
        last.bytes = joined;
        return;
    }
    while let Some(last) = chunks.last() {
        let joined = last.bytes.len() + new.bytes.len();
        let joins = !last.bytes.mapped
            && !new.bytes.mapped
            && last.end() == new.start
            && last.bytes.len() <= 2 * new.bytes.len()
            && joined <= JOINED_BYTES_MAX;
        if !joins {
            break;
        }
        let mut bytes = BytesMut::with_capacity(joined);
        bytes.extend_from_slice(&last.bytes);
        bytes.extend_from_slice(&new.bytes);
        new = Chunk {
            start: last.start,
            bytes: bytes.freeze().into(),
        };
        chunks.pop();
    }
    chunks.push(new);
}

/// Adds of a part what is not there yet.
fn insert(chunks: &mut Vec<Chunk>, new: &Chunk) {
    let mut from = new.start;
    let mut at = chunks.partition_point(|chunk| chunk.end() <= from);
    while from < new.end() {
        let next = chunks.get(at);
        if let Some(known) = next.filter(|next| next.start <= from) {
            from = known.end();
            at += 1;
            continue;
        }
        let to = next.map_or(new.end(), |next| next.start.min(new.end()));
        // Both lie within bytes that are in memory, so they fit.
        let range = (from - new.start) as usize..(to - new.start) as usize;
        let Some(bytes) = new.bytes.part(range) else {
            return; // `from` and `to` are in it
        };
        chunks.insert(at, Chunk { start: from, bytes });
        at += 1;
        from = to;
    }
}

impl Segments {
    /// Where the known bytes of a segment end.
    pub(crate) fn end_of(&self, segment: u32) -> u64 {
        let chunks = self.list.get(segment as usize);
        chunks
            .and_then(|chunks| chunks.last())
            .map_or(0, Chunk::end)
    }

    /// All bytes that are known before a position, in order.
    pub(crate) fn blocks_until(&self, end: Position) -> Vec<Block> {
        self.blocks_between(Position::START, end)
    }

    /// The bytes from a record's start up to a position. A part of the log that is in one piece and has the start in the
    /// middle is given from there.
    pub(crate) fn blocks_between(&self, from: Position, end: Position) -> Vec<Block> {
        let mut blocks = Vec::new();
        let bound = |position: Position, segment, otherwise| match position.segment == segment {
            true => position.offset,
            false => otherwise,
        };
        for segment in from.segment..=end.segment {
            let (first, last) = (bound(from, segment, 0), bound(end, segment, u64::MAX));
            let chunks = self.list.get(segment as usize);
            for chunk in chunks.into_iter().flat_map(|chunks| chunks.iter()) {
                let (start, stop) = (chunk.start.max(first), chunk.end().min(last));
                if start >= stop {
                    continue;
                }
                // Within a chunk, so they fit.
                let range = (start - chunk.start) as usize..(stop - chunk.start) as usize;
                let bytes = chunk.bytes.part(range);
                blocks.extend(bytes.map(|bytes| Block {
                    segment,
                    start,
                    bytes,
                }));
            }
        }
        blocks
    }
}

#[cfg(test)]
#[path = "segments/tests.rs"]
mod tests;
