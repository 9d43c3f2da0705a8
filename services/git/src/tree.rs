//! Trees: what is in a directory of a commit, and the bytes of one file. Depends on [`crate::objects`].

use std::cmp::Ordering;

use gix::objs::{Kind, TreeRefIter, tree};
use proto::GitHash;

use crate::commit::Header;
use crate::objects::{Objects, git_hash};
use crate::{Error, Repository};

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Its name, without the directory's.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
}

/// What an entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A regular file that can be run.
    Executable,
    /// A symbolic link.
    Symlink,
    /// A directory.
    Directory,
    /// A commit of another repository.
    Submodule,
}

/// One entry of a tree object.
#[derive(PartialEq, Eq)]
pub(crate) struct RawEntry {
    pub(crate) name: Vec<u8>,
    pub(crate) kind: EntryKind,
    pub(crate) hash: GitHash,
}

/// The order of the entries of a tree: that of the bytes of their names, with a directory's ending in `/`. A file and a
/// directory are never equal.
pub(crate) fn git_order(a: &RawEntry, b: &RawEntry) -> Ordering {
    let shared = a.name.len().min(b.name.len());
    let next = |entry: &RawEntry| {
        let end = (entry.kind == EntryKind::Directory).then_some(b'/');
        entry.name.get(shared).copied().or(end)
    };
    a.name[..shared]
        .cmp(&b.name[..shared])
        .then_with(|| next(a).cmp(&next(b)))
        .then_with(|| a.name.len().cmp(&b.name.len()))
}

/// The entries of a tree, in git's order, whatever order the tree has. A name can be any bytes without a NUL.
pub(crate) fn entries(objects: &mut Objects<'_>, tree: &GitHash) -> Result<Vec<RawEntry>, Error> {
    let mut data = Vec::new();
    objects.read(tree, Kind::Tree, &mut data)?;
    let mut entries = Vec::new();
    for entry in TreeRefIter::from_bytes(&data, gix::hash::Kind::Sha1) {
        let entry = entry.ok().and_then(|entry| {
            let kind = entry_kind(entry.mode);
            Some(RawEntry {
                name: entry.filename.to_vec(),
                kind,
                hash: git_hash(entry.oid)?,
            })
        });
        entries.push(entry.ok_or_else(|| objects.corrupt(tree, "it is not a list of entries"))?);
    }
    entries.sort_by(git_order);
    Ok(entries)
}

fn entry_kind(mode: tree::EntryMode) -> EntryKind {
    match mode.kind() {
        tree::EntryKind::Tree => EntryKind::Directory,
        tree::EntryKind::Blob => EntryKind::File,
        tree::EntryKind::BlobExecutable => EntryKind::Executable,
        tree::EntryKind::Link => EntryKind::Symlink,
        tree::EntryKind::Commit => EntryKind::Submodule,
    }
}

/// See [`Repository::read_file`].
pub(crate) fn read_file(
    repository: &Repository,
    commit: &GitHash,
    path: &str,
    max_bytes: u64,
) -> Result<Option<Vec<u8>>, Error> {
    let mut objects = repository.objects();
    let file = match find(&mut objects, commit, path)? {
        Some((EntryKind::File | EntryKind::Executable, hash)) => hash,
        _ => return Ok(None),
    };
    let size = objects.size(&file, Kind::Blob)?;
    if size > max_bytes {
        return Err(Error::TooLarge {
            file: path.to_owned(),
            commit: *commit,
            size,
            limit: max_bytes,
        });
    }
    let mut data = Vec::new();
    objects.read(&file, Kind::Blob, &mut data)?;
    Ok(Some(data))
}

/// See [`Repository::list`].
pub(crate) fn list(
    repository: &Repository,
    commit: &GitHash,
    dir: &str,
) -> Result<Vec<TreeEntry>, Error> {
    let mut objects = repository.objects();
    let Some((EntryKind::Directory, tree)) = find(&mut objects, commit, dir)? else {
        return Ok(Vec::new());
    };
    let entries = entries(&mut objects, &tree)?.into_iter();
    let named = entries.filter_map(|entry| Some((String::from_utf8(entry.name).ok()?, entry.kind)));
    Ok(named.map(|(name, kind)| TreeEntry { name, kind }).collect())
}

/// What a commit has at a path.
fn find(
    objects: &mut Objects<'_>,
    commit: &GitHash,
    path: &str,
) -> Result<Option<(EntryKind, GitHash)>, Error> {
    let (tree, _) = commit_tree(objects, commit)?;
    let mut at = (EntryKind::Directory, tree);
    for part in path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        if at.0 != EntryKind::Directory {
            return Ok(None);
        }
        match entries(objects, &at.1)?
            .into_iter()
            .find(|entry| entry.name == part.as_bytes())
        {
            Some(entry) => at = (entry.kind, entry.hash),
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

/// The tree of a commit, and when it was committed, in seconds since 1970.
pub(crate) fn commit_tree(
    objects: &mut Objects<'_>,
    commit: &GitHash,
) -> Result<(GitHash, u64), Error> {
    let mut raw = Vec::new();
    objects.read(commit, Kind::Commit, &mut raw)?;
    let header = Header::parse(&raw).map_err(|problem| objects.corrupt(commit, problem))?;
    Ok((header.tree, header.committed))
}
