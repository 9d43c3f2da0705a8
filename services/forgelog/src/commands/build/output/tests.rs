//! Which build is meant, and which of its attempts.

use forgelog_replay::{Builds, Folded};
use log_core::{NewRecord, Position, Record};
use proto::forgelog::builds::mutation::Kind;
use proto::forgelog::builds::{
    AttemptEnd, BuildAttemptEnded, BuildAttemptStarted, BuildFinished, BuildQueued, BuildSkipped,
    Lease, Mutation, Verdict,
};

use super::*;

#[derive(Default)]
struct Log(Folded<Builds>);

impl Log {
    fn say(&mut self, kind: Kind) {
        let at = |offset| Position { segment: 0, offset };
        let payload = NewRecord::new(&Mutation {
            kind: Some(kind),
            meta: None,
        })
        .payload;
        let number = self.0.records();
        self.0.apply(&Record {
            at: at(number),
            next: at(number + 1),
            payload,
        });
        assert_eq!(self.0.skips(), []);
    }

    fn queue(&mut self, id: &str) -> &mut Self {
        self.say(Kind::BuildQueued(BuildQueued {
            build_id: id.into(),
            build_key: format!("key of {id}"),
            builder: "check".into(),
            repo: "demo".into(),
            commit: "1".repeat(40),
            ..BuildQueued::default()
        }));
        self
    }

    fn start(&mut self, id: &str, attempt: u32) -> &mut Self {
        let lease = Some(Lease {
            number: attempt.into(),
            expires: None,
        });
        let output_prefix = format!("output/{id}/{attempt}");
        self.say(Kind::BuildAttemptStarted(BuildAttemptStarted {
            build_id: id.into(),
            attempt,
            lease,
            output_prefix,
            ..BuildAttemptStarted::default()
        }));
        self
    }

    fn end(&mut self, id: &str, attempt: u32) -> &mut Self {
        self.say(Kind::BuildAttemptEnded(BuildAttemptEnded {
            build_id: id.into(),
            attempt,
            lease: attempt.into(),
            end: AttemptEnd::Infra.into(),
            ..BuildAttemptEnded::default()
        }));
        self
    }

    fn finish(&mut self, id: &str, attempt: u32) -> &mut Self {
        self.say(Kind::BuildFinished(BuildFinished {
            build_id: id.into(),
            attempt,
            lease: attempt.into(),
            verdict: Verdict::Ok.into(),
            ..BuildFinished::default()
        }));
        self
    }

    fn now(&self, id: &str, wanted: Option<u32>, printed: u32) -> Now {
        now(self.0.state().build(id).unwrap(), wanted, printed).unwrap()
    }
}

fn attempt(id: &str, number: u32, runs: bool) -> Now {
    Now::Attempt {
        number,
        prefix: format!("output/{id}/{number}"),
        runs,
    }
}

#[test]
fn a_build_is_found_by_what_no_other_id_begins_with() {
    let mut log = Log::default();
    log.queue("aa11").queue("aa22").queue("bb33").queue("bb333");
    let find = |prefix: &str| find(log.0.state(), prefix).map_err(|error| error.to_string());
    assert_eq!(find("aa1").unwrap(), "aa11");
    assert_eq!(find("bb33").unwrap(), "bb33");
    assert!(find("aa").unwrap_err().contains("2 builds"));
    assert!(find("cc").unwrap_err().contains("forgelog build list"));
    assert!(find("").is_err());
}

#[test]
fn the_last_attempt_is_meant_unless_another_is_wanted() {
    let mut log = Log::default();
    log.queue("a").start("a", 1).end("a", 1).start("a", 2);
    assert_eq!(log.now("a", None, 0), attempt("a", 2, true));
    assert_eq!(log.now("a", Some(1), 0), attempt("a", 1, false));
    let error = now(log.0.state().build("a").unwrap(), Some(3), 0)
        .unwrap_err()
        .to_string();
    assert!(error.contains("2 attempts"), "{error}");
}

#[test]
fn following_goes_from_one_attempt_to_the_next() {
    let mut log = Log::default();
    log.queue("a").start("a", 1);
    assert_eq!(log.now("a", None, 1), attempt("a", 1, true));
    log.end("a", 1);
    assert_eq!(log.now("a", None, 1), attempt("a", 1, false));
    log.start("a", 2).end("a", 2).start("a", 3).finish("a", 3);
    assert_eq!(log.now("a", None, 1), attempt("a", 2, false));
    assert_eq!(log.now("a", None, 3), attempt("a", 3, false));
}

#[test]
fn what_never_ran_says_why() {
    let mut log = Log::default();
    log.queue("a").queue("b");
    log.say(Kind::BuildSkipped(BuildSkipped {
        build_id: "b".into(),
        detail: "no builder".into(),
        ..BuildSkipped::default()
    }));
    assert!(matches!(
        log.now("a", None, 0),
        Now::Nothing { yet: true, .. }
    ));
    let Now::Nothing { why, yet: false } = log.now("b", None, 0) else {
        panic!("it is over")
    };
    assert!(why.contains("skipped: no builder"), "{why}");
}
