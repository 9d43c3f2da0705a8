//! Beginning an epoch: find the end of the log, learn from its last records, and append a claim there.
//!
//! Depends on the stream, the reader and the store.

use super::Appended;
use super::task::{Standing, Task};
use crate::error::{OpenError, ReadError};
use crate::frame::{self, Frames};
use crate::layout::{Segment, batch_path};
use crate::meta::{meta_of, stamp};
use crate::position::Position;
use crate::reader::load::load;
use crate::segment::{SEGMENT_BATCHES_MAX, SEGMENT_BYTES_MAX};
use crate::store::Created;
use bytes::Bytes;
use futures::StreamExt as _;
use proto::Timestamp;
use proto::forgelog::Meta;
use std::time::Duration;

/// For so long it is tried to begin an epoch while another writer keeps appending, and so often at least.
const CLAIM_FOR: Duration = Duration::from_secs(30);
const CLAIMS_MIN: u32 = 8;
/// Objects of a segment that are read at the same time.
const READS_AT_ONCE: usize = 32;
/// No writer ever comes to a higher epoch. A record that says so, such as an imported one, is not believed:
/// no epoch could follow the last number.
const EPOCH_MAX: u64 = u64::MAX / 2;

/// What came of a try to begin an epoch.
enum Claim {
    Ours,
    /// Another object is where the claim was to go, with these bytes.
    Overtaken(Bytes),
    /// It took so long that the claim may be where a batch was joined and removed.
    Late,
}

impl Task {
    /// Finds the end of the log and claims the next epoch there.
    ///
    /// A writer that is still busy appends faster than the log can be listed. So whoever is overtaken
    /// goes on from the object that was in the way, which it has read anyway, until it is first.
    pub(super) async fn open(&mut self) -> Result<(), OpenError> {
        let deadline = tokio::time::Instant::now() + CLAIM_FOR;
        let mut tries = 0;
        self.look().await?;
        while tries < CLAIMS_MIN || tokio::time::Instant::now() < deadline {
            tries += 1;
            match self.try_claim().await? {
                Claim::Ours => return Ok(()),
                Claim::Overtaken(bytes) if self.absorb(&bytes) => self.catch_up().await?,
                Claim::Overtaken(_) | Claim::Late => self.look().await?,
            }
        }
        Err(OpenError::Contended {
            stream: self.stream.name().to_owned(),
            tries,
        })
    }

    /// Finds the end of the log, and learns what is before it.
    async fn look(&mut self) -> Result<(), OpenError> {
        self.looked = self.options.clock.uptime();
        self.next = self.stream.refresh().await?;
        self.check_open_end()?;
        self.learn().await.map_err(|source| OpenError::Read {
            stream: self.stream.name().to_owned(),
            source: Box::new(source),
        })
    }

    /// One try to begin an epoch at what is known as the end of the log.
    async fn try_claim(&mut self) -> Result<Claim, OpenError> {
        let before = self.epoch;
        self.epoch += 1;
        let mut claim = self.claim();
        let strays = self.stream.layout().open_segment_has_strays();
        let too_long = self.next.offset + claim.len() as u64 > self.segment_bytes();
        let full = self.batches >= self.segment_batches() || too_long;
        let mut outcome = Claim::Ours;
        if strays || (full && self.next.offset > 0) {
            // The log must never grow onto what is no part of it, nor beyond a full segment.
            outcome = self.create_in_time(Bytes::new()).await?;
            if matches!(outcome, Claim::Ours) {
                self.enter_next_segment();
                claim = self.claim();
            }
        }
        if matches!(outcome, Claim::Ours) {
            outcome = self.create_in_time(claim.clone()).await?;
        }
        match outcome {
            Claim::Ours => self.advance(claim),
            // An epoch that nobody has seen was not begun.
            _ => self.epoch = before,
        }
        Ok(outcome)
    }

    /// Creates an object at the end of the log.
    async fn create_in_time(&self, bytes: Bytes) -> Result<Claim, OpenError> {
        if let Created::Theirs(there) = self.create(self.next, bytes.clone()).await? {
            return Ok(Claim::Overtaken(there));
        }
        if !self.is_late(self.options.clock.uptime()) {
            return Ok(Claim::Ours);
        }
        let standing = self.standing(&bytes).await;
        let standing = standing.map_err(|source| OpenError::Read {
            stream: self.stream.name().to_owned(),
            source: Box::new(source),
        })?;
        Ok(match standing {
            Standing::Open => Claim::Ours,
            Standing::Joined | Standing::Lost => Claim::Late,
        })
    }

