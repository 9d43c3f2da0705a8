//! The pool of local hosts: buildlets that are children of this process.
//!
//! Depends on `buildlet-client`. A host's agent holds the read end of a pipe whose write end only we
//! have, so it dies with us however we die. Each start has work folders of its own, because an
//! agent of the last start may still be dying in its; caches stay.

use crate::error::Error;
use builders::BuilderName;
use buildlet_client::BuildletClient;
use data_encoding::HEXLOWER;
use rand::RngCore as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

/// The kind of host that this pool has.
pub const HOST_TYPE: &str = "local";
/// How long a buildlet may take to say where it listens.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How long a buildlet may take to stop before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// The first line that a buildlet prints, before its address.
const LISTENING: &str = "listening on ";

/// What the pool is made of.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// The program and the arguments before those of ours, such as `forgelog buildlet`.
    pub command: Vec<String>,
    /// Where hosts have their folders.
    pub folder: PathBuf,
    /// How many hosts there are, and so how many builds run at a time.
    pub hosts: usize,
}

/// A place for a host: always the same cache, a new agent whenever the last one is given up.
#[derive(Debug)]
pub(crate) struct Slot {
    number: usize,
    host: Option<Host>,
}

/// An agent that runs.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) client: BuildletClient,
    pub(crate) work_dir: String,
    /// Where each builder has a folder that outlives its builds.
    caches: PathBuf,
    process: Child,
}

/// Why there is no host.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostError {
    #[error("cannot start {program}")]
    Spawn {
        program: String,
        source: std::io::Error,
    },
    #[error("cannot make the folder {path}")]
    Folder {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the buildlet said {said:?} instead of where it listens")]
    NoAddress { said: String },
    #[error("the buildlet did not say where it listens within {START_LIMIT:?}")]
    Late,
    #[error("the buildlet does not answer")]
    Client(#[from] buildlet_client::Error),
}

/// Starts and stops hosts.
#[derive(Debug)]
pub(crate) struct Pool {
    config: PoolConfig,
    epoch: u64,
    /// Agents started so far.
    starts: AtomicU64,
}

impl Pool {
    /// A pool whose hosts obey no earlier epoch. Removes what earlier starts left behind, and so blocks.
    pub(crate) fn open(config: PoolConfig, epoch: u64) -> Result<Self, Error> {
        let io = |source| Error::Folder {
            path: config.folder.clone(),
            source,
        };
        std::fs::create_dir_all(&config.folder).map_err(io)?;
        for entry in std::fs::read_dir(&config.folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            let is_work = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("work-"));
            // One whose agent is still dying cannot be removed yet; the next start will.
            if is_work && let Err(error) = remove_tree(&path) {
                tracing::debug!("left for the next start: {}: {error}", path.display());
            }
        }
        Ok(Self {
            config,
            epoch,
            starts: AtomicU64::new(0),
        })
    }

    pub(crate) fn slots(&self) -> Vec<Slot> {
        (1..=self.config.hosts.max(1))
            .map(|number| Slot { number, host: None })
            .collect()
    }

    /// The slot's host, started if there is none.
    pub(crate) async fn host<'a>(&self, slot: &'a mut Slot) -> Result<&'a Host, HostError> {
        let broken = slot.host.as_mut().is_some_and(|host| !host.is_alive());
        if broken {
            slot.stop().await;
        }
        let alive = slot.host.take();
        let running = match alive {
            Some(host) => host,
            None => self.start(slot.number).await?,
        };
        Ok(slot.host.insert(running))
    }

    async fn start(&self, number: usize) -> Result<Host, HostError> {
        let (program, arguments) = match self.config.command.split_first() {
            Some((program, arguments)) => (program.as_str(), arguments),
            None => ("", &[][..]),
        };
        let cache = self.config.folder.join(format!("cache-{number}"));
        std::fs::create_dir_all(&cache).map_err(|source| HostError::Folder {
            path: cache.clone(),
            source,
        })?;
        // A folder of its own: what an agent that died left running may still write to the last one.
        let start = self.starts.fetch_add(1, Ordering::Relaxed);
        let mut password = [0; 20];
        rand::rng().fill_bytes(&mut password);
        let password = HEXLOWER.encode(&password);
        let spawned = Command::new(program)
            .args(arguments)
            .args(["--listen", "127.0.0.1:0", "--workdir"])
            .arg(
                self.config
                    .folder
                    .join(format!("work-{}-{number}-{start}", self.epoch)),
            )
            .arg("--cache")
            .arg(&cache)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut process = spawned.map_err(|source| HostError::Spawn {
            program: program.to_owned(),
            source,
        })?;
        give_password(&mut process, &password)
            .await
            .map_err(|source| HostError::Spawn {
                program: program.to_owned(),
                source,
            })?;
        let address = match tokio::time::timeout(START_LIMIT, address(&mut process)).await {
            Ok(address) => address?,
            Err(_) => return Err(HostError::Late),
        };
        let client = BuildletClient::new(address, password).with_epoch(self.epoch);
        client.status().await?;
        let work_dir = client.work_dir().await?;
        tracing::debug!(host.id = %host_id(number), %address, "started host {}", host_id(number));
        Ok(Host {
            client,
            work_dir,
            caches: cache,
            process,
        })
    }
}

