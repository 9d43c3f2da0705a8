//! Every kind of source gives a log's bytes, whole records at a time, and follows it; what is wrong it tells with its
//! place.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

#[path = "source/copies.rs"]
mod copies;
#[path = "source/files.rs"]
mod files;
#[cfg(feature = "http")]
#[path = "source/server.rs"]
mod server;
#[path = "source/streams.rs"]
mod streams;

use forgelog_replay::{Block, Segments, Source, SourceError, SourceOptions};
use log_core::frame::{Frames, encode};
use log_core::layout::batch_path;
use log_core::segment::SegmentName;
use log_core::{Position, Stream};
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use std::sync::Arc;
use std::time::Duration;

/// Longer than anything here takes, so that a lost wake-up is a failure and not a hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// Options that look often, and keep nothing outside of the test's folder.
fn options(cache: &std::path::Path) -> SourceOptions {
    SourceOptions {
        cache: Some(cache.join("cache")),
        refresh: Some(Duration::from_millis(2)),
        verify: false,
    }
}

/// Segments with records of many lengths; the last is one of those that may grow.
fn some_log() -> Vec<Vec<u8>> {
    let lengths: [&[usize]; 4] = [&[5, 0, 300, 1], &[70, 7], &[1], &[9, 1000, 0, 33, 2]];
    lengths.map(records).to_vec()
}

/// A segment with records of these lengths.
fn records(lengths: &[usize]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, &length) in lengths.iter().enumerate() {
        let payload = vec![b'a' + (number % 26) as u8; length];
        let offset = bytes.len() as u64;
        encode(&mut bytes, offset, &payload);
    }
    bytes
}

/// Where the records of a segment begin, and its end.
fn boundaries(segment: &[u8]) -> Vec<u64> {
    let ends = Frames::new(segment, 0).map(|frame| frame.unwrap().end);
    std::iter::once(0).chain(ends).collect()
}

/// Puts the log into a store as a stream: all segments but the last sealed, that one in batches of two records.
async fn put_stream(store: &Arc<dyn ObjectStore>, prefix: &str, log: &[Vec<u8>]) {
    let put = async |below: String, bytes: &[u8]| {
        let payload = PutPayload::from(bytes.to_vec());
        store
            .put(&format!("{prefix}/{below}").into(), payload)
            .await
            .unwrap();
    };
    let (last, sealed) = log.split_last().unwrap();
    for (number, bytes) in (0..).zip(sealed) {
        put(SegmentName::of(number, bytes).to_string(), bytes).await;
    }
    let number = sealed.len() as u32;
    let ends = boundaries(last);
    for ends in ends
        .chunks(2)
        .map(|ends| ends[0])
        .collect::<Vec<_>>()
        .windows(2)
    {
        let bytes = &last[ends[0] as usize..ends[1] as usize];
        put(batch_path(number, ends[0]), bytes).await;
    }
    let begun = ends[(ends.len() - 1) / 2 * 2];
    if begun < last.len() as u64 {
        put(batch_path(number, begun), &last[begun as usize..]).await;
    }
}

async fn open_stream(store: &Arc<dyn ObjectStore>, prefix: &str) -> Stream {
    Stream::open(store.clone(), prefix).await.unwrap()
}

/// All blocks from `from` on. They join without a gap, and hold whole records.
async fn read_all(
    source: &mut Source,
    from: Position,
    bytes_max: u64,
) -> Result<Vec<Block>, SourceError> {
    let mut all = Vec::new();
    let mut at = from;
    loop {
        let blocks = source.read(at, bytes_max).await?;
        let Some(last) = blocks.last() else { break };
        let bytes: usize = blocks.iter().map(|block| block.bytes.len()).sum();
        let first = blocks[0].frames().next().unwrap().unwrap();
        let first = first.end - first.offset;
        assert!(
            bytes as u64 <= bytes_max.max(first).max(batch_max(&blocks)),
            "{bytes_max}"
        );
        at = last.end();
        all.extend(blocks);
    }
    assert_eq!(source.next_position(at), source.tail());
    let mut next = source.next_position(from);
    for block in &all {
        assert_eq!(block.at(), next);
        assert!(block.frames().all(|frame| frame.is_ok()));
        next = source.next_position(block.end());
    }
    Ok(all)
}

