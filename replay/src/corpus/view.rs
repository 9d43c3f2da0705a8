//! What all views of the corpus have in common: a reference to it and a row. Depends on [`crate::columns`].

use super::Corpus;
use crate::columns::{Column, Text};

/// Declares a view of a row. Two are equal if they are of the same row; it is for the caller to compare only views
/// of one log.
macro_rules! view {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy)]
        pub struct $name<'a> {
            pub(in crate::corpus) corpus: &'a $crate::corpus::Corpus,
            pub(in crate::corpus) row: u32,
        }

        impl PartialEq for $name<'_> {
            fn eq(&self, other: &Self) -> bool {
                self.row == other.row
            }
        }

        impl Eq for $name<'_> {}

        impl std::hash::Hash for $name<'_> {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.row.hash(state);
            }
        }
    };
}
pub(in crate::corpus) use view;

impl Corpus {
    /// The bytes of a cell of one of the corpus's tables.
    #[inline]
    pub(in crate::corpus) fn bytes<'a>(&'a self, column: &'a Column<Text>, row: u32) -> &'a [u8] {
        self.texts().get(column.cell(row))
    }

    /// The same for what was a protobuf string, which is UTF-8 if the log is still what it was.
    #[inline]
    pub(in crate::corpus) fn text<'a>(&'a self, column: &'a Column<Text>, row: u32) -> &'a str {
        std::str::from_utf8(self.bytes(column, row)).unwrap_or_default()
    }
}
