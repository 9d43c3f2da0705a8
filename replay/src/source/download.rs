//! Local copies of the sealed segments of a stream whose store has no files, such as a cloud's.
//!
//! Each is fetched once, checked against its name, written under another name and renamed, and then mapped. A file
//! that was checked, and has the size and the time that it had then, is not checked again: the file `checked` lists
//! such. Others are hashed, and fetched again if they are not what their name says. The next segments are fetched
//! ahead. Several processes may share a folder. Depends on the stream.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use log_core::Stream;
use log_core::layout::Sealed;
use tokio::task::JoinHandle;

use super::cache::make_private;
use super::cut::{check_digest, map_file};
use super::error::{SourceError, blocking};
use crate::segments::SegmentBytes;

/// Segments that are fetched at the same time, the one that is waited for included. Each may take as much memory
/// as a segment has bytes.
const FETCHES_MAX: u32 = 4;
/// The list of checked files.
const CHECKED: &str = "checked";
/// The longest such list that is read.
const CHECKED_BYTES_MAX: u64 = 64 << 20;
/// How the names of unfinished files begin.
const UNFINISHED: &str = "tempseg-";
/// An unfinished file that is as old is nobody's any more.
const UNFINISHED_AGE: Duration = Duration::from_secs(24 * 60 * 60);

type Fetch = JoinHandle<Result<Option<SegmentBytes>, SourceError>>;

/// The folder of copies.
#[derive(Debug)]
pub(super) struct Downloads {
    shared: Arc<Shared>,
    /// What is being fetched, or was, by segment.
    fetches: BTreeMap<u32, (Sealed, Fetch)>,
}

#[derive(Debug)]
struct Shared {
    place: String,
    folder: PathBuf,
    /// Whether every file is hashed, known or not.
    verify: bool,
    /// Size and time of files, when they were checked.
    checked: Mutex<HashMap<String, Stamp>>,
}

/// Size of a file, and when it was changed, in nanoseconds since 1970.
type Stamp = (u64, u128);

impl Downloads {
    /// Opens the folder, and makes it if there is none.
    pub(super) async fn open(
        place: String,
        folder: PathBuf,
        verify: bool,
    ) -> Result<Self, SourceError> {
        let shared = blocking("opening the cache", move || {
            make_private(&folder).map_err(SourceError::io("make the folder", &folder))?;
            sweep(&folder);
            Ok(Shared {
                place,
                verify,
                checked: Mutex::new(read_checked(&folder)),
                folder,
            })
        })
        .await?;
        Ok(Self {
            shared: Arc::new(shared),
            fetches: BTreeMap::new(),
        })
    }

    /// A sealed segment's bytes, mapped; `None` if the stream has another object by now. May be dropped at any
    /// time; what is under way goes on.
    pub(super) async fn segment(
        &mut self,
        stream: &Stream,
        sealed: Sealed,
    ) -> Result<Option<SegmentBytes>, SourceError> {
        let number = sealed.name.number;
        // What lies before, or is another object by now, nobody will ask for.
        self.fetches.retain(|&of, (fetched, fetch)| {
            let wanted = of > number || (of == number && *fetched == sealed);
            if !wanted {
                fetch.abort();
            }
            wanted
        });
        let last = number.saturating_add(FETCHES_MAX - 1);
        for ahead in (number..=last).map_while(|ahead| stream.sealed(ahead)) {
            let start = || (ahead, self.shared.clone().start(stream.clone(), ahead));
            self.fetches.entry(ahead.name.number).or_insert_with(start);
        }
        let Some((_, fetch)) = self.fetches.get_mut(&number) else {
            return Ok(None);
        };
        // Awaited in its place, so that who is cancelled here finds it again.
        let fetched = fetch.await;
        self.fetches.remove(&number);
        fetched.map_err(|source| SourceError::Stopped {
            what: "fetching a segment",
            source,
        })?
    }
}

impl Drop for Downloads {
    fn drop(&mut self) {
        for (_, fetch) in self.fetches.values() {
            fetch.abort();
        }
    }
}

