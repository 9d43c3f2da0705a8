//! The bounds of the coordinator, in one place. Depends on nothing.

use std::time::Duration;

/// Attempts of a build that may end for reasons of ours before the build is given up.
pub(crate) const INFRA_ATTEMPTS_MAX: usize = 5;
/// The same for attempts that the coordinator itself broke off by crashing: a build that takes the
/// machine down with it must not do so for ever.
pub(crate) const RESTART_ATTEMPTS_MAX: usize = 50;
/// The wait before a build is tried again after an attempt that said nothing, doubled each time.
pub(crate) const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// The longest such wait.
pub(crate) const BACKOFF_MAX: Duration = Duration::from_secs(600);
/// Builds that are queued in one batch.
pub(crate) const QUEUE_AT_A_TIME: usize = 256;
/// A lease outlives the build's own limit by this much, for sending the source and the result.
pub(crate) const LEASE_MARGIN: Duration = Duration::from_secs(300);
/// Output is stored when so much of it has come …
pub(crate) const CHUNK_BYTES: usize = 256 << 10;
/// … or when the first of it is so old.
pub(crate) const CHUNK_AGE: Duration = Duration::from_millis(500);
/// The wait before builders of a folder that has a mistake are read again.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(2);
