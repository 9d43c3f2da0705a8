//! An original's logs in files: read as they are, followed, and torn, cut or changed under a reader.

use super::*;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

const DAYS: [&str; 4] = ["2017-03-01", "2017-03-02", "2017-03-10", "2018-01-01"];

fn day(dir: &Path, number: usize) -> PathBuf {
    dir.join("log")
        .join(format!("maintner-{}.mutlog", DAYS[number]))
}

/// A disk log in the folder `log` of a folder.
fn disk(dir: &Path, log: &[Vec<u8>]) -> String {
    fs::create_dir_all(dir.join("log")).unwrap();
    for (number, bytes) in log.iter().enumerate() {
        fs::write(day(dir, number), bytes).unwrap();
    }
    dir.join("log").display().to_string()
}

fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(bytes).unwrap();
}

async fn open(dir: &Path, place: &str) -> Source {
    Source::open(place, options(dir)).await.unwrap()
}

#[tokio::test]
async fn a_disk_log_is_read_in_the_order_of_its_names() {
    let dir = tempfile::tempdir().unwrap();
    let place = disk(dir.path(), &some_log());
    for name in ["maintner-2017-03-01.mutlog.tmp", "notes.txt"] {
        fs::write(dir.path().join("log").join(name), "x").unwrap();
    }
    fs::create_dir(dir.path().join("log/below")).unwrap();
    fs::write(dir.path().join("log/below/maintner-2016-01-01.mutlog"), "x").unwrap();
    for place in [place.clone(), format!("file://{place}")] {
        let mut source = open(dir.path(), &place).await;
        assert_eq!(source.name(), "log");
        assert_gives(&mut source, &some_log()).await;
        assert!(!source.keeps_checkpoints());
        let error = source.list_checkpoints().await.unwrap_err();
        assert!(matches!(error, SourceError::NoCheckpoints { .. }));
        let blocks = source.read(Position::START, u64::MAX).await.unwrap();
        let mapped: Vec<bool> = blocks.iter().map(|block| block.bytes.is_mapped()).collect();
        assert_eq!(mapped, [true, true, true, false]);
    }
    assert!(!dir.path().join("cache").exists());
}

#[tokio::test]
async fn a_single_file_is_a_segment() {
    let dir = tempfile::tempdir().unwrap();
    let log = [records(&[1 << 19, 3, (1 << 20) + 5, 0, 70])];
    let path = dir.path().join("some.mutlog");
    fs::write(&path, &log[0]).unwrap();
    let mut source = open(dir.path(), &path.display().to_string()).await;
    assert_gives(&mut source, &log).await;
    let blocks = source.read(Position::START, u64::MAX).await.unwrap();
    assert!(blocks[0].bytes.is_mapped(), "what is long is mapped");
}

/// `NNNN.<sha224>.mutlog` and `NNNN.growing.mutlog`, which freezes under the reader.
#[tokio::test]
async fn a_clients_cache_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("log");
    fs::create_dir(&folder).unwrap();
    let log = some_log();
    let frozen =
        |number: u32| folder.join(SegmentName::of(number, &log[number as usize]).to_string());
    let growing = |number: u32| folder.join(format!("{number:04}.growing.mutlog"));
    fs::write(frozen(0), &log[0]).unwrap();
    // An older one of the same number.
    fs::write(growing(0), &log[0][..9]).unwrap();
    let cut = boundaries(&log[1])[1] as usize;
    fs::write(growing(1), &log[1][..cut]).unwrap();
    let place = folder.display().to_string();
    let mut source = open(dir.path(), &place).await;
    assert_gives(&mut source, &[log[0].clone(), log[1][..cut].to_vec()]).await;
    let mut reader = Reader::new(source);
    reader.take().await.unwrap();
    append(&growing(1), &log[1][cut..]);
    reader
        .reach(Position {
            segment: 1,
            offset: log[1].len() as u64,
        })
        .await;
    fs::rename(growing(1), frozen(1)).unwrap();
    reader.reach(Position::start_of(2)).await;
    assert!(reader.segments.is_mapped(1));
    for number in 2..4 {
        fs::write(growing(number), &log[number as usize]).unwrap();
    }
    let end = Position {
        segment: 3,
        offset: log[3].len() as u64,
    };
    reader.reach(end).await;
    assert!(reader.segments.is_mapped(2));
    reader.assert_has(&log);
    let mut verified = Source::open(
        &place,
        SourceOptions {
            verify: true,
            ..options(dir.path())
        },
    )
    .await
    .unwrap();
    assert_gives(&mut verified, &log).await;
    fs::remove_file(growing(2)).unwrap();
    let error = Source::open(&place, options(dir.path())).await.unwrap_err();
    assert!(
        matches!(error, SourceError::Gap { source, .. } if source.missing == 2),
        "{error:?}"
    );
}

