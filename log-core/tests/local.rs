//! The local store, through the object store's interface: object_store's own conformance suite, streams
//! over it, damaged journals, several handles at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use futures::TryStreamExt as _;
use log_core::{LocalStore, NewRecord, Position, Stream, Writer, WriterOptions, verify};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload, integration};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use tempfile::TempDir;

/// A folder in memory where there is one: syncs are not what is tested here, and take their time.
fn scratch() -> TempDir {
    TempDir::new_in("/dev/shm")
        .or_else(|_| TempDir::new())
        .unwrap()
}

fn store() -> (TempDir, LocalStore) {
    let folder = scratch();
    let store = LocalStore::open(folder.path()).unwrap();
    (folder, store)
}

fn batch(number: u64) -> Path {
    Path::from(format!("s/tail/0000/{number:016x}"))
}

async fn create(store: &LocalStore, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let payload = PutPayload::from(bytes.to_vec());
    let put = store.put_opts(path, payload, PutMode::Create.into()).await;
    put.map(drop)
}

async fn read(store: &LocalStore, path: &Path) -> Result<Vec<u8>, Error> {
    Ok(store.get(path).await?.bytes().await?.to_vec())
}

/// Every object with its bytes; a listed one that can't be read fails the test.
async fn all(store: &LocalStore) -> BTreeMap<String, Vec<u8>> {
    let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
    let mut all = BTreeMap::new();
    for meta in listed {
        let bytes = read(store, &meta.location).await.unwrap();
        assert_eq!(bytes.len() as u64, meta.size, "{}", meta.location);
        let known = all.insert(meta.location.to_string(), bytes);
        assert!(known.is_none(), "{} is listed twice", meta.location);
    }
    all
}

#[tokio::test]
async fn it_passes_the_conformance_suite() {
    let (_folder, store) = store();
    integration::put_get_delete_list(&store).await;
    integration::list_with_offset_exclusivity(&store).await;
    integration::get_opts(&store).await;
    integration::list_uses_directories_correctly(&store).await;
    integration::list_with_delimiter(&store).await;
    integration::rename_and_copy(&store).await;
    integration::copy_if_not_exists(&store).await;
    integration::copy_rename_nonexistent_object(&store).await;
    integration::stream_get(&store).await;
    integration::put_opts(&store, false).await;
}

/// The suite again, with every object where a journal holds it.
#[tokio::test]
async fn batches_behave_as_objects_do() {
    let (folder, store) = store();
    let path = batch(0x2f4);
    let error = store.head(&path).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    let put = store
        .put_opts(&path, "0123456789".into(), PutMode::Create.into())
        .await
        .unwrap();
    let again = create(&store, &path, b"other").await.unwrap_err();
    assert!(matches!(again, Error::AlreadyExists { .. }), "{again}");
    assert!(folder.path().join("s/tail/0000/journal").exists());
    assert!(!folder.path().join(path.as_ref()).exists());

    let head = store.head(&path).await.unwrap();
    assert_eq!((head.size, &head.e_tag), (10, &put.e_tag));
    assert_eq!(store.get_range(&path, 2..5).await.unwrap(), "234");
    let ranges = store.get_ranges(&path, &[0..1, 8..10]).await.unwrap();
    assert_eq!(ranges, ["0", "89"]);
    assert!(store.get_range(&path, 10..12).await.is_err());

    create(&store, &batch(0), b"").await.unwrap();
    assert_eq!(read(&store, &batch(0)).await.unwrap(), b"");
    let listed = store
        .list_with_delimiter(Some(&Path::from("s/tail/0000")))
        .await
        .unwrap();
    assert_eq!(listed.objects.len(), 2);
    assert_eq!(listed.objects[1], head);
    let level = store
        .list_with_delimiter(Some(&Path::from("s/tail")))
        .await
        .unwrap();
    assert_eq!(level.common_prefixes, [Path::from("s/tail/0000")]);

    let copy = Path::from("s/copy");
    store.copy_if_not_exists(&path, &copy).await.unwrap();
    assert_eq!(read(&store, &copy).await.unwrap(), b"0123456789");
    assert!(matches!(
        store.copy_if_not_exists(&path, &copy).await,
        Err(Error::AlreadyExists { .. })
    ));
    store.rename(&copy, &batch(9)).await.unwrap();
    assert_eq!(read(&store, &batch(9)).await.unwrap(), b"0123456789");

    // Overwriting is not what batches are for, but it does what it says.
    store.put(&path, "new".into()).await.unwrap();
    assert_eq!(read(&store, &path).await.unwrap(), b"new");
    assert_eq!(all(&store).await.len(), 3);
    for gone in [batch(0), path.clone(), batch(9)] {
        store.delete(&gone).await.unwrap();
        let error = store.delete(&gone).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
    }
    assert_eq!(all(&store).await.len(), 0);
    assert!(
        !folder.path().join("s/tail/0000").exists(),
        "the journal goes with its last object"
    );
    create(&store, &path, b"again").await.unwrap();
    assert_eq!(read(&store, &path).await.unwrap(), b"again");
}

