//! How attempts without a word end, and when there are no more.

use super::*;
use forgelog_replay::Folded;
use log_core::{Position, Record};
use proto::Message as _;
use proto::forgelog::builds::{BuildAttemptStarted, BuildQueued, Lease, Mutation};

fn apply(builds: &mut Folded<Builds>, kind: Kind) {
    let at = builds.position();
    let next = Position {
        offset: at.offset + 1,
        ..at
    };
    let payload = Mutation {
        kind: Some(kind),
        meta: None,
    }
    .encode_to_vec()
    .into();
    builds.apply(&Record { at, next, payload });
    assert_eq!(builds.skips(), []);
}

fn queued() -> Folded<Builds> {
    let mut builds = Folded::default();
    let commit = "0123456789abcdef0123456789abcdef01234567".to_owned();
    let build = BuildQueued {
        build_id: "b".into(),
        build_key: "k".into(),
        builder: "x".into(),
        repo: "r".into(),
        commit,
        ..Default::default()
    };
    apply(&mut builds, Kind::BuildQueued(build));
    builds
}

fn start(builds: &mut Folded<Builds>) {
    let number = builds.state().next_lease();
    let attempt = builds.state().build("b").unwrap().attempts().len() as u32 + 1;
    let lease = Some(Lease {
        number,
        expires: None,
    });
    let started = BuildAttemptStarted {
        build_id: "b".into(),
        attempt,
        lease,
        ..Default::default()
    };
    apply(builds, Kind::BuildAttemptStarted(started));
}

/// Ends attempts in this way until the build has ended; how many it took.
fn attempts_until_exhausted(end: AttemptEnd) -> usize {
    let mut builds = queued();
    for attempts in 1..1000 {
        start(&mut builds);
        let kind = ended(&builds.state().build("b").unwrap(), end, "why".into(), None).unwrap();
        apply(&mut builds, kind);
        let build = builds.state().build("b").unwrap();
        if build.state().is_terminal() {
            assert_eq!(
                build.state(),
                forgelog_replay::builds::State::InfraExhausted
            );
            return attempts;
        }
    }
    1000
}

#[test]
fn every_reason_has_its_budget() {
    assert_eq!(
        attempts_until_exhausted(AttemptEnd::Infra),
        INFRA_ATTEMPTS_MAX
    );
    for end in [AttemptEnd::HostLost, AttemptEnd::Timeout] {
        assert_eq!(attempts_until_exhausted(end), INFRA_ATTEMPTS_MAX);
    }
    assert_eq!(
        attempts_until_exhausted(AttemptEnd::CoordinatorRestart),
        RESTART_ATTEMPTS_MAX
    );
    assert_eq!(
        attempts_until_exhausted(AttemptEnd::Cancelled),
        1000,
        "stopping forgelog costs nothing"
    );
}

#[test]
fn only_open_attempts_are_broken_off() {
    let mut builds = queued();
    assert_eq!(broken_off(builds.state()), []);
    start(&mut builds);
    let kinds = broken_off(builds.state());
    assert_eq!(kinds.len(), 1);
    for kind in kinds {
        apply(&mut builds, kind);
    }
    assert_eq!(broken_off(builds.state()), []);
    assert_eq!(builds.state().queued().count(), 1);
    assert_eq!(
        ended(
            &builds.state().build("b").unwrap(),
            AttemptEnd::Infra,
            String::new(),
            None
        ),
        None
    );
}
