//! Attempts: how they start and end, whose result holds, and what is noted of them.

use std::sync::Arc;

use proto::forgelog::builds::{
    BuildAttemptEnded, BuildAttemptStarted, BuildFinished, EventNoted, Output, SpanFinished,
    SpanStarted,
};

use super::{Applied, Now, close, in_state, present};
use crate::builds::Builds;
use crate::builds::refusal::Refusal;
use crate::builds::rows::{AttemptRow, BuildRow, Close, EventRow, How, SpanRow};
use crate::builds::state::State;

/// How many spans of an attempt are kept.
pub const SPANS_MAX: usize = 4096;

/// How many events of an attempt are kept.
pub const EVENTS_MAX: usize = 4096;

impl Builds {
    pub(super) fn attempt_started(&mut self, now: Now, started: &BuildAttemptStarted) -> Applied {
        let id = &started.build_id;
        let highest = self.lease;
        let (number, row) = self.row_mut(id)?;
        in_state(row, State::Queued)?;
        let newest = newest_attempt(row);
        if newest.checked_add(1) != Some(started.attempt) {
            return Err(Refusal::Attempt {
                id: id.clone(),
                attempt: started.attempt,
                newest,
            });
        }
        let lease = started.lease.map_or(0, |lease| lease.number);
        if lease <= highest {
            return Err(Refusal::Lease {
                id: id.clone(),
                lease,
                newest: highest,
            });
        }
        row.attempts.push(Arc::new(AttemptRow {
            started: Arc::new(started.clone()),
            lease,
            started_at: now.time,
            close: None,
            late: None,
            spans: Vec::new(),
            events: Vec::new(),
        }));
        self.lease = lease;
        self.enter(number, State::Running, now);
        Ok(())
    }

    pub(super) fn attempt_ended(&mut self, now: Now, ended: &BuildAttemptEnded) -> Applied {
        let BuildAttemptEnded {
            build_id: id,
            attempt,
            lease,
            ..
        } = ended;
        let (number, row) = self.row_mut(id)?;
        if !is_open(row, *attempt, *lease) {
            return Err(Refusal::NotOpen {
                id: id.clone(),
                attempt: *attempt,
                lease: *lease,
            });
        }
        close(row, now, || How::Ended {
            end: ended.end(),
            error: ended.error.clone(),
            output: ended.output.clone().map(Arc::new),
        });
        self.enter(number, State::Queued, now);
        self.note_output(number, *attempt, ended.output.as_ref());
        Ok(())
    }

    pub(super) fn build_finished(&mut self, now: Now, finished: &BuildFinished) -> Applied {
        let BuildFinished {
            build_id: id,
            attempt,
            lease,
            verdict,
            ..
        } = finished;
        let (number, row) = self.row_mut(id)?;
        let Some(state) = State::of(*verdict) else {
            return Err(Refusal::Verdict {
                id: id.clone(),
                verdict: *verdict,
            });
        };
        if is_open(row, *attempt, *lease) {
            close(row, now, || How::Finished(Arc::new(finished.clone())));
            self.enter(number, state, now);
        } else if !keep_late(row, finished)? {
            return Ok(());
        }
        self.note_output(number, *attempt, finished.output.as_ref());
        Ok(())
    }

    pub(super) fn span_started(&mut self, now: Now, started: &SpanStarted) -> Applied {
        present("span_id", &started.span_id)?;
        let attempt = self.attempt_mut(&started.build_id, started.attempt)?;
        if attempt
            .spans
            .iter()
            .rev()
            .any(|span| span.started.span_id == started.span_id)
        {
            return Ok(());
        }
        if attempt.spans.len() >= SPANS_MAX {
            return Err(Refusal::TooMany {
                id: started.build_id.clone(),
                what: "spans",
            });
        }
        attempt.spans.push(Arc::new(SpanRow {
            started: started.clone(),
            started_at: now.time,
            finished: None,
        }));
        Ok(())
    }

    pub(super) fn span_finished(&mut self, now: Now, finished: &SpanFinished) -> Applied {
        let SpanFinished {
            build_id: id,
            span_id,
            ..
        } = finished;
        let attempt = self.attempt_mut(id, finished.attempt)?;
        let Some(span) = attempt
            .spans
            .iter_mut()
            .rev()
            .find(|span| span.started.span_id == *span_id)
        else {
            return Err(Refusal::UnknownSpan {
                id: id.clone(),
                span: span_id.clone(),
            });
        };
        if span.finished.is_none() {
            Arc::make_mut(span).finished = Some((now.time, finished.clone()));
        }
        Ok(())
    }

    pub(super) fn event_noted(&mut self, now: Now, event: &EventNoted) -> Applied {
        let attempt = self.attempt_mut(&event.build_id, event.attempt)?;
        if attempt.events.len() >= EVENTS_MAX {
            return Err(Refusal::TooMany {
                id: event.build_id.clone(),
                what: "events",
            });
        }
        attempt.events.push(Arc::new(EventRow {
            at: now.time,
            event: event.clone(),
        }));
        Ok(())
    }

    fn note_output(&mut self, number: u32, attempt: u32, output: Option<&Output>) {
        let Some(sha1) = output
            .map(|output| output.sha1.as_str())
            .filter(|sha1| !sha1.is_empty())
        else {
            return;
        };
        if !self.outputs.contains_key(sha1) {
            self.outputs.insert(sha1.into(), (number, attempt));
        }
    }

    fn attempt_mut(&mut self, id: &str, attempt: u32) -> Result<&mut AttemptRow, Refusal> {
        let (_, row) = self.row_mut(id)?;
        let newest = newest_attempt(row);
        let index = (attempt as usize).wrapping_sub(1);
        let found = row.attempts.get_mut(index).map(Arc::make_mut);
        found.ok_or_else(|| Refusal::Attempt {
            id: id.to_owned(),
            attempt,
            newest,
        })
    }
}

fn newest_attempt(row: &BuildRow) -> u32 {
    row.attempts
        .last()
        .map_or(0, |attempt| attempt.started.attempt)
}

/// Whether this is the build's open attempt, and under this lease.
fn is_open(row: &BuildRow, number: u32, lease: u64) -> bool {
    let open = row
        .attempts
        .last()
        .filter(|attempt| attempt.close.is_none());
    open.is_some_and(|attempt| attempt.started.attempt == number && attempt.lease == lease)
}

/// Keeps a result that does not hold with its attempt; says whether it is news.
fn keep_late(row: &mut BuildRow, finished: &BuildFinished) -> Result<bool, Refusal> {
    let (id, number, newest) = (row.id.to_string(), finished.attempt, newest_attempt(row));
    let Some(attempt) = row.attempts.get_mut((number as usize).wrapping_sub(1)) else {
        return Err(Refusal::Attempt {
            id,
            attempt: number,
            newest,
        });
    };
    let is_own =
        matches!(&attempt.close, Some(Close { how: How::Finished(own), .. }) if **own == *finished);
    if is_own || attempt.late.as_deref() == Some(finished) {
        return Ok(false);
    }
    if attempt.late.is_some() {
        return Err(Refusal::SecondLateResult {
            id,
            attempt: number,
        });
    }
    Arc::make_mut(attempt).late = Some(Arc::new(finished.clone()));
    Ok(true)
}
