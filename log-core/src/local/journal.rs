//! One tail folder's journal: the file, what is known of it, and how it grows.
//!
//! Depends on [`super::entry`] and [`super::disk`]. Everything here blocks. The rules:
//! * Bytes are looked at under the shared lock and added under the exclusive one, and the adder keeps
//!   that until they are durable. So whoever sees bytes sees durable ones, unless the adder died: that
//!   is why what is new to us is synced before it is believed.
//! * After a failed sync the kernel may call pages clean that the disk never got, and a second sync of
//!   them means nothing. Our own entry is then cut off again before the lock is let go, and a retry
//!   writes it anew. Another's bytes are written again, as they are, before they are believed. If the
//!   cut fails too, the lock is kept until it works or the process ends. (If it ends then, another may
//!   believe bytes that a power cut takes. A disk that fails twice has no right to more.)

use super::disk::{Disk, Open};
use super::entry::{Entry, Kind, Scan, scan};
use super::error::LocalError;
use super::lock::{Held, Lock, lock};
use super::plain;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry::{Occupied, Vacant};
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The journal's file name in its folder.
pub(super) const JOURNAL: &str = "journal";
/// A journal of so many bytes gets no more objects; they become plain files.
pub(super) const FULL_BYTES: u64 = 64 << 20;
/// A longer one is none of ours, and is not read.
const BYTES_MAX: u64 = 2 * FULL_BYTES;

/// A journal as this process knows it.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    root: PathBuf,
    pub(super) file: Arc<File>,
    writable: bool,
    inode: (u64, u64),
    /// The journal's id, once it has an entry.
    id: Option<u64>,
    /// The objects, by name.
    pub(super) objects: BTreeMap<u64, Entry>,
    /// Bytes that are no entries although some come after them.
    pub(super) damaged: BTreeMap<u64, u64>,
    /// Where the last sound entry ends; all before is durable.
    pub(super) end: u64,
    /// The file's length when it was last looked at; what lies beyond `end` is torn.
    pub(super) len: u64,
    /// The names on the way to the file are durable.
    named: bool,
    /// A sync of what others added failed: it must be written again before it is believed.
    rewrite: bool,
    /// What we added could not be made durable nor cut off.
    stuck: Option<Held>,
}

impl Journal {
    /// Opens the journal of a folder; `None` if it has none.
    pub(super) fn open(disk: &dyn Disk, root: &Path, folder: &Path) -> io::Result<Option<Self>> {
        let path = folder.join(JOURNAL);
        let file = match disk.open(&path, Open::Read) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        Self::of(path, root, file, false).map(Some)
    }

