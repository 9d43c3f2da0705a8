//! The only place that appends to the `builds` stream.
//!
//! Depends on the log's writer and the builds projection. What is recorded is applied before the
//! call returns, so that the next decision sees it.

use crate::error::Error;
use forgelog_replay::{Builds, Live};
use log_core::{NewRecord, Position, Writer};
use proto::forgelog::Cause;
use proto::forgelog::builds::Mutation;
use proto::forgelog::builds::mutation::Kind;

/// The stream that says what there is to build.
const ACTIVITY: &str = "activity";

/// Appends decisions and outcomes.
#[derive(Clone)]
pub(crate) struct Recorder {
    writer: Writer,
    builds: Live<Builds>,
}

impl Recorder {
    pub(crate) fn new(writer: Writer, builds: Live<Builds>) -> Self {
        Self { writer, builds }
    }

    /// The epoch under which it writes.
    pub(crate) fn epoch(&self) -> u64 {
        self.writer.epoch()
    }

    /// Appends the mutations in one batch. Durable and applied when it returns. What is said of a
    /// build answers the record that brought the build to where it stands.
    pub(crate) async fn record(&self, kinds: impl IntoIterator<Item = Kind>) -> Result<(), Error> {
        let builds = self.builds.snapshot();
        let cause =
            |kind: &Kind| Some(self.cause(builds.state().build(build_id(kind)?)?.position()));
        self.append(
            kinds
                .into_iter()
                .map(|kind| new_record(cause(&kind), kind))
                .collect(),
        )
        .await
    }

    /// Appends mutations that answer what the `activity` stream held up to `position`.
    pub(crate) async fn record_for_activity(
        &self,
        position: Position,
        kinds: impl IntoIterator<Item = Kind>,
    ) -> Result<(), Error> {
        let cause = Cause {
            stream: ACTIVITY.to_owned(),
            segment: position.segment,
            offset: position.offset,
        };
        self.append(
            kinds
                .into_iter()
                .map(|kind| new_record(Some(cause.clone()), kind))
                .collect(),
        )
        .await
    }

    async fn append(&self, records: Vec<NewRecord>) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let appended = self.writer.append_all(records).await?;
        self.builds.wait_for(appended.next).await?;
        Ok(())
    }

    fn cause(&self, position: Position) -> Cause {
        let stream = self.writer.stream().name().to_owned();
        Cause {
            stream,
            segment: position.segment,
            offset: position.offset,
        }
    }
}

fn new_record(cause: Option<Cause>, kind: Kind) -> NewRecord {
    let key = idempotency_key(&kind);
    NewRecord {
        cause,
        ..NewRecord::new(&Mutation {
            kind: Some(kind),
            meta: None,
        })
    }
    .with_key(key)
}

/// The build that a mutation is about, unless it begins one.
fn build_id(kind: &Kind) -> Option<&str> {
    Some(match kind {
        Kind::BuildSkipped(build) => &build.build_id,
        Kind::BuildAttemptStarted(attempt) => &attempt.build_id,
        Kind::BuildAttemptEnded(attempt) => &attempt.build_id,
        Kind::BuildFinished(build) => &build.build_id,
        Kind::SpanStarted(span) => &span.build_id,
        Kind::SpanFinished(span) => &span.build_id,
        _ => return None,
    })
}

/// The keys of spec/builds.md 6.2.
fn idempotency_key(kind: &Kind) -> String {
    match kind {
        Kind::ConfigActivated(config) => format!("config/{}", config.digest),
        Kind::BuildQueued(build) => format!("queued/{}", build.build_id),
        Kind::BuildAttemptStarted(attempt) => {
            format!("started/{}/{}", attempt.build_id, attempt.attempt)
        }
        Kind::BuildAttemptEnded(attempt) => {
            format!("ended/{}/{}", attempt.build_id, attempt.attempt)
        }
        Kind::BuildFinished(build) => format!("finished/{}", build.build_id),
        Kind::SpanStarted(span) => {
            format!("span/{}/{}/{}", span.build_id, span.attempt, span.span_id)
        }
        Kind::SpanFinished(span) => format!(
            "span-end/{}/{}/{}",
            span.build_id, span.attempt, span.span_id
        ),
        _ => String::new(),
    }
}
