//! A stream whose store is elsewhere: sealed segments are copied once, checked, and mapped.

use super::*;
use object_store::memory::InMemory;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const PLACE: &str = "gs://bucket/log";

struct Elsewhere {
    dir: tempfile::TempDir,
    store: Arc<dyn ObjectStore>,
}

impl Elsewhere {
    async fn new() -> Self {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        put_stream(&store, "log", &some_log()).await;
        let dir = tempfile::tempdir().unwrap();
        Self { dir, store }
    }

    async fn open(&self, verify: bool) -> Source {
        let options = SourceOptions {
            verify,
            ..options(self.dir.path())
        };
        let stream = open_stream(&self.store, "log").await;
        Source::of_remote_stream(stream, PLACE, options)
            .await
            .unwrap()
    }

    /// Puts other bytes in the place of a sealed segment, as only a broken store would.
    async fn break_object(&self, number: u32) {
        let bytes = some_log().swap_remove(number as usize);
        let path = format!("log/{}", SegmentName::of(number, &bytes)).into();
        let other = vec![b'x'; bytes.len()];
        self.store.put(&path, other.into()).await.unwrap();
    }

    fn copy(source: &Source, number: u32) -> PathBuf {
        let name = SegmentName::of(number, &some_log()[number as usize]);
        source
            .cache_folder()
            .unwrap()
            .join("segments")
            .join(name.to_string())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn segments_are_fetched_once_and_mapped() {
    let elsewhere = Elsewhere::new().await;
    let mut source = elsewhere.open(false).await;
    assert_gives(&mut source, &some_log()).await;
    let blocks = source.read(Position::START, u64::MAX).await.unwrap();
    let mapped: Vec<bool> = blocks.iter().map(|block| block.bytes.is_mapped()).collect();
    assert_eq!(mapped, [true, true, true, false]);
    let folder = source.cache_folder().unwrap().to_owned();
    let mode = folder.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let copies = names(&folder.join("segments"));
    assert_eq!(
        copies.len(),
        4,
        "three segments and what was checked: {copies:?}"
    );
    // From now on the store has nothing that is of use.
    for number in 0..3 {
        elsewhere.break_object(number).await;
    }
    for verify in [false, true] {
        let mut source = elsewhere.open(verify).await;
        assert_gives(&mut source, &some_log()).await;
    }
    // Without the list, the copies are hashed.
    fs::remove_file(folder.join("segments/checked")).unwrap();
    let mut source = elsewhere.open(false).await;
    assert_gives(&mut source, &some_log()).await;
}

#[tokio::test]
async fn copies_that_are_not_sound_are_fetched_again() {
    let elsewhere = Elsewhere::new().await;
    let mut source = elsewhere.open(false).await;
    read_all(&mut source, Position::START, u64::MAX)
        .await
        .unwrap();
    let mut damaged = some_log();
    *damaged[0].last_mut().unwrap() ^= 1;
    let path = |number| Elsewhere::copy(&source, number);
    let old = fs::metadata(path(0)).unwrap().modified().unwrap();
    fs::write(path(0), &damaged[0]).unwrap();
    // Times are coarse: it must differ.
    let later = old + Duration::from_secs(1);
    fs::File::open(path(0))
        .unwrap()
        .set_modified(later)
        .unwrap();
    fs::write(path(1), &some_log()[1][..9]).unwrap();
    fs::remove_file(path(2)).unwrap();
    let mut source = elsewhere.open(false).await;
    assert_gives(&mut source, &some_log()).await;
    for number in 0..3 {
        let copy = fs::read(Elsewhere::copy(&source, number)).unwrap();
        assert_eq!(copy, some_log()[number as usize]);
    }
}

#[tokio::test]
async fn what_does_not_match_its_name_is_not_kept() {
    let elsewhere = Elsewhere::new().await;
    elsewhere.break_object(1).await;
    let mut source = elsewhere.open(false).await;
    let blocks = source.read(Position::START, u64::MAX).await.unwrap();
    assert_eq!(joined(&blocks, 1), some_log()[..1]);
    let error = source
        .read(Position::start_of(1), u64::MAX)
        .await
        .unwrap_err();
    assert!(
        matches!(error, SourceError::Read { .. }) && !error.is_transient(),
        "{error:?}"
    );
    assert!(!Elsewhere::copy(&source, 1).exists());
}

/// What a killed process left behind goes when it is old.
#[tokio::test]
async fn unfinished_files_are_swept() {
    let elsewhere = Elsewhere::new().await;
    let source = elsewhere.open(false).await;
    let folder = source.cache_folder().unwrap().join("segments");
    for (name, days) in [("tempseg-old", 3), ("tempseg-new", 0), ("other", 3)] {
        let file = fs::File::create(folder.join(name)).unwrap();
        let age = Duration::from_secs(days * 24 * 60 * 60);
        file.set_modified(std::time::SystemTime::now() - age)
            .unwrap();
    }
    elsewhere.open(false).await;
    assert_eq!(names(&folder), ["other", "tempseg-new"]);
}

#[tokio::test]
async fn checkpoints_are_copied_and_mapped() {
    let elsewhere = Elsewhere::new().await;
    let source = elsewhere.open(false).await;
    source.put_checkpoint("a", "bytes".into()).await.unwrap();
    let read = source.read_checkpoint("a").await.unwrap();
    assert_eq!((&*read, read.is_mapped()), (&b"bytes"[..], true));
    assert_eq!(
        names(source.cache_folder().unwrap()),
        ["segments"],
        "nothing stays there"
    );
}
