//! Columns, indexes and lists in pages that snapshots and checkpoints share (design.md, "Replay").
//!
//! A table of the corpus is a struct of [`Column`]s of the same length, a row being the same place in each.
//! Cells have a fixed width; a [`Text`] is a view of bytes that the log has anyway. [`Index`] finds a row by the
//! hash of a key, [`Lists`] holds what a row has several of. All three are made of [`Pages`], which are owned by
//! the one writer until [`Stored::freeze`] shares them; the first write after that copies the page. A checkpoint is
//! those pages as they are, and opening one maps them.
//!
//! Everything here depends on the order of writes alone: the same calls give the same pages, bit for bit.
//! Depends on [`crate::checkpoint`] for mapped pages.

mod column;
mod count;
mod index;
mod key;
mod list;
mod moment;
mod pages;
mod recent;
mod slots;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use column::{Column, ROWS_MAX};
pub(crate) use count::Count;
pub(crate) use index::Index;
pub(crate) use key::Key;
pub(crate) use list::{List, Lists};
pub(crate) use moment::Moment;
pub(crate) use pages::{BlockSink, BlockSource, Cell, NotStored, Pages, Stored};
pub(crate) use recent::Recent;
pub(crate) use text::{Place, Text};

/// No row.
pub(crate) const NONE: u32 = u32::MAX;

/// Rows that belong to one row of another table, linked from the last to the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct Chain {
    /// The last row, or [`NONE`].
    pub(crate) last: u32,
    /// How many there are.
    pub(crate) count: u32,
}

impl Chain {
    pub(crate) const EMPTY: Self = Self {
        last: NONE,
        count: 0,
    };

    /// The chain with one more row.
    pub(crate) const fn with(self, row: u32) -> Self {
        Self {
            last: row,
            count: self.count.saturating_add(1),
        }
    }

    /// The rows, from the last to the first; `previous` is the column that links them.
    pub(crate) fn rows(
        self,
        previous: &Column<u32>,
    ) -> impl Iterator<Item = u32> + Clone + use<'_> {
        let next = |row: u32| (row != NONE).then_some(row);
        // No more than there are: a page that could not be made anew may hold a circle.
        std::iter::successors(next(self.last), move |row| next(previous.get(*row)))
            .take(self.count as usize)
    }
}

/// Declares a table: a struct of columns, and maybe of indexes and other parts that are stored with it.
macro_rules! table {
    ($(#[$meta:meta])* $name:ident { $($(#[$column_meta:meta])* $column:ident: $cell:ty,)* }
     $(and { $($(#[$part_meta:meta])* $part:ident: $kind:ty,)* })?) => {
        $(#[$meta])*
        #[derive(Default)]
        pub(crate) struct $name {
            $($(#[$column_meta])* pub(crate) $column: $crate::columns::Column<$cell>,)*
            $($($(#[$part_meta])* pub(crate) $part: $kind,)*)?
        }

        impl $crate::columns::Stored for $name {
            fn freeze(&mut self) -> Self {
                Self {
                    $($column: self.$column.freeze(),)*
                    $($($part: self.$part.freeze(),)*)?
                }
            }

            fn again(&self) -> Self {
                Self {
                    $($column: self.$column.again(),)*
                    $($($part: self.$part.again(),)*)?
                }
            }

            fn save(&self, sink: &mut dyn $crate::columns::BlockSink) {
                $(self.$column.save(sink);)*
                $($(self.$part.save(sink);)*)?
            }

            fn load(source: &mut $crate::columns::BlockSource<'_>) -> Result<Self, $crate::columns::NotStored> {
                Ok(Self {
                    $($column: $crate::columns::Stored::load(source)?,)*
                    $($($part: $crate::columns::Stored::load(source)?,)*)?
                })
            }
        }
    };
}
pub(crate) use table;
