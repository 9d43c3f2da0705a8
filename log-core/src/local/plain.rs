//! Plain files and folders, made so that a power cut leaves all of one or nothing.
//!
//! Depends on [`super::disk`]. Everything here blocks.

use super::disk::{Disk, Open};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Names that are tried for a file while it is written.
const STAGING_TRIES: u32 = 10_000;

/// Makes a folder and those above it, and their names durable.
pub(super) fn create_dirs(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let parent = path.parent();
    match disk.create_dir(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let parent = parent.ok_or(error)?;
            create_dirs(disk, parent)?;
            // Once: below some folders, such as /proc, nothing can ever be.
            match disk.create_dir(path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
                made => made?,
            }
        }
        // Whoever made it may not have come as far as the sync.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
        Err(error) => return Err(error),
    }
    parent.map_or(Ok(()), |parent| sync_readable(disk, parent))
}

/// Makes every name on the way from `root` to `path`, a file, durable.
pub(super) fn sync_chain(disk: &dyn Disk, root: &Path, path: &Path) -> io::Result<()> {
    for folder in path.ancestors().skip(1) {
        if folder == root {
            return sync_readable(disk, folder);
        }
        disk.sync_dir(folder)?;
    }
    Ok(())
}

/// Makes a folder's names durable, if it is there.
pub(super) fn sync_if_there(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    match sync_readable(disk, folder) {
        Err(error) if super::journal::is_absent(&error) => Ok(()),
        synced => synced,
    }
}

/// Makes a folder's names durable, if we may read it: where we may not, we made none.
fn sync_readable(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    match disk.sync_dir(folder) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

/// Creates a file with these bytes. It is there whole and for good, or not at all. If another is there,
/// that one is durable when the error `AlreadyExists` is given.
pub(super) fn create(disk: &dyn Disk, root: &Path, path: &Path, bytes: &[&[u8]]) -> io::Result<()> {
    if path.symlink_metadata().is_ok() {
        make_durable(disk, root, path)?;
        return Err(ErrorKind::AlreadyExists.into());
    }
    let (file, staging) = stage(disk, path)?;
    let created = fill(disk, &file, bytes)
        .and_then(|()| disk.link(&staging, path))
        .and_then(|()| sync_chain(disk, root, path));
    // What stays behind is no object, and is swept some day.
    drop(disk.remove_file(&staging));
    match created {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            make_durable(disk, root, path)?;
            Err(error)
        }
        created => created,
    }
}

/// Makes an existing file durable: its bytes, its name, and the folders that it is in.
pub(super) fn make_durable(disk: &dyn Disk, root: &Path, path: &Path) -> io::Result<()> {
    disk.sync(&disk.open(path, Open::Read)?)?;
    sync_chain(disk, root, path)
}

fn fill(disk: &dyn Disk, file: &File, bytes: &[&[u8]]) -> io::Result<()> {
    let mut at = 0;
    for piece in bytes {
        disk.write(file, piece, at)?;
        at += piece.len() as u64;
    }
    disk.sync(file)
}

/// A new file beside `path`, named as the object store names such: listings pass over it.
fn stage(disk: &dyn Disk, path: &Path) -> io::Result<(File, PathBuf)> {
    for number in 1..=STAGING_TRIES {
        let mut name = path.as_os_str().to_owned();
        name.push(format!("#{number}"));
        let staging = PathBuf::from(name);
        match disk.open(&staging, Open::New) {
            Ok(file) => return Ok((file, staging)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                create_dirs(disk, path.parent().ok_or(error)?)?;
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!(
        "{STAGING_TRIES} unfinished files lie beside it; remove {}#*",
        path.display()
    )))
}
