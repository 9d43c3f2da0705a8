//! Local streams of a given shape, and putting their tail back after an opening has added to it. Depends on `log-core`
//! and on where its local store has the files: below the prefix, the tail in a folder of its own.

use anyhow::{Context as _, Result};
use log_core::LocalStore;
use log_core::frame::encode;
use log_core::layout::batch_path;
use log_core::segment::{SEGMENT_BYTES_MAX, SegmentName};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore as _, PutMode, PutOptions};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::super::payload::Letters;

/// What a stream holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Sealed segments, all full.
    sealed: u32,
    /// Batches of one record in the open segment, and bytes of each.
    batches: usize,
    record_bytes: usize,
}

impl Shape {
    pub(super) const fn new(sealed: u32, batches: usize, record_bytes: usize) -> Self {
        Self {
            sealed,
            batches,
            record_bytes,
        }
    }
}

/// Makes a stream of this shape, or makes one of it that has fewer sealed segments and no tail.
pub(super) async fn make(folder: &Path, prefix: &str, shape: Shape) -> Result<()> {
    let below = folder.join(prefix);
    fs::create_dir_all(&below).context("cannot make a folder")?;
    let there = list(&below)?;
    for number in there as u32..shape.sealed {
        let bytes = segment(number);
        let path = below.join(SegmentName::of(number, &bytes).to_string());
        fs::write(path, bytes).context("cannot write a segment")?;
    }
    // What is written here must not be on its way to the disk while something is timed.
    for entry in fs::read_dir(&below).context("cannot list a folder")? {
        let file = File::open(entry?.path()).context("cannot open a segment")?;
        file.sync_all().context("cannot sync a segment")?;
    }
    let store = LocalStore::open(folder)?;
    let mut letters = Letters::new(11);
    let mut offset = 0;
    for number in 0..shape.batches {
        let mut batch = Vec::new();
        let payload = letters.mutation(number as i32, shape.record_bytes);
        encode(&mut batch, offset, &payload);
        let path = ObjectPath::from(format!("{prefix}/{}", batch_path(shape.sealed, offset)));
        offset += batch.len() as u64;
        let options = PutOptions::from(PutMode::Create);
        store.put_opts(&path, batch.into(), options).await?;
    }
    Ok(())
}

/// A full segment of records of 1 KB; what they are is nobody's concern here.
fn segment(number: u32) -> Vec<u8> {
    let mut letters = Letters::new(u64::from(number) + 1);
    let payload = letters.mutation(1, 1000);
    let mut bytes = Vec::with_capacity(SEGMENT_BYTES_MAX as usize);
    while bytes.len() + payload.len() + 40 <= SEGMENT_BYTES_MAX as usize {
        let offset = bytes.len() as u64;
        encode(&mut bytes, offset, &payload);
    }
    bytes
}

/// The plain way to list a stream: every file's name and size. Gives how many there are, folders' files included.
pub(super) fn list(folder: &Path) -> Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(folder).context("cannot list a folder")? {
        let entry = entry.context("cannot list a folder")?;
        if entry.metadata().context("cannot look at a file")?.is_dir() {
            count += list(&entry.path())?;
        } else {
            count += 1;
        }
    }
    Ok(count)
}

/// A stream's files but for its first sealed segments: with their bytes if they are in the tail.
#[derive(Debug)]
pub(super) struct Before {
    sealed: Vec<PathBuf>,
    tail: Vec<(PathBuf, Vec<u8>)>,
}

/// Remembers a stream.
pub(super) fn tail_as_it_is(below: &Path) -> Result<Before> {
    let mut tail = Vec::new();
    for path in files(&below.join("tail"))? {
        let bytes = fs::read(&path).context("cannot read the tail")?;
        tail.push((path, bytes));
    }
    let sealed = files_directly(below)?;
    Ok(Before { sealed, tail })
}

/// Makes the stream what it was.
pub(super) fn put_back(below: &Path, before: &Before) -> Result<()> {
    for path in files_directly(below)? {
        if !before.sealed.contains(&path) {
            fs::remove_file(path).context("cannot remove a segment")?;
        }
    }
    remove_folder(&below.join("tail"))?;
    for (path, bytes) in &before.tail {
        let folder = path.parent().unwrap_or(below);
        fs::create_dir_all(folder).context("cannot make a folder")?;
        fs::write(path, bytes).context("cannot write the tail")?;
        let file = File::open(path).context("cannot open the tail")?;
        file.sync_all().context("cannot sync the tail")?;
        let folder = File::open(folder).context("cannot open a folder")?;
        folder.sync_all().context("cannot sync a folder")?;
    }
    let folder = File::open(below).context("cannot open a folder")?;
    folder.sync_all().context("cannot sync a folder")
}

/// Leaves the sealed segments alone.
pub(super) fn remove_tail(below: &Path) -> Result<()> {
    remove_folder(&below.join("tail"))
}

fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).context("cannot remove the tail")
        }
        _ => Ok(()),
    }
}

fn files_directly(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).context("cannot list a folder")? {
        let path = entry.context("cannot list a folder")?.path();
        if path.is_file() {
            found.push(path);
        }
    }
    Ok(found)
}

/// All files in a folder and below; none if there is no such folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = files_directly(folder)?;
    for entry in fs::read_dir(folder).context("cannot list a folder")? {
        let path = entry.context("cannot list a folder")?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        }
    }
    Ok(found)
}
