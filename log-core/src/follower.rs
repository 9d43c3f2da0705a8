//! Following a log over HTTP into a verified local copy (spec 1.5), of an original server or of ours.
//!
//! A [`Follower`] keeps a folder of segments. What it shows, [`Follower::segments`] and
//! [`Follower::records`], was hashed and compared with the server's index, and only ever goes on; a crash at
//! any moment leaves what was shown, and what was fetched beyond it is used by the next start. A folder of an
//! original client can be taken over, and original clients can read ours. Several processes may share one: who
//! fetches holds a lock, the others see what it publishes. A [`Tail`] follows without a copy.
//!
//! What it refuses: a server whose history does not go on from ours ([`FollowError::Split`], until
//! [`Follower::reset`]), and bytes that do not match their hash.
//!
//! ```no_run
//! # async fn example() -> Result<(), log_core::follower::FollowError> {
//! use log_core::follower::{Follower, FollowerOptions};
//! let url = "https://maintner.golang.org/logs";
//! let mut follower = Follower::open(url, "cache", FollowerOptions::default()).await?;
//! let mut position = log_core::Position::START;
//! loop {
//!     let mut records = follower.records(position)?;
//!     while let Some(block) = records.next_block().await? {
//!         println!("{} records at {}", block.frames().count(), block.at);
//!     }
//!     position = records.position();
//!     follower.update().await?;
//! }
//! # }
//! ```
//!
//! Depends on [`crate::index`], [`crate::frame`] and `reqwest`.

mod disk;
mod error;
mod fetch;
mod options;
mod records;
mod remote;
mod round;
mod split;
mod tail;

pub use error::FollowError;
#[doc(hidden)]
pub use options::Fault;
pub use options::{Check, FollowerOptions};
pub use records::{Block, Records};
pub use split::{Extent, Side, common};
pub use tail::Tail;

use crate::position::Position;
use disk::{Disk, Held, Running};
use futures::{StreamExt as _, TryStreamExt as _};
use remote::Remote;
use std::fs::File;
use std::path::{Path, PathBuf};
use tokio::time::Instant;

/// A verified segment of a local copy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalSegment {
    /// From 0, without a gap.
    pub number: u32,
    /// Bytes that are verified. The file may have more, which are not to be read.
    pub size: u64,
    /// Of those bytes, in lower-case hex.
    pub sha224: String,
    /// Whether they are all that the segment will ever have.
    pub frozen: bool,
    /// Where they are. The file gets another name when the segment freezes; see [`LocalSegment::open`].
    pub path: PathBuf,
    other_path: PathBuf,
}

impl LocalSegment {
    /// Opens the file, under whichever name it has now. What was verified of an open file never changes.
    pub fn open(&self) -> Result<File, FollowError> {
        File::open(&self.path)
            .or_else(|_| File::open(&self.other_path))
            .or_else(|_| File::open(&self.path))
            .map_err(disk::failed("open", &self.path))
    }
}

/// What an update brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// Where the copy ended when the last news were given, or at the start.
    pub from: Position,
    /// Where it ends now; the same as `from` if there is nothing new.
    pub tail: Position,
}

/// Keeps a verified local copy of a log.
#[derive(Debug)]
pub struct Follower {
    remote: Remote,
    disk: Disk,
    options: FollowerOptions,
    /// The history that this copy stands for, which the server's must go on from.
    last: Vec<Held>,
    /// The same as it was last read from the folder or written there: the times of files may differ.
    listed: Vec<Held>,
    /// How many of those are here and verified, from the start.
    usable: usize,
    /// The same, for the caller.
    segments: Vec<LocalSegment>,
    /// The hash of the growing file, as far as it was read; only a shortcut.
    running: Option<Running>,
    /// Up to where the caller was told.
    told: Position,
    /// A split that was found: shared and own bytes.
    split: Option<(u64, u64)>,
}

