//! Build output: bytes that are too many for the log, kept beside it in chunks while they come.
//!
//! An output is a prefix with the objects `<16 hex digits of the offset>`, each created once, where
//! the last one ends. What is there is durable and never changes; the log holds where it is, its
//! size and its digests, in a record that is appended only after the last chunk (spec/builds.md 6.1,
//! rule 4). Depends on the store; knows nothing of builds.

use crate::store::{Created, Objects};
use bytes::{Bytes, BytesMut};
use data_encoding::HEXLOWER;
use object_store::ObjectStore;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use std::ops::Range;
use std::sync::Arc;

/// The most bytes that one read gives.
pub const READ_BYTES_MAX: u64 = 8 << 20;

/// Why an output could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The store did not answer as it should.
    #[error("output {prefix}: cannot {what}")]
    Store {
        /// The output.
        prefix: String,
        /// What was tried.
        what: String,
        /// What the store said.
        source: object_store::Error,
    },
    /// Another has written where the next chunk belongs: the output is not ours.
    #[error("output {prefix}: there is another chunk at offset {offset:#x}")]
    Taken {
        /// The output.
        prefix: String,
        /// Where.
        offset: u64,
    },
}

/// What an output holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputDigest {
    /// Bytes.
    pub size: u64,
    /// Of the whole, lower-case hex.
    pub sha256: String,
    /// Of the whole, lower-case hex: the name by which original clients ask for it.
    pub sha1: String,
}

/// The outputs of a store. Clones are handles to the same.
#[derive(Clone, Debug)]
pub struct OutputStore {
    store: Arc<dyn ObjectStore>,
}

impl OutputStore {
    /// The outputs in this store.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Begins an output; nothing may be there yet.
    pub fn writer(&self, prefix: &str) -> OutputWriter {
        OutputWriter {
            objects: Objects::new(self.store.clone(), prefix),
            prefix: prefix.to_owned(),
            size: 0,
            sha256: Sha256::new(),
            sha1: Sha1::new(),
        }
    }

    /// Bytes that are durable so far; an output that was never begun has none.
    pub async fn size(&self, prefix: &str) -> Result<u64, OutputError> {
        let (_, chunks) = self.chunks(prefix).await?;
        Ok(chunks.last().map_or(0, |(offset, size)| offset + size))
    }

    /// The bytes of a range as far as they are there, and no more than [`READ_BYTES_MAX`] of them.
    pub async fn read(&self, prefix: &str, range: Range<u64>) -> Result<Bytes, OutputError> {
        let (objects, chunks) = self.chunks(prefix).await?;
        let end = range.end.min(range.start.saturating_add(READ_BYTES_MAX));
        let first = chunks.partition_point(|(offset, size)| offset + size <= range.start);
        let mut bytes = BytesMut::new();
        for &(offset, size) in chunks[first..]
            .iter()
            .take_while(|(offset, _)| *offset < end)
        {
            let part = range.start.saturating_sub(offset)..(end - offset).min(size);
            let object = chunk_name(offset);
            let chunk =
                objects
                    .get_range(&object, part)
                    .await
                    .map_err(|source| OutputError::Store {
                        prefix: prefix.to_owned(),
                        what: format!("read {object}"),
                        source,
                    })?;
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }

    /// Offset and size of every chunk, as far as they are joined.
    async fn chunks(&self, prefix: &str) -> Result<(Objects, Vec<(u64, u64)>), OutputError> {
        let objects = Objects::new(self.store.clone(), prefix);
        let listed = objects.list().await.map_err(|source| OutputError::Store {
            prefix: prefix.to_owned(),
            what: "list its chunks".to_owned(),
            source,
        })?;
        let mut found: Vec<(u64, u64)> = listed
            .iter()
            .filter_map(|object| {
                let offset = u64::from_str_radix(&object.path, 16).ok()?;
                (chunk_name(offset) == object.path).then_some((offset, object.size))
            })
            .collect();
        found.sort_unstable();
        let mut end = 0;
        let joined = found.iter().take_while(|(offset, size)| {
            let follows = *offset == end;
            end = offset + size;
            follows
        });
        Ok((objects, joined.copied().collect()))
    }
}

/// Writes one output, from its start.
pub struct OutputWriter {
    objects: Objects,
    prefix: String,
    size: u64,
    sha256: Sha256,
    sha1: Sha1,
}

impl OutputWriter {
    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a chunk; it is durable when this returns. After an error the same chunk may be tried
    /// again. No bytes are no chunk.
    pub async fn append(&mut self, chunk: Bytes) -> Result<(), OutputError> {
        if chunk.is_empty() {
            return Ok(());
        }
        let object = chunk_name(self.size);
        let created = self.objects.create(&object, chunk.clone()).await;
        let created = created.map_err(|source| OutputError::Store {
            prefix: self.prefix.clone(),
            what: format!("create {object}"),
            source,
        })?;
        match created {
            Created::Ours => {
                self.sha256.update(&chunk);
                self.sha1.update(&chunk);
                self.size += chunk.len() as u64;
                Ok(())
            }
            Created::Theirs(_) => Err(OutputError::Taken {
                prefix: self.prefix.clone(),
                offset: self.size,
            }),
        }
    }

