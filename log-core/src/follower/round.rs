//! One round of following: ask for the index, take the lock, fetch what is new, publish it. Depends on
//! [`super::fetch`] and [`super::split`].

use super::disk::{FolderLock, Held, Running};
use super::error::FollowError;
use super::fetch::{Fetch, Staged};
use super::remote::is_frozen;
use super::split::{Extent, Side, common};
use super::{Follower, blocking};
use crate::index::IndexEntry;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks whether the lock is free.
const LOCK_POLL: Duration = Duration::from_millis(20);
/// So many segments are fetched before they are published together.
const PUBLISH_EVERY: usize = 16;
/// How often an index is asked for anew because its segments were others already.
const STALE_INDEXES_MAX: u32 = 3;

impl Follower {
    /// One round; waits for news if `wait`. Says whether the server gave an index.
    pub(super) async fn round(&mut self, wait: bool) -> Result<bool, FollowError> {
        self.refuse_split()?;
        // What another process published is news without asking.
        self.look_at_published().await?;
        let whole = self.usable == self.last.len();
        if wait && self.told != self.tail() {
            return Ok(true);
        }
        let total = self.last.iter().map(|held| held.size).sum();
        let not = (wait && whole).then_some(total);
        let Some(mut index) = self.remote.index_patiently(not).await? else {
            return Ok(false);
        };
        let mut tries = 1;
        loop {
            let Some(lock) = self.lock_or_news(wait).await? else {
                return Ok(true);
            };
            if self.look_at_published().await? {
                // The index is older than what another process took meanwhile.
                drop(lock);
                if let Some(newer) = self.remote.index_patiently(None).await? {
                    index = newer;
                }
                continue;
            }
            let error = match self.take(&lock, &index).await {
                Ok(()) => return Ok(true),
                Err(error) => error,
            };
            drop(lock);
            // A server that changed between index and segment tells so in a new index.
            let stale = matches!(
                error,
                FollowError::Corrupt { .. }
                    | FollowError::Status {
                        status: 400..=499,
                        ..
                    }
            );
            if !stale || tries == STALE_INDEXES_MAX {
                return Err(error);
            }
            let newer = self.remote.index_patiently(None).await?;
            match newer.filter(|newer| *newer != index) {
                Some(newer) => index = newer,
                None => return Err(error),
            }
            tries += 1;
        }
    }

    /// Waits for the lock. With `news`, what the holder publishes meanwhile ends it too, with `None`.
    pub(super) async fn lock_or_news(
        &mut self,
        news: bool,
    ) -> Result<Option<Arc<FolderLock>>, FollowError> {
        let since = Instant::now();
        loop {
            let disk = self.disk.clone();
            if let Some(lock) = blocking("locking", move || disk.try_lock()).await? {
                return Ok(Some(Arc::new(lock)));
            }
            if news && self.look_at_published().await? && self.told != self.tail() {
                return Ok(None);
            }
            let after = self.options.lock_wait;
            if since.elapsed() >= after {
                let path = self.disk.lock_path();
                return Err(FollowError::Locked { path, after });
            }
            tokio::time::sleep(LOCK_POLL).await;
        }
    }

    fn refuse_split(&self) -> Result<(), FollowError> {
        match self.split {
            Some((common, ours)) => Err(FollowError::Split {
                url: self.url().to_owned(),
                common,
                ours,
            }),
            None => Ok(()),
        }
    }

    /// Takes what another process published, if it goes on from ours. Says whether there was any.
    async fn look_at_published(&mut self) -> Result<bool, FollowError> {
        let disk = self.disk.clone();
        let Some(state) = blocking("reading", move || disk.read_state()).await? else {
            return Ok(false);
        };
        if state == self.listed {
            return Ok(false);
        }
        let index: Vec<IndexEntry> = state.iter().map(as_entry).collect();
        self.check_split(&index, None).await?;
        self.adopt(state).await?;
        Ok(true)
    }

    /// Fetches and publishes what `index` has beyond ours.
    async fn take(
        &mut self,
        lock: &Arc<FolderLock>,
        index: &[IndexEntry],
    ) -> Result<(), FollowError> {
        let equal = self
            .last
            .iter()
            .zip(index)
            .take_while(|(held, entry)| held.same_bytes(entry.size, &entry.sha224))
            .count();
        let grows = self
            .last
            .get(equal)
            .zip(index.get(equal))
            .is_some_and(|(held, entry)| entry.size > held.size);
        if equal < self.last.len() && !grows {
            self.check_split(index, None).await?;
        }
        let mut unpublished = 0;
        let mut sync = false;
        let mut next = self.last.clone();
        for (at, entry) in index.iter().enumerate() {
            let freezes = is_frozen(entry, index);
            if at < equal && at < self.usable && (!freezes || self.last[at].frozen) {
                continue;
            }
            let staged = self.stage(lock, entry).await?;
            let extends = matches!(staged, Staged::Growing { extends: true, .. });
            if at == equal && grows && !(extends && at + 1 == self.last.len()) {
                self.check_split(index, Some(&staged)).await?;
            }
            let mut held = self.settle(lock, entry, staged, false).await?;
            if freezes && !held.frozen {
                if at == equal && at < self.usable {
                    // The new name tells nothing of what was published under the old hash: first the new hash.
                    next[at] = held;
                    self.publish(lock, next.clone(), at + 1, false).await?;
                }
                let running = self.running.take();
                let running = running.unwrap_or_else(|| Running::new(entry.number));
                let staged = Staged::Growing { running, extends };
                held = self.settle(lock, entry, staged, true).await?;
            }
            sync |= held.frozen;
            match next.get_mut(at) {
                Some(before) => *before = held,
                None => next.push(held),
            }
            unpublished += 1;
            if unpublished == PUBLISH_EVERY && at >= self.usable {
                self.publish(lock, next.clone(), at + 1, sync).await?;
                unpublished = 0;
            }
        }
        if unpublished > 0 {
            let usable = next.len();
            self.publish(lock, next, usable, sync).await?;
        }
        Ok(())
    }

