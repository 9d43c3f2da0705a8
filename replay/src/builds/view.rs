//! Reading builds: borrowed views of a snapshot, which never change.

use std::time::Duration;

use log_core::Position;
use proto::GitHash;
use proto::forgelog::builds::{
    AttemptEnd, BuildCancelRequested, BuildCancelled, BuildFinished, BuildSkipped, Output, Purpose,
    Verdict,
};

use super::Builds;
use super::rows::{AttemptRow, BuildRow, EventRow, HostRow, How, SpanRow};
use super::state::State;
use crate::time::Time;

/// One builder on one commit, in one generation.
#[derive(Clone, Copy)]
pub struct Build<'a> {
    builds: &'a Builds,
    row: &'a BuildRow,
}

impl<'a> Build<'a> {
    pub(super) fn new(builds: &'a Builds, row: u32) -> Option<Self> {
        Some(Self::of(builds, builds.builds.get(row)?))
    }

    pub(super) fn of(builds: &'a Builds, row: &'a BuildRow) -> Self {
        Self { builds, row }
    }

    /// Its id.
    pub fn id(&self) -> &'a str {
        &self.row.id
    }

    /// Its build key, which all generations share.
    pub fn key(&self) -> &'a str {
        &self.row.queued.build_key
    }

    /// The builder's name.
    pub fn builder(&self) -> &'a str {
        &self.row.queued.builder
    }

    /// The repository's name.
    pub fn repo(&self) -> &'a str {
        &self.row.queued.repo
    }

    /// What is built.
    pub fn commit(&self) -> GitHash {
        self.row.commit
    }

    /// The commit's own time, if the record says it.
    pub fn commit_time(&self) -> Option<Time> {
        self.row.queued.commit_time.map(Time::from)
    }

    /// The branch on which the commit was found.
    pub fn branch(&self) -> &'a str {
        &self.row.queued.branch
    }

    /// What it is for.
    pub fn purpose(&self) -> Purpose {
        self.row.queued.purpose()
    }

    /// From 0; each explicit retry adds one.
    pub fn generation(&self) -> u32 {
        self.row.queued.generation
    }

    pub(super) fn row_purpose(&self) -> i32 {
        self.row.queued.purpose
    }

    /// Whether there is no newer generation, nor the wish for one.
    pub fn is_current(&self) -> bool {
        self.builds.generation(self.key()) == Some(self.generation())
    }

    /// The digest of the environment whose builder is meant.
    pub fn config_digest(&self) -> &'a str {
        &self.row.queued.config_digest
    }

    /// Who asked for it; empty if nobody did.
    pub fn requested_by(&self) -> &'a str {
        &self.row.queued.requested_by
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.row.state
    }

    /// Where the record starts that brought it there.
    pub fn position(&self) -> Position {
        self.row.position
    }

    /// When it was queued, as recorded.
    pub fn queued_at(&self) -> Option<Time> {
        self.row.queued_at
    }

    /// When its last attempt started, as recorded.
    pub fn started_at(&self) -> Option<Time> {
        self.last_attempt()?.started_at()
    }

    /// When it came to its terminal state, as recorded.
    pub fn finished_at(&self) -> Option<Time> {
        self.row.finished_at
    }

    /// How long the attempt with the result took.
    pub fn took(&self) -> Option<Duration> {
        duration(self.result()?.took)
    }

    /// The step that decided it; empty if none did.
    pub fn failed_step(&self) -> &'a str {
        self.result().map_or("", |result| &result.failed_step)
    }

    /// How the deciding process ended, such as `exit status 1`; empty if unknown.
    pub fn exit_state(&self) -> &'a str {
        self.result().map_or("", |result| &result.state)
    }

    /// The attempts, first to last.
    pub fn attempts(
        &self,
    ) -> impl DoubleEndedIterator<Item = Attempt<'a>> + ExactSizeIterator + use<'a> {
        self.row.attempts.iter().map(|row| Attempt { row })
    }

    /// The attempt of this number, from 1.
    pub fn attempt(&self, number: u32) -> Option<Attempt<'a>> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        self.row.attempts.get(index).map(|row| Attempt { row })
    }

    /// The newest attempt.
    pub fn last_attempt(&self) -> Option<Attempt<'a>> {
        self.attempts().next_back()
    }

    /// The attempt that runs now.
    pub fn open_attempt(&self) -> Option<Attempt<'a>> {
        self.last_attempt().filter(Attempt::is_open)
    }

    /// The output of the newest attempt, once its end is recorded.
    pub fn output(&self) -> Option<&'a Output> {
        self.last_attempt()?.output()
    }

    /// Why it was skipped, if it was.
    pub fn skipped(&self) -> Option<&'a BuildSkipped> {
        self.row.skipped.as_deref()
    }

    /// Who wants it cancelled, and why.
    pub fn cancel_requested(&self) -> Option<&'a BuildCancelRequested> {
        self.row.cancel_requested.as_deref()
    }

    /// Who cancelled it, and why.
    pub fn cancelled(&self) -> Option<&'a BuildCancelled> {
        self.row.cancelled.as_deref()
    }

    fn result(&self) -> Option<&'a BuildFinished> {
        self.last_attempt()?.result()
    }
}

