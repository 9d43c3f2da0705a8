//! The server and the follower together, over loopback: appends, seals, writers that take over, restarts, a server
//! that lost its tail, and mirrors that keep every position.

#![cfg(all(feature = "server", feature = "follower"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use log_core::follower::{FollowError, Follower, FollowerOptions, News, Tail};
use log_core::layout::Segment;
use log_core::server::{LogServer, ServerOptions};
use log_core::{Appended, BulkWriter, NewRecord, Position, Record, Stream, Writer, WriterOptions};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes, so that a lost wake-up is a failure and not a hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server of one stream.
struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Served {
    async fn start(stream: &Stream) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), stream).await
    }

    async fn start_at(address: SocketAddr, stream: &Stream) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut options = ServerOptions::default();
        options.poll = Some(Duration::from_millis(5)); // writers of other processes are seen too
        let server = LogServer::new([stream.clone()], options).unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let task = tokio::spawn(async move { server.serve(listener, stopped).await.unwrap() });
        Self {
            address,
            stop,
            task,
        }
    }

    fn url(&self) -> String {
        format!("http://{}/logs", self.address)
    }

    async fn stop(self) -> SocketAddr {
        self.stop.cancel();
        self.task.await.unwrap();
        self.address
    }
}

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

async fn open(store: &Arc<dyn ObjectStore>) -> Stream {
    Stream::open(store.clone(), "streams/activity")
        .await
        .unwrap()
}

/// A writer whose segments have four batches or 4 KiB.
async fn writer(stream: &Stream) -> Writer {
    let options = WriterOptions {
        segment_batches: 4,
        segment_bytes: 4096,
        ..WriterOptions::new("test")
    };
    Writer::open(stream.clone(), options).await.unwrap()
}

async fn append(writer: &Writer, text: &str) -> Appended {
    let payload = [&[0x0a, text.len() as u8], text.as_bytes()].concat();
    let record = NewRecord::from_payload(payload);
    writer.append(record).await.unwrap()
}

fn quick() -> FollowerOptions {
    FollowerOptions {
        retry_unit: Duration::from_millis(1),
        unchanged_wait: Duration::from_millis(5),
        offline_wait: Duration::from_millis(5),
        ..FollowerOptions::default()
    }
}

async fn follow(url: &str, folder: &Path) -> Follower {
    Follower::open(url, folder, quick()).await.unwrap()
}

/// Updates until the copy ends at `tail`; every news starts where the last one ended.
async fn reach(follower: &mut Follower, tail: Position) {
    let mut at = follower.tail();
    while at < tail {
        let update = tokio::time::timeout(PATIENCE, follower.update());
        let News { from, tail } = update.await.expect("news in time").unwrap();
        assert_eq!(from, at);
        assert!(tail > at);
        at = tail;
    }
    assert_eq!(at, tail);
}

/// Bytes of all segments of the stream.
async fn bytes_of(stream: &Stream) -> Vec<Vec<u8>> {
    stream.refresh().await.unwrap();
    let mut all = Vec::new();
    for (number, segment) in (0u32..).zip(stream.segments()) {
        let bytes = stream.bytes(number, 0..segment.len()).await.unwrap();
        if !bytes.is_empty() {
            all.push(bytes.to_vec());
        }
    }
    all
}

/// The copy is the stream, byte for byte, in its blocks and in its files.
async fn assert_same(follower: &Follower, stream: &Stream) {
    let want = bytes_of(stream).await;
    let mut have: Vec<Vec<u8>> = vec![Vec::new(); follower.segments().len()];
    let mut records = follower.records(Position::START).unwrap();
    while let Some(block) = records.next_block().await.unwrap() {
        let bytes = &mut have[block.at.segment as usize];
        assert_eq!(block.at.offset, bytes.len() as u64);
        bytes.extend_from_slice(&block.bytes);
    }
    assert_eq!(have, want);
    for (local, want) in follower.segments().iter().zip(&want) {
        let file = std::fs::read(&local.path).unwrap();
        assert_eq!(&file[..local.size as usize], want);
    }
}

/// Until no closed segment waits to be joined.
async fn sealed(stream: &Stream) {
    let waits = |segment: &Segment| matches!(segment, Segment::Tail(tail) if tail.closed);
    while stream.segments().iter().any(waits) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        stream.refresh().await.unwrap();
    }
}