impl Slot {
    /// The id of whatever host it has.
    pub(crate) fn host_id(&self) -> String {
        host_id(self.number)
    }

    /// Stops the host, if there is one.
    pub(crate) async fn stop(&mut self) {
        if let Some(mut host) = self.host.take() {
            // The end of the pipe tells it to stop.
            drop(host.process.stdin.take());
            if tokio::time::timeout(STOP_LIMIT, host.process.wait())
                .await
                .is_err()
                && let Err(error) = host.process.kill().await
            {
                tracing::warn!(host.id = %self.host_id(), "cannot kill the buildlet: {error}");
            }
        }
    }
}

impl Host {
    /// The builder's folder that outlives its builds.
    pub(crate) fn cache_of(&self, builder: &BuilderName) -> Result<String, HostError> {
        // A builder's name is a plain file name.
        let path = self.caches.join(builder.as_str());
        std::fs::create_dir_all(&path).map_err(|source| HostError::Folder {
            path: path.clone(),
            source,
        })?;
        Ok(path.display().to_string())
    }

    fn is_alive(&mut self) -> bool {
        self.client.broken().is_none() && matches!(self.process.try_wait(), Ok(None))
    }
}

fn host_id(number: usize) -> String {
    format!("{HOST_TYPE}-{number}")
}

/// Tells the buildlet its password by its standard input: arguments and environment can be read by
/// whatever it runs.
async fn give_password(process: &mut Child, password: &str) -> std::io::Result<()> {
    match &mut process.stdin {
        Some(stdin) => stdin.write_all(format!("{password}\n").as_bytes()).await,
        None => Err(std::io::ErrorKind::BrokenPipe.into()),
    }
}

/// Reads where the buildlet listens from its first line.
async fn address(process: &mut Child) -> Result<SocketAddr, HostError> {
    let mut said = String::new();
    if let Some(stdout) = process.stdout.take() {
        // A line of this length is none of ours.
        let mut stdout = BufReader::new(stdout.take(4096));
        if let Err(error) = stdout.read_line(&mut said).await {
            said = error.to_string();
        }
    }
    let said = said.trim();
    said.strip_prefix(LISTENING)
        .and_then(|address| address.parse().ok())
        .ok_or_else(|| HostError::NoAddress {
            said: said.to_owned(),
        })
}

/// Removes a folder that builds may have left unwritable.
fn remove_tree(path: &Path) -> std::io::Result<()> {
    std::fs::remove_dir_all(path).or_else(|_| {
        make_writable(path)?;
        std::fs::remove_dir_all(path)
    })
}

#[cfg(unix)]
fn make_writable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_writable(_path: &Path) -> std::io::Result<()> {
    Ok(())
}
