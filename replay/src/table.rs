//! Rows by number, in pages that snapshots share (design.md, "Replay").
//!
//! Cloning costs one reference a page. The first write to a page that a clone also has copies it:
//! one reference a row, and the one row that is written. Depends on nothing.

use std::sync::Arc;

/// Rows in a page.
const PAGE_ROWS: usize = 8192;

/// A list of rows that only grows, with numbers that stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table<T> {
    pages: Vec<Arc<Vec<Arc<T>>>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { pages: Vec::new() }
    }
}

impl<T> Table<T> {
    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        match self.pages.split_last() {
            Some((last, full)) => full.len() * PAGE_ROWS + last.len(),
            None => 0,
        }
    }

    /// The row with this number.
    pub(crate) fn get(&self, row: u32) -> Option<&T> {
        let row = row as usize;
        self.pages
            .get(row / PAGE_ROWS)?
            .get(row % PAGE_ROWS)
            .map(Arc::as_ref)
    }

    /// All rows, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.pages
            .iter()
            .flat_map(|page| page.iter())
            .map(Arc::as_ref)
    }
}

impl<T: Clone> Table<T> {
    /// Adds a row and gives its number; `None` when no number is left.
    pub(crate) fn push(&mut self, value: T) -> Option<u32> {
        let row = u32::try_from(self.len()).ok()?;
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE_ROWS => Arc::make_mut(page).push(Arc::new(value)),
            _ => self.pages.push(Arc::new(vec![Arc::new(value)])),
        }
        Some(row)
    }

    /// The row with this number, to be changed.
    pub(crate) fn get_mut(&mut self, row: u32) -> Option<&mut T> {
        let row = row as usize;
        let page = self.pages.get_mut(row / PAGE_ROWS)?;
        Arc::make_mut(page)
            .get_mut(row % PAGE_ROWS)
            .map(Arc::make_mut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_numbers_across_pages() {
        let mut table = Table::default();
        let count = PAGE_ROWS * 2 + 3;
        for value in 0..count {
            assert_eq!(table.push(value), u32::try_from(value).ok());
        }
        assert_eq!(table.len(), count);
        assert_eq!(table.get(PAGE_ROWS as u32), Some(&PAGE_ROWS));
        assert_eq!(table.get(count as u32), None);
        assert_eq!(table.get_mut(count as u32), None);
        assert!(table.iter().copied().eq(0..count));
        assert_eq!(table.iter().next_back(), Some(&(count - 1)));
    }

    #[test]
    fn a_clone_never_changes_and_shares_what_was_not_written() {
        let mut table = Table::default();
        for value in 0..PAGE_ROWS + 1 {
            table.push(value);
        }
        let before = table.clone();
        *table.get_mut(0).unwrap() = 42;
        table.push(7);
        assert_eq!(before.get(0), Some(&0));
        assert_eq!(before.len(), PAGE_ROWS + 1);
        assert_eq!(table.get(0), Some(&42));
        assert!(
            Arc::ptr_eq(&before.pages[0][1], &table.pages[0][1]),
            "the page was copied, not its rows"
        );

        let again = table.clone();
        *table.get_mut(0).unwrap() = 43;
        assert!(
            Arc::ptr_eq(&again.pages[1], &table.pages[1]),
            "a page that is not written stays shared"
        );
    }
}
