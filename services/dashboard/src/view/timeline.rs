//! An attempt's spans as a table with bars.

use std::collections::HashMap;

use forgelog_replay::Time;
use forgelog_replay::builds::{Attempt, Span};

use super::when::duration;
use crate::text::label;

/// Spans that are shown.
const SPANS_MAX: usize = 200;

/// How long a bar can be.
const BAR_UNITS: u128 = 1000;

/// Spans are indented no further than this.
const DEPTH_MAX: usize = 6;

/// A row of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// How many spans are around it.
    pub(crate) depth: usize,
    /// What was done.
    pub(crate) name: String,
    /// `ok`, `fail` or `run`.
    pub(crate) class: &'static str,
    /// What went wrong, or more about it; may be empty.
    pub(crate) detail: String,
    /// How long it took, or has taken so far.
    pub(crate) took: String,
    /// Where the bar begins, and how long it is, in thousandths of the whole.
    pub(crate) bar: Option<(u128, u128)>,
}

/// The rows of an attempt's timeline, and how many more there are.
pub(crate) fn timeline(attempt: &Attempt<'_>, as_of: Time) -> (Vec<Row>, usize) {
    let end = attempt.ended_at().unwrap_or(as_of);
    let start = attempt.started_at();
    let mut depths: HashMap<&str, usize> = HashMap::new();
    let rows = attempt.spans().take(SPANS_MAX).map(|span| {
        let depth = depths
            .get(span.parent())
            .map_or(0, |depth| depth + 1)
            .min(DEPTH_MAX);
        depths.insert(span.id(), depth);
        row(&span, depth, start, end)
    });
    (
        rows.collect(),
        attempt.spans().len().saturating_sub(SPANS_MAX),
    )
}

fn row(span: &Span<'_>, depth: usize, start: Option<Time>, end: Time) -> Row {
    let span_end = span.finished_at().unwrap_or(end);
    let recorded = span
        .started_at()
        .and_then(|started| span_end.duration_since(started));
    let took = span.took().or(recorded);
    let class = match (span.is_open(), span.error()) {
        (true, _) => "run",
        (false, "") => "ok",
        (false, _) => "fail",
    };
    let detail = [span.error(), span.detail()].map(|text| label(text, 200));
    let detail: Vec<String> = detail.into_iter().filter(|text| !text.is_empty()).collect();
    Row {
        depth,
        name: label(span.name(), 80),
        class,
        detail: detail.join(" · "),
        took: took.map(duration).unwrap_or_default(),
        bar: bar(span.started_at(), span_end, start, end),
    }
}

fn bar(from: Option<Time>, to: Time, start: Option<Time>, end: Time) -> Option<(u128, u128)> {
    let start = start?;
    let whole = end.duration_since(start)?.as_nanos().max(1);
    let place = |time: Time| {
        time.duration_since(start)
            .map(|after| (after.as_nanos() * BAR_UNITS / whole).min(BAR_UNITS))
    };
    let left = place(from?)?;
    // Even what took no time can be seen.
    let width = place(to)?.saturating_sub(left).max(4);
    Some((left.min(BAR_UNITS - width.min(BAR_UNITS)), width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_inside_the_whole() {
        let at = Time::from_unix_seconds;
        assert_eq!(
            bar(Some(at(10)), at(20), Some(at(0)), at(40)),
            Some((250, 250))
        );
        assert_eq!(
            bar(Some(at(40)), at(40), Some(at(0)), at(40)),
            Some((996, 4))
        );
        assert_eq!(
            bar(Some(at(0)), at(90), Some(at(0)), at(40)),
            Some((0, 1000))
        );
        assert_eq!(bar(Some(at(0)), at(1), Some(at(5)), at(40)), None);
        assert_eq!(bar(Some(at(0)), at(1), None, at(40)), None);
        assert_eq!(bar(Some(at(0)), at(0), Some(at(0)), at(0)), Some((0, 4)));
    }
}
