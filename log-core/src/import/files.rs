//! Original logs in folders: which files they are, and their records.
//!
//! Depends on the bulk writer for a disk log; a bucket's files are segments like any others.

use super::segments::io_error;
use super::{ImportError, Imported, Progress, SegmentSource, SourceSegment, finish};
use crate::bulk::BulkWriter;
use crate::error::ReadError;
use crate::frame::{FrameReadError, FrameReader};
use crate::position::Position;
use crate::reader::{Reader, Record};
use crate::segment::SegmentName;
use crate::stream::Stream;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tokio::fs::File;

/// Bytes between two reports of progress.
const REPORT_EVERY: u64 = 4 << 20;

/// The log that a folder holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirLayout {
    /// An original disk log: path and size of its `maintner-*.mutlog`, in lexical order.
    Disk(Vec<(PathBuf, u64)>),
    /// An original bucket, or a client's cache: its segments from 0.
    Bucket(Vec<BucketFile>),
}

/// One segment's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketFile {
    /// Where.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// From 0.
    pub number: u32,
    /// What its name says; a client's growing segment does not say it.
    pub sha224: Option<[u8; 28]>,
    modified: SystemTime,
}

/// Finds out what log is in a folder; folders below it are not looked into (spec 1.2, 1.5.1).
///
/// Of several files of one segment the latest is meant, but one that names its digest always before
/// a growing one.
pub async fn layout_of(dir: &Path) -> Result<DirLayout, ImportError> {
    let mut disk = Vec::new();
    let mut bucket: BTreeMap<u32, BucketFile> = BTreeMap::new();
    let mut entries = tokio::fs::read_dir(dir)
        .await
        .map_err(|source| io_error(dir, source))?;
    while let Some(entry) = entries
        .next_entry()
        .await
        .map_err(|source| io_error(dir, source))?
    {
        let path = entry.path();
        let meta = tokio::fs::metadata(&path).await;
        let meta = meta.map_err(|source| io_error(&path, source))?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|_| meta.is_file()) else {
            continue;
        };
        if name.starts_with("maintner-") && name.ends_with(".mutlog") {
            disk.push((path, meta.len()));
        } else if let Some((number, sha224)) = parse(name) {
            let file = BucketFile {
                size: meta.len(),
                number,
                sha224,
                modified: meta.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                path,
            };
            let rank = |file: &BucketFile| (file.sha224.is_some(), file.modified, file.size);
            match bucket.get(&number) {
                Some(other) if rank(other) >= rank(&file) => {}
                _ => drop(bucket.insert(number, file)),
            }
        }
    }
    disk.sort();
    let missing = (0..).zip(bucket.keys()).find(|&(want, &have)| want != have);
    let path = dir.to_owned();
    match (disk.is_empty(), missing) {
        (true, _) if bucket.is_empty() => Err(ImportError::NoLog { path }),
        (false, _) if !bucket.is_empty() => Err(ImportError::TwoLogs { path }),
        (false, _) => Ok(DirLayout::Disk(disk)),
        (true, None) => Ok(DirLayout::Bucket(bucket.into_values().collect())),
        (true, Some((missing, _))) => Err(ImportError::Gap {
            origin: path.display().to_string(),
            missing,
        }),
    }
}

/// Number and digest of `NNNN.<sha224>.mutlog`, or the number of `NNNN.growing.mutlog`.
fn parse(name: &str) -> Option<(u32, Option<[u8; 28]>)> {
    if let Some(name) = SegmentName::parse(name) {
        return Some((name.number, Some(name.sha224)));
    }
    let number = name.strip_suffix(".growing.mutlog")?;
    let parsed = number.parse().ok()?;
    (format!("{parsed:04}") == number).then_some((parsed, None))
}

/// The files of a bucket's folder, as segments.
#[derive(Debug)]
pub(super) struct BucketSegments {
    files: std::vec::IntoIter<BucketFile>,
    total: u64,
}

