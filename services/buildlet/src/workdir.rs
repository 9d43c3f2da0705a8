//! The directory that commands run in, and the way from a checked name to a
//! place in it. A place is reached component by component: a symlink on the way
//! is followed only when it ends inside the workdir, so nothing is written,
//! read or deleted through a link that leads out.
//!
//! Commands run with the agent's own rights, so there is no race to win against
//! them here: one that swaps a directory for a link between check and use could
//! as well have written through the link itself.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::relative::Relative;

/// The working directory of an agent. All methods block.
#[derive(Clone, Debug)]
pub(crate) struct Workdir {
    /// Absolute and without symlinks.
    root: PathBuf,
}

/// A place in the workdir that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    /// A symlink leads out of the workdir.
    #[error("{} leads out of the workdir", path.display())]
    Outside { path: PathBuf },
    /// Something else is where a directory is needed.
    #[error("{} is not a directory", path.display())]
    NotADirectory { path: PathBuf },
    /// A directory is where a file is to be made.
    #[error("{} is a directory", path.display())]
    ADirectory { path: PathBuf },
    /// The file system failed.
    #[error("cannot {doing} {}", path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

impl PlaceError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            doing,
            path: path.to_path_buf(),
            source,
        }
    }
}

impl Workdir {
    /// Makes the directory, or empties the one that is there.
    pub(crate) fn prepare(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let root = path.canonicalize()?;
        let workdir = Self { root };
        workdir.empty()?;
        fs::create_dir_all(workdir.temp_dir())?;
        Ok(workdir)
    }

    /// The workdir itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What commands get as `TMPDIR`.
    pub(crate) fn temp_dir(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Where a name would be if there were no symlinks.
    pub(crate) fn lexical(&self, name: &Relative) -> PathBuf {
        let mut path = self.root.clone();
        path.extend(name.components());
        path
    }

    /// The real path of a directory, which is made (with its parents, 0755) where
    /// it is missing.
    pub(crate) fn make_dir(&self, name: &Relative) -> Result<PathBuf, PlaceError> {
        let mut at = self.root.clone();
        for component in name.components() {
            at = match self.step(&at, component)? {
                Some(next) => next,
                None => make_dir(at.join(component))?,
            };
        }
        Ok(at)
    }

    /// The real path of a directory, or `None` where it, or one on the way to
    /// it, is missing.
    pub(crate) fn find_dir(&self, name: &Relative) -> Result<Option<PathBuf>, PlaceError> {
        let mut at = self.root.clone();
        for component in name.components() {
            match self.step(&at, component)? {
                Some(next) => at = next,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// One directory further down, symlinks resolved; `None` if nothing is there.
    fn step(&self, at: &Path, component: &OsStr) -> Result<Option<PathBuf>, PlaceError> {
        let mut path = at.join(component);
        let mut kind = match fs::symlink_metadata(&path) {
            Ok(found) => found.file_type(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(PlaceError::io("look at", &path)(error)),
        };
        if kind.is_symlink() {
            let target = match path.canonicalize() {
                Ok(target) => target,
                Err(error) if is_dead_end(&error) => {
                    return Err(PlaceError::NotADirectory { path });
                }
                Err(error) => return Err(PlaceError::io("follow", &path)(error)),
            };
            if !target.starts_with(&self.root) {
                return Err(PlaceError::Outside { path });
            }
            kind = fs::symlink_metadata(&target)
                .map_err(PlaceError::io("look at", &target))?
                .file_type();
            path = target;
        }
        if kind.is_dir() {
            Ok(Some(path))
        } else {
            Err(PlaceError::NotADirectory { path })
        }
    }

    /// The path of a file that is about to be made, its parents (which are made
    /// where they are missing) resolved, the file itself not.
    pub(crate) fn path_for_file(&self, name: &Relative) -> Result<PathBuf, PlaceError> {
        match name.split_last() {
            Some((last, parent)) => Ok(self.make_dir(&parent)?.join(last)),
            None => Err(PlaceError::ADirectory {
                path: self.root.clone(),
            }),
        }
    }

    /// As [`Workdir::path_for_file`], and nothing is there any more.
    pub(crate) fn clear_for_file(&self, name: &Relative) -> Result<PathBuf, PlaceError> {
        let path = self.path_for_file(name)?;
        clear(&path)?;
        Ok(path)
    }

    /// Deletes what the name stands for; nothing there is fine. The workdir
    /// itself is emptied and stays.
    pub(crate) fn remove(&self, name: &Relative) -> Result<(), PlaceError> {
        let Some((last, parent)) = name.split_last() else {
            return self.empty().map_err(PlaceError::io("empty", &self.root));
        };
        match self.find_dir(&parent)? {
            Some(parent) => {
                let path = parent.join(last);
                remove_tree(&path).map_err(PlaceError::io("remove", &path))
            }
            None => Ok(()),
        }
    }

    fn empty(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.root)? {
            remove_tree(&entry?.path())?;
        }
        Ok(())
    }
}

/// Makes room for a new file: a file or link that is there is unlinked (never
/// written through, and never cut short for those who have it open); a directory
/// is an error.
pub(crate) fn clear(path: &Path) -> Result<(), PlaceError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => Err(PlaceError::ADirectory {
            path: path.to_path_buf(),
        }),
        Ok(_) => fs::remove_file(path).map_err(PlaceError::io("replace", path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(PlaceError::io("look at", path)(error)),
    }
}

/// Whether a symlink leads nowhere, or round in circles.
fn is_dead_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    ) || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

fn make_dir(path: PathBuf) -> Result<PathBuf, PlaceError> {
    let made = fs::DirBuilder::new().mode(0o755).create(&path);
    match made {
        // Two uploads may make the same parent at the same time.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(PlaceError::io("make", &path)(error))
        }
        _ => Ok(path),
    }
}

/// Deletes a file, a link (not what it points to) or a directory with all in it.
fn remove_tree(path: &Path) -> io::Result<()> {
    let removed = match remove_once(path) {
        // Module caches and the like are read-only on purpose.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(path)?;
            remove_once(path)
        }
        other => other,
    };
    match removed {
        // A mount point cannot go, but what was in it has.
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy && is_empty_dir(path) => Ok(()),
        other => other,
    }
}

fn remove_once(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn is_empty_dir(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Gives the owner all rights on every directory of the tree.
fn make_writable(path: &Path) -> io::Result<()> {
    let mut left = vec![path.to_path_buf()];
    while let Some(path) = left.pop() {
        let found = fs::symlink_metadata(&path)?;
        if !found.is_dir() {
            continue;
        }
        let mode = found.permissions().mode() | 0o700;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        for entry in fs::read_dir(&path)? {
            left.push(entry?.path());
        }
    }
    Ok(())
}

/// The entries of a directory, sorted by the bytes of their names.
pub(crate) fn sorted_names(dir: &Path) -> io::Result<Vec<OsString>> {
    let mut names = fs::read_dir(dir)?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests;
