//! Batches that were read together with the one before them.
//!
//! Who reads a batch of a tail mostly reads the next ones too, and thousands of small reads, each
//! handed to a thread that may block, would cost many times what the bytes cost. Depends on
//! [`super::entry`].

use super::entry::Entry;
use bytes::Bytes;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Bytes of a journal that are read at once. Each batch in them is a slice of the same memory, which is
/// held as long as one of them is.
pub(super) const READ_BYTES_MAX: u64 = 512 << 10;
/// What was read longer ago is not handed out: another process may have removed the object, and somebody
/// made another of its name.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// What was read ahead in one tail folder. Each entry is handed out once.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    entries: HashMap<u64, (Entry, Bytes)>,
    read: Option<Instant>,
}

impl Ahead {
    /// The object of this name, if it was read ahead and not handed out yet.
    pub(super) fn take(&mut self, name: u64) -> Option<(Entry, Bytes)> {
        if self.read.is_none_or(|read| read.elapsed() > FRESH_FOR) {
            self.clear();
        }
        self.entries.remove(&name)
    }

    /// Keeps what was read, and nothing else.
    pub(super) fn fill(&mut self, entries: Vec<(Entry, Bytes)>) {
        let named = entries.into_iter().map(|read| (read.0.name, read));
        self.entries = named.collect();
        self.read = Some(Instant::now());
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
