//! Streams in folders and in memory: mapped, followed, sealed under a reader, and changed under one.

use super::*;
use log_core::layout::Segment;
use log_core::{Appended, LocalStore, NewRecord, ReadError, Writer, WriterOptions};
use object_store::memory::InMemory;
use std::fs;
use std::path::Path;

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

/// A stream in the folder `log` of a folder, and its place.
async fn in_folder(dir: &Path, log: &[Vec<u8>]) -> String {
    let store: Arc<dyn ObjectStore> = Arc::new(LocalStore::open(dir).unwrap());
    put_stream(&store, "log", log).await;
    format!("file://{}/log", dir.canonicalize().unwrap().display())
}

fn sealed_path(dir: &Path, number: u32, bytes: &[u8]) -> std::path::PathBuf {
    dir.join("log")
        .join(SegmentName::of(number, bytes).to_string())
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

async fn append(writer: &Writer, number: usize) -> Appended {
    let text = format!("record {number}");
    let payload = [&[0x0a, text.len() as u8], text.as_bytes()].concat();
    writer
        .append(NewRecord::from_payload(payload))
        .await
        .unwrap()
}

/// The stream's segments, as it has them.
async fn bytes_of(stream: &Stream) -> Vec<Vec<u8>> {
    stream.refresh().await.unwrap();
    let mut all = Vec::new();
    for (number, segment) in (0u32..).zip(stream.segments()) {
        let bytes = stream.bytes(number, 0..segment.len()).await.unwrap();
        all.push(bytes.to_vec());
    }
    all
}

#[tokio::test]
async fn a_stream_in_a_folder_is_mapped() {
    let dir = tempfile::tempdir().unwrap();
    let place = in_folder(dir.path(), &some_log()).await;
    for verify in [false, true] {
        let options = SourceOptions {
            verify,
            ..options(dir.path())
        };
        let mut source = Source::open(&place, options).await.unwrap();
        assert_eq!(source.name(), "log");
        assert_eq!(format!("file://{}", source.place()), place);
        assert_gives(&mut source, &some_log()).await;
        let blocks = source.read(Position::START, u64::MAX).await.unwrap();
        let mapped: Vec<bool> = blocks.iter().map(|block| block.bytes.is_mapped()).collect();
        assert_eq!(mapped, [true, true, true, false]);
        let digests = source
            .segments()
            .iter()
            .map(|segment| segment.sha224.is_some())
            .collect::<Vec<_>>();
        assert_eq!(digests, mapped);
    }
    let cache = dir.path().join("cache");
    assert!(!cache.exists(), "nothing was needed there");
    let source = Source::open(&place, options(dir.path())).await.unwrap();
    let made = source.make_cache_folder().await.unwrap();
    assert_eq!(made.as_deref(), source.cache_folder());
    assert!(made.unwrap().starts_with(cache));
}

#[tokio::test]
async fn long_batches_are_mapped_and_short_ones_are_read() {
    const LONG: usize = 3 << 19;
    let mut log = some_log();
    log[3] = records(&[LONG, 1, 2, 3, 4, LONG, 5, 6]);
    let dir = tempfile::tempdir().unwrap();
    let place = in_folder(dir.path(), &log).await;
    let mut source = Source::open(&place, options(dir.path())).await.unwrap();
    assert_gives(&mut source, &log).await;
    let is_mapped = |blocks: &[Block]| -> Vec<bool> {
        blocks.iter().map(|block| block.bytes.is_mapped()).collect()
    };
    let blocks = source.read(Position::START, u64::MAX).await.unwrap();
    assert_eq!(
        is_mapped(&blocks),
        [true, true, true, true, false, true, false]
    );
    // However little is asked for at a time, a batch is mapped once.
    let mut segments = Segments::default();
    let start = Position::start_of(3);
    for block in read_all(&mut source, start, 1).await.unwrap() {
        segments.attach(&block);
    }
    for (from, to) in [(0, 2), (4, 6)] {
        let ends = boundaries(&log[3]);
        let (from, to) = (ends[from], ends[to]);
        let whole = segments.get(3, from as u32, (to - from) as u32);
        assert_eq!(whole, Some(&log[3][from as usize..to as usize]), "one part");
    }
    // One that is not there any more: its segment is sealed.
    let ends = boundaries(&log[3]);
    let file = |offset| dir.path().join("log").join(batch_path(3, offset));
    for batch in ends[..8].chunks(2) {
        fs::remove_file(file(batch[0])).unwrap();
    }
    fs::write(sealed_path(dir.path(), 3, &log[3]), &log[3]).unwrap();
    assert_gives(&mut source, &log).await;
    assert_eq!(joined(&blocks, log.len()), log);
}

/// What is not as the stream lists it is told as if it were read.
#[tokio::test]
async fn a_long_batch_that_is_not_as_it_should_be_is_told() {
    const LONG: usize = 3 << 19;
    let mut log = some_log();
    log[3] = records(&[9, LONG, 7, 8]);
    let start = Position::start_of(3);
    let dir = tempfile::tempdir().unwrap();
    let place = in_folder(dir.path(), &log).await;
    let file = dir.path().join("log").join(batch_path(3, 0));
    let bytes = fs::read(&file).unwrap();
    let open = async || Source::open(&place, options(dir.path())).await.unwrap();

    let mut source = open().await;
    fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    let error = source.read(start, u64::MAX).await.unwrap_err();
    let SourceError::Read { source, .. } = &error else {
        panic!("{error}");
    };
    assert!(matches!(**source, ReadError::Size { .. }), "{error}");

    // A link is followed by the store, and not mapped.
    fs::write(&file, &bytes).unwrap();
    let other = dir.path().join("elsewhere");
    fs::write(&other, &bytes).unwrap();
    let mut source = open().await;
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&other, &file).unwrap();
    let blocks = source.read(start, u64::MAX).await.unwrap();
    assert!(!blocks[0].bytes.is_mapped());
    assert_eq!(joined(&blocks, log.len())[3], log[3]);

    // A record that is none, where a block has to end between two.
    let mut broken = bytes.clone();
    let second = boundaries(&log[3])[1] as usize;
    broken[second] = b'X';
    fs::remove_file(&file).unwrap();
    fs::write(&file, &broken).unwrap();
    let mut source = open().await;
    let sound = source.read(start, 40).await.unwrap();
    assert_eq!(joined(&sound, log.len())[3], log[3][..second]);
    let at = Position {
        offset: second as u64,
        ..start
    };
    let error = source.read(at, 40).await.unwrap_err();
    assert!(matches!(error, SourceError::Frame { .. }), "{error}");
}

