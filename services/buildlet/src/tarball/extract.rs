//! Unpacking a gzipped tar into the workdir. The archive is hostile until shown
//! otherwise: every name is checked and reached without leaving the workdir, links
//! may only point into it, sizes must be what the headers say, and the whole is
//! bounded. Blocking.
//!
//! Of a file's mode only the permission bits count, directories get 0755, times
//! in the future become now, owners are ignored. What is not a file, directory or
//! link is refused.

mod extension;

use std::{
    ffi::OsStr,
    fs, io,
    io::{Read, Write},
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::{Component, Path},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use flate2::read::MultiGzDecoder;
use tar::EntryType;

use crate::{
    files::{create, set_mode},
    relative::{BadPath, Relative},
    workdir::{PlaceError, Workdir, clear},
};

use extension::Overrides;

/// Where an archive goes, and how much of it.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) workdir: Workdir,
    /// The directory in the workdir that the archive's names are relative to.
    pub(super) dir: Relative,
    /// Bytes of the unpacked tar.
    pub(super) bytes_max: u64,
    pub(super) entries_max: u64,
}

/// An archive that was not unpacked to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExtractError {
    /// It is no gzipped tar, or is broken off.
    #[error("cannot read the archive")]
    Read { source: io::Error },
    /// An entry's name is refused.
    #[error("archive entry: {bad}")]
    Name { bad: BadPath },
    /// An entry is refused.
    #[error("archive entry {name}: {reason}")]
    Entry { name: String, reason: String },
    /// It has more bytes or entries than allowed.
    #[error("the archive unpacks to more than {limit} {unit}")]
    TooLarge { limit: u64, unit: &'static str },
    /// An entry's place in the workdir cannot be used.
    #[error(transparent)]
    Place(#[from] PlaceError),
}

/// Unpacks an archive. Entries before a bad one stay where they are.
pub(super) fn extract(archive: impl Read, target: &Target) -> Result<(), ExtractError> {
    let mut tar_bytes = Capped {
        inner: MultiGzDecoder::new(archive),
        left: target.bytes_max,
        is_over: false,
    };
    let extracted = extract_tar(&mut tar_bytes, target);
    if tar_bytes.is_over {
        return Err(ExtractError::TooLarge {
            limit: target.bytes_max,
            unit: "bytes",
        });
    }
    extracted
}

fn extract_tar(tar_bytes: &mut impl Read, target: &Target) -> Result<(), ExtractError> {
    target.workdir.make_dir(&target.dir)?;
    let now = SystemTime::now();
    let mut archive = tar::Archive::new(&mut *tar_bytes);
    // Raw: the tar crate would read a long name of any length into memory.
    let entries = archive.entries().map_err(read_error)?.raw(true);
    let mut overrides = Overrides::default();
    for (count, entry) in (1..).zip(entries) {
        if count > target.entries_max {
            return Err(ExtractError::TooLarge {
                limit: target.entries_max,
                unit: "entries",
            });
        }
        let mut entry = entry.map_err(read_error)?;
        if overrides.take(&mut entry)? {
            continue;
        }
        let overrides = std::mem::take(&mut overrides);
        extract_entry(&mut entry, &overrides, target, now)?;
    }
    // To the very end, so that the checksums of gzip are looked at too.
    io::copy(tar_bytes, &mut io::sink()).map_err(read_error)?;
    Ok(())
}

fn extract_entry<R: Read>(
    entry: &mut tar::Entry<'_, R>,
    overrides: &Overrides,
    target: &Target,
    now: SystemTime,
) -> Result<(), ExtractError> {
    let header = entry.header().clone();
    let raw_name = overrides
        .name
        .clone()
        .unwrap_or_else(|| header.path_bytes().into());
    let name = Relative::path(&raw_name).map_err(|bad| ExtractError::Name { bad })?;
    let refused = |reason: String| ExtractError::Entry {
        name: name.to_string(),
        reason,
    };
    let place = target.dir.join(&name);
    let link = || -> Vec<u8> {
        let in_header = || header.link_name_bytes().map(Into::into);
        overrides
            .link
            .clone()
            .or_else(in_header)
            .unwrap_or_default()
    };
    match header.entry_type() {
        EntryType::Directory => target.workdir.make_dir(&place).map(drop)?,
        // Before there was a type for directories they were files with a slash.
        EntryType::Regular if raw_name.ends_with(b"/") => {
            target.workdir.make_dir(&place).map(drop)?;
        }
        EntryType::Regular => {
            let size = header.entry_size().map_err(read_error)?;
            if overrides.size.is_some_and(|other| other != size) {
                return Err(refused("two headers disagree on its size".into()));
            }
            write_file(entry, size, &place, target, now)?;
        }
        EntryType::Symlink => make_symlink(&link(), &place, target).map_err(|e| e.of(&name))?,
        EntryType::Link => make_hard_link(&link(), &place, target).map_err(|e| e.of(&name))?,
        other => return Err(refused(format!("type {other:?} is not taken"))),
    }
    Ok(())
}

fn write_file<R: Read>(
    entry: &mut tar::Entry<'_, R>,
    size: u64,
    place: &Relative,
    target: &Target,
    now: SystemTime,
) -> Result<(), ExtractError> {
    let header = entry.header().clone();
    let mode = header.mode().map_err(read_error)?;
    let time = header.mtime().map_err(read_error)?;
    let (path, mut file) = create(&target.workdir, place)?;
    let mut left = size;
    let mut buffer = vec![0; 64 << 10];
    while left > 0 {
        let count = entry.read(&mut buffer).map_err(read_error)?;
        if count == 0 {
            return Err(ExtractError::Entry {
                name: place.to_string(),
                reason: format!("{left} of its {size} bytes are missing"),
            });
        }
        let written = file.write_all(&buffer[..count]);
        written.map_err(PlaceError::io("write", &path))?;
        left = left.saturating_sub(count as u64);
    }
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(time));
    let time = time.map_or(now, |time| time.min(now));
    set_mode(&file, mode)
        .and_then(|()| file.set_modified(time))
        .map_err(PlaceError::io("set mode and time of", &path))?;
    Ok(())
}

