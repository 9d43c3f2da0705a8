//! Pages of cells: owned by the writer, shared with snapshots, or mapped from a checkpoint.
//!
//! Two levels, so that a snapshot costs a reference for every 64 pages that were not written since the last one.

use std::sync::Arc;

use crate::checkpoint::Checkpoint;

/// What a page holds: plain bytes of a fixed width.
pub(crate) trait Cell: bytemuck::Pod + PartialEq + Send + Sync {}

impl<T: bytemuck::Pod + PartialEq + Send + Sync> Cell for T {}

/// Pages that are shared or copied together.
const GROUP_PAGES: usize = 64;

/// A part of the state that snapshots share and checkpoints store.
pub(crate) trait Stored: Sized {
    /// Makes a copy that shares everything; what either writes afterwards, it copies first.
    fn freeze(&mut self) -> Self;
    /// A copy of what was frozen: it shares everything too. Of what was not, pages are copied.
    fn again(&self) -> Self;
    /// Gives all pages to `sink`, and the numbers that [`Stored::load`] needs.
    fn save(&self, sink: &mut dyn BlockSink);
    /// Takes back what [`Stored::save`] gave.
    fn load(source: &mut BlockSource<'_>) -> Result<Self, NotStored>;
}

/// The numbers of a checkpoint are not those of this state: it is of another version, or broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotStored;

/// Where a checkpoint's parts go, in order.
pub(crate) trait BlockSink {
    /// A number that the shape of the state depends on.
    fn number(&mut self, number: u64);
    /// The bytes of a page.
    fn block(&mut self, bytes: &[u8]);
}

/// What a checkpoint gave, in the same order.
pub(crate) struct BlockSource<'c> {
    checkpoint: &'c Arc<Checkpoint>,
    numbers: &'c [u64],
    next_block: u32,
}

impl<'c> BlockSource<'c> {
    pub(crate) fn new(checkpoint: &'c Arc<Checkpoint>, numbers: &'c [u64]) -> Self {
        Self {
            checkpoint,
            numbers,
            next_block: 0,
        }
    }

    /// The next number.
    pub(crate) fn number(&mut self) -> Result<u64, NotStored> {
        let (first, rest) = self.numbers.split_first().ok_or(NotStored)?;
        self.numbers = rest;
        Ok(*first)
    }

    /// The next number, which counts something.
    pub(crate) fn count(&mut self) -> Result<usize, NotStored> {
        usize::try_from(self.number()?).map_err(|_| NotStored)
    }

    /// So many blocks: the number of the first.
    fn blocks(&mut self, count: usize) -> Result<u32, NotStored> {
        let first = self.next_block;
        let end = u64::from(first) + count as u64;
        if end > u64::from(self.checkpoint.blocks()) {
            return Err(NotStored);
        }
        self.next_block = u32::try_from(end).map_err(|_| NotStored)?;
        Ok(first)
    }

    /// The cells of the next block, read now.
    pub(crate) fn cells<T: Cell>(&mut self) -> Result<Vec<T>, NotStored> {
        let block = self.blocks(1)?;
        let bytes = self.checkpoint.sound_block(block).ok_or(NotStored)?;
        Ok(bytemuck::pod_collect_to_vec(bytes))
    }

    /// Whether everything was taken but so many blocks.
    pub(crate) fn is_at_end(&self, blocks: u32) -> bool {
        self.numbers.is_empty() && self.checkpoint.blocks() - self.next_block == blocks
    }
}

/// Pages by number.
pub(crate) struct Pages<T> {
    groups: Vec<Group<T>>,
    len: usize,
}

enum Group<T> {
    /// Some of its pages were written since the last snapshot.
    Own(Vec<Page<T>>),
    /// No page in it is [`Page::Own`].
    Shared(Arc<Vec<Page<T>>>),
    /// All its pages are in a checkpoint, in a row.
    Mapped {
        checkpoint: Arc<Checkpoint>,
        first: u32,
        len: usize,
    },
}

enum Page<T> {
    Own(Vec<T>),
    Shared(Arc<Vec<T>>),
    Mapped(Arc<Checkpoint>, u32),
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            len: 0,
        }
    }
}

impl<T: Cell> Page<T> {
    fn cells(&self) -> &[T] {
        match self {
            Self::Own(cells) => cells,
            Self::Shared(cells) => cells,
            Self::Mapped(checkpoint, block) => checkpoint.cells(*block),
        }
    }

    /// Makes it one that others may have too.
    fn share(&mut self) {
        if let Self::Own(cells) = self {
            *self = Self::Shared(Arc::new(std::mem::take(cells)));
        }
    }

    /// Another reference to the same page, or a copy of one that is owned.
    fn again(&self) -> Self {
        match self {
            Self::Own(cells) => Self::Own(cells.clone()),
            Self::Shared(cells) => Self::Shared(Arc::clone(cells)),
            Self::Mapped(checkpoint, block) => Self::Mapped(Arc::clone(checkpoint), *block),
        }
    }

    /// The cells, to be written.
    fn own(&mut self) -> &mut Vec<T> {
        loop {
            if let Self::Own(cells) = self {
                return cells;
            }
            *self = Self::Own(copy_of(self.cells()));
        }
    }
}

/// A copy with room to grow as if it had grown here.
fn copy_of<T: Cell>(cells: &[T]) -> Vec<T> {
    let mut copy = Vec::with_capacity(cells.len().next_power_of_two());
    copy.extend_from_slice(cells);
    copy
}