#[tokio::test]
async fn the_journal_itself_is_no_object() {
    let (_folder, store) = store();
    create(&store, &batch(0), b"bytes").await.unwrap();
    let journal = Path::from("s/tail/0000/journal");
    assert!(matches!(
        read(&store, &journal).await,
        Err(Error::NotFound { .. })
    ));
    assert!(matches!(
        store.delete(&journal).await,
        Err(Error::NotFound { .. })
    ));
    let error = store.put(&journal, "x".into()).await.unwrap_err();
    assert!(
        log_core::explain(&error).contains("needs for itself"),
        "{error}"
    );
    assert_eq!(all(&store).await.len(), 1);
}

#[tokio::test]
async fn plain_batches_of_an_older_program_stay_valid() {
    let (folder, store) = store();
    fs::create_dir_all(folder.path().join("s/tail/0000")).unwrap();
    fs::write(folder.path().join(batch(0).as_ref()), "plain").unwrap();
    create(&store, &batch(5), b"entry").await.unwrap();
    let error = create(&store, &batch(0), b"other").await.unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    // One that is too long for an entry.
    let long = vec![7; (1 << 20) + 1];
    create(&store, &batch(10), &long).await.unwrap();
    assert!(folder.path().join(batch(10).as_ref()).exists());
    let error = create(&store, &batch(10), b"other").await.unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    let found = all(&LocalStore::open(folder.path()).unwrap()).await;
    let found: Vec<_> = found.into_values().collect();
    assert_eq!(found, [b"plain".to_vec(), b"entry".to_vec(), long]);
    store
        .copy_if_not_exists(&batch(10), &Path::from("s/sealed"))
        .await
        .unwrap();
    let links = |path: &Path| {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(folder.path().join(path.as_ref()))
            .unwrap()
            .nlink()
    };
    assert_eq!(links(&Path::from("s/sealed")), 2);
}

