//! What is queued, skipped and cleared, and how it is found.

use super::*;

#[test]
fn queueing_what_is_known_changes_nothing() {
    let mut log = Log::new();
    log.accept(queued("b")).ignore(queued("b"));
    log.accept(started("b", 1, 1)).ignore(queued("b"));
    assert_eq!(log.build("b").state(), State::Running);
}

#[test]
fn what_lacks_a_name_is_refused() {
    let mut log = Log::new();
    let full = queued_of("b", "k", 0);
    let lacking = [
        (
            "build_id",
            BuildQueued {
                build_id: String::new(),
                ..full.clone()
            },
        ),
        (
            "build_key",
            BuildQueued {
                build_key: String::new(),
                ..full.clone()
            },
        ),
        (
            "builder",
            BuildQueued {
                builder: String::new(),
                ..full.clone()
            },
        ),
        (
            "repo",
            BuildQueued {
                repo: String::new(),
                ..full.clone()
            },
        ),
    ];
    for (what, queued) in lacking {
        log.refuse(Kind::BuildQueued(queued), Refusal::Lacks { what });
    }
    let commit = "HEAD".to_owned();
    let not_a_commit = Refusal::NotACommit {
        id: "b".into(),
        commit: commit.clone(),
    };
    log.refuse(
        Kind::BuildQueued(BuildQueued { commit, ..full }),
        not_a_commit,
    );
    log.refuse(
        Kind::ConfigActivated(ConfigActivated::default()),
        Refusal::Lacks { what: "digest" },
    );
    log.refuse(
        Kind::BuilderPaused(BuilderPaused::default()),
        Refusal::Lacks { what: "builder" },
    );
    log.refuse(
        Kind::HostReady(HostReady::default()),
        Refusal::Lacks { what: "host_id" },
    );
}

#[test]
fn a_waiting_build_can_be_skipped() {
    let mut log = Log::new();
    log.accept(queued("b")).accept(skip("b"));
    let build = log.build("b");
    assert_eq!(build.state(), State::Skipped);
    assert_eq!(
        build.skipped().map(|skipped| skipped.detail.as_str()),
        Some("not here")
    );
    assert_eq!(build.finished_at(), Some(Time::from_unix_seconds(1)));
    log.refuse(skip("b"), in_state("b", State::Skipped))
        .refuse(started("b", 1, 1), in_state("b", State::Skipped));

    log.accept(queued("c"))
        .accept(started("c", 1, 1))
        .refuse(skip("c"), in_state("c", State::Running));
}

#[test]
fn clearing_gives_the_cell_a_new_generation() {
    let mut log = Log::new();
    let queue = |id, generation| Kind::BuildQueued(queued_of(id, "k", generation));
    let wrong = |generation, newest| Refusal::Generation {
        key: "k".into(),
        generation,
        newest,
    };
    log.refuse(queue("b1", 1), wrong(1, 0));
    log.accept(queue("b0", 0))
        .accept(started("b0", 1, 1))
        .accept(finished("b0", 1, 1, Verdict::Failed));
    let cell = |log: &Log| {
        log.builds()
            .cell("linux", "go", &commit())
            .map(|build| build.id().to_owned())
    };
    assert_eq!(cell(&log).as_deref(), Some("b0"));

    log.refuse(cleared("k", 2), wrong(2, 0))
        .ignore(cleared("k", 0))
        .accept(cleared("k", 1))
        .ignore(cleared("k", 1));
    assert_eq!(cell(&log), None);
    assert_eq!(log.builds().generation("k"), Some(1));
    assert!(!log.build("b0").is_current());
    assert_eq!(log.build("b0").state(), State::Failed);

    log.refuse(queue("late", 0), wrong(0, 1))
        .accept(queue("b1", 1));
    assert_eq!(cell(&log).as_deref(), Some("b1"));
    let generations: Vec<_> = log
        .builds()
        .generations("k")
        .map(|build| build.id())
        .collect();
    assert_eq!(generations, ["b0", "b1"]);
}

#[test]
fn a_key_stands_for_one_thing() {
    let mut log = Log::new();
    log.accept(Kind::BuildQueued(queued_of("b", "k", 0)));
    let other = Refusal::OtherKey {
        id: "c".into(),
        key: "k".into(),
    };
    for change in [
        |queued: &mut BuildQueued| queued.builder = "mac".into(),
        |queued: &mut BuildQueued| queued.repo = "net".into(),
        |queued: &mut BuildQueued| queued.commit = "f".repeat(40),
        |queued: &mut BuildQueued| queued.purpose = Purpose::Try.into(),
    ] {
        let mut queued = queued_of("c", "k", 0);
        change(&mut queued);
        log.refuse(Kind::BuildQueued(queued), other.clone());
    }
}

#[test]
fn a_generation_is_one_build() {
    let mut log = Log::new();
    log.accept(Kind::BuildQueued(queued_of("b", "k", 0)));
    let second = Refusal::SecondBuild {
        id: "c".into(),
        key: "k".into(),
        generation: 0,
    };
    log.refuse(Kind::BuildQueued(queued_of("c", "k", 0)), second);
}

#[test]
fn a_cell_is_of_one_purpose() {
    let mut log = Log::new();
    let manual = BuildQueued {
        purpose: Purpose::Manual.into(),
        ..queued_of("m", "km", 0)
    };
    log.accept(Kind::BuildQueued(manual));
    assert!(log.builds().cell("linux", "go", &commit()).is_none());
    let cell = log
        .builds()
        .cell_for("linux", "go", &commit(), Purpose::Manual);
    assert_eq!(cell.map(|build| build.id()), Some("m"));
    assert!(
        log.builds()
            .cell_for("linux", "net", &commit(), Purpose::Manual)
            .is_none()
    );
}

#[test]
fn the_newest_commit_waits_in_front() {
    let mut log = Log::new();
    for (id, seconds) in [
        ("b", Some(10)),
        ("c", Some(30)),
        ("d", None),
        ("a", Some(10)),
    ] {
        let commit_time = seconds.map(|seconds| Timestamp { seconds, nanos: 0 });
        log.accept(Kind::BuildQueued(BuildQueued {
            commit_time,
            ..queued_of(id, id, 0)
        }));
    }
    let order = |log: &Log| {
        log.builds()
            .queued()
            .map(|build| build.id().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(order(&log), ["c", "b", "a", "d"]);
    log.accept(started("a", 1, 1)).accept(started("c", 1, 2));
    assert_eq!(order(&log), ["b", "d"]);
    assert_eq!(
        log.builds()
            .running()
            .map(|build| build.id())
            .collect::<Vec<_>>(),
        ["a", "c"]
    );
    log.accept(ended("a", 1, 1));
    assert_eq!(order(&log), ["b", "a", "d"]);
    assert_eq!(
        log.builds()
            .latest()
            .map(|build| build.id())
            .collect::<Vec<_>>(),
        ["a", "d", "c", "b"]
    );
}

#[test]
fn builders_are_seen_by_repository() {
    let mut log = Log::new();
    for (id, builder, repo) in [
        ("1", "mac", "go"),
        ("2", "linux", "go"),
        ("3", "win", "gopls"),
        ("4", "linux", "go"),
    ] {
        let queued = BuildQueued {
            builder: builder.into(),
            repo: repo.into(),
            ..queued_of(id, id, 0)
        };
        log.accept(Kind::BuildQueued(queued));
    }
    let seen = |repo| {
        log.builds()
            .builders_seen(repo)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(seen("go"), ["linux", "mac"]);
    assert_eq!(seen("gopls"), ["win"]);
    assert_eq!(seen("g"), Vec::<String>::new());
}
