//! What a piece of work costs the process that does it: time, processor, memory. Depends on what Linux tells of a
//! process, as the peer's program does.
//!
//! Memory of its own is what is no file's: what a process maps of a log or of a checkpoint, the system shares among all
//! who do, and can drop.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::time::Instant;

use crate::commands::memory::{OwnPeak, cpu, resident_peak};

const UNKNOWN: &str = "the system does not say how much memory a process has";

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
    let own = OwnPeak::watch();
    let began = Instant::now();
    let done = work();
    let seconds = began.elapsed().as_secs_f64();
    let cpu_seconds = cpu().as_secs_f64();
    let own_peak_bytes = own.end().context(UNKNOWN)?;
    let cost = Cost {
        seconds,
        cpu_seconds,
        own_peak_bytes,
        peak_bytes: resident_peak().context(UNKNOWN)?,
    };
    Ok((done?, cost))
}

#[cfg(test)]
mod tests {
    use super::*;

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
