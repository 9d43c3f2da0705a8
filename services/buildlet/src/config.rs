//! What an agent is told at start, and the checks that keep it from being
//! dangerous to the machine it runs on.

use std::{
    env,
    ffi::{OsStr, OsString},
    fmt, fs,
    net::SocketAddr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::geteuid;

use crate::Error;

/// An agent's configuration. [`Config::new`] has the defaults.
#[derive(Clone)]
pub struct Config {
    /// Where the caller means to listen. Must be a loopback address.
    pub listen: SocketAddr,
    /// The directory that commands run in; absolute. **Everything in it is
    /// deleted at start.**
    pub workdir: PathBuf,
    /// A directory that outlives the agent, exported to commands as
    /// `FORGELOG_CACHE`; absolute, outside the workdir.
    pub cache_dir: Option<PathBuf>,
    /// What callers must show (HTTP Basic; the user name does not matter). Never
    /// empty. Give it to the agent's process by its standard input or a file:
    /// arguments and environment of a process are open to what it runs.
    pub password: String,
    /// How long after answering `/halt` the agent stops serving, so that the
    /// answer gets out. One second, as in the original.
    pub halt_delay: Duration,
    /// The environment that commands inherit, without the variables whose value
    /// holds the password. By default the agent's own.
    pub env: Vec<(OsString, OsString)>,
    /// What one caller may ask for.
    pub limits: Limits,
}

/// Upper bounds on what one caller, or one request, may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of an uploaded file or archive, and also of what an archive
    /// unpacks to; beyond it the request gets a 413.
    pub upload_bytes_max: u64,
    /// Entries of an uploaded archive.
    pub archive_entries_max: u64,
    /// Bytes of a form (`/exec`, `/removeall`).
    pub form_bytes_max: usize,
    /// Connections served at a time; more wait to be accepted.
    pub connections_max: usize,
    /// How long a request's body may bring nothing.
    pub body_idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            upload_bytes_max: 4 << 30,
            archive_entries_max: 4 << 20,
            form_bytes_max: 4 << 20,
            connections_max: 128,
            body_idle: Duration::from_secs(60),
        }
    }
}

impl Config {
    /// A configuration with the default limits, the calling process's
    /// environment and no cache directory.
    pub fn new(
        listen: SocketAddr,
        workdir: impl Into<PathBuf>,
        password: impl Into<String>,
    ) -> Self {
        Self {
            listen,
            workdir: workdir.into(),
            cache_dir: None,
            password: password.into(),
            halt_delay: Duration::from_secs(1),
            env: env::vars_os().collect(),
            limits: Limits::default(),
        }
    }

    /// Refuses what would be dangerous: a listener that other machines reach, no
    /// password, a workdir whose deletion would hurt. Reads the file system, and
    /// changes nothing.
    pub fn check(&self) -> Result<(), Error> {
        check_loopback(self.listen)?;
        if self.password.is_empty() {
            return Err(Error::NoPassword {
                listen: self.listen,
            });
        }
        self.check_workdir()
    }

    fn check_workdir(&self) -> Result<(), Error> {
        let unsafe_because = |reason: String| Error::UnsafeWorkdir {
            path: self.workdir.clone(),
            reason,
        };
        if !self.workdir.is_absolute() {
            return Err(unsafe_because("it is not an absolute path".into()));
        }
        // Where others can write, somebody may have put a link or directory in the
        // workdir's place, to have something else wiped or to read along.
        if let Ok(found) = fs::symlink_metadata(&self.workdir) {
            if found.is_symlink() {
                return Err(unsafe_because("it is a symlink".into()));
            }
            if found.uid() != geteuid().as_raw() {
                return Err(unsafe_because("it belongs to another user".into()));
            }
        }
        let workdir = real(&self.workdir);
        let home = self.env.iter().find(|(key, _)| key == OsStr::new("HOME"));
        let precious = [
            ("the root directory", Some(PathBuf::from("/"))),
            (
                "the home directory",
                home.map(|(_, path)| PathBuf::from(path)),
            ),
            ("the current directory", env::current_dir().ok()),
            ("the agent's program", env::current_exe().ok()),
            ("the cache directory", self.cache_dir.clone()),
        ];
        for (what, path) in precious {
            let Some(path) = path.filter(|path| path.is_absolute()) else {
                continue;
            };
            if real(&path).starts_with(&workdir) {
                return Err(unsafe_because(format!(
                    "{what} ({}) lies in it",
                    path.display()
                )));
            }
        }
        match &self.cache_dir {
            Some(cache) if !cache.is_absolute() => Err(unsafe_because(format!(
                "whether the cache directory lies in it cannot be told, {} is not absolute",
                cache.display()
            ))),
            Some(cache) if workdir.starts_with(real(cache)) => Err(unsafe_because(format!(
                "it lies in the cache directory {}, which is to be kept",
                cache.display()
            ))),
            _ => Ok(()),
        }
    }
}