impl BucketSegments {
    pub(super) fn new(files: Vec<BucketFile>) -> Self {
        let total = files.iter().map(|file| file.size).sum();
        let files = files.into_iter();
        Self { files, total }
    }
}

#[async_trait]
impl SegmentSource for BucketSegments {
    fn total(&self) -> u64 {
        self.total
    }

    async fn next(&mut self) -> Result<Option<SourceSegment>, ImportError> {
        let Some(file) = self.files.next() else {
            return Ok(None);
        };
        let body = File::open(&file.path).await;
        let body = body.map_err(|source| io_error(&file.path, source))?;
        Ok(Some(SourceSegment {
            number: file.number,
            origin: file.path.display().to_string(),
            sha224: file.sha224,
            // A name does not say whether the original goes on in its last segment.
            complete: self.files.len() > 0,
            body: Box::new(body),
        }))
    }
}

/// Imports a disk log: its records, framed anew.
pub(super) async fn import(
    files: Vec<(PathBuf, u64)>,
    stream: &Stream,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Imported, ImportError> {
    let writer = BulkWriter::open(stream.clone()).await?;
    let mut copy = Copy {
        there: There::new(stream),
        writer,
        imported: Imported::default(),
    };
    let total = files.iter().map(|(_, size)| size).sum();
    let mut report = |done| progress(Progress { done, total });
    let result = copy.take_all(&files, &mut report).await;
    finish(copy.writer, copy.imported, result).await
}

struct Copy {
    there: There,
    writer: BulkWriter,
    imported: Imported,
}

impl Copy {
    async fn take_all(
        &mut self,
        files: &[(PathBuf, u64)],
        report: &mut (impl FnMut(u64) + Send),
    ) -> Result<(), ImportError> {
        for (path, _) in files {
            self.take(path, report).await?;
            report(self.imported.bytes);
        }
        let stream = self.writer.stream().name().to_owned();
        match self.there.next().await? {
            None => Ok(()),
            Some(more) => Err(ImportError::Longer {
                stream,
                at: more.at,
                end: self.writer.position(),
            }),
        }
    }

    async fn take(
        &mut self,
        path: &Path,
        report: &mut (impl FnMut(u64) + Send),
    ) -> Result<(), ImportError> {
        let file = File::open(path).await;
        let file = file.map_err(|source| io_error(path, source))?;
        let origin = || path.display().to_string();
        let mut frames = FrameReader::new(file, 0);
        let mut reported = self.imported.bytes;
        loop {
            let frame = match frames.next().await {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(()),
                Err(FrameReadError::Io { source, .. }) => return Err(io_error(path, source)),
                Err(FrameReadError::Frame { source }) => {
                    let origin = origin();
                    return Err(ImportError::Frame { origin, source });
                }
            };
            match self.there.next().await? {
                Some(record) if record.payload == frame.payload => {}
                Some(record) => {
                    return Err(ImportError::Differs {
                        stream: self.writer.stream().name().to_owned(),
                        at: record.at,
                        origin: origin(),
                        offset: frame.offset,
                    });
                }
                None => {
                    self.writer.push(&frame.payload).await?;
                    self.imported.records += 1;
                }
            }
            self.imported.bytes += frame.framed.len() as u64;
            if self.imported.bytes - reported >= REPORT_EVERY {
                reported = self.imported.bytes;
                report(reported);
            }
        }
    }
}

/// The records that the stream had before the import.
struct There {
    reader: Reader,
    end: Position,
    records: std::vec::IntoIter<Record>,
}

impl There {
    fn new(stream: &Stream) -> Self {
        Self {
            reader: stream.reader(Position::START),
            end: stream.tail(),
            records: Vec::new().into_iter(),
        }
    }

    async fn next(&mut self) -> Result<Option<Record>, ReadError> {
        loop {
            if let Some(record) = self.records.next() {
                return Ok(Some(record));
            }
            if self.reader.position() >= self.end {
                return Ok(None);
            }
            let records = self.reader.next_batch().await?;
            if records.is_empty() {
                return Ok(None);
            }
            self.records = records.into_iter();
        }
    }
}