#[tokio::test]
async fn what_one_handle_creates_all_see_at_once() {
    let (folder, a) = store();
    let b = LocalStore::open(folder.path()).unwrap();
    for number in 0..20 {
        let (writer, reader) = if number % 2 == 0 { (&a, &b) } else { (&b, &a) };
        create(writer, &batch(number), &[number as u8])
            .await
            .unwrap();
        assert_eq!(read(reader, &batch(number)).await.unwrap(), [number as u8]);
        assert_eq!(all(reader).await.len() as u64, number + 1);
    }
    a.delete(&batch(3)).await.unwrap();
    assert!(matches!(
        read(&b, &batch(3)).await,
        Err(Error::NotFound { .. })
    ));
    let paths: Vec<_> = (0..20).map(|number| Ok(batch(number))).collect();
    let deleted: Vec<_> = {
        use futures::StreamExt as _;
        b.delete_stream(futures::stream::iter(paths).boxed())
            .collect()
            .await
    };
    assert_eq!(deleted.iter().filter(|deleted| deleted.is_err()).count(), 1);
    assert_eq!(all(&a).await.len(), 0);
    create(&a, &batch(3), b"new").await.unwrap();
    assert_eq!(read(&b, &batch(3)).await.unwrap(), b"new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_those_who_race_for_a_name_one_wins() {
    let folder = scratch();
    let racers = (0..4).map(|racer: u8| {
        let store = LocalStore::open(folder.path()).unwrap();
        tokio::spawn(async move {
            let mut won = Vec::new();
            for number in 0..60 {
                match create(&store, &batch(number), &[racer]).await {
                    Ok(()) => won.push(number),
                    Err(Error::AlreadyExists { .. }) => {
                        // Whoever loses finds what won.
                        assert_ne!(read(&store, &batch(number)).await.unwrap(), [racer]);
                    }
                    Err(error) => panic!("{error}"),
                }
                // Journals come and go meanwhile.
                if number % 7 == u64::from(racer) && number > 10 {
                    let _ = store
                        .delete(&Path::from(format!("s/tail/0001/{number:016x}")))
                        .await;
                    let _ = create(
                        &store,
                        &Path::from(format!("s/tail/0001/{number:016x}")),
                        b"x",
                    )
                    .await;
                }
            }
            won
        })
    });
    let won: Vec<Vec<u64>> = futures::future::try_join_all(racers).await.unwrap();
    let store = LocalStore::open(folder.path()).unwrap();
    for number in 0..60 {
        let winners: Vec<_> = (0..4)
            .filter(|&racer| won[racer].contains(&number))
            .collect();
        assert_eq!(winners.len(), 1, "{number}: {winners:?}");
        assert_eq!(
            read(&store, &batch(number)).await.unwrap(),
            [winners[0] as u8]
        );
    }
}

/// A journal of three objects, the last one empty, and what is in it.
async fn small_journal() -> (Vec<u8>, BTreeMap<String, Vec<u8>>) {
    let (folder, store) = store();
    for (at, bytes) in [(0, &b"first"[..]), (5, b"the second"), (15, b"")] {
        create(&store, &batch(at), bytes).await.unwrap();
    }
    let journal = fs::read(folder.path().join("s/tail/0000/journal")).unwrap();
    (journal, all(&store).await)
}

/// Whatever was done to the journal: the objects that are there are true ones, all bytes that are no
/// sound entry are reported, and an object can still be created. Gives the number of true ones.
async fn check_damaged(journal: &[u8], objects: &BTreeMap<String, Vec<u8>>) -> usize {
    let (folder, store) = store();
    fs::create_dir_all(folder.path().join("s/tail/0000")).unwrap();
    fs::write(folder.path().join("s/tail/0000/journal"), journal).unwrap();
    let new = batch(0x100);
    let mut left = 0;
    for created in [false, true] {
        let mut bytes = 0;
        left = 0;
        for (name, found) in all(&store).await {
            if let Some(object) = objects.get(&name) {
                assert_eq!(found, *object, "{name}");
                left += 1;
                bytes += found.len() + 56;
            } else if name != new.as_ref() {
                let file = name.strip_prefix("s/tail/0000/").unwrap();
                assert!(
                    file.starts_with("torn-") || file.starts_with("damaged-"),
                    "{name}"
                );
                bytes += found.len();
            }
        }
        assert_eq!(bytes, journal.len(), "bytes without a name");
        if !created {
            create(&store, &new, b"new").await.unwrap();
            assert_eq!(read(&store, &new).await.unwrap(), b"new");
        }
    }
    left
}

#[tokio::test]
async fn a_journal_cut_off_anywhere_keeps_what_is_whole() {
    let (journal, objects) = small_journal().await;
    assert_eq!(journal.len(), 3 * 56 + 15);
    for len in 0..=journal.len() {
        let whole = usize::from(len >= 61) + usize::from(len >= 127) + usize::from(len >= 183);
        assert_eq!(
            check_damaged(&journal[..len], &objects).await,
            whole,
            "{len}"
        );
    }
}

#[tokio::test]
async fn a_journal_with_any_byte_changed_keeps_what_is_sound() {
    let (journal, objects) = small_journal().await;
    for at in 0..journal.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = journal.clone();
            damaged[at] ^= flip;
            assert_eq!(check_damaged(&damaged, &objects).await, 2, "{at}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_journal_mangled_at_will_never_shows_a_wrong_object(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut journal, objects) = small_journal().await;
            for (at, byte, kind) in edits {
                let at = at.index(journal.len().max(1));
                match kind {
                    0 if at < journal.len() => journal[at] = byte,
                    1 => journal.insert(at, byte),
                    _ => drop(journal.drain(at.min(journal.len())..journal.len().min(at + usize::from(byte)))),
                }
            }
            check_damaged(&journal, &objects).await;
        });
    }
}

