//! Objects that are derived from a stream and kept beside it, below `checkpoints/`: no part of the log.
//!
//! A projection can write down there what it has folded, so that other machines need not fold it again. The log
//! knows nothing of what is in them: who reads one checks it, and does without if it is not sound. They can be
//! removed at any time. Depends on the store.

use crate::layout::CHECKPOINTS;
use crate::stream::Stream;
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt as _;
use object_store::{Error, GetResultPayload, MultipartUpload, PutPayload};
use std::fs::File;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What is sent in one request; a longer checkpoint is sent in parts of that size.
const PART_BYTES: usize = 8 << 20;
/// The longest name.
const NAME_BYTES_MAX: usize = 200;

/// Why a checkpoint could not be kept or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The store did not do what it should.
    #[error("stream {stream}: cannot {what} {object}")]
    Store {
        /// The stream's name.
        stream: String,
        /// What was tried.
        what: &'static str,
        /// Below the stream's prefix.
        object: String,
        /// What the store said.
        source: Box<Error>,
    },
    /// The local file could not be read or written.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not a name that is the same in every store.
    #[error(
        "{name:?} is no name of a checkpoint: use letters, digits, - _ and ., and begin with none of these"
    )]
    Name {
        /// The name.
        name: String,
    },
}

impl Stream {
    /// Name and size of each checkpoint, by name. What else lies below the folder is not listed.
    pub async fn checkpoints(&self) -> Result<Vec<(String, u64)>, CheckpointError> {
        let folder = format!("{CHECKPOINTS}/");
        let listed = self.objects().list_below(CHECKPOINTS).await;
        let listed = listed.map_err(|source| self.store_error("list", "", source))?;
        let mut found: Vec<_> = listed
            .into_iter()
            .filter_map(|object| {
                let name = object.path.strip_prefix(&folder)?;
                is_name(name).then(|| (name.to_owned(), object.size))
            })
            .collect();
        found.sort();
        Ok(found)
    }

    /// A checkpoint's file, if the store keeps it as one.
    pub async fn checkpoint_file(
        &self,
        name: &str,
    ) -> Result<Option<(File, PathBuf)>, CheckpointError> {
        let found = self.objects().open(&object(name)?).await;
        let found = found.map_err(|source| self.store_error("read", name, source))?;
        Ok(match found.payload {
            GetResultPayload::File(file, path) => Some((file, path)),
            GetResultPayload::Stream(_) => None,
        })
    }

    /// A whole checkpoint.
    pub async fn checkpoint_bytes(&self, name: &str) -> Result<Bytes, CheckpointError> {
        let bytes = self.objects().get_any(&object(name)?).await;
        bytes.map_err(|source| self.store_error("read", name, source))
    }

    /// Writes a checkpoint's bytes to a file that is there and empty, without holding all of them.
    pub async fn copy_checkpoint(&self, name: &str, to: &Path) -> Result<(), CheckpointError> {
        let found = self.objects().open(&object(name)?).await;
        let found = found.map_err(|source| self.store_error("read", name, source))?;
        let mut pieces = found.into_stream();
        let file = tokio::fs::OpenOptions::new().write(true).open(to).await;
        let mut file = file.map_err(io_error("open", to))?;
        loop {
            let piece = pieces.try_next().await;
            let piece = piece.map_err(|source| self.store_error("read", name, source))?;
            let Some(piece) = piece else { break };
            file.write_all(&piece)
                .await
                .map_err(io_error("write", to))?;
        }
        file.flush().await.map_err(io_error("write", to))
    }

