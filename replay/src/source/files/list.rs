//! Which files are a log, and in which order. Blocks; depends on `log-core` for the names of segments.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use log_core::layout::{Gap, TAIL};
use log_core::segment::SegmentName;

use crate::source::cut::SEGMENT_BYTES_MAX;
use crate::source::error::SourceError;

/// Where the files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source) enum Layout {
    /// `maintner-*.mutlog` in a folder.
    Disk(PathBuf),
    /// One file.
    Single(PathBuf),
    /// `NNNN.<sha224>.mutlog` and `NNNN.growing.mutlog` in a folder.
    Copy(PathBuf),
}

/// One segment's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogFile {
    pub(super) path: PathBuf,
    pub(super) len: u64,
    /// What its name says.
    pub(super) sha224: Option<[u8; 28]>,
    /// Whether it may get another name when it is complete.
    growing: bool,
}

impl LogFile {
    /// Whether it is the file that `before` was, as far as names say.
    pub(super) fn goes_on(&self, before: &Self) -> bool {
        self.path == before.path || before.growing
    }

    /// Its name, if that says its digest.
    pub(super) fn name(&self, number: u32) -> Option<SegmentName> {
        let name = |sha224| SegmentName { number, sha224 };
        self.sha224.map(name)
    }
}

impl Layout {
    /// What log the path is, if it is one in files: a stream's folder, or one that could become one, is not.
    pub(in crate::source) fn of(path: &Path) -> Result<Option<Self>, SourceError> {
        let found = fs::metadata(path).map_err(SourceError::io("look at", path))?;
        if !found.is_dir() {
            return Ok(Some(Self::Single(path.to_owned())));
        }
        if path.join(TAIL).is_dir() {
            return Ok(None);
        }
        let names = names_in(path)?;
        let has_day = names.iter().any(|name| is_disk(name));
        let has_growing = names.iter().any(|name| growing(name).is_some());
        let has_sealed = names.iter().any(|name| SegmentName::parse(name).is_some());
        let path = path.to_owned();
        match (has_day, has_growing, has_sealed) {
            (true, false, false) => Ok(Some(Self::Disk(path))),
            (true, ..) => Err(SourceError::TwoLogs { path }),
            (false, true, _) => Ok(Some(Self::Copy(path))),
            (false, false, _) => Ok(None),
        }
    }
}

/// The log's files, by segment.
pub(super) fn list(layout: &Layout) -> Result<Vec<LogFile>, SourceError> {
    let files = match layout {
        Layout::Single(path) => {
            let len = fs::metadata(path)
                .map_err(SourceError::io("look at", path))?
                .len();
            vec![LogFile {
                path: path.clone(),
                len,
                sha224: None,
                growing: false,
            }]
        }
        Layout::Disk(folder) => disk(folder)?,
        Layout::Copy(folder) => copy(folder)?,
    };
    match files.iter().find(|file| file.len > SEGMENT_BYTES_MAX) {
        Some(file) => Err(SourceError::TooLong {
            file: file.path.display().to_string(),
            size: file.len,
            max: SEGMENT_BYTES_MAX,
        }),
        None => Ok(files),
    }
}

fn disk(folder: &Path) -> Result<Vec<LogFile>, SourceError> {
    // All names first: then a file's length is its last if another was there before it was looked at.
    let mut names = names_in(folder)?;
    names.retain(|name| is_disk(name));
    names.sort();
    let mut files = Vec::with_capacity(names.len());
    for name in names {
        let path = folder.join(name);
        let found = fs::metadata(&path).map_err(SourceError::io("look at", &path))?;
        if found.is_file() {
            files.push(LogFile {
                path,
                len: found.len(),
                sha224: None,
                growing: false,
            });
        }
    }
    Ok(files)
}

/// Of several files of one segment the latest is meant, but one that names its digest always before a growing one.
fn copy(folder: &Path) -> Result<Vec<LogFile>, SourceError> {
    let mut found: BTreeMap<u32, ((bool, SystemTime), LogFile)> = BTreeMap::new();
    for name in names_in(folder)? {
        let sealed = SegmentName::parse(&name);
        let Some(number) = sealed.map(|name| name.number).or_else(|| growing(&name)) else {
            continue;
        };
        let path = folder.join(name);
        let meta = match fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue, // renamed meanwhile
            meta => meta.map_err(SourceError::io("look at", &path))?,
        };
        let modified = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let rank = (sealed.is_some(), modified);
        let file = LogFile {
            path,
            len: meta.len(),
            sha224: sealed.map(|name| name.sha224),
            growing: sealed.is_none(),
        };
        match found.get(&number) {
            Some((other, _)) if *other >= rank => {}
            _ => drop(found.insert(number, (rank, file))),
        }
    }
    let missing = (0..).zip(found.keys()).find(|&(want, &have)| want != have);
    if let (Some((missing, _)), Some(&present)) = (missing, found.keys().next_back()) {
        return Err(SourceError::Gap {
            place: folder.display().to_string(),
            source: Gap { missing, present },
        });
    }
    Ok(found.into_values().map(|(_, file)| file).collect())
}

/// Names of a folder; one that is no text is none of a log's.
fn names_in(folder: &Path) -> Result<Vec<String>, SourceError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(SourceError::io("list", folder))? {
        let entry = entry.map_err(SourceError::io("list", folder))?;
        names.extend(entry.file_name().into_string());
    }
    Ok(names)
}

fn is_disk(name: &str) -> bool {
    name.starts_with("maintner-") && name.ends_with(".mutlog")
}

/// The number of `NNNN.growing.mutlog`.
fn growing(name: &str) -> Option<u32> {
    let number = name.strip_suffix(".growing.mutlog")?;
    let parsed = number.parse().ok()?;
    (format!("{parsed:04}") == number).then_some(parsed)
}
