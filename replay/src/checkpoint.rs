//! A corpus on disk, to be mapped: docs/CHECKPOINT-FORMAT.md says what the bytes are.
//!
//! A [`Checkpoint`] is the pages of a corpus as they are, each with its checksum, and at the end what they stand for:
//! which log, up to where, by which rules, and which version of this code. Opening one looks at the end alone; a page is
//! checked when it is first touched. One that does not fit is refused and made anew, never trusted. A page that turns
//! out to be damaged later is made anew from the log: the same records give the same pages, bit for bit.
//!
//! Depends on [`crate::segments`] for the mapping.

mod head;
mod heal;
mod log;
mod store;
mod write;

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use crate::columns::Cell;
use crate::segments::SegmentBytes;

pub(crate) use head::Head;
pub(crate) use heal::Origin;
pub(crate) use log::{Log, Places};
pub(crate) use store::{Snapshot, open_newest};

/// What a file begins and ends with. The digit counts incompatible versions of the format.
pub(crate) const MAGIC: &[u8; 16] = b"forgelog-ckpt-01";
/// Where blocks may begin.
pub(crate) const ALIGNMENT: usize = 64;
/// The length of the end of the file: see docs/CHECKPOINT-FORMAT.md.
pub(crate) const TRAILER_BYTES: usize = 64;
/// The length of a block's entry in the table.
pub(crate) const ENTRY_BYTES: usize = 24;

/// Why a file is no checkpoint that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It can't be read or written.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not one, or of another version of this program.
    #[error("{}: not a checkpoint of this version", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It was cut or changed.
    #[error("{}: {what} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The part.
        what: &'static str,
    },
    /// It is of another log, or of one that has another history since.
    #[error("{}: it is of another log: {what}", path.display())]
    OtherLog {
        /// The file.
        path: PathBuf,
        /// What is different.
        what: String,
    },
    /// It was made by other rules.
    #[error("{}: it was made by other rules ({rules})", path.display())]
    OtherRules {
        /// The file.
        path: PathBuf,
        /// Which.
        rules: String,
    },
}

/// What is known of a block: nothing yet, that it is damaged, or that it is sound, and then also where it is. In one word, as
/// every look at a cell of a mapped page asks for it.
struct Known(AtomicU64);

impl Known {
    const NOTHING: u64 = 0;
    const BROKEN: u64 = 1;
    const SOUND: u64 = 2;
    /// It is sound, but where it is does not fit the word: the table says it.
    const SOUND_ELSEWHERE: u64 = 3;
    /// Bits of the above.
    const STATE_BITS: u32 = 2;
    const STATE: u64 = (1 << Self::STATE_BITS) - 1;
    /// Bits of a length.
    const LEN_BITS: u32 = 26;

    fn nothing() -> Self {
        Self(AtomicU64::new(Self::NOTHING))
    }

    fn is_broken(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::BROKEN
    }

    fn set_broken(&self) {
        self.0.store(Self::BROKEN, Ordering::Relaxed);
    }

    /// Where it is, if it is known to be sound.
    #[inline]
    fn sound(&self) -> Option<Range<usize>> {
        let known = self.0.load(Ordering::Relaxed);
        if known & Self::STATE != Self::SOUND {
            return None;
        }
        let len = (known >> Self::STATE_BITS) as usize & ((1 << Self::LEN_BITS) - 1);
        let start = (known >> (Self::STATE_BITS + Self::LEN_BITS)) as usize * ALIGNMENT;
        Some(start..start + len)
    }

    fn is_sound_elsewhere(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::SOUND_ELSEWHERE
    }

    /// Notes that it is sound.
    fn set_sound(&self, place: &Range<usize>) {
        let (start, len) = ((place.start / ALIGNMENT) as u64, place.len() as u64);
        let room = u64::BITS - Self::STATE_BITS - Self::LEN_BITS;
        let known = if len >> Self::LEN_BITS == 0 && start >> room == 0 {
            (start << Self::LEN_BITS | len) << Self::STATE_BITS | Self::SOUND
        } else {
            Self::SOUND_ELSEWHERE
        };
        self.0.store(known, Ordering::Relaxed);
    }
}

/// A checkpoint file that is mapped.
pub(crate) struct Checkpoint {
    path: PathBuf,
    bytes: SegmentBytes,
    /// Where the table of blocks is.
    table: usize,
    known: Box<[Known]>,
    head: Head,
    numbers: Vec<u64>,
    origin: OnceLock<Origin>,
    healed: OnceLock<heal::Healed>,
}

