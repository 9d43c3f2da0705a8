//! What memory and processor time this process takes, as the system counts them. Depends on /proc, and knows nothing
//! where there is none.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often memory is looked at: as seldom as the original's program does it, as each look takes the processor from what
/// is measured.
const EVERY: Duration = Duration::from_millis(10);
const STATUS: &str = "/proc/self/status";
/// Memory that is this process's alone: not mapped from a file.
const OWN: &str = "RssAnon:";
/// The most memory that it ever had, pages of files that others may have too included.
const RESIDENT_PEAK: &str = "VmHWM:";

/// Looks at this process's own memory until it is asked for the most.
#[derive(Debug)]
pub(super) struct OwnPeak {
    stop: Sender<()>,
    sampler: JoinHandle<Option<u64>>,
}

impl OwnPeak {
    /// Begins to look.
    pub(super) fn watch() -> Self {
        let (stop, stopped) = channel();
        let sampler = std::thread::spawn(move || {
            let mut peak = own();
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(EVERY) {
                peak = peak.max(own());
            }
            peak.max(own())
        });
        Self { stop, sampler }
    }

    /// The most that it was, in bytes; `None` where the system does not say.
    pub(super) fn end(self) -> Option<u64> {
        // It ends also if the sender is gone.
        let _ = self.stop.send(());
        self.sampler.join().ok().flatten()
    }
}

/// The most memory that this process ever had, mapped files included, in bytes.
pub(super) fn resident_peak() -> Option<u64> {
    status(RESIDENT_PEAK)
}

/// Processor time of all threads so far.
pub(super) fn cpu() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = u64::try_from(spent.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(spent.tv_nsec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(nanos)
}

fn own() -> Option<u64> {
    status(OWN)
}

fn status(name: &str) -> Option<u64> {
    bytes_of(&std::fs::read_to_string(STATUS).ok()?, name)
}

/// The value of a line such as `VmHWM: 123 kB`.
fn bytes_of(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_status_are_read() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nRssAnon:\t 12 kB\n";
        assert_eq!(bytes_of(status, RESIDENT_PEAK), Some(2 << 20));
        assert_eq!(bytes_of(status, OWN), Some(12 << 10));
        assert_eq!(bytes_of(status, "VmSwap:"), None);
    }

    #[test]
    fn what_was_there_for_a_while_counts() {
        let watched = OwnPeak::watch();
        let before = own();
        let more = std::hint::black_box(vec![1_u8; 8 << 20]);
        let with_more = own();
        drop(more);
        let peak = watched.end();
        assert!(peak >= before && peak >= own().min(with_more));
        assert!(peak.is_none_or(|peak| peak > 0 && resident_peak() >= Some(peak)));
    }
}
