//! Attempts and their results: whose holds, and what is kept of the others.

use super::*;

#[test]
fn a_build_is_queued_run_and_finished() {
    let mut log = Log::new();
    log.accept(queued("b"));
    let build = log.build("b");
    assert_eq!(
        (build.state(), build.generation(), build.is_current()),
        (State::Queued, 0, true)
    );
    assert_eq!(
        (
            build.builder(),
            build.repo(),
            build.commit(),
            build.branch()
        ),
        ("linux", "go", commit(), "main")
    );
    assert_eq!(build.queued_at(), Some(Time::from_unix_seconds(0)));
    assert_eq!(build.attempts().len(), 0);

    log.accept(started("b", 1, 1));
    let build = log.build("b");
    assert_eq!(build.state(), State::Running);
    assert_eq!(build.started_at(), Some(Time::from_unix_seconds(1)));
    let attempt = build.open_attempt().unwrap();
    assert_eq!(
        (
            attempt.number(),
            attempt.lease(),
            attempt.host_id(),
            attempt.output_prefix()
        ),
        (1, 1, "host", "b/1")
    );
    assert_eq!(attempt.lease_expires(), Some(Time::from_unix_seconds(5000)));

    log.accept(finished("b", 1, 1, Verdict::Failed));
    let build = log.build("b");
    assert_eq!(build.state(), State::Failed);
    assert_eq!(build.finished_at(), Some(Time::from_unix_seconds(2)));
    assert_eq!(build.took(), Some(std::time::Duration::from_millis(2500)));
    assert_eq!(
        (build.failed_step(), build.exit_state()),
        ("test", "exit status 1")
    );
    assert_eq!(build.output().map(|output| output.size), Some(3));
    assert!(build.open_attempt().is_none());
    assert_eq!(
        build.position(),
        Position {
            segment: 0,
            offset: 2
        }
    );
    assert_eq!(log.builds().position_of("b"), Some(build.position()));
}

#[test]
fn every_verdict_has_its_state() {
    let mut log = Log::new();
    let states = [
        (Verdict::Ok, State::Ok),
        (Verdict::Failed, State::Failed),
        (Verdict::Timeout, State::Timeout),
        (Verdict::InfraExhausted, State::InfraExhausted),
    ];
    for (lease, (verdict, state)) in (1..).zip(states) {
        let id = state.word();
        log.accept(queued(id))
            .accept(started(id, 1, lease))
            .accept(finished(id, 1, lease, verdict));
        assert_eq!(log.build(id).state(), state);
        assert!(state.is_terminal());
        assert_eq!(log.builds().counts().of(state), 1);
    }
    assert_eq!(log.builds().counts().total(), 4);
}

#[test]
fn an_unknown_verdict_is_refused() {
    let mut log = Log::new();
    log.accept(queued("b")).accept(started("b", 1, 1));
    for verdict in [0, 99] {
        let result = BuildFinished {
            verdict,
            ..finish("b", 1, 1, Verdict::Ok)
        };
        log.refuse(
            Kind::BuildFinished(result),
            Refusal::Verdict {
                id: "b".into(),
                verdict,
            },
        );
    }
}

#[test]
fn an_attempt_needs_the_next_number() {
    let mut log = Log::new();
    log.accept(queued("b"));
    for attempt in [0, 2, u32::MAX] {
        log.refuse(
            started("b", attempt, 1),
            Refusal::Attempt {
                id: "b".into(),
                attempt,
                newest: 0,
            },
        );
    }
    log.accept(started("b", 1, 1)).accept(ended("b", 1, 1));
    log.refuse(
        started("b", 1, 2),
        Refusal::Attempt {
            id: "b".into(),
            attempt: 1,
            newest: 1,
        },
    );
    log.accept(started("b", 2, 2));
}

#[test]
fn an_attempt_needs_a_build_that_waits() {
    let mut log = Log::new();
    log.accept(queued("b")).accept(started("b", 1, 1));
    log.refuse(started("b", 2, 2), in_state("b", State::Running));
    log.accept(finished("b", 1, 1, Verdict::Ok));
    log.refuse(started("b", 2, 2), in_state("b", State::Ok));
}

#[test]
fn a_lease_is_higher_than_all_before_in_the_stream() {
    let mut log = Log::new();
    log.accept(queued("a")).accept(queued("b"));
    assert_eq!(log.builds().next_lease(), 1);
    log.accept(started("a", 1, 7));
    assert_eq!(log.builds().next_lease(), 8);
    for lease in [0, 6, 7] {
        log.refuse(
            started("b", 1, lease),
            Refusal::Lease {
                id: "b".into(),
                lease,
                newest: 7,
            },
        );
    }
    let Kind::BuildAttemptStarted(start) = started("b", 1, 0) else {
        unreachable!()
    };
    let without = Kind::BuildAttemptStarted(BuildAttemptStarted {
        lease: None,
        ..start
    });
    log.refuse(
        without,
        Refusal::Lease {
            id: "b".into(),
            lease: 0,
            newest: 7,
        },
    );
    log.accept(started("b", 1, 8));
}