/// A little-endian number of the file.
fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

impl Checkpoint {
    /// Maps a file and checks its end.
    pub(crate) fn open(path: &Path) -> Result<Arc<Self>, CheckpointError> {
        let io = |what| {
            move |source| CheckpointError::Io {
                what,
                path: path.to_owned(),
                source,
            }
        };
        let file = File::open(path).map_err(io("open"))?;
        let len = file.metadata().map_err(io("look at"))?.len();
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let bytes = SegmentBytes::map(&file, len).map_err(io("map"))?;
        Self::of(path, bytes)
    }

    /// The same for bytes that are there already; `path` is for messages.
    pub(crate) fn of(path: &Path, bytes: SegmentBytes) -> Result<Arc<Self>, CheckpointError> {
        let bytes = aligned(bytes);
        let foreign = || CheckpointError::Foreign {
            path: path.to_owned(),
        };
        let damaged = |what| CheckpointError::Damaged {
            path: path.to_owned(),
            what,
        };
        if cfg!(target_endian = "big") || !bytes.starts_with(MAGIC) {
            return Err(foreign());
        }
        let end = bytes.len().checked_sub(TRAILER_BYTES);
        let trailer = end
            .and_then(|end| bytes.get(end..))
            .ok_or_else(|| damaged("the end"))?;
        if !trailer.ends_with(MAGIC) {
            return Err(damaged("the end"));
        }
        let field = |at| number(trailer, at).and_then(|number| usize::try_from(number).ok());
        let fields = (
            field(0),
            field(8),
            field(16),
            field(24),
            number(trailer, 32),
        );
        let (Some(table), Some(blocks), Some(numbers), Some(head), Some(checksum)) = fields else {
            return Err(damaged("the end"));
        };
        let lengths = [
            blocks.checked_mul(ENTRY_BYTES),
            numbers.checked_mul(8),
            Some(head),
        ];
        let mut at = table;
        let mut parts = [0..0, 0..0, 0..0];
        for (part, len) in parts.iter_mut().zip(lengths) {
            let next = len.and_then(|len| at.checked_add(len));
            let next = next.filter(|next| *next <= bytes.len() - TRAILER_BYTES);
            let next = next.ok_or_else(|| damaged("the end"))?;
            *part = at..next;
            at = next;
        }
        if at != bytes.len() - TRAILER_BYTES || xxh3_64(&bytes[table..at]) != checksum {
            return Err(damaged("the table"));
        }
        let [entries, numbers, head] = parts;
        if !entries_fit(&bytes[entries], table) {
            return Err(damaged("the table"));
        }
        let head = serde_json::from_slice(&bytes[head]).map_err(|_| foreign())?;
        let numbers = bytes[numbers].as_chunks().0.iter();
        Ok(Arc::new(Self {
            path: path.to_owned(),
            table,
            known: (0..blocks).map(|_| Known::nothing()).collect(),
            head,
            numbers: numbers.map(|bytes| u64::from_le_bytes(*bytes)).collect(),
            origin: OnceLock::new(),
            healed: OnceLock::new(),
            bytes,
        }))
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What it stands for.
    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    /// The numbers that its state's shape depends on.
    pub(crate) fn numbers(&self) -> &[u64] {
        &self.numbers
    }

    /// How many blocks there are.
    pub(crate) fn blocks(&self) -> u32 {
        // More than so many pages of a table can't be.
        u32::try_from(self.known.len()).unwrap_or(u32::MAX)
    }

    /// The part of the file that a block is.
    pub(crate) fn mapped_block(&self, block: u32) -> Option<SegmentBytes> {
        self.sound_block(block)?;
        let (start, len, _) = self.entry(block)?;
        self.bytes.part(start..start + len)
    }

    /// A block's bytes; `None` if they are damaged.
    #[inline]
    pub(crate) fn sound_block(&self, block: u32) -> Option<&[u8]> {
        let known = self.known.get(block as usize)?;
        match known.sound() {
            Some(place) => self.bytes.get(place),
            None => self.checked_block(known, block),
        }
    }

    /// The same for one that is looked through, unless it is known already.
    #[inline(never)]
    fn checked_block(&self, known: &Known, block: u32) -> Option<&[u8]> {
        if known.is_broken() {
            return None;
        }
        let (start, len, checksum) = self.entry(block)?;
        let place = start..start + len;
        let bytes = self.bytes.get(place.clone())?;
        if known.is_sound_elsewhere() {
            return Some(bytes);
        }
        // Who comes second finds the same.
        if xxh3_64(bytes) != checksum {
            known.set_broken();
            return None;
        }
        known.set_sound(&place);
        Some(bytes)
    }

    /// A block as cells. One that is damaged is made anew from the log, once and for all.
    #[inline]
    pub(crate) fn cells<T: Cell>(&self, block: u32) -> &[T] {
        let bytes = match self.sound_block(block) {
            Some(bytes) => bytes,
            None => self.healed_block(block),
        };
        bytemuck::try_cast_slice(bytes).unwrap_or_default()
    }

    /// Says what a damaged page can be made anew from.
    pub(crate) fn set_origin(&self, origin: Origin) {
        // Set once, by who opened it.
        let _ = self.origin.set(origin);
    }

    #[cold]
    fn healed_block(&self, block: u32) -> &[u8] {
        let healed = self
            .healed
            .get_or_init(|| heal::heal(self, self.origin.get()));
        healed.block(block)
    }

    /// Where a block starts, how long it is, and its checksum.
    fn entry(&self, block: u32) -> Option<(usize, usize, u64)> {
        let at = self.table + block as usize * ENTRY_BYTES;
        let field = |offset| number(&self.bytes, at + offset);
        // They were found to be in the file.
        Some((field(0)? as usize, field(8)? as usize, field(16)?))
    }
}

impl std::fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Checkpoint({})", self.path.display())
    }
}

