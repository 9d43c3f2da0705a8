//! The clocks that the log needs, as a seam: simulations bring their own. Depends on nothing of ours.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What time it is.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The wall clock, as time since 1970; it may jump, also back.
    fn since_1970(&self) -> Duration;
    /// A clock that goes on while the machine sleeps, and never back; its zero means nothing.
    fn uptime(&self) -> Duration;
}

/// The machine's own clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn since_1970(&self) -> Duration {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }

    #[cfg(target_os = "linux")]
    fn uptime(&self) -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
    }

    #[cfg(not(target_os = "linux"))]
    fn uptime(&self) -> Duration {
        self.since_1970()
    }
}
