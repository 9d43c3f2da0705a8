//! An object store that misbehaves once, at a given operation. A test target of its own only
//! because that is where test modules lie; the others include it as `mod faulty`.
#![allow(dead_code, missing_docs, unreachable_pub)]

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An error, and nothing happened.
    FailBefore,
    /// An error, although it happened.
    FailAfter,
    /// The process is gone before the operation.
    Stop,
    /// The process is gone after the operation, before its answer.
    StopAfter,
}

#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    fault: Fault,
    at: u64,
    operations: AtomicU64,
    stopped: watch::Sender<bool>,
}

impl FaultyStore {
    pub fn new(inner: Arc<dyn ObjectStore>, fault: Fault, at: u64) -> Self {
        Self {
            inner,
            fault,
            at,
            operations: AtomicU64::new(0),
            stopped: watch::Sender::new(false),
        }
    }

    /// Whether the workload came as far as the fault.
    pub fn reached(&self) -> bool {
        self.operations.load(Ordering::SeqCst) > self.at
    }

    pub async fn stopped(&self) {
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }

    async fn stop<T>(&self) -> T {
        self.stopped.send_replace(true);
        std::future::pending().await
    }

    async fn with_fault<T>(&self, operation: impl Future<Output = Result<T>>) -> Result<T> {
        let hit = self.operations.fetch_add(1, Ordering::SeqCst) == self.at;
        if *self.stopped.borrow() {
            return std::future::pending().await;
        }
        match self.fault {
            _ if !hit => operation.await,
            Fault::FailBefore => Err(injected()),
            Fault::FailAfter => {
                let _ = operation.await;
                Err(injected())
            }
            Fault::Stop => self.stop().await,
            Fault::StopAfter => {
                let _ = operation.await;
                self.stop().await
            }
        }
    }
}

fn injected() -> Error {
    Error::Generic {
        store: "faulty",
        source: "injected".into(),
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultyStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.with_fault(self.inner.put_opts(location, payload, opts))
            .await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.with_fault(self.inner.get_opts(location, options))
            .await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let hit = self.operations.fetch_add(1, Ordering::SeqCst) == self.at;
        if *self.stopped.borrow() {
            return stream::pending().boxed();
        }
        match self.fault {
            _ if !hit => self.inner.list(prefix),
            Fault::FailBefore | Fault::FailAfter => stream::once(async { Err(injected()) }).boxed(),
            Fault::Stop | Fault::StopAfter => {
                self.stopped.send_replace(true);
                stream::pending().boxed()
            }
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// Bytes of an object, for tests that look beneath the log.
pub async fn object(store: &dyn ObjectStore, path: &str) -> Option<Bytes> {
    store
        .get_opts(&Path::from(path), GetOptions::default())
        .await
        .ok()?
        .bytes()
        .await
        .ok()
}
