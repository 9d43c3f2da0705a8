//! Extendible hashing over pages.
//!
//! A directory gives, for the first bits of a hash, the page with its slots; in the page, a slot is looked for
//! from where the hash's last bits say. A slot holds the hash and the row, so that a page that is full is split
//! without looking at any key, and a key is compared only where the whole hash is the same. Growing therefore costs
//! one page at a time, never all rows. Nothing is ever removed. Depends on [`Pages`].

use crate::prefetch::prefetch;

use super::key::Key;
use super::pages::{BlockSink, BlockSource, NotStored, Pages, Stored};

const FIRST_SLOTS: usize = 16;
/// Bits of the hash that a directory uses at most. More rows than so many pages hold make the pages longer.
const DEPTH_MAX: u8 = 20;

/// Rows by key, in pages of so many slots, unless one can't be split any more.
#[derive(Default)]
pub(super) struct Slots<const PAGE_SLOTS: usize> {
    pages: Pages<u64>,
    /// The page of each prefix of `depth` bits.
    directory: Vec<u32>,
    depth: u8,
    /// Of each page.
    facts: Vec<Facts>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Facts {
    /// How many bits of the hash its slots share.
    depth: u32,
    /// How many of its slots are taken.
    taken: u32,
}

impl<const PAGE_SLOTS: usize> Slots<PAGE_SLOTS> {
    /// The row with this key; `is_it` compares the whole key of a row whose hash is the same.
    #[inline]
    pub(super) fn find(&self, key: Key, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let page = self.page_of(key)?;
        let slots = self.pages.page(page as usize);
        let mask = slots.len() - 1;
        let mut at = key.hash() as usize & mask;
        loop {
            let slot = slots[at];
            if slot == 0 {
                return None;
            }
            if (slot >> 32) as u32 == key.hash() {
                let row = (slot as u32).wrapping_sub(1);
                if is_it(row) {
                    return Some(row);
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// Asks for where a key is looked for first.
    #[inline]
    pub(super) fn prefetch(&self, key: Key) {
        if let Some(page) = self.page_of(key) {
            let slots = self.pages.page(page as usize);
            let at = key.hash() as usize & (slots.len() - 1);
            prefetch(&slots[at..=at]);
        }
    }

    /// A row that may have this key: the first that has its hash. No row is looked at.
    #[inline]
    pub(super) fn likely(&self, key: Key) -> Option<u32> {
        let slots = self.pages.page(self.page_of(key)? as usize);
        let mask = slots.len() - 1;
        let mut at = key.hash() as usize & mask;
        loop {
            match slots[at] {
                0 => return None,
                slot if (slot >> 32) as u32 == key.hash() => {
                    return Some((slot as u32).wrapping_sub(1));
                }
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// Whether there is no row.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        // A page comes with its first row.
        self.directory.is_empty()
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> u32 {
        let taken = self.facts.iter().map(|page| page.taken);
        taken.fold(0, u32::saturating_add)
    }

    /// All rows with their keys, by row.
    pub(super) fn rows(&self) -> Vec<(u32, Key)> {
        let slots = self.pages.iter().flatten().filter(|slot| **slot != 0);
        let row = |slot: &u64| {
            let key = Key::of_its_hash((slot >> 32) as u32);
            ((*slot as u32).wrapping_sub(1), key)
        };
        let mut rows: Vec<_> = slots.map(row).collect();
        rows.sort_unstable_by_key(|(row, _)| *row);
        rows
    }

    /// Adds a row whose key is not there, if nobody else has the page that it belongs to; says whether it did.
    #[inline]
    pub(super) fn insert_in_own(&mut self, key: Key, row: u32) -> bool {
        let Some(page) = self.page_of(key) else {
            self.insert(key, row);
            return true;
        };
        let Some(slots) = self.pages.own_page(page as usize) else {
            return false;
        };
        let facts = &mut self.facts[page as usize];
        if has_room(facts, slots.len()) {
            facts.taken += 1;
            put(slots, slot(key, row));
        } else {
            self.insert(key, row);
        }
        true
    }

    /// Adds a row whose key is not there.
    pub(super) fn insert(&mut self, key: Key, row: u32) {
        loop {
            let Some(page) = self.page_of(key) else {
                self.pages.push(vec![0; FIRST_SLOTS]);
                self.directory.push(0);
                self.facts.push(Facts::default());
                continue;
            };
            let slots = self.pages.page(page as usize).len();
            let facts = &mut self.facts[page as usize];
            let depth = facts.depth;
            if has_room(facts, slots) {
                facts.taken += 1;
                put(self.pages.page_mut(page as usize), slot(key, row));
                return;
            }
            if slots < PAGE_SLOTS || depth == u32::from(DEPTH_MAX) {
                let rows = self.pages.page_mut(page as usize);
                let [all, _] = rehashed(rows, slots * 2, 0);
                *rows = all.slots;
            } else {
                self.split(page);
            }
        }
    }

    fn page_of(&self, key: Key) -> Option<u32> {
        let prefix = u64::from(key.hash()) >> (32 - self.depth);
        self.directory.get(prefix as usize).copied()
    }

    /// Moves the slots of a page whose next bit is 1 to a new page.
    fn split(&mut self, page: u32) {
        let depth = self.facts[page as usize].depth;
        if depth == u32::from(self.depth) {
            self.directory = self.directory.iter().flat_map(|page| [*page; 2]).collect();
            self.depth += 1;
        }
        let bit = 1u64 << (63 - depth);
        let slots = self.pages.page_mut(page as usize);
        let [zeros, ones] = rehashed(slots, PAGE_SLOTS, bit);
        *slots = zeros.slots;
        let new = self.pages.len() as u32;
        self.pages.push(ones.slots);
        let depth = depth + 1;
        self.facts[page as usize] = Facts {
            depth,
            taken: zeros.taken,
        };
        self.facts.push(Facts {
            depth,
            taken: ones.taken,
        });
        // The entries of a page are in a row; those of the new one are the second half.
        let first = self.directory.iter().position(|entry| *entry == page);
        let half = 1usize << (u32::from(self.depth) - depth);
        for entry in self
            .directory
            .iter_mut()
            .skip(first.unwrap_or_default() + half)
            .take(half)
        {
            *entry = new;
        }
    }
}

impl<const PAGE_SLOTS: usize> Stored for Slots<PAGE_SLOTS> {
    fn freeze(&mut self) -> Self {
        Self {
            pages: self.pages.freeze(),
            directory: self.directory.clone(),
            depth: self.depth,
            facts: self.facts.clone(),
        }
    }

    fn again(&self) -> Self {
        Self {
            pages: self.pages.again(),
            directory: self.directory.clone(),
            depth: self.depth,
            facts: self.facts.clone(),
        }
    }

    fn save(&self, sink: &mut dyn BlockSink) {
        sink.number(u64::from(self.depth));
        self.pages.save(sink);
        sink.block(bytemuck::cast_slice(&self.directory));
        sink.block(bytemuck::cast_slice(&self.facts));
    }

    fn load(source: &mut BlockSource<'_>) -> Result<Self, NotStored> {
        let depth = u8::try_from(source.number()?).map_err(|_| NotStored)?;
        let pages = Pages::load(source)?;
        let directory: Vec<u32> = source.cells()?;
        let facts: Vec<Facts> = source.cells()?;
        let entries = if pages.len() == 0 {
            0
        } else {
            1usize << depth.min(DEPTH_MAX)
        };
        let sound = depth <= DEPTH_MAX
            && directory.len() == entries
            && facts.len() == pages.len()
            && directory.iter().all(|page| (*page as usize) < pages.len());
        sound
            .then_some(Self {
                pages,
                directory,
                depth,
                facts,
            })
            .ok_or(NotStored)
    }
}

/// What a slot holds of a row and its key.
fn slot(key: Key, row: u32) -> u64 {
    u64::from(key.hash()) << 32 | (u64::from(row) + 1)
}

/// Whether one more can be put in a page of so many slots. Up to three quarters: in a page that is fuller what is not there,
/// as everything before it is added, is looked for through many slots more (a fortieth of a cold open for a fiftieth of the
/// memory).
#[inline]
fn has_room(facts: &Facts, slots: usize) -> bool {
    (facts.taken as usize + 1) * 4 <= slots * 3
}

/// Slots of a page to be.
struct Half {
    slots: Vec<u64>,
    taken: u32,
}

/// The slots that have the bit not and those that have it, in pages of so many.
fn rehashed(slots: &[u64], len: usize, bit: u64) -> [Half; 2] {
    let half = |len| Half {
        slots: written_zeros(len),
        taken: 0,
    };
    let mut halves = [half(len), half(if bit == 0 { 0 } else { len })];
    for slot in slots.iter().filter(|slot| **slot != 0) {
        let half = &mut halves[usize::from(slot & bit != 0)];
        put(&mut half.slots, *slot);
        half.taken += 1;
    }
    halves
}

/// So many zeros that were written: memory that is fresh and read first is mapped twice, and the second time stops all
/// threads. (It was a fifteenth of a cold open.)
fn written_zeros(len: usize) -> Vec<u64> {
    let mut zeros = Vec::with_capacity(len);
    // Or the compiler asks for memory that is zero already.
    std::hint::black_box(zeros.as_mut_ptr());
    zeros.resize(len, 0);
    zeros
}

fn put(slots: &mut [u64], slot: u64) {
    let mask = slots.len() - 1;
    let mut at = (slot >> 32) as usize & mask;
    while slots[at] != 0 {
        at = (at + 1) & mask;
    }
    slots[at] = slot;
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE_SLOTS: usize = 4096;

    type Index = Slots<PAGE_SLOTS>;

    fn filled(keys: std::ops::Range<i64>) -> Index {
        let mut index = Index::default();
        for id in keys {
            index.insert(Key::of_numbers(1, id), id as u32);
        }
        index
    }

    fn find(index: &Index, id: i64) -> Option<u32> {
        index.find(Key::of_numbers(1, id), |row| i64::from(row) == id)
    }

    #[test]
    fn every_row_is_found_and_no_other() {
        const ROWS: i64 = 100_000;
        let mut index = filled(0..ROWS);
        let before = index.freeze();
        index.insert(Key::of_numbers(1, ROWS), ROWS as u32);
        for id in 0..=ROWS {
            assert_eq!(find(&index, id), Some(id as u32));
        }
        assert_eq!(find(&index, ROWS + 1), None);
        assert_eq!(find(&before, ROWS), None);
        assert_eq!(find(&before, ROWS - 1), Some(ROWS as u32 - 1));
        assert_eq!(find(&Index::default(), 0), None);
        assert!(index.pages.iter().all(|page| page.len() <= PAGE_SLOTS));
    }

    #[test]
    fn keys_whose_hashes_are_the_same_are_told_apart() {
        let mut index = Index::default();
        for row in 0..5_000 {
            index.insert(Key::of_its_hash(0x1234_5678), row);
        }
        for row in [0, 77, 4_999] {
            assert_eq!(
                index.find(Key::of_its_hash(0x1234_5678), |found| found == row),
                Some(row)
            );
        }
        assert_eq!(
            index.find(Key::of_its_hash(0x1234_5678), |found| found == 5_000),
            None
        );
    }
}
