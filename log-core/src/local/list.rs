//! Listing: plain files and journals' entries, in an order that never shows a hole.
//!
//! Depends on [`super::folder`]. The objects of a tail form one chain over all segments, each created
//! after the one before. So the tail folders are looked at from the last to the first, each at one
//! moment under its journal's lock: what is seen is a beginning of the chain. Sealed segments come after
//! the tail that they were made of, so that one of the two is seen.

use super::folder::Listed;
use super::store::{meta_of, stray_meta};
use super::walk::{self, Level};
use super::{LocalError, LocalStore, blocking, is_tail_folder, plain};
use object_store::path::Path;
use object_store::{ListResult, ObjectMeta, ObjectStore as _, Result};
use std::collections::BTreeSet;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

impl LocalStore {
    /// All objects below a prefix.
    pub(super) async fn list_all(&self, prefix: Option<Path>) -> Result<Vec<ObjectMeta>> {
        let first = self.walk(prefix.clone().unwrap_or_default()).await?;
        let folder = |meta: &ObjectMeta| meta.location.parent().unwrap_or_default();
        let mut folders: BTreeSet<Path> = first.folders.into_iter().map(|(_, at)| at).collect();
        let tails: Vec<Path> = folders
            .iter()
            .filter(|f| is_tail_folder(f))
            .cloned()
            .collect();
        let streams: BTreeSet<Path> = tails
            .iter()
            .filter_map(|tail| tail.parent()?.parent())
            .collect();
        let again = |folder: &Path| is_tail_folder(folder) || streams.contains(folder);
        let once = first.files.into_iter();
        let mut listed: Vec<ObjectMeta> = once.filter(|meta| !again(&folder(meta))).collect();
        // By number, not by text: beyond 9999 they differ.
        let mut newest_first = tails;
        newest_first.sort_by_key(|tail| {
            let name = tail.filename().unwrap_or_default().to_owned();
            std::cmp::Reverse((name.len(), name))
        });
        for tail in newest_first {
            listed.extend(self.list_tail(&tail).await?);
        }
        let below = |stream: &&Path| {
            prefix
                .as_ref()
                .is_none_or(|prefix| stream.prefix_matches(prefix))
        };
        for stream in streams.iter().filter(below) {
            listed.extend(self.files_of(stream.clone()).await?);
            folders.insert(stream.clone());
        }
        self.settle_folders(folders).await?;
        Ok(listed)
    }

    /// All plain files below a folder, and the folders.
    async fn walk(&self, at: Path) -> Result<Level> {
        let path = self.folder(&at)?;
        let object = at.clone();
        blocking(move || walk::all(path.clone(), at).map_err(|error| failed(path, error, &object)))
            .await
    }

    /// The plain files directly in a folder.
    async fn files_of(&self, at: Path) -> Result<Vec<ObjectMeta>> {
        let path = self.folder(&at)?;
        blocking(move || match walk::level(&path, &at) {
            Ok(level) => Ok(level.files),
            Err(error) => Err(failed(path, error, &at)),
        })
        .await
    }

    /// What is directly below a prefix.
    pub(super) async fn list_level(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut listed = self.inner.list_with_delimiter(prefix).await?;
        let folder = prefix.cloned().unwrap_or_default();
        if is_tail_folder(&folder) {
            listed.objects = self.list_tail(&folder).await?;
        }
        self.settle_folders([folder].into()).await?;
        Ok(listed)
    }

    /// The objects of a tail folder.
    async fn list_tail(&self, folder: &Path) -> Result<Vec<ObjectMeta>> {
        let (shared, folder) = (Arc::clone(&self.shared), folder.clone());
        let path = self.folder(&folder)?;
        blocking(move || {
            let listed = shared
                .with_folder(&path, |folder, disk| folder.list(disk))
                .map_err(|error| error.for_object(&folder))?;
            let mut metas = Vec::with_capacity(listed.len());
            for object in listed {
                metas.push(match object {
                    Listed::Entry(entry) => meta_of(
                        folder.clone().join(super::folder::file_name(entry.name)),
                        &entry,
                    ),
                    Listed::Stray(name, size) => stray_meta(folder.clone().join(name), size),
                    Listed::Plain(path, metadata) => {
                        let location = Path::from_absolute_path(&path)?;
                        let name = location.filename().unwrap_or_default();
                        if is_staging(name) {
                            continue;
                        }
                        let location = Path::parse(format!("{folder}/{name}"))?;
                        plain_meta(location, &metadata)
                    }
                });
            }
            Ok(metas)
        })
        .await
    }

    /// Makes the names in these folders durable, and theirs.
    async fn settle_folders(&self, folders: BTreeSet<Path>) -> Result<()> {
        let mut all = BTreeSet::new();
        for folder in folders.into_iter().filter(|folder| !is_tail_folder(folder)) {
            let mut next = Some(folder);
            while let Some(folder) = next {
                next = folder.parent();
                all.insert(folder);
            }
        }
        let paths: Vec<_> = all
            .iter()
            .filter(|folder| !folder.is_root())
            .map(|folder| Ok((folder.clone(), self.folder(folder)?)))
            .collect::<Result<_>>()?;
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            for (folder, path) in paths {
                plain::sync_if_there(&*shared.disk, &path).map_err(|source| {
                    let what = "sync";
                    LocalError::Io { what, path, source }.for_object(&folder)
                })?;
            }
            let root = shared.root.clone();
            plain::sync_if_there(&*shared.disk, &root).map_err(|source| {
                let (what, path) = ("sync", root);
                LocalError::Io { what, path, source }.for_object(&Path::default())
            })
        })
        .await
    }
}

fn failed(path: PathBuf, source: io::Error, object: &Path) -> object_store::Error {
    let what = "list";
    LocalError::Io { what, path, source }.for_object(object)
}

/// Whether a file is one that is being written: NAME#NUMBER.
pub(super) fn is_staging(name: &str) -> bool {
    name.split_once('#').is_some_and(|(_, number)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// A plain file as `LocalFileSystem` shows it.
pub(super) fn plain_meta(location: Path, metadata: &Metadata) -> ObjectMeta {
    let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
    let since = modified.duration_since(SystemTime::UNIX_EPOCH);
    let since = since.unwrap_or_default().as_micros();
    ObjectMeta {
        location,
        last_modified: modified.into(),
        size: metadata.len(),
        e_tag: Some(format!(
            "\"{:x}-{since:x}-{:x}\"",
            metadata.ino(),
            metadata.len()
        )),
        version: None,
    }
}

#[cfg(test)]
mod tests;