/// Every record is seen once, where it was acknowledged, while segments fill, close and are sealed; by a follower
/// and by a tail.
#[tokio::test]
async fn appends_are_seen_across_seals() {
    let folder = tempfile::tempdir().unwrap();
    let stream = open(&memory()).await;
    let writer = writer(&stream).await;
    let begun = stream.tail(); // behind the record with which the epoch begins
    let served = Served::start(&stream).await;
    let mut follower = follow(&served.url(), folder.path()).await;
    let mut tail = Tail::open(&served.url(), quick()).await.unwrap();
    let appending = async {
        let mut acknowledged = Vec::new();
        for number in 0..120 {
            acknowledged.push(append(&writer, &format!("record {number}")).await);
            if number % 7 == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        acknowledged
    };
    let tailing = async {
        let mut seen: Vec<Record> = Vec::new();
        while seen.len() < 120 {
            let next = tokio::time::timeout(PATIENCE, tail.next());
            seen.extend(next.await.expect("records in time").unwrap());
        }
        seen
    };
    let following = async {
        let mut seen = Vec::new();
        let mut position = begun;
        while seen.len() < 120 {
            let update = tokio::time::timeout(PATIENCE, follower.update());
            update.await.expect("news in time").unwrap();
            let mut records = follower.records(position).unwrap();
            while let Some(block) = records.next_block().await.unwrap() {
                seen.extend(block.frames().map(|frame| Position {
                    offset: frame.offset,
                    ..block.at
                }));
            }
            position = records.position();
        }
        seen
    };
    let (acknowledged, tailed, followed) = tokio::join!(appending, tailing, following);
    let places: Vec<Position> = acknowledged.iter().map(|appended| appended.at).collect();
    assert_eq!(followed, places);
    assert_eq!(tailed.iter().map(|r| r.at).collect::<Vec<_>>(), places);
    for (number, record) in tailed.iter().enumerate() {
        let text = format!("record {number}");
        let payload = &record.payload[2..];
        assert!(payload.starts_with(text.as_bytes()), "{number}");
    }
    assert!(places.last().unwrap().segment >= 20, "segments were sealed");
    assert_same(&follower, &stream).await;

    // Once sealed, segments have their frozen names here, and those are the stream's.
    sealed(&stream).await;
    follower.sync().await.unwrap();
    let segments = stream.segments();
    for (local, segment) in follower.segments().iter().zip(&segments) {
        if let Segment::Sealed(sealed) = segment {
            let name = local.path.file_name().unwrap().to_str().unwrap();
            assert_eq!(name, sealed.name.to_string());
            assert!(local.frozen);
        }
    }
    served.stop().await;
}

/// What another process appends, after it took over, is seen; the writer that lost appends nothing more.
#[tokio::test]
async fn a_writer_that_takes_over_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let store = memory();
    let stream = open(&store).await;
    let first = writer(&stream).await;
    let served = Served::start(&stream).await;
    let mut follower = follow(&served.url(), folder.path()).await;
    for round in 0..6 {
        let last = append(&first, &format!("first {round}")).await;
        reach(&mut follower, last.next).await;
    }
    let elsewhere = open(&store).await;
    let second = writer(&elsewhere).await;
    for round in 0..20 {
        let last = append(&second, &format!("second {round}")).await;
        reach(&mut follower, last.next).await;
    }
    let late = NewRecord::from_payload(vec![0x0a, 1, b'x']);
    first.append(late).await.unwrap_err();
    let last = append(&second, "after the late one").await;
    reach(&mut follower, last.next).await;
    assert_same(&follower, &elsewhere).await;
    served.stop().await;
}

/// A server that went and came back with what it had, and with what was appended meanwhile, is no split; neither is a
/// restart of the follower.
#[tokio::test]
async fn restarts_of_both_sides_are_got_over() {
    let folder = tempfile::tempdir().unwrap();
    let store = memory();
    let mut stream = open(&store).await;
    let mut writer_ = writer(&stream).await;
    let mut served = Served::start(&stream).await;
    let mut follower = follow(&served.url(), folder.path()).await;
    for round in 0..8 {
        let last = append(&writer_, &format!("before {round}")).await;
        reach(&mut follower, last.next).await;
        // It waits while the server goes and comes back.
        let update = follower.update();
        let restarting = async {
            let address = served.stop().await;
            writer_.close().await.unwrap();
            stream = open(&store).await;
            writer_ = writer(&stream).await;
            let last = append(&writer_, &format!("meanwhile {round}")).await;
            (Served::start_at(address, &stream).await, last)
        };
        let (news, (again, last)) =
            tokio::join!(tokio::time::timeout(PATIENCE, update), restarting);
        served = again;
        news.expect("news in time").unwrap();
        reach(&mut follower, last.next).await;
        if round % 2 == 0 {
            let tail = follower.tail();
            drop(follower);
            follower = follow(&served.url(), folder.path()).await;
            assert_eq!(follower.tail(), tail);
        }
        assert_same(&follower, &stream).await;
    }
    served.stop().await;
}

