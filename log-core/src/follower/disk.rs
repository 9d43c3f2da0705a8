//! The folder of a local copy: names, hashes, the list of what is verified, and the lock. Blocking.
//!
//! ```text
//! NNNN.<sha224>.mutlog    a frozen segment, named as original clients name it (spec 1.5.1)
//! NNNN.growing.mutlog     one that may still grow; may have more bytes than were verified
//! tempseg-NNNN            a segment that is fetched anew
//! state.json              what was verified, and is published to all processes
//! lock                    held by who changes any of these
//! aside/                  what was found to be wrong, and copies that were given up
//! ```
//!
//! Every change is a method here, and asks [`Fault`] first. Depends on [`crate::index`] for digests.

use super::error::FollowError;
use super::options::Fault;
use crate::index::{INDEX_SEGMENTS_MAX, IndexEntry, is_sha224};
use data_encoding::HEXLOWER;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha224};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

const STATE_VERSION: u32 = 1;
/// The longest state file that is read.
const STATE_BYTES_MAX: u64 = 256 << 20;

/// A verified segment, as the state file lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) number: u32,
    pub(super) size: u64,
    pub(super) sha224: String,
    pub(super) frozen: bool,
    /// Of the frozen file when it was hashed, in nanoseconds since 1970.
    #[serde(default)]
    pub(super) modified: u64,
}

impl Held {
    /// Whether both are the same bytes.
    pub(super) fn same_bytes(&self, size: u64, sha224: &str) -> bool {
        self.size == size && self.sha224 == sha224
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    version: u32,
    segments: Vec<Held>,
}

/// A file's hash as far as it was read.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) number: u32,
    pub(super) len: u64,
    pub(super) hasher: Sha224,
}

impl Running {
    pub(super) fn new(number: u32) -> Self {
        let hasher = Sha224::new();
        Self {
            number,
            len: 0,
            hasher,
        }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
    }

    /// The digest so far, in hex.
    pub(super) fn sha224(&self) -> String {
        HEXLOWER.encode(&self.hasher.clone().finalize())
    }

    pub(super) fn matches(&self, entry: &IndexEntry) -> bool {
        self.len == entry.size && self.sha224() == entry.sha224
    }
}

/// Held until it is dropped. Cloned handles keep it, so that a write under way is never joined by another process's.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

/// The folder of a local copy.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    fault: Fault,
}

impl Disk {
    /// Makes the folder if there is none.
    pub(super) fn open(folder: &Path, fault: Fault) -> Result<Self, FollowError> {
        let disk = Self {
            folder: folder.to_owned(),
            fault,
        };
        fs::create_dir_all(folder).map_err(failed("make the folder", folder))?;
        Ok(disk)
    }

    pub(super) fn frozen_path(&self, number: u32, sha224: &str) -> PathBuf {
        self.folder.join(format!("{number:04}.{sha224}.mutlog"))
    }

    pub(super) fn growing_path(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{number:04}.growing.mutlog"))
    }

    pub(super) fn temp_path(&self, number: u32) -> PathBuf {
        self.folder.join(format!("tempseg-{number:04}"))
    }

    pub(super) fn lock_path(&self) -> PathBuf {
        self.folder.join("lock")
    }

    fn state_path(&self) -> PathBuf {
        self.folder.join("state.json")
    }

