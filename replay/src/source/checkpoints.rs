//! Checkpoints in a stream's own store, where every machine finds them.
//!
//! Depends on the stream. What is in them, and whether they are sound, is the business of who reads them.

use std::path::Path;

use bytes::Bytes;
use log_core::{CheckpointError, Stream};

use super::error::{SourceError, blocking};
use super::stream::{Access, StreamSource};
use super::{Kind, Source};
use crate::segments::SegmentBytes;

impl Source {
    /// Whether the log is a stream, which can keep checkpoints.
    pub fn keeps_checkpoints(&self) -> bool {
        matches!(self.kind, Kind::Stream(_))
    }

    /// Another handle to the same log, to look at what checkpoints it keeps; `None` if it keeps none.
    pub(crate) fn for_checkpoints(&self) -> Option<Self> {
        let (stream, place) = (self.stream().ok()?.clone(), self.place.clone());
        let kind = StreamSource::new(stream, place.clone(), Access::Direct, None, false);
        Some(Self {
            kind: Kind::Stream(kind),
            name: self.name.clone(),
            place,
            cache: self.cache.clone(),
            copies: self.copies,
        })
    }

    /// Name and size of each checkpoint that is kept with the log, by name.
    pub async fn list_checkpoints(&self) -> Result<Vec<(String, u64)>, SourceError> {
        let listed = self.stream()?.checkpoints().await;
        listed.map_err(|source| self.checkpoint_error(source))
    }

    /// A checkpoint's bytes: mapped if the store has files, or if there is a folder to copy it to.
    pub async fn read_checkpoint(&self, name: &str) -> Result<SegmentBytes, SourceError> {
        let stream = self.stream()?;
        let file = stream.checkpoint_file(name).await;
        if let Some((file, path)) = file.map_err(|source| self.checkpoint_error(source))? {
            return blocking("mapping", move || {
                let size = file
                    .metadata()
                    .map_err(SourceError::io("look at", &path))?
                    .len();
                SegmentBytes::map(&file, size as usize).map_err(SourceError::io("map", &path))
            })
            .await;
        }
        if !self.copies {
            let bytes = stream.checkpoint_bytes(name).await;
            return bytes
                .map(SegmentBytes::from)
                .map_err(|source| self.checkpoint_error(source));
        }
        let Some(folder) = self.make_cache_folder().await? else {
            let place = self.place.clone();
            return Err(SourceError::NoCache { place });
        };
        let made = move || {
            // Its name goes when it is mapped, and its bytes when it is let go.
            tempfile::NamedTempFile::new_in(&folder).map_err(SourceError::io("write to", &folder))
        };
        let file = blocking("making a file", made).await?;
        let copied = stream.copy_checkpoint(name, file.path()).await;
        copied.map_err(|source| self.checkpoint_error(source))?;
        blocking("mapping", move || {
            let (path, file) = (file.path(), file.as_file());
            let size = file
                .metadata()
                .map_err(SourceError::io("look at", path))?
                .len();
            SegmentBytes::map(file, size as usize).map_err(SourceError::io("map", path))
        })
        .await
    }

    /// Keeps a checkpoint with the log; one of the same name is replaced.
    pub async fn put_checkpoint(&self, name: &str, bytes: Bytes) -> Result<(), SourceError> {
        let put = self.stream()?.put_checkpoint(name, bytes).await;
        put.map_err(|source| self.checkpoint_error(source))
    }

    /// The same, from a file, of which only parts are held in memory.
    pub async fn put_checkpoint_file(&self, name: &str, path: &Path) -> Result<(), SourceError> {
        let put = self.stream()?.put_checkpoint_file(name, path).await;
        put.map_err(|source| self.checkpoint_error(source))
    }

    /// Removes a checkpoint; one that is gone already is no error.
    pub async fn remove_checkpoint(&self, name: &str) -> Result<(), SourceError> {
        let removed = self.stream()?.remove_checkpoint(name).await;
        removed.map_err(|source| self.checkpoint_error(source))
    }

    fn stream(&self) -> Result<&Stream, SourceError> {
        match &self.kind {
            Kind::Stream(source) => Ok(source.stream()),
            _ => Err(SourceError::NoCheckpoints {
                place: self.place.clone(),
            }),
        }
    }

    fn checkpoint_error(&self, source: CheckpointError) -> SourceError {
        SourceError::Checkpoint {
            place: self.place.clone(),
            source,
        }
    }
}