    async fn stage(
        &mut self,
        lock: &Arc<FolderLock>,
        entry: &IndexEntry,
    ) -> Result<Staged, FollowError> {
        let running = self.running.take();
        let held = self.last[..self.usable].get(entry.number as usize);
        self.fetch(lock).stage(entry, held, running).await
    }

    /// Gives a staged segment its name.
    async fn settle(
        &mut self,
        lock: &Arc<FolderLock>,
        entry: &IndexEntry,
        staged: Staged,
        freezes: bool,
    ) -> Result<Held, FollowError> {
        let number = entry.number;
        let frozen = self.disk.frozen_path(number, &entry.sha224);
        let is_frozen = freezes || matches!(staged, Staged::Frozen);
        let (whole, running) = match staged {
            Staged::Frozen => (false, None),
            Staged::Growing { running, .. } => (false, Some(running)),
            Staged::Whole(running) => (true, Some(running)),
        };
        let moves = running.is_some();
        let stamped = frozen.clone();
        let modified = self
            .fetch(lock)
            .with_disk(move |disk| {
                let growing = disk.growing_path(number);
                if whole {
                    disk.rename(&disk.temp_path(number), &growing)?;
                }
                if freezes && moves {
                    // An empty segment may have no file yet.
                    disk.append(&growing, 0, &[])?;
                    disk.freeze(&growing, &frozen)?;
                }
                Ok(disk.stamp(&stamped)?.map_or(0, |(_, modified)| modified))
            })
            .await?;
        self.running = running.filter(|_| !is_frozen);
        Ok(Held {
            number,
            size: entry.size,
            sha224: entry.sha224.clone(),
            frozen: is_frozen,
            modified: if is_frozen { modified } else { 0 },
        })
    }

    async fn publish(
        &mut self,
        lock: &Arc<FolderLock>,
        next: Vec<Held>,
        usable: usize,
        sync: bool,
    ) -> Result<(), FollowError> {
        let list = next.clone();
        self.fetch(lock)
            .with_disk(move |disk| disk.write_state(&list, sync))
            .await?;
        self.listed.clone_from(&next);
        self.show(next, usable);
        Ok(())
    }

    fn fetch<'a>(&'a self, lock: &'a Arc<FolderLock>) -> Fetch<'a> {
        Fetch {
            remote: &self.remote,
            disk: &self.disk,
            options: &self.options,
            lock,
        }
    }

    /// Errors, now and ever after, if `index` does not go on from our history. `staged` is the one segment of
    /// it that is longer than ours, and not in its place yet.
    async fn check_split(
        &mut self,
        index: &[IndexEntry],
        staged: Option<&Staged>,
    ) -> Result<(), FollowError> {
        let prefix = match self.first_difference(index) {
            Some((side, at, bytes)) => {
                let path = self.longer_path(side, at, index, staged);
                let (disk, number) = (self.disk.clone(), at as u32);
                let hash = blocking("comparing", move || {
                    // The file may have been renamed to freeze.
                    for path in &path {
                        let running = disk.hash(number, path, bytes)?;
                        if running.len == bytes {
                            return Ok(Some(running));
                        }
                    }
                    Ok(None)
                });
                hash.await?.map(|running: Running| running.sha224())
            }
            None => None,
        };
        let new: Vec<_> = index.iter().map(|e| extent(e.size, &e.sha224)).collect();
        let last: Vec<_> = self
            .last
            .iter()
            .map(|held| extent(held.size, &held.sha224))
            .collect();
        let shared = common(&new, &last, |_, _, _| prefix);
        let ours = last.iter().map(|held| held.size).sum();
        if shared != ours {
            self.split = Some((shared, ours));
        }
        self.refuse_split()
    }

    /// What [`common`] will ask for.
    fn first_difference(&self, index: &[IndexEntry]) -> Option<(Side, usize, u64)> {
        let mut pairs = index.iter().zip(&self.last).enumerate();
        let (at, (entry, held)) = pairs.find(|(_, (e, h))| e.sha224 != h.sha224)?;
        match entry.size.cmp(&held.size) {
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some((Side::New, at, held.size)),
            std::cmp::Ordering::Less => Some((Side::Last, at, entry.size)),
        }
    }

    fn longer_path(
        &self,
        side: Side,
        at: usize,
        index: &[IndexEntry],
        staged: Option<&Staged>,
    ) -> Vec<std::path::PathBuf> {
        let number = at as u32;
        let sha224 = match side {
            Side::New => &index[at].sha224,
            Side::Last => &self.last[at].sha224,
        };
        match staged {
            Some(Staged::Whole(_)) => vec![self.disk.temp_path(number)],
            _ => vec![
                self.disk.frozen_path(number, sha224),
                self.disk.growing_path(number),
            ],
        }
    }
}

fn extent(size: u64, sha224: &str) -> Extent<'_> {
    Extent { size, sha224 }
}

fn as_entry(held: &Held) -> IndexEntry {
    IndexEntry {
        number: held.number,
        size: held.size,
        sha224: held.sha224.clone(),
        url: String::new(),
        frozen: held.frozen,
    }
}
