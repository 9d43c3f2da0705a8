//! Questions beside the original's answers: the same question, and the same answer, or there is no row. Depends on what
//! `cold.rs` has asked.

use super::super::sample::{median, median_ratio};
use super::super::table::{Row, figure};
use super::cold::Opens;
use super::logs::Log;
use super::{NOBODY, PEER};

pub(super) fn rows(log: &Log, opens: &Opens) -> Vec<Row> {
    let Some(first) = opens.ours.first() else {
        return Vec::new();
    };
    let (issues, changes) = (&first.answers.open_issues, &first.answers.changes);
    let mut rows = vec![
        row(
            format!(
                "{}: the {} open issues with the label {:?}",
                log.case, issues.count, issues.label
            ),
            &opens.of_ours(|open| open.answers.open_issues.seconds),
            &opens.of_theirs(|open| open.answers().open_issues.seconds),
        ),
        row(
            format!(
                "{}: the {} changes of owner {} in {}",
                log.case, changes.count, changes.owner, changes.year
            ),
            &opens.of_ours(|open| open.answers.changes.seconds),
            &opens.of_theirs(|open| open.answers().changes.seconds),
        ),
    ];
    if let Some(chain) = opens.chains.first() {
        let ours: Vec<f64> = opens.chains.iter().map(|chain| chain.seconds).collect();
        let theirs = opens.theirs.iter().filter_map(|open| open.ancestors());
        let theirs: Vec<f64> = theirs.map(|chain| chain.seconds).collect();
        let case = format!(
            "the newest of {} chained commits descends from the oldest: {}",
            chain.commits, chain.descends
        );
        rows.push(row(case, &ours, &theirs));
    }
    rows
}

fn row(case: String, ours: &[f64], theirs: &[f64]) -> Row {
    let milliseconds = |seconds: &[f64]| figure("", median(seconds) * 1e3, "ms");
    Row {
        what: "query",
        case,
        ours: vec![milliseconds(ours)],
        peer: match theirs {
            [] => NOBODY,
            _ => (PEER, vec![milliseconds(theirs)]),
        },
        ratio: (!theirs.is_empty()).then(|| figure("", median_ratio(theirs, ours), "×")),
        target: None,
    }
}
