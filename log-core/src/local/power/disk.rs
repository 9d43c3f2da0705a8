//! A disk whose power can be cut: it works on real files, and knows what of them would survive.
//!
//! Depends on [`crate::local::disk`]. A name survives once its folder was synced, bytes and length once the
//! file was. A sync that fails loses what it should have written for good, although it can still be read:
//! what Linux does.

use crate::local::disk::{Disk, Open, RealDisk};
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

/// What happens at one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// An error, and nothing happened; of a write, half.
    FailBefore,
    /// An error, although it happened.
    FailAfter,
    /// It and the next one fail.
    FailTwo,
    /// The process is gone before it; of a write, half is done.
    Stop,
    /// The process is gone after it.
    StopAfter,
}

pub(super) const FAULTS: [Fault; 5] = [
    Fault::FailBefore,
    Fault::FailAfter,
    Fault::FailTwo,
    Fault::Stop,
    Fault::StopAfter,
];

/// What the power cut leaves of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing.
    Nothing,
    /// All of it.
    All,
    /// Names and lengths, and half of the bytes; zeros for the rest.
    Half,
    /// Names and lengths, and zeros.
    Zeros,
}

pub(super) const LEFT: [Left; 4] = [Left::Nothing, Left::All, Left::Half, Left::Zeros];

#[derive(Debug)]
pub(super) struct FakeDisk {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By inode. Open handles keep inodes from being given to other files.
    files: HashMap<u64, Node>,
    /// The names in a folder that survive, by the folder's inode.
    folders: HashMap<u64, (File, BTreeMap<OsString, u64>)>,
    operations: u64,
    fault: Option<(Fault, u64)>,
    stopped: bool,
}

#[derive(Debug)]
struct Node {
    file: File,
    survives: Vec<u8>,
    dirty: Vec<Range<u64>>,
}

/// What to do with an operation.
#[derive(PartialEq, Eq)]
enum Verdict {
    Do,
    Fail,
    DoAndFail,
}

