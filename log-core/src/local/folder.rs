//! One tail folder: its journal and its plain files, seen as one set of immutable objects.
//!
//! Depends on [`super::journal`] and [`super::plain`]. Everything here blocks. Where both a plain file
//! and an entry have a name, the file is meant: somebody has overwritten the object.

use super::disk::Disk;
use super::entry::{Entry, Kind};
use super::error::LocalError;
use super::journal::{FULL_BYTES, JOURNAL, Journal, is_absent};
use super::lock::{Held, Lock};
use super::plain;
use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// How a torn end is called, before its place in the journal and a number.
const TORN: &str = "torn-";
/// How damage between sound entries is called, before its place in the journal.
const DAMAGED: &str = "damaged-";

/// A tail folder as this process knows it.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    path: PathBuf,
    journal: Option<Journal>,
}

/// What a listing of the folder says.
#[derive(Debug)]
pub(super) enum Listed {
    /// A plain file.
    Plain(PathBuf, Metadata),
    /// An object of the journal.
    Entry(Entry),
    /// Bytes of the journal that are no entry: the name that they are reported under, and how many.
    Stray(String, u64),
}

impl Folder {
    pub(super) fn new(root: &Path, path: &Path) -> Self {
        Self {
            root: root.to_owned(),
            path: path.to_owned(),
            journal: None,
        }
    }

    /// Creates the object, as an entry if it is short enough. `None` if it became a plain file.
    pub(super) fn create(
        &mut self,
        disk: &dyn Disk,
        name: u64,
        pieces: &[&[u8]],
        entry: bool,
    ) -> Result<Option<Entry>, LocalError> {
        let path = self.path.join(file_name(name));
        let (held, journal) = self.own(disk)?;
        let exists = |source: io::Error| LocalError::Io {
            what: "create",
            path: path.clone(),
            source,
        };
        if journal.objects.contains_key(&name) {
            return Err(exists(ErrorKind::AlreadyExists.into()));
        }
        let full = journal.end >= FULL_BYTES;
        if !entry || full || path.symlink_metadata().is_ok() {
            let root = self.root.clone();
            plain::create(disk, &root, &path, pieces).map_err(exists)?;
            return Ok(None);
        }
        let payload;
        let payload = match pieces {
            [one] => *one,
            many => {
                payload = many.concat();
                &payload
            }
        };
        self.set_aside(disk)?;
        let journal = self.journal.as_mut().ok_or_else(|| gone(&path))?;
        journal.add(disk, held, &[(Kind::Object, name, payload)], now())?;
        Ok(journal.objects.get(&name).copied())
    }

    /// The entry of this name, and the file to read its payload from.
    pub(super) fn find(
        &mut self,
        disk: &dyn Disk,
        name: u64,
    ) -> Result<Option<(Arc<File>, Entry)>, LocalError> {
        self.look(disk, false)?;
        let found = self.journal.as_ref().and_then(|journal| {
            let entry = journal.objects.get(&name)?;
            Some((Arc::clone(&journal.file), *entry))
        });
        Ok(found.filter(|_| self.path.join(file_name(name)).symlink_metadata().is_err()))
    }

    /// The entry, and those that lie right behind it in the journal, as far as one read should go.
    pub(super) fn run(&self, first: Entry, bytes_max: u64) -> Vec<Entry> {
        let mut run = vec![first];
        let after = self
            .journal
            .iter()
            .flat_map(|journal| journal.objects.range(first.name..).skip(1));
        for (_, entry) in after {
            let last = run.last().map_or(first.at, |last| last.payload().end);
            let is_next = entry.at == last && entry.payload().end - first.at <= bytes_max;
            let shadowed = || {
                self.path
                    .join(file_name(entry.name))
                    .symlink_metadata()
                    .is_ok()
            };
            if !is_next || shadowed() {
                break;
            }
            run.push(*entry);
        }
        run
    }

    /// The bytes that are reported under this name because they are no entry.
    pub(super) fn stray(
        &mut self,
        disk: &dyn Disk,
        name: &str,
    ) -> Result<Option<Vec<u8>>, LocalError> {
        let _held = self.look(disk, true)?;
        let Some(journal) = &self.journal else {
            return Ok(None);
        };
        let mut range = damage_at(name).and_then(|at| Some(at..*journal.damaged.get(&at)?));
        if let Some(torn) = journal.torn()
            && self.torn_name(torn.start) == name
        {
            range = Some(torn);
        }
        range.map(|range| journal.read(range)).transpose()
    }

