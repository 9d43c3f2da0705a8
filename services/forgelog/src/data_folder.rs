//! The folder in which one deployment keeps everything: its layout, its version, and who may write to it.
//!
//! ```text
//! FORMAT           `forgelog data 1`
//! lock             held while `up` runs; says who runs it and what it serves
//! .gitignore       `*`: the folder is often inside the repository that it watches
//! streams/NAME/    the streams `activity` and `builds`
//! output/          the output of builds
//! repos/NAME.git   mirrors of repositories that are elsewhere
//! buildlets/       the folders of the hosts
//! ```
//!
//! [`DataFolder::look`] reads and leaves everything as it is; [`DataFolder::hold`] makes the folder where there is none,
//! and is for one process at a time. Depends on the file system and `object_store`.

use anyhow::{Context as _, Result, bail};
use log_core::{LocalStore, OutputStore, Stream};
use object_store::ObjectStore;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the folder is if nobody says.
pub(crate) const DEFAULT: &str = ".forgelog";
/// The streams, as commands name them.
pub(crate) const STREAMS: [&str; 2] = ["activity", "builds"];

const VERSION: &str = "1";
const FORMAT: &str = "FORMAT";
const FORMAT_NEW: &str = "FORMAT.new";
const FORMAT_PREFIX: &str = "forgelog data ";
const LOCK: &str = "lock";
const GITIGNORE: &str = ".gitignore";
/// What may be in a folder that is to become a data folder: what a crash leaves of making one, and what a new file
/// system has.
const BEFORE_FORMAT: [&str; 4] = [FORMAT_NEW, LOCK, GITIGNORE, "lost+found"];
/// No file of ours at the top is longer.
const SMALL_FILE_BYTES_MAX: u64 = 4096;

/// An existing data folder of this version.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    store: Arc<dyn ObjectStore>,
}

/// The right to write to a data folder; ends when it is dropped, or the process dies.
#[derive(Debug)]
pub(crate) struct Held {
    lock: File,
}

impl DataFolder {
    /// Opens the folder for reading, also while another process holds it. Changes nothing.
    pub(crate) fn look(path: &Path) -> Result<Self> {
        match format(path)? {
            Some(version) => check_version(path, &version)?,
            None if path.exists() => bail!(not_ours(path)),
            None => bail!(
                "there is no data folder {0}; `forgelog up --data {0}` makes one, and --data names another",
                path.display()
            ),
        }
        Self::open(path)
    }

    /// Makes the folder, or opens it, for this process alone.
    pub(crate) fn hold(path: &Path) -> Result<(Self, Held)> {
        let found = format(path)?;
        if let Some(version) = &found {
            check_version(path, version)?;
        } else {
            make_room(path)
                .with_context(|| format!("cannot make the data folder {}", path.display()))?;
        }
        let held = Held::take(path)?;
        if found.is_none() {
            // Another process may have made it, and ended, since we looked.
            match format(path)? {
                Some(version) => check_version(path, &version)?,
                None => write_format(path)
                    .with_context(|| format!("cannot make the data folder {}", path.display()))?,
            }
        }
        Ok((Self::open(path)?, held))
    }

    fn open(path: &Path) -> Result<Self> {
        let cannot = || format!("cannot open the data folder {}", path.display());
        let path = path.canonicalize().with_context(cannot)?;
        let store = Arc::new(LocalStore::open(&path).with_context(cannot)?);
        Ok(Self { path, store })
    }

    /// Where it is, as an absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// One of [`STREAMS`].
    pub(crate) async fn stream(&self, name: &str) -> Result<Stream> {
        let opened = Stream::open(Arc::clone(&self.store), &format!("streams/{name}")).await;
        opened.with_context(|| format!("cannot open a stream of {}", self.path.display()))
    }

    /// What builds printed.
    pub(crate) fn outputs(&self) -> OutputStore {
        OutputStore::new(Arc::clone(&self.store))
    }

    /// Where the hosts have their folders.
    pub(crate) fn buildlets(&self) -> PathBuf {
        self.path.join("buildlets")
    }

    /// Where the mirror of a repository with this name is.
    pub(crate) fn mirror(&self, name: &str) -> PathBuf {
        self.path
            .join("repos")
            .join(format!("{}.git", one_part(name)))
    }

