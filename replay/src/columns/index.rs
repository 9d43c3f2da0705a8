//! Finds rows by the hash of a key: extendible hashing over pages.
//!
//! A directory gives, for the first bits of a hash, the page with its slots; in the page, a slot is looked for
//! from where the hash's last bits say. A slot holds the hash and the row, so that a page that is full is split
//! without looking at any key, and a key is compared only where the whole hash is the same. Growing therefore costs
//! one page at a time, never all rows. Nothing is ever removed. Depends on [`Pages`].

use std::hash::Hasher as _;

use proto::GitHash;
use siphasher::sip::SipHasher13;

use crate::prefetch::prefetch;

use super::pages::{BlockSink, BlockSource, NotStored, Pages, Stored};

/// Slots in a page, unless it can't be split any more.
const PAGE_SLOTS: usize = 4096;
const FIRST_SLOTS: usize = 16;
/// Bits of the hash that a directory uses at most. More rows than so many pages hold make the pages longer.
const DEPTH_MAX: u8 = 20;

/// Texts that are together not longer are hashed in one piece.
const SHORT_BYTES: usize = 64;

/// The hash of a key: 32 bits of SipHash-1-3, so that keys that all meet are not found by chance, nor without a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Key(u32);

impl Key {
    /// The key that has these parts. They need not tell themselves apart: whoever looks compares.
    #[inline]
    pub(crate) fn of_numbers(first: u32, second: i64) -> Self {
        let second = second.cast_unsigned();
        let words = [u64::from(first) | second << 32, second >> 32];
        Self::of(sip_13(12, words))
    }

    /// The same for three numbers.
    #[inline]
    pub(crate) fn of_three(first: u32, second: i32, third: i64) -> Self {
        let second = u64::from(second.cast_unsigned());
        let words = [u64::from(first) | second << 32, third.cast_unsigned(), 0];
        Self::of(sip_13(16, words))
    }

    /// The same for a commit.
    #[inline]
    pub(crate) fn of_hash(hash: &GitHash) -> Self {
        let [a, b, c, d, e] = *hash.as_bytes().as_chunks().0 else {
            return Self(0); // there are 20
        };
        let [a, b, c, d, e] = [a, b, c, d, e].map(|four| u64::from(u32::from_le_bytes(four)));
        Self::of(sip_13(20, [a | b << 32, c | d << 32, e]))
    }

    /// The same for numbers that belong to what has a key of its own.
    #[inline]
    pub(crate) fn within(self, second: i32, third: i64) -> Self {
        Self::of_three(self.0, second, third)
    }

    /// The same for a text that belongs to a row.
    pub(crate) fn of_text(row: u32, text: &[u8]) -> Self {
        Self::of_texts(&row.to_le_bytes(), text)
    }

    /// The same for two texts.
    pub(crate) fn of_texts(first: &[u8], second: &[u8]) -> Self {
        let length = (first.len() as u64).to_le_bytes();
        let mut bytes = [0; SHORT_BYTES];
        let mut len = 0;
        if length.len() + first.len() + second.len() <= SHORT_BYTES {
            // In one piece it is faster, and the same.
            for part in [&length, first, second] {
                bytes[len..len + part.len()].copy_from_slice(part);
                len += part.len();
            }
            return Self::of(SipHasher13::new().hash(&bytes[..len]));
        }
        let mut hasher = SipHasher13::new();
        hasher.write(&length);
        hasher.write(first);
        hasher.write(second);
        Self::of(hasher.finish())
    }

    fn of(hash: u64) -> Self {
        Self((hash >> 32) as u32)
    }

    fn slot(self, row: u32) -> u64 {
        u64::from(self.0) << 32 | (u64::from(row) + 1)
    }
}

