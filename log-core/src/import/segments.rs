//! Copying segments whose boundaries are kept. Depends on the bulk writer.

use super::{ImportError, Imported, Progress, SegmentSource, SourceSegment, finish};
use crate::bulk::{BulkWriter, SEGMENT_TAKEN_MAX};
use crate::frame::{FrameReadError, FrameReader, Frames};
use crate::layout::Segment;
use crate::position::Position;
use crate::segment::sha224;
use crate::stream::Stream;
use bytes::Bytes;
use std::io;
use std::path::PathBuf;

pub(super) async fn import(
    mut source: impl SegmentSource,
    stream: &Stream,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Imported, ImportError> {
    let mut copy = Copy {
        writer: BulkWriter::open(stream.clone()).await?,
        imported: Imported::default(),
        next: 0,
    };
    let total = source.total();
    let result = loop {
        match source.next().await {
            Ok(Some(segment)) => {
                if let Err(error) = copy.take(segment).await {
                    break Err(error);
                }
            }
            Ok(None) => break copy.check_end(),
            Err(error) => break Err(error),
        }
        progress(Progress {
            done: copy.imported.bytes,
            total,
        });
    };
    finish(copy.writer, copy.imported, result).await
}

struct Copy {
    writer: BulkWriter,
    imported: Imported,
    /// The number that the source has next.
    next: u32,
}

impl Copy {
    async fn take(&mut self, segment: SourceSegment) -> Result<(), ImportError> {
        if segment.number != self.next {
            return Err(ImportError::Gap {
                origin: segment.origin,
                missing: self.next,
            });
        }
        self.next += 1;
        if self.holds_sealed(&segment) {
            return Ok(());
        }
        let (number, complete, origin) = (segment.number, segment.complete, segment.origin.clone());
        // It is another's number now, so that the one before it is complete.
        if number == self.writer.position().segment + 1 {
            self.writer.end_segment().await?;
        }
        let (bytes, fault) = read_segment(segment).await?;
        self.compare(number, &origin, &bytes, fault.is_some())
            .await?;
        let there = self.writer.position();
        if there.segment == number {
            let rest = &bytes[there.offset as usize..];
            self.imported.records += Frames::new(rest, there.offset).count() as u64;
            self.writer.extend_segment(rest)?;
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        if there.segment == number && complete {
            if bytes.is_empty() {
                self.writer.skip_segment().await?;
            } else {
                self.writer.end_segment().await?;
            }
        }
        self.imported.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Whether the stream has this very segment, by digest: then it needs no reading.
    fn holds_sealed(&mut self, segment: &SourceSegment) -> bool {
        let segments = self.writer.stream().layout();
        match segments.segments.get(segment.number as usize) {
            Some(Segment::Sealed(sealed)) if Some(sealed.name.sha224) == segment.sha224 => {
                self.imported.bytes += sealed.size;
                true
            }
            _ => false,
        }
    }

    /// What the stream has of the segment must be how it begins; all of it, if the stream goes on.
    async fn compare(
        &self,
        number: u32,
        origin: &str,
        bytes: &Bytes,
        cut: bool,
    ) -> Result<(), ImportError> {
        let end = self.writer.position();
        let stream = self.writer.stream();
        let (whole, length) = match stream.segments().get(number as usize) {
            _ if number == end.segment => (false, end.offset),
            Some(segment) if number < end.segment => (true, segment.len()),
            // The source's own gap is found before; ours cannot be.
            _ => (true, 0),
        };
        let there = stream.bytes(number, 0..length).await?;
        let same = there.iter().zip(bytes).take_while(|(a, b)| a == b).count();
        if same < there.len() || (whole && there.len() != bytes.len() && !cut) {
            return Err(ImportError::Differs {
                stream: stream.name().to_owned(),
                at: Position {
                    segment: number,
                    offset: same as u64,
                },
                origin: origin.to_owned(),
                offset: same as u64,
            });
        }
        Ok(())
    }

    /// The source is over: so must be the stream.
    fn check_end(&self) -> Result<(), ImportError> {
        let end = self.writer.position();
        if end <= Position::start_of(self.next) {
            return Ok(());
        }
        Err(ImportError::Longer {
            stream: self.writer.stream().name().to_owned(),
            at: Position::start_of(self.next),
            end,
        })
    }
}

/// The segment's bytes. Where no digest vouches for it, the sound records before a fault and the fault.
async fn read_segment(segment: SourceSegment) -> Result<(Bytes, Option<ImportError>), ImportError> {
    let origin = segment.origin;
    let mut reader = FrameReader::new(segment.body, 0);
    let mut bytes = Vec::new();
    let fault = loop {
        match reader.next().await {
            Ok(Some(frame)) if frame.end > SEGMENT_TAKEN_MAX => {
                let max = SEGMENT_TAKEN_MAX;
                return Err(ImportError::TooLarge { origin, max });
            }
            Ok(Some(frame)) => bytes.extend_from_slice(&frame.framed),
            Ok(None) => break None,
            Err(FrameReadError::Frame { source }) => {
                let origin = origin.clone();
                break Some(ImportError::Frame { origin, source });
            }
            Err(FrameReadError::Io { source, .. }) => return Err(io_error(origin, source)),
        }
    };
    let bytes = Bytes::from(bytes);
    match (segment.sha224, fault) {
        (Some(_), Some(fault)) => Err(fault),
        (None, fault) => Ok((bytes, fault)),
        (Some(want), None) => {
            let hashed = bytes.clone();
            let found = tokio::task::spawn_blocking(move || sha224(&hashed)).await;
            let found = found.map_err(|source| ImportError::Source {
                origin: origin.clone(),
                source: Box::new(source),
            })?;
            if found == want {
                Ok((bytes, None))
            } else {
                Err(ImportError::Digest { origin })
            }
        }
    }
}

pub(super) fn io_error(path: impl Into<PathBuf>, source: io::Error) -> ImportError {
    let path = path.into();
    ImportError::Io { path, source }
}
