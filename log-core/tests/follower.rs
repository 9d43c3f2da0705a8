//! The follower through its public API, against a server that does what it is told: growth, splits, faults in
//! every request, crashes at every write, several processes on one folder.

#![cfg(feature = "follower")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

#[path = "follower/crashes.rs"]
mod crashes;
#[path = "follower/server.rs"]
mod server;

use crashes::copy_files;
use log_core::follower::{FollowError, Follower, FollowerOptions, Tail};
use log_core::{Position, frame};
use server::{Asked, Fault, Server};
use std::path::Path;
use std::time::Duration;

fn options() -> FollowerOptions {
    FollowerOptions {
        retry_unit: Duration::from_micros(100),
        unchanged_wait: Duration::from_millis(1),
        offline_wait: Duration::from_millis(1),
        index_tries: 3,
        segment_tries: 3,
        ..FollowerOptions::default()
    }
}

/// A segment of records with these payloads.
fn segment(payloads: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for payload in payloads {
        let offset = bytes.len() as u64;
        frame::encode(&mut bytes, offset, payload.as_bytes());
    }
    bytes
}

async fn open(server: &Server, folder: &Path) -> Follower {
    Follower::open(&server.url, folder, options())
        .await
        .unwrap()
}

/// All verified bytes, segment by segment, through the records.
async fn read(follower: &Follower) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = vec![Vec::new(); follower.segments().len()];
    let mut records = follower.records(Position::START).unwrap();
    while let Some(block) = records.next_block().await.unwrap() {
        let bytes = &mut all[block.at.segment as usize];
        assert_eq!(block.at.offset, bytes.len() as u64);
        let ends: Vec<_> = block.frames().map(|frame| frame.end).collect();
        assert_eq!(*ends.last().unwrap(), block.end().offset);
        bytes.extend_from_slice(&block.bytes);
    }
    all
}

async fn assert_has(follower: &Follower, segments: &[Vec<u8>]) {
    assert_eq!(read(follower).await, segments);
    for (local, bytes) in follower.segments().iter().zip(segments) {
        let file = std::fs::read(&local.path).unwrap();
        assert_eq!(&file[..local.size as usize], bytes);
    }
}

/// Spec 7, rows 7 to 10; and new bytes are all that is fetched.
#[tokio::test]
async fn growth_is_followed_at_the_cost_of_the_new_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (segment(&["a", "b"]), segment(&["c"]));
    let server = Server::start(&[one.clone(), two.clone()]).await;
    let mut follower = open(&server, folder.path()).await;
    let news = follower.sync().await.unwrap();
    let at = |segment, bytes: &[u8]| Position {
        segment,
        offset: bytes.len() as u64,
    };
    assert_eq!((news.from, news.tail), (Position::START, at(1, &two)));
    assert_has(&follower, &[one.clone(), two.clone()]).await;

    server.take_asked();
    let grown = segment(&["c", "d"]);
    server.set(&[one.clone(), grown.clone()]);
    let news = follower.update().await.unwrap();
    assert_eq!((news.from, news.tail), (at(1, &two), at(1, &grown)));
    let (asked, sent) = server.take_asked();
    assert_eq!(asked, [Asked::Index, Asked::Segment(1, two.len())]);
    assert_eq!(sent, grown.len() - two.len());

    let (more, three) = (segment(&["c", "d", "e"]), segment(&["f"]));
    server.set(&[one.clone(), more.clone(), three.clone()]);
    let news = follower.update().await.unwrap();
    assert_eq!((news.from, news.tail), (at(1, &grown), at(2, &three)));
    let (_, sent) = server.take_asked();
    assert_eq!(sent, more.len() - grown.len() + three.len());

    let four = segment(&["g"]);
    let all = [one, more, three, four];
    server.set(&all);
    follower.update().await.unwrap();
    let (asked, _) = server.take_asked();
    assert_eq!(asked, [Asked::Index, Asked::Segment(3, 0)]);
    assert_has(&follower, &all).await;
}

