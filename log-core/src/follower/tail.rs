//! Following a log's new records without a local copy (spec 1.5.6). Depends on [`super::remote`].

use super::FollowerOptions;
use super::disk::Running;
use super::error::FollowError;
use super::records::whole_records;
use super::remote::Remote;
use crate::frame::Frames;
use crate::index::IndexEntry;
use crate::position::Position;
use crate::reader::Record;
use bytes::Bytes;
use tokio::time::Instant;

/// Gives the records that a log's server gets from now on. Holds one segment's new bytes at a time.
///
/// Each segment's hash is checked, but for those that began before the tail was opened: their start is not
/// fetched, so that nothing tells whether the server goes on from the same one. Who must know uses a
/// [`super::Follower`].
#[derive(Debug)]
pub struct Tail {
    remote: Remote,
    options: FollowerOptions,
    /// The log's size when it was last asked for.
    total: u64,
    /// Where the next record starts.
    position: Position,
    /// Bytes of all segments before that one.
    before: u64,
    /// The hash of the segment so far, if it was read from its start.
    running: Option<Running>,
    /// What is still to be fetched, the next one last.
    pending: Vec<IndexEntry>,
}

impl Tail {
    /// Asks where the log at `url` ends; what comes after will be given.
    pub async fn open(url: &str, options: FollowerOptions) -> Result<Self, FollowError> {
        let remote = Remote::new(url, options.clone())?;
        let index = remote.index_patiently(None).await?.unwrap_or_default();
        let position = index.last().map_or(Position::START, |last| Position {
            segment: last.number,
            offset: last.size,
        });
        let total = total_of(&index);
        Ok(Self {
            remote,
            options,
            total,
            position,
            before: total - position.offset,
            running: (position.offset == 0).then(|| Running::new(position.segment)),
            pending: Vec::new(),
        })
    }

    /// Where the next record starts.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Waits for records; gives those of one segment at a time, at least one. May be dropped at any time.
    ///
    /// A log that became shorter, or other before the tail's own segment, is [`FollowError::Split`].
    pub async fn next(&mut self) -> Result<Vec<Record>, FollowError> {
        loop {
            while let Some(entry) = self.pending.last().cloned() {
                if entry.number > self.position.segment {
                    self.before += self.position.offset;
                    self.position = Position::start_of(entry.number);
                    self.running = Some(Running::new(entry.number));
                }
                let records = if entry.size > self.position.offset {
                    self.fetch_patiently(&entry).await?
                } else {
                    Vec::new()
                };
                self.pending.pop();
                if !records.is_empty() {
                    return Ok(records);
                }
            }
            self.look().await?;
        }
    }

    /// Waits for a new index.
    async fn look(&mut self) -> Result<(), FollowError> {
        let asked = Instant::now();
        let index = match self.remote.index_patiently(Some(self.total)).await {
            Ok(Some(index)) => index,
            Ok(None) => {
                tokio::time::sleep_until(asked + self.options.unchanged_wait).await;
                return Ok(());
            }
            Err(error) if error.is_offline() || error.is_busy() => {
                tokio::time::sleep(self.options.offline_wait).await;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let total = total_of(&index);
        if total == self.total {
            tokio::time::sleep(self.options.unchanged_wait).await;
            return Ok(());
        }
        let own = (self.position.segment as usize).min(index.len());
        let have = index.get(own).map_or(0, |entry| entry.size);
        let before = total_of(&index[..own]);
        if total < self.total || have < self.position.offset || before != self.before {
            return Err(FollowError::Split {
                url: self.remote.url().to_owned(),
                common: 0,
                ours: self.total,
            });
        }
        self.total = total;
        self.pending = index;
        self.pending.drain(..own);
        self.pending.reverse();
        Ok(())
    }

    async fn fetch_patiently(&mut self, entry: &IndexEntry) -> Result<Vec<Record>, FollowError> {
        let mut tries = 1;
        loop {
            match self.fetch(entry).await {
                Err(error) if error.is_transient() && tries < self.options.segment_tries => {
                    self.remote.pause(tries, &error).await;
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    async fn fetch(&mut self, entry: &IndexEntry) -> Result<Vec<Record>, FollowError> {
        let offset = self.position.offset;
        let due = entry.size - offset;
        let mut body = self.remote.segment(entry, offset).await?;
        let limit = if body.from_offset { due } else { entry.size };
        let mut bytes = Vec::new();
        loop {
            let piece = body.next_piece(limit - bytes.len() as u64).await?;
            if piece.is_empty() {
                break;
            }
            bytes.extend_from_slice(&piece);
        }
        let have = bytes.len() as u64;
        let bytes = Bytes::from(bytes);
        let new = if have == due {
            bytes
        } else if have == entry.size {
            bytes.slice(offset as usize..)
        } else {
            return Err(FollowError::Length {
                url: body.url,
                want: due,
                have,
            });
        };
        self.accept(entry, &body.url, &new)
    }

    fn accept(
        &mut self,
        entry: &IndexEntry,
        url: &str,
        new: &Bytes,
    ) -> Result<Vec<Record>, FollowError> {
        let at = self.position;
        if let (_, Some(source)) = whole_records(new, at.offset) {
            return Err(FollowError::Frame {
                segment: entry.number,
                copy: url.to_owned(),
                source,
            });
        }
        if let Some(mut running) = self.running.clone() {
            running.add(new);
            if !running.matches(entry) {
                return Err(FollowError::Corrupt {
                    segment: entry.number,
                    url: url.to_owned(),
                    want: entry.sha224.clone(),
                    have: running.sha224(),
                });
            }
            self.running = Some(running);
        }
        let records: Vec<_> = Frames::new(new, at.offset)
            .map_while(Result::ok)
            .map(|frame| Record {
                at: Position {
                    offset: frame.offset,
                    ..at
                },
                next: Position {
                    offset: frame.end,
                    ..at
                },
                payload: new.slice_ref(frame.payload),
            })
            .collect();
        self.position.offset = entry.size;
        Ok(records)
    }
}

fn total_of(index: &[IndexEntry]) -> u64 {
    index.iter().map(|entry| entry.size).sum()
}
