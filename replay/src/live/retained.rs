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

    /// Adds later ones, each after a multiple of [`Self::every`].
    pub(super) fn extend(&mut self, marks: Vec<Arc<Folded<P>>>) {
        self.kept.extend(marks);
        while self.kept.len() > self.max {
            self.every = self.every.saturating_mul(2);
            let every = self.every;
            self.kept
                .retain(|folded| folded.records().is_multiple_of(every));
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

    fn marks(from: u64, to: u64, every: u64) -> Vec<Arc<Folded<Builds>>> {
        let mut state = Folded::<Builds>::default();
        let mut marks = Vec::new();
        for number in 1..=to {
            let at = |offset| Position { segment: 0, offset };
            state.apply(&Record {
                at: at(number - 1),
                next: at(number),
                payload: Default::default(),
            });
            if number > from && number % every == 0 {
                marks.push(Arc::new(state.clone()));
            }
        }
        marks
    }

    #[test]
    fn too_many_are_thinned_out_evenly() {
        let mut retained = Retained::new(10, 4);
        retained.extend(marks(0, 40, 10));
        assert_eq!(retained.every(), 10);
        retained.extend(marks(40, 50, 10));
        assert_eq!(retained.every(), 20);
        assert_eq!(kept(&retained), [20, 40]);
        retained.extend(marks(50, 200, 20));
        assert_eq!(retained.every(), 80);
        assert_eq!(kept(&retained), [80, 160]);
    }

    #[test]
    fn the_nearest_before_is_found() {
        let mut retained = Retained::new(10, 8);
        retained.extend(marks(0, 50, 10));
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
