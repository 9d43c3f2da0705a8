//! The power is cut, or the disk fails, at every operation in turn: nothing acknowledged and nothing that
//! anyone has seen is lost, and nothing else is there.

mod disk;

use super::LocalStore;
use disk::{FAULTS, FakeDisk, Fault, LEFT, Left};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{Error, ObjectStore as _, ObjectStoreExt as _, PutMode, PutPayload};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tempfile::TempDir;

type Objects = BTreeMap<String, Vec<u8>>;

/// What a workload tried, and what it was told.
#[derive(Default)]
struct Told {
    tried: Objects,
    /// Acknowledged, listed or read: what must stay, unless it was removed.
    known: Objects,
    removed: BTreeSet<String>,
}

/// Folders in memory where there are such: the disk is made up anyway.
fn scratch() -> TempDir {
    TempDir::new_in("/dev/shm")
        .or_else(|_| TempDir::new())
        .unwrap()
}

async fn create(store: &LocalStore, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let payload = PutPayload::from(bytes.to_vec());
    let path = Path::from(name);
    store
        .put_opts(&path, payload, PutMode::Create.into())
        .await
        .map(drop)
}

async fn read(store: &LocalStore, name: &str) -> Result<Vec<u8>, Error> {
    Ok(store.get(&Path::from(name)).await?.bytes().await?.to_vec())
}

impl Told {
    /// Creates as a writer does: it tries again, here with the other handle, and believes what it reads.
    async fn create(&mut self, by: [&LocalStore; 2], name: &str, bytes: &[u8]) {
        self.tried.insert(name.to_owned(), bytes.to_vec());
        for store in by {
            match create(store, name, bytes).await {
                Ok(()) => {
                    self.known.insert(name.to_owned(), bytes.to_vec());
                    return;
                }
                Err(Error::AlreadyExists { .. }) => {
                    if let Ok(there) = read(store, name).await {
                        assert_eq!(there, bytes, "{name}");
                        self.known.insert(name.to_owned(), there);
                        return;
                    }
                }
                Err(_) => {}
            }
        }
    }

    /// Lists and reads everything.
    async fn look(&mut self, store: &LocalStore) {
        let listed: Result<Vec<_>, _> = store.list(None).try_collect().await;
        for meta in listed.unwrap_or_default() {
            let name = meta.location.to_string();
            if let Some(bytes) = self.tried.get(&name) {
                assert_eq!(meta.size, bytes.len() as u64, "{name}");
                self.known.insert(name, bytes.clone());
            } else {
                assert!(name.contains("/torn-"), "{name} was never created");
            }
        }
    }

    async fn remove(&mut self, store: &LocalStore, folder: &str) {
        let names = self.tried.keys().filter(|name| name.starts_with(folder));
        let names: Vec<String> = names.cloned().collect();
        self.removed.extend(names.iter().cloned());
        let paths: Vec<_> = names.into_iter().map(|name| Ok(Path::from(name))).collect();
        let removed = store.delete_stream(futures::stream::iter(paths).boxed());
        let _: Vec<_> = removed.collect().await;
    }

    /// Checks what is left after a power cut.
    async fn check(&self, folder: &std::path::Path, how: &str) {
        let store = LocalStore::open(folder).unwrap();
        for time in ["first", "second"] {
            let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
            let mut found = Objects::new();
            for meta in listed {
                let name = meta.location.to_string();
                let bytes = read(&store, &name).await.unwrap();
                found.insert(name, bytes);
            }
            let must_be = self
                .known
                .iter()
                .filter(|(name, _)| !self.removed.contains(*name));
            for (name, bytes) in must_be {
                assert_eq!(found.get(name), Some(bytes), "{how}, {time} look: {name}");
            }
            for (name, bytes) in found.iter().filter(|(name, _)| !name.contains("/torn-")) {
                if !name.ends_with("ff") {
                    assert_eq!(
                        self.tried.get(name),
                        Some(bytes),
                        "{how}, {time} look: {name}"
                    );
                }
            }
            if time == "first" {
                // The log goes on, in both segments.
                for name in [
                    "s/tail/0000/00000000000000ff",
                    "s/tail/0001/00000000000000ff",
                ] {
                    create(&store, name, b"more").await.unwrap();
                }
            }
        }
    }
}

/// Two processes that append in turn, look at everything in between, seal and remove; until done, or
/// `over` says so.
async fn work(
    disk: &Arc<FakeDisk>,
    root: &std::path::Path,
    told: &mut Told,
    over: impl Fn() -> bool,
) {
    let open = || LocalStore::on(root, disk.clone()).unwrap();
    let (a, b) = (open(), open());
    for step in 0..11 {
        match step {
            0..4 => {
                let by = if step % 2 == 0 { [&a, &b] } else { [&b, &a] };
                let bytes = vec![b'0' + step as u8; 20 * step];
                let name = format!("s/tail/0000/{step:016x}");
                told.create(by, &name, &bytes).await;
                if step > 0 {
                    told.look(by[1]).await;
                }
            }
            4 => told.create([&a, &b], "s/0000.sealed", b"all of it").await,
            5 => told.look(&b).await,
            6 => {
                let name = "s/tail/0001/0000000000000000";
                told.create([&b, &a], name, b"the next").await;
            }
            7 => told.remove(&a, "s/tail/0000/0000000000000001").await,
            8 => told.remove(&b, "s/tail/0000/").await,
            9 => told.look(&a).await,
            _ => {
                let name = "s/tail/0001/0000000000000008";
                told.create([&a, &b], name, b"and more").await;
                told.look(&b).await;
            }
        }
        if over() {
            return;
        }
    }
}

