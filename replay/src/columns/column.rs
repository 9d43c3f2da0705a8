//! A column: cells by row number. Depends on [`Pages`].

use super::pages::{BlockSink, BlockSource, Cell, NotStored, Pages, Stored};

/// Rows in a page.
const PAGE_ROWS: usize = 8192;

/// Rows that a table has room for at first.
const FIRST_ROWS: usize = 16;

/// Rows that a table can have: the number after them means no row.
pub(crate) const ROWS_MAX: u32 = u32::MAX - 1;

/// Cells by row number, from 0.
pub(crate) struct Column<T> {
    pages: Pages<T>,
    len: u32,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self {
            pages: Pages::default(),
            len: 0,
        }
    }
}

impl<T: Cell> Column<T> {
    /// How many rows there are.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// The cell of a row that is there.
    #[inline]
    pub(crate) fn get(&self, row: u32) -> T {
        *self.cell(row)
    }

    /// The same, where it lies: a short text is in it.
    #[inline]
    pub(crate) fn cell(&self, row: u32) -> &T {
        let row = row as usize;
        &self.pages.page(row / PAGE_ROWS)[row % PAGE_ROWS]
    }

    /// Overwrites the cell of a row that is there. Writing what is there already copies nothing.
    #[inline(always)]
    pub(crate) fn set(&mut self, row: u32, cell: T) {
        let at = row as usize;
        match self.pages.own_page(at / PAGE_ROWS) {
            Some(page) => page[at % PAGE_ROWS] = cell,
            None => self.set_in_other(row, cell),
        }
    }

    /// Overwrites a cell of a page that others have too.
    #[inline(never)]
    fn set_in_other(&mut self, row: u32, cell: T) {
        let at = row as usize;
        if self.get(row) != cell {
            self.pages.page_mut(at / PAGE_ROWS)[at % PAGE_ROWS] = cell;
        }
    }

    /// Adds a row. Nothing is added to a column of [`ROWS_MAX`] rows; its table must not let it come so far.
    #[inline]
    pub(crate) fn push(&mut self, cell: T) {
        if self.len == ROWS_MAX {
            return;
        }
        let page = self.len as usize / PAGE_ROWS;
        self.len += 1;
        match self.pages.own_page(page) {
            Some(page) => page.push(cell),
            None => self.push_to_other(page, cell),
        }
    }

    /// Adds a cell to a page that others have too, or that is not there yet.
    #[inline(never)]
    fn push_to_other(&mut self, page: usize, cell: T) {
        if page == self.pages.len() {
            // A table that has a page already will fill another.
            let rows = if page == 0 { FIRST_ROWS } else { PAGE_ROWS };
            let mut cells = Vec::with_capacity(rows);
            cells.push(cell);
            self.pages.push(cells);
        } else {
            self.pages.page_mut(page).push(cell);
        }
    }

    /// All cells, by row.
    pub(crate) fn iter(&self) -> impl Iterator<Item = T> + use<'_, T> {
        self.pages.iter().flatten().copied()
    }
}

impl<T: Cell> Stored for Column<T> {
    fn freeze(&mut self) -> Self {
        Self {
            pages: self.pages.freeze(),
            len: self.len,
        }
    }

    fn again(&self) -> Self {
        Self {
            pages: self.pages.again(),
            len: self.len,
        }
    }

    fn save(&self, sink: &mut dyn BlockSink) {
        sink.number(u64::from(self.len));
        self.pages.save(sink);
    }

    fn load(source: &mut BlockSource<'_>) -> Result<Self, NotStored> {
        let len = u32::try_from(source.number()?).map_err(|_| NotStored)?;
        let pages = Pages::load(source)?;
        if pages.len() != (len as usize).div_ceil(PAGE_ROWS) {
            return Err(NotStored);
        }
        Ok(Self { pages, len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_numbers_across_pages() {
        let mut column = Column::default();
        let count = PAGE_ROWS as u32 * 70 + 3;
        for cell in 0..count {
            column.push(cell);
        }
        assert_eq!(column.len(), count);
        assert!(column.iter().eq(0..count));
        column.set(PAGE_ROWS as u32, 7);
        assert_eq!(column.get(PAGE_ROWS as u32), 7);
    }

    #[test]
    fn a_snapshot_never_changes() {
        let mut column = Column::default();
        for cell in 0..PAGE_ROWS as u64 + 1 {
            column.push(cell);
        }
        let mut first = column.freeze();
        column.set(0, 42);
        column.push(7);
        let second = column.freeze();
        column.set(0, 43);
        let again = first.freeze();
        assert_eq!((first.get(0), again.get(0)), (0, 0));
        assert_eq!(first.len(), PAGE_ROWS as u32 + 1);
        assert_eq!((second.get(0), second.get(PAGE_ROWS as u32 + 1)), (42, 7));
        assert_eq!(column.get(0), 43);
    }
}
