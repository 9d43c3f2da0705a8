//! Copying a stream into a folder, in either of the original's layouts.
//!
//! Depends on the stream and the reader. What is in the folder already must be a beginning of what would
//! be written: then it is gone on with. Every file is written under another name, synced, and renamed,
//! so that a file under its own name is always whole.

mod bucket;
mod date;
mod disk;

use crate::error::ReadError;
use crate::stream::Stream;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// How the original lays out a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportLayout {
    /// One file a segment, `NNNN.<sha224>.mutlog`, the open one too: byte for byte the stream's.
    Bucket,
    /// One file a day, `maintner-YYYY-MM-DD.mutlog`, with offsets from 0 in each. The day is that of the
    /// record's meta in UTC, but never before the one of the record before it, since the original reads
    /// the files in the order of their names. A record without meta goes where the one before it went;
    /// if there is none, to the day 1970-01-01.
    Disk,
}

/// What an export did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Files of the log, those included that were there before.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// Why an export did not come to the stream's end. The files that have their names are whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The stream cannot be read.
    #[error("cannot read what is to be exported")]
    Read {
        /// Why.
        source: Box<ReadError>,
    },
    /// A file or the folder cannot be read or written.
    #[error("cannot {what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is there that is no beginning of what belongs there.
    #[error("{path} is not a beginning of this log: it differs at offset {offset:#x}")]
    Differs {
        /// Which.
        path: PathBuf,
        /// Where.
        offset: u64,
    },
    /// A file of a log is there that this log does not have.
    #[error("{path} belongs to another log; export into a folder of its own")]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// A segment's bytes are not those of its name.
    #[error(
        "stream {stream}: {object} does not have the bytes of its name; repair the stream first"
    )]
    Digest {
        /// The stream's name.
        stream: String,
        /// Below the stream's prefix.
        object: String,
    },
    /// The task that wrote died.
    #[error("writing to {path} was broken off")]
    Broken {
        /// The folder.
        path: PathBuf,
        /// How it died.
        source: tokio::task::JoinError,
    },
}

impl From<ReadError> for ExportError {
    fn from(source: ReadError) -> Self {
        let source = Box::new(source);
        Self::Read { source }
    }
}

/// Copies the stream, up to its end as this process knows it, into `dir`, which is made if need be.
/// `progress` is told how many of the stream's bytes are done, and how many there are.
pub async fn export(
    stream: &Stream,
    dir: impl Into<PathBuf>,
    layout: ExportLayout,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Result<Exported, ExportError> {
    let dir = dir.into();
    tokio::fs::create_dir_all(&dir)
        .await
        .map_err(failed("make", &dir))?;
    match layout {
        ExportLayout::Bucket => bucket::export(stream, dir, &mut progress).await,
        ExportLayout::Disk => disk::export(stream, dir, &mut progress).await,
    }
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> ExportError + 'a {
    move |source| ExportError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

/// Runs what blocks elsewhere.
async fn off_runtime<T: Send + 'static>(
    dir: &Path,
    work: impl FnOnce() -> Result<T, ExportError> + Send + 'static,
) -> Result<T, ExportError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|source| ExportError::Broken {
        path: dir.to_owned(),
        source,
    })?
}

/// Names of the folder's log files, of either layout, in order.
fn log_files(dir: &Path) -> Result<Vec<String>, ExportError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed("list", dir))? {
        let entry = entry.map_err(failed("list", dir))?;
        if let Some(name) = entry.file_name().to_str()
            && name.ends_with(".mutlog")
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The name under which a file is written before it has its own.
fn temporary(dir: &Path) -> PathBuf {
    dir.join("export.tmp")
}

/// Gives a whole, written file its name, for good.
fn publish(dir: &Path, written: &File, name: &str) -> Result<(), ExportError> {
    let path = dir.join(name);
    written.sync_all().map_err(failed("sync", &path))?;
    fs::rename(temporary(dir), &path).map_err(failed("name", &path))?;
    let folder = File::open(dir).map_err(failed("sync", dir))?;
    folder.sync_all().map_err(failed("sync", dir))
}