impl FakeDisk {
    /// With a root that survives.
    pub(super) fn new(root: &Path, fault: Option<(Fault, u64)>) -> Self {
        let mut state = State {
            fault,
            ..State::default()
        };
        state.note_folder(root);
        Self {
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn operations(&self) -> u64 {
        self.state().operations
    }

    pub(super) fn stopped(&self) -> bool {
        self.state().stopped
    }

    /// A new process, and nothing fails any more.
    pub(super) fn revive(&self) {
        let mut state = self.state();
        state.stopped = false;
        state.fault = None;
    }

    /// Another fault, so many operations from now.
    pub(super) fn fail(&self, fault: Fault, later: u64) {
        let mut state = self.state();
        state.fault = Some((fault, state.operations + later));
    }

    /// Writes what a power cut leaves of `root` to an empty folder.
    pub(super) fn cut_power(&self, root: &Path, left: Left, to: &Path) {
        self.state()
            .copy(inode(&File::open(root).unwrap()), root, left, to);
    }

    fn run<T>(
        &self,
        act: impl FnOnce(&mut State) -> io::Result<T>,
        fail: impl FnOnce(&mut State),
    ) -> io::Result<T> {
        let mut state = self.state();
        match state.verdict() {
            Verdict::Do => act(&mut state),
            Verdict::Fail => {
                fail(&mut state);
                Err(io::Error::other("a fault"))
            }
            Verdict::DoAndFail => {
                act(&mut state)?;
                Err(io::Error::other("a fault afterwards"))
            }
        }
    }
}

impl State {
    fn verdict(&mut self) -> Verdict {
        if self.stopped {
            return Verdict::Fail;
        }
        let now = self.operations;
        self.operations += 1;
        match self.fault {
            Some((Fault::FailTwo, at)) if now == at || now == at + 1 => Verdict::Fail,
            Some((fault, at)) if now == at => {
                self.stopped = matches!(fault, Fault::Stop | Fault::StopAfter);
                match fault {
                    Fault::FailAfter | Fault::StopAfter => Verdict::DoAndFail,
                    _ => Verdict::Fail,
                }
            }
            _ => Verdict::Do,
        }
    }

    fn note_folder(&mut self, path: &Path) {
        let file = File::open(path).unwrap();
        self.folders.insert(inode(&file), (file, BTreeMap::new()));
    }

    fn node(&mut self, file: &File) -> &mut Node {
        let new = || Node {
            file: file.try_clone().unwrap(),
            survives: Vec::new(),
            dirty: Vec::new(),
        };
        self.files.entry(inode(file)).or_insert_with(new)
    }

    fn copy(&self, folder: u64, path: &Path, left: Left, to: &Path) {
        let names = match left {
            Left::Nothing => self.folders[&folder].1.clone(),
            _ => names(path),
        };
        for (name, inode) in names {
            let (path, to) = (path.join(&name), to.join(&name));
            match self.files.get(&inode) {
                Some(node) => std::fs::write(to, node.after(left)).unwrap(),
                None => {
                    std::fs::create_dir(&to).unwrap();
                    self.copy(inode, &path, left, &to);
                }
            }
        }
    }
}

impl Node {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.file.metadata().unwrap().len() as usize];
        self.file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    /// What a power cut leaves.
    fn after(&self, left: Left) -> Vec<u8> {
        let (now, mut after) = (self.bytes(), self.survives.clone());
        if left == Left::Nothing {
            return after;
        }
        after.resize(now.len(), 0);
        for range in &self.dirty {
            let (start, end) = (range.start as usize, (range.end as usize).min(now.len()));
            let kept = match left {
                Left::All => end,
                Left::Half => (start + end) / 2,
                _ => start,
            };
            if start < end {
                after[start..kept].copy_from_slice(&now[start..kept]);
                after[kept..end].fill(0);
            }
        }
        after
    }
}

fn inode(file: &File) -> u64 {
    file.metadata().unwrap().ino()
}

fn names(path: &Path) -> BTreeMap<OsString, u64> {
    let entries = std::fs::read_dir(path).unwrap().map(Result::unwrap);
    entries
        .map(|entry| (entry.file_name(), entry.metadata().unwrap().ino()))
        .collect()
}

impl Disk for FakeDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let act = |state: &mut State| {
            RealDisk.create_dir(path)?;
            state.note_folder(path);
            Ok(())
        };
        self.run(act, |_| {})
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<File> {
        let act = |state: &mut State| {
            let file = RealDisk.open(path, how)?;
            state.node(&file);
            Ok(file)
        };
        self.run(act, |_| {})
    }

    fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        let write = |state: &mut State, bytes: &[u8]| {
            RealDisk.write(file, bytes, at)?;
            state.node(file).dirty.push(at..at + bytes.len() as u64);
            Ok(())
        };
        let alive = !self.stopped();
        let half = |state: &mut State| {
            if alive {
                write(state, &bytes[..bytes.len() / 2]).unwrap();
            }
        };
        self.run(|state| write(state, bytes), half)
    }

    fn truncate(&self, file: &File, len: u64) -> io::Result<()> {
        let act = |state: &mut State| {
            RealDisk.truncate(file, len)?;
            let dirty = &mut state.node(file).dirty;
            dirty
                .iter_mut()
                .for_each(|range| range.end = range.end.min(len));
            dirty.retain(|range| range.start < range.end);
            Ok(())
        };
        self.run(act, |_| {})
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let act = |state: &mut State| {
            let node = state.node(file);
            node.survives = node.after(Left::All);
            node.dirty.clear();
            Ok(())
        };
        self.run(act, |state| {
            if !state.stopped {
                state.node(file).dirty.clear();
            }
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let act = |state: &mut State| {
            let inode = inode(&File::open(path)?);
            if let Some((_, survive)) = state.folders.get_mut(&inode) {
                *survive = names(path);
            }
            Ok(())
        };
        self.run(act, |_| {})
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.run(|_| RealDisk.link(from, to), |_| {})
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.run(|_| RealDisk.remove_file(path), |_| {})
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.run(|_| RealDisk.remove_dir(path), |_| {})
    }
}
