//! Bringing one segment's bytes here and checking them (spec 1.5.3). Depends on [`super::disk`] and
//! [`super::remote`].
//!
//! Nothing that is verified is overwritten: new bytes go behind it, and a segment that has to be fetched as a
//! whole goes into a file of its own.

use super::disk::{Disk, FolderLock, Held, Running};
use super::error::FollowError;
use super::remote::{Body, Remote};
use super::{FollowerOptions, blocking};
use crate::index::IndexEntry;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a segment's bytes are, once they match the index.
#[derive(Debug)]
pub(super) enum Staged {
    /// In the frozen file already.
    Frozen,
    /// In the growing file.
    Growing {
        /// Its hash.
        running: Running,
        /// Whether they were put behind what was verified of this segment before, and that was as it was.
        extends: bool,
    },
    /// In a file of their own; the growing one is as it was.
    Whole(Running),
}

/// What came of asking for the missing bytes.
enum Fetched {
    /// They are in the growing file.
    Appended(Running),
    /// The server sent all of them, into a file of their own.
    Whole(Running),
}

/// Brings segments here, under the lock.
pub(super) struct Fetch<'a> {
    pub(super) remote: &'a Remote,
    pub(super) disk: &'a Disk,
    pub(super) options: &'a FollowerOptions,
    pub(super) lock: &'a Arc<FolderLock>,
}

impl Fetch<'_> {
    /// `held` is what of this segment is here and verified; `running` the hash of the growing file, if known.
    pub(super) async fn stage(
        &self,
        entry: &IndexEntry,
        held: Option<&Held>,
        running: Option<Running>,
    ) -> Result<Staged, FollowError> {
        let (entry_, held_) = (entry.clone(), held.cloned());
        let local = self
            .with_disk(move |disk| find(disk, &entry_, held_.as_ref(), running))
            .await?;
        let mut running = match local {
            Local::Frozen => return Ok(Staged::Frozen),
            Local::Growing(running) => running,
        };
        let verified = held.map_or(0, |held| held.size.min(entry.size));
        // First behind all that is here, which an interrupted try may have left; then behind what was verified.
        let whole = loop {
            let from = running.len;
            let extends = held.is_some_and(|held| held.same_bytes(from, &running.sha224()));
            match self.missing(entry, running).await? {
                Fetched::Appended(running) if running.matches(entry) => {
                    return Ok(Staged::Growing { running, extends });
                }
                Fetched::Whole(running) if running.matches(entry) => {
                    return Ok(Staged::Whole(running));
                }
                Fetched::Appended(_) | Fetched::Whole(_) => {}
            }
            tracing::warn!(
                segment = entry.number,
                from,
                "the bytes do not match their hash"
            );
            let number = entry.number;
            self.with_disk(move |disk| disk.truncate(&disk.growing_path(number), verified))
                .await?;
            if verified == 0 || from == verified {
                break self.whole(entry).await?;
            }
            running = self.rehash(number, verified).await?;
        };
        if whole.matches(entry) {
            return Ok(Staged::Whole(whole));
        }
        let temp = self.disk.temp_path(entry.number);
        self.with_disk(move |disk| disk.remove(&temp)).await?;
        Err(FollowError::Corrupt {
            segment: entry.number,
            url: entry.url.clone(),
            want: entry.sha224.clone(),
            have: whole.sha224(),
        })
    }

    async fn rehash(&self, number: u32, len: u64) -> Result<Running, FollowError> {
        self.with_disk(move |disk| disk.hash(number, &disk.growing_path(number), len))
            .await
    }

    /// Asks for what is missing behind `running`, again and again if need be; each try goes on where the last
    /// one broke off.
    async fn missing(
        &self,
        entry: &IndexEntry,
        mut running: Running,
    ) -> Result<Fetched, FollowError> {
        let mut tries = 1;
        while running.len < entry.size {
            let error = match self.missing_once(entry, &mut running).await {
                Ok(Some(whole)) => return Ok(Fetched::Whole(whole)),
                Ok(None) if running.len == entry.size => break,
                Ok(None) => FollowError::Length {
                    url: entry.url.clone(),
                    want: entry.size,
                    have: running.len,
                },
                Err(error) => error,
            };
            self.give_up_or_pause(&mut tries, error).await?;
        }
        Ok(Fetched::Appended(running))
    }

    /// One request. Gives the whole segment's hash if the server sent all of it.
    async fn missing_once(
        &self,
        entry: &IndexEntry,
        running: &mut Running,
    ) -> Result<Option<Running>, FollowError> {
        let growing = self.disk.growing_path(entry.number);
        let mut body = self.remote.segment(entry, running.len).await?;
        if body.from_offset {
            self.copy(&mut body, entry.size, growing, running).await?;
            return Ok(None);
        }
        // All of it, or what was asked for without saying so: the length tells (spec 1.5.3, 4).
        let temp = self.disk.temp_path(entry.number);
        let whole = self.fetch_apart(&mut body, entry).await?;
        if whole.len == entry.size {
            return Ok(Some(whole));
        }
        if running.len + whole.len == entry.size {
            let offset = running.len;
            self.with_disk(move |disk| disk.append_file(&temp, &growing, offset))
                .await?;
            *running = self.rehash(entry.number, entry.size).await?;
            return Ok(None);
        }
        Err(FollowError::Length {
            url: body.url,
            want: entry.size - running.len,
            have: whole.len,
        })
    }

    /// Fetches all of a segment into a file of its own.
    async fn whole(&self, entry: &IndexEntry) -> Result<Running, FollowError> {
        let mut tries = 1;
        loop {
            let fetched = async {
                let mut body = self.remote.segment(entry, 0).await?;
                let whole = self.fetch_apart(&mut body, entry).await?;
                if whole.len == entry.size {
                    return Ok(whole);
                }
                Err(FollowError::Length {
                    url: body.url,
                    want: entry.size,
                    have: whole.len,
                })
            };
            match fetched.await {
                Ok(whole) => return Ok(whole),
                Err(error) => self.give_up_or_pause(&mut tries, error).await?,
            }
        }
    }

    async fn fetch_apart(
        &self,
        body: &mut Body,
        entry: &IndexEntry,
    ) -> Result<Running, FollowError> {
        let temp = self.disk.temp_path(entry.number);
        let path = temp.clone();
        self.with_disk(move |disk| disk.remove(&path)).await?;
        let mut whole = Running::new(entry.number);
        self.copy(body, entry.size, temp, &mut whole).await?;
        Ok(whole)
    }

    /// Writes an answer behind what was read before, up to `size` bytes in all.
    async fn copy(
        &self,
        body: &mut Body,
        size: u64,
        path: PathBuf,
        running: &mut Running,
    ) -> Result<(), FollowError> {
        loop {
            let piece = body.next_piece(size - running.len).await?;
            if piece.is_empty() {
                return Ok(());
            }
            let (path, mut next) = (path.clone(), running.clone());
            *running = self
                .with_disk(move |disk| {
                    disk.append(&path, next.len, &piece)?;
                    next.add(&piece);
                    Ok(next)
                })
                .await?;
        }
    }

    async fn give_up_or_pause(
        &self,
        tries: &mut u32,
        error: FollowError,
    ) -> Result<(), FollowError> {
        if !error.is_transient() || error.is_offline() || *tries >= self.options.segment_tries {
            return Err(error);
        }
        self.remote.pause(*tries, &error).await;
        *tries += 1;
        Ok(())
    }

    /// Works on the folder. The lock is kept until that is done, also if the caller is dropped meanwhile.
    pub(super) async fn with_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Disk) -> Result<T, FollowError> + Send + 'static,
    ) -> Result<T, FollowError> {
        let (disk, lock) = (self.disk.clone(), self.lock.clone());
        blocking("writing", move || {
            let done = work(&disk);
            drop(lock);
            done
        })
        .await
    }
}

