//! One agent's state: what it was configured with, its workdir, the highest
//! epoch it has seen, and everything that has to end when it stops.

use std::{
    ffi::OsString,
    fmt, fs,
    os::unix::ffi::OsStrExt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Config, Error, Limits,
    exec::{Environment, Marks},
    workdir::Workdir,
};

/// A buildlet, without its listener. [`router`](crate::router()) makes it speak.
///
/// Dropping it kills every command that it runs.
pub struct Agent {
    pub(crate) workdir: Workdir,
    pub(crate) environment: Environment,
    pub(crate) marks: Marks,
    pub(crate) limits: Limits,
    pub(crate) halt_delay: Duration,
    /// The commands, and the threads that read and write files.
    pub(crate) tasks: TaskTracker,
    password: String,
    epoch: AtomicU64,
    stop: CancellationToken,
    halt: CancellationToken,
}

impl Agent {
    /// Checks the configuration, then **deletes everything in the workdir** and
    /// sets it up anew. Blocks on the file system.
    pub fn open(config: Config) -> Result<Self, Error> {
        config.check()?;
        let prepare = |path: &std::path::Path| {
            let path = path.to_path_buf();
            move |source| Error::Prepare { path, source }
        };
        let workdir = Workdir::prepare(&config.workdir).map_err(prepare(&config.workdir))?;
        if let Some(cache) = &config.cache_dir {
            fs::create_dir_all(cache).map_err(prepare(cache))?;
        }
        Ok(Self {
            environment: environment(&config, &workdir),
            marks: Marks::new(),
            workdir,
            limits: config.limits,
            halt_delay: config.halt_delay,
            tasks: TaskTracker::new(),
            password: config.password,
            epoch: AtomicU64::new(0),
            stop: CancellationToken::new(),
            halt: CancellationToken::new(),
        })
    }

    /// Kills all commands, for good: a command that comes later is killed at
    /// once. Does not wait.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Is cancelled when the agent is being stopped.
    pub(crate) fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Resolves when a caller has asked for `/halt` and its delay has passed.
    pub async fn halted(&self) {
        self.halt.cancelled().await;
    }

    pub(crate) fn halt(&self) {
        self.halt.cancel();
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// Takes note of a caller's epoch. `Err` with the highest epoch seen if the
    /// caller's is lower.
    pub(crate) fn enter_epoch(&self, epoch: u64) -> Result<(), u64> {
        let highest = self.epoch.fetch_max(epoch, Ordering::SeqCst);
        if epoch < highest {
            Err(highest)
        } else {
            Ok(())
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("workdir", &self.workdir)
            .finish_non_exhaustive()
    }
}

/// What every command finds in its environment before the request adds to it.
fn environment(config: &Config, workdir: &Workdir) -> Environment {
    let password = config.password.as_bytes();
    let holds_password = |value: &OsString| {
        let mut windows = value.as_bytes().windows(password.len());
        windows.any(|window| window == password)
    };
    let inherited = config
        .env
        .iter()
        .filter(|(_, value)| !holds_password(value));
    let mut environment = Environment::new(inherited.cloned());
    environment.set("WORKDIR", workdir.root());
    if let Some(cache) = &config.cache_dir {
        environment.set("FORGELOG_CACHE", cache);
    }
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_inherit_all_but_the_password() {
        let dir = tempfile::tempdir().unwrap();
        let workdir = dir.path().join("workdir");
        let mut config = Config::new("127.0.0.1:0".parse().unwrap(), &workdir, "hunter2");
        config.env = [
            "KEPT=1",
            "PASSWORD=hunter2",
            "URL=http://x:hunter2@y/",
            "WORKDIR=/other",
        ]
        .iter()
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(key, value)| (key.into(), value.into()))
        .collect();
        let agent = Agent::open(config).unwrap();
        let root = agent.workdir.root().to_str().unwrap().to_owned();
        assert_eq!(
            agent.environment.pairs(),
            [("KEPT".into(), "1".into()), ("WORKDIR".into(), root.into())]
        );
        assert!(!format!("{agent:?}").contains("hunter2"));
    }

    #[test]
    fn epochs_only_rise() {
        let dir = tempfile::tempdir().unwrap();
        let workdir = dir.path().join("workdir");
        let config = Config::new("127.0.0.1:0".parse().unwrap(), workdir, "x");
        let agent = Agent::open(config).unwrap();
        assert_eq!(agent.enter_epoch(5), Ok(()));
        assert_eq!(agent.enter_epoch(5), Ok(()));
        assert_eq!(agent.enter_epoch(4), Err(5));
        assert_eq!(agent.enter_epoch(7), Ok(()));
    }
}
