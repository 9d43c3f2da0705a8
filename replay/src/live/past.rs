//! Past states: folding the log again from a retained snapshot or a checkpoint up to a position or a time.
//!
//! The past does not change, so what was looked up is kept for a while, and at most so many look at
//! the same time: a page that asks for many times of the past cannot hold up the others.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;

use log_core::Position;
use tokio::sync::AcquireError;

use super::follow::off_the_runtime;
use super::{Live, lock};
use crate::error::AtError;
use crate::projection::{Folded, Projection, RecordRef, walk};
use crate::segments::Segments;
use crate::time::Time;

/// Which past state is meant. As text a position, such as `17.2ab10`, or a time in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// After all records that end at or before it.
    Position(Position),
    /// After all records up to the first that was recorded later.
    Time(Time),
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Position(position) => position.fmt(f),
            Self::Time(time) => time.fmt(f),
        }
    }
}

/// A text that is neither a position nor a time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is neither a position, such as 17.2ab10, nor a time, such as 2026-03-01T09:30:00Z"
)]
pub struct NotAnAt {
    text: String,
}

impl FromStr for At {
    type Err = NotAnAt;

    fn from_str(text: &str) -> Result<Self, NotAnAt> {
        if let Ok(position) = text.parse() {
            return Ok(Self::Position(position));
        }
        text.parse().map(Self::Time).map_err(|_| NotAnAt {
            text: text.to_owned(),
        })
    }
}

/// States of the past that were left somewhere, such as in checkpoints.
pub(crate) trait Earlier<P>: Send + Sync {
    /// The newest that is not beyond a moment, if it is after a position. `log` has all bytes up to there.
    fn find<'s>(&'s self, at: At, after: Option<Position>, log: &'s Segments) -> Found<'s, P>;
}

/// What [`Earlier::find`] gives, once it is looked for.
pub(crate) type Found<'s, P> = Pin<Box<dyn Future<Output = Option<Folded<P>>> + Send + 's>>;

/// The states that were looked up last.
pub(super) struct Results<P> {
    max: usize,
    /// The last used first.
    kept: VecDeque<(At, Arc<Folded<P>>)>,
}

impl<P> Results<P> {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            kept: VecDeque::new(),
        }
    }

    fn get(&mut self, at: At) -> Option<Arc<Folded<P>>> {
        let index = self.kept.iter().position(|(kept, _)| *kept == at)?;
        let found = self.kept.remove(index)?;
        let folded = Arc::clone(&found.1);
        self.kept.push_front(found);
        Some(folded)
    }

    fn put(&mut self, at: At, folded: Arc<Folded<P>>) {
        if self.get(at).is_none() {
            self.kept.push_front((at, folded));
            self.kept.truncate(self.max);
        }
    }
}

pub(super) async fn state_at<P: Projection>(
    live: &Live<P>,
    at: At,
) -> Result<Arc<Folded<P>>, AtError> {
    if let Some(newest) = newest_if_meant(live, at).await? {
        return Ok(newest);
    }
    let kept = || lock(&live.inner.results).get(at);
    if let Some(folded) = kept() {
        return Ok(folded);
    }
    let _permit = live
        .inner
        .permits
        .acquire()
        .await
        .map_err(|AcquireError { .. }| live.stopped())?;
    // Somebody may have looked for the same while we waited.
    if let Some(folded) = kept() {
        return Ok(folded);
    }
    let folded = Arc::new(look_up(live, at).await?);
    lock(&live.inner.results).put(at, Arc::clone(&folded));
    Ok(folded)
}

/// The newest state if that is the one; `None` if it goes beyond it.
async fn newest_if_meant<P: Projection>(
    live: &Live<P>,
    at: At,
) -> Result<Option<Arc<Folded<P>>>, AtError> {
    let is_past = |newest: &Folded<P>| match at {
        At::Position(asked) => asked < newest.position(),
        At::Time(time) => newest.recorded() > Some(time),
    };
    let newest = live.snapshot();
    if is_past(&newest) {
        return Ok(None);
    }
    let tail = live.inner.progress.borrow().tail;
    let end = match at {
        At::Position(asked) if asked > tail => return Err(AtError::PastEnd { asked, end: tail }),
        At::Position(asked) => asked,
        At::Time(_) => tail,
    };
    let newest = live.wait_for(end).await?;
    let is_meant = match at {
        // Right after the last record, or where the next segment begins.
        At::Position(asked) => {
            asked == newest.position() || asked == live.inner.progress.borrow().applied
        }
        At::Time(_) => !is_past(&newest),
    };
    Ok(is_meant.then_some(newest))
}

