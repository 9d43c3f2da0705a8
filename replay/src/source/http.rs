//! A log's HTTP server as a source, through the follower and its verified local copy, whose files are mapped.
//!
//! Depends on [`log_core::follower`]; knows nothing of HTTP itself.

use std::collections::BTreeSet;
use std::path::Path;

use data_encoding::HEXLOWER;
use log_core::Position;
use log_core::follower::{Check, FollowError, Follower, FollowerOptions, LocalSegment};
use log_core::frame::FrameError;

use super::SegmentId;
use super::cut::{agrees, cut, growing_part, map_part};
use super::error::{SourceError, blocking};
use crate::segments::{Block, SegmentBytes, Segments};

/// Follows a server.
#[derive(Debug)]
pub(super) struct HttpSource {
    follower: Follower,
    /// The frozen segment that was used last.
    current: Option<(u32, SegmentBytes)>,
    /// Segments of which bytes were given while they grew.
    in_parts: BTreeSet<u32>,
}

impl HttpSource {
    /// Takes what the server has. If it can't be reached, what was copied earlier has to do.
    pub(super) async fn open(url: &str, folder: &Path, verify: bool) -> Result<Self, SourceError> {
        let options = FollowerOptions {
            check: if verify { Check::All } else { Check::Changed },
            ..FollowerOptions::default()
        };
        let failed = |source| follow_error(url, source);
        let mut follower = Follower::open(url, folder, options).await.map_err(failed)?;
        match follower.sync().await {
            Ok(_) => {}
            Err(error) if error.is_offline() && !follower.segments().is_empty() => {
                let error = log_core::explain(&error);
                tracing::warn!(url, error, "using what was copied of the log earlier");
            }
            Err(error) => return Err(failed(error)),
        }
        Ok(Self {
            follower,
            current: None,
            in_parts: BTreeSet::new(),
        })
    }

    pub(super) fn tail(&self) -> Position {
        self.next_position(self.follower.tail())
    }

    pub(super) fn next_position(&self, end: Position) -> Position {
        match self.segment(end.segment) {
            Some((segment, true)) if segment.size == end.offset => {
                Position::start_of(end.segment + 1)
            }
            _ => end,
        }
    }

    /// A segment, and whether there will be no more of it.
    fn segment(&self, number: u32) -> Option<(&LocalSegment, bool)> {
        let segments = self.follower.segments();
        let segment = segments.get(number as usize)?;
        let is_last = number as usize + 1 == segments.len();
        Some((segment, segment.frozen || !is_last))
    }

    pub(super) fn segments(&self) -> Vec<SegmentId> {
        let segments = self.follower.segments();
        let digest = |hex: &str| HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok();
        segments
            .iter()
            .map(|segment| SegmentId {
                number: segment.number,
                size: segment.size,
                sha224: digest(&segment.sha224),
                complete: segment.frozen,
            })
            .collect()
    }

    pub(super) async fn read(
        &mut self,
        from: Position,
        bytes_max: u64,
    ) -> Result<Vec<Block>, SourceError> {
        let (mut blocks, mut at, mut left) = (Vec::new(), from, bytes_max.max(1));
        loop {
            match self.next_block(&mut at, left, blocks.is_empty()).await {
                Ok(Some(block)) => {
                    at = block.end();
                    left = left.saturating_sub(block.bytes.len() as u64);
                    blocks.push(block);
                }
                Ok(None) => return Ok(blocks),
                // What is sound first, the error next time.
                Err(_) if !blocks.is_empty() => return Ok(blocks),
                Err(error) => return Err(error),
            }
        }
    }

    async fn next_block(
        &mut self,
        at: &mut Position,
        left: u64,
        first: bool,
    ) -> Result<Option<Block>, SourceError> {
        loop {
            let Some((segment, complete)) = self.segment(at.segment) else {
                return if *at == self.tail() {
                    Ok(None)
                } else {
                    Err(self.beyond(*at))
                };
            };
            let size = segment.size;
            if at.offset > size {
                return Err(self.beyond(*at));
            }
            if at.offset == size && complete {
                *at = Position::start_of(at.segment + 1);
                continue;
            }
            if at.offset == size || (!first && size - at.offset > left) {
                return Ok(None);
            }
            let bytes = if segment.frozen {
                let whole = self.whole(at.segment).await?;
                whole
                    .part(at.offset as usize..size as usize)
                    .unwrap_or_default()
            } else {
                self.growing(*at, size).await?
            };
            let block = cut(at.segment, at.offset, bytes, left).await?;
            return block
                .map(Some)
                .map_err(|error| self.damage(at.segment, error));
        }
    }