/// SipHash-1-3 with the key 0 of `len` bytes, given as words of eight; the last word has less than eight, maybe none.
/// What [`SipHasher13`] gives too, with three times the instructions for so few: it was a fourteenth of a cold open.
#[inline]
fn sip_13<const N: usize>(len: u8, mut words: [u64; N]) -> u64 {
    let mut state = [
        0x736f_6d65_7073_6575,
        0x646f_7261_6e64_6f6d,
        0x6c79_6765_6e65_7261,
        0x7465_6462_7974_6573,
    ];
    if let Some(last) = words.last_mut() {
        *last |= u64::from(len) << 56;
    }
    for word in words {
        state[3] ^= word;
        sip_round(&mut state);
        state[0] ^= word;
    }
    state[2] ^= 0xff;
    for _ in 0..3 {
        sip_round(&mut state);
    }
    state[0] ^ state[1] ^ state[2] ^ state[3]
}

#[inline(always)]
fn sip_round([a, b, c, d]: &mut [u64; 4]) {
    *a = a.wrapping_add(*b);
    *c = c.wrapping_add(*d);
    *b = b.rotate_left(13) ^ *a;
    *d = d.rotate_left(16) ^ *c;
    *a = a.rotate_left(32).wrapping_add(*d);
    *c = c.wrapping_add(*b);
    *d = d.rotate_left(21) ^ *a;
    *b = b.rotate_left(17) ^ *c;
    *c = c.rotate_left(32);
}

/// Rows by key.
#[derive(Default)]
pub(crate) struct Index {
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

impl Index {
    /// The row with this key; `is_it` compares the whole key of a row whose hash is the same.
    #[inline]
    pub(crate) fn find(&self, key: Key, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let page = self.page_of(key)?;
        let slots = self.pages.page(page as usize);
        let mask = slots.len() - 1;
        let mut at = key.0 as usize & mask;
        loop {
            let slot = slots[at];
            if slot == 0 {
                return None;
            }
            if (slot >> 32) as u32 == key.0 {
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
    pub(crate) fn prefetch(&self, key: Key) {
        if let Some(page) = self.page_of(key) {
            let slots = self.pages.page(page as usize);
            let at = key.0 as usize & (slots.len() - 1);
            prefetch(&slots[at..=at]);
        }
    }

    /// Adds a row whose key is not there.
    pub(crate) fn insert(&mut self, key: Key, row: u32) {
        loop {
            let Some(page) = self.page_of(key) else {
                self.pages.push(vec![0; FIRST_SLOTS]);
                self.directory.push(0);
                self.facts.push(Facts::default());
                continue;
            };
            let slots = self.pages.page(page as usize).len();
            let Facts { depth, taken } = self.facts[page as usize];
            if (taken as usize + 1) * 8 <= slots * 7 {
                self.facts[page as usize].taken += 1;
                put(self.pages.page_mut(page as usize), key.slot(row));
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
        let prefix = u64::from(key.0) >> (32 - self.depth);
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

impl Stored for Index {
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
    fn keys_are_those_of_sip_hash() {
        for number in [0, 1, -1, i64::MAX, 0x0123_4567_89ab_cdef] {
            let mut bytes = [7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            bytes[4..].copy_from_slice(&number.to_le_bytes());
            let want = Key::of(SipHasher13::new().hash(&bytes));
            assert_eq!(Key::of_numbers(7, number), want);
        }
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&7u32.to_le_bytes());
        bytes[4..8].copy_from_slice(&(-3i32).to_le_bytes());
        bytes[8..].copy_from_slice(&i64::MIN.to_le_bytes());
        let want = Key::of(SipHasher13::new().hash(&bytes));
        assert_eq!(Key::of_three(7, -3, i64::MIN), want);
        let name: [u8; 20] = std::array::from_fn(|at| 7 * at as u8 + 100);
        let want = Key::of(SipHasher13::new().hash(&name));
        assert_eq!(Key::of_hash(&GitHash::from_bytes(name)), want);
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
            index.insert(Key(0x1234_5678), row);
        }
        for row in [0, 77, 4_999] {
            assert_eq!(
                index.find(Key(0x1234_5678), |found| found == row),
                Some(row)
            );
        }
        assert_eq!(index.find(Key(0x1234_5678), |found| found == 5_000), None);
    }
}
