//! Why records of the `builds` stream are passed over.

use super::state::State;

/// Why a record was passed over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Its writer was replaced before.
    #[error("its epoch, {epoch}, was over: {newest} had begun")]
    StaleEpoch {
        /// The record's.
        epoch: u64,
        /// The highest before it.
        newest: u64,
    },
    /// It lacks what it must have.
    #[error("it has no {what}")]
    Lacks {
        /// The field.
        what: &'static str,
    },
    /// Its commit is none.
    #[error("build {id}: commit {commit:?} is not 40 hex digits")]
    NotACommit {
        /// The build.
        id: String,
        /// What it says instead.
        commit: String,
    },
    /// The build was never queued.
    #[error("build {id} was never queued")]
    UnknownBuild {
        /// The build.
        id: String,
    },
    /// No build of the key was ever queued.
    #[error("no build of key {key} was ever queued")]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// The key stands for another builder, repository, commit or purpose.
    #[error("build {id}: key {key} is that of something else")]
    OtherKey {
        /// The build.
        id: String,
        /// The key.
        key: String,
    },
    /// Another id was queued for the same generation.
    #[error("build {id}: generation {generation} of key {key} is another build")]
    SecondBuild {
        /// The build.
        id: String,
        /// The key.
        key: String,
        /// The generation.
        generation: u32,
    },
    /// It is not the generation's turn.
    #[error("key {key}: generation {generation} where {newest} is the newest")]
    Generation {
        /// The key.
        key: String,
        /// The record's.
        generation: u32,
        /// The key's.
        newest: u32,
    },
    /// The build is not in a state for this.
    #[error("build {id} is {state}")]
    State {
        /// The build.
        id: String,
        /// Where it stands.
        state: State,
    },
    /// The attempt is not the one that can be meant.
    #[error("build {id}: attempt {attempt} where {newest} is the newest")]
    Attempt {
        /// The build.
        id: String,
        /// The record's.
        attempt: u32,
        /// The build's newest; 0 if there is none.
        newest: u32,
    },
    /// The attempt had ended, or the lease is not its own.
    #[error("build {id}: attempt {attempt} is not open under lease {lease}")]
    NotOpen {
        /// The build.
        id: String,
        /// The attempt.
        attempt: u32,
        /// The record's.
        lease: u64,
    },
    /// The lease number was used, or skipped, before.
    #[error("build {id}: lease {lease} is not higher than {newest}")]
    Lease {
        /// The build.
        id: String,
        /// The record's.
        lease: u64,
        /// The highest before.
        newest: u64,
    },
    /// The verdict is none that is known here.
    #[error("build {id}: {verdict} is not a verdict")]
    Verdict {
        /// The build.
        id: String,
        /// The number.
        verdict: i32,
    },
    /// The attempt has another late result.
    #[error("build {id}: attempt {attempt} has a late result already")]
    SecondLateResult {
        /// The build.
        id: String,
        /// The attempt.
        attempt: u32,
    },
    /// The span was never started.
    #[error("build {id}: span {span} was never started")]
    UnknownSpan {
        /// The build.
        id: String,
        /// The span.
        span: String,
    },
    /// The host was never ready.
    #[error("host {id} was never ready")]
    UnknownHost {
        /// The host.
        id: String,
    },
    /// There are as many as are kept.
    #[error("build {id}: too many {what}")]
    TooMany {
        /// The build.
        id: String,
        /// Of what.
        what: &'static str,
    },
}
