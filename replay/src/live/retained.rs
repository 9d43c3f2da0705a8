//! Snapshots that are kept, evenly spaced over the whole stream. Pure.

use std::sync::Arc;

use crate::projection::Folded;

/// Snapshots after every so many records. When they get too many, every second one goes and the
/// space between them doubles.
pub(super) struct Retained<P> {
    every: u64,
    max: usize,
    kept: Vec<Arc<Folded<P>>>,
}

impl<P> Retained<P> {
    pub(super) fn new(every: u64, max: usize) -> Self {
        Self {
            every: every.max(1),
            max: max.max(2),
            kept: Vec::new(),
        }
    }

    /// The number of records between two.
    pub(super) fn every(&self) -> u64 {
        self.every
    }

    /// Adds a later one.
    pub(super) fn push(&mut self, mark: Arc<Folded<P>>) {
        self.kept.push(mark);
        if self.kept.len() > self.max {
            self.every = self.every.saturating_mul(2);
            let mut is_second = true;
            self.kept.retain(|_| {
                is_second = !is_second;
                is_second
            });
        }
    }

    /// The last one of which this holds. It must hold of all before one of which it holds.
    pub(super) fn last_with(&self, holds: impl Fn(&Folded<P>) -> bool) -> Option<Arc<Folded<P>>> {
        let after = self.kept.partition_point(|folded| holds(folded));
        self.kept.get(after.checked_sub(1)?).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builds::Builds;
    use log_core::{Position, Record};

    fn mark(records: u64) -> Arc<Folded<Builds>> {
        let mut state = Folded::<Builds>::default();
        for number in 1..=records {
            let at = |offset| Position { segment: 0, offset };
            state.apply(&Record {
                at: at(number - 1),
                next: at(number),
                payload: Default::default(),
            });
        }
        Arc::new(state)
    }

    #[test]
    fn too_many_are_thinned_out_evenly() {
        let mut retained = Retained::new(10, 4);
        for records in [10, 20, 30, 40] {
            retained.push(mark(records));
        }
        assert_eq!(retained.every(), 10);
        retained.push(mark(50));
        assert_eq!(retained.every(), 20);
        assert_eq!(kept(&retained), [20, 40]);
    }

    #[test]
    fn the_nearest_before_is_found() {
        let mut retained = Retained::new(10, 8);
        for records in [10, 20, 30, 40, 50] {
            retained.push(mark(records));
        }
        let find = |records| {
            retained
                .last_with(|folded| folded.records() <= records)
                .map(|folded| folded.records())
        };
        assert_eq!(find(9), None);
        assert_eq!(find(10), Some(10));
        assert_eq!(find(39), Some(30));
        assert_eq!(find(1000), Some(50));
    }

    fn kept(retained: &Retained<Builds>) -> Vec<u64> {
        retained
            .kept
            .iter()
            .map(|folded| folded.records())
            .collect()
    }
}