    /// What the output is so far.
    pub fn digest(&self) -> OutputDigest {
        OutputDigest {
            size: self.size,
            sha256: HEXLOWER.encode(&self.sha256.clone().finalize()),
            sha1: HEXLOWER.encode(&self.sha1.clone().finalize()),
        }
    }
}

fn chunk_name(offset: u64) -> String {
    format!("{offset:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;

    fn outputs() -> OutputStore {
        OutputStore::new(Arc::new(InMemory::new()))
    }

    #[tokio::test]
    async fn chunks_read_back_as_one() {
        let outputs = outputs();
        assert_eq!(outputs.size("output/b/1").await.unwrap(), 0);
        let mut writer = outputs.writer("output/b/1");
        for chunk in ["hello ", "", "wide ", "world"] {
            writer
                .append(Bytes::from_static(chunk.as_bytes()))
                .await
                .unwrap();
        }
        assert_eq!(outputs.size("output/b/1").await.unwrap(), 16);
        for (range, expected) in [
            (0..16, "hello wide world"),
            (4..8, "o wi"),
            (6..11, "wide "),
            (11..99, "world"),
            (16..20, ""),
            (50..60, ""),
        ] {
            assert_eq!(
                outputs.read("output/b/1", range.clone()).await.unwrap(),
                expected,
                "{range:?}"
            );
        }
        let digest = writer.digest();
        assert_eq!(digest.size, 16);
        assert_eq!(
            digest.sha1,
            HEXLOWER.encode(&Sha1::digest("hello wide world"))
        );
        assert_eq!(
            digest.sha256,
            HEXLOWER.encode(&Sha256::digest("hello wide world"))
        );
    }

    #[tokio::test]
    async fn reads_are_bounded_and_end_at_a_gap() {
        let store = Arc::new(InMemory::new());
        let outputs = OutputStore::new(store.clone());
        let mut writer = outputs.writer("o");
        for _ in 0..3 {
            writer.append(vec![b'x'; 4 << 20].into()).await.unwrap();
        }
        assert_eq!(
            outputs.read("o", 0..u64::MAX).await.unwrap().len() as u64,
            READ_BYTES_MAX
        );
        assert_eq!(
            outputs.read("o", (5 << 20)..(6 << 20)).await.unwrap().len(),
            1 << 20
        );
        object_store::ObjectStoreExt::delete(&*store, &format!("o/{:016x}", 4 << 20).into())
            .await
            .unwrap();
        assert_eq!(outputs.size("o").await.unwrap(), 4 << 20);
        assert_eq!(outputs.read("o", 0..u64::MAX).await.unwrap().len(), 4 << 20);
    }

    #[tokio::test]
    async fn two_writers_cannot_mix() {
        let outputs = outputs();
        let (mut first, mut second) = (outputs.writer("output/b/1"), outputs.writer("output/b/1"));
        first.append(Bytes::from_static(b"first")).await.unwrap();
        let refused = second.append(Bytes::from_static(b"second")).await;
        assert!(
            matches!(refused, Err(OutputError::Taken { offset: 0, .. })),
            "{refused:?}"
        );
        assert_eq!(outputs.read("output/b/1", 0..99).await.unwrap(), "first");
    }
}