/// A batch in memory is given whole, so it may be longer than what was asked for.
fn batch_max(blocks: &[Block]) -> u64 {
    let in_memory = blocks.iter().filter(|block| !block.bytes.is_mapped());
    in_memory
        .map(|block| block.bytes.len() as u64)
        .max()
        .unwrap_or(0)
}

/// What the blocks hold of each of so many segments.
fn joined(blocks: &[Block], segments: usize) -> Vec<Vec<u8>> {
    let mut joined = vec![Vec::new(); segments];
    for block in blocks {
        joined[block.segment as usize].extend_from_slice(&block.bytes);
    }
    joined
}

/// The log from `from` on.
fn rest_of(log: &[Vec<u8>], from: Position) -> Vec<Vec<u8>> {
    let mut rest = log.to_vec();
    for (number, segment) in (0..).zip(&mut rest) {
        if number < from.segment {
            segment.clear();
        } else if number == from.segment {
            segment.drain(..from.offset as usize);
        }
    }
    rest
}

/// The source gives the log from every record on, whatever is asked for at a time, and all before every record.
async fn assert_gives(source: &mut Source, log: &[Vec<u8>]) {
    let sizes: Vec<u64> = source
        .segments()
        .iter()
        .map(|segment| segment.size)
        .collect();
    assert_eq!(
        sizes,
        log.iter()
            .map(|segment| segment.len() as u64)
            .collect::<Vec<_>>()
    );
    for (number, segment) in (0..).zip(log) {
        for offset in boundaries(segment) {
            let position = Position {
                segment: number,
                offset,
            };
            for bytes_max in [0, 1, 40, 400, 1500, u64::MAX] {
                let blocks = read_all(source, position, bytes_max).await.unwrap();
                assert_eq!(
                    joined(&blocks, log.len()),
                    rest_of(log, position),
                    "{position} {bytes_max}"
                );
            }
            let mut before = log.to_vec();
            before.truncate(number as usize + 1);
            before[number as usize].truncate(offset as usize);
            let blocks = source.history(position).await.unwrap();
            assert_eq!(joined(&blocks, before.len()), before, "{position}");
            assert!(
                blocks
                    .iter()
                    .all(|block| block.start == 0 || number == block.segment)
            );
        }
    }
    let beyond = Position {
        offset: source.tail().offset + 1,
        ..source.tail()
    };
    assert!(matches!(
        source.read(beyond, 1).await,
        Err(SourceError::BeyondEnd { .. })
    ));
    assert!(matches!(
        source.history(beyond).await,
        Err(SourceError::BeyondEnd { .. })
    ));
}

/// A reader of a source as a corpus is one.
struct Reader {
    source: Source,
    segments: Segments,
    position: Position,
}

impl Reader {
    fn new(source: Source) -> Self {
        Self {
            source,
            segments: Segments::default(),
            position: Position::START,
        }
    }

    /// Takes what is there.
    async fn take(&mut self) -> Result<(), SourceError> {
        loop {
            let blocks = self.source.read(self.position, 1 << 20).await?;
            let Some(last) = blocks.last() else { break };
            self.position = last.end();
            for block in &blocks {
                self.segments.attach(block);
            }
        }
        for block in self.source.sealed(&self.segments).await? {
            self.segments.attach(&block);
        }
        Ok(())
    }

    /// Takes what is there and waits for more, until it has `end`.
    async fn reach(&mut self, end: Position) {
        let reached = async {
            self.take().await.unwrap();
            while self.source.next_position(self.position) < end {
                self.source.changed().await.unwrap();
                self.take().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, reached)
            .await
            .expect("news in time");
    }

    /// Follows until there is an error.
    async fn fails(&mut self) -> SourceError {
        let failing = async {
            loop {
                if let Err(error) = self.take().await {
                    return error;
                }
                if let Err(error) = self.source.changed().await {
                    return error;
                }
            }
        };
        tokio::time::timeout(PATIENCE, failing)
            .await
            .expect("an error in time")
    }

    /// Cells find every record of the log in what was attached.
    fn assert_has(&self, log: &[Vec<u8>]) {
        for (number, segment) in (0..).zip(log) {
            for ends in boundaries(segment).windows(2) {
                let range = ends[0] as usize..ends[1] as usize;
                let cell = self
                    .segments
                    .get(number, ends[0] as u32, range.len() as u32);
                assert_eq!(cell, Some(&segment[range]), "{number} {ends:?}");
            }
        }
    }
}