    /// A frozen segment's bytes.
    async fn whole(&mut self, number: u32) -> Result<SegmentBytes, SourceError> {
        if let Some((current, bytes)) = &self.current
            && *current == number
        {
            return Ok(bytes.clone());
        }
        let segment = self.known(number)?;
        let place = self.follower.url().to_owned();
        let bytes = blocking("mapping", move || {
            let file = segment
                .open()
                .map_err(|source| follow_error(&place, source))?;
            map_part(&file, &segment.path, 0, segment.size)
        })
        .await?;
        self.current = Some((number, bytes.clone()));
        Ok(bytes)
    }

    /// The bytes of a segment that grows, up to what is verified.
    async fn growing(&mut self, at: Position, size: u64) -> Result<SegmentBytes, SourceError> {
        let segment = self.known(at.segment)?;
        let place = self.follower.url().to_owned();
        let bytes = blocking("reading", move || {
            let file = segment
                .open()
                .map_err(|source| follow_error(&place, source))?;
            growing_part(&file, &segment.path, at.offset, size - at.offset)
        })
        .await?;
        self.in_parts.insert(at.segment);
        Ok(bytes)
    }

    fn known(&self, number: u32) -> Result<LocalSegment, SourceError> {
        let found = self.segment(number).map(|(segment, _)| segment.clone());
        found.ok_or_else(|| self.beyond(Position::start_of(number)))
    }

    /// Blocks of all bytes before `end`.
    pub(super) async fn history(&mut self, end: Position) -> Result<Vec<Block>, SourceError> {
        let mut wanted = Vec::new();
        for segment in self.follower.segments() {
            let size = match segment.number.cmp(&end.segment) {
                std::cmp::Ordering::Less => segment.size,
                std::cmp::Ordering::Equal => end.offset,
                std::cmp::Ordering::Greater => break,
            };
            if size > segment.size {
                return Err(self.beyond(end));
            }
            wanted.push((segment.clone(), size));
        }
        if end > self.tail() {
            return Err(self.beyond(end));
        }
        let in_parts = wanted
            .iter()
            .filter(|(segment, size)| !segment.frozen || *size < segment.size);
        self.in_parts
            .extend(in_parts.map(|(segment, _)| segment.number));
        let place = self.follower.url().to_owned();
        blocking("mapping", move || {
            let mut blocks = Vec::with_capacity(wanted.len());
            for (segment, size) in wanted {
                let file = segment
                    .open()
                    .map_err(|source| follow_error(&place, source))?;
                let bytes = if segment.frozen && size == segment.size {
                    map_part(&file, &segment.path, 0, size)?
                } else {
                    growing_part(&file, &segment.path, 0, size)?
                };
                blocks.push(Block {
                    segment: segment.number,
                    start: 0,
                    bytes,
                });
            }
            blocks.retain(|block| !block.bytes.is_empty());
            Ok(blocks)
        })
        .await
    }

    /// Blocks of whole segments of which `held` has parts, and which are frozen by now.
    pub(super) async fn sealed(&mut self, held: &Segments) -> Result<Vec<Block>, SourceError> {
        let mut blocks = Vec::new();
        for number in self.in_parts.clone() {
            if !self
                .segment(number)
                .is_some_and(|(segment, _)| segment.frozen)
            {
                continue;
            }
            let bytes = self.whole(number).await?;
            if !agrees(held, number, &bytes).await? {
                return Err(SourceError::Changed {
                    place: self.follower.url().to_owned(),
                    segment: number,
                    what: "the local copy",
                });
            }
            blocks.push(Block {
                segment: number,
                start: 0,
                bytes,
            });
        }
        for block in &blocks {
            self.in_parts.remove(&block.segment);
        }
        Ok(blocks)
    }

    pub(super) async fn changed(&mut self) -> Result<(), SourceError> {
        let news = self.follower.update().await;
        let url = self.follower.url();
        news.map(drop).map_err(|source| follow_error(url, source))
    }

    /// What is wrong with a segment's bytes.
    pub(super) fn damage(&self, number: u32, source: FrameError) -> SourceError {
        let url = self.follower.url();
        let found = self.segment(number);
        SourceError::Frame {
            segment: number,
            file: found.map_or(url.to_owned(), |(segment, _)| {
                segment.path.display().to_string()
            }),
            source,
        }
    }

    fn beyond(&self, position: Position) -> SourceError {
        SourceError::BeyondEnd {
            place: self.follower.url().to_owned(),
            position,
            end: self.tail(),
        }
    }
}

fn follow_error(url: &str, source: FollowError) -> SourceError {
    SourceError::Follow {
        place: url.to_owned(),
        source: Box::new(source),
    }
}