impl std::fmt::Debug for Build<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.row.fmt(f)
    }
}

/// One try to run a build on a host.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    row: &'a AttemptRow,
}

impl<'a> Attempt<'a> {
    /// From 1.
    pub fn number(&self) -> u32 {
        self.row.started.attempt
    }

    /// Its lease's fencing number.
    pub fn lease(&self) -> u64 {
        self.row.lease
    }

    /// When its lease ends.
    pub fn lease_expires(&self) -> Option<Time> {
        self.row.started.lease?.expires.map(Time::from)
    }

    /// The host.
    pub fn host_id(&self) -> &'a str {
        &self.row.started.host_id
    }

    /// The prefix in the store to which its output goes.
    pub fn output_prefix(&self) -> &'a str {
        &self.row.started.output_prefix
    }

    /// What it wrote, once its end is recorded. That of a late result is with the late result.
    pub fn output(&self) -> Option<&'a Output> {
        match &self.row.close.as_ref()?.how {
            How::Finished(finished) => finished.output.as_ref(),
            How::Ended { output, .. } => output.as_deref(),
        }
    }

    /// Whether it still runs, as far as is recorded.
    pub fn is_open(&self) -> bool {
        self.row.close.is_none()
    }

    /// When it started, as recorded.
    pub fn started_at(&self) -> Option<Time> {
        self.row.started_at
    }

    /// When it ended, as recorded.
    pub fn ended_at(&self) -> Option<Time> {
        self.row.close.as_ref()?.at
    }

    /// How it ended without a result; `None` while it runs and when it had one.
    pub fn end(&self) -> Option<AttemptEnd> {
        match &self.row.close.as_ref()?.how {
            How::Ended { end, .. } => Some(*end),
            How::Finished(_) => None,
        }
    }

    /// What went wrong where [`Self::end`] says how; empty if nothing did.
    pub fn error(&self) -> &'a str {
        match self.row.close.as_ref().map(|close| &close.how) {
            Some(How::Ended { error, .. }) => error,
            _ => "",
        }
    }

    /// The build's result, which this attempt had.
    pub fn result(&self) -> Option<&'a BuildFinished> {
        match &self.row.close.as_ref()?.how {
            How::Finished(finished) => Some(finished),
            How::Ended { .. } => None,
        }
    }

    /// The verdict of [`Self::result`].
    pub fn verdict(&self) -> Option<Verdict> {
        self.result().map(BuildFinished::verdict)
    }

    /// A result that came when the lease was no longer this attempt's: never the build's.
    pub fn late_result(&self) -> Option<&'a BuildFinished> {
        self.row.late.as_deref()
    }

    /// What it did, in the order in which it began.
    pub fn spans(&self) -> impl ExactSizeIterator<Item = Span<'a>> + use<'a> {
        self.row.spans.iter().map(|row| Span { row })
    }

    /// What was noted while it ran.
    pub fn events(&self) -> impl ExactSizeIterator<Item = Event<'a>> + use<'a> {
        self.row.events.iter().map(|row| Event { row })
    }
}

