//! [`Repository`]: a git repository that can be read, and what all of its readers share. Opening, naming and the idle
//! object readers are here; what is read is in the modules of the same names. Depends on `gix` and [`crate::objects`].

use std::collections::HashSet;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use gix::ThreadSafeRepository;
use gix::open::{Options, Permissions};
use gix::sec::Trust;
use proto::GitHash;

use crate::location::folder_name;
use crate::objects::{Handle, Objects};
use crate::refs::RefsMemory;
use crate::{
    CommitObject, Error, Location, Refs, TreeEntry, archive, commit, fetch, history, mirror, tree,
};

/// Objects above this size are not read: 1 GiB.
const OBJECT_BYTES_MAX: u64 = 1 << 30;
/// Idle object readers that are kept, each with its caches.
const IDLE_MAX: usize = 4;

/// A git repository. Clones share everything.
#[derive(Clone)]
pub struct Repository {
    inner: Arc<Inner>,
}

struct Inner {
    /// What was opened: the worktree, or the git folder of a bare repository.
    at: PathBuf,
    /// Of the worktree: where its `HEAD` is.
    git_dir: PathBuf,
    /// Of the repository: where refs and objects are. The same as `git_dir` but in a linked worktree.
    common_dir: PathBuf,
    name: String,
    /// What this is a mirror of.
    mirrored: Option<Location>,
    store: RwLock<Store>,
    idle: Mutex<Vec<Handle>>,
    refs: Mutex<RefsMemory>,
}

/// gix's view of the repository. It is made anew when gix can't follow what another process did on disk.
struct Store {
    generation: u64,
    repo: ThreadSafeRepository,
}

impl Repository {
    /// Opens the repository that `path` is in: a worktree or a folder inside of one, a bare repository, or a `.git`
    /// folder. Neither the user's configuration nor `GIT_…` variables have a say.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        // gix searches upwards from a missing folder too; a typo should not find the repository around it.
        let cannot = |source| Error::File {
            path: path.to_owned(),
            source,
        };
        std::fs::metadata(path).map_err(cannot)?;
        // The working directory may change.
        let (at, repo) = discover(&std::path::absolute(path).map_err(cannot)?)?;
        let name = repository_name(&repo.to_thread_local());
        Ok(Self::new(at, repo, name, None))
    }

    /// The bare mirror of `location` in the folder `dir`: opened if it is there, made (or finished, after a crash) if
    /// not. It is empty until the first [`fetch`](Self::fetch). The folder must be for this mirror alone.
    pub fn mirror(location: &Location, dir: impl AsRef<Path>) -> Result<Self, Error> {
        let dir = dir.as_ref();
        let dir = std::path::absolute(dir).map_err(|source| Error::File {
            path: dir.to_owned(),
            source,
        })?;
        mirror::ensure(location, &dir)?;
        let repo = open_at(&dir)?;
        mirror::check(location, &dir, &repo.to_thread_local())?;
        Ok(Self::new(
            dir,
            repo,
            location.name(),
            Some(location.clone()),
        ))
    }

    fn new(
        at: PathBuf,
        repo: ThreadSafeRepository,
        name: String,
        mirrored: Option<Location>,
    ) -> Self {
        let local = repo.to_thread_local();
        let inner = Inner {
            at,
            git_dir: local.git_dir().to_owned(),
            common_dir: local.common_dir().to_owned(),
            name,
            mirrored,
            store: RwLock::new(Store {
                generation: 0,
                repo,
            }),
            idle: Mutex::default(),
            refs: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Brings a mirror up to date with its remote: branches, tags and the default branch, with what was deleted there.
    /// Says whether a ref changed; the truth is what [`refs`](Self::refs) returns, also after an error. `cancel` is
    /// looked at while data arrives; a remote that falls silent is given up after a minute (over ssh, when ssh does).
    /// Credentials of the URL go over https only, to its host only. A fetch that ends early leaves the refs whole,
    /// each at its old or new commit, and the next one goes on from there.
    pub fn fetch(&self, cancel: &AtomicBool) -> Result<bool, Error> {
        fetch::fetch(self, cancel)
    }

    /// A short name for the repository: the folder name of the main worktree, or of the bare repository without
    /// `.git`; for a mirror `host/path`.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Whether history is cut off somewhere, so that parents of some commits are not here.
    pub fn is_shallow(&self) -> bool {
        std::fs::metadata(self.shallow_file()).is_ok_and(|file| file.len() > 0)
    }

    /// `HEAD` and all branches and tags, as they are on disk now. Meant to be polled.
    pub fn refs(&self) -> Result<Refs, Error> {
        Refs::read(self)
    }

    /// Every commit that can be reached from `tips` and is not known, parents before children. The walk ends at known
    /// commits: of a known commit all ancestors must be known. Parents that are not in the repository (it is shallow)
    /// are left out; a tip that isn't is an error. Replacement refs and grafts have no say.
    pub fn missing(
        &self,
        tips: &[GitHash],
        known: &dyn Fn(&GitHash) -> bool,
        cancel: &AtomicBool,
    ) -> Result<Vec<GitHash>, Error> {
        history::missing(self, tips, known, cancel)
    }

    /// A commit and what it changes (spec 4.3).
    pub fn commit(&self, hash: &GitHash) -> Result<CommitObject, Error> {
        commit::read(self, hash)
    }

    /// Writes the commit's files to `out` as a gzipped tar and returns its size in bytes. The same commit gives the
    /// same bytes. Modes are 0644 and 0755, times the commit's, symbolic links stay links, submodules are empty
    /// folders; attributes (`export-ignore`, line ends, LFS) are not applied.
    pub fn archive(
        &self,
        commit: &GitHash,
        out: &mut dyn Write,
        cancel: &AtomicBool,
    ) -> Result<u64, Error> {
        archive::write(self, commit, out, cancel)
    }

    /// The bytes of one file of a commit; `None` if there is no such file (a folder, a symbolic link and a submodule
    /// are none). `path` has `/` between its parts.
    pub fn read_file(
        &self,
        commit: &GitHash,
        path: &str,
        max_bytes: u64,
    ) -> Result<Option<Vec<u8>>, Error> {
        tree::read_file(self, commit, path, max_bytes)
    }

    /// What is in one folder of a commit, in git's order; `""` is the root. A folder that is not there is empty, as
    /// git has no empty folders. Entries whose name is not UTF-8 are left out.
    pub fn list(&self, commit: &GitHash, dir: &str) -> Result<Vec<TreeEntry>, Error> {
        tree::list(self, commit, dir)
    }

    pub(crate) fn git_dir(&self) -> &Path {
        &self.inner.git_dir
    }

    pub(crate) fn common_dir(&self) -> &Path {
        &self.inner.common_dir
    }

    fn shallow_file(&self) -> PathBuf {
        self.inner.common_dir.join("shallow")
    }

    /// The commits whose parents were left out when the repository was cloned.
    pub(crate) fn shallow_commits(&self) -> Result<HashSet<GitHash>, Error> {
        let path = self.shallow_file();
        match std::fs::read(&path) {
            Ok(lines) => Ok(lines
                .split(|&byte| byte == b'\n')
                .filter_map(GitHash::from_hex)
                .collect()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(HashSet::new()),
            Err(source) => Err(Error::File { path, source }),
        }
    }

    pub(crate) fn mirrored(&self) -> Option<&Location> {
        self.inner.mirrored.as_ref()
    }

    pub(crate) fn refs_memory(&self) -> MutexGuard<'_, RefsMemory> {
        self.inner
            .refs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A reader of objects, with the caches of an earlier one if there is an idle one.
    pub(crate) fn objects(&self) -> Objects<'_> {
        let store = self
            .inner
            .store
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let mut idle = self
            .inner
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let handle = std::iter::from_fn(|| idle.pop())
            .find(|handle| handle.generation == store.generation)
            .unwrap_or_else(|| Handle::new(&store.repo, store.generation));
        Objects::new(self, handle)
    }

    pub(crate) fn put_back(&self, handle: Handle) {
        let mut idle = self
            .inner
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(handle);
        }
    }

    /// A handle on the repository as it is on disk now, where gix's shared view (`stale`) failed.
    pub(crate) fn reopened(&self, stale: u64) -> Result<Handle, Error> {
        let mut store = self
            .inner
            .store
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if store.generation == stale {
            store.repo = open_at(&self.inner.at)?;
            store.generation += 1;
        }
        Ok(Handle::new(&store.repo, store.generation))
    }
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository")
            .field("git_dir", &self.inner.git_dir)
            .finish_non_exhaustive()
    }
}

