//! Where a stream's bytes are, for those who map a log rather than read it record by record.
//!
//! Depends on the stream. A sealed segment of a stream in a folder is a file there, whose name and bytes never
//! change; so it can be mapped. A long batch is a file too, whose bytes never change either, but which may be joined with
//! others and removed at any time: who maps it keeps its bytes, and who comes too late finds them in the segment. Most short
//! ones are in journals; they are read.

use crate::error::ReadError;
use crate::layout::{Sealed, Segment, batch_path};
use crate::position::Position;
use crate::reader::load::load;
use crate::segment::SegmentName;
use crate::stream::{Place, Stream};
use bytes::Bytes;
use object_store::GetResultPayload;
use std::path::{Path, PathBuf};

/// What holds the bytes at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// A sealed segment's object.
    Sealed(Sealed),
    /// Batches of a tail, one behind the other, up to this offset: [`Stream::bytes`] reads them.
    Batches {
        /// Where the last of them ends.
        end: u64,
    },
    /// Nothing: a segment ends there that is complete. The next one's start is meant.
    NextSegment,
    /// Nothing: the log ends there.
    End,
    /// Nothing: the log ends before it, or the segment does.
    Beyond {
        /// Where the log ends.
        end: Position,
    },
}

/// A batch of a tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Batch {
    /// Where it starts.
    pub start: Position,
    /// Bytes.
    pub size: u64,
}

impl Batch {
    /// The object's name, from the stream's folder on. In a folder it is a file of this name, unless it is in a journal.
    pub fn object(&self) -> String {
        batch_path(self.start.segment, self.start.offset)
    }

    /// Where it ends in its segment.
    pub fn end(&self) -> u64 {
        self.start.offset + self.size
    }
}

impl Stream {
    /// What holds the bytes at `position`: of batches as many as have `bytes_max`, and at least one.
    pub fn part_at(&self, position: Position, bytes_max: u64) -> Part {
        match self.locate(position) {
            Place::Sealed(sealed) => Part::Sealed(sealed),
            Place::NextSegment => Part::NextSegment,
            Place::End => Part::End,
            Place::Beyond(end) => Part::Beyond { end },
            Place::Batch { offset, size } => {
                let first = offset + size;
                let most = position.offset.saturating_add(bytes_max);
                let layout = self.layout();
                let end = match layout.segments.get(position.segment as usize) {
                    Some(Segment::Tail(tail)) => {
                        let fit = tail.batches.partition_point(|(at, size)| at + size <= most);
                        let last = fit.checked_sub(1).and_then(|last| tail.batches.get(last));
                        last.map_or(first, |(at, size)| (at + size).max(first))
                    }
                    // Sealed since.
                    _ => first,
                };
                Part::Batches { end }
            }
        }
    }

    /// The batch that has the byte at `position`; `None` if something else has it, or nothing.
    pub fn batch_at(&self, position: Position) -> Option<Batch> {
        match self.locate(position) {
            Place::Batch { offset, size } => Some(Batch {
                start: Position { offset, ..position },
                size,
            }),
            _ => None,
        }
    }

    /// The segment's object and its bytes, if it is sealed.
    pub fn sealed(&self, number: u32) -> Option<Sealed> {
        match self.layout().segments.get(number as usize) {
            Some(Segment::Sealed(sealed)) => Some(*sealed),
            _ => None,
        }
    }

    /// A sealed segment's bytes, checked against its name; `None` if the segment has another object, or none, by
    /// now.
    pub async fn sealed_bytes(&self, name: SegmentName) -> Result<Option<Bytes>, ReadError> {
        let object = self.object_at(Position::start_of(name.number));
        match object.filter(|object| object.sealed.is_some_and(|sealed| sealed.name == name)) {
            Some(object) => load(self, object).await,
            None => Ok(None),
        }
    }

