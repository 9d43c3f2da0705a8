//! Refs: `HEAD`, branches and tags as one picture of what is on disk. Read from the files themselves, as git does it:
//! gix keeps `packed-refs` as long as its time stays the same, and reads it before the loose refs, so that it can miss
//! a ref that git is just packing. Depends on [`crate::objects`] for what tags point at.

mod loose;
mod packed;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use gix::objs::Kind;
use proto::GitHash;

use crate::objects::Objects;
use crate::{Error, Repository};

/// How often a ref may point to another one, or a tag at a tag.
const DEPTH_MAX: usize = 16;
/// The refs that are read.
const PREFIXES: [&str; 2] = ["refs/heads/", "refs/tags/"];

/// `HEAD`, branches and tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refs {
    /// What is checked out; in a bare repository the default branch.
    pub head: Head,
    /// `refs/heads/…` and `refs/tags/…` that are commits, sorted by the bytes of their names.
    pub refs: Vec<Ref>,
    /// How many branches and tags are not in `refs` because their name is not UTF-8 or not one that git allows, their
    /// file can't be understood, or their object is not in the repository. Tags of what is no commit don't count.
    pub skipped: usize,
}

/// A branch or a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ref {
    /// Its full name, such as `refs/heads/main`.
    pub name: String,
    /// Its commit; for an annotated tag the one that is tagged.
    pub target: GitHash,
}

/// What `HEAD` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// On a branch.
    Branch {
        /// Its full name, such as `refs/heads/main`. Bytes that are not UTF-8 are replaced.
        name: String,
        /// Its commit; `None` if it has none yet.
        target: Option<GitHash>,
    },
    /// At a commit.
    Detached(GitHash),
}

/// What is known from the last look at the refs.
#[derive(Default)]
pub(crate) struct RefsMemory {
    /// Names of the refs that had a file of their own; `None` before the first look.
    loose: Option<HashSet<Vec<u8>>>,
    /// Where the objects of the refs of the last look lead.
    known: HashMap<GitHash, Leads>,
}

/// What a ref's file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Object(GitHash),
    Ref(Vec<u8>),
}

impl Target {
    /// Reads the bytes of a loose ref.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let line = bytes.split(|&byte| byte == b'\n').next()?.trim_ascii_end();
        match line.strip_prefix(b"ref:") {
            Some(name) => {
                Some(Self::Ref(name.trim_ascii_start().to_vec())).filter(|_| !name.is_empty())
            }
            // What follows the hash has no meaning, but git accepts it.
            None => line
                .get(..GitHash::HEX_LEN)
                .and_then(GitHash::from_hex)
                .map(Self::Object),
        }
    }
}

/// Branches and tags as their files have them, by full name.
pub(crate) struct RawRefs {
    pub(crate) targets: BTreeMap<Vec<u8>, Target>,
    /// Files that make no sense.
    broken: usize,
}

impl RawRefs {
    /// Loose refs come first and `packed-refs` second: git packs a ref before it removes the file. A ref that had a
    /// file at the last look and is not found now is looked for by name, as a file that is replaced while its directory
    /// is listed may not be in the list.
    pub(crate) fn read(
        common_dir: &Path,
        last_loose: &mut Option<HashSet<Vec<u8>>>,
    ) -> Result<Self, Error> {
        let mut loose = loose::Loose::default();
        for prefix in PREFIXES {
            loose.list(common_dir, prefix)?;
        }
        let last = match last_loose.take() {
            Some(last) => last,
            None => {
                let first = loose.targets.into_keys().collect();
                loose = loose::Loose::default();
                for prefix in PREFIXES {
                    loose.list(common_dir, prefix)?;
                }
                first
            }
        };
        for name in last {
            if !loose.targets.contains_key(&name) {
                loose.look_up(common_dir, &name)?;
            }
        }
        *last_loose = Some(loose.targets.keys().cloned().collect());
        let mut targets = packed::read(common_dir, is_listed)?;
        targets.extend(loose.targets);
        Ok(Self {
            targets,
            broken: loose.broken,
        })
    }

    /// The object that a ref leads to.
    fn resolve(&self, name: &[u8]) -> Option<GitHash> {
        let mut target = self.targets.get(name)?;
        for _ in 0..DEPTH_MAX {
            match target {
                Target::Object(hash) => return Some(*hash),
                Target::Ref(name) => target = self.targets.get(name)?,
            }
        }
        None
    }
}

fn is_listed(name: &[u8]) -> bool {
    PREFIXES
        .iter()
        .any(|prefix| name.starts_with(prefix.as_bytes()))
}

