//! The bare work that an append to local files can't be faster than: plain writes and syncs of the same batches, on
//! the same disk, by one thread that does nothing else. Depends on the standard library only.

use anyhow::{Context as _, Result};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// What a run of batches took.
#[derive(Debug, Default)]
pub(super) struct Took {
    pub(super) all: Duration,
    /// One for each batch.
    pub(super) each: Vec<Duration>,
}

/// Writes each batch as a new file of its own, made durable with a sync of the file and one of its folder.
pub(super) fn files(folder: &Path, bytes: &[u8], batches: &[usize]) -> Result<Took> {
    std::fs::create_dir_all(folder).context("cannot make a folder")?;
    let handle = File::open(folder).context("cannot open a folder")?;
    let mut number = 0u64;
    timed(batches, |length| {
        number += 1;
        let path = folder.join(format!("{number:016x}"));
        let mut file = File::create_new(path)?;
        file.write_all(&bytes[..length])?;
        file.sync_all()?;
        handle.sync_all()
    })
}

/// Appends each batch to one open file, made durable with `fdatasync`.
pub(super) fn one_file(path: &Path, bytes: &[u8], batches: &[usize]) -> Result<Took> {
    let mut options = OpenOptions::new();
    let mut file = options
        .append(true)
        .create_new(true)
        .open(path)
        .context("cannot make a file")?;
    timed(batches, |length| {
        file.write_all(&bytes[..length])?;
        file.sync_data()
    })
}

fn timed(batches: &[usize], mut put: impl FnMut(usize) -> std::io::Result<()>) -> Result<Took> {
    let mut took = Took::default();
    let began = Instant::now();
    for &length in batches {
        let put_began = Instant::now();
        put(length).context("cannot write")?;
        took.each.push(put_began.elapsed());
    }
    took.all = began.elapsed();
    Ok(took)
}
