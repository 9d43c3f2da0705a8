//! A column: cells by row number. Depends on [`Pages`].

use crate::prefetch::prefetch;

use super::pages::{BlockSink, BlockSource, Cell, NotStored, Pages, Stored};

/// Rows in a page.
const PAGE_ROWS: usize = 8192;

/// Rows that a table has room for at first.
const FIRST_ROWS: usize = 16;

/// Rows that a table can have: the number after them means no row.
pub(crate) const ROWS_MAX: u32 = u32::MAX - 1;

/// Cells by row number, from 0.
///
/// Most rows are read and written soon after they were added. So the page that grows is at hand, and not among the others.
pub(crate) struct Column<T> {
    /// All rows that are not in `tail`.
    pages: Pages<T>,
    /// The last page, while rows are added to it; nobody else has it. Otherwise empty.
    tail: Vec<T>,
    /// Rows in `pages`: the number of the tail's first one.
    tail_start: u32,
    /// So many rows can be in the tail before something has to be done.
    room: usize,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self {
            pages: Pages::default(),
            tail: Vec::new(),
            tail_start: 0,
            room: 0,
        }
    }
}

impl<T: Cell> Column<T> {
    /// How many rows there are.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        self.tail_start + self.tail.len() as u32
    }

    /// The cell of a row that is there.
    #[inline]
    pub(crate) fn get(&self, row: u32) -> T {
        *self.cell(row)
    }

    /// The same, where it lies: a short text is in it.
    #[inline]
    pub(crate) fn cell(&self, row: u32) -> &T {
        match self.tail.get(self.in_tail(row)) {
            Some(cell) => cell,
            None => self.in_page(row),
        }
    }

    /// The cell of a row that is in no tail. Not inlined: many places would have it, and all code for a record together is
    /// not to be longer than what the processor has at hand.
    #[inline(never)]
    fn in_page(&self, row: u32) -> &T {
        let row = row as usize;
        &self.pages.page(row / PAGE_ROWS)[row % PAGE_ROWS]
    }

    /// Asks for the cell of a row that is there. What was added last is at hand, and not asked for. A mapped page is checked
    /// if nobody has looked at it yet, as whoever looks at the cell would do.
    #[inline]
    pub(crate) fn prefetch(&self, row: u32) {
        if self.in_tail(row) >= self.tail.len() {
            prefetch(std::slice::from_ref(self.cell(row)));
        }
    }

    /// Where a row is in the tail, if it is there.
    #[inline]
    fn in_tail(&self, row: u32) -> usize {
        row.wrapping_sub(self.tail_start) as usize
    }

    /// Overwrites the cell of a row that is there. Writing what is there already copies nothing.
    #[inline(always)]
    pub(crate) fn set(&mut self, row: u32, cell: T) {
        let at = self.in_tail(row);
        match self.tail.get_mut(at) {
            Some(old) => *old = cell,
            None => self.set_in_page(row, cell),
        }
    }

    #[inline(never)]
    fn set_in_page(&mut self, row: u32, cell: T) {
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
        match self.tail.len() == self.room {
            false => self.tail.push(cell),
            true => self.make_room_for(cell),
        }
    }

    /// Adds a row where there is no room for it yet.
    #[inline(never)]
    fn make_room_for(&mut self, cell: T) {
        if self.len() == ROWS_MAX {
            return;
        }
        if self.tail.is_empty() || self.tail.len() == PAGE_ROWS {
            self.open_tail();
        }
        let room = match self.tail.len() {
            // A table that has a page already will fill another.
            0 if self.tail_start > 0 => PAGE_ROWS,
            // What a page has that was copied with room to grow.
            rows => (rows + 1).next_power_of_two().clamp(FIRST_ROWS, PAGE_ROWS),
        };
        self.room = room.min((ROWS_MAX - self.tail_start) as usize);
        self.tail.reserve_exact(self.room - self.tail.len());
        self.tail.push(cell);
    }

    /// Makes the tail a page to which a row can be added.
    fn open_tail(&mut self) {
        self.close_tail();
        let in_page = self.tail_start as usize % PAGE_ROWS;
        self.tail_start -= in_page as u32;
        if in_page > 0 {
            self.tail = self.pages.pop().unwrap_or_default();
            // It has as many but in a checkpoint that is broken; whatever it says, rows stay where they are looked for.
            self.tail.resize(in_page, T::zeroed());
        }
    }

    /// Puts the tail among the pages.
    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            self.tail_start = self.len();
            self.pages.push(std::mem::take(&mut self.tail));
            self.room = 0;
        }
    }

    /// All cells, by row.
    pub(crate) fn iter(&self) -> impl Iterator<Item = T> + use<'_, T> {
        self.pages.iter().flatten().chain(&self.tail).copied()
    }
}

