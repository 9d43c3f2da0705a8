//! The files of a commit as a gzipped tar, written while they are read. Depends on [`crate::tree`].

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::{Compression, GzBuilder, write::GzEncoder};
use gix::objs::Kind;
use proto::GitHash;
use tar::{EntryType, Header};

use crate::objects::Objects;
use crate::quote::quoted;
use crate::tree::{EntryKind, RawEntry, commit_tree, entries};
use crate::tree_diff::{PATH_BYTES_MAX, joined};
use crate::{Error, Repository};

/// Longest target of a symbolic link, in bytes.
const LINK_BYTES_MAX: u64 = 4096;

/// See [`Repository::archive`].
pub(crate) fn write(
    repository: &Repository,
    commit: &GitHash,
    out: &mut dyn Write,
    cancel: &AtomicBool,
) -> Result<u64, Error> {
    let mut objects = repository.objects();
    let (tree, time) = commit_tree(&mut objects, commit)?;
    // No name and no time in the gzip header, so that the bytes depend on the commit only.
    let gzip = GzBuilder::new().write(Counting { out, bytes: 0 }, Compression::default());
    let mut archive = Archive {
        tar: tar::Builder::new(gzip),
        commit,
        time,
    };
    // The next entry is the last one.
    let mut pending = archive.directory(&mut objects, &tree, &[])?;
    while let Some((path, entry)) = pending.pop() {
        if cancel.load(Ordering::Relaxed) {
            return Err(Error::Cancelled {
                doing: format!("archiving commit {commit} of {}", repository.name()),
            });
        }
        archive.append(&mut objects, &path, &entry)?;
        if entry.kind == EntryKind::Directory {
            pending.extend(archive.directory(&mut objects, &entry.hash, &path)?);
        }
    }
    archive.finish().map_err(|source| Error::Archive {
        commit: *commit,
        source,
    })
}

struct Archive<'a> {
    tar: tar::Builder<GzEncoder<Counting<'a>>>,
    commit: &'a GitHash,
    /// Of every entry, in seconds since 1970.
    time: u64,
}

impl Archive<'_> {
    /// What a directory has, with full paths, last one first. Whoever unpacks the archive trusts it, so names that git
    /// itself refuses to check out are refused here.
    fn directory(
        &self,
        objects: &mut Objects<'_>,
        tree: &GitHash,
        path: &[u8],
    ) -> Result<Vec<(Vec<u8>, RawEntry)>, Error> {
        let entries = entries(objects, tree)?;
        let mut names = HashSet::with_capacity(entries.len());
        for RawEntry { name, .. } in &entries {
            let problem = if matches!(name.as_slice(), b"" | b"." | b"..")
                || name.contains(&b'/')
                || name.eq_ignore_ascii_case(b".git")
            {
                "an entry with the forbidden name"
            } else if !names.insert(name) {
                "two entries with the name"
            } else if path.len() + 1 + name.len() > PATH_BYTES_MAX {
                "an entry whose path is longer than 4096 bytes, with the name"
            } else {
                continue;
            };
            return Err(objects.corrupt(tree, format!("it has {problem} {}", quoted(name))));
        }
        Ok(entries
            .into_iter()
            .rev()
            .map(|entry| (joined(path, &entry.name), entry))
            .collect())
    }

    fn append(
        &mut self,
        objects: &mut Objects<'_>,
        path: &[u8],
        entry: &RawEntry,
    ) -> Result<(), Error> {
        let mut header = Header::new_gnu();
        header.set_mtime(self.time);
        header.set_mode(if entry.kind == EntryKind::File {
            0o644
        } else {
            0o755
        });
        header.set_size(0);
        let mut data = Vec::new();
        let named = gix::path::from_byte_slice(path).map_err(|_| {
            objects.corrupt(&entry.hash, format!("{} is no path here", quoted(path)))
        })?;
        let written = match entry.kind {
            EntryKind::File | EntryKind::Executable => {
                objects.read(&entry.hash, Kind::Blob, &mut data)?;
                header.set_entry_type(EntryType::Regular);
                header.set_size(data.len() as u64);
                self.tar.append_data(&mut header, named, data.as_slice())
            }
            EntryKind::Directory | EntryKind::Submodule => {
                header.set_entry_type(EntryType::Directory);
                self.tar
                    .append_data(&mut header, directory_path(named), io::empty())
            }
            EntryKind::Symlink => {
                let target = self.link_target(objects, &entry.hash)?;
                let target = gix::path::from_byte_slice(&target).map_err(|_| {
                    objects.corrupt(&entry.hash, "the link's target is no path here")
                })?;
                header.set_entry_type(EntryType::Symlink);
                self.tar.append_link(&mut header, named, target)
            }
        };
        written.map_err(|source| Error::Archive {
            commit: *self.commit,
            source,
        })
    }

    fn link_target(&self, objects: &mut Objects<'_>, hash: &GitHash) -> Result<Vec<u8>, Error> {
        let mut target = Vec::new();
        if objects.size(hash, Kind::Blob)? > LINK_BYTES_MAX {
            return Err(objects.corrupt(hash, "the link's target is longer than 4096 bytes"));
        }
        objects.read(hash, Kind::Blob, &mut target)?;
        if target.is_empty() || target.contains(&0) {
            return Err(objects.corrupt(hash, "the link's target is empty or has a NUL"));
        }
        Ok(target)
    }

    fn finish(self) -> io::Result<u64> {
        let mut counting = self.tar.into_inner()?.finish()?;
        counting.flush()?;
        Ok(counting.bytes)
    }
}

/// The path with a `/` at its end, by which old tars know a directory.
fn directory_path(path: &Path) -> std::path::PathBuf {
    path.join("")
}

struct Counting<'a> {
    out: &'a mut dyn Write,
    bytes: u64,
}

impl Write for Counting<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.out.write(data)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