async fn look_up<P: Projection>(live: &Live<P>, at: At) -> Result<Folded<P>, AtError> {
    let base = lock(&live.inner.shared.retained).last_with(|folded| match at {
        At::Position(asked) => folded.position() <= asked,
        At::Time(time) => folded.recorded() <= Some(time),
    });
    let newest = live.snapshot();
    let segments = match newest.state().segments() {
        Some(segments) => segments.clone(),
        None => lock(&live.inner.shared.segments).clone(),
    };
    let end = newest.position();
    let retained = match &base {
        Some(base) => base.again(),
        None => Folded::starting_from(newest.state().empty()),
    };
    drop(newest);
    let earlier = match &live.inner.earlier {
        Some(earlier) => {
            let after = base.as_ref().map(|base| base.position());
            earlier.find(at, after, &segments).await
        }
        None => None,
    };
    let state = earlier.unwrap_or(retained);
    off_the_runtime(usize::MAX, move || fold_to(state, &segments, at, end))
        .await
        .map_err(|source| AtError::Fold { source })?
}

/// Folds on from a state up to a position or time, over bytes that end at `end`.
pub(crate) fn fold_to<P: Projection>(
    mut state: Folded<P>,
    segments: &Segments,
    at: At,
    end: Position,
) -> Result<Folded<P>, AtError> {
    let asked = match at {
        At::Time(time) => {
            // What is broken may hide records of before that time.
            state.fold_until(&segments.blocks_between(state.position(), end), time)?;
            return Ok(state);
        }
        At::Position(asked) => asked,
    };
    let blocks = segments.blocks_between(state.position(), asked);
    // A record that is cut in two is no boundary: that is found out next.
    let _ = state.fold_blocks(&blocks);
    let is_next_segment = asked.offset == 0
        && asked.segment == state.position().segment + 1
        && state.position().offset == segments.end_of(state.position().segment);
    if asked == state.position() || is_next_segment {
        return Ok(state);
    }
    let rest = segments.blocks_between(state.position(), end);
    let mut boundaries = walk(&rest, state.position());
    let is_next = |record: &RecordRef<'_>| record.next >= asked || record.at >= asked;
    let next = boundaries.find(|record| record.as_ref().map_or(true, is_next));
    let next = match next.transpose()? {
        Some(record) if record.at >= asked => record.at,
        Some(record) => record.next,
        None => end,
    };
    Err(AtError::NotABoundary { asked, next, end })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builds::Builds;

    #[test]
    fn texts_are_positions_or_times() {
        let position = Position {
            segment: 17,
            offset: 0x2ab10,
        };
        assert_eq!("17.2ab10".parse(), Ok(At::Position(position)));
        assert_eq!(At::Position(position).to_string(), "0017.2ab10");
        let time = Time::new(1_772_357_400, 500_000_000);
        assert_eq!("2026-03-01T09:30:00.5Z".parse(), Ok(At::Time(time)));
        assert_eq!(At::Time(time).to_string().parse(), Ok(At::Time(time)));
        for text in ["", "17", "now", "2026-13-01T00:00:00Z"] {
            assert!(text.parse::<At>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_result_that_was_not_asked_for_longest_goes_first() {
        let at = |offset| At::Position(Position { segment: 0, offset });
        let state = Arc::new(Folded::<Builds>::default());
        let mut results = Results::new(2);
        results.put(at(1), Arc::clone(&state));
        results.put(at(2), Arc::clone(&state));
        assert!(results.get(at(1)).is_some());
        results.put(at(3), state);
        assert!(results.get(at(2)).is_none());
        assert!(results.get(at(1)).is_some() && results.get(at(3)).is_some());
    }
}