#[tokio::test]
async fn two_logs_in_one_folder_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let place = disk(dir.path(), &some_log());
    fs::write(dir.path().join("log/0000.growing.mutlog"), "").unwrap();
    let error = Source::open(&place, options(dir.path())).await.unwrap_err();
    assert!(matches!(error, SourceError::TwoLogs { .. }), "{error:?}");
}

/// Byte by byte, and into new files: a record is there when it is whole.
#[tokio::test]
async fn a_disk_log_is_followed_as_it_grows() {
    let dir = tempfile::tempdir().unwrap();
    let log = some_log();
    let place = disk(dir.path(), &[log[0].clone(), Vec::new()]);
    let mut reader = Reader::new(open(dir.path(), &place).await);
    assert_eq!(reader.source.tail(), Position::start_of(1));
    reader.take().await.unwrap();
    for (segment, records) in log.iter().enumerate().skip(1) {
        let ends = boundaries(records);
        for ends in ends.windows(2) {
            let bytes = &records[ends[0] as usize..ends[1] as usize];
            let (first, rest) = bytes.split_at(bytes.len() / 2);
            append(&day(dir.path(), segment), first);
            // Half of it is not news.
            let waits = tokio::time::timeout(Duration::from_millis(20), reader.source.changed());
            if waits.await.is_ok() {
                reader.take().await.unwrap();
            }
            assert!(
                reader.position
                    <= Position {
                        segment: segment as u32,
                        offset: ends[0]
                    }
            );
            append(&day(dir.path(), segment), rest);
            reader
                .reach(Position {
                    segment: segment as u32,
                    offset: ends[1],
                })
                .await;
        }
    }
    reader.assert_has(&log);
    for number in 1..3 {
        assert!(
            reader.segments.is_mapped(number),
            "complete when the next one came"
        );
    }
}

/// A reader that is behind when half a record is appended.
#[tokio::test]
async fn half_a_record_behind_what_was_opened_is_not_there_yet() {
    let dir = tempfile::tempdir().unwrap();
    let log = some_log();
    let ends = boundaries(&log[3]);
    let [second, torn] = [ends[2] as usize, ends[3] as usize - 1];
    let place = disk(
        dir.path(),
        &[&log[..3], &[log[3][..second].to_vec()]].concat(),
    );
    let mut reader = Reader::new(open(dir.path(), &place).await);
    append(&day(dir.path(), 3), &log[3][second..torn.max(second + 1)]);
    reader.source.changed().await.unwrap();
    reader.take().await.unwrap();
    assert_eq!(
        reader.position,
        Position {
            segment: 3,
            offset: second as u64
        }
    );
    append(&day(dir.path(), 3), &log[3][torn.max(second + 1)..]);
    reader
        .reach(Position {
            segment: 3,
            offset: log[3].len() as u64,
        })
        .await;
    reader.assert_has(&log);
}

