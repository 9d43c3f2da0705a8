//! Plain files of a folder, as a listing shows them.
//!
//! A link to a folder is not followed: what lies behind it is not ours, and a repair would move it. It is
//! shown as an object of its own, whose bytes are where it leads to. A name that cannot be an object's is
//! shown as near as can be, so that one such file does not hide all others. Everything here blocks.

use super::list::{is_staging, plain_meta};
use object_store::ObjectMeta;
use object_store::path::{Path, PathPart};
use std::fs::{DirEntry, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path as FilePath, PathBuf};

/// What is in a folder.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) files: Vec<ObjectMeta>,
    pub(super) folders: Vec<(PathBuf, Path)>,
}

/// What is directly in a folder; one that is not there is empty.
pub(super) fn level(dir: &FilePath, location: &Path) -> io::Result<Level> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if super::journal::is_absent(&error) => return Ok(Level::default()),
        entries => entries?,
    };
    let mut level = Level::default();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(is_staging) {
            continue;
        }
        let location = below(location, &name.to_string_lossy());
        match look(&entry) {
            Ok((metadata, _)) if metadata.is_dir() => level.folders.push((entry.path(), location)),
            Ok((metadata, size)) => level.files.push(ObjectMeta {
                size,
                ..plain_meta(location, &metadata)
            }),
            Err(error) if super::journal::is_absent(&error) => {} // gone meanwhile
            Err(error) => return Err(error),
        }
    }
    Ok(level)
}

/// All files below a folder, and the folders that there are, itself included.
pub(super) fn all(dir: PathBuf, location: Path) -> io::Result<Level> {
    let mut all = Level::default();
    let mut left = vec![(dir, location)];
    while let Some((dir, location)) = left.pop() {
        let found = level(&dir, &location)?;
        all.files.extend(found.files);
        left.extend(found.folders);
        all.folders.push((dir, location));
    }
    Ok(all)
}

/// Where a link leads to that is no link to a file; `None` for anything else.
pub(super) fn link_target(path: &FilePath) -> Option<Vec<u8>> {
    let is_link = path.symlink_metadata().ok()?.is_symlink();
    if !is_link || path.is_file() {
        return None;
    }
    Some(std::fs::read_link(path).ok()?.as_os_str().as_bytes().into())
}

/// What an entry is, and the bytes that reading it gives.
fn look(entry: &DirEntry) -> io::Result<(Metadata, u64)> {
    if entry.file_type()?.is_symlink() {
        if let Some(target) = link_target(&entry.path()) {
            let link = entry.path().symlink_metadata()?;
            return Ok((link, target.len() as u64));
        }
        let file = std::fs::metadata(entry.path())?;
        return Ok((file.clone(), file.len()));
    }
    let metadata = entry.metadata()?;
    Ok((metadata.clone(), metadata.len()))
}

fn below(folder: &Path, name: &str) -> Path {
    let text = match folder.is_root() {
        true => name.to_owned(),
        false => format!("{folder}/{name}"),
    };
    Path::parse(text).unwrap_or_else(|_| folder.clone().join(PathPart::from(name)))
}