#[test]
fn the_end_of_an_attempt_queues_the_build_again() {
    let mut log = Log::new();
    log.accept(queued("b"))
        .accept(started("b", 1, 1))
        .accept(ended("b", 1, 1));
    let build = log.build("b");
    assert_eq!(build.state(), State::Queued);
    assert_eq!(build.finished_at(), None);
    let attempt = build.attempt(1).unwrap();
    assert_eq!(
        (attempt.end(), attempt.error()),
        (Some(AttemptEnd::Infra), "the host went away")
    );
    assert_eq!(attempt.ended_at(), Some(Time::from_unix_seconds(2)));
    assert!(!attempt.is_open() && attempt.result().is_none());
    assert_eq!(log.builds().queued().count(), 1);
    assert_eq!(log.builds().running().count(), 0);
}

#[test]
fn only_the_open_attempt_ends_and_only_under_its_lease() {
    let mut log = Log::new();
    log.accept(queued("b"))
        .refuse(ended("b", 1, 1), not_open("b", 1, 1));
    log.accept(started("b", 1, 5));
    log.refuse(ended("b", 2, 5), not_open("b", 2, 5))
        .refuse(ended("b", 1, 4), not_open("b", 1, 4));
    log.accept(ended("b", 1, 5))
        .refuse(ended("b", 1, 5), not_open("b", 1, 5));
}

#[test]
fn a_result_of_an_ended_attempt_is_late() {
    let mut log = Log::new();
    log.accept(queued("b"))
        .accept(started("b", 1, 1))
        .accept(ended("b", 1, 1))
        .accept(started("b", 2, 2));
    log.accept(finished("b", 1, 1, Verdict::Ok));
    let build = log.build("b");
    assert_eq!(build.state(), State::Running);
    assert_eq!(
        build.open_attempt().map(|attempt| attempt.number()),
        Some(2)
    );
    let late = build.attempt(1).unwrap().late_result().unwrap();
    assert_eq!(late.verdict(), Verdict::Ok);
    assert!(build.attempt(1).unwrap().result().is_none());

    log.ignore(finished("b", 1, 1, Verdict::Ok));
    let second = Refusal::SecondLateResult {
        id: "b".into(),
        attempt: 1,
    };
    log.refuse(finished("b", 1, 1, Verdict::Failed), second);
    log.accept(finished("b", 2, 2, Verdict::Failed));
    assert_eq!(log.build("b").state(), State::Failed);
}

#[test]
fn a_result_under_another_lease_is_late() {
    let mut log = Log::new();
    log.accept(queued("b"))
        .accept(started("b", 1, 5))
        .accept(finished("b", 1, 4, Verdict::Ok));
    assert_eq!(log.build("b").state(), State::Running);
    assert!(log.build("b").attempt(1).unwrap().late_result().is_some());
    log.accept(finished("b", 1, 5, Verdict::Failed));
    assert_eq!(log.build("b").state(), State::Failed);
}

#[test]
fn a_result_of_no_attempt_is_refused() {
    let mut log = Log::new();
    log.accept(queued("b")).accept(started("b", 1, 1));
    for attempt in [0, 2] {
        let refusal = Refusal::Attempt {
            id: "b".into(),
            attempt,
            newest: 1,
        };
        log.refuse(finished("b", attempt, 1, Verdict::Ok), refusal);
    }
}

#[test]
fn the_first_terminal_record_wins() {
    let mut log = Log::new();
    log.accept(queued("b"))
        .accept(started("b", 1, 1))
        .accept(finished("b", 1, 1, Verdict::Ok));
    log.ignore(finished("b", 1, 1, Verdict::Ok));
    log.refuse(cancelled("b"), in_state("b", State::Ok))
        .refuse(skip("b"), in_state("b", State::Ok));
    log.accept(finished("b", 1, 1, Verdict::Failed));
    assert_eq!(log.build("b").state(), State::Ok);
    assert!(log.build("b").attempt(1).unwrap().late_result().is_some());
    assert_eq!(
        log.build("b").position(),
        Position {
            segment: 0,
            offset: 2
        }
    );
}

