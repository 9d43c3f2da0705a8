//! Finds rows by the hash of a key. Depends on [`Slots`].
//!
//! Rows are added in their order. Where a page is shared with a snapshot, a row that belongs to it would cost a copy of
//! the page, and rows that are added one after the other belong to pages all over. So after a snapshot they are kept
//! apart, in small pages, and put where they belong when they have become many: in their order, which is all that the
//! large pages depend on. A checkpoint has them all there.

use super::key::Key;
use super::pages::{BlockSink, BlockSource, NotStored, Stored};
use super::slots::Slots;

/// Slots in a page, and in a small one.
const PAGE_SLOTS: usize = 4096;
const SMALL_PAGE_SLOTS: usize = 512;

/// So many rows are kept apart at most.
const RECENT_MAX: u32 = 16 << 10;

/// Rows by key.
#[derive(Default)]
pub(crate) struct Index {
    slots: Slots<PAGE_SLOTS>,
    /// The last ones, if they are kept apart.
    recent: Slots<SMALL_PAGE_SLOTS>,
    /// The last one that was kept apart.
    newest: Option<u32>,
}

impl Index {
    /// The row with this key; `is_it` compares the whole key of a row whose hash is the same.
    #[inline]
    pub(crate) fn find(&self, key: Key, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let found = self.slots.find(key, &is_it);
        if found.is_some() || self.recent.is_empty() {
            return found;
        }
        self.recent.find(key, is_it)
    }

    /// Asks for where a key is looked for first. A mapped page is checked if nobody has looked at it yet.
    #[inline]
    pub(crate) fn prefetch(&self, key: Key) {
        self.slots.prefetch(key);
    }

    /// A row that may have this key: one that has its hash. No row is looked at.
    #[inline]
    pub(crate) fn likely(&self, key: Key) -> Option<u32> {
        let likely = self.slots.likely(key);
        likely.or_else(|| self.recent.likely(key))
    }

    /// Adds a row whose key is not there: the next one.
    #[inline]
    pub(crate) fn insert(&mut self, key: Key, row: u32) {
        if self.recent.is_empty() && self.slots.insert_in_own(key, row) {
            return;
        }
        self.insert_apart(key, row);
    }

    #[inline(never)]
    fn insert_apart(&mut self, key: Key, row: u32) {
        debug_assert!(self.newest.is_none_or(|newest| newest < row), "row {row}");
        self.newest = Some(row);
        self.recent.insert(key, row);
        if self.recent.len() >= RECENT_MAX {
            self.put_all();
        }
    }

    /// Puts all rows where they belong.
    fn put_all(&mut self) {
        for (row, key) in std::mem::take(&mut self.recent).rows() {
            self.slots.insert(key, row);
        }
    }
}

impl Stored for Index {
    fn freeze(&mut self) -> Self {
        Self {
            slots: self.slots.freeze(),
            recent: self.recent.freeze(),
            newest: self.newest,
        }
    }

    fn again(&self) -> Self {
        Self {
            slots: self.slots.again(),
            recent: self.recent.again(),
            newest: self.newest,
        }
    }

    fn save(&self, sink: &mut dyn BlockSink) {
        if self.recent.is_empty() {
            return self.slots.save(sink);
        }
        let mut whole = self.again();
        whole.put_all();
        whole.slots.save(sink);
    }

    fn load(source: &mut BlockSource<'_>) -> Result<Self, NotStored> {
        Ok(Self {
            slots: Slots::load(source)?,
            recent: Slots::default(),
            newest: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::tests::bytes_of;

    fn key(row: u32) -> Key {
        Key::of_numbers(1, i64::from(row))
    }

    fn find(index: &Index, row: u32) -> Option<u32> {
        index.find(key(row), |found| found == row)
    }

    #[test]
    fn snapshots_change_nothing_of_what_is_found_and_stored() {
        const ROWS: u32 = 60_000;
        let (mut index, mut direct) = (Index::default(), Index::default());
        let mut snapshots = Vec::new();
        for row in 0..ROWS {
            direct.insert(key(row), row);
            index.insert(key(row), row);
            if row % 7_001 == 13 || row > ROWS - 3 {
                snapshots.push((row, index.freeze()));
            }
        }
        assert!(!index.recent.is_empty());
        for (last, snapshot) in &snapshots {
            assert!((0..=*last).all(|row| find(snapshot, row) == Some(row)));
            assert_eq!(find(snapshot, last + 1), None);
        }
        assert!((0..ROWS).all(|row| find(&index, row) == Some(row)));
        assert!((0..ROWS).all(|row| index.likely(key(row)).is_some()));
        let stored = |index: &Index| bytes_of(|sink| index.save(sink));
        assert!(stored(&index) == stored(&direct));
        assert!(!index.recent.is_empty());
    }

    #[test]
    fn rows_of_one_hash_are_told_apart_wherever_they_are() {
        let mut index = Index::default();
        let key = Key::of_its_hash(7);
        let find = |index: &Index, row| index.find(key, |found| found == row);
        index.insert(key, 0);
        let before = index.freeze();
        index.insert(key, 1);
        assert_eq!(index.recent.len(), 1);
        for _ in 0..2 {
            assert_eq!(
                [0, 1, 2].map(|row| find(&index, row)),
                [Some(0), Some(1), None]
            );
            index.put_all();
        }
        assert!(index.recent.is_empty());
        assert_eq!(find(&before, 1), None);
    }
}
