//! What holds for builds after any records, sensible or not.

use std::collections::{BTreeMap, BTreeSet};

use forgelog_replay::builds::{Build, State};
use forgelog_replay::{Builds, Folded, Projection as _, RecordRef};
use log_core::Position;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use proto::forgelog::Meta;
use proto::forgelog::builds::mutation::Kind;
use proto::forgelog::builds::*;
use proto::{Message as _, Timestamp};

use crate::log::records_of;

/// What the next record is about, before it is known what would make sense.
#[derive(Clone, Debug)]
struct Move {
    what: u8,
    /// Which key, build or span.
    which: u8,
    /// Which verdict or reason, known or not.
    how: i32,
    /// Numbers to say instead of those that fit: generation or attempt, and lease.
    wrong: Option<(u32, u64)>,
    /// To say instead of the newest.
    epoch: Option<u64>,
    seconds: Option<i64>,
}

fn moves() -> impl Strategy<Value = Move> {
    // Mostly small, so that they often fit all the same; rarely at the edge.
    let number = prop_oneof![20 => 0..4u32, 1 => Just(u32::MAX)];
    let lease = prop_oneof![200 => 0..12u64, 1 => Just(u64::MAX)];
    let wrong = prop_oneof![3 => Just(None), 1 => (number, lease).prop_map(Some)];
    let epoch = prop_oneof![30 => Just(None), 1 => (0..3u64).prop_map(Some)];
    let seconds = prop::option::of(-5..100i64);
    (0..16u8, 0..7u8, 0..6i32, wrong, epoch, seconds).prop_map(
        |(what, which, how, wrong, epoch, seconds)| Move {
            what,
            which,
            how,
            wrong,
            epoch,
            seconds,
        },
    )
}

impl Move {
    /// The record, which mostly makes sense after these builds.
    fn kind(&self, builds: &Builds) -> Kind {
        let key = ["a", "b", "c", ""][usize::from(self.which / 2)].to_owned();
        match (self.what, self.how) {
            (3..=9 | 14, _) => self.of_attempt(key, builds),
            (10, _) => {
                let generation = builds.generation(&key).unwrap_or(0) + 1;
                let generation = self.wrong.map_or(generation, |(wrong, _)| wrong);
                Kind::ResultCleared(ResultCleared {
                    build_key: key,
                    generation,
                    ..Default::default()
                })
            }
            (11, 0..2) => Kind::BuildSkipped(BuildSkipped {
                build_id: self.build_id(builds),
                ..Default::default()
            }),
            (12, 0..2) => Kind::BuildCancelled(BuildCancelled {
                build_id: self.build_id(builds),
                ..Default::default()
            }),
            (13, _) => {
                let build_id = self.build_id(builds);
                Kind::BuildCancelRequested(BuildCancelRequested {
                    build_id,
                    by: key,
                    ..Default::default()
                })
            }
            (15, 0..2) => Kind::HostReady(HostReady {
                host_id: key,
                ..Default::default()
            }),
            (15, 2..4) => Kind::HostDied(HostDied {
                host_id: key,
                ..Default::default()
            }),
            (15, _) => Kind::ConfigActivated(ConfigActivated {
                digest: key,
                ..Default::default()
            }),
            _ => self.queued(key, builds),
        }
    }

    fn of_attempt(&self, key: String, builds: &Builds) -> Kind {
        let build_id = self.build_id(builds);
        let last = builds
            .build(&build_id)
            .and_then(|build| build.last_attempt());
        let last = last.map_or((0, 0), |attempt| (attempt.number(), attempt.lease()));
        let (attempt, lease) = self.wrong.unwrap_or(last);
        let verdict = self.how;
        let output = (verdict % 2 == 0).then(|| Output {
            sha1: key.clone(),
            ..Default::default()
        });
        match self.what {
            3..=5 => {
                let next = (last.0.wrapping_add(1), builds.next_lease());
                let (attempt, number) = self.wrong.unwrap_or(next);
                let lease = Some(Lease {
                    number,
                    expires: None,
                });
                Kind::BuildAttemptStarted(BuildAttemptStarted {
                    build_id,
                    attempt,
                    lease,
                    ..Default::default()
                })
            }
            6 | 7 => {
                let ended = BuildAttemptEnded {
                    build_id,
                    attempt,
                    lease,
                    output,
                    ..Default::default()
                };
                Kind::BuildAttemptEnded(ended)
            }
            8 | 9 => {
                let finished = BuildFinished {
                    build_id,
                    attempt,
                    lease,
                    verdict,
                    output,
                    ..Default::default()
                };
                Kind::BuildFinished(finished)
            }
            _ if verdict < 3 => Kind::SpanStarted(SpanStarted {
                build_id,
                attempt,
                span_id: key,
                ..Default::default()
            }),
            _ => Kind::SpanFinished(SpanFinished {
                build_id,
                attempt,
                span_id: key,
                ..Default::default()
            }),
        }
    }

