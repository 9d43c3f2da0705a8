//! Objects in a folder of this machine, durable when they are there, with a fast tail.
//!
//! Depends on `object_store`. [`LocalStore`] is an object store over a folder; to its callers it is
//! `object_store::local::LocalFileSystem` with syncs. Two things differ:
//! * A batch of an open segment (`…/tail/NNNN/<16 hex digits>`, created, not overwritten) is an entry in
//!   one file, the folder's *journal*: one write and one `fdatasync`, where a file of its own costs
//!   about three times as much. Which bytes are where: docs/LOG-FORMAT.md, "Local files".
//! * What is there is durable: an object that is listed, read, or in the way of another survives a power
//!   cut, whoever made it, and however far he came.
//!
//! Several processes may use one folder. Unix only.

mod ahead;
mod disk;
#[doc(hidden)]
pub mod entry;
mod error;
mod folder;
mod journal;
mod list;
mod lock;
mod plain;
mod store;
mod walk;

#[cfg(test)]
mod power;

pub use error::LocalError;

use ahead::Ahead;
use disk::{Disk, RealDisk};
use folder::{Folder, batch_at, is_stray_name};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use std::collections::VecDeque;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Tail folders whose journals are kept in mind.
const FOLDERS_MAX: usize = 16;

/// An object store over a folder. Clones are handles to the same.
#[derive(Clone, Debug)]
pub struct LocalStore {
    inner: LocalFileSystem,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    disk: Arc<dyn Disk>,
    /// The latest used is the last.
    folders: Mutex<VecDeque<(PathBuf, Arc<Known>)>>,
}

/// A tail folder that is kept in mind.
#[derive(Debug)]
struct Known {
    folder: Mutex<Folder>,
    /// Of an async kind: whoever waits for what is being read ahead must not block.
    ahead: Arc<tokio::sync::Mutex<Ahead>>,
}

/// What an object's path means to the local store.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// A batch of a tail.
    Batch(u64),
    /// What a journal's unreadable bytes may be reported as.
    Stray(String),
    /// The journal itself, which is no object.
    Journal,
    /// A plain file.
    Plain,
}

impl LocalStore {
    /// Opens a folder that exists, for reading or writing; changes nothing.
    pub fn open(root: impl AsRef<FilePath>) -> Result<Self, LocalError> {
        Self::on(root.as_ref(), Arc::new(RealDisk))
    }

    /// Opens a folder, and makes it if it does not exist. Its name is durable then.
    pub fn create(root: impl AsRef<FilePath>) -> Result<Self, LocalError> {
        let root = root.as_ref();
        if !root.is_dir() {
            plain::create_dirs(&RealDisk, root).map_err(|source| LocalError::Io {
                what: "make the folder",
                path: root.to_owned(),
                source,
            })?;
        }
        Self::open(root)
    }

    fn on(root: &FilePath, disk: Arc<dyn Disk>) -> Result<Self, LocalError> {
        let error = |source| LocalError::Io {
            what: "open the folder",
            path: root.to_owned(),
            source,
        };
        let root = root.canonicalize().map_err(error)?;
        // Says what is wrong with it where the object store would only say that.
        drop(std::fs::read_dir(&root).map_err(error)?);
        let inner = LocalFileSystem::new_with_prefix(&root)
            .map_err(|source| error(std::io::Error::other(source)))?
            .with_fsync(true);
        let folders = Mutex::default();
        let shared = Arc::new(Shared {
            root,
            disk,
            folders,
        });
        Ok(Self { inner, shared })
    }

    /// Where the objects are.
    pub fn root(&self) -> &FilePath {
        &self.shared.root
    }
}

impl Shared {
    /// The tail folder at this path.
    fn folder(&self, path: &FilePath) -> Arc<Known> {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let known = folders.iter().position(|(known, _)| known == path);
        let (path, folder) = match known.and_then(|at| folders.remove(at)) {
            Some(known) => known,
            None => {
                let known = Known {
                    folder: Mutex::new(Folder::new(&self.root, path)),
                    ahead: Arc::default(),
                };
                (path.to_owned(), Arc::new(known))
            }
        };
        folders.push_back((path, Arc::clone(&folder)));
        if folders.len() > FOLDERS_MAX {
            folders.pop_front();
        }
        folder
    }

    /// Does something in a tail folder; blocks.
    fn with_folder<T>(&self, path: &FilePath, act: impl FnOnce(&mut Folder, &dyn Disk) -> T) -> T {
        let known = self.folder(path);
        // What a panic leaves is checked against the file at every use.
        let mut folder = known.folder.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut folder, &*self.disk)
    }
}

/// Whether objects with this path, such as `streams/a/tail/0003`, are directly in a tail folder.
fn is_tail_folder(path: &Path) -> bool {
    let parts: Vec<_> = path.parts().collect();
    let [.., tail, number] = parts.as_slice() else {
        return false;
    };
    let canonical = number
        .as_ref()
        .parse::<u32>()
        .ok()
        .map(|n| format!("{n:04}"));
    tail.as_ref() == crate::layout::TAIL && canonical.as_deref() == Some(number.as_ref())
}

fn place(path: &Path) -> Place {
    let in_tail = path.parent().is_some_and(|folder| is_tail_folder(&folder));
    match path.filename().filter(|_| in_tail) {
        Some(journal::JOURNAL) => Place::Journal,
        Some(name) if is_stray_name(name) => Place::Stray(name.to_owned()),
        Some(name) => batch_at(FilePath::new(name)).map_or(Place::Plain, Place::Batch),
        None => Place::Plain,
    }
}

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> object_store::Result<T> + Send + 'static,
) -> object_store::Result<T> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(act).await?,
        Err(_) => act(),
    }
}