/// A server that lost its tail is a split, and stays one when it grows beyond ours; after a reset its history is taken.
#[tokio::test]
async fn a_lost_tail_is_a_split() {
    for (kept, lost, asks_at_once) in [
        (6, 1, true),
        (6, 9, true),
        (1, 2, true),
        (5, 1, false),
        (6, 9, false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(InMemory::new());
        let whole: Arc<dyn ObjectStore> = store.clone();
        let stream = open(&whole).await;
        let writer_ = writer(&stream).await;
        for number in 0..kept {
            append(&writer_, &format!("kept {number}")).await;
        }
        sealed(&stream).await;
        let less: Arc<dyn ObjectStore> = Arc::new(store.fork());
        for number in 0..lost {
            append(&writer_, &format!("lost {number}")).await;
        }
        let served = Served::start(&stream).await;
        let mut follower = follow(&served.url(), folder.path()).await;
        reach(&mut follower, stream.tail()).await;
        let address = served.stop().await;

        let stream = open(&less).await;
        let served = Served::start_at(address, &stream).await;
        let shared: u64 = stream.segments().iter().map(Segment::len).sum();
        let ours_: u64 = follower.segments().iter().map(|local| local.size).sum();
        if asks_at_once {
            let update = tokio::time::timeout(PATIENCE, follower.update());
            let error = update.await.expect("told in time").unwrap_err();
            assert!(
                matches!(error, FollowError::Split { common, ours, .. } if common == shared && ours == ours_),
                "{kept} {lost}: {error:?}"
            );
        }
        let writer_ = writer(&stream).await;
        for number in 0..20 {
            append(&writer_, &format!("other {number}")).await;
        }
        for again in [false, true] {
            if again {
                follower = follow(&served.url(), folder.path()).await;
            }
            let error = follower.sync().await.unwrap_err();
            assert!(matches!(error, FollowError::Split { .. }), "{error:?}");
        }
        follower.reset().await.unwrap();
        assert_eq!(follower.tail(), Position::START);
        reach(&mut follower, stream.tail()).await;
        assert_same(&follower, &stream).await;
        served.stop().await;
    }
}

/// A mirror of a log, in another stream, has every byte at its place, also if it was broken off and gone on with.
#[tokio::test]
async fn a_mirror_keeps_positions() {
    let folder = tempfile::tempdir().unwrap();
    let stream = open(&memory()).await;
    let writer = writer(&stream).await;
    let served = Served::start(&stream).await;
    let mut follower = follow(&served.url(), folder.path()).await;
    let second = memory();
    for round in 0..12 {
        for number in 0..=round {
            append(&writer, &format!("record {round} {number}")).await;
        }
        reach(&mut follower, stream.tail()).await;
        let mirror = open(&second).await;
        let mut bulk = BulkWriter::open(mirror.clone()).await.unwrap();
        let mut records = follower.records(bulk.position()).unwrap();
        while let Some(block) = records.next_block().await.unwrap() {
            if block.at.segment != bulk.position().segment {
                bulk.end_segment().await.unwrap();
            }
            assert_eq!(bulk.position(), block.at);
            bulk.extend_segment(&block.bytes).unwrap();
        }
        bulk.finish().await.unwrap();
        assert_eq!(bytes_of(&mirror).await, bytes_of(&stream).await, "{round}");
    }
    // And the mirror, served, is no split to who followed the first.
    let address = served.stop().await;
    let mirror = open(&second).await;
    let served = Served::start_at(address, &mirror).await;
    follower.sync().await.unwrap();
    assert_same(&follower, &mirror).await;
    served.stop().await;
}

/// Prints how long an append takes to be seen, and what a long log costs in memory:
/// `cargo test --release -p log-core --features server,follower --test serve_and_follow -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn measure() {
    let peak = || -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let stream = open(&memory()).await;
    let writer = Writer::open(stream.clone(), WriterOptions::new("test"));
    let writer = writer.await.unwrap();
    let served = Served::start(&stream).await;
    let folder = tempfile::tempdir().unwrap();
    let mut follower = follow(&served.url(), folder.path()).await;
    let mut times = Vec::new();
    for number in 0..1000 {
        let start = std::time::Instant::now();
        let last = append(&writer, &format!("{number:0100}")).await;
        while follower.tail() < last.next {
            follower.update().await.unwrap();
        }
        times.push(start.elapsed());
    }
    times.sort();
    println!("append to seen: p50 {:?}, p99 {:?}", times[500], times[990]);
    served.stop().await;

    let disk = tempfile::tempdir().unwrap();
    let local = object_store::local::LocalFileSystem::new_with_prefix(disk.path()).unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(local);
    let stream = open(&store).await;
    let mut bulk = BulkWriter::open(stream.clone()).await.unwrap();
    for _ in 0..16 * 40 {
        bulk.push(&vec![7; 1 << 20]).await.unwrap();
    }
    bulk.finish().await.unwrap();
    drop(stream);
    let before = peak();
    let stream = open(&store).await;
    let served = Served::start(&stream).await;
    let folder = tempfile::tempdir().unwrap();
    let mut follower = follow(&served.url(), folder.path()).await;
    let start = std::time::Instant::now();
    follower.sync().await.unwrap();
    let segments = follower.segments().len();
    println!(
        "{segments} segments, 640 MiB: {:?}, peak {before} -> {} KiB",
        start.elapsed(),
        peak()
    );
    served.stop().await;
}