/// Spec 7, row 11, and a server that holds the poll.
#[tokio::test]
async fn an_unchanged_log_is_waited_for() {
    for impatient in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let one = segment(&["a"]);
        let server = Server::start(std::slice::from_ref(&one)).await;
        if impatient {
            server.impatient();
        }
        let mut follower = open(&server, folder.path()).await;
        follower.sync().await.unwrap();
        let news = follower.sync().await.unwrap();
        assert_eq!(news.from, news.tail);
        let waited = tokio::time::timeout(Duration::from_millis(50), follower.update()).await;
        assert!(waited.is_err(), "{impatient}");
        let grown = segment(&["a", "b"]);
        server.set(std::slice::from_ref(&grown));
        let news = follower.update().await.unwrap();
        assert_eq!(news.tail.offset, grown.len() as u64);
    }
}

type Segments = Vec<Vec<u8>>;

/// Spec 7, rows 12 to 14: what was, what the server says then, and how much is shared.
fn splits() -> Vec<(Segments, Segments, usize)> {
    let (a, b) = (segment(&["a"]), segment(&["b"]));
    let long = segment(&["a", "and more"]);
    vec![
        (vec![a.clone()], vec![b.clone()], 0),
        (vec![a.clone()], vec![segment(&["b", "c"])], 0),
        (vec![long.clone()], vec![b.clone()], 0),
        (vec![long.clone()], vec![a.clone()], a.len()),
        (
            vec![a.clone(), a.clone()],
            vec![a.clone(), segment(&["b", "c"])],
            a.len(),
        ),
        (
            vec![a.clone(), b.clone()],
            vec![long.clone(), b.clone()],
            a.len(),
        ),
        (vec![a.clone(), b.clone()], vec![a.clone()], a.len()),
        (vec![a.clone()], vec![], 0),
    ]
}

/// Spec 7, rows 12 to 14. The last two, and the fourth, are the server that lost its tail (spec 1.5.4).
#[tokio::test]
async fn another_history_is_a_split_until_reset() {
    for (last, new, shared) in splits() {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&last).await;
        let mut follower = open(&server, folder.path()).await;
        follower.sync().await.unwrap();
        server.set(&new);
        let total: usize = last.iter().map(Vec::len).sum();
        for _ in 0..2 {
            // A long poll would not tell: it compares sizes, and some of these have the same.
            match follower.sync().await {
                Err(FollowError::Split { common, ours, .. }) => {
                    assert_eq!((common, ours), (shared as u64, total as u64));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_has(&follower, &last).await;
        let mut later = open(&server, folder.path()).await;
        assert_has(&later, &last).await;
        let split = later.sync().await;
        assert!(matches!(split, Err(FollowError::Split { .. })), "{split:?}");

        follower.reset().await.unwrap();
        assert_eq!(follower.tail(), Position::START);
        follower.sync().await.unwrap();
        assert_has(&follower, &new).await;
        // The other process finds that this one reset already, and takes its copy.
        later.reset().await.unwrap();
        assert_has(&later, &new).await;
        let aside = std::fs::read_dir(folder.path().join("aside")).unwrap();
        assert_eq!(aside.count(), 1);
    }
}

/// Spec 7, row 15, and every other fault that a later try gets over.
#[tokio::test]
async fn faults_that_pass_are_got_over() {
    let faults = [
        Fault::Status(500),
        Fault::Status(503),
        Fault::Cut,
        Fault::Short,
        Fault::Long,
        Fault::Wrong,
        Fault::Full,
        Fault::PartAsWhole,
        Fault::Redirect,
    ];
    let steps = [
        vec![segment(&["a", "b"])],
        vec![segment(&["a", "b", "c"])],
        vec![segment(&["a", "b", "c", "d"]), segment(&["e", "f"])],
    ];
    for fault in faults {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&[]).await;
        let mut segments = 0;
        let mut indexes = 0;
        server.fault(move |_, asked| match asked {
            // Bytes that break off are resumed, so that every other is fetched in parts.
            Asked::Segment(..) => {
                segments += 1;
                (segments % 3 == 1).then_some(fault)
            }
            Asked::Index => {
                indexes += 1;
                (indexes % 2 == 0).then_some(Fault::Status(500))
            }
        });
        let mut follower = open(&server, folder.path()).await;
        for step in &steps {
            server.set(step);
            let synced = follower.sync().await;
            assert!(synced.is_ok(), "{fault:?}: {synced:?}");
            assert_has(&follower, step).await;
        }
    }
}

#[tokio::test]
async fn faults_that_stay_are_told() {
    type Expected = fn(&FollowError) -> bool;
    let faults: [(Fault, Expected); 4] = [
        (Fault::Wrong, |e| {
            matches!(e, FollowError::Corrupt { segment: 0, .. })
        }),
        (Fault::Status(500), |e| {
            matches!(e, FollowError::Status { status: 500, .. })
        }),
        (Fault::Status(416), |e| {
            matches!(e, FollowError::Status { status: 416, .. })
        }),
        (Fault::Short, |e| {
            matches!(e, FollowError::Length { .. } | FollowError::Status { .. })
        }),
    ];
    for (fault, expected) in faults {
        let folder = tempfile::tempdir().unwrap();
        let one = segment(&["some", "records"]);
        let server = Server::start(std::slice::from_ref(&one)).await;
        server.fault(move |_, asked| matches!(asked, Asked::Segment(..)).then_some(fault));
        let mut follower = open(&server, folder.path()).await;
        let error = follower.sync().await.unwrap_err();
        assert!(expected(&error), "{fault:?}: {error:?}");
        assert_eq!(follower.tail(), Position::START);
        server.well();
        follower.sync().await.unwrap();
        assert_has(&follower, &[one]).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[segment(&["a"])]).await;
    server.fault(|_, _| Some(Fault::Wrong));
    let error = open(&server, folder.path()).await.sync().await.unwrap_err();
    assert!(matches!(error, FollowError::Index { .. }), "{error:?}");
}

#[tokio::test]
async fn sizes_from_outside_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[segment(&["a", "b"])]).await;
    let small = |index_bytes_max, segment_bytes_max| FollowerOptions {
        index_bytes_max,
        segment_bytes_max,
        ..options()
    };
    let open = |options| Follower::open(&server.url, folder.path(), options);
    let error = open(small(20, 1 << 20))
        .await
        .unwrap()
        .sync()
        .await
        .unwrap_err();
    assert!(
        matches!(error, FollowError::IndexTooLong { .. }),
        "{error:?}"
    );
    let error = open(small(1 << 20, 3))
        .await
        .unwrap()
        .sync()
        .await
        .unwrap_err();
    assert!(
        matches!(error, FollowError::SegmentTooLong { .. }),
        "{error:?}"
    );
}

