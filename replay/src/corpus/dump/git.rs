//! Git's part of the dump: commits, and whether any is missing.

use std::io;

use super::json::Lines;
use crate::corpus::Corpus;

/// Writes nothing yet.
pub(super) fn dump(_: &Corpus, _: &mut Lines<'_>) -> io::Result<()> {
    Ok(())
}