#[test]
fn cancelling_closes_the_open_attempt() {
    let mut log = Log::new();
    log.accept(queued("a")).accept(cancelled("a"));
    assert_eq!(log.build("a").state(), State::Cancelled);

    let request = BuildCancelRequested {
        build_id: "b".into(),
        by: "first".into(),
        ..BuildCancelRequested::default()
    };
    let again = BuildCancelRequested {
        by: "second".into(),
        ..request.clone()
    };
    log.accept(queued("b")).accept(started("b", 1, 1));
    log.accept(Kind::BuildCancelRequested(request.clone()))
        .ignore(Kind::BuildCancelRequested(again));
    assert_eq!(log.build("b").state(), State::Running);
    assert_eq!(
        log.build("b")
            .cancel_requested()
            .map(|request| request.by.as_str()),
        Some("first")
    );
    log.accept(cancelled("b"));
    let build = log.build("b");
    assert_eq!(build.state(), State::Cancelled);
    assert_eq!(
        build.cancelled().map(|cancelled| cancelled.by.as_str()),
        Some("somebody")
    );
    assert_eq!(build.attempt(1).unwrap().end(), Some(AttemptEnd::Cancelled));
    assert_eq!(log.builds().running().count(), 0);

    log.accept(finished("b", 1, 1, Verdict::Ok));
    assert_eq!(log.build("b").state(), State::Cancelled);
    assert!(log.build("b").attempt(1).unwrap().late_result().is_some());
    log.refuse(
        Kind::BuildCancelRequested(request),
        in_state("b", State::Cancelled),
    );
}

#[test]
fn outputs_are_found_by_their_sha1() {
    let mut log = Log::new();
    log.accept(queued("b"))
        .accept(started("b", 1, 1))
        .accept(finished("b", 1, 1, Verdict::Ok));
    let (build, attempt) = log.builds().by_output_sha1("output of b 1").unwrap();
    assert_eq!((build.id(), attempt.number()), ("b", 1));
    assert!(log.builds().by_output_sha1("").is_none());

    log.accept(queued("c")).accept(started("c", 1, 2));
    let same = BuildFinished {
        build_id: "c".into(),
        lease: 2,
        ..finish("b", 1, 1, Verdict::Ok)
    };
    log.accept(Kind::BuildFinished(same));
    assert_eq!(
        log.builds()
            .by_output_sha1("output of b 1")
            .map(|(build, _)| build.id()),
        Some("b")
    );
}

#[test]
fn spans_and_events_are_the_attempts() {
    let mut log = Log::new();
    let start = |span: &str| {
        Kind::SpanStarted(SpanStarted {
            build_id: "b".into(),
            attempt: 1,
            span_id: span.into(),
            parent: String::new(),
            name: format!("name of {span}"),
        })
    };
    let end = |span: &str, error: &str| {
        Kind::SpanFinished(SpanFinished {
            build_id: "b".into(),
            attempt: 1,
            span_id: span.into(),
            error: error.into(),
            output_end: 10,
            ..SpanFinished::default()
        })
    };
    log.accept(queued("b")).refuse(
        start("s"),
        Refusal::Attempt {
            id: "b".into(),
            attempt: 1,
            newest: 0,
        },
    );
    log.accept(started("b", 1, 1))
        .accept(start("s"))
        .ignore(start("s"))
        .accept(start("t"));
    log.refuse(start(""), Refusal::Lacks { what: "span_id" });
    log.refuse(
        end("u", ""),
        Refusal::UnknownSpan {
            id: "b".into(),
            span: "u".into(),
        },
    );
    log.accept(end("s", "broken")).ignore(end("s", "again"));
    let event = EventNoted {
        build_id: "b".into(),
        attempt: 1,
        name: "note".into(),
        text: "text".into(),
    };
    log.accept(Kind::EventNoted(event));

    let attempt = log.build("b").attempt(1).unwrap();
    let spans: Vec<_> = attempt
        .spans()
        .map(|span| (span.id(), span.name(), span.error(), span.output_end()))
        .collect();
    assert_eq!(
        spans,
        [
            ("s", "name of s", "broken", Some(10)),
            ("t", "name of t", "", None)
        ]
    );
    assert!(!attempt.spans().next().unwrap().is_open());
    let events: Vec<_> = attempt
        .events()
        .map(|event| (event.name(), event.text()))
        .collect();
    assert_eq!(events, [("note", "text")]);
}

#[test]
fn an_attempt_keeps_only_so_many_spans() {
    let mut builds = Builds::default();
    let mut apply = |kind| {
        builds
            .take(&Mutation {
                kind: Some(kind),
                meta: None,
            })
            .count()
    };
    assert_eq!(apply(queued("b")) + apply(started("b", 1, 1)), 0);
    let span = |number: usize| {
        Kind::SpanStarted(SpanStarted {
            build_id: "b".into(),
            attempt: 1,
            span_id: number.to_string(),
            ..SpanStarted::default()
        })
    };
    let refused: u64 = (0..SPANS_MAX).map(|number| apply(span(number))).sum();
    assert_eq!((refused, apply(span(SPANS_MAX))), (0, 1));
}