/// A stretch of an attempt's time.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    row: &'a SpanRow,
}

impl<'a> Span<'a> {
    /// Unique in the attempt.
    pub fn id(&self) -> &'a str {
        &self.row.started.span_id
    }

    /// The id of the span around it; empty if there is none.
    pub fn parent(&self) -> &'a str {
        &self.row.started.parent
    }

    /// What was done.
    pub fn name(&self) -> &'a str {
        &self.row.started.name
    }

    /// When it began, as recorded.
    pub fn started_at(&self) -> Option<Time> {
        self.row.started_at
    }

    /// When it ended, as recorded.
    pub fn finished_at(&self) -> Option<Time> {
        self.row.finished.as_ref()?.0
    }

    /// Whether it still runs, as far as is recorded.
    pub fn is_open(&self) -> bool {
        self.row.finished.is_none()
    }

    /// How long it took, by the clock of whoever did it.
    pub fn took(&self) -> Option<Duration> {
        duration(self.row.finished.as_ref()?.1.took)
    }

    /// What went wrong; empty if nothing did, or it still runs.
    pub fn error(&self) -> &'a str {
        self.row
            .finished
            .as_ref()
            .map_or("", |(_, finished)| &finished.error)
    }

    /// More about its end; empty while it runs.
    pub fn detail(&self) -> &'a str {
        self.row
            .finished
            .as_ref()
            .map_or("", |(_, finished)| &finished.detail)
    }

    /// Where in the output its own part ends, in bytes.
    pub fn output_end(&self) -> Option<u64> {
        self.row
            .finished
            .as_ref()
            .map(|(_, finished)| finished.output_end)
    }
}

/// Something noted in an attempt, at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    row: &'a EventRow,
}

impl<'a> Event<'a> {
    /// What it is.
    pub fn name(&self) -> &'a str {
        &self.row.event.name
    }

    /// More about it.
    pub fn text(&self) -> &'a str {
        &self.row.event.text
    }

    /// When it was recorded.
    pub fn at(&self) -> Option<Time> {
        self.row.at
    }
}

/// A machine that runs builds.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    id: &'a str,
    row: &'a HostRow,
}

impl<'a> Host<'a> {
    pub(super) fn new(id: &'a str, row: &'a HostRow) -> Self {
        Self { id, row }
    }

    /// Its id.
    pub fn id(&self) -> &'a str {
        self.id
    }

    /// The kind of host that it is.
    pub fn host_type(&self) -> &'a str {
        &self.row.ready.host_type
    }

    /// The version of the buildlet on it.
    pub fn agent_version(&self) -> &'a str {
        &self.row.ready.agent_version
    }

    /// When it was last ready, as recorded.
    pub fn ready_at(&self) -> Option<Time> {
        self.row.ready_at
    }

    /// Whether it was not lost since it was ready.
    pub fn is_ready(&self) -> bool {
        self.row.died.is_none()
    }

    /// When it was lost, as recorded.
    pub fn died_at(&self) -> Option<Time> {
        self.row.died.as_ref()?.0
    }

    /// Why it was lost.
    pub fn death_cause(&self) -> Option<&'a str> {
        self.row.died.as_ref().map(|(_, cause)| cause.as_str())
    }
}

/// What a negative duration says is nothing.
fn duration(took: Option<proto::Duration>) -> Option<Duration> {
    Duration::try_from(took?).ok()
}
