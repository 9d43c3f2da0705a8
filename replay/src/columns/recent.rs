//! Rows that were found a short while ago, for tables of which the same rows are looked for again and again.

use super::pages::{BlockSink, BlockSource, NotStored, Stored};

/// A row to try before an index is asked; any row, or none. It is no part of what is stored: nothing depends on it.
#[derive(Default)]
pub(crate) struct Recent {
    row: u32,
}

impl Recent {
    /// The row, if it is one of so many and is the one that is looked for.
    #[inline]
    pub(crate) fn find(&self, rows: u32, is_it: impl FnOnce(u32) -> bool) -> Option<u32> {
        (self.row < rows && is_it(self.row)).then_some(self.row)
    }

    /// What was looked for is this row.
    #[inline]
    pub(crate) fn note(&mut self, row: u32) -> u32 {
        self.row = row;
        row
    }
}

impl Stored for Recent {
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

/// Rows of ids to try before an index is asked: of all ids with the same last bits, that of the one noted last. Nothing
/// depends on them either. `N`, how many there can be, is a power of two.
#[derive(Default)]
pub(crate) struct RecentRows<const N: usize> {
    /// None before the first one is noted.
    rows: Vec<u32>,
}

impl<const N: usize> RecentRows<N> {
    /// The row of this id, if it is one of so many and is the one that is looked for.
    #[inline]
    pub(crate) fn find(&self, id: i64, rows: u32, is_it: impl FnOnce(u32) -> bool) -> Option<u32> {
        let row = *self.rows.get(Self::place(id))?;
        (row < rows && is_it(row)).then_some(row)
    }

    /// The id has this row.
    #[inline]
    pub(crate) fn note(&mut self, id: i64, row: u32) {
        if self.rows.is_empty() {
            self.rows = vec![0; N];
        }
        self.rows[Self::place(id)] = row;
    }

    /// Ids are given one after the other: their last bits tell them apart.
    fn place(id: i64) -> usize {
        const { assert!(N.is_power_of_two()) }
        id as usize & (N - 1)
    }
}

impl<const N: usize> Stored for RecentRows<N> {
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
    fn rows_of_ids_are_found_while_none_has_taken_their_place() {
        let mut recent = RecentRows::<4>::default();
        assert_eq!(recent.find(7, 9, |_| true), None);
        recent.note(7, 3);
        recent.note(-1, 5);
        recent.note(4, 6);
        assert_eq!(recent.find(-1, 9, |row| row == 5), Some(5));
        assert_eq!(recent.find(7, 9, |row| row == 3), None);
        assert_eq!(recent.find(4, 9, |row| row == 6), Some(6));
        assert_eq!(recent.find(4, 6, |_| true), None);
    }

    #[test]
    fn only_a_row_that_is_there_and_is_it_is_found() {
        let mut recent = Recent::default();
        assert_eq!(recent.find(0, |_| true), None);
        assert_eq!(recent.note(3), 3);
        assert_eq!(recent.find(4, |row| row == 3), Some(3));
        assert_eq!(recent.find(4, |_| false), None);
        assert_eq!(recent.find(3, |_| true), None);
    }
}