impl Follower {
    /// Opens the copy of the log at `url`, such as `https://host/logs`, in `folder`, which is made if there is
    /// none. Verifies what is cached; asks nothing of the network.
    ///
    /// A growing segment that no list of ours vouches for, such as an original client's, is shown once the
    /// server was asked; frozen ones are checked against their names.
    pub async fn open(
        url: &str,
        folder: impl AsRef<Path>,
        options: FollowerOptions,
    ) -> Result<Self, FollowError> {
        let remote = Remote::new(url, options.clone())?;
        let (folder, fault) = (folder.as_ref().to_owned(), options.fault.clone());
        let disk = blocking("opening", move || Disk::open(&folder, fault)).await?;
        let mut follower = Self {
            remote,
            disk,
            options,
            last: Vec::new(),
            listed: Vec::new(),
            usable: 0,
            segments: Vec::new(),
            running: None,
            told: Position::START,
            split: None,
        };
        let disk = follower.disk.clone();
        let published = blocking("opening", move || disk.read_state()).await?;
        if let Some(state) = published {
            follower.adopt(state).await?;
        } else {
            let disk = follower.disk.clone();
            let named = blocking("opening", move || frozen_by_name(&disk)).await?;
            follower.adopt(named).await?;
            // A name alone is no history.
            follower.last.truncate(follower.usable);
        }
        follower.told = follower.tail();
        Ok(follower)
    }

    /// The log's address.
    pub fn url(&self) -> &str {
        self.remote.url()
    }

    /// Where the verified copy ends.
    pub fn tail(&self) -> Position {
        tail_of(&self.segments)
    }

    /// The verified segments, from the first, for programs that map them.
    pub fn segments(&self) -> &[LocalSegment] {
        &self.segments
    }

    /// The verified records from `from` to the tail as it is now.
    pub fn records(&self, from: Position) -> Result<Records, FollowError> {
        Records::new(&self.segments, from)
    }

    /// Asks the server once and takes what is new. An unreachable server is an error.
    ///
    /// May be dropped at any time; what was fetched by then is used by the next call.
    pub async fn sync(&mut self) -> Result<News, FollowError> {
        self.round(false).await?;
        Ok(self.tell())
    }