#[tokio::test]
async fn a_stream_in_memory_is_read() {
    let store = memory();
    put_stream(&store, "s/log", &some_log()).await;
    let stream = open_stream(&store, "s/log").await;
    let mut source = Source::of_stream(stream, None);
    assert_eq!((source.name(), source.place()), ("log", "log"));
    assert_gives(&mut source, &some_log()).await;
    let (store, prefix) = log_core::create_store("memory:source-test/x").unwrap();
    put_stream(&store, &prefix, &some_log()).await;
    let dir = tempfile::tempdir().unwrap();
    let mut source = Source::open("memory:source-test/x", options(dir.path()))
        .await
        .unwrap();
    assert_gives(&mut source, &some_log()).await;
}

#[tokio::test]
async fn a_log_without_records_ends_where_it_starts() {
    let stream = open_stream(&memory(), "log").await;
    let mut source = Source::of_stream(stream, None);
    assert_eq!(
        (source.tail(), source.segments()),
        (Position::START, vec![])
    );
    assert!(source.read(Position::START, 9).await.unwrap().is_empty());
    assert!(source.history(Position::START).await.unwrap().is_empty());
}

/// Appends of this process are seen at once, those of another by looking; sealed segments take the place of batches.
#[tokio::test]
async fn appends_are_followed_across_seals() {
    for (folder, refresh) in [(false, false), (true, false), (false, true), (true, true)] {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn ObjectStore> = match folder {
            true => Arc::new(LocalStore::open(dir.path()).unwrap()),
            false => memory(),
        };
        let stream = open_stream(&store, "log").await;
        let writer = writer(&stream).await;
        let (seen, refresh) = match refresh {
            true => (
                open_stream(&store, "log").await,
                Some(Duration::from_millis(2)),
            ),
            false => (stream.clone(), None),
        };
        let mut reader = Reader::new(Source::of_stream(seen, refresh));
        let mut snapshots = Vec::new();
        for number in 0..30 {
            let appended = append(&writer, number).await;
            reader.reach(appended.next).await;
            if number % 7 == 0 {
                snapshots.push((reader.segments.clone(), bytes_of(&stream).await));
            }
        }
        // Until all but the open segment are sealed, and taken as such.
        let open = stream.tail().segment;
        assert!(open > 5);
        let all_sealed = async {
            while !(0..open)
                .all(|number| matches!(stream.segments()[number as usize], Segment::Sealed(_)))
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
                stream.refresh().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, all_sealed)
            .await
            .expect("sealed in time");
        append(&writer, 30).await;
        reader.reach(stream.tail()).await;
        reader.take().await.unwrap();
        let log = bytes_of(&stream).await;
        reader.assert_has(&log);
        for number in 0..open {
            let whole = reader
                .segments
                .get(number, 0, log[number as usize].len() as u32);
            assert_eq!(whole, Some(&log[number as usize][..]), "one part");
            assert_eq!(reader.segments.is_mapped(number), folder);
        }
        for (segments, log) in snapshots {
            let (old, new) = (&mut reader.segments, segments);
            let held = std::mem::replace(old, new);
            reader.assert_has(&log);
            reader.segments = held;
        }
        writer.close().await.unwrap();
    }
}

