//! What all kinds of source do with a segment's bytes: map its file, cut between two records, compare.
//!
//! Depends on `log-core` for the frames.

use std::fs::{self, File};
use std::path::Path;

use log_core::frame::{FrameError, Frames};
use log_core::segment::SegmentName;

use super::error::{SourceError, blocking};
use crate::segments::{Block, SegmentBytes, Segments};

/// The most bytes of a segment: a cell's offset has 32 bits.
pub(super) const SEGMENT_BYTES_MAX: u64 = u32::MAX as u64;

/// Batches and parts of growing files up to this size are read, longer ones are mapped: a mapping costs a system call and a
/// page, and there can be only so many.
pub(super) const READ_BYTES_MAX: u64 = 1 << 20;

/// A block of the bytes that start at `start`, or of as many of their records as have `bytes_max`, and at least one.
/// Frames are looked at only where a cut is needed.
pub(super) async fn cut(
    segment: u32,
    start: u64,
    bytes: SegmentBytes,
    bytes_max: u64,
) -> Result<Result<Block, FrameError>, SourceError> {
    let block = |bytes| Block {
        segment,
        start,
        bytes,
    };
    if bytes.len() as u64 <= bytes_max {
        return Ok(Ok(block(bytes)));
    }
    let (end, bytes, error) = blocking("looking for the end of a record", move || {
        let (end, error) = whole_records(&bytes, start, bytes_max);
        Ok((end, bytes, error))
    })
    .await?;
    match error {
        Some(error) if end == 0 => Ok(Err(error)),
        _ => Ok(Ok(block(bytes.part(0..end).unwrap_or_default()))),
    }
}

/// Whether a segment's bytes are those that `held` has of it, wherever it has some.
pub(super) async fn agrees(
    held: &Segments,
    segment: u32,
    bytes: &SegmentBytes,
) -> Result<bool, SourceError> {
    let (held, bytes) = (held.clone(), bytes.clone());
    blocking("comparing a segment", move || {
        Ok(held.agree_with(segment, &bytes))
    })
    .await
}

/// How many of the first bytes are whole records of which all but the first have at most `bytes_max`; and what
/// comes after them, if it is no record.
pub(super) fn whole_records(
    bytes: &[u8],
    start: u64,
    bytes_max: u64,
) -> (usize, Option<FrameError>) {
    let mut end = start;
    for frame in Frames::new(bytes, start) {
        match frame {
            Ok(frame) if frame.end - start > bytes_max && end > start => break,
            Ok(frame) => end = frame.end,
            Err(error) => return ((end - start) as usize, Some(error)),
        }
    }
    ((end - start) as usize, None)
}

/// Opens and maps the first `size` bytes of a segment's file. What is no plain file, such as a link, is not
/// mapped: `None`.
pub(super) fn map_file(path: &Path, size: u64) -> Result<Option<SegmentBytes>, SourceError> {
    let found = fs::symlink_metadata(path).map_err(SourceError::io("look at", path))?;
    if !found.is_file() {
        return Ok(None);
    }
    let file = File::open(path).map_err(SourceError::io("open", path))?;
    map_part(&file, path, 0, size).map(Some)
}

/// Maps a part of an open file.
pub(super) fn map_part(
    file: &File,
    path: &Path,
    offset: u64,
    len: u64,
) -> Result<SegmentBytes, SourceError> {
    let size = offset.saturating_add(len);
    let len = usize::try_from(len)
        .ok()
        .filter(|_| size <= SEGMENT_BYTES_MAX);
    let len = len.ok_or_else(|| SourceError::TooLong {
        file: path.display().to_string(),
        size,
        max: SEGMENT_BYTES_MAX,
    })?;
    SegmentBytes::map_part(file, offset, len).map_err(SourceError::io("map", path))
}

/// A part of a file that may still grow, read or mapped.
pub(super) fn growing_part(
    file: &File,
    path: &Path,
    offset: u64,
    len: u64,
) -> Result<SegmentBytes, SourceError> {
    use std::os::unix::fs::FileExt as _;
    if len > READ_BYTES_MAX || offset.saturating_add(len) > SEGMENT_BYTES_MAX {
        return map_part(file, path, offset, len);
    }
    let mut bytes = vec![0; len as usize];
    file.read_exact_at(&mut bytes, offset)
        .map_err(SourceError::io("read", path))?;
    Ok(SegmentBytes::from(bytes::Bytes::from(bytes)))
}

/// Says so if the bytes are not those of the name.
pub(super) fn check_digest(
    bytes: &[u8],
    name: SegmentName,
    path: &Path,
) -> Result<(), SourceError> {
    if SegmentName::of(name.number, bytes) == name {
        return Ok(());
    }
    Err(SourceError::Digest {
        segment: name.number,
        file: path.display().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use log_core::frame;

    #[test]
    fn cuts_are_between_records() {
        let mut bytes = Vec::new();
        let mut ends = vec![0];
        for len in [0, 5, 300, 1] {
            frame::encode(&mut bytes, 7 + ends[ends.len() - 1], &vec![b'x'; len]);
            ends.push(bytes.len() as u64);
        }
        for max in 0..bytes.len() as u64 + 5 {
            let (cut, error) = whole_records(&bytes, 7, max);
            let want = ends.iter().rfind(|end| **end <= max).copied().unwrap_or(0);
            assert_eq!((cut as u64, error), (want.max(ends[1]), None), "{max}");
        }
        let torn = &bytes[..bytes.len() - 1];
        let (cut, error) = whole_records(torn, 7, u64::MAX);
        assert_eq!(cut as u64, ends[3]);
        assert!(
            matches!(error, Some(FrameError::TornPayload { offset, .. }) if offset == 7 + ends[3])
        );
    }
}
