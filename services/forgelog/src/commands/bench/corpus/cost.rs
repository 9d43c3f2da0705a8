//! What a piece of work costs the process that does it: time, processor, memory. Depends on what Linux tells of a
//! process, as the peer's program does.
//!
//! Memory of its own is what is no file's: what a process maps of a log or of a checkpoint, the system shares among all
//! who do, and can drop.

use anyhow::{Context as _, Result, anyhow};
use serde::{Deserialize, Serialize};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often memory is looked at; what comes and goes in between is not seen.
const EVERY: Duration = Duration::from_millis(1);
const STATUS: &str = "/proc/self/status";
const OWN: &str = "RssAnon:";
const RESIDENT_PEAK: &str = "VmHWM:";

/// The cost. Memory is the whole process's.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Cost {
    /// Of the work alone.
    pub(super) seconds: f64,
    /// Processor seconds of all threads, from the process's start to the work's end.
    pub(super) cpu_seconds: f64,
    /// The most memory that was no file's, in bytes.
    pub(super) own_peak_bytes: u64,
    /// The most that was resident, files' pages included.
    pub(super) peak_bytes: u64,
}

/// Does the work, and says what it cost.
pub(super) fn of<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Cost)> {
    let own = OwnPeak::watch()?;
    let began = Instant::now();
    let done = work();
    let seconds = began.elapsed().as_secs_f64();
    let cpu_seconds = cpu_seconds();
    let own_peak_bytes = own.end()?;
    let cost = Cost {
        seconds,
        cpu_seconds,
        own_peak_bytes,
        peak_bytes: status(RESIDENT_PEAK)?,
    };
    Ok((done?, cost))
}

/// Looks at this process's own memory until it is asked for the most.
struct OwnPeak {
    stop: Sender<()>,
    looking: JoinHandle<Result<u64>>,
}

impl OwnPeak {
    fn watch() -> Result<Self> {
        let (stop, stopped) = channel();
        let mut peak = status(OWN)?;
        let looking = std::thread::spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(EVERY) {
                peak = peak.max(status(OWN)?);
            }
            Ok(peak.max(status(OWN)?))
        });
        Ok(Self { stop, looking })
    }

    fn end(self) -> Result<u64> {
        // It ends also if the sender is gone.
        let _ = self.stop.send(());
        let looked = self.looking.join();
        looked.map_err(|_| anyhow!("who looks at the memory died"))?
    }
}

/// Of all threads so far.
fn cpu_seconds() -> f64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

fn status(name: &str) -> Result<u64> {
    let text = std::fs::read_to_string(STATUS).context("cannot read what the system tells")?;
    bytes_of(&text, name).with_context(|| format!("{STATUS} has no {name}"))
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
    fn the_work_is_done_and_its_cost_told() -> Result<()> {
        let (sum, cost) = of(|| Ok((0..1_000_000u64).map(std::hint::black_box).sum::<u64>()))?;
        assert_eq!(sum, 499_999_500_000);
        assert!(cost.seconds > 0.0 && cost.cpu_seconds > 0.0);
        assert!(cost.own_peak_bytes > 0 && cost.peak_bytes >= cost.own_peak_bytes);
        assert!(of(|| -> Result<()> { anyhow::bail!("no") }).is_err());
        Ok(())
    }
}