    /// Waits for news and takes them. While the server can't be reached or is too busy, it goes on trying.
    ///
    /// May be dropped at any time; news that were taken by then are told by the next call.
    pub async fn update(&mut self) -> Result<News, FollowError> {
        loop {
            if self.told != self.tail() {
                return Ok(self.tell());
            }
            let asked = Instant::now();
            match self.round(true).await {
                Ok(true) if self.told == self.tail() => {
                    // The server did not wait, and should have (spec 1.4.1, 3).
                    tokio::time::sleep(self.options.unchanged_wait).await;
                }
                // So many polls and no more, also of one that does not hold them (spec 1.5.6).
                Ok(false) => tokio::time::sleep_until(asked + self.options.unchanged_wait).await,
                Ok(true) => {}
                Err(error) if error.is_offline() || error.is_busy() => {
                    tracing::info!(url = self.url(), error = %crate::explain(&error), "waiting for the server");
                    tokio::time::sleep(self.options.offline_wait).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Moves the copy aside, after a split, and starts from nothing. If another process did so already, its new
    /// copy is taken.
    pub async fn reset(&mut self) -> Result<(), FollowError> {
        let lock = self.lock_or_news(false).await?;
        let disk = self.disk.clone();
        let ours = self.listed.clone();
        let published = blocking("resetting", move || {
            let _lock = lock;
            let published = disk.read_state()?;
            if let Some(state) = published.filter(|state| *state != ours) {
                return Ok(state);
            }
            disk.set_all_aside()?;
            disk.write_state(&[], true)?;
            Ok(Vec::new())
        })
        .await?;
        self.split = None;
        self.running = None;
        self.usable = 0;
        self.adopt(published).await?;
        self.told = Position::START;
        Ok(())
    }

    fn tell(&mut self) -> News {
        let tail = self.tail();
        let from = std::mem::replace(&mut self.told, tail);
        News { from, tail }
    }

    /// Takes a published list for ours, which it goes on from, and verifies what of its files is not yet.
    async fn adopt(&mut self, listed: Vec<Held>) -> Result<(), FollowError> {
        let all = self.options.check == Check::All;
        let pairs = self.last[..self.usable].iter().zip(&listed);
        let mut usable = pairs.take_while(|(ours, theirs)| ours == theirs).count();
        let unknown: Vec<_> = listed[usable..].to_vec();
        let checks = unknown.into_iter().map(|held| {
            let disk = self.disk.clone();
            blocking("verifying", move || verify(&disk, held, all))
        });
        let mut checks = futures::stream::iter(checks).buffered(self.options.hashers.max(1));
        let mut growing = None;
        let as_read = listed.clone();
        let mut listed = listed;
        // What lies behind a file that is not sound is checked again when that one is fetched.
        while let Some(Some((held, running))) = checks.try_next().await? {
            growing = running.or(growing);
            listed[usable] = held;
            usable += 1;
        }
        drop(checks);
        self.running = growing.or(self.running.take());
        self.listed = as_read;
        self.show(listed, usable);
        Ok(())
    }

    /// What the caller sees from now on.
    fn show(&mut self, last: Vec<Held>, usable: usize) {
        self.segments = last[..usable]
            .iter()
            .map(|held| {
                let frozen = self.disk.frozen_path(held.number, &held.sha224);
                let growing = self.disk.growing_path(held.number);
                let (path, other_path) = if held.frozen {
                    (frozen, growing)
                } else {
                    (growing, frozen)
                };
                LocalSegment {
                    number: held.number,
                    size: held.size,
                    sha224: held.sha224.clone(),
                    frozen: held.frozen,
                    path,
                    other_path,
                }
            })
            .collect();
        self.last = last;
        self.usable = usable;
    }
}

fn tail_of(segments: &[LocalSegment]) -> Position {
    segments.last().map_or(Position::START, |last| Position {
        segment: last.number,
        offset: last.size,
    })
}

/// What may be shown of a folder without a list of ours: its frozen segments from 0, as their names say. Where
/// two have one number, an older history left one, and nothing tells which.
fn frozen_by_name(disk: &Disk) -> Result<Vec<Held>, FollowError> {
    let found = disk.frozen_digests()?;
    let mut listed = Vec::new();
    for number in 0u32.. {
        let mut named = found.iter().filter(|(other, _)| *other == number);
        let (Some((_, sha224)), None) = (named.next(), named.next()) else {
            break;
        };
        let Some(size) = disk.len(&disk.frozen_path(number, sha224))? else {
            break;
        };
        listed.push(Held {
            number,
            size,
            sha224: sha224.clone(),
            frozen: true,
            modified: 0,
        });
    }
    Ok(listed)
}

/// Checks a listed segment's file; `None` if it is not here or not sound. Gives the hash of a growing one.
fn verify(
    disk: &Disk,
    mut held: Held,
    all: bool,
) -> Result<Option<(Held, Option<Running>)>, FollowError> {
    let frozen = disk.frozen_path(held.number, &held.sha224);
    if let Some((len, modified)) = disk.stamp(&frozen)? {
        let unchanged = held.frozen && held.modified == modified && !all;
        if len == held.size
            && (unchanged || disk.hash(held.number, &frozen, len)?.sha224() == held.sha224)
        {
            held.frozen = true;
            held.modified = modified;
            return Ok(Some((held, None)));
        }
    }
    // It may have been fetched, but not renamed yet; or have grown on after it was taken for frozen.
    let running = disk.hash(held.number, &disk.growing_path(held.number), held.size)?;
    if running.len != held.size || running.sha224() != held.sha224 {
        return Ok(None);
    }
    held.frozen = false;
    Ok(Some((held, Some(running))))
}

/// Runs what blocks where it may. It goes on if the caller is dropped.
async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T, FollowError> + Send + 'static,
) -> Result<T, FollowError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|source| FollowError::Stopped { what, source })?
}
