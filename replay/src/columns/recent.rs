//! Rows that were found a short while ago, for tables of which the same rows are looked for again and again.

use super::pages::{BlockSink, BlockSource, NotStored, Stored};

/// Rows to try before an index is asked: of all keys with the same last bits, that of the one noted last; any rows, or none.
/// They are no part of what is stored: nothing depends on them. `N`, how many there can be, is a power of two.
#[derive(Default)]
pub(crate) struct Recent<const N: usize> {
    /// None before the first one is noted.
    rows: Vec<u32>,
}

impl<const N: usize> Recent<N> {
    /// The row of this key, if it is one of so many and is the one that is looked for.
    #[inline]
    pub(crate) fn find(&self, key: i64, rows: u32, is_it: impl FnOnce(u32) -> bool) -> Option<u32> {
        let row = *self.rows.get(Self::place(key))?;
        (row < rows && is_it(row)).then_some(row)
    }

    /// What was looked for by this key is this row.
    #[inline]
    pub(crate) fn note(&mut self, key: i64, row: u32) -> u32 {
        if self.rows.is_empty() {
            self.rows = vec![0; N];
        }
        self.rows[Self::place(key)] = row;
        row
    }

    /// Keys are numbers that are given one after the other: their last bits tell them apart.
    fn place(key: i64) -> usize {
        const { assert!(N.is_power_of_two()) }
        key as usize & (N - 1)
    }
}

impl<const N: usize> Stored for Recent<N> {
    fn freeze(&mut self) -> Self {
        Self::default()
    }

    fn again(&self) -> Self {
        Self::default()
    }

    fn save(&self, _: &mut dyn BlockSink) {}

    fn load(_: &mut BlockSource<'_>) -> Result<Self, NotStored> {
        Ok(Self::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_while_none_has_taken_their_place() {
        let mut recent = Recent::<4>::default();
        assert_eq!(recent.find(7, 9, |_| true), None);
        recent.note(7, 3);
        recent.note(-1, 5);
        assert_eq!(recent.note(4, 6), 6);
        assert_eq!(recent.find(-1, 9, |row| row == 5), Some(5));
        assert_eq!(recent.find(7, 9, |row| row == 3), None);
        assert_eq!(recent.find(4, 9, |row| row == 6), Some(6));
        assert_eq!(recent.find(4, 6, |_| true), None);
    }

    #[test]
    fn the_only_one_is_the_last() {
        let mut recent = Recent::<1>::default();
        recent.note(0, 2);
        recent.note(1, 3);
        assert_eq!(recent.find(0, 4, |row| row == 3), Some(3));
    }
}
