//! What a start has to put right: attempts that an earlier process began and never ended. Pure.
//!
//! Depends on the builds projection. Hosts of this pool die with their process, so that whatever it
//! ran is over; the build is queued again, and its output so far stays with the attempt.

use crate::limits::{INFRA_ATTEMPTS_MAX, RESTART_ATTEMPTS_MAX};
use forgelog_replay::Builds;
use forgelog_replay::builds::Build;
use proto::forgelog::builds::mutation::Kind;
use proto::forgelog::builds::{AttemptEnd, BuildAttemptEnded, BuildFinished, Output, Verdict};

/// How each open attempt is to be ended.
pub(crate) fn broken_off(builds: &Builds) -> Vec<Kind> {
    builds
        .running()
        .filter_map(|build| {
            let error = "forgelog was stopped while it ran".to_owned();
            ended(&build, AttemptEnd::CoordinatorRestart, error, None)
        })
        .collect()
}

/// The end of the open attempt without a word on the code; of the last that the build may have, it
/// is the build's own end. `None` if no attempt is open.
pub(crate) fn ended(
    build: &Build<'_>,
    end: AttemptEnd,
    error: String,
    output: Option<Output>,
) -> Option<Kind> {
    let open = build.open_attempt()?;
    let before = |end: AttemptEnd| {
        build
            .attempts()
            .filter(|attempt| attempt.end() == Some(end))
            .count()
    };
    let exhausted = match end {
        AttemptEnd::CoordinatorRestart => before(end) + 1 >= RESTART_ATTEMPTS_MAX,
        AttemptEnd::Infra | AttemptEnd::HostLost | AttemptEnd::Timeout => {
            let infra = [AttemptEnd::Infra, AttemptEnd::HostLost, AttemptEnd::Timeout];
            infra.into_iter().map(before).sum::<usize>() + 1 >= INFRA_ATTEMPTS_MAX
        }
        _ => false,
    };
    let build_id = build.id().to_owned();
    let (attempt, lease) = (open.number(), open.lease());
    Some(if exhausted {
        Kind::BuildFinished(BuildFinished {
            build_id,
            attempt,
            lease,
            verdict: Verdict::InfraExhausted.into(),
            state: error,
            output,
            ..BuildFinished::default()
        })
    } else {
        Kind::BuildAttemptEnded(BuildAttemptEnded {
            build_id,
            attempt,
            lease,
            end: end.into(),
            error,
            output,
        })
    })
}

#[cfg(test)]
#[path = "recover/tests.rs"]
mod tests;
