//! One test for each rule of the fold, the refusals included.

mod attempts;
mod others;
mod queue;

use log_core::{Position, Record};
use prost::Message as _;
use proto::forgelog::Meta;
use proto::forgelog::builds::mutation::Kind;
use proto::forgelog::builds::*;
use proto::{GitHash, Timestamp};

use super::*;
use crate::projection::Folded;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

impl Builds {
    /// Applies a mutation that is the whole stream, and gives what was passed over.
    fn take(&mut self, mutation: &Mutation) -> Skips {
        let record = RecordRef {
            at: Position::START,
            next: Position::START,
            payload: &mutation.encode_to_vec(),
        };
        self.apply(record).skips
    }
}

/// A stream whose n-th record, from 0, starts at offset n and was recorded n seconds after 1970.
struct Log {
    folded: Folded<Builds>,
    epoch: u64,
}

impl Log {
    fn new() -> Self {
        Self {
            folded: Folded::default(),
            epoch: 1,
        }
    }

    /// Appends a record and gives what was passed over in it.
    fn say(&mut self, kind: Kind) -> Vec<String> {
        let number = self.folded.records();
        let recorded = Some(Timestamp {
            seconds: number as i64,
            nanos: 0,
        });
        let meta = Meta {
            epoch: self.epoch,
            recorded,
            ..Meta::default()
        };
        let mutation = Mutation {
            kind: Some(kind),
            meta: Some(meta),
        };
        let at = |offset| Position { segment: 0, offset };
        let record = Record {
            at: at(number),
            next: at(number + 1),
            payload: mutation.encode_to_vec().into(),
        };
        let before = self.folded.skips().len();
        self.folded.apply(&record);
        self.folded.skips()[before..]
            .iter()
            .map(|skipped| skipped.reason.clone())
            .collect()
    }

    #[track_caller]
    fn accept(&mut self, kind: Kind) -> &mut Self {
        assert_eq!(self.say(kind), Vec::<String>::new());
        self
    }

    /// The record is refused for this, and changes nothing.
    #[track_caller]
    fn refuse(&mut self, kind: Kind, why: Refusal) -> &mut Self {
        let before = Builds {
            epoch: self.builds().epoch.max(self.epoch),
            ..self.builds().clone()
        };
        assert_eq!(self.say(kind), [why.to_string()]);
        assert_eq!(*self.builds(), before);
        self
    }

    /// The record is not refused, and changes nothing.
    #[track_caller]
    fn ignore(&mut self, kind: Kind) -> &mut Self {
        let before = Builds {
            epoch: self.builds().epoch.max(self.epoch),
            ..self.builds().clone()
        };
        self.accept(kind);
        assert_eq!(*self.builds(), before);
        self
    }

    fn builds(&self) -> &Builds {
        self.folded.state()
    }

    #[track_caller]
    fn build(&self, id: &str) -> Build<'_> {
        self.builds().build(id).unwrap()
    }
}

fn queued_of(id: &str, key: &str, generation: u32) -> BuildQueued {
    BuildQueued {
        build_id: id.into(),
        build_key: key.into(),
        builder: "linux".into(),
        repo: "go".into(),
        commit: COMMIT.into(),
        branch: "main".into(),
        purpose: Purpose::Post.into(),
        generation,
        config_digest: "d1".into(),
        commit_time: Some(Timestamp {
            seconds: 1000,
            nanos: 0,
        }),
        requested_by: String::new(),
    }
}

fn queued(id: &str) -> Kind {
    Kind::BuildQueued(queued_of(id, &format!("key of {id}"), 0))
}

fn started(id: &str, attempt: u32, lease: u64) -> Kind {
    Kind::BuildAttemptStarted(BuildAttemptStarted {
        build_id: id.into(),
        attempt,
        lease: Some(Lease {
            number: lease,
            expires: Some(Timestamp {
                seconds: 5000,
                nanos: 0,
            }),
        }),
        host_id: "host".into(),
        output_prefix: format!("{id}/{attempt}"),
    })
}

fn ended(id: &str, attempt: u32, lease: u64) -> Kind {
    Kind::BuildAttemptEnded(BuildAttemptEnded {
        build_id: id.into(),
        attempt,
        lease,
        end: AttemptEnd::Infra.into(),
        error: "the host went away".into(),
        output: None,
    })
}

fn finish(id: &str, attempt: u32, lease: u64, verdict: Verdict) -> BuildFinished {
    BuildFinished {
        build_id: id.into(),
        attempt,
        lease,
        verdict: verdict.into(),
        output: Some(Output {
            sha1: format!("output of {id} {attempt}"),
            size: 3,
            ..Output::default()
        }),
        took: Some(proto::Duration {
            seconds: 2,
            nanos: 500_000_000,
        }),
        failed_step: "test".into(),
        state: "exit status 1".into(),
    }
}

fn finished(id: &str, attempt: u32, lease: u64, verdict: Verdict) -> Kind {
    Kind::BuildFinished(finish(id, attempt, lease, verdict))
}

fn skip(id: &str) -> Kind {
    Kind::BuildSkipped(BuildSkipped {
        build_id: id.into(),
        reason: SkipReason::Policy.into(),
        detail: "not here".into(),
    })
}

fn cancelled(id: &str) -> Kind {
    Kind::BuildCancelled(BuildCancelled {
        build_id: id.into(),
        by: "somebody".into(),
        reason: CancelReason::User.into(),
    })
}

fn cleared(key: &str, generation: u32) -> Kind {
    Kind::ResultCleared(ResultCleared {
        build_key: key.into(),
        generation,
        ..ResultCleared::default()
    })
}

fn commit() -> GitHash {
    COMMIT.parse().unwrap()
}

fn unknown(id: &str) -> Refusal {
    Refusal::UnknownBuild { id: id.into() }
}

fn in_state(id: &str, state: State) -> Refusal {
    Refusal::State {
        id: id.into(),
        state,
    }
}

fn not_open(id: &str, attempt: u32, lease: u64) -> Refusal {
    Refusal::NotOpen {
        id: id.into(),
        attempt,
        lease,
    }
}