#[tokio::test]
async fn reported_bytes_go_when_they_are_removed() {
    let (mut journal, _) = small_journal().await;
    journal[60] ^= 1;
    journal.extend_from_slice(b"torn");
    let (folder, store) = store();
    fs::create_dir_all(folder.path().join("s/tail/0000")).unwrap();
    fs::write(folder.path().join("s/tail/0000/journal"), &journal).unwrap();
    let names: Vec<_> = all(&store).await.into_keys().collect();
    assert_eq!(
        names,
        [
            "s/tail/0000/0000000000000005",
            "s/tail/0000/000000000000000f",
            "s/tail/0000/damaged-0000000000000000",
            "s/tail/0000/torn-00000000000000b7-1",
        ]
    );
    for name in &names[2..] {
        store.delete(&Path::from(name.as_str())).await.unwrap();
    }
    let left = all(&LocalStore::open(folder.path()).unwrap()).await;
    assert_eq!(left.into_keys().collect::<Vec<_>>(), names[..2]);
}

#[tokio::test]
async fn a_journal_of_a_later_version_is_left_alone() {
    let (mut journal, _) = small_journal().await;
    journal[7] = 2;
    let crc = crc32fast::hash(&journal[..52]);
    journal[52..56].copy_from_slice(&crc.to_le_bytes());
    let (folder, store) = store();
    fs::create_dir_all(folder.path().join("s/tail/0000")).unwrap();
    let path = folder.path().join("s/tail/0000/journal");
    fs::write(&path, &journal).unwrap();
    let error = create(&store, &batch(99), b"new").await.unwrap_err();
    assert!(
        log_core::explain(&error).contains("use a newer one"),
        "{error}"
    );
    assert!(store.list(None).try_collect::<Vec<_>>().await.is_err());
    assert_eq!(fs::read(&path).unwrap(), journal);
}

#[tokio::test]
async fn a_stream_goes_on_behind_a_torn_end_and_reports_it() {
    let (folder, store) = store();
    let open = || async {
        let store = Arc::new(LocalStore::open(folder.path()).unwrap());
        Stream::open(store, "s").await.unwrap()
    };
    drop(store);
    let append = |stream: Stream, text: &'static str| async move {
        let writer = Writer::open(stream, WriterOptions::new("test"))
            .await
            .unwrap();
        let record = NewRecord::from_payload([&[0x0a, text.len() as u8], text.as_bytes()].concat());
        writer.append(record).await.unwrap();
        writer.close().await.unwrap();
    };
    append(open().await, "one").await;
    let journal = folder.path().join("s/tail/0000/journal");
    let mut bytes = fs::read(&journal).unwrap();
    bytes.extend_from_slice(&bytes.clone()[..70]);
    fs::write(&journal, bytes).unwrap();
    append(open().await, "two").await;
    let stream = open().await;
    let report = verify(&stream).await.unwrap();
    assert_eq!(report.records, 4, "two claims, two appends");
    let faults: Vec<_> = report
        .faults
        .iter()
        .map(|fault| &fault.object[..9])
        .collect();
    assert_eq!(faults, ["tail/0000"], "{:?}", report.faults);
    assert!(report.faults[0].object.contains("torn-"));
    let mut reader = stream.reader(Position::START);
    let mut records = 0;
    while let batch = reader.next_batch().await.unwrap()
        && !batch.is_empty()
    {
        records += batch.len();
    }
    assert_eq!(records, 4);
}