/// Bytes whose blocks can be read as cells: those of a mapping can, those that a store gave may lie anywhere.
fn aligned(bytes: SegmentBytes) -> SegmentBytes {
    match bytes.as_ptr().addr().is_multiple_of(align_of::<u64>()) {
        true => bytes,
        false => Bytes::from_owner(heal::Words::of(&bytes)).into(),
    }
}

/// Whether all blocks lie before the table, where they may.
fn entries_fit(entries: &[u8], end: usize) -> bool {
    entries.as_chunks::<ENTRY_BYTES>().0.iter().all(|entry| {
        let field = |at| number(entry, at).and_then(|number| usize::try_from(number).ok());
        let (Some(start), Some(len)) = (field(0), field(8)) else {
            return false;
        };
        start.is_multiple_of(ALIGNMENT) && start.checked_add(len).is_some_and(|block| block <= end)
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::columns::BlockSink;
    use crate::projection::Walked;

    #[test]
    fn where_a_sound_block_is_fits_a_word_or_is_asked_elsewhere() {
        let noted = |start: usize, len: usize| {
            let known = Known::nothing();
            assert_eq!(known.sound(), None);
            known.set_sound(&(start..start + len));
            assert!(!known.is_broken());
            assert_ne!(known.sound().is_some(), known.is_sound_elsewhere());
            known.sound()
        };
        for (start, len) in [(0, 0), (64, 1), (1 << 30, (1 << 26) - 1)] {
            assert_eq!(noted(start, len), Some(start..start + len));
        }
        assert_eq!(noted(64, 1 << 26), None);
        #[cfg(target_pointer_width = "64")]
        assert_eq!(noted(1 << 42, 1), None);
        let known = Known::nothing();
        known.set_broken();
        assert_eq!((known.is_broken(), known.sound()), (true, None));
    }

    /// The bytes of a checkpoint of what is saved, which stands for nothing.
    pub(crate) fn bytes_of(save: impl FnOnce(&mut dyn BlockSink)) -> Vec<u8> {
        let head = Head::new(String::new(), &Walked::default(), Vec::new(), None);
        let mut bytes = Vec::new();
        write::write_to(&mut bytes, &head, save).unwrap();
        bytes
    }

    /// The same, opened; in memory, where Miri can look at it.
    pub(crate) fn opened(save: impl FnOnce(&mut dyn BlockSink)) -> Arc<Checkpoint> {
        let bytes = Bytes::from(bytes_of(save));
        Checkpoint::of(Path::new("in memory"), bytes.into()).unwrap()
    }

    #[test]
    fn blocks_are_read_as_cells_wherever_the_bytes_lie() {
        let cells = [1u64, 2, 3];
        let bytes = bytes_of(|sink| sink.block(bytemuck::cast_slice(&cells)));
        for shift in 0..8 {
            let mut shifted = vec![0; shift];
            shifted.extend_from_slice(&bytes);
            let part = Bytes::from(shifted).slice(shift..);
            let checkpoint = Checkpoint::of(Path::new("in memory"), part.into()).unwrap();
            assert_eq!(checkpoint.cells::<u64>(0), cells, "{shift}");
        }
    }
}
