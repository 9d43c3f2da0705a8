//! The row that was found last, for tables of which the same row is looked for many times in a row.

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

#[cfg(test)]
mod tests {
    use super::*;

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