    /// Removes what uploads to the store left behind when a process died in them. Only whoever holds the folder may,
    /// and only before anything is written. Blocks. Gives the number of files removed.
    pub(crate) fn sweep(&self, _held: &Held) -> Result<usize> {
        let mut removed = 0;
        let mut folders: Vec<PathBuf> = ["streams", "output"]
            .iter()
            .map(|below| self.path.join(below))
            .collect();
        while let Some(folder) = folders.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot read {}", folder.display()));
                }
            };
            for entry in entries {
                let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
                let kind = entry
                    .file_type()
                    .with_context(|| format!("cannot read {}", entry.path().display()))?;
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() && is_staging(&entry.file_name().to_string_lossy()) {
                    let path = entry.path();
                    std::fs::remove_file(&path)
                        .with_context(|| format!("cannot remove {}", path.display()))?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

impl Held {
    fn take(path: &Path) -> Result<Self> {
        let file = path.join(LOCK);
        let cannot = || format!("cannot lock {}", file.display());
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&file);
        let lock = lock.with_context(cannot)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(in_use(path, &lock)),
            Err(TryLockError::Error(error)) => return Err(error).with_context(cannot),
        }
        let held = Self { lock };
        held.note(&std::process::id().to_string())
            .with_context(cannot)?;
        Ok(held)
    }

    /// Says in the lock what this process serves, for those who find it locked.
    pub(crate) fn note_url(&self, url: &str) -> Result<()> {
        self.note(&format!("{} {url}", std::process::id()))
            .context("cannot write to the data folder's lock")
    }

    fn note(&self, text: &str) -> std::io::Result<()> {
        use std::io::Seek as _;
        let mut file = &self.lock;
        self.lock.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{text}")
    }
}

/// The version that the folder's format file names; `None` if there is no such file.
fn format(path: &Path) -> Result<Option<String>> {
    let file = path.join(FORMAT);
    let cannot = || format!("cannot read {}", file.display());
    let text = match File::open(&file) {
        Ok(mut file) => small_text(&mut file).with_context(cannot)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            bail!("{} is not a folder", path.display())
        }
        Err(error) => return Err(error).with_context(cannot),
    };
    match text
        .strip_prefix(FORMAT_PREFIX)
        .and_then(|rest| rest.strip_suffix('\n'))
    {
        Some(version) => Ok(Some(version.to_owned())),
        None => bail!(not_ours(path)),
    }
}

fn check_version(path: &Path, version: &str) -> Result<()> {
    if version == VERSION {
        return Ok(());
    }
    bail!(
        "{} is a data folder of version {version:?}, and this forgelog ({}) knows version {VERSION} only; \
         use the forgelog that made it, or name another folder with --data",
        path.display(),
        env!("CARGO_PKG_VERSION"),
    );
}

fn not_ours(path: &Path) -> String {
    format!(
        "{} is not a forgelog data folder (it has no {FORMAT} of ours) and is left alone; \
         name another one with --data: `forgelog up` makes it if it is new or empty",
        path.display()
    )
}

fn in_use(path: &Path, mut lock: &File) -> String {
    let said = small_text(&mut lock).unwrap_or_default();
    let by = match said.trim().split_once(' ') {
        Some((pid, url)) => format!("process {pid}, which serves {url}"),
        None if said.trim().is_empty() => "another process".to_owned(),
        None => format!("process {}", said.trim()),
    };
    format!(
        "{} is already in use by {by}; stop that one first, or name another folder with --data",
        path.display()
    )
}

/// Makes the folder unless it is there; refuses one that holds something else.
fn make_room(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path)?;
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name();
        if !BEFORE_FORMAT.iter().any(|ours| name == *ours) {
            bail!(not_ours(path));
        }
    }
    Ok(())
}

/// Makes the folder ours. The format file comes last and whole.
fn write_format(path: &Path) -> std::io::Result<()> {
    std::fs::write(path.join(GITIGNORE), "*\n")?;
    let new = path.join(FORMAT_NEW);
    let mut file = File::create(&new)?;
    writeln!(file, "{FORMAT_PREFIX}{VERSION}")?;
    file.sync_all()?;
    std::fs::rename(&new, path.join(FORMAT))?;
    File::open(path)?.sync_all()?;
    if let Some(parent) = path.canonicalize()?.parent() {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

fn small_text(file: &mut impl std::io::Read) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.take(SMALL_FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether the local store calls a file like this while it writes it: NAME#NUMBER.
fn is_staging(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(name, number)| {
        !name.is_empty() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    })
}

/// A name as one part of a path; different names give different parts.
fn one_part(name: &str) -> String {
    let mut part = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            part.push(char::from(byte));
        } else {
            part.push_str(&format!("%{byte:02X}"));
        }
    }
    part
}

#[cfg(test)]
mod tests;
