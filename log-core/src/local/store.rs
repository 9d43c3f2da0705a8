//! [`LocalStore`] as an [`ObjectStore`]: which operation goes to a journal, and which to plain files.
//!
//! Depends on [`super::folder`] and, for plain files, on `LocalFileSystem`.

use super::ahead::READ_BYTES_MAX;
use super::entry::{Entry, PAYLOAD_BYTES_MAX};
use super::journal::read;
use super::walk::link_target;
use super::{LocalError, LocalStore, Place, Shared, blocking, place, plain};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    Attributes, CopyMode, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// Objects that are removed with one sync.
const REMOVE_AT_ONCE: usize = 4096;

impl fmt::Display for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalStore({})", self.shared.root.display())
    }
}

/// An object that is no plain file.
enum Journaled {
    Entry(Entry, Bytes),
    Stray(Bytes),
}

impl LocalStore {
    /// Creates an object. `None` if it is a plain file now, otherwise its entry.
    async fn create_object(&self, location: &Path, payload: PutPayload) -> Result<Option<Entry>> {
        let (path, folder) = self.file(location)?;
        let (shared, object) = (Arc::clone(&self.shared), location.clone());
        blocking(move || {
            let pieces: Vec<&[u8]> = payload.iter().map(AsRef::as_ref).collect();
            let created = if let Place::Batch(name) = place(&object) {
                let entry = payload.content_length() <= PAYLOAD_BYTES_MAX;
                shared.with_folder(&folder, |folder, disk| {
                    folder.create(disk, name, &pieces, entry)
                })
            } else {
                plain::create(&*shared.disk, &shared.root, &path, &pieces)
                    .map(|()| None)
                    .map_err(|source| LocalError::Io {
                        what: "create",
                        path,
                        source,
                    })
            };
            created.map_err(|error| error.for_object(&object))
        })
        .await
    }

    /// The object, unless it is a plain file or absent. An entry's bytes are read only if `bytes` are wanted.
    async fn journaled(&self, location: &Path, bytes: bool) -> Result<Option<Journaled>> {
        match place(location) {
            Place::Batch(name) if bytes => self.batch(location, name).await,
            Place::Plain | Place::Journal => Ok(None),
            place => {
                let (path, folder) = self.file(location)?;
                let (shared, object) = (Arc::clone(&self.shared), location.clone());
                blocking(move || {
                    let found = shared.with_folder(&folder, |folder, disk| match place {
                        Place::Batch(name) => Ok(folder
                            .find(disk, name)?
                            .map(|(_, entry)| Journaled::Entry(entry, Bytes::new()))),
                        Place::Stray(name) if path.symlink_metadata().is_err() => Ok(folder
                            .stray(disk, &name)?
                            .map(|bytes| Journaled::Stray(bytes.into()))),
                        _ => Ok(None),
                    });
                    found.map_err(|error: LocalError| error.for_object(&object))
                })
                .await
            }
        }
    }

    /// A batch with its bytes, and the next ones ahead.
    async fn batch(&self, location: &Path, name: u64) -> Result<Option<Journaled>> {
        let (path, folder) = self.file(location)?;
        let known = self.shared.folder(&folder);
        let mut ahead = known.ahead.lock().await;
        if let Some((entry, bytes)) = ahead.take(name) {
            return Ok(Some(Journaled::Entry(entry, bytes)));
        }
        let (shared, object) = (Arc::clone(&self.shared), location.clone());
        let read = blocking(move || {
            let found = shared.with_folder(&folder, |folder, disk| {
                let found = folder.find(disk, name)?;
                Ok(found.map(|(file, entry)| (file, folder.run(entry, READ_BYTES_MAX))))
            });
            // The folder is free for others while the payloads are read.
            let read = found.and_then(|found| match found {
                Some((file, run)) => payloads(&file, &path, &run),
                None => Ok(Vec::new()),
            });
            read.map_err(|error: LocalError| error.for_object(&object))
        });
        let mut read = read.await?.into_iter();
        let first = read.next();
        ahead.fill(read.collect());
        Ok(first.map(|(entry, bytes)| Journaled::Entry(entry, bytes)))
    }

    /// Forgets what was read ahead where this object, now overwritten, may be among it.
    async fn forget_ahead(&self, location: &Path) -> Result<()> {
        if let Place::Batch(_) = place(location) {
            let (_, folder) = self.file(location)?;
            self.shared.folder(&folder).ahead.lock().await.clear();
        }
        Ok(())
    }