/// Three segments, then a growth; what both leave.
fn history() -> [Vec<Vec<u8>>; 2] {
    let (one, two) = (segment(&["a", "b"]), segment(&["c", "d", "e"]));
    [
        vec![one.clone(), two.clone(), segment(&["f"])],
        vec![one, two, segment(&["f", "g"]), segment(&["h", "i"])],
    ]
}

#[tokio::test]
async fn a_segment_freezes_under_its_name_and_may_thaw() {
    let folder = tempfile::tempdir().unwrap();
    let one = segment(&["a"]);
    let server = Server::start(std::slice::from_ref(&one)).await;
    let mut follower = open(&server, folder.path()).await;
    follower.sync().await.unwrap();
    let growing = follower.segments()[0].clone();
    assert!(growing.path.ends_with("0000.growing.mutlog"));
    server.freeze_last();
    server.take_asked();
    follower.sync().await.unwrap();
    assert_eq!(server.take_asked().1, 0);
    let frozen = follower.segments()[0].clone();
    let name = format!("0000.{}.mutlog", frozen.sha224);
    assert!(frozen.frozen && frozen.path.ends_with(&name));
    assert!(!growing.path.exists());
    growing.open().expect("the old name leads to the new one");
    // A server that said too much.
    let grown = segment(&["a", "b"]);
    server.set(std::slice::from_ref(&grown));
    follower.update().await.unwrap();
    assert_eq!(server.take_asked().1, grown.len() - one.len());
    assert_has(&follower, &[grown]).await;
}