    /// Opens the journal of a folder for adding to it; makes it, and the folder, if need be.
    pub(super) fn create(disk: &dyn Disk, root: &Path, folder: &Path) -> io::Result<Self> {
        let path = folder.join(JOURNAL);
        loop {
            let opened = match disk.open(&path, Open::Write) {
                Err(error) if error.kind() == ErrorKind::NotFound => disk.open(&path, Open::New),
                opened => opened,
            };
            match opened {
                Ok(file) => return Self::of(path, root, file, true),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    plain::create_dirs(disk, folder)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn of(path: PathBuf, root: &Path, file: File, writable: bool) -> io::Result<Self> {
        Ok(Self {
            path,
            root: root.to_owned(),
            inode: inode(&file.metadata()?),
            file: Arc::new(file),
            writable,
            id: None,
            objects: BTreeMap::new(),
            damaged: BTreeMap::new(),
            end: 0,
            len: 0,
            named: false,
            rewrite: false,
            stuck: None,
        })
    }

    /// Whether it is still the file of its name.
    pub(super) fn is_current(&self) -> io::Result<bool> {
        Ok(self
            .metadata()?
            .is_some_and(|now| inode(&now) == self.inode))
    }

    /// Whether it is still the file of its name and nothing was added since we looked.
    pub(super) fn is_fresh(&self) -> io::Result<bool> {
        let settled = self.end == self.len && self.end > 0;
        Ok(settled
            && self
                .metadata()?
                .is_some_and(|now| inode(&now) == self.inode && now.len() == self.len))
    }

    fn metadata(&self) -> io::Result<Option<Metadata>> {
        match std::fs::metadata(&self.path) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Locks it.
    pub(super) fn lock(&mut self, disk: &dyn Disk, how: Lock) -> Result<Held, LocalError> {
        if let Some(held) = self.stuck.take() {
            return match self.cut(disk, self.end) {
                Ok(()) => Ok(held),
                Err(source) => {
                    self.stuck = Some(held);
                    Err(self.error("take back what it could not sync in", source))
                }
            };
        }
        lock(&self.file, how).map_err(|source| self.error("lock", source))
    }

    /// Takes the handle of another opening, which may write.
    pub(super) fn make_writable(&mut self, disk: &dyn Disk) -> Result<(), LocalError> {
        if !self.writable {
            let file = disk.open(&self.path, Open::Write);
            let file = file.map_err(|source| self.error("open", source))?;
            let now = file
                .metadata()
                .map_err(|source| self.error("look at", source))?;
            if inode(&now) == self.inode {
                self.file = Arc::new(file);
                self.writable = true;
            }
        }
        Ok(())
    }

    /// Whether [`Self::take_in`] has to write, and so needs the exclusive lock.
    pub(super) fn wants_rewrite(&self) -> bool {
        self.rewrite
    }

    /// Looks at what was added since, makes it durable, and believes it. Needs the lock.
    pub(super) fn take_in(&mut self, disk: &dyn Disk) -> Result<(), LocalError> {
        let len = self.file.metadata().map(|metadata| metadata.len());
        let len = len.map_err(|source| self.error("look at", source))?;
        if len > BYTES_MAX || len < self.end {
            let what = format!(
                "it has {len} bytes, and should have {} to {BYTES_MAX}",
                self.end
            );
            return Err(self.error("believe", io::Error::new(ErrorKind::InvalidData, what)));
        }
        let new = read(&self.file, self.end..len);
        let new = new.map_err(|source| self.error("read", source))?;
        if !new.is_empty() {
            self.settle(disk, &new)?;
        }
        let found = scan(&new, self.end, self.id).map_err(|source| LocalError::Version {
            path: self.path.clone(),
            source,
        })?;
        self.learn(&found);
        self.len = len;
        Ok(())
    }

    /// Makes bytes that others added durable.
    fn settle(&mut self, disk: &dyn Disk, new: &[u8]) -> Result<(), LocalError> {
        self.make_named(disk)?;
        if self.rewrite && self.writable {
            disk.write(&self.file, new, self.end)
                .map_err(|source| self.error("write", source))?;
        }
        let synced = disk.sync(&self.file);
        self.rewrite = synced.is_err() || (self.rewrite && !self.writable);
        synced.map_err(|source| self.error("sync", source))
    }

    fn make_named(&mut self, disk: &dyn Disk) -> Result<(), LocalError> {
        if !self.named {
            plain::sync_chain(disk, &self.root, &self.path)
                .map_err(|source| self.error("sync the folders of", source))?;
            self.named = true;
        }
        Ok(())
    }

    fn learn(&mut self, found: &Scan) {
        for range in &found.damaged {
            self.damaged.insert(range.start, range.end);
        }
        for entry in &found.entries {
            self.id = Some(entry.id);
            match entry.kind {
                Kind::Object => {
                    match self.objects.entry(entry.name) {
                        // A second one is not ours to choose: the first was acknowledged.
                        Occupied(_) => drop(self.damaged.insert(entry.at, entry.end())),
                        Vacant(free) => {
                            free.insert(*entry);
                        }
                    }
                }
                Kind::Removal => drop(self.objects.remove(&entry.name)),
                Kind::Settled => drop(self.damaged.remove(&entry.name)),
            }
        }
        self.end = found.end;
    }

    /// Adds entries at the end, as one write, and makes them durable. Needs the exclusive lock, and that
    /// all was taken in.
    pub(super) fn add(
        &mut self,
        disk: &dyn Disk,
        held: Held,
        what: &[(Kind, u64, &[u8])],
        time: i64,
    ) -> Result<(), LocalError> {
        self.make_named(disk)?;
        let id = self.id.unwrap_or_else(rand_id);
        let mut bytes = Vec::new();
        for &(kind, name, payload) in what {
            let at = self.end + bytes.len() as u64;
            let (len, crc) = (0, 0);
            let entry = Entry {
                id,
                at,
                kind,
                name,
                len,
                time,
                crc,
            };
            entry.encode(payload, &mut bytes);
        }
        let added = disk
            .write(&self.file, &bytes, self.end)
            .and_then(|()| disk.sync(&self.file));
        if let Err(source) = added {
            let error = self.error("append to", source);
            if self.cut(disk, self.end).is_err() {
                self.stuck = Some(held);
            }
            return Err(error);
        }
        if let Ok(found) = scan(&bytes, self.end, Some(id)) {
            self.learn(&found);
        }
        self.len = self.end;
        Ok(())
    }

    /// The torn end, if there is one. Needs the lock.
    pub(super) fn torn(&self) -> Option<Range<u64>> {
        (self.len > self.end).then_some(self.end..self.len)
    }

    /// Cuts the file off. The cut need not be durable: what a power cut brings back was never
    /// acknowledged, or lies in a file of its own already.
    pub(super) fn cut(&mut self, disk: &dyn Disk, len: u64) -> io::Result<()> {
        disk.truncate(&self.file, len)?;
        self.len = len;
        Ok(())
    }

    /// Bytes of the file.
    pub(super) fn read(&self, range: Range<u64>) -> Result<Vec<u8>, LocalError> {
        read(&self.file, range).map_err(|source| self.error("read", source))
    }

    /// Removes the file. Needs the exclusive lock.
    pub(super) fn remove(&self, disk: &dyn Disk) -> Result<(), LocalError> {
        disk.remove_file(&self.path)
            .and_then(|()| self.path.parent().map_or(Ok(()), |dir| disk.sync_dir(dir)))
            .map_err(|source| self.error("remove", source))
    }

    pub(super) fn error(&self, what: &'static str, source: io::Error) -> LocalError {
        LocalError::Io {
            what,
            path: self.path.clone(),
            source,
        }
    }
}

/// Reads exactly these bytes of a file.
pub(super) fn read(file: &File, range: Range<u64>) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    file.read_exact_at(&mut bytes, range.start)?;
    Ok(bytes)
}

fn inode(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// There is no file of this name, nor can be.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// An id that no other journal has.
fn rand_id() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(std::time::SystemTime::now())
}
