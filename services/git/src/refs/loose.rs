//! Loose refs: a file per ref, below `refs/`. Depends on nothing but the file system.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::Target;
use crate::Error;

/// A loose ref is a hash, or the name of another ref: longer files are not read, in bytes.
const FILE_BYTES_MAX: u64 = 4096;
/// Depth of directories below `refs/`. git has no limit; paths have.
const DEPTH_MAX: usize = 1024;

/// The loose refs found so far.
#[derive(Default)]
pub(crate) struct Loose {
    pub(crate) targets: HashMap<Vec<u8>, Target>,
    /// Files that are neither a hash nor a ref.
    pub(crate) broken: usize,
}

impl Loose {
    /// Adds all refs of a directory, such as `refs/heads/`, and of those in it.
    pub(crate) fn list(&mut self, common_dir: &Path, prefix: &str) -> Result<(), Error> {
        let mut pending = vec![(common_dir.join(prefix), prefix.as_bytes().to_vec(), 0)];
        while let Some((dir, prefix, depth)) = pending.pop() {
            let entries = match std::fs::read_dir(&dir) {
                Ok(entries) => entries,
                Err(error) if is_gone(&error) => continue,
                Err(source) => return Err(Error::File { path: dir, source }),
            };
            for entry in entries {
                let entry = entry.map_err(|source| Error::File {
                    path: dir.clone(),
                    source,
                })?;
                let mut name = prefix.clone();
                name.extend_from_slice(entry.file_name().as_encoded_bytes());
                let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_dir && depth < DEPTH_MAX {
                    name.push(b'/');
                    pending.push((entry.path(), name, depth + 1));
                } else if !is_dir && !name.ends_with(b".lock") {
                    self.read(entry.path(), name)?;
                }
            }
        }
        Ok(())
    }

    /// Adds one ref, if it has a file. The name must be one that stays inside of the directory.
    pub(crate) fn look_up(&mut self, common_dir: &Path, name: &[u8]) -> Result<(), Error> {
        match gix::path::from_byte_slice(name) {
            Ok(path) => self.read(common_dir.join(path), name.to_vec()),
            Err(_) => Ok(()),
        }
    }

    fn read(&mut self, path: PathBuf, name: Vec<u8>) -> Result<(), Error> {
        match read_small(&path) {
            Ok(bytes) => match Target::parse(&bytes) {
                Some(target) => drop(self.targets.insert(name, target)),
                None => self.broken += 1,
            },
            // Deleted, packed, or replaced by a directory since it was listed.
            Err(error) if is_gone(&error) => {}
            Err(source) => return Err(Error::File { path, source }),
        }
        Ok(())
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory
    )
}

/// The first bytes of a file.
pub(crate) fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(64);
    File::open(path)?
        .take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