impl<T: Cell> Stored for Column<T> {
    fn freeze(&mut self) -> Self {
        self.close_tail();
        Self {
            pages: self.pages.freeze(),
            tail_start: self.tail_start,
            ..Self::default()
        }
    }

    fn again(&self) -> Self {
        Self {
            pages: self.pages.again(),
            tail: self.tail.clone(),
            tail_start: self.tail_start,
            room: self.tail.len(),
        }
    }

    fn save(&self, sink: &mut dyn BlockSink) {
        sink.number(u64::from(self.len()));
        let tail = Some(&*self.tail).filter(|tail| !tail.is_empty());
        self.pages.save_with(tail, sink);
    }

    fn load(source: &mut BlockSource<'_>) -> Result<Self, NotStored> {
        let len = u32::try_from(source.number()?).ok();
        let len = len.filter(|len| *len <= ROWS_MAX).ok_or(NotStored)?;
        let pages = Pages::load(source)?;
        if pages.len() != (len as usize).div_ceil(PAGE_ROWS) {
            return Err(NotStored);
        }
        Ok(Self {
            pages,
            tail_start: len,
            ..Self::default()
        })
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

    #[test]
    fn a_page_that_is_alone_in_its_group_goes_on_to_grow() {
        let mut column = Column::default();
        let count = PAGE_ROWS as u32 * 64 + 3;
        (0..count).for_each(|cell| column.push(cell));
        let before = column.freeze();
        column.push(count);
        let after = column.freeze();
        assert!(before.iter().eq(0..count));
        assert!(after.iter().eq(0..=count));
        assert!(column.iter().eq(0..=count));
    }

    #[test]
    fn a_page_goes_on_to_grow_after_a_snapshot() {
        let mut column = Column::default();
        let mut snapshots = Vec::new();
        let count = PAGE_ROWS as u32 * 3;
        for cell in 0..count {
            column.push(cell);
            if cell % 1000 == 7 || cell % PAGE_ROWS as u32 == 0 {
                column.set(cell / 2, cell);
                snapshots.push((column.freeze(), column.iter().collect::<Vec<_>>()));
            }
        }
        assert_eq!(column.len(), count);
        for (snapshot, cells) in &snapshots {
            assert_eq!(snapshot.len() as usize, cells.len());
            assert!(snapshot.iter().eq(cells.iter().copied()));
            assert!((0..snapshot.len()).all(|row| snapshot.get(row) == cells[row as usize]));
        }
        let mut again = column.again();
        column.set(count - 1, 0);
        assert_eq!(
            (again.get(count - 1), column.get(count - 1)),
            (count - 1, 0)
        );
        let before: Vec<u32> = again.iter().collect();
        (0..count).for_each(|cell| again.push(cell));
        assert!(again.iter().eq(before.into_iter().chain(0..count)));
        assert!(again.pages.iter().all(|page| page.len() <= PAGE_ROWS));
    }

    #[test]
    fn a_column_ends_where_no_number_is_left() {
        let rows = ROWS_MAX % PAGE_ROWS as u32;
        for tail in [0, rows - 2] {
            let mut column = Column {
                pages: Pages::default(),
                tail: vec![7u8; tail as usize],
                tail_start: ROWS_MAX - rows,
                room: tail as usize,
            };
            (tail..rows + 3).for_each(|_| column.push(8));
            assert_eq!(column.len(), ROWS_MAX);
            assert_eq!(column.get(ROWS_MAX - 1), 8);
        }
    }
}