/// A call that is dropped again and again does not put off the next look.
#[tokio::test]
async fn waiting_may_be_broken_off() {
    let store = memory();
    let seen = open_stream(&store, "log").await;
    let mut reader = Reader::new(Source::of_stream(seen, Some(Duration::from_millis(50))));
    reader.take().await.unwrap();
    let stream = open_stream(&store, "log").await;
    let writer = writer(&stream).await;
    append(&writer, 0).await;
    let end = stream.tail();
    let trying = async {
        while reader.source.tail() < end {
            let changed = reader.source.changed();
            drop(tokio::time::timeout(Duration::from_millis(1), changed).await);
        }
    };
    tokio::time::timeout(PATIENCE, trying)
        .await
        .expect("news in time");
    reader.reach(end).await;
}

#[tokio::test]
async fn a_stream_that_shrinks_is_a_split() {
    let store = memory();
    put_stream(&store, "log", &some_log()).await;
    let stream = open_stream(&store, "log").await;
    let (last, batch) = match stream.segments().pop() {
        Some(Segment::Tail(tail)) => (3, *tail.batches.last().unwrap()),
        other => panic!("{other:?}"),
    };
    let mut reader = Reader::new(Source::of_stream(stream, Some(Duration::from_millis(2))));
    reader.take().await.unwrap();
    store
        .delete(&format!("log/{}", batch_path(last, batch.0)).into())
        .await
        .unwrap();
    for _ in 0..2 {
        let error = reader.fails().await;
        let end = Position {
            segment: last,
            offset: batch.0,
        };
        assert!(
            matches!(error, SourceError::Shrunk { end: at, .. } if at == end),
            "{error:?}"
        );
        assert!(error.is_split() && !error.is_transient());
    }
    reader.assert_has(&some_log());
}

#[tokio::test]
async fn a_sealed_segment_that_changes_is_a_split() {
    let store = memory();
    put_stream(&store, "log", &some_log()).await;
    let stream = open_stream(&store, "log").await;
    let mut reader = Reader::new(Source::of_stream(stream, Some(Duration::from_millis(2))));
    reader.take().await.unwrap();
    let (before, after) = (some_log()[1].clone(), records(&[70, 8]));
    let path = |bytes| format!("log/{}", SegmentName::of(1, bytes)).into();
    store
        .put(&path(&after), after.clone().into())
        .await
        .unwrap();
    store.delete(&path(&before)).await.unwrap();
    let error = reader.fails().await;
    assert!(
        matches!(error, SourceError::Changed { segment: 1, .. }),
        "{error:?}"
    );
    assert!(reader.fails().await.is_split());
    reader.assert_has(&some_log());
}

/// What is sealed is compared with the batches that were read.
#[tokio::test]
async fn a_segment_that_is_sealed_with_other_bytes_is_a_split() {
    let store = memory();
    put_stream(&store, "log", &some_log()).await;
    let stream = open_stream(&store, "log").await;
    let mut reader = Reader::new(Source::of_stream(
        stream.clone(),
        Some(Duration::from_millis(2)),
    ));
    reader.take().await.unwrap();
    let mut other = some_log()[3].clone();
    *other.last_mut().unwrap() ^= 1;
    let path = format!("log/{}", SegmentName::of(3, &other)).into();
    store.put(&path, other.into()).await.unwrap();
    stream.refresh().await.unwrap();
    let error = reader.fails().await;
    assert!(
        matches!(error, SourceError::Changed { segment: 3, .. }),
        "{error:?}"
    );
    assert!(reader.fails().await.is_split());
}