    /// All objects, as they were at one moment.
    pub(super) fn list(&mut self, disk: &dyn Disk) -> Result<Vec<Listed>, LocalError> {
        let path = self.path.clone();
        let error = |source| LocalError::Io {
            what: "list",
            path: path.clone(),
            source,
        };
        loop {
            let _held = self.look(disk, true)?;
            let Some(files) = plain_files(&self.path).map_err(error)? else {
                return Ok(Vec::new());
            };
            let is_journal = |file: &&(PathBuf, Metadata)| file.0.ends_with(JOURNAL);
            if self.journal.is_none() && files.iter().any(|file| is_journal(&file)) {
                continue; // it came between the looks
            }
            let mut listed = Vec::with_capacity(files.len());
            let shadowed: BTreeSet<u64> = files
                .iter()
                .filter_map(|(path, _)| batch_at(path))
                .collect();
            listed.extend(self.journal.iter().flat_map(|journal| {
                let entries = journal.objects.values();
                entries
                    .filter(|entry| !shadowed.contains(&entry.name))
                    .map(|entry| Listed::Entry(*entry))
            }));
            for (path, metadata) in files.into_iter().filter(|file| !is_journal(&file)) {
                listed.push(Listed::Plain(path, metadata));
            }
            if let Some(journal) = &self.journal {
                let damaged = journal.damaged.iter();
                listed.extend(damaged.map(|(at, end)| Listed::Stray(damage_name(*at), end - at)));
                if let Some(torn) = journal.torn() {
                    let name = self.torn_name(torn.start);
                    listed.push(Listed::Stray(name, torn.end - torn.start));
                }
            }
            plain::sync_chain(disk, &self.root, &self.path.join(JOURNAL)).map_err(error)?;
            return Ok(listed);
        }
    }

    /// Removes objects; false for those that were not there. The journal goes with its last object, and
    /// the folder with the journal.
    pub(super) fn remove(
        &mut self,
        disk: &dyn Disk,
        names: &[&str],
    ) -> Result<Vec<bool>, LocalError> {
        self.look(disk, false)?;
        let mut held = None;
        if self.journal.is_some() {
            held = Some(self.own(disk)?.0);
        }
        let mut entries: Vec<(Kind, u64, &[u8])> = Vec::new();
        let (mut removed, mut emptied) = (Vec::with_capacity(names.len()), false);
        for name in names {
            let mut found = self.remove_plain(disk, name)?;
            emptied |= found;
            if let Some(journal) = &mut self.journal {
                let batch = batch_at(Path::new(name)).filter(|at| journal.objects.contains_key(at));
                let damage = damage_at(name).filter(|at| journal.damaged.contains_key(at));
                entries.extend(batch.map(|at| (Kind::Removal, at, &[][..])));
                entries.extend(damage.map(|at| (Kind::Settled, at, &[][..])));
                found |= batch.is_some() || damage.is_some();
            }
            found |= self.remove_torn(disk, name)?;
            removed.push(found);
        }
        entries.sort_unstable_by_key(|&(_, name, _)| name);
        entries.dedup_by_key(|&mut (kind, name, _)| (kind == Kind::Settled, name));
        if let Some((journal, held)) = self.journal.as_mut().zip(held) {
            let left = journal.objects.len() + journal.damaged.len();
            if left == entries.len() && journal.torn().is_none() {
                journal.remove(disk)?;
                self.journal = None;
                emptied = true;
            } else if !entries.is_empty() {
                self.set_aside(disk)?;
                let journal = self.journal.as_mut().ok_or_else(|| gone(&self.path))?;
                journal.add(disk, held, &entries, now())?;
            }
        }
        if emptied {
            drop(disk.sync_dir(&self.path));
            drop(disk.remove_dir(&self.path)); // unless something is left in it
        }
        Ok(removed)
    }