    /// The folder in which the sealed segments and long batches are files of their names, if the store is one of files.
    /// `None` too while there is no sealed segment to tell it by.
    pub async fn local_folder(&self) -> Result<Option<PathBuf>, ReadError> {
        if let Some(known) = self.folder().get() {
            return Ok(known.clone());
        }
        let first = self
            .layout()
            .segments
            .iter()
            .find_map(|segment| match segment {
                Segment::Sealed(sealed) => Some(sealed.name),
                Segment::Tail(_) => None,
            });
        let Some(name) = first.map(|name| name.to_string()) else {
            return Ok(None);
        };
        let found = self.objects().open(&name).await;
        let found = found.map_err(|source| ReadError::Store {
            stream: self.name().to_owned(),
            object: name.clone(),
            source,
        })?;
        let folder = match found.payload {
            GetResultPayload::File(_, path) => file_folder(&path, &name),
            GetResultPayload::Stream(_) => None,
        };
        Ok(self.folder().get_or_init(|| folder).clone())
    }
}

/// The folder of a file that has the object's name.
fn file_folder(path: &Path, name: &str) -> Option<PathBuf> {
    let same = path.file_name().is_some_and(|file| file == name);
    path.parent().filter(|_| same).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::LocalStore;
    use object_store::{ObjectStore, ObjectStoreExt as _, memory::InMemory};
    use std::sync::Arc;

    async fn with(store: Arc<dyn ObjectStore>) -> Stream {
        for (number, text) in [(0, "REC@0+1=a"), (1, "REC@0+0=")] {
            let name = SegmentName::of(number, text.as_bytes());
            let path = format!("s/{name}").into();
            store.put(&path, text.into()).await.unwrap();
        }
        for (offset, text) in [(0, "REC@0+1=a"), (9, "REC@9+1=b"), (18, "REC@12+0=")] {
            let path = format!("s/{}", batch_path(2, offset)).into();
            store.put(&path, text.into()).await.unwrap();
        }
        Stream::open(store, "s").await.unwrap()
    }

    #[tokio::test]
    async fn parts_are_whole_objects() {
        let stream = with(Arc::new(InMemory::new())).await;
        let at = |segment, offset| Position { segment, offset };
        let part = |segment, offset, max| stream.part_at(at(segment, offset), max);
        assert!(matches!(part(0, 0, 1), Part::Sealed(sealed) if sealed.size == 9));
        assert_eq!(part(0, 9, 1), Part::NextSegment);
        let ends = [
            (0, 0, 9),
            (0, 17, 9),
            (0, 18, 18),
            (9, 18, 27),
            (9, 1, 18),
            (0, u64::MAX, 27),
        ];
        for (offset, max, end) in ends {
            assert_eq!(
                part(2, offset, max),
                Part::Batches { end },
                "{offset} {max}"
            );
        }
        assert_eq!(part(2, 27, 1), Part::End);
        let batch = |segment, offset| {
            let batch = stream.batch_at(at(segment, offset));
            batch.map(|batch| (batch.object(), batch.start.offset, batch.size, batch.end()))
        };
        let second = ("tail/0002/0000000000000009".to_owned(), 9, 9, 18);
        assert_eq!(
            [batch(2, 9), batch(2, 17)],
            [Some(second.clone()), Some(second)]
        );
        assert_eq!([batch(0, 0), batch(2, 27), batch(3, 0)], [None, None, None]);
        let end = at(2, 27);
        for beyond in [at(2, 28), at(1, 9), at(3, 0)] {
            assert_eq!(stream.part_at(beyond, 1), Part::Beyond { end });
        }
        assert_eq!(stream.listed_end(), end);
    }

    #[tokio::test]
    async fn only_a_store_of_files_has_a_folder() {
        let memory = with(Arc::new(InMemory::new())).await;
        assert_eq!(memory.local_folder().await.unwrap(), None);
        let dir = tempfile::tempdir().unwrap();
        let stream = with(Arc::new(LocalStore::open(dir.path()).unwrap())).await;
        let folder = stream.local_folder().await.unwrap().unwrap();
        let name = stream.sealed(1).unwrap().name;
        assert_eq!(
            std::fs::read(folder.join(name.to_string())).unwrap(),
            b"REC@0+0="
        );
        let other = SegmentName {
            sha224: [0; 28],
            ..name
        };
        assert!(stream.sealed_bytes(other).await.unwrap().is_none());
        assert_eq!(
            stream.sealed_bytes(name).await.unwrap().unwrap(),
            "REC@0+0="
        );
    }
}