    /// The id of a build that the record can be about, if there is one.
    fn build_id(&self, builds: &Builds) -> String {
        let fitting: Vec<Build<'_>> = match self.what {
            3..=5 => builds.queued().collect(),
            6..=9 => builds.running().collect(),
            _ => Vec::new(),
        };
        let any = if fitting.is_empty() {
            builds.latest().collect()
        } else {
            fitting
        };
        let chosen = any.get(usize::from(self.which) % any.len().max(1));
        chosen.map_or("unknown", |build| build.id()).to_owned()
    }

    fn queued(&self, key: String, builds: &Builds) -> Kind {
        let generation = builds.generation(&key).unwrap_or(0);
        let (generation, builder) = self.wrong.unwrap_or((generation, 0));
        Kind::BuildQueued(BuildQueued {
            build_id: format!("{key}{generation}"),
            build_key: key,
            builder: if builder > 10 {
                String::new()
            } else {
                format!("builder{}", builder / 5)
            },
            repo: "go".into(),
            commit: "0".repeat(if self.how == 5 { 39 } else { 40 }),
            generation,
            commit_time: self.seconds.map(|seconds| Timestamp {
                seconds: seconds / 30,
                nanos: -1,
            }),
            ..BuildQueued::default()
        })
    }
}

/// Any mutations of few builds; most make sense, and some do not.
pub(crate) fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    prop::collection::vec(moves(), 0..60).prop_map(|moves| {
        let mut builds = Builds::default();
        let mutation = |step: Move| {
            let recorded = step.seconds.map(|seconds| Timestamp { seconds, nanos: 0 });
            let meta = Some(Meta {
                epoch: step.epoch.unwrap_or(builds.epoch()),
                recorded,
                ..Meta::default()
            });
            let mutation = Mutation {
                kind: Some(step.kind(&builds)),
                meta,
            };
            builds.apply(RecordRef {
                at: Position::START,
                next: Position::START,
                payload: &mutation.encode_to_vec(),
            });
            mutation
        };
        moves.into_iter().map(mutation).collect()
    })
}

/// What every view must agree on.
fn check_views(builds: &Builds) {
    for state in State::ALL {
        let in_state = builds
            .latest()
            .filter(|build| build.state() == state)
            .count();
        assert_eq!(builds.counts().of(state), in_state, "{state}");
    }
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    let all = |state| {
        sorted(
            builds
                .latest()
                .filter(|b| b.state() == state)
                .map(|b| b.id().to_owned())
                .collect(),
        )
    };
    assert_eq!(
        sorted(builds.queued().map(|b| b.id().to_owned()).collect()),
        all(State::Queued)
    );
    assert_eq!(
        sorted(builds.running().map(|b| b.id().to_owned()).collect()),
        all(State::Running)
    );

    let mut leases = Vec::new();
    for build in builds.latest() {
        assert_eq!(
            builds.build(build.id()).map(|found| found.id()),
            Some(build.id())
        );
        let open = build.attempts().filter(|attempt| attempt.is_open()).count();
        assert_eq!(
            open,
            usize::from(build.state() == State::Running),
            "{build:?}"
        );
        let results = build
            .attempts()
            .filter(|attempt| attempt.result().is_some())
            .count();
        let has_verdict = matches!(
            build.state(),
            State::Ok | State::Failed | State::Timeout | State::InfraExhausted
        );
        assert_eq!(results, usize::from(has_verdict), "{build:?}");
        for (number, attempt) in (1..).zip(build.attempts()) {
            assert_eq!(attempt.number(), number);
            assert!(attempt.lease() < builds.next_lease() || builds.next_lease() == u64::MAX);
            leases.push(attempt.lease());
        }
        let own: Vec<_> = build.attempts().map(|attempt| attempt.lease()).collect();
        assert!(own.is_sorted(), "{own:?}");
        if build.is_current() {
            assert_eq!(
                builds.current(build.key()).map(|current| current.id()),
                Some(build.id())
            );
        }
    }
    let count = leases.len();
    leases.sort_unstable();
    leases.dedup();
    assert_eq!(leases.len(), count, "no lease number was given twice");
}

proptest! {
    #[test]
    fn views_agree_and_terminal_states_stay(mutations in mutations()) {
        let mut folded = Folded::<Builds>::default();
        let mut ended: BTreeMap<String, (State, Position)> = BTreeMap::new();
        let mut lease = 0;
        for record in records_of(&mutations) {
            folded.apply(&record);
            let builds = folded.state();
            check_views(builds);
            for build in builds.latest().filter(|build| build.state().is_terminal()) {
                let first = *ended.entry(build.id().to_owned()).or_insert((build.state(), build.position()));
                prop_assert_eq!(first, (build.state(), build.position()));
            }
            prop_assert!(ended.keys().all(|id| builds.build(id).is_some_and(|build| build.state().is_terminal())));
            prop_assert!(builds.next_lease() >= lease);
            lease = builds.next_lease();
        }
    }
}

#[test]
fn the_random_records_reach_every_state() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    let (mut records, mut skipped, mut late) = (0, 0, 0);
    for _ in 0..500 {
        let mutations = mutations().new_tree(&mut runner).unwrap().current();
        let folded: Folded<Builds> = crate::log::folded(&records_of(&mutations));
        seen.extend(folded.state().latest().map(|build| build.state()));
        let attempts = folded.state().latest().flat_map(|build| build.attempts());
        late += attempts
            .filter(|attempt| attempt.late_result().is_some())
            .count();
        records += folded.records();
        skipped += folded.skipped();
    }
    assert_eq!(seen.len(), State::ALL.len(), "{seen:?}");
    assert!(late > 0);
    let sensible = records - skipped;
    assert!(
        sensible > records / 3 && skipped > records / 10,
        "{skipped} of {records} are passed over"
    );
}
