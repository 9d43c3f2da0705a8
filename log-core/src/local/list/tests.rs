//! Listings that others work beside: what is done in the middle of one is done through the disk's seam,
//! so that it is the same at every run.

use super::super::disk::{Disk, Open, RealDisk};
use super::LocalStore;
use crate::layout::{Layout, Object};
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore as _, ObjectStoreExt as _, PutMode};
use std::fs::File;
use std::io;
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

type Act = Box<dyn FnOnce() + Send>;

/// The machine's disk, on which something is done before a journal is first opened for reading: the acts
/// in order, one for each time.
struct Busy(Mutex<std::vec::IntoIter<Act>>);

impl std::fmt::Debug for Busy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Busy")
    }
}

impl Disk for Busy {
    fn create_dir(&self, path: &FilePath) -> io::Result<()> {
        RealDisk.create_dir(path)
    }
    fn open(&self, path: &FilePath, how: Open) -> io::Result<File> {
        let act = self.0.lock().unwrap().next();
        if let Some(act) = act {
            act();
        }
        RealDisk.open(path, how)
    }
    fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        RealDisk.write(file, bytes, at)
    }
    fn truncate(&self, file: &File, len: u64) -> io::Result<()> {
        RealDisk.truncate(file, len)
    }
    fn sync(&self, file: &File) -> io::Result<()> {
        RealDisk.sync(file)
    }
    fn sync_dir(&self, path: &FilePath) -> io::Result<()> {
        RealDisk.sync_dir(path)
    }
    fn link(&self, from: &FilePath, to: &FilePath) -> io::Result<()> {
        RealDisk.link(from, to)
    }
    fn remove_file(&self, path: &FilePath) -> io::Result<()> {
        RealDisk.remove_file(path)
    }
    fn remove_dir(&self, path: &FilePath) -> io::Result<()> {
        RealDisk.remove_dir(path)
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

fn create(store: &LocalStore, name: &str, bytes: &'static str) {
    let path = Path::from(name);
    block_on(store.put_opts(&path, bytes.into(), PutMode::Create.into())).unwrap();
}

/// A listing while these acts are done, one before each look into a tail folder.
fn list_during(folder: &TempDir, acts: Vec<Act>) -> Vec<Object> {
    let busy = Busy(Mutex::new(acts.into_iter()));
    let store = LocalStore::on(folder.path(), Arc::new(busy)).unwrap();
    let listed = store.list(Some(&Path::from("s"))).try_collect::<Vec<_>>();
    let listed = block_on(listed).unwrap();
    let object = |meta: &ObjectMeta| Object {
        path: meta.location.as_ref()["s/".len()..].to_owned(),
        size: meta.size,
        modified: 0,
    };
    listed.iter().map(object).collect()
}

#[test]
fn a_segment_that_begins_meanwhile_is_not_seen_before_the_end_of_the_last() {
    for (open, next) in [("0000", "0001"), ("9999", "10000")] {
        let folder = TempDir::new().unwrap();
        let other = LocalStore::open(folder.path()).unwrap();
        create(&other, &format!("s/tail/{open}/0000000000000000"), "abcd");
        std::fs::create_dir(folder.path().join("s/tail").join(next)).unwrap();
        let append = move || {
            create(&other, &format!("s/tail/{open}/0000000000000004"), "");
            create(&other, &format!("s/tail/{next}/0000000000000000"), "efgh");
        };
        let acts: Vec<Act> = vec![Box::new(|| ()), Box::new(append)];
        let listed = list_during(&folder, acts);
        let has = |name: String| listed.iter().any(|object| object.path == name);
        assert!(has(format!("tail/{open}/0000000000000004")), "{listed:?}");
        assert!(!has(format!("tail/{next}/0000000000000000")), "{listed:?}");
    }
}

#[test]
fn a_segment_that_is_sealed_meanwhile_is_seen_as_one_of_the_two() {
    let folder = TempDir::new().unwrap();
    let other = LocalStore::open(folder.path()).unwrap();
    let batches = [
        "s/tail/0000/0000000000000000",
        "s/tail/0000/0000000000000004",
    ];
    create(&other, batches[0], "abcd");
    create(&other, batches[1], "");
    create(&other, "s/tail/0001/0000000000000000", "efgh");
    let seal = move || {
        let name = crate::segment::SegmentName::of(0, b"abcd");
        create(&other, &format!("s/{name}"), "abcd");
        for batch in batches {
            block_on(other.delete(&Path::from(batch))).unwrap();
        }
    };
    let layout = Layout::read(&list_during(&folder, vec![Box::new(seal)]));
    assert_eq!((layout.gap, layout.segments.len()), (None, 2), "{layout:?}");
}