#[tokio::test]
async fn everything_cached_is_there_offline() {
    let folder = tempfile::tempdir().unwrap();
    let segments = history()[0].clone();
    let server = Server::start(&segments).await;
    open(&server, folder.path()).await.sync().await.unwrap();
    let address = server.url["http://".len()..]
        .trim_end_matches("/logs")
        .to_owned();
    let url = server.url.clone();
    drop(server);
    tokio::task::yield_now().await;
    let mut follower = Follower::open(&url, folder.path(), options())
        .await
        .unwrap();
    assert_has(&follower, &segments).await;
    let error = follower.sync().await.unwrap_err();
    assert!(error.is_offline(), "{error:?}");
    let waiting = tokio::spawn(async move {
        let news = follower.update().await;
        (news, follower)
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let server = Server::start_at(&address, &history()[1]).await;
    let (news, follower) = waiting.await.unwrap();
    assert_eq!(news.unwrap().from.segment, 2);
    assert_has(&follower, &history()[1]).await;
    drop(server);
}

/// More refusals than there are tries, by a server that is there: it is busy, and it passes.
#[tokio::test]
async fn a_busy_server_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&history()[0]).await;
    let mut left = 20;
    server.fault(move |_, _| {
        left -= 1;
        (left > 0).then_some(Fault::Status(503))
    });
    let mut follower = open(&server, folder.path()).await;
    let error = follower.sync().await.unwrap_err();
    assert!(error.is_busy(), "{error:?}");
    follower.update().await.unwrap();
    assert_has(&follower, &history()[0]).await;
}

/// An original client leaves no list of ours.
#[tokio::test]
async fn an_original_cache_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let segments = history()[0].clone();
    for (number, bytes) in segments.iter().enumerate() {
        let name = log_core::segment::SegmentName::of(number as u32, bytes).to_string();
        let name = if number == 2 {
            "0002.growing.mutlog".into()
        } else {
            name
        };
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let server = Server::start(&segments).await;
    let mut follower = open(&server, folder.path()).await;
    assert_has(&follower, &segments[..2]).await;
    follower.sync().await.unwrap();
    assert_has(&follower, &segments).await;
    assert_eq!(server.take_asked(), (vec![Asked::Index], 0));
}

#[tokio::test]
async fn two_share_a_folder_and_fetch_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&history()[0]).await;
    let mut one = open(&server, folder.path()).await;
    let mut two = open(&server, folder.path()).await;
    for step in history() {
        server.set(&step);
        server.take_asked();
        let before = one.tail();
        let (a, b) = tokio::join!(one.sync(), two.sync());
        assert_eq!(a.unwrap().from, before);
        assert_eq!(b.unwrap().from, before);
        assert_has(&one, &step).await;
        assert_has(&two, &step).await;
        let (asked, _) = server.take_asked();
        let mut segments: Vec<_> = asked.iter().filter(|a| **a != Asked::Index).collect();
        let count = segments.len();
        segments.dedup();
        assert_eq!(segments.len(), count, "{asked:?}");
        assert_eq!(count, if before == Position::START { 3 } else { 2 });
    }
    // What one publishes, another that waits for its turn need not ask for.
    let mut more = history()[1].clone();
    more.push(segment(&["j"]));
    server.set(&more);
    one.sync().await.unwrap();
    server.take_asked();
    let news = two.update().await.unwrap();
    assert_eq!(news.tail, one.tail());
    assert!(server.take_asked().0.is_empty());
}

/// Between a process's index and its turn to write, another publishes more than that index knows.
#[tokio::test]
async fn an_index_that_is_older_than_the_copy_is_no_split() {
    let (folder, newer) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(&history()[0]).await;
    let mut follower = open(&server, folder.path()).await;
    follower.sync().await.unwrap();
    let held = std::fs::File::open(folder.path().join("lock")).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    server.take_asked();
    let syncing = tokio::spawn(async move { (follower.sync().await, follower) });
    while server.take_asked().0.is_empty() {
        tokio::task::yield_now().await;
    }
    server.set(&history()[1]);
    // The answer is under way, or here; the lock is what it waits for.
    tokio::time::sleep(Duration::from_millis(50)).await;
    open(&server, newer.path()).await.sync().await.unwrap();
    copy_files(newer.path(), folder.path());
    drop(held);
    let (news, follower) = syncing.await.unwrap();
    assert_eq!(news.unwrap().tail.segment, 3);
    assert_has(&follower, &history()[1]).await;
}