/// Half a record that is there from the start is an error with its place, unless its rest comes.
#[tokio::test]
async fn a_log_that_ends_in_half_a_record_is_damaged() {
    let log = some_log();
    let ends = boundaries(&log[3]);
    let last = ends[ends.len() - 2];
    for cut in [last as usize + 1, last as usize + 5, log[3].len() - 1] {
        let dir = tempfile::tempdir().unwrap();
        let place = disk(dir.path(), &[&log[..3], &[log[3][..cut].to_vec()]].concat());
        let mut reader = Reader::new(open(dir.path(), &place).await);
        let error = reader.take().await.unwrap_err();
        let text = log_core::explain(&error);
        assert!(
            text.contains(&day(dir.path(), 3).display().to_string()),
            "{text}"
        );
        assert!(text.contains(&format!("offset {last:#x}")), "{text}");
        assert_eq!(
            reader.position,
            Position {
                segment: 3,
                offset: last
            }
        );
        // While it is waited for, the rest comes.
        let mut reader = Reader::new(open(dir.path(), &place).await);
        let blocks = reader
            .source
            .read(
                Position {
                    segment: 3,
                    offset: ends[1],
                },
                u64::MAX,
            )
            .await
            .unwrap();
        assert_eq!(blocks[0].end().offset, last);
        append(&day(dir.path(), 3), &log[3][cut..]);
        reader.take().await.unwrap();
        reader.assert_has(&log);
    }
}

#[tokio::test]
async fn what_is_no_record_is_told_with_its_place() {
    for segment in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let mut log = some_log();
        log[segment].extend_from_slice(b"\nREC@");
        let place = disk(dir.path(), &log);
        let mut source = open(dir.path(), &place).await;
        let from = Position::start_of(segment as u32);
        let end = some_log()[segment].len() as u64;
        let blocks = source.read(from, end).await.unwrap();
        assert_eq!(
            (blocks[0].start, blocks[0].end().offset),
            (0, end),
            "what is sound is given"
        );
        let error = source.read(blocks[0].end(), 1).await.unwrap_err();
        assert!(matches!(error, SourceError::Frame { .. }), "{error:?}");
        let text = log_core::explain(&error);
        assert!(
            text.contains(DAYS[segment]) && text.contains(&format!("{end:#x}")),
            "{text}"
        );
    }
}

/// What is appended and is no record is told too, and not waited for.
#[tokio::test]
async fn damage_that_is_appended_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let place = disk(dir.path(), &some_log());
    let mut reader = Reader::new(open(dir.path(), &place).await);
    reader.take().await.unwrap();
    append(&day(dir.path(), 3), b"nothing");
    let error = reader.fails().await;
    assert!(
        matches!(error, SourceError::Frame { segment: 3, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn files_that_shrink_or_change_are_a_split() {
    type Change = fn(&Path);
    let changes: [(Change, bool); 6] = [
        (
            |dir| {
                drop(
                    OpenOptions::new()
                        .write(true)
                        .open(day(dir, 3))
                        .unwrap()
                        .set_len(9),
                )
            },
            true,
        ),
        (|dir| fs::remove_file(day(dir, 3)).unwrap(), true),
        (
            |dir| {
                drop(
                    OpenOptions::new()
                        .write(true)
                        .open(day(dir, 1))
                        .unwrap()
                        .set_len(9),
                )
            },
            true,
        ),
        (|dir| append(&day(dir, 1), b"REC@"), false),
        (
            |dir| fs::write(dir.join("log/maintner-2017-03-05.mutlog"), "").unwrap(),
            false,
        ),
        (|dir| fs::remove_file(day(dir, 0)).unwrap(), false),
    ];
    for (number, (change, shrinks)) in changes.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let place = disk(dir.path(), &some_log());
        let mut reader = Reader::new(open(dir.path(), &place).await);
        reader.take().await.unwrap();
        change(dir.path());
        for _ in 0..2 {
            let error = reader.fails().await;
            assert!(
                error.is_split() && !error.is_transient(),
                "{number}: {error:?}"
            );
            assert_eq!(
                matches!(error, SourceError::Shrunk { .. }),
                shrinks,
                "{number}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn without_looking_nothing_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let place = disk(dir.path(), &some_log());
    let options = SourceOptions {
        refresh: None,
        ..options(dir.path())
    };
    let mut source = Source::open(&place, options).await.unwrap();
    read_all(&mut source, Position::START, u64::MAX)
        .await
        .unwrap();
    append(&day(dir.path(), 3), b"REC@");
    let waits = tokio::time::timeout(Duration::from_millis(20), source.changed());
    assert!(waits.await.is_err());
}
