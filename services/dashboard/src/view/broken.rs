//! What is broken now: builders whose newest result on the page is bad, and since when.

use forgelog_replay::builds::{Build, State};

use super::Facts;
use super::grid::{Grid, GridRow, Shown, Slot};
use super::mark::{Mark, is_failing};
use crate::text::label;

/// One builder that is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Of its newest result.
    pub(crate) mark: Mark,
    /// Its name.
    pub(crate) builder: String,
    /// To its newest result.
    pub(crate) href: String,
    /// The step that failed; may be empty.
    pub(crate) step: String,
    /// The oldest commit since which no result was good, shortened.
    pub(crate) since: String,
    /// To that commit.
    pub(crate) since_href: String,
    /// From that commit to the newest with a result: `3 commits`; `30+ commits` if it may have begun
    /// before the page.
    pub(crate) commits: String,
}

/// The broken builders, in the order of their columns. On several branches at once there is no
/// before and after.
pub(crate) fn broken(facts: Facts<'_>, grid: &Grid<'_>) -> Vec<Broken> {
    if !matches!(grid.branch, Shown::One { .. }) {
        return Vec::new();
    }
    (0..grid.columns.len())
        .filter_map(|column| broken_column(facts, grid, column))
        .collect()
}

fn broken_column(facts: Facts<'_>, grid: &Grid<'_>, column: usize) -> Option<Broken> {
    let results: Vec<(usize, &GridRow<'_>, Build<'_>)> = grid
        .rows
        .iter()
        .enumerate()
        .filter_map(|(index, row)| match row.cells.get(column) {
            Some(Slot::Build(build)) if is_result(build.state()) => Some((index, row, *build)),
            _ => None,
        })
        .collect();
    let (first, _, newest) = results
        .first()
        .copied()
        .filter(|(_, _, build)| is_failing(build.state()))?;
    let good = results
        .iter()
        .position(|(_, _, build)| !is_failing(build.state()));
    let (last, row, _) = *results[..good.unwrap_or(results.len())].last()?;
    let count = last - first + 1;
    let is_cut = good.is_none() && grid.has_older;
    let (plus, s) = (
        if is_cut { "+" } else { "" },
        if count == 1 && !is_cut { "" } else { "s" },
    );
    let hash = row.commit.hash();
    Some(Broken {
        mark: Mark::of(newest.state()),
        builder: label(newest.builder(), 100),
        href: facts.links.build(newest.id()),
        step: label(newest.failed_step(), 40),
        since: hash.short(),
        since_href: facts.links.commit(row.repo, &hash.to_string()),
        commits: format!("{count}{plus} commit{s}"),
    })
}

/// Whether it says something of the commit: one that was skipped or cancelled does not.
const fn is_result(state: State) -> bool {
    matches!(
        state,
        State::Ok | State::Failed | State::Timeout | State::InfraExhausted
    )
}