/// Why a link was not made.
enum LinkError {
    Refused(String),
    Place(PlaceError),
}

impl From<PlaceError> for LinkError {
    fn from(error: PlaceError) -> Self {
        Self::Place(error)
    }
}

impl LinkError {
    fn of(self, name: &Relative) -> ExtractError {
        match self {
            Self::Place(error) => ExtractError::Place(error),
            Self::Refused(reason) => ExtractError::Entry {
                name: name.to_string(),
                reason,
            },
        }
    }
}

/// A symlink may climb, but not out of the workdir, and only at its start: after
/// another link, `..` leads elsewhere than its text says.
fn make_symlink(link: &[u8], place: &Relative, target: &Target) -> Result<(), LinkError> {
    let shown = String::from_utf8_lossy(link);
    let link = Path::new(OsStr::from_bytes(link));
    if link.as_os_str().is_empty() || link.as_os_str().as_bytes().contains(&0) {
        return Err(LinkError::Refused(format!(
            "its symlink to {shown:?} is no path"
        )));
    }
    let root = target.workdir.root();
    let path = target.workdir.path_for_file(place)?;
    let parent = path
        .parent()
        .and_then(|above| above.strip_prefix(root).ok());
    let mut depth = parent.map_or(0, |above| above.components().count());
    let mut is_climbing = true;
    for component in link.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(_) => is_climbing = false,
            Component::ParentDir if is_climbing && depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(LinkError::Refused(format!(
                    "its symlink to {shown:?} could lead out of the workdir"
                )));
            }
        }
    }
    clear(&path)?;
    symlink(link, &path).map_err(PlaceError::io("make the symlink", &path))?;
    Ok(())
}

/// A hard link names a file of the same archive, or one that is there already.
fn make_hard_link(link: &[u8], place: &Relative, target: &Target) -> Result<(), LinkError> {
    let shown = String::from_utf8_lossy(link).into_owned();
    let refused = |why: &str| LinkError::Refused(format!("its hard link to {shown:?} {why}"));
    let name = Relative::path(link).map_err(|_| refused("is no relative path"))?;
    let source = target.dir.join(&name);
    let no_file = || refused("names no regular file");
    let (last, parent) = source.split_last().ok_or_else(no_file)?;
    let parent = target.workdir.find_dir(&parent)?.ok_or_else(no_file)?;
    let source = parent.join(last);
    // A link to a symlink would be one that was never checked in this place.
    if !fs::symlink_metadata(&source).is_ok_and(|found| found.is_file()) {
        return Err(no_file());
    }
    let path = target.workdir.path_for_file(place)?;
    if path == source {
        return Err(refused("names itself"));
    }
    clear(&path)?;
    fs::hard_link(&source, &path).map_err(PlaceError::io("make the hard link", &path))?;
    Ok(())
}

fn read_error(source: io::Error) -> ExtractError {
    ExtractError::Read { source }
}

/// A reader that gives so many bytes and no more.
struct Capped<R> {
    inner: R,
    left: u64,
    is_over: bool,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                self.is_over = true;
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