impl<T: Cell> Pages<T> {
    /// How many pages there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// A page's cells. The number must be one of a page.
    #[inline(always)]
    pub(crate) fn page(&self, number: usize) -> &[T] {
        let pages = match self.groups.get(number / GROUP_PAGES) {
            Some(Group::Own(pages)) => pages,
            Some(Group::Shared(pages)) => &**pages,
            // Out of the way, or nothing that looks at cells would be inlined.
            _ => return self.any_page(number),
        };
        match pages.get(number % GROUP_PAGES) {
            Some(Page::Own(cells)) => cells,
            Some(Page::Shared(cells)) => cells,
            _ => self.any_page(number),
        }
    }

    #[inline(never)]
    fn any_page(&self, number: usize) -> &[T] {
        let page = number % GROUP_PAGES;
        match &self.groups[number / GROUP_PAGES] {
            Group::Own(pages) => pages[page].cells(),
            Group::Shared(pages) => pages[page].cells(),
            Group::Mapped {
                checkpoint, first, ..
            } => checkpoint.cells(first + page as u32),
        }
    }

    /// A page's cells, to be written, if nobody else has them and it is there.
    #[inline(always)]
    pub(crate) fn own_page(&mut self, number: usize) -> Option<&mut Vec<T>> {
        match self.groups.get_mut(number / GROUP_PAGES)? {
            Group::Own(pages) => match pages.get_mut(number % GROUP_PAGES)? {
                Page::Own(cells) => Some(cells),
                _ => None,
            },
            _ => None,
        }
    }

    /// A page's cells, to be written; copied if anybody else has them.
    #[inline]
    pub(crate) fn page_mut(&mut self, number: usize) -> &mut Vec<T> {
        self.groups[number / GROUP_PAGES].own()[number % GROUP_PAGES].own()
    }

    /// Adds a page.
    pub(crate) fn push(&mut self, cells: Vec<T>) {
        if self.len.is_multiple_of(GROUP_PAGES) {
            self.groups.push(Group::Own(Vec::new()));
        }
        self.len += 1;
        if let Some(group) = self.groups.last_mut() {
            group.own().push(Page::Own(cells));
        }
    }

    /// Takes the last page away; copied if anybody else has it.
    pub(crate) fn pop(&mut self) -> Option<Vec<T>> {
        let pages = self.groups.last_mut()?.own();
        let cells = match pages.pop()? {
            Page::Own(cells) => cells,
            other => copy_of(other.cells()),
        };
        if pages.is_empty() {
            self.groups.pop();
        }
        self.len -= 1;
        Some(cells)
    }

    /// What [`Stored::save`] does, with one more page in the end.
    pub(crate) fn save_with(&self, last: Option<&[T]>, sink: &mut dyn BlockSink) {
        sink.number(self.len as u64 + u64::from(last.is_some()));
        for page in self.iter().chain(last) {
            sink.block(bytemuck::cast_slice(page));
        }
    }

    /// All pages' cells, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[T]> {
        (0..self.len).map(|number| self.page(number))
    }
}

impl<T: Cell> Group<T> {
    #[inline]
    fn own(&mut self) -> &mut Vec<Page<T>> {
        loop {
            if let Self::Own(pages) = self {
                return pages;
            }
            self.make_own();
        }
    }

    #[cold]
    fn make_own(&mut self) {
        let pages = match self {
            Self::Own(_) => return,
            Self::Shared(pages) => pages.iter().map(Page::again).collect(),
            Self::Mapped {
                checkpoint,
                first,
                len,
            } => (0..*len)
                .map(|page| Page::Mapped(Arc::clone(checkpoint), *first + page as u32))
                .collect(),
        };
        *self = Self::Own(pages);
    }

    fn freeze(&mut self) -> Self {
        if let Self::Own(pages) = self {
            for page in pages.iter_mut() {
                page.share();
            }
            *self = Self::Shared(Arc::new(std::mem::take(pages)));
        }
        self.again()
    }

    fn again(&self) -> Self {
        match self {
            Self::Own(pages) => Self::Own(pages.iter().map(Page::again).collect()),
            Self::Shared(pages) => Self::Shared(Arc::clone(pages)),
            Self::Mapped {
                checkpoint,
                first,
                len,
            } => Self::Mapped {
                checkpoint: Arc::clone(checkpoint),
                first: *first,
                len: *len,
            },
        }
    }
}

impl<T: Cell> Stored for Pages<T> {
    fn freeze(&mut self) -> Self {
        Self {
            groups: self.groups.iter_mut().map(Group::freeze).collect(),
            len: self.len,
        }
    }

    fn again(&self) -> Self {
        Self {
            groups: self.groups.iter().map(Group::again).collect(),
            len: self.len,
        }
    }

    fn save(&self, sink: &mut dyn BlockSink) {
        self.save_with(None, sink);
    }

    fn load(source: &mut BlockSource<'_>) -> Result<Self, NotStored> {
        let len = source.count()?;
        let mut first = source.blocks(len)?;
        let mut groups = Vec::with_capacity(len.div_ceil(GROUP_PAGES));
        let mut rest = len;
        while rest > 0 {
            let len = rest.min(GROUP_PAGES);
            let checkpoint = Arc::clone(source.checkpoint);
            groups.push(Group::Mapped {
                checkpoint,
                first,
                len,
            });
            first += len as u32;
            rest -= len;
        }
        Ok(Self { groups, len })
    }
}