    /// Takes another writer's object at the end of the log for what it is; false if it is no batch.
    fn absorb(&mut self, bytes: &Bytes) -> bool {
        if bytes.is_empty() {
            self.enter_next_segment();
            return true;
        }
        for frame in Frames::new(bytes, self.next.offset) {
            let Ok(frame) = frame else { return false };
            let place = |offset| Position {
                offset,
                ..self.next
            };
            let appended = Appended {
                at: place(frame.offset),
                next: place(frame.end),
            };
            if let Some(meta) = meta_of(frame.payload) {
                self.learn_record(appended, meta);
            }
        }
        self.advance(bytes.clone());
        true
    }

    /// Goes on over what others have appended meanwhile, as far as it is there.
    async fn catch_up(&mut self) -> Result<(), OpenError> {
        loop {
            let object = batch_path(self.next.segment, self.next.offset);
            match self.stream.objects().get(&object).await {
                Ok(bytes) if self.absorb(&bytes) => {}
                Ok(_) => return self.look().await,
                Err(object_store::Error::NotFound { .. }) => return Ok(()),
                Err(source) => {
                    return Err(OpenError::Store {
                        stream: self.stream.name().to_owned(),
                        what: format!("read {object}"),
                        source,
                    });
                }
            }
        }
    }

    /// Whether anything forbids to write at the end of the log.
    fn check_open_end(&self) -> Result<(), OpenError> {
        let layout = self.stream.layout();
        let stream = || self.stream.name().to_owned();
        if let Some(source) = layout.gap {
            return Err(OpenError::Gap {
                stream: stream(),
                source,
            });
        }
        match layout.stray_ahead() {
            Some(object) => Err(OpenError::StrayAhead {
                stream: stream(),
                object: object.to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// The record that begins the epoch, framed for where the log ends.
    fn claim(&mut self) -> Bytes {
        let mut claim = Vec::new();
        let meta = self.meta(String::new(), None);
        frame::encode(&mut claim, self.next.offset, &stamp(&[], meta));
        Bytes::from(claim)
    }

    /// Takes epoch, time and keys from the last records, and checks that the open segment is sound.
    ///
    /// The last records are those of the last segment that holds any. If none of them was appended by a
    /// writer of ours, the epoch is guessed so that it is above all that there can have been: each
    /// takes at least a batch.
    async fn learn(&mut self) -> Result<(), ReadError> {
        (self.epoch, self.keys) = (0, super::keys::Keys::default());
        let last_segment = self.last_segment(self.next.segment);
        if let Some(number) = last_segment {
            for (appended, meta) in self.metas_of(number).await? {
                self.learn_record(appended, meta);
            }
            self.keys.since = number;
        }
        let all_read = self.keys.since == 0;
        self.keys.complete = all_read;
        if self.epoch == 0 && !all_read {
            self.epoch = u64::from(self.next.segment) * (SEGMENT_BATCHES_MAX as u64 + 1);
        }
        self.batches = match self
            .stream
            .layout()
            .segments
            .get(self.next.segment as usize)
        {
            Some(Segment::Tail(tail)) => tail.batches.len(),
            _ => 0,
        };
        Ok(())
    }

    fn learn_record(&mut self, appended: Appended, meta: Meta) {
        self.recorded = self.recorded.max(recorded(&meta));
        if meta.epoch <= EPOCH_MAX {
            self.epoch = self.epoch.max(meta.epoch);
        }
        self.keys.note(meta.idempotency_key, appended);
    }

    /// The last segment up to `number` that holds records.
    fn last_segment(&self, number: u32) -> Option<u32> {
        let layout = self.stream.layout();
        let upto = layout.segments.len().min(number as usize + 1);
        let last = layout.segments[..upto]
            .iter()
            .rposition(|segment| !segment.is_empty())?;
        Some(last as u32)
    }

    /// Place and meta of every record of a segment that has one.
    async fn metas_of(&self, number: u32) -> Result<Vec<(Appended, Meta)>, ReadError> {
        let mut found = Vec::new();
        let mut at = Position::start_of(number);
        // What is joined while it is read is somewhere else then: on with what is there now.
        while let objects @ [_, ..] = &self.stream.objects_of(at)[..] {
            // Not handed to other tasks, as a reader would: thousands of short reads cost less than that.
            let mut loads = futures::stream::iter(objects.iter().copied())
                .map(|object| async move { (object, load(&self.stream, object).await) })
                .buffered(READS_AT_ONCE);
            while let Some((object, loaded)) = loads.next().await {
                let Some(bytes) = loaded? else { break };
                let from = (at.offset - object.start.offset) as usize;
                for frame in Frames::new(&bytes[from..], at.offset) {
                    let frame = frame.map_err(|source| ReadError::Frame {
                        stream: self.stream.name().to_owned(),
                        segment: number,
                        source,
                    })?;
                    let place = |offset| Position { offset, ..at };
                    let appended = Appended {
                        at: place(frame.offset),
                        next: place(frame.end),
                    };
                    found.extend(meta_of(frame.payload).map(|meta| (appended, meta)));
                }
                at.offset = object.start.offset + object.size;
            }
        }
        Ok(found)
    }

    /// Reads the keys of the segments before the open one, if that was not done yet.
    pub(super) async fn complete_keys(&mut self) -> Result<(), ReadError> {
        if self.keys.complete {
            return Ok(());
        }
        for number in (self.keys_since(self.next.segment)..self.keys.since).rev() {
            for (appended, meta) in self.metas_of(number).await? {
                self.keys.note(meta.idempotency_key, appended);
            }
            self.keys.since = number;
        }
        self.keys.complete = true;
        Ok(())
    }

    /// The first segment whose keys have to be known while segment `open` is open. Often that is the one
    /// before; but those that were closed early, because of a stray, are no 16 MiB or 4,096 batches.
    pub(super) fn keys_since(&self, open: u32) -> u32 {
        let layout = self.stream.layout();
        let (mut bytes, mut batches) = (0u64, 0);
        for number in (0..open).rev() {
            let Some(segment) = layout.segments.get(number as usize) else {
                continue;
            };
            bytes = bytes.saturating_add(segment.len());
            batches += match segment {
                Segment::Tail(tail) => tail.batches.len(),
                // Nobody knows any more how many they were.
                Segment::Sealed(_) => usize::from(!segment.is_empty()),
            };
            if bytes >= SEGMENT_BYTES_MAX || batches >= SEGMENT_BATCHES_MAX {
                return number;
            }
        }
        0
    }

    /// The first epoch above ours, as the log is now, from the segment on that we thought open; 0 if
    /// there is none.
    pub(super) async fn epoch_above(&self) -> Result<u64, ReadError> {
        self.stream
            .refresh()
            .await
            .map_err(|source| ReadError::Refresh {
                stream: self.stream.name().to_owned(),
                source: Box::new(source),
            })?;
        let mut reader = self.stream.reader(Position::start_of(self.next.segment));
        loop {
            let records = reader.next_batch().await?;
            if records.is_empty() {
                return Ok(0);
            }
            let mut metas = records.iter().filter_map(|record| meta_of(&record.payload));
            if let Some(meta) =
                metas.find(|meta| (self.epoch + 1..=EPOCH_MAX).contains(&meta.epoch))
            {
                return Ok(meta.epoch);
            }
        }
    }

    async fn create(&self, at: Position, bytes: Bytes) -> Result<Created, OpenError> {
        let object = batch_path(at.segment, at.offset);
        self.stream
            .objects()
            .create(&object, bytes)
            .await
            .map_err(|source| OpenError::Store {
                stream: self.stream.name().to_owned(),
                what: format!("create {object}"),
                source,
            })
    }

    /// The next record's meta. Its time never goes back within a stream.
    pub(super) fn meta(
        &mut self,
        idempotency_key: String,
        cause: Option<proto::forgelog::Cause>,
    ) -> Meta {
        self.recorded = self.recorded.max(self.options.clock.since_1970());
        Meta {
            recorded: Some(to_timestamp(self.recorded)),
            writer: self.name.clone(),
            epoch: self.epoch,
            cause,
            idempotency_key,
        }
    }
}

fn recorded(meta: &Meta) -> Duration {
    meta.recorded.map_or(Duration::ZERO, to_duration)
}

fn to_timestamp(since_1970: Duration) -> Timestamp {
    // Both fit: the nanoseconds are below a second, the seconds below 2^63 for ages.
    Timestamp {
        seconds: since_1970.as_secs().cast_signed(),
        nanos: since_1970.subsec_nanos().cast_signed(),
    }
}

fn to_duration(timestamp: Timestamp) -> Duration {
    Duration::new(
        u64::try_from(timestamp.seconds).unwrap_or(0),
        u32::try_from(timestamp.nanos).unwrap_or(0).min(999_999_999),
    )
}