/// Nothing outside of the repository is read, and its own configuration only as far as reading objects needs it.
fn reading_options() -> Options {
    Options::default()
        .permissions(Permissions::isolated())
        .config_overrides([format!("gitoxide.objects.allocLimit={OBJECT_BYTES_MAX}")])
}

/// Finds the repository that a folder is in, and where to open it.
fn discover(path: &Path) -> Result<(PathBuf, ThreadSafeRepository), Error> {
    let (found, trust) =
        gix::discover::upwards_opts(path, gix::discover::upwards::Options::default()).map_err(
            |source| Error::NotARepository {
                path: path.to_owned(),
                source: source.into(),
            },
        )?;
    let (git_dir, worktree) = found.into_repository_and_work_tree_directories();
    let at = worktree.unwrap_or(git_dir);
    let repo = open_with(&at, trust)?;
    Ok((at, repo))
}

/// Opens the repository whose git folder or worktree this is.
fn open_at(path: &Path) -> Result<ThreadSafeRepository, Error> {
    let trust = Trust::from_path_ownership(path).unwrap_or(Trust::Reduced);
    open_with(path, trust)
}

fn open_with(path: &Path, trust: Trust) -> Result<ThreadSafeRepository, Error> {
    reading_options()
        .with(trust)
        .open(path)
        .map_err(|source| Error::Open {
            path: path.to_owned(),
            source: source.into(),
        })
}

/// The folder name of the main worktree; without one, that of the repository's own folder.
fn repository_name(repo: &gix::Repository) -> String {
    let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let common_dir = absolute(repo.common_dir());
    let is_linked = common_dir != absolute(repo.git_dir());
    match repo.workdir() {
        // The git folder of a submodule, or of `--separate-git-dir`, is elsewhere and has another name.
        Some(worktree) if !is_linked => folder_name(&absolute(worktree)),
        _ => folder_name(&common_dir),
    }
}