    fn remove_plain(&self, disk: &dyn Disk, name: &str) -> Result<bool, LocalError> {
        let path = self.path.join(name);
        match disk.remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if is_absent(&error) => Ok(false),
            Err(source) => Err(LocalError::Io {
                what: "remove",
                path,
                source,
            }),
        }
    }

    /// Cuts the torn end off, if it has this name: whoever removes it has seen it.
    fn remove_torn(&mut self, disk: &dyn Disk, name: &str) -> Result<bool, LocalError> {
        let torn = self.journal.as_ref().and_then(Journal::torn);
        let Some(torn) = torn.filter(|torn| self.torn_name(torn.start) == name) else {
            return Ok(false);
        };
        let Some(journal) = &mut self.journal else {
            return Ok(false);
        };
        journal
            .cut(disk, torn.start)
            .and_then(|()| disk.sync(&journal.file))
            .map_err(|source| journal.error("cut the torn end off", source))?;
        Ok(true)
    }

    /// Copies a torn end into a file of its own and cuts it off, so that entries can follow.
    fn set_aside(&mut self, disk: &dyn Disk) -> Result<(), LocalError> {
        let Some(torn) = self.journal.as_ref().and_then(Journal::torn) else {
            return Ok(());
        };
        let path = self.path.join(self.torn_name(torn.start));
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        let bytes = journal.read(torn.clone())?;
        plain::create(disk, &self.root, &path, &[&bytes]).map_err(|source| LocalError::Io {
            what: "move a journal's torn end to",
            path: path.clone(),
            source,
        })?;
        tracing::warn!(
            bytes = bytes.len(),
            "the journal had a torn end; it is in {}",
            path.display()
        );
        journal
            .cut(disk, torn.start)
            .map_err(|source| journal.error("cut the torn end off", source))
    }

    /// The name of a torn end that starts there: the first that no file has.
    fn torn_name(&self, at: u64) -> String {
        let name = |number: u32| format!("{TORN}{at:016x}-{number}");
        let free = |name: &String| self.path.join(name).symlink_metadata().is_err();
        (1..u32::MAX).map(name).find(free).unwrap_or_default()
    }

    /// Looks at what is there now. The lock is given if `keep` wants it, and there is a journal.
    fn look(&mut self, disk: &dyn Disk, keep: bool) -> Result<Option<Held>, LocalError> {
        loop {
            let error = |source| LocalError::Io {
                what: "look into",
                path: self.path.clone(),
                source,
            };
            if self.journal.is_none() {
                self.journal = Journal::open(disk, &self.root, &self.path).map_err(error)?;
            }
            let Some(journal) = &mut self.journal else {
                return Ok(None);
            };
            if !keep && journal.is_fresh().map_err(error)? {
                return Ok(None);
            }
            let mut how = Lock::Shared;
            if journal.wants_rewrite() {
                journal.make_writable(disk)?;
                how = Lock::Exclusive;
            }
            let held = journal.lock(disk, how)?;
            if journal.is_current().map_err(error)? {
                journal.take_in(disk)?;
                return Ok(keep.then_some(held));
            }
            drop(held);
            self.journal = None;
        }
    }

    /// Makes the journal if need be, locks it for writing, and looks at what is there now.
    fn own(&mut self, disk: &dyn Disk) -> Result<(Held, &mut Journal), LocalError> {
        loop {
            let error = |source| LocalError::Io {
                what: "open the journal in",
                path: self.path.clone(),
                source,
            };
            let mut journal = match self.journal.take() {
                Some(journal) => journal,
                None => Journal::create(disk, &self.root, &self.path).map_err(error)?,
            };
            if !journal.is_current().map_err(error)? {
                continue;
            }
            journal.make_writable(disk)?;
            let held = journal.lock(disk, Lock::Exclusive);
            let current = journal.is_current().map_err(error);
            // What is known of it is kept even if this fails.
            let journal = self.journal.insert(journal);
            let held = held?;
            if current? {
                journal.take_in(disk)?;
                break self.journal.as_mut().map(|journal| (held, journal));
            }
            drop(held);
            self.journal = None;
        }
        .ok_or_else(|| gone(&PathBuf::new()))
    }
}

/// The file name of the object.
pub(super) fn file_name(name: u64) -> String {
    format!("{name:016x}")
}

/// The offset that a batch's file name means.
pub(super) fn batch_at(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let at = u64::from_str_radix(name, 16).ok()?;
    (file_name(at) == name).then_some(at)
}

/// Whether bytes of a journal that are no entry may be reported under this name.
pub(super) fn is_stray_name(name: &str) -> bool {
    name.starts_with(TORN) || damage_at(name).is_some()
}

fn damage_name(at: u64) -> String {
    format!("{DAMAGED}{at:016x}")
}

fn damage_at(name: &str) -> Option<u64> {
    batch_at(Path::new(name.strip_prefix(DAMAGED)?))
}

fn plain_files(folder: &Path) -> io::Result<Option<Vec<(PathBuf, Metadata)>>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => files.push((path, metadata)),
            Ok(_) => {}
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(files))
}

fn gone(path: &Path) -> LocalError {
    LocalError::Io {
        what: "find the journal in",
        path: path.to_owned(),
        source: ErrorKind::NotFound.into(),
    }
}

/// The wall clock, in microseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