    /// Makes the plain file's name durable, if it is there. If it is a link to no file, that is what the
    /// object holds: where it leads to.
    async fn settle(&self, location: &Path) -> Result<Option<Bytes>> {
        let (path, _) = self.file(location)?;
        let (shared, object) = (Arc::clone(&self.shared), location.clone());
        blocking(move || {
            if let Some(target) = link_target(&path) {
                return Ok(Some(target.into()));
            }
            shared
                .settle(&path)
                .map_err(|error| error.for_object(&object))?;
            Ok(None)
        })
        .await
    }

    /// Where a plain file of this name is, and its folder.
    pub(super) fn file(&self, location: &Path) -> Result<(PathBuf, PathBuf)> {
        let path = self.inner.path_to_filesystem(location)?;
        let folder = path.parent().unwrap_or(&self.shared.root).to_owned();
        Ok((path, folder))
    }

    /// Where the folder of this name is.
    pub(super) fn folder(&self, location: &Path) -> Result<PathBuf> {
        Ok(self.file(&location.clone().join("x"))?.1)
    }

    /// Removes objects, those of one tail folder with one sync. The answers are in the same order.
    async fn remove(&self, locations: Vec<Result<Path>>) -> Vec<Result<Path>> {
        let mut in_folders: BTreeMap<PathBuf, Vec<(usize, Path)>> = BTreeMap::new();
        let mut answers = Vec::with_capacity(locations.len());
        for location in locations {
            let answer = match location {
                Ok(location) => match (place(&location), self.file(&location)) {
                    (Place::Plain, _) => self.inner.delete(&location).await.map(|()| location),
                    (Place::Journal, _) => Err(absent(&location)),
                    (_, Ok((_, folder))) => {
                        let group = in_folders.entry(folder).or_default();
                        group.push((answers.len(), location.clone()));
                        Ok(location)
                    }
                    (_, Err(error)) => Err(error),
                },
                error => error,
            };
            answers.push(answer);
        }
        for (folder, group) in in_folders {
            // Held while they are removed, whoever stops waiting: or they might be read ahead meanwhile.
            let ahead = Arc::clone(&self.shared.folder(&folder).ahead);
            let mut ahead = ahead.lock_owned().await;
            let shared = Arc::clone(&self.shared);
            let paths: Vec<Path> = group.iter().map(|(_, path)| path.clone()).collect();
            let removed = blocking(move || {
                ahead.clear();
                let names: Vec<&str> = paths.iter().filter_map(Path::filename).collect();
                shared
                    .with_folder(&folder, |folder, disk| folder.remove(disk, &names))
                    .map_err(|error| error.for_object(&paths[0]))
            })
            .await;
            match removed {
                Ok(removed) => {
                    for ((at, location), removed) in group.into_iter().zip(removed) {
                        if !removed {
                            answers[at] = Err(absent(&location));
                        }
                    }
                }
                Err(error) => {
                    let told = error.to_string();
                    for (at, _) in group {
                        answers[at] = Err(Error::Generic {
                            store: "LocalStore",
                            source: told.clone().into(),
                        });
                    }
                }
            }
        }
        answers
    }
}

