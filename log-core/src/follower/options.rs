//! What a follower may spend and wait. Depends on nothing of ours.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Which cached files are hashed when a copy is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// Frozen ones that were not yet, or that changed in size or time since; and the growing one.
    #[default]
    Changed,
    /// Every one.
    All,
}

/// What a [`super::Follower`] or a [`super::Tail`] may spend and wait.
#[derive(Clone, Debug)]
pub struct FollowerOptions {
    /// To wait for a connection.
    pub connect_timeout: Duration,
    /// To wait for an index; a server holds a long poll for 55 s.
    pub poll_timeout: Duration,
    /// To wait for an answer's first or next bytes.
    pub stall_timeout: Duration,
    /// To wait while the server can't be reached, before `update` tries again.
    pub offline_wait: Duration,
    /// To wait when a long poll was answered without news; and at least from one poll to the next.
    pub unchanged_wait: Duration,
    /// To wait for another process that works on the same folder.
    pub lock_wait: Duration,
    /// Tries of an index request (spec 1.5.5).
    pub index_tries: u32,
    /// Tries of a segment request.
    pub segment_tries: u32,
    /// After try n it waits n² times this, more or less.
    pub retry_unit: Duration,
    /// The longest index, in bytes.
    pub index_bytes_max: usize,
    /// The longest segment, in bytes.
    pub segment_bytes_max: u64,
    /// How many files are hashed at the same time.
    pub hashers: usize,
    /// Which cached files are hashed at the start.
    pub check: Check,
    /// For tests: fails chosen writes to the folder.
    #[doc(hidden)]
    pub fault: Fault,
}

impl Default for FollowerOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            poll_timeout: Duration::from_secs(65),
            stall_timeout: Duration::from_secs(30),
            offline_wait: Duration::from_secs(15),
            unchanged_wait: Duration::from_secs(1),
            lock_wait: Duration::from_secs(600),
            index_tries: 5,
            segment_tries: 10,
            retry_unit: Duration::from_secs(1),
            index_bytes_max: 64 << 20,
            segment_bytes_max: 256 << 20,
            hashers: std::thread::available_parallelism().map_or(2, usize::from),
            check: Check::Changed,
            fault: Fault::default(),
        }
    }
}

/// Called before each change of the folder, with its name; an error stops it, half done if it is a write.
type Step = dyn Fn(&str) -> io::Result<()> + Send + Sync;

/// The seam by which tests stop a follower between two changes of its folder.
#[doc(hidden)]
#[derive(Clone, Default)]
pub struct Fault(Option<Arc<Step>>);

impl Fault {
    /// Calls `step` before each change.
    pub fn new(step: impl Fn(&str) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(step)))
    }

    pub(super) fn before(&self, step: &str) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |fault| fault(step))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({})", self.0.is_some())
    }
}