/// Whoever reads a batch has the next ones read ahead; an overwritten one is not handed out as it was.
#[tokio::test]
async fn a_batch_that_is_copied_over_is_read_anew() {
    let (_folder, store) = store();
    for number in 0..2 {
        create(&store, &batch(number), b"old").await.unwrap();
    }
    store.put(&Path::from("new"), "new".into()).await.unwrap();
    assert_eq!(read(&store, &batch(0)).await.unwrap(), b"old");
    store.copy(&Path::from("new"), &batch(1)).await.unwrap();
    assert_eq!(read(&store, &batch(1)).await.unwrap(), b"new");
}

/// A writer's batches behind a link that no listing follows would be acknowledged and never seen.
#[tokio::test]
async fn nothing_is_appended_behind_a_link() {
    for (link, dirs) in [("s/tail", "s"), ("s/tail/0000", "s/tail")] {
        let (folder, store) = store();
        let outside = scratch();
        fs::create_dir_all(folder.path().join(dirs)).unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join(link)).unwrap();
        let stream = Stream::open(Arc::new(store), "s").await.unwrap();
        let opened = Writer::open(stream, WriterOptions::new("test")).await;
        let error = opened.expect_err("it must not append there");
        assert!(
            matches!(error, log_core::OpenError::StrayAhead { .. }),
            "{error}"
        );
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}

/// What lies behind a link is somebody else's: it is neither listed nor moved.
#[tokio::test]
async fn a_link_to_a_folder_is_an_object_and_not_a_way_out() {
    let (folder, store) = store();
    let outside = scratch();
    fs::write(outside.path().join("keep.txt"), "mine").unwrap();
    fs::create_dir(folder.path().join("s")).unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.path().join("s/link")).unwrap();
    std::os::unix::fs::symlink(".", folder.path().join("s/round")).unwrap();
    let objects = all(&store).await;
    assert_eq!(
        objects.keys().collect::<Vec<_>>(),
        ["s/link", "s/round"],
        "and not what is behind them"
    );
    assert_eq!(
        objects["s/link"],
        outside.path().to_str().unwrap().as_bytes()
    );
    let stream = Stream::open(Arc::new(store.clone()), "s").await.unwrap();
    let steps = log_core::repair::plan(&stream).await.unwrap();
    log_core::repair::apply(&stream, &steps).await.unwrap();
    let kept = fs::read_to_string(outside.path().join("keep.txt")).unwrap();
    assert_eq!(kept, "mine");
    assert_eq!(
        all(&store).await.keys().collect::<Vec<_>>(),
        ["s/quarantine/0/link", "s/quarantine/0/round"]
    );
}

/// A file with a name that no object can have must not hide the log.
#[tokio::test]
async fn an_odd_name_hides_nothing() {
    use std::os::unix::ffi::OsStrExt as _;
    let (folder, store) = store();
    let stream = Stream::open(Arc::new(store.clone()), "s").await.unwrap();
    let writer = Writer::open(stream, WriterOptions::new("test"))
        .await
        .unwrap();
    writer.close().await.unwrap();
    for name in [&b"odd\nname"[..], b"\xff\xfe"] {
        let name = std::ffi::OsStr::from_bytes(name);
        fs::write(folder.path().join("s").join(name), "").unwrap();
    }
    let stream = Stream::open(Arc::new(store.clone()), "s").await.unwrap();
    assert!(stream.tail() > Position::START);
    assert_eq!(stream.strays().len(), 2, "{:?}", stream.strays());
}

#[test]
fn a_folder_that_can_never_be_is_an_error() {
    assert!(LocalStore::create("/proc/no/such/folder").is_err());
}
