//! What a process group does not hold: `timeout`, job control and daemons put
//! processes into groups of their own, and a kill of the command's group misses
//! them. But they inherit its environment, so every command gets a variable that
//! no other has, and on Linux the processes that have it can be found.
//!
//! Elsewhere, and where a process was given a new environment, the group is all
//! that is killed.

use std::{
    ffi::OsStr,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

/// The variable that marks what descends from a command.
pub(super) const VARIABLE: &str = "FORGELOG_EXEC";

/// New processes may appear while the others are killed. They descend from these,
/// so a few rounds get them all.
#[cfg(target_os = "linux")]
const ROUNDS_MAX: usize = 16;

/// The mark of one agent. It goes before the number of the command.
#[derive(Debug)]
pub(crate) struct Marks {
    agent: String,
    next: AtomicU64,
}

/// Marks the descendants of one command, or of all of an agent's commands.
#[derive(Clone, Debug)]
pub(crate) struct Mark(String);

impl Marks {
    /// Unlike those of any other agent on this machine, also of one that had the
    /// same process id.
    pub(crate) fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanoseconds = since.unwrap_or_default().as_nanos();
        // Two agents of one process may start in the same moment.
        static AGENTS: AtomicU64 = AtomicU64::new(0);
        let index = AGENTS.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        Self {
            agent: format!("{process}.{nanoseconds}.{index}."),
            next: AtomicU64::new(0),
        }
    }

    /// A mark for one more command. It ends in a dot, so that none is the
    /// beginning of another.
    pub(super) fn next(&self) -> Mark {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        Mark(format!("{}{index}.", self.agent))
    }

    /// What the marks of all commands begin with.
    pub(crate) fn all(&self) -> Mark {
        Mark(self.agent.clone())
    }
}

impl AsRef<OsStr> for Mark {
    fn as_ref(&self) -> &OsStr {
        self.0.as_ref()
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Mark {
    /// Kills every process whose environment has a value of [`VARIABLE`] that
    /// begins with this mark. Blocks: looks at all processes of this user.
    #[cfg(target_os = "linux")]
    pub(crate) fn kill_all(&self) {
        let wanted = format!("{VARIABLE}={self}");
        for _ in 0..ROUNDS_MAX {
            if linux::kill_with_variable(wanted.as_bytes()) == 0 {
                return;
            }
        }
    }

    /// There is no way to find them here.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn kill_all(&self) {}
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;

    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

    /// Kills the processes that have a variable beginning with these bytes, and
    /// returns how many there were.
    pub(super) fn kill_with_variable(wanted: &[u8]) -> usize {
        let Ok(processes) = fs::read_dir("/proc") else {
            return 0;
        };
        processes
            .filter_map(|process| process.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid| kill_if(*pid, wanted).is_some())
            .count()
    }

    /// The descriptor is taken before the look: should the process end and its
    /// number be given to another, the kill does not hit that one.
    fn kill_if(pid: i32, wanted: &[u8]) -> Option<()> {
        let process = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        // Empty for one that is dead already, unreadable for another user's.
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let mut variables = environment.split(|byte| *byte == 0);
        variables.find(|variable| variable.starts_with(wanted))?;
        pidfd_send_signal(process, Signal::KILL).ok()
    }
}
