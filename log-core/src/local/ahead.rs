//! Batches that were read together with the one before them.
//!
//! Who reads a batch of a tail mostly reads the next ones too, and thousands of small reads, each
//! handed to a thread that may block, would cost many times what the bytes cost. Depends on
//! [`super::entry`].

use super::entry::Entry;
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Bytes of a journal that are read at once. Each batch in them is a slice of the same memory, which is
/// held as long as one of them is.
pub(super) const READ_BYTES_MAX: u64 = 512 << 10;
/// What was read longer ago is not handed out: another process may have removed the object, and somebody
/// made another of its name.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// Runs of batches that are kept of one tail folder: so many readers can be at different places of it, or
/// at the same, and none makes another's reads those of single batches.
const RUNS_MAX: usize = 4;

/// What was read ahead in one tail folder. What was read once is handed out once.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// The latest is the last.
    runs: VecDeque<Run>,
}

#[derive(Debug)]
struct Run {
    entries: HashMap<u64, (Entry, Bytes)>,
    read: Instant,
}

impl Ahead {
    /// The object of this name, if it was read ahead and not handed out yet.
    pub(super) fn take(&mut self, name: u64) -> Option<(Entry, Bytes)> {
        self.runs
            .retain(|run| !run.entries.is_empty() && run.read.elapsed() <= FRESH_FOR);
        let mut runs = self.runs.iter_mut();
        runs.find_map(|run| run.entries.remove(&name))
    }

    /// Keeps what was read, beside what others read and did not take yet.
    pub(super) fn fill(&mut self, entries: Vec<(Entry, Bytes)>) {
        if self.runs.len() >= RUNS_MAX {
            self.runs.pop_front();
        }
        let named = entries.into_iter().map(|read| (read.0.name, read));
        self.runs.push_back(Run {
            entries: named.collect(),
            read: Instant::now(),
        });
    }

    pub(super) fn clear(&mut self) {
        self.runs.clear();
    }
}
