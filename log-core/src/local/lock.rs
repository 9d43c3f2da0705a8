//! The advisory lock on a journal, with an end to waiting.
//!
//! Depends on the file system alone; blocks.

use std::fs::{File, TryLockError};
use std::io;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A lock is held for the time of one append; whoever holds it for so long has been stopped.
const WAIT_MAX: Duration = if cfg!(test) {
    Duration::from_millis(1)
} else {
    Duration::from_secs(30)
};
/// Waits between tries. The kernel's own queue would be fairer, but has no end.
const POLL_FIRST: Duration = Duration::from_micros(50);
const POLL_MAX: Duration = Duration::from_millis(2);

/// Who else may hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    /// Others that look.
    Shared,
    /// Nobody.
    Exclusive,
}

/// A held lock; let go when it is dropped.
#[derive(Debug)]
pub(super) struct Held(Arc<File>);

impl Drop for Held {
    fn drop(&mut self) {
        // It can't fail on a file that we locked, and the end of the file's last handle unlocks too.
        drop(self.0.unlock());
    }
}

/// Locks the file, or gives the error `TimedOut`.
pub(super) fn lock(file: &Arc<File>, how: Lock) -> io::Result<Held> {
    let (start, mut poll) = (Instant::now(), POLL_FIRST);
    loop {
        let tried = match how {
            Lock::Shared => file.try_lock_shared(),
            Lock::Exclusive => file.try_lock(),
        };
        match tried {
            Ok(()) => return Ok(Held(Arc::clone(file))),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if start.elapsed() < WAIT_MAX => {
                sleep(poll);
                poll = (poll * 2).min(POLL_MAX);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("another process has held its lock for {WAIT_MAX:?}"),
                ));
            }
        }
    }
}