#[tokio::test]
async fn a_sealed_file_that_is_cut_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let place = in_folder(dir.path(), &some_log()).await;
    let mut source = Source::open(&place, options(dir.path())).await.unwrap();
    let path = sealed_path(dir.path(), 0, &some_log()[0]);
    fs::write(path, &some_log()[0][..20]).unwrap();
    let error = source.read(Position::START, 100).await.unwrap_err();
    assert!(
        matches!(error, SourceError::Changed { segment: 0, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn digests_are_checked_if_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let place = in_folder(dir.path(), &some_log()).await;
    let mut wrong = some_log();
    *wrong[1].last_mut().unwrap() ^= 1;
    fs::write(sealed_path(dir.path(), 1, &some_log()[1]), &wrong[1]).unwrap();
    let mut source = Source::open(&place, options(dir.path())).await.unwrap();
    assert_gives(&mut source, &wrong).await;
    let options = SourceOptions {
        verify: true,
        ..options(dir.path())
    };
    let mut source = Source::open(&place, options).await.unwrap();
    let blocks = source.read(Position::START, u64::MAX).await.unwrap();
    assert_eq!(blocks.len(), 1, "what is sound first");
    let error = source
        .read(Position::start_of(1), u64::MAX)
        .await
        .unwrap_err();
    assert!(
        matches!(error, SourceError::Digest { segment: 1, .. }),
        "{error:?}"
    );
    assert!(source.history(Position::start_of(2)).await.is_err());
}

/// A log is read up to a missing segment, and no further.
#[tokio::test]
async fn a_gap_is_an_error_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let place = in_folder(dir.path(), &some_log()).await;
    fs::remove_file(sealed_path(dir.path(), 1, &some_log()[1])).unwrap();
    let mut source = Source::open(&place, options(dir.path())).await.unwrap();
    let blocks = source.read(Position::START, u64::MAX).await.unwrap();
    assert_eq!(joined(&blocks, 1), some_log()[..1]);
    let error = source.read(blocks[0].end(), u64::MAX).await.unwrap_err();
    assert!(
        matches!(error, SourceError::Gap { source, .. } if source.missing == 1),
        "{error:?}"
    );
}

#[tokio::test]
async fn damage_is_told_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = some_log();
    let second = boundaries(&log[0])[1];
    log[0][second as usize] = b'r';
    let place = in_folder(dir.path(), &log).await;
    let mut source = Source::open(&place, options(dir.path())).await.unwrap();
    let blocks = source.read(Position::START, 1).await.unwrap();
    assert_eq!(blocks[0].end().offset, second);
    let error = source.read(blocks[0].end(), 1).await.unwrap_err();
    let text = log_core::explain(&error);
    let name = SegmentName::of(0, &log[0]).to_string();
    assert!(
        text.contains(&name) && text.contains(&format!("{second:#x}")),
        "{text}"
    );
    // Who is given all in one piece finds it, and tells the same.
    let blocks = source.read(Position::START, u64::MAX).await.unwrap();
    let found = blocks[0].frames().find_map(Result::err).unwrap();
    assert_eq!(log_core::explain(&source.damage(0, found)), text);
}

#[tokio::test]
async fn checkpoints_are_kept_with_the_stream() {
    let dir = tempfile::tempdir().unwrap();
    let place = in_folder(dir.path(), &some_log()).await;
    let mut source = Source::open(&place, options(dir.path())).await.unwrap();
    assert!(source.keeps_checkpoints());
    assert_eq!(source.list_checkpoints().await.unwrap(), []);
    source.put_checkpoint("a", "first".into()).await.unwrap();
    source.put_checkpoint("a", "second".into()).await.unwrap();
    let file = dir.path().join("b");
    fs::write(&file, "third").unwrap();
    source.put_checkpoint_file("b", &file).await.unwrap();
    let listed = source.list_checkpoints().await.unwrap();
    assert_eq!(listed, [("a".to_owned(), 6), ("b".to_owned(), 5)]);
    let read = source.read_checkpoint("a").await.unwrap();
    assert_eq!((&*read, read.is_mapped()), (&b"second"[..], true));
    source.remove_checkpoint("a").await.unwrap();
    let error = source.read_checkpoint("a").await.unwrap_err();
    assert!(matches!(error, SourceError::Checkpoint { .. }));
    assert_eq!(&*read, b"second", "it stays mapped");
    assert_gives(&mut source, &some_log()).await;
}

#[tokio::test]
async fn places_that_are_none_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().display();
    for place in [
        "".to_owned(),
        "ftp://x".to_owned(),
        format!("{here}/none"),
        format!("file://{here}/none"),
    ] {
        let error = Source::open(&place, options(dir.path())).await.unwrap_err();
        let found = matches!(error, SourceError::Place { .. } | SourceError::Path { .. });
        assert!(found, "{place}: {error:?}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
