//! The idempotency keys that a writer remembers: those of its open segment and of enough before it.
//!
//! So a key is known for at least the last 16 MiB (or 4,096 batches) of the log. Depends on nothing else.

use super::Appended;
use std::collections::HashMap;

/// Where the records with these keys are.
#[derive(Debug, Default)]
pub(super) struct Keys {
    places: HashMap<String, Appended>,
    /// The first segment whose keys are all here; those of all later ones are, too.
    pub(super) since: u32,
    /// Whether that is far enough back.
    pub(super) complete: bool,
}

impl Keys {
    /// Where the record with this key is, if it is durable and not too long ago.
    pub(super) fn get(&self, key: &str) -> Option<Appended> {
        self.places.get(key).copied()
    }

    /// Notes a record. The first one with a key is the one that counts, whenever it is noted.
    pub(super) fn note(&mut self, key: String, appended: Appended) {
        if key.is_empty() {
            return;
        }
        let first = self.places.entry(key).or_insert(appended);
        if appended.at < first.at {
            *first = appended;
        }
    }

    /// Forgets the keys of the segments before this one.
    pub(super) fn forget_before(&mut self, segment: u32) {
        if self.since < segment {
            self.since = segment;
            self.places
                .retain(|_, appended| appended.at.segment >= segment);
        }
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
    fn the_first_record_with_a_key_counts_until_its_segment_is_forgotten() {
        let mut keys = Keys::default();
        keys.note("a".into(), at(1, 5));
        keys.note("a".into(), at(1, 7));
        keys.note("a".into(), at(0, 3));
        keys.note(String::new(), at(1, 9));
        keys.note("b".into(), at(2, 0));
        assert_eq!(keys.get("a"), Some(at(0, 3)), "the first counts");
        assert_eq!(keys.get("b"), Some(at(2, 0)));
        assert_eq!(keys.get(""), None);
        keys.forget_before(0);
        assert_eq!(keys.get("a"), Some(at(0, 3)));
        keys.forget_before(1);
        assert_eq!(keys.get("a"), None);
        assert_eq!(keys.get("b"), Some(at(2, 0)));
        assert_eq!(keys.since, 1);
    }
}
