//! The canonical dump: everything that the corpus holds as JSON lines, in one order, so that two implementations can be
//! compared byte for byte.
//!
//! The form is that of the conformance logs (FORMAT.md). Kinds follow each other in a fixed order, lines within a kind
//! are sorted by their keys, and every line has all keys of its kind. Lines are written as they are made.
//! Depends on the views and tables of [`crate::corpus`].

mod gerrit;
mod git;
mod github;
mod json;

use std::io::{self, Write};

use super::Corpus;
use json::Lines;

/// How a dump is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DumpOptions {
    /// Instead of the lines of a kind, one line with their number, bytes and SHA-256.
    pub digest: bool,
    /// Strings of more bytes than this are given by their length and SHA-256.
    pub longhash: Option<u64>,
}

/// Writes the whole corpus. Blocks for as long as `out` does.
///
/// # Errors
/// Those of `out`.
pub fn dump(corpus: &Corpus, options: &DumpOptions, out: &mut dyn Write) -> io::Result<()> {
    let mut lines = Lines::new(options, out);
    github::dump(corpus, &mut lines)?;
    gerrit::dump(corpus, &mut lines)?;
    git::dump(corpus, &mut lines)?;
    lines.finish()
}
