//! The clocks that the log needs. Depends on nothing of ours.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment on a clock that goes on while the machine sleeps, and never back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SuspendAware(Duration);

impl SuspendAware {
    #[cfg(target_os = "linux")]
    pub(crate) fn now() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Self(Duration::new(
            now.tv_sec.unsigned_abs(),
            now.tv_nsec.unsigned_abs() as u32,
        ))
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn now() -> Self {
        Self(unix_now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }
}

/// The wall clock, as time since 1970; never before it.
pub(crate) fn unix_now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
