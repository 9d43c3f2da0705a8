//! What is kept of builds, attempts and hosts: the records' own messages, and what was made of them.

use std::sync::Arc;

use imbl::OrdMap;
use log_core::Position;
use proto::GitHash;
use proto::forgelog::builds::{
    AttemptEnd, BuildAttemptStarted, BuildCancelRequested, BuildCancelled, BuildFinished,
    BuildQueued, BuildSkipped, EventNoted, HostReady, Output, SpanFinished, SpanStarted,
};

use super::state::State;
use crate::time::Time;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cell {
    builder: Arc<str>,
    repo: Arc<str>,
    commit: GitHash,
    purpose: i32,
}

impl Cell {
    pub(super) fn new(builder: &str, repo: &str, commit: GitHash, purpose: i32) -> Self {
        Self {
            builder: builder.into(),
            repo: repo.into(),
            commit,
            purpose,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyRow {
    pub(super) generation: u32,
    /// By generation.
    pub(super) builds: OrdMap<u32, u32>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct BuildRow {
    pub(super) id: Arc<str>,
    pub(super) queued: Arc<BuildQueued>,
    pub(super) commit: GitHash,
    pub(super) queued_at: Option<Time>,
    pub(super) state: State,
    /// Of the record that set the state.
    pub(super) position: Position,
    /// Set with a terminal state.
    pub(super) finished_at: Option<Time>,
    pub(super) attempts: Vec<Arc<AttemptRow>>,
    pub(super) skipped: Option<Arc<BuildSkipped>>,
    pub(super) cancel_requested: Option<Arc<BuildCancelRequested>>,
    pub(super) cancelled: Option<Arc<BuildCancelled>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct AttemptRow {
    pub(super) started: Arc<BuildAttemptStarted>,
    pub(super) lease: u64,
    pub(super) started_at: Option<Time>,
    /// `None` while it is open.
    pub(super) close: Option<Close>,
    pub(super) late: Option<Arc<BuildFinished>>,
    /// In the order of their starts.
    pub(super) spans: Vec<Arc<SpanRow>>,
    pub(super) events: Vec<Arc<EventRow>>,
}

/// How an attempt was closed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Close {
    pub(super) at: Option<Time>,
    pub(super) how: How,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum How {
    /// With the build's result.
    Finished(Arc<BuildFinished>),
    /// Without.
    Ended {
        end: AttemptEnd,
        error: String,
        output: Option<Arc<Output>>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct SpanRow {
    pub(super) started: SpanStarted,
    pub(super) started_at: Option<Time>,
    pub(super) finished: Option<(Option<Time>, SpanFinished)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct EventRow {
    pub(super) at: Option<Time>,
    pub(super) event: EventNoted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostRow {
    pub(super) ready: HostReady,
    pub(super) ready_at: Option<Time>,
    /// When, and why.
    pub(super) died: Option<(Option<Time>, String)>,
}
