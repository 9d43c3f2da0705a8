//! Which files differ between two trees, in all sub-directories, as `git diff-tree -r` lists them: a file that becomes
//! a directory is one file gone and others new, and renames are not looked for. Depends on [`crate::tree`].

use std::cmp::Ordering;

use proto::GitHash;

use crate::Error;
use crate::objects::Objects;
use crate::tree::{EntryKind, RawEntry, entries, git_order};

/// Changed files of one commit that are listed.
const CHANGES_MAX: usize = 250_000;
/// Longest path, in bytes. Trees can be nested without end.
pub(crate) const PATH_BYTES_MAX: usize = 4096;

/// The files that differ.
pub(crate) enum Changes {
    /// In git's order, which is that of the bytes of the paths.
    All(Vec<Change>),
    /// More than is listed, or at deeper paths.
    TooMany,
}

/// One file that differs.
pub(crate) struct Change {
    pub(crate) path: Vec<u8>,
    /// `None` if the file is new.
    pub(crate) old: Option<Side>,
    /// `None` if the file is gone.
    pub(crate) new: Option<Side>,
}

/// What a tree has at a path: anything but a tree.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) kind: EntryKind,
    pub(crate) hash: GitHash,
}

/// A directory that differs, and its trees.
struct Differing {
    path: Vec<u8>,
    old: Option<GitHash>,
    new: Option<GitHash>,
}

/// Compares two trees. A tree that is not in the repository is [`Error::Missing`].
pub(crate) fn changes(
    objects: &mut Objects<'_>,
    old: &GitHash,
    new: &GitHash,
) -> Result<Changes, Error> {
    let mut found = Vec::new();
    let mut pending = vec![Differing {
        path: Vec::new(),
        old: Some(*old),
        new: Some(*new),
    }];
    while let Some(dir) = pending.pop() {
        if dir.old == dir.new {
            continue;
        }
        let old = dir
            .old
            .map_or(Ok(Vec::new()), |hash| entries(objects, &hash))?;
        let new = dir
            .new
            .map_or(Ok(Vec::new()), |hash| entries(objects, &hash))?;
        for (old, new) in pairs(old, new) {
            let Some(name) = old.as_ref().or(new.as_ref()).map(|entry| &entry.name) else {
                continue;
            };
            let path = joined(&dir.path, name);
            if found.len() + pending.len() >= CHANGES_MAX || path.len() > PATH_BYTES_MAX {
                return Ok(Changes::TooMany);
            }
            let is_dir = |entry: &RawEntry| entry.kind == EntryKind::Directory;
            let (old_dir, new_dir) = (
                old.as_ref().is_some_and(is_dir),
                new.as_ref().is_some_and(is_dir),
            );
            if old_dir || new_dir {
                pending.push(Differing {
                    path,
                    old: old.map(|e| e.hash),
                    new: new.map(|e| e.hash),
                });
            } else {
                let side = |entry: RawEntry| Side {
                    kind: entry.kind,
                    hash: entry.hash,
                };
                found.push(Change {
                    path,
                    old: old.map(side),
                    new: new.map(side),
                });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Changes::All(found))
}

/// The entries that differ, by name. Directories meet directories only, so that a pair has one kind of path.
fn pairs(old: Vec<RawEntry>, new: Vec<RawEntry>) -> Vec<(Option<RawEntry>, Option<RawEntry>)> {
    let mut pairs = Vec::new();
    let mut old = old.into_iter().peekable();
    let mut new = new.into_iter().peekable();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return pairs,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => git_order(old, new),
        };
        let pair = match order {
            Ordering::Less => (old.next(), None),
            Ordering::Greater => (None, new.next()),
            Ordering::Equal => (old.next(), new.next()),
        };
        if pair.0 != pair.1 {
            pairs.push(pair);
        }
    }
}

/// `dir/name`; the name alone in the root.
pub(crate) fn joined(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(dir.len() + name.len() + 1);
    path.extend_from_slice(dir);
    if !dir.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}
