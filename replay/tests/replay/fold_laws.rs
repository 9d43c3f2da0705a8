//! What holds for every fold, whatever is folded.

use forgelog_replay::projection::SKIPPED_KEPT_MAX;
use forgelog_replay::{Builds, Corpus, Folded, Projection};
use log_core::{Position, Record};
use proptest::prelude::*;

use crate::builds_laws::mutations;
use crate::log::{folded, records_of};

/// Records whose payloads are any bytes.
fn any_records() -> impl Strategy<Value = Vec<Record>> {
    let payload = prop::collection::vec(any::<u8>(), 0..40);
    prop::collection::vec(payload, 0..20).prop_map(|payloads| {
        let mut offset = 0;
        let record = |payload: Vec<u8>| {
            let at = Position { segment: 0, offset };
            offset += 1 + payload.len() as u64;
            Record {
                at,
                next: Position { offset, ..at },
                payload: payload.into(),
            }
        };
        payloads.into_iter().map(record).collect()
    })
}

fn any_bytes_fold<P: Projection>(records: &[Record]) {
    let folded: Folded<P> = folded(records);
    assert_eq!(folded.records(), records.len() as u64);
    assert_eq!(
        folded.position(),
        records.last().map_or(Position::START, |record| record.next)
    );
    assert!(folded.skips().len() as u64 <= folded.skipped());
}

proptest! {
    #[test]
    fn however_batched_the_fold_is_equal(mutations in mutations(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5)) {
        let records = records_of(&mutations);
        let whole: Folded<Builds> = folded(&records);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(records.len() + 1)).collect();
        cuts.sort_unstable();
        let mut parts = Folded::<Builds>::default();
        let mut from = 0;
        for to in cuts.into_iter().chain([records.len()]) {
            parts.fold(&records[from..to]);
            // A snapshot that is held makes the fold copy what it writes.
            let held = parts.clone();
            prop_assert_eq!(&held, &folded(&records[..to]));
            from = to;
        }
        prop_assert_eq!(parts, whole);
    }

    #[test]
    fn applying_twice_is_applying_once(mutations in mutations(), from in any::<prop::sample::Index>()) {
        let records = records_of(&mutations);
        let once: Folded<Builds> = folded(&records);
        let from = from.index(records.len() + 1);
        let mut twice = once.clone();
        twice.fold(&records[from..]);
        prop_assert_eq!(&twice, &once);
        let mut each = Folded::<Builds>::default();
        for record in &records {
            each.fold([record, record]);
        }
        prop_assert_eq!(each, once);
    }

    #[test]
    fn no_bytes_break_a_fold(records in any_records()) {
        any_bytes_fold::<Builds>(&records);
        any_bytes_fold::<Corpus>(&records);
    }
}

#[test]
fn what_cannot_be_decoded_is_counted_and_the_first_are_listed() {
    let at = |offset| Position { segment: 3, offset };
    let mut folded = Folded::<Builds>::default();
    let count = SKIPPED_KEPT_MAX as u64 + 20;
    for offset in 0..count {
        folded.apply(&Record {
            at: at(offset),
            next: at(offset + 1),
            payload: b"\xff".as_slice().into(),
        });
    }
    assert_eq!((folded.records(), folded.skipped()), (count, count));
    assert_eq!(folded.skips().len(), SKIPPED_KEPT_MAX);
    assert_eq!(folded.skips()[7].at, at(7));
    assert!(folded.skips()[7].reason.starts_with("not a mutation: "));
    assert_eq!(folded.recorded(), None);
}