impl Shared {
    fn settle(&self, path: &FilePath) -> Result<(), LocalError> {
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        plain::sync_chain(&*self.disk, &self.root, path).map_err(|source| LocalError::Io {
            what: "sync the folders of",
            path: path.to_owned(),
            source,
        })
    }
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        if place(location) == Place::Journal {
            return Err(reserved(location));
        }
        if opts.mode != PutMode::Create || !opts.attributes.is_empty() {
            let put = self.inner.put_opts(location, payload, opts).await;
            self.forget_ahead(location).await?;
            return put;
        }
        let e_tag = match self.create_object(location, payload).await? {
            Some(entry) => Some(tag_of(&entry)),
            None => self.inner.head(location).await?.e_tag,
        };
        Ok(PutResult {
            e_tag,
            version: None,
            extensions: Default::default(),
        })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if place(location) == Place::Journal {
            return Err(reserved(location));
        }
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if place(location) == Place::Journal {
            return Err(absent(location));
        }
        let found = match self.journaled(location, !options.head).await? {
            Some(found) => found,
            None => match self.settle(location).await? {
                Some(target) => Journaled::Stray(target),
                None => return self.inner.get_opts(location, options).await,
            },
        };
        let meta = match &found {
            Journaled::Entry(entry, _) => meta_of(location.clone(), entry),
            Journaled::Stray(bytes) => stray_meta(location.clone(), bytes.len() as u64),
        };
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            Some(range) => range.as_range(meta.size).map_err(|source| Error::Generic {
                store: "LocalStore",
                source: Box::new(source),
            })?,
            None => 0..meta.size,
        };
        let (Journaled::Entry(_, bytes) | Journaled::Stray(bytes)) = found;
        let part = if options.head {
            Bytes::new()
        } else {
            bytes.slice(range.start as usize..range.end as usize)
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::iter([Ok(part)]).boxed()),
            meta,
            range,
            attributes: Attributes::default(),
            extensions: Default::default(),
        })
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        locations
            .ready_chunks(REMOVE_AT_ONCE)
            .then(move |chunk| {
                let store = store.clone();
                async move { stream::iter(store.remove(chunk).await) }
            })
            .flatten()
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (self.clone(), prefix.cloned());
        stream::once(async move { store.list_all(prefix).await })
            .map(|listed| match listed {
                Ok(listed) => stream::iter(listed.into_iter().map(Ok).collect::<Vec<_>>()),
                Err(error) => stream::iter(vec![Err(error)]),
            })
            .flatten()
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.list_level(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        if place(to) == Place::Journal {
            return Err(reserved(to));
        }
        let found = self.journaled(from, true).await?;
        if let Some(Journaled::Entry(_, bytes) | Journaled::Stray(bytes)) = found {
            let mode = match options.mode {
                CopyMode::Create => PutMode::Create,
                CopyMode::Overwrite => PutMode::Overwrite,
            };
            self.put_opts(to, bytes.into(), mode.into()).await?;
            return Ok(());
        }
        if matches!(options.mode, CopyMode::Create) && matches!(place(to), Place::Batch(_)) {
            let bytes = self.get(from).await?.bytes().await?;
            return self
                .put_opts(to, bytes.into(), PutMode::Create.into())
                .await
                .map(drop);
        }
        self.settle(from).await?;
        let copied = self.inner.copy_opts(from, to, options).await;
        self.forget_ahead(to).await?;
        if let Err(Error::AlreadyExists { .. }) = &copied {
            self.settle(to).await?;
        }
        copied
    }
}

/// The bytes of entries that lie one behind the other. The first must be sound, as it was when it was
/// found; those from the first of the others that is not are left out, and their readers told.
fn payloads(
    file: &File,
    path: &FilePath,
    run: &[Entry],
) -> Result<Vec<(Entry, Bytes)>, LocalError> {
    let (Some(first), Some(last)) = (run.first(), run.last()) else {
        return Ok(Vec::new());
    };
    let start = first.payload().start;
    let bytes = read(file, start..last.payload().end).map_err(|source| LocalError::Io {
        what: "read",
        path: path.to_owned(),
        source,
    })?;
    let bytes = Bytes::from(bytes);
    let mut payloads = Vec::with_capacity(run.len());
    for entry in run {
        let part = entry.payload();
        let part = bytes.slice((part.start - start) as usize..(part.end - start) as usize);
        if crc32fast::hash(&part) != entry.crc {
            break;
        }
        payloads.push((*entry, part));
    }
    if payloads.is_empty() {
        return Err(LocalError::Damaged {
            path: path.with_file_name(super::journal::JOURNAL),
            object: super::folder::file_name(first.name),
        });
    }
    Ok(payloads)
}

/// An entry as a listing shows it.
pub(super) fn meta_of(location: Path, entry: &Entry) -> ObjectMeta {
    let since = Duration::from_micros(entry.time.max(0).cast_unsigned());
    // The calendar ends somewhere, and the time may be any number.
    let since = since.min(Duration::from_secs(1 << 36));
    ObjectMeta {
        location,
        last_modified: (UNIX_EPOCH + since).into(),
        size: u64::from(entry.len),
        e_tag: Some(tag_of(entry)),
        version: None,
    }
}

/// Bytes of a journal that are no entry, as a listing shows them. Nobody knows how old they are.
pub(super) fn stray_meta(location: Path, size: u64) -> ObjectMeta {
    ObjectMeta {
        location,
        last_modified: UNIX_EPOCH.into(),
        size,
        e_tag: None,
        version: None,
    }
}

fn tag_of(entry: &Entry) -> String {
    format!("\"{:x}-{:x}-{:x}\"", entry.id, entry.at, entry.len)
}

fn absent(location: &Path) -> Error {
    Error::NotFound {
        path: location.to_string(),
        source: std::io::Error::from(ErrorKind::NotFound).into(),
    }
}

fn reserved(location: &Path) -> Error {
    let object = location.to_string();
    LocalError::Reserved { object }.for_object(location)
}