impl Shared {
    fn start(self: Arc<Self>, stream: Stream, sealed: Sealed) -> Fetch {
        tokio::spawn(async move {
            let shared = self.clone();
            let kept = blocking("looking into the cache", move || Ok(shared.kept(sealed)));
            if let Some(kept) = kept.await? {
                return Ok(Some(kept));
            }
            let bytes = stream.sealed_bytes(sealed.name).await;
            let bytes = bytes.map_err(|source| SourceError::read(&self.place, source))?;
            let Some(bytes) = bytes else { return Ok(None) };
            blocking("writing to the cache", move || self.keep(sealed, &bytes)).await
        })
    }

    /// The copy, if there is a sound one. Why there is none does not matter: then it is fetched.
    fn kept(&self, sealed: Sealed) -> Option<SegmentBytes> {
        let name = sealed.name.to_string();
        let path = self.folder.join(&name);
        let stamp = stamp(&path).ok().filter(|stamp| stamp.0 == sealed.size)?;
        let bytes = map_file(&path, sealed.size).ok()??;
        if self.is_checked(&name, stamp) && !self.verify {
            return Some(bytes);
        }
        if let Err(error) = check_digest(&bytes, sealed.name, &path) {
            tracing::warn!("{error}; fetching it again");
            return None;
        }
        self.note_checked(name, stamp);
        Some(bytes)
    }

    /// Writes checked bytes as a copy.
    fn keep(&self, sealed: Sealed, bytes: &Bytes) -> Result<Option<SegmentBytes>, SourceError> {
        let name = sealed.name.to_string();
        let path = self.folder.join(&name);
        let wrote = || -> io::Result<()> {
            let mut file = tempfile::Builder::new()
                .prefix(UNFINISHED)
                .tempfile_in(&self.folder)?;
            file.write_all(bytes)?;
            // Its size and time will be taken for its bytes, also after a power cut.
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        wrote().map_err(SourceError::io("write", &path))?;
        let stamp = stamp(&path).map_err(SourceError::io("look at", &path))?;
        self.note_checked(name, stamp);
        map_file(&path, sealed.size)
    }

    fn is_checked(&self, name: &str, stamp: Stamp) -> bool {
        let checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        checked.get(name) == Some(&stamp)
    }

    /// Notes it for this process and the next ones. If that fails, they check again.
    fn note_checked(&self, name: String, stamp: Stamp) {
        let path = self.folder.join(CHECKED);
        let line = format!("{name} {} {}\n", stamp.0, stamp.1);
        let noted = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(line.as_bytes()));
        if let Err(error) = noted {
            tracing::debug!(path = %path.display(), "cannot note what was checked: {error}");
        }
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        checked.insert(name, stamp);
    }
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let found = fs::symlink_metadata(path)?;
    let modified = found.modified()?.duration_since(UNIX_EPOCH);
    Ok((found.len(), modified.unwrap_or_default().as_nanos()))
}

/// What earlier processes checked. A line that makes no sense is nothing.
fn read_checked(folder: &Path) -> HashMap<String, Stamp> {
    let mut text = String::new();
    let read = File::open(folder.join(CHECKED)).and_then(|file| {
        io::Read::read_to_string(&mut io::Read::take(file, CHECKED_BYTES_MAX), &mut text)
    });
    if read.is_err() {
        return HashMap::new();
    }
    let parse = |line: &str| {
        let mut parts = line.split(' ');
        let name = parts.next()?.to_owned();
        let stamp = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some((name, stamp))
    };
    text.lines().filter_map(parse).collect()
}

/// Removes what processes left that were killed while they wrote.
fn sweep(folder: &Path) {
    let old = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let unfinished = name
            .to_str()
            .is_some_and(|name| name.starts_with(UNFINISHED));
        let modified = entry.metadata().and_then(|found| found.modified());
        let age = |time| SystemTime::now().duration_since(time).ok();
        unfinished
            && modified
                .ok()
                .and_then(age)
                .is_some_and(|age| age > UNFINISHED_AGE)
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if old(&entry) {
            drop(fs::remove_file(entry.path()));
        }
    }
}
