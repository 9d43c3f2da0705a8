//! A log's bytes as they are, without a look at them. Depends on [`Log`].

use anyhow::{Result, bail};
use futures::{StreamExt as _, stream};
use log_core::Position;
use log_core::frame::{FrameError, Frames, HEADER_BYTES_MAX};
use std::io::Write;
use std::ops::Range;

use super::super::records::Log;

/// Bytes that are read at a time, and so many pieces ahead.
const PIECE: u64 = 2 << 20;
const AHEAD: usize = 4;

/// Writes the bytes between two positions; on a log that is followed, also those that come.
pub(super) async fn copy(
    log: &mut Log,
    from: Option<Position>,
    end: Option<Position>,
    follow: bool,
    out: &mut impl Write,
) -> Result<()> {
    let mut at = from.unwrap_or_default();
    check_boundary(log, at).await?;
    if let Some(end) = end.filter(|end| *end < log.tail()) {
        check_boundary(log, end).await?;
    }
    loop {
        let to = end.map_or(log.tail(), |end| end.min(log.tail()));
        let pieces = pieces(&log.lengths(), at, to);
        let read = |(segment, range): (u32, Range<u64>)| {
            let log = &*log;
            async move {
                let want = range.end - range.start;
                let bytes = log.bytes(segment, range).await?;
                if bytes.len() as u64 != want {
                    bail!("segment {segment} has become shorter while it was read");
                }
                Ok(bytes)
            }
        };
        let mut read = stream::iter(pieces).map(read).buffered(AHEAD);
        while let Some(bytes) = read.next().await {
            out.write_all(&bytes?)?;
        }
        at = at.max(to);
        if !follow || end.is_some_and(|end| at >= end) {
            return Ok(());
        }
        out.flush()?;
        drop(read);
        log.look_again().await?;
    }
}

/// The parts of segments between two positions, in order.
fn pieces(lengths: &[u64], from: Position, to: Position) -> Vec<(u32, Range<u64>)> {
    let mut pieces = Vec::new();
    for (segment, &length) in (0..).zip(lengths) {
        let start = match segment.cmp(&from.segment) {
            std::cmp::Ordering::Less => continue,
            std::cmp::Ordering::Equal => from.offset,
            std::cmp::Ordering::Greater => 0,
        };
        let end = match segment.cmp(&to.segment) {
            std::cmp::Ordering::Less => length,
            std::cmp::Ordering::Equal => to.offset.min(length),
            std::cmp::Ordering::Greater => break,
        };
        let mut at = start;
        while at < end {
            let next = (at + PIECE).min(end);
            pieces.push((segment, at..next));
            at = next;
        }
    }
    pieces
}

/// Whether a record starts there, or nothing does because a segment or the log ends.
async fn check_boundary(log: &Log, at: Position) -> Result<()> {
    let length = log.lengths().get(at.segment as usize).copied();
    if at > log.tail() || length.is_some_and(|length| at.offset > length) {
        bail!("{at} is beyond the end, which is {}", log.tail());
    }
    if at.offset == 0 || Some(at.offset) == length {
        return Ok(());
    }
    let length = length.unwrap_or_default();
    let window = at.offset..length.min(at.offset + HEADER_BYTES_MAX as u64);
    let header = log.bytes(at.segment, window).await?;
    match Frames::new(&header, at.offset).next() {
        Some(Ok(_) | Err(FrameError::TornPayload { .. })) => Ok(()),
        _ => bail!("no record starts at {at}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(segment: u32, offset: u64) -> Position {
        Position { segment, offset }
    }

    #[test]
    fn pieces_cover_all_of_a_range_once() {
        let lengths = [10, PIECE + 1, 0, 5];
        assert_eq!(
            pieces(&lengths, Position::START, at(3, 5)),
            [(0, 0..10), (1, 0..PIECE), (1, PIECE..PIECE + 1), (3, 0..5)]
        );
        assert_eq!(
            pieces(&lengths, at(0, 4), at(1, 2)),
            [(0, 4..10), (1, 0..2)]
        );
        assert_eq!(pieces(&lengths, at(3, 5), at(3, 5)), []);
        assert_eq!(pieces(&lengths, at(4, 0), at(3, 5)), []);
    }
}
