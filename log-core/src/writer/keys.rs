//! The idempotency keys that a writer remembers: those of its open segment and of the one before it.
//!
//! So a key is known for at least the last 16 MiB (or 4,096 batches) of the log. Depends on nothing else.

use super::Appended;
use std::collections::HashMap;

/// Where the records with these keys are.
#[derive(Debug, Default)]
pub(super) struct Keys {
    open: HashMap<String, Appended>,
    before: HashMap<String, Appended>,
    /// Whether the segment before the open one has been read for its keys.
    pub(super) complete: bool,
}

impl Keys {
    /// Where the record with this key is, if it is durable and not too long ago.
    pub(super) fn get(&self, key: &str) -> Option<Appended> {
        let found = self.open.get(key).or_else(|| self.before.get(key));
        found.copied()
    }

    /// Notes a record of the open segment. The first one with a key is the one that counts.
    pub(super) fn note(&mut self, key: String, appended: Appended) {
        if !key.is_empty() {
            self.open.entry(key).or_insert(appended);
        }
    }

    /// Notes a record of the segment before the open one.
    pub(super) fn note_before(&mut self, key: String, appended: Appended) {
        if !key.is_empty() {
            self.before.entry(key).or_insert(appended);
        }
    }

    /// The next segment is open now.
    pub(super) fn enter_next_segment(&mut self) {
        self.before = std::mem::take(&mut self.open);
        // What is before the open segment now was the open one, and known.
        self.complete = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Position;

    fn at(segment: u32, offset: u64) -> Appended {
        let at = Position { segment, offset };
        Appended { at, next: at }
    }

    #[test]
    fn keys_are_known_for_two_segments() {
        let mut keys = Keys::default();
        keys.note("a".into(), at(0, 0));
        keys.note("a".into(), at(0, 7));
        keys.note(String::new(), at(0, 9));
        keys.enter_next_segment();
        keys.note("b".into(), at(1, 0));
        assert_eq!(keys.get("a"), Some(at(0, 0)), "the first counts");
        assert_eq!(keys.get("b"), Some(at(1, 0)));
        assert_eq!(keys.get(""), None);
        keys.enter_next_segment();
        assert_eq!(keys.get("a"), None);
        assert_eq!(keys.get("b"), Some(at(1, 0)));
    }
}