/// Refuses an address that other machines can reach.
pub(crate) fn check_loopback(listen: SocketAddr) -> Result<(), Error> {
    if listen.ip().to_canonical().is_loopback() {
        Ok(())
    } else {
        Err(Error::NotLoopback { listen })
    }
}

/// The path with symlinks resolved as far as it exists.
fn real(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let Ok(resolved) = ancestor.canonicalize() {
            return match path.strip_prefix(ancestor) {
                Ok(rest) if rest.as_os_str().is_empty() => resolved,
                Ok(rest) => resolved.join(rest),
                Err(_) => path.to_path_buf(),
            };
        }
    }
    path.to_path_buf()
}

impl fmt::Debug for Config {
    /// Shows neither the password nor the environment, which may hold others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("workdir", &self.workdir)
            .field("cache_dir", &self.cache_dir)
            .field("halt_delay", &self.halt_delay)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(listen: &str, workdir: &str) -> Config {
        let mut config = Config::new(listen.parse().unwrap(), workdir, "secret");
        config.env = vec![("HOME".into(), "/home/someone".into())];
        config
    }

    fn refusal(config: &Config) -> String {
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn only_loopback_listeners() {
        for listen in [
            "127.0.0.1:0",
            "127.9.9.9:80",
            "[::1]:0",
            "[::ffff:127.0.0.1]:0",
        ] {
            config(listen, "/nowhere/workdir").check().unwrap();
        }
        for listen in ["0.0.0.0:0", "192.0.2.1:80", "[::]:0", "[2001:db8::1]:80"] {
            let text = refusal(&config(listen, "/nowhere/workdir"));
            assert!(text.contains("loopback"), "{text}");
        }
    }

    #[test]
    fn a_password_is_required_and_not_shown() {
        let mut config = config("127.0.0.1:0", "/nowhere/workdir");
        assert!(!format!("{config:?}").contains("secret"));
        config.password.clear();
        assert!(refusal(&config).contains("password"));
    }

    #[test]
    fn precious_workdirs_are_refused() {
        for workdir in ["/", "/home", "/home/someone", "relative/dir"] {
            let text = refusal(&config("127.0.0.1:0", workdir));
            assert!(text.contains("workdir"), "{text}");
        }
        let inside = env::current_dir().unwrap();
        let text = refusal(&config("127.0.0.1:0", inside.to_str().unwrap()));
        assert!(text.contains("current directory"), "{text}");
    }

    #[test]
    fn workdir_and_cache_do_not_nest() {
        let mut config = config("127.0.0.1:0", "/nowhere/workdir");
        for cache in [
            "/nowhere/workdir/cache",
            "/nowhere",
            "/nowhere/workdir",
            "cache",
        ] {
            config.cache_dir = Some(cache.into());
            assert!(refusal(&config).contains("cache directory"), "{cache}");
        }
        config.cache_dir = Some("/nowhere/workdir-cache".into());
        config.check().unwrap();
    }

    #[test]
    fn a_workdir_that_is_a_symlink_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", dir.path().join("link")).unwrap();
        let check = |name: &str| {
            let workdir = dir.path().join(name);
            config("127.0.0.1:0", workdir.to_str().unwrap()).check()
        };
        check("real").unwrap();
        assert!(check("link").unwrap_err().to_string().contains("symlink"));
    }

    #[test]
    fn a_symlink_does_not_hide_what_lies_in_the_workdir() {
        let dir = tempfile::tempdir().unwrap();
        let workdir = dir.path().join("real/workdir");
        fs::create_dir_all(&workdir).unwrap();
        std::os::unix::fs::symlink(dir.path().join("real"), dir.path().join("link")).unwrap();
        let mut config = config("127.0.0.1:0", workdir.to_str().unwrap());
        config.cache_dir = Some(dir.path().join("link/workdir/not-made-yet"));
        assert!(refusal(&config).contains("cache directory"));
    }
}