#[tokio::test]
async fn what_is_published_while_the_lock_is_held_is_news() {
    let (folder, newer) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(&history()[0]).await;
    let mut follower = open(&server, folder.path()).await;
    follower.sync().await.unwrap();
    server.set(&history()[1]);
    open(&server, newer.path()).await.sync().await.unwrap();
    let held = std::fs::File::open(folder.path().join("lock")).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    server.take_asked();
    let updating = tokio::spawn(async move { (follower.update().await, follower) });
    while server.take_asked().0.is_empty() {
        tokio::task::yield_now().await;
    }
    copy_files(newer.path(), folder.path());
    let (news, follower) = updating.await.unwrap();
    assert_eq!(news.unwrap().tail.segment, 3);
    assert_has(&follower, &history()[1]).await;
    drop(held);
}

#[tokio::test]
async fn a_held_lock_is_waited_for_and_then_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&history()[0]).await;
    server.fault(|_, asked| matches!(asked, Asked::Segment(..)).then_some(Fault::Silence));
    let mut holder = open(&server, folder.path()).await;
    let hurried = FollowerOptions {
        lock_wait: Duration::from_millis(30),
        ..options()
    };
    let mut other = Follower::open(&server.url, folder.path(), hurried)
        .await
        .unwrap();
    let holding = tokio::spawn(async move { holder.sync().await });
    while server.take_asked().0.last() != Some(&Asked::Segment(0, 0)) {
        tokio::task::yield_now().await;
    }
    let error = other.sync().await.unwrap_err();
    assert!(matches!(error, FollowError::Locked { .. }), "{error:?}");
    holding.abort();
    let _ = holding.await;
    server.well();
    other.sync().await.unwrap();
    assert_has(&other, &history()[0]).await;
}

#[tokio::test]
async fn records_start_anywhere_and_refuse_what_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let segments = history()[0].clone();
    let server = Server::start(&segments).await;
    let mut follower = open(&server, folder.path()).await;
    follower.sync().await.unwrap();
    let second = frame::Frames::new(&segments[0], 0)
        .next()
        .unwrap()
        .unwrap()
        .end;
    let from = Position {
        segment: 0,
        offset: second,
    };
    let mut records = follower.records(from).unwrap();
    let block = records.next_block().await.unwrap().unwrap();
    assert_eq!(block.frames().next().unwrap().payload, b"b");
    let mut at_tail = follower.records(follower.tail()).unwrap();
    assert_eq!(at_tail.next_block().await.unwrap(), None);
    assert_eq!(at_tail.position(), follower.tail());
    let mut inside = follower
        .records(Position {
            segment: 0,
            offset: 1,
        })
        .unwrap();
    let error = inside.next_block().await.unwrap_err();
    assert!(
        matches!(error, FollowError::Frame { segment: 0, .. }),
        "{error:?}"
    );
    let beyond = follower.records(Position {
        segment: 2,
        offset: 999,
    });
    assert!(matches!(beyond, Err(FollowError::BeyondEnd { .. })));
}

/// A record longer than a block, and many blocks.
#[tokio::test]
async fn long_segments_come_in_blocks_of_whole_records() {
    let folder = tempfile::tempdir().unwrap();
    let (long, short) = ("x".repeat(9 << 20), "y".repeat(3 << 20));
    let segments = [segment(&[&short, &short, &long, "z"])];
    let server = Server::start(&segments).await;
    server.fault(|count, _| (count == 1).then_some(Fault::Cut));
    let mut follower = open(&server, folder.path()).await;
    follower.sync().await.unwrap();
    assert_has(&follower, &segments).await;
    let (asked, _) = server.take_asked();
    let half = segments[0].len() / 2;
    assert_eq!(
        asked[2],
        Asked::Segment(0, half),
        "it goes on where it broke off"
    );
}