/// One run, and every power cut after it; a `brief` one ends after the step with the fault. Gives the
/// number of operations.
async fn run(fault: Option<(Fault, u64)>, brief: bool) -> u64 {
    let folder = scratch();
    let disk = Arc::new(FakeDisk::new(folder.path(), fault));
    let mut told = Told::default();
    let at = fault.map_or(u64::MAX, |(_, at)| at);
    let over = || disk.stopped() || (brief && disk.operations() > at);
    work(&disk, folder.path(), &mut told, over).await;
    let operations = disk.operations();
    let cut = |left: Left| {
        let after = scratch();
        disk.cut_power(folder.path(), left, after.path());
        after
    };
    for left in LEFT {
        let how = format!("{fault:?}, brief {brief}, {left:?} left");
        told.check(cut(left).path(), &how).await;
    }
    // Of a disk that fails twice, a process that ends, and a power cut, all in one moment, we are not safe.
    if matches!(fault, Some((Fault::FailTwo, _))) {
        return operations;
    }
    // The process died, but the power stays: another sees what is there, and then the power goes.
    disk.revive();
    told.look(&LocalStore::on(folder.path(), disk.clone()).unwrap())
        .await;
    for left in [Left::Nothing, Left::Half] {
        let how = format!("{fault:?}, brief {brief}, seen, {left:?} left");
        told.check(cut(left).path(), &how).await;
    }
    operations
}

#[tokio::test]
async fn no_power_cut_takes_what_was_acknowledged_or_seen() {
    let operations = run(None, false).await;
    assert!(operations > 60, "{operations}");
    for at in 0..operations {
        for fault in FAULTS {
            run(Some((fault, at)), true).await;
            if !matches!(fault, Fault::Stop | Fault::StopAfter) {
                run(Some((fault, at)), false).await;
            }
        }
    }
}

/// A process's handle.
fn on(folder: &TempDir, disk: &Arc<FakeDisk>) -> LocalStore {
    LocalStore::on(folder.path(), disk.clone()).unwrap()
}

async fn after_power_cut(folder: &TempDir, disk: &FakeDisk, name: &str) -> Result<Vec<u8>, Error> {
    let after = scratch();
    disk.cut_power(folder.path(), Left::Nothing, after.path());
    read(&LocalStore::open(after.path()).unwrap(), name).await
}

/// Creates an object, and is killed after each operation in turn; then `check` looks, and says whether the
/// object was there. It has to be at least once.
async fn killed_at_every_operation(
    name: &str,
    check: impl AsyncFn(&TempDir, &Arc<FakeDisk>) -> bool,
) {
    let mut checked = 0;
    for at in 0..40 {
        let folder = scratch();
        let disk = Arc::new(FakeDisk::new(folder.path(), Some((Fault::StopAfter, at))));
        let _ = create(&on(&folder, &disk), name, b"bytes").await;
        if !disk.stopped() {
            break;
        }
        disk.revive();
        checked += usize::from(check(&folder, &disk).await);
    }
    assert!(checked > 0, "{name} was never in the way");
}

/// What a killed writer left, of either kind, is durable once a create was told that it is there, once it
/// was listed, or once it was read; each alone.
#[tokio::test]
async fn what_a_killed_writer_left_is_durable_once_anyone_was_told_of_it() {
    for name in ["s/0000.sealed", "s/tail/0000/0000000000000000"] {
        killed_at_every_operation(name, async |folder, disk| {
            let told = create(&on(folder, disk), name, b"other").await;
            let exists = matches!(told, Err(Error::AlreadyExists { .. }));
            let expected = if exists {
                b"bytes".to_vec()
            } else {
                b"other".to_vec()
            };
            assert_eq!(after_power_cut(folder, disk, name).await.unwrap(), expected);
            exists
        })
        .await;
        killed_at_every_operation(name, async |folder, disk| {
            let listed: Vec<_> = on(folder, disk).list(None).try_collect().await.unwrap();
            let seen = listed.iter().any(|meta| meta.location.as_ref() == name);
            let left = after_power_cut(folder, disk, name).await;
            assert!(!seen || left.is_ok(), "{name}");
            seen
        })
        .await;
        killed_at_every_operation(name, async |folder, disk| {
            let seen = read(&on(folder, disk), name).await.is_ok();
            let left = after_power_cut(folder, disk, name).await;
            assert!(!seen || left.is_ok(), "{name}");
            seen
        })
        .await;
    }
}

/// After a failed sync of what another left, a second sync proves nothing.
#[tokio::test]
async fn what_could_not_be_synced_is_written_again() {
    let name = "s/tail/0000/0000000000000000";
    let (mut failed, mut read_later) = (0, 0);
    for at in 8..30 {
        for fail in 0..12 {
            let folder = scratch();
            let disk = Arc::new(FakeDisk::new(folder.path(), Some((Fault::StopAfter, at))));
            let _ = create(&on(&folder, &disk), name, b"bytes").await;
            disk.revive();
            let store = on(&folder, &disk);
            disk.fail(Fault::FailBefore, fail);
            if read(&store, name).await.is_err() {
                failed += 1;
                if read(&store, name).await.is_ok() {
                    read_later += 1;
                    assert!(
                        after_power_cut(&folder, &disk, name).await.is_ok(),
                        "{at} {fail}"
                    );
                }
            }
        }
    }
    assert!(
        failed > read_later && read_later > 0,
        "{failed} {read_later}"
    );
}
