//! The states of a build. Depends on `proto` for the verdicts.

use proto::forgelog::builds::Verdict;

/// Where a build stands. It begins [`Queued`](Self::Queued); from a terminal state it never moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It waits for a host.
    Queued,
    /// An attempt is open.
    Running,
    /// Terminal: it went well.
    Ok,
    /// Terminal: the code failed.
    Failed,
    /// Terminal: it ran over a limit.
    Timeout,
    /// Terminal: no attempt said anything of the code.
    InfraExhausted,
    /// Terminal: it will not be built.
    Skipped,
    /// Terminal: somebody took it back.
    Cancelled,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Running,
        Self::Ok,
        Self::Failed,
        Self::Timeout,
        Self::InfraExhausted,
        Self::Skipped,
        Self::Cancelled,
    ];

    /// Whether it stays as it is for ever.
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// One lower-case word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::InfraExhausted => "infra",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state that a verdict brings; `None` for one that is not known here.
    pub(super) fn of(verdict: i32) -> Option<Self> {
        match Verdict::try_from(verdict).ok()? {
            Verdict::Unspecified => None,
            Verdict::Ok => Some(Self::Ok),
            Verdict::Failed => Some(Self::Failed),
            Verdict::Timeout => Some(Self::Timeout),
            Verdict::InfraExhausted => Some(Self::InfraExhausted),
        }
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// How many builds are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([usize; State::ALL.len()]);

impl Counts {
    /// In this state.
    pub const fn of(&self, state: State) -> usize {
        self.0[state as usize]
    }

    /// In any.
    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }

    pub(super) fn add(&mut self, state: State) {
        self.0[state as usize] += 1;
    }

    pub(super) fn shift(&mut self, from: State, to: State) {
        self.0[from as usize] -= 1;
        self.0[to as usize] += 1;
    }
}