#[tokio::test]
async fn a_tail_gives_new_records_only() {
    let server = Server::start(&[segment(&["a"])]).await;
    let mut tail = Tail::open(&server.url, options()).await.unwrap();
    let mut asked = 0;
    server.fault(move |_, _| {
        asked += 1;
        (asked % 2 == 0).then_some(Fault::Status(500))
    });
    let payloads = |records: Vec<log_core::Record>| -> Vec<String> {
        let text = |record: &log_core::Record| String::from_utf8(record.payload.to_vec()).unwrap();
        records.iter().map(text).collect()
    };
    server.set(&[segment(&["a", "b", "c"])]);
    assert_eq!(payloads(tail.next().await.unwrap()), ["b", "c"]);
    let two = segment(&["e"]);
    server.set(&[segment(&["a", "b", "c", "d"]), two.clone()]);
    assert_eq!(payloads(tail.next().await.unwrap()), ["d"]);
    assert_eq!(payloads(tail.next().await.unwrap()), ["e"]);
    assert_eq!(
        tail.position(),
        Position {
            segment: 1,
            offset: two.len() as u64
        }
    );
    server.set(&[segment(&["a"])]);
    let error = tail.next().await.unwrap_err();
    assert!(matches!(error, FollowError::Split { .. }), "{error:?}");
}

/// Between the index and the segment the server got more records: what the index promised is taken.
#[tokio::test]
async fn a_first_segment_that_grew_meanwhile_is_taken_as_listed() {
    let folder = tempfile::tempdir().unwrap();
    let one = segment(&["a", "b"]);
    let server = Server::start(std::slice::from_ref(&one)).await;
    server.fault(|_, asked| matches!(asked, Asked::Segment(..)).then_some(Fault::Long));
    let mut follower = open(&server, folder.path()).await;
    follower.sync().await.unwrap();
    assert_has(&follower, std::slice::from_ref(&one)).await;
    let (asked, _) = server.take_asked();
    assert_eq!(asked, [Asked::Index, Asked::Segment(0, 0)]);
    let grown = segment(&["a", "b", "c"]);
    server.set(std::slice::from_ref(&grown));
    follower.sync().await.unwrap();
    assert_has(&follower, &[grown]).await;

    let server = Server::start(&[]).await;
    let mut tail = Tail::open(&server.url, options()).await.unwrap();
    server.fault(|_, asked| matches!(asked, Asked::Segment(..)).then_some(Fault::Long));
    server.set(&[one]);
    assert_eq!(tail.next().await.unwrap().len(), 2);
}

/// A server that says "nothing new" without waiting is not asked as fast as it answers.
#[tokio::test]
async fn a_server_that_never_holds_is_not_pressed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[segment(&["a"])]).await;
    let slow = FollowerOptions {
        unchanged_wait: Duration::from_secs(3600),
        ..options()
    };
    let follower = Follower::open(&server.url, folder.path(), slow.clone());
    let mut follower = follower.await.unwrap();
    follower.sync().await.unwrap();
    let mut tail = Tail::open(&server.url, slow).await.unwrap();
    server.fault(|_, _| Some(Fault::Status(304)));
    server.take_asked();
    let waited = tokio::time::timeout(Duration::from_millis(100), follower.update()).await;
    assert!(waited.is_err());
    assert_eq!(server.take_asked().0, [Asked::Index]);
    let waited = tokio::time::timeout(Duration::from_millis(100), tail.next()).await;
    assert!(waited.is_err());
    assert_eq!(server.take_asked().0, [Asked::Index]);
}

/// Nothing of a segment before the tail's own is fetched; if one changes, or the tail's own is gone, records would
/// be missed.
#[tokio::test]
async fn a_tail_whose_past_changes_is_split() {
    let one = segment(&["a"]);
    let grown = segment(&["a", "b", "c", "d"]);
    let empty = Vec::new;
    for was in [
        vec![one.clone(), empty()],
        vec![one.clone(), empty(), empty()],
        vec![one.clone(), one.clone()],
    ] {
        for is in [vec![grown.clone()], vec![grown.clone(), one.clone()]] {
            let server = Server::start(&was).await;
            let mut tail = Tail::open(&server.url, options()).await.unwrap();
            server.set(&is);
            let next = tokio::time::timeout(Duration::from_secs(5), tail.next());
            let error = next
                .await
                .expect("no wait for what was missed")
                .unwrap_err();
            assert!(matches!(error, FollowError::Split { .. }), "{error:?}");
        }
    }
}
