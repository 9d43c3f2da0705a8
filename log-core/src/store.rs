//! The stream's objects: the only module that talks to the object store.
//!
//! Depends on `object_store`. Knows paths and create-if-absent; knows nothing of records.

use crate::layout::Object;
use crate::segment::{OBJECT_BYTES_MAX, SegmentName};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    Error, GetResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode,
    PutOptions, PutPayload,
};
use std::ops::Range;
use std::sync::Arc;

/// The objects below one prefix.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

/// What came of a create.
#[derive(Debug)]
pub(crate) enum Created {
    /// It is there with our bytes: made now, or by an earlier try whose answer was lost.
    Ours,
    /// Another object was there first, with these bytes.
    Theirs(Bytes),
}

impl Created {
    fn by_echo(there: Bytes, ours: &Bytes) -> Self {
        if there == *ours {
            Self::Ours
        } else {
            Self::Theirs(there)
        }
    }
}

impl Objects {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self {
            store,
            prefix: Path::from(prefix),
        }
    }

    fn path(&self, below: &str) -> Path {
        // A name that a listing gave is taken as it is: other programs' names may look escaped.
        if let Ok(path) = Path::parse(format!("{}/{below}", self.prefix)) {
            return path;
        }
        below
            .split('/')
            .fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// Every object, in no order.
    pub(crate) async fn list(&self) -> Result<Vec<Object>, Error> {
        self.list_in(&self.prefix).await
    }

    /// Every object in a folder below the prefix.
    pub(crate) async fn list_below(&self, folder: &str) -> Result<Vec<Object>, Error> {
        self.list_in(&self.path(folder)).await
    }

    async fn list_in(&self, folder: &Path) -> Result<Vec<Object>, Error> {
        let metas: Vec<_> = self.store.list(Some(folder)).try_collect().await?;
        Ok(self.objects(&metas).collect())
    }

    fn objects(&self, metas: &[ObjectMeta]) -> impl Iterator<Item = Object> {
        let below = |path: &Path| {
            path.prefix_match(&self.prefix).map(|parts| {
                parts
                    .map(|part| part.as_ref().to_owned())
                    .collect::<Vec<_>>()
                    .join("/")
            })
        };
        metas.iter().filter_map(move |meta| {
            Some(Object {
                path: below(&meta.location)?,
                size: meta.size,
                modified: meta.last_modified.timestamp(),
            })
        })
    }

    /// What a reader needs to know of: the objects directly below the prefix, which are the sealed segments, and the
    /// batches of those segments that are not among them. What is left of the tails of sealed segments, however much
    /// that is, is not looked at.
    ///
    /// Sealed segments come first: one that is sealed meanwhile still has its batches for the grace. Tails come from the
    /// last to the first, so that what is seen of them is a beginning of the chain.
    pub(crate) async fn list_to_read(&self) -> Result<Vec<Object>, Error> {
        let top = self.store.list_with_delimiter(Some(&self.prefix)).await?;
        let mut found: Vec<Object> = self.objects(&top.objects).collect();
        let mut sealed: Vec<u32> = found
            .iter()
            .filter_map(|object| Some(SegmentName::parse(&object.path)?.number))
            .collect();
        sealed.sort_unstable();
        sealed.dedup();
        let in_a_row = (0..)
            .zip(sealed)
            .take_while(|(next, number)| next == number);
        let first = in_a_row.count();
        let tails = self.path(crate::layout::TAIL);
        let tails = self.store.list_with_delimiter(Some(&tails)).await?;
        let mut open: Vec<(u32, &Path)> = tails
            .common_prefixes
            .iter()
            .filter_map(|tail| Some((tail.filename()?.parse().ok()?, tail)))
            .filter(|(number, _)| *number as usize >= first)
            .collect();
        open.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
        for (_, tail) in open {
            let batches: Vec<_> = self.store.list(Some(tail)).try_collect().await?;
            found.extend(self.objects(&batches));
        }
        found.extend(self.objects(&tails.objects));
        Ok(found)
    }

    /// Creates an object, never overwriting one. Tells our own lost answer from a conflict by
    /// reading back what is there.
    pub(crate) async fn create(&self, below: &str, bytes: Bytes) -> Result<Created, Error> {
        let options = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        let payload = PutPayload::from_bytes(bytes.clone());
        match self
            .store
            .put_opts(&self.path(below), payload, options)
            .await
        {
            Ok(_) => Ok(Created::Ours),
            Err(Error::AlreadyExists { .. }) => {
                let there = self.get(below).await?;
                Ok(Created::by_echo(there, &bytes))
            }
            Err(error) => Err(error),
        }
    }

    /// Creates an object with the bytes of another, never overwriting one; `None` if the store cannot
    /// do that by itself. The one that is copied must have `bytes`.
    pub(crate) async fn copy(
        &self,
        from: &str,
        to: &str,
        bytes: &Bytes,
    ) -> Result<Option<Created>, Error> {
        let (from, path) = (self.path(from), self.path(to));
        match self.store.copy_if_not_exists(&from, &path).await {
            Ok(()) => Ok(Some(Created::Ours)),
            Err(Error::AlreadyExists { .. }) => {
                Ok(Some(Created::by_echo(self.get(to).await?, bytes)))
            }
            Err(Error::NotSupported { .. } | Error::NotImplemented { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The whole object, unless it is longer than any that a log has: whoever put it there, it is not read
    /// into memory.
    pub(crate) async fn get(&self, below: &str) -> Result<Bytes, Error> {
        let found = self.store.get(&self.path(below)).await?;
        if found.meta.size > OBJECT_BYTES_MAX {
            let size = found.meta.size;
            return Err(Error::Generic {
                store: "log",
                source: format!("{below} has {size} bytes, more than any object of a log").into(),
            });
        }
        found.bytes().await
    }

    /// The whole object, however long.
    pub(crate) async fn get_any(&self, below: &str) -> Result<Bytes, Error> {
        self.store.get(&self.path(below)).await?.bytes().await
    }

    /// A part of an object; the range must lie in it.
    pub(crate) async fn get_range(&self, below: &str, range: Range<u64>) -> Result<Bytes, Error> {
        self.store.get_range(&self.path(below), range).await
    }

    /// The object, of which nothing is read yet.
    pub(crate) async fn open(&self, below: &str) -> Result<GetResult, Error> {
        self.store.get(&self.path(below)).await
    }

    /// Puts an object that may be replaced, which none of the log's is.
    pub(crate) async fn put(&self, below: &str, bytes: Bytes) -> Result<(), Error> {
        let payload = PutPayload::from_bytes(bytes);
        self.store.put(&self.path(below), payload).await.map(drop)
    }

    /// The same in parts.
    pub(crate) async fn put_multipart(
        &self,
        below: &str,
    ) -> Result<Box<dyn MultipartUpload>, Error> {
        self.store.put_multipart(&self.path(below)).await
    }

    /// Removes objects; one that is gone already is no error.
    pub(crate) async fn delete(&self, below: Vec<String>) -> Result<(), Error> {
        let paths: Vec<Path> = below.iter().map(|below| self.path(below)).collect();
        let mut deletions = self
            .store
            .delete_stream(futures::stream::iter(paths).map(Ok).boxed());
        while let Some(deleted) = deletions.next().await {
            match deleted {
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