    /// Takes the lock; `None` if another has it.
    pub(super) fn try_lock(&self) -> Result<Option<FolderLock>, FollowError> {
        let path = self.lock_path();
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let file = options.open(&path).map_err(failed("open", &path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(FolderLock { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(failed("lock", &path)(errno.into())),
        }
    }

    /// What is published. `None` if nothing is, or if the file is not one of ours.
    pub(super) fn read_state(&self) -> Result<Option<Vec<Held>>, FollowError> {
        let path = self.state_path();
        let mut bytes = Vec::new();
        match File::open(&path) {
            Ok(file) => file
                .take(STATE_BYTES_MAX)
                .read_to_end(&mut bytes)
                .map_err(failed("read", &path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open", &path)(error)),
        };
        let state = serde_json::from_slice::<State>(&bytes)
            .ok()
            .filter(sound_state);
        if state.is_none() {
            tracing::warn!(path = %path.display(), "the list of verified segments is damaged; hashing all anew");
        }
        Ok(state.map(|state| state.segments))
    }

    /// Publishes what is verified. `sync` if it must survive a power cut.
    pub(super) fn write_state(&self, segments: &[Held], sync: bool) -> Result<(), FollowError> {
        let path = self.state_path();
        let temp = self.folder.join("state.json.new");
        let state = State {
            version: STATE_VERSION,
            segments: segments.to_vec(),
        };
        let wrote = || -> io::Result<()> {
            let bytes = serde_json::to_vec(&state)?;
            let mut file = File::create(&temp)?;
            self.write("write state", &mut file, &bytes)?;
            if sync {
                file.sync_all()?;
            }
            self.fault.before("publish state")?;
            fs::rename(&temp, &path)?;
            if sync { self.sync_folder() } else { Ok(()) }
        };
        wrote().map_err(failed("write", &path))
    }

    /// The file's length; `None` if there is no such file.
    pub(super) fn len(&self, path: &Path) -> Result<Option<u64>, FollowError> {
        Ok(self.stamp(path)?.map(|(len, _)| len))
    }

    /// Length, and time of change in nanoseconds since 1970.
    pub(super) fn stamp(&self, path: &Path) -> Result<Option<(u64, u64)>, FollowError> {
        let found = fs::metadata(path).and_then(|metadata| {
            let modified = metadata.modified()?;
            let nanos = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
            Ok((metadata.len(), nanos.as_nanos() as u64))
        });
        match found {
            Ok(stamp) => Ok(Some(stamp)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("look at", path)(error)),
        }
    }

    /// Hashes a file's first `max` bytes, or all if it has fewer; none if there is no such file.
    pub(super) fn hash(&self, number: u32, path: &Path, max: u64) -> Result<Running, FollowError> {
        let mut running = Running::new(number);
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(running),
            Err(error) => return Err(failed("open", path)(error)),
        };
        let mut file = file.take(max);
        let mut buffer = vec![0; 256 << 10];
        loop {
            match file.read(&mut buffer).map_err(failed("read", path))? {
                0 => return Ok(running),
                read => running.add(&buffer[..read]),
            }
        }
    }

    /// Writes `bytes` at `offset`, which is the file's end.
    pub(super) fn append(&self, path: &Path, offset: u64, bytes: &[u8]) -> Result<(), FollowError> {
        let wrote = || -> io::Result<()> {
            let mut options = OpenOptions::new();
            options.create(true).truncate(false).write(true);
            let mut file = options.open(path)?;
            file.seek(SeekFrom::Start(offset))?;
            self.write("append", &mut file, bytes)
        };
        wrote().map_err(failed("append to", path))
    }

    /// Adds the whole of one file to another's end, which is at `offset`.
    pub(super) fn append_file(
        &self,
        from: &Path,
        to: &Path,
        offset: u64,
    ) -> Result<(), FollowError> {
        let bytes = fs::read(from).map_err(failed("read", from))?;
        self.append(to, offset, &bytes)
    }

    pub(super) fn truncate(&self, path: &Path, len: u64) -> Result<(), FollowError> {
        let cut = || -> io::Result<()> {
            self.fault.before("truncate")?;
            match OpenOptions::new().write(true).open(path) {
                Ok(file) if file.metadata()?.len() > len => file.set_len(len),
                Ok(_) => Ok(()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error),
            }
        };
        cut().map_err(failed("cut", path))
    }

    pub(super) fn remove(&self, path: &Path) -> Result<(), FollowError> {
        self.fault
            .before("remove")
            .and_then(|()| match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            })
            .map_err(failed("remove", path))
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<(), FollowError> {
        self.fault
            .before("rename")
            .and_then(|()| fs::rename(from, to))
            .map_err(failed("rename", from))
    }

    pub(super) fn copy(&self, from: &Path, to: &Path) -> Result<(), FollowError> {
        self.fault
            .before("copy")
            .and_then(|()| fs::copy(from, to))
            .map_err(failed("copy", from))?;
        Ok(())
    }

    /// Gives a file that will not change again its last name, durably.
    pub(super) fn freeze(&self, from: &Path, to: &Path) -> Result<(), FollowError> {
        File::open(from)
            .and_then(|file| file.sync_all())
            .map_err(failed("sync", from))?;
        self.rename(from, to)?;
        self.sync_folder().map_err(failed("sync", &self.folder))
    }

    /// Moves a wrong file out of the way; nothing is deleted.
    pub(super) fn set_aside(&self, path: &Path) -> Result<(), FollowError> {
        let aside = self.fresh_aside("bad")?;
        self.move_into(&aside, path)
    }

    /// Moves the whole copy out of the way.
    pub(super) fn set_all_aside(&self) -> Result<(), FollowError> {
        let aside = self.fresh_aside("old")?;
        // The list of what is verified goes first: without it, what is left is only a hint.
        self.move_into(&aside, &self.state_path())?;
        let entries = fs::read_dir(&self.folder).map_err(failed("list", &self.folder))?;
        for entry in entries {
            let path = entry.map_err(failed("list", &self.folder))?.path();
            if path.extension().is_some_and(|ext| ext == "mutlog") {
                self.move_into(&aside, &path)?;
            }
        }
        Ok(())
    }

    /// The SHA-224 in the names of frozen files of this number.
    pub(super) fn frozen_digests(&self) -> Result<Vec<(u32, String)>, FollowError> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed("list", &self.folder))? {
            let name = entry
                .map_err(failed("list", &self.folder))?
                .file_name()
                .into_string();
            let name = name.unwrap_or_default();
            if let Some(name) = crate::segment::SegmentName::parse(&name) {
                found.push((name.number, HEXLOWER.encode(&name.sha224)));
            }
        }
        found.sort();
        Ok(found)
    }

    fn move_into(&self, folder: &Path, path: &Path) -> Result<(), FollowError> {
        let Some(name) = path.file_name() else {
            return Ok(());
        };
        match self.rename(path, &folder.join(name)) {
            Err(FollowError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(())
            }
            moved => moved,
        }
    }

    fn fresh_aside(&self, what: &str) -> Result<PathBuf, FollowError> {
        let all = self.folder.join("aside");
        fs::create_dir_all(&all).map_err(failed("make the folder", &all))?;
        let mut number = 0u32;
        loop {
            let path = all.join(format!("{what}-{number}"));
            match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(failed("make the folder", &path)(error)),
                Ok(()) => return Ok(path),
            }
        }
    }

    /// A fault in a write leaves half of it behind.
    fn write(&self, step: &str, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.fault.before(step) {
            file.write_all(&bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        file.write_all(bytes)
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

fn sound_state(state: &State) -> bool {
    state.version == STATE_VERSION
        && state.segments.len() <= INDEX_SEGMENTS_MAX
        && state
            .segments
            .iter()
            .enumerate()
            .all(|(at, held)| held.number as usize == at && is_sha224(&held.sha224))
        && state
            .segments
            .iter()
            .try_fold(0u64, |total, held| total.checked_add(held.size))
            .is_some()
}

pub(super) fn failed(
    what: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> FollowError + use<> {
    let path = path.to_owned();
    move |source| FollowError::Io { what, path, source }
}
