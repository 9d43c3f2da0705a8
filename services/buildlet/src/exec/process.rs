//! A process group: started with one pipe for all that it prints, killed as one.
//!
//! The group's number is the pid of its leader, the command itself. The kernel
//! may give a number away again once the leader is reaped and the group is
//! empty, and a late kill would then hit strangers. So the leader is watched
//! without being reaped, the group is killed, and only then is the leader
//! reaped.

use std::{
    fs, io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::request::Plan;

/// A program that was just written cannot be started while some other child,
/// between its fork and its exec, still holds the descriptor it was written
/// through. That passes in a moment.
const BUSY_RETRIES: u32 = 6;
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// A running process group. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Group {
    leader: Child,
    pid: Pid,
    is_reaped: bool,
}

/// Starts a command in a group of its own. What it prints, to either output,
/// comes from the returned pipe in the order of its writes. Blocks. The error
/// says what failed.
pub(super) fn start(plan: &Plan) -> Result<(Group, io::PipeReader), String> {
    let failed = |what: &str, path: &Path| {
        let what = format!("{what} {}", path.display());
        move |error: io::Error| format!("{what}: {error}")
    };
    fs::create_dir_all(&plan.temp_dir).map_err(failed("mkdir", &plan.temp_dir))?;
    let could_not_run = || failed("fork/exec", &plan.program);
    // Asked beforehand, or else a missing directory looks like a missing program.
    fs::metadata(&plan.program).map_err(could_not_run())?;
    fs::metadata(&plan.dir).map_err(failed("chdir", &plan.dir))?;
    let (reader, writer) = io::pipe().map_err(could_not_run())?;
    let mut command = Command::new(&plan.program);
    command
        .args(&plan.args)
        .current_dir(&plan.dir)
        .env_clear()
        .envs(plan.environment.pairs().iter().cloned())
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(could_not_run())?)
        .stderr(writer)
        .process_group(0);
    let leader = spawn(&mut command).map_err(could_not_run())?;
    let pid = Pid::from_child(&leader);
    let group = Group {
        leader,
        pid,
        is_reaped: false,
    };
    Ok((group, reader))
}

fn spawn(command: &mut Command) -> io::Result<Child> {
    let mut retries = 0;
    loop {
        match command.spawn() {
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy && retries < BUSY_RETRIES =>
            {
                thread::sleep(BUSY_PAUSE * 2u32.pow(retries));
                retries += 1;
            }
            other => return other,
        }
    }
}

impl Group {
    /// Resolves when the leader has ended, without reaping it. The thread that
    /// waits goes on when this is dropped, until the leader has ended.
    pub(super) fn leader_ended(&self) -> impl Future<Output = io::Result<()>> + use<> {
        let pid = self.pid;
        let waiting = tokio::task::spawn_blocking(move || wait_without_reaping(pid));
        async move {
            waiting
                .await
                .unwrap_or_else(|error| Err(io::Error::other(error)))
        }
    }

    /// Kills every process of the group. Nobody left to kill is fine.
    pub(super) fn kill(&self) {
        if !self.is_reaped {
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
    }

    /// Kills what is left of the group and takes the leader's state. To be called
    /// when the leader has ended; otherwise it is `None`.
    pub(super) fn reap(&mut self) -> io::Result<Option<ExitStatus>> {
        self.kill();
        let status = self.leader.try_wait()?;
        self.is_reaped = status.is_some();
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_reaped {
            self.kill();
            let _ = self.leader.try_wait();
        }
    }
}

fn wait_without_reaping(pid: Pid) -> io::Result<()> {
    loop {
        match waitid(
            WaitId::Pid(pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        ) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