impl Refs {
    /// See [`Repository::refs`].
    pub(crate) fn read(repository: &Repository) -> Result<Self, Error> {
        let mut memory = repository.refs_memory();
        let head = read_head(repository.git_dir())?;
        let raw = RawRefs::read(repository.common_dir(), &mut memory.loose)?;
        let last = std::mem::take(&mut memory.known);
        let mut commits = Commits {
            repository,
            objects: None,
            last,
            now: HashMap::new(),
        };
        let mut refs = Vec::with_capacity(raw.targets.len());
        let mut skipped = raw.broken;
        for name in raw.targets.keys() {
            let target = match raw.resolve(name) {
                Some(target) if gix::validate::reference::name(name.as_slice().into()).is_ok() => {
                    target
                }
                _ => {
                    skipped += 1;
                    continue;
                }
            };
            match (commits.of(&target)?, std::str::from_utf8(name)) {
                (Leads::ToCommit(target), Ok(name)) => refs.push(Ref {
                    name: name.to_owned(),
                    target,
                }),
                (Leads::Elsewhere, _) if name.starts_with(b"refs/tags/") => {}
                _ => skipped += 1,
            }
        }
        let head = match head {
            Target::Object(hash) => Head::Detached(hash),
            Target::Ref(name) => Head::Branch {
                target: match raw.resolve(&name) {
                    Some(hash) => commits.of(&hash)?.commit(),
                    None => other_ref(repository, &name)?,
                },
                name: String::from_utf8_lossy(&name).into_owned(),
            },
        };
        memory.known = commits.now;
        Ok(Self {
            head,
            refs,
            skipped,
        })
    }
}

fn read_head(git_dir: &Path) -> Result<Target, Error> {
    let path = git_dir.join("HEAD");
    let broken = || {
        std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            "it is neither a ref nor a hash",
        )
    };
    match loose::read_small(&path) {
        Ok(bytes) => Target::parse(&bytes).ok_or_else(|| Error::File {
            path,
            source: broken(),
        }),
        Err(source) => Err(Error::File { path, source }),
    }
}

/// `HEAD` on a ref that is neither a branch nor a tag; rare enough to be read by itself.
fn other_ref(repository: &Repository, name: &[u8]) -> Result<Option<GitHash>, Error> {
    if is_listed(name) || gix::validate::reference::name(name.into()).is_err() {
        return Ok(None);
    }
    let mut loose = loose::Loose::default();
    loose.look_up(repository.common_dir(), name)?;
    let found = match loose.targets.remove(name) {
        Some(target) => Some(target),
        None => packed::read(repository.common_dir(), |packed| packed == name)?.remove(name),
    };
    Ok(match found {
        Some(Target::Object(hash)) => Some(hash),
        _ => None,
    })
}

/// Where an object leads.
#[derive(Clone, Copy)]
enum Leads {
    ToCommit(GitHash),
    /// To a tree or a file.
    Elsewhere,
    /// It, or what it tags, is not in the repository.
    Nowhere,
}

impl Leads {
    const fn commit(self) -> Option<GitHash> {
        match self {
            Self::ToCommit(hash) => Some(hash),
            Self::Elsewhere | Self::Nowhere => None,
        }
    }
}

/// Follows tags to commits, and remembers where they led.
struct Commits<'r> {
    repository: &'r Repository,
    /// Made when the first object has to be read; in most looks there is none.
    objects: Option<Objects<'r>>,
    last: HashMap<GitHash, Leads>,
    now: HashMap<GitHash, Leads>,
}

impl Commits<'_> {
    fn of(&mut self, target: &GitHash) -> Result<Leads, Error> {
        if let Some(leads) = self.now.get(target) {
            return Ok(*leads);
        }
        let leads = match self.last.get(target) {
            // What an object is never changes; that it is not here does.
            Some(leads @ (Leads::ToCommit(_) | Leads::Elsewhere)) => *leads,
            last => {
                let objects = self
                    .objects
                    .get_or_insert_with(|| self.repository.objects());
                follow(objects, target, last.is_some())?
            }
        };
        self.now.insert(*target, leads);
        Ok(leads)
    }
}

/// Where an object leads. `was_absent` says that it was looked for before, in vain.
fn follow(objects: &mut Objects<'_>, target: &GitHash, was_absent: bool) -> Result<Leads, Error> {
    let mut at = *target;
    let mut buffer = Vec::new();
    for _ in 0..DEPTH_MAX {
        let header = if was_absent {
            objects.try_header_unlikely(&at)
        } else {
            objects.try_header(&at)
        };
        // One object that is damaged must not hide all other refs.
        let header = header.unwrap_or(None);
        match header {
            None => return Ok(Leads::Nowhere),
            Some((Kind::Commit, _)) => return Ok(Leads::ToCommit(at)),
            Some((Kind::Blob | Kind::Tree, _)) => return Ok(Leads::Elsewhere),
            Some((Kind::Tag, _)) => objects.read(&at, Kind::Tag, &mut buffer)?,
        }
        let first_line = buffer
            .split(|&byte| byte == b'\n')
            .next()
            .unwrap_or_default();
        at = first_line
            .strip_prefix(b"object ")
            .and_then(GitHash::from_hex)
            .ok_or_else(|| objects.corrupt(&at, "the tag names no object"))?;
    }
    Ok(Leads::Elsewhere)
}

#[cfg(test)]
mod tests;
