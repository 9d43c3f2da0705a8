//! A local store that notes which batches it is given, and changes nothing. Depends on `object_store`.

use async_trait::async_trait;
use futures::stream::BoxStream;
use log_core::LocalStore;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The store.
#[derive(Debug)]
pub(super) struct Noting {
    inner: LocalStore,
    batches: Batches,
}

/// The batches that were put so far. Clones are handles to the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Batches(Arc<Mutex<Vec<Batch>>>);

/// One batch, as the store got it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    pub(super) bytes: usize,
    /// What the store took for it.
    pub(super) took: Duration,
}

impl Noting {
    pub(super) fn new(inner: LocalStore) -> Self {
        Self {
            inner,
            batches: Batches::default(),
        }
    }

    pub(super) fn batches(&self) -> Batches {
        self.batches.clone()
    }
}

impl Batches {
    fn lock(&self) -> MutexGuard<'_, Vec<Batch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Those from number `first` on.
    pub(super) fn since(&self, first: usize) -> Vec<Batch> {
        self.lock().iter().skip(first).copied().collect()
    }
}

impl fmt::Display for Noting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Noting {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let bytes = payload.content_length();
        // Markers of closed segments are empty, and sealed segments are not in a tail.
        let batch = bytes > 0 && location.parts().any(|part| part.as_ref() == "tail");
        let began = Instant::now();
        let put = self.inner.put_opts(location, payload, opts).await?;
        if batch {
            let took = began.elapsed();
            self.batches.lock().push(Batch { bytes, took });
        }
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