    /// Keeps a checkpoint; one of the same name is replaced, whole or not at all.
    pub async fn put_checkpoint(&self, name: &str, bytes: Bytes) -> Result<(), CheckpointError> {
        let object = object(name)?;
        if bytes.len() <= PART_BYTES {
            let put = self.objects().put(&object, bytes).await;
            return put.map_err(|source| self.store_error("write", name, source));
        }
        let mut upload = self.begin(name, &object).await?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let part = rest.split_to(rest.len().min(PART_BYTES));
            self.send(name, upload.as_mut(), part).await?;
        }
        self.end(name, upload).await
    }

    /// Keeps a file's bytes as a checkpoint, without holding all of them.
    pub async fn put_checkpoint_file(
        &self,
        name: &str,
        from: &Path,
    ) -> Result<(), CheckpointError> {
        let object = object(name)?;
        let file = tokio::fs::File::open(from).await;
        let mut file = file.map_err(io_error("open", from))?;
        let mut upload = None;
        loop {
            let mut part = BytesMut::with_capacity(PART_BYTES);
            while part.len() < PART_BYTES {
                let read = file.read_buf(&mut part).await;
                if read.map_err(io_error("read", from))? == 0 {
                    break;
                }
            }
            let last = part.len() < PART_BYTES;
            let mut under_way = match upload.take() {
                None if last => return self.put_checkpoint(name, part.freeze()).await,
                None => self.begin(name, &object).await?,
                Some(under_way) => under_way,
            };
            if !part.is_empty() {
                self.send(name, under_way.as_mut(), part.freeze()).await?;
            }
            if last {
                return self.end(name, under_way).await;
            }
            upload = Some(under_way);
        }
    }

    /// Removes a checkpoint; one that is gone already is no error.
    pub async fn remove_checkpoint(&self, name: &str) -> Result<(), CheckpointError> {
        let removed = self.objects().delete(vec![object(name)?]).await;
        removed.map_err(|source| self.store_error("remove", name, source))
    }

    async fn begin(
        &self,
        name: &str,
        object: &str,
    ) -> Result<Box<dyn MultipartUpload>, CheckpointError> {
        let begun = self.objects().put_multipart(object).await;
        begun.map_err(|source| self.store_error("write", name, source))
    }

    async fn send(
        &self,
        name: &str,
        upload: &mut dyn MultipartUpload,
        part: Bytes,
    ) -> Result<(), CheckpointError> {
        let Err(source) = upload.put_part(PutPayload::from_bytes(part)).await else {
            return Ok(());
        };
        // What was sent by then would lie about, and cost; that it can't be removed is not what is wrong.
        drop(upload.abort().await);
        Err(self.store_error("write", name, source))
    }

    async fn end(
        &self,
        name: &str,
        mut upload: Box<dyn MultipartUpload>,
    ) -> Result<(), CheckpointError> {
        let Err(source) = upload.complete().await else {
            return Ok(());
        };
        drop(upload.abort().await);
        Err(self.store_error("write", name, source))
    }

    fn store_error(&self, what: &'static str, name: &str, source: Error) -> CheckpointError {
        CheckpointError::Store {
            stream: self.name().to_owned(),
            what,
            object: format!("{CHECKPOINTS}/{name}"),
            source: Box::new(source),
        }
    }
}

/// A name that is the same in every store, and is no other program's.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    name.len() <= NAME_BYTES_MAX
        && name.bytes().all(plain)
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
}

fn object(name: &str) -> Result<String, CheckpointError> {
    if is_name(name) {
        return Ok(format!("{CHECKPOINTS}/{name}"));
    }
    let name = name.to_owned();
    Err(CheckpointError::Name { name })
}

fn io_error(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> CheckpointError {
    let path = path.to_owned();
    move |source| CheckpointError::Io { what, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::LocalStore;
    use object_store::{ObjectStore, memory::InMemory};
    use std::sync::Arc;

    /// Bytes that need several parts.
    fn long() -> Bytes {
        (0..PART_BYTES + 5).map(|at| (at % 251) as u8).collect()
    }

    async fn keeps_and_gives(store: Arc<dyn ObjectStore>, files: bool) {
        let stream = Stream::open(store, "s").await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        for (name, bytes) in [
            ("none", Bytes::new()),
            ("short", "abc".into()),
            ("long", long()),
        ] {
            stream.put_checkpoint(name, "before".into()).await.unwrap();
            stream.put_checkpoint(name, bytes.clone()).await.unwrap();
            assert_eq!(stream.checkpoint_bytes(name).await.unwrap(), bytes);
            std::fs::write(&file, &bytes).unwrap();
            let copied = format!("{name}.copy");
            stream.put_checkpoint_file(&copied, &file).await.unwrap();
            std::fs::write(&file, "").unwrap();
            stream.copy_checkpoint(&copied, &file).await.unwrap();
            assert_eq!(std::fs::read(&file).unwrap(), bytes);
            let found = stream.checkpoint_file(name).await.unwrap();
            assert_eq!(found.is_some(), files);
        }
        let listed = stream.checkpoints().await.unwrap();
        let size = long().len() as u64;
        let sizes = [
            ("long", size),
            ("long.copy", size),
            ("none", 0),
            ("none.copy", 0),
        ];
        assert_eq!(
            listed[..4],
            sizes.map(|(name, size)| (name.to_owned(), size))
        );
        stream.refresh().await.unwrap();
        assert_eq!((stream.strays(), stream.segments()), (vec![], vec![]));
        stream.remove_checkpoint("long").await.unwrap();
        stream.remove_checkpoint("long").await.unwrap();
        assert!(stream.checkpoint_bytes("long").await.is_err());
        let report = crate::verify(&stream).await.unwrap();
        assert_eq!(report.faults, []);
        assert_eq!(crate::repair::plan(&stream).await.unwrap(), []);
    }

    #[tokio::test]
    async fn checkpoints_are_kept_beside_the_log() {
        keeps_and_gives(Arc::new(InMemory::new()), false).await;
        let dir = tempfile::tempdir().unwrap();
        keeps_and_gives(Arc::new(LocalStore::open(dir.path()).unwrap()), true).await;
    }

    #[tokio::test]
    async fn names_stay_in_their_folder() {
        let store = Arc::new(InMemory::new());
        let stream = Stream::open(store, "s").await.unwrap();
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        for name in [
            "", ".", "..", "a/b", "../tail", "#1", "-", "ä", "a b", &long,
        ] {
            let put = stream.put_checkpoint(name, Bytes::new()).await;
            assert!(matches!(put, Err(CheckpointError::Name { .. })), "{name}");
        }
    }
}
