//! Epochs, configurations, pauses, hosts, and records that make no sense.

use super::*;

#[test]
fn unknown_builds_are_refused() {
    let mut log = Log::new();
    for kind in [
        started("x", 1, 1),
        ended("x", 1, 1),
        finished("x", 1, 1, Verdict::Ok),
        skip("x"),
        cancelled("x"),
    ] {
        log.refuse(kind, unknown("x"));
    }
    let request = BuildCancelRequested {
        build_id: "x".into(),
        ..BuildCancelRequested::default()
    };
    log.refuse(Kind::BuildCancelRequested(request), unknown("x"));
    let event = EventNoted {
        build_id: "x".into(),
        ..EventNoted::default()
    };
    log.refuse(Kind::EventNoted(event), unknown("x"));
    log.refuse(cleared("x", 1), Refusal::UnknownKey { key: "x".into() });
    assert_eq!(log.folded.skipped(), 8);
}

#[test]
fn records_of_an_epoch_that_is_over_do_not_count() {
    let mut log = Log::new();
    log.epoch = 3;
    log.accept(queued("a"));
    log.epoch = 2;
    log.refuse(
        queued("b"),
        Refusal::StaleEpoch {
            epoch: 2,
            newest: 3,
        },
    );
    log.epoch = 4;
    log.accept(queued("b"));
    log.epoch = 3;
    log.refuse(
        cancelled("b"),
        Refusal::StaleEpoch {
            epoch: 3,
            newest: 4,
        },
    );
    assert_eq!(log.builds().epoch(), 4);
}

#[test]
fn the_claim_of_an_epoch_begins_it() {
    let mut builds = Builds::default();
    let claim = Mutation {
        kind: None,
        meta: Some(Meta {
            epoch: 2,
            ..Meta::default()
        }),
    };
    assert_eq!(builds.take(&claim), Skips::default());
    let late = Mutation {
        kind: Some(queued("b")),
        meta: Some(Meta {
            epoch: 1,
            ..Meta::default()
        }),
    };
    assert_eq!(builds.take(&late).count(), 1);
    let without = Mutation {
        kind: Some(queued("b")),
        meta: None,
    };
    assert_eq!(builds.take(&without).count(), 1);
    assert!(builds.build("b").is_none());
}

#[test]
fn configurations_stay_by_their_digest() {
    let mut log = Log::new();
    let config = |digest: &str, source: &str| {
        Kind::ConfigActivated(ConfigActivated {
            digest: digest.into(),
            source: source.into(),
            ..ConfigActivated::default()
        })
    };
    assert!(log.builds().config().is_none());
    log.accept(config("d1", "one")).accept(config("d2", "two"));
    assert_eq!(
        log.builds().config().map(|config| config.digest.as_str()),
        Some("d2")
    );
    assert_eq!(
        log.builds()
            .config_by_digest("d1")
            .map(|config| config.source.as_str()),
        Some("one")
    );
    log.accept(config("d1", "one"));
    assert_eq!(
        log.builds().config().map(|config| config.digest.as_str()),
        Some("d1")
    );
}

#[test]
fn builders_are_paused_and_resumed() {
    let mut log = Log::new();
    let paused = BuilderPaused {
        builder: "linux".into(),
        reason: "hot".into(),
        ..BuilderPaused::default()
    };
    let resumed = |builder: &str| {
        Kind::BuilderResumed(BuilderResumed {
            builder: builder.into(),
            who: "me".into(),
        })
    };
    log.accept(Kind::BuilderPaused(paused));
    assert_eq!(
        log.builds()
            .paused("linux")
            .map(|paused| paused.reason.as_str()),
        Some("hot")
    );
    log.ignore(resumed("mac")).accept(resumed("linux"));
    assert!(log.builds().paused("linux").is_none());
}

#[test]
fn hosts_come_and_go() {
    let mut log = Log::new();
    let ready = |version: &str| {
        Kind::HostReady(HostReady {
            host_id: "h".into(),
            host_type: "local".into(),
            agent_version: version.into(),
        })
    };
    let died = || {
        Kind::HostDied(HostDied {
            host_id: "h".into(),
            cause: "heartbeat".into(),
        })
    };
    log.refuse(died(), Refusal::UnknownHost { id: "h".into() });
    log.accept(ready("1"));
    assert!(
        log.builds()
            .host("h")
            .is_some_and(|host| host.is_ready() && host.host_type() == "local")
    );
    log.accept(died()).ignore(died());
    assert_eq!(
        log.builds().host("h").unwrap().death_cause(),
        Some("heartbeat")
    );
    log.accept(ready("2"));
    assert!(
        log.builds()
            .host("h")
            .is_some_and(|host| host.is_ready() && host.agent_version() == "2")
    );
    assert_eq!(log.builds().hosts().count(), 1);
}

#[test]
fn hostile_numbers_and_times_are_harmless() {
    let mut log = Log::new();
    let commit_time = Some(Timestamp {
        seconds: i64::MIN,
        nanos: i32::MIN,
    });
    log.accept(Kind::BuildQueued(BuildQueued {
        commit_time,
        purpose: -7,
        ..queued_of("b", "k", 0)
    }));
    assert_eq!(log.build("b").commit_time(), Some(Time::MIN));
    assert_eq!(log.build("b").purpose(), Purpose::Unspecified);
    log.accept(started("b", 1, u64::MAX));
    assert_eq!(log.builds().next_lease(), u64::MAX);
    let took = Some(proto::Duration {
        seconds: -5,
        nanos: 0,
    });
    log.accept(Kind::BuildFinished(BuildFinished {
        took,
        ..finish("b", 1, u64::MAX, Verdict::Ok)
    }));
    assert_eq!(log.build("b").took(), None);
    log.accept(queued("c"));
    log.refuse(
        started("c", 1, 5),
        Refusal::Lease {
            id: "c".into(),
            lease: 5,
            newest: u64::MAX,
        },
    );
}