/// What of a segment is here.
enum Local {
    Frozen,
    Growing(Running),
}

/// Looks at the files of a segment, and moves wrong ones aside.
fn find(
    disk: &Disk,
    entry: &IndexEntry,
    held: Option<&Held>,
    running: Option<Running>,
) -> Result<Local, FollowError> {
    let number = entry.number;
    let frozen = disk.frozen_path(number, &entry.sha224);
    if disk.len(&frozen)?.is_some() {
        if disk.hash(number, &frozen, u64::MAX)?.matches(entry) {
            return Ok(Local::Frozen);
        }
        tracing::warn!(path = %frozen.display(), "a cached segment does not match its name; fetching it anew");
        disk.set_aside(&frozen)?;
    }
    let growing = disk.growing_path(number);
    if let Some(held) = held.filter(|held| held.frozen) {
        // It was taken for frozen, and grew on. The frozen file stays: it is what was shown, until the rest is here.
        let thawed = disk.frozen_path(number, &held.sha224);
        if disk.len(&growing)?.is_none() && disk.len(&thawed)?.is_some() {
            disk.copy(&thawed, &growing)?;
        }
    }
    let len = disk.len(&growing)?.unwrap_or(0);
    if let Some(running) = running.filter(|running| running.number == number && running.len == len)
        && len <= entry.size
    {
        return Ok(Local::Growing(running));
    }
    let running = disk.hash(number, &growing, entry.size)?;
    if len > entry.size {
        // More than the server has: left by a try that was interrupted, or the server lost its tail meanwhile.
        disk.truncate(&growing, entry.size)?;
    }
    Ok(Local::Growing(running))
}
