//! A window of whole lines of an output: found and read with a bounded number of bounded reads,
//! wherever it is and however long the output.
//!
//! Lines have numbers as long as counting them costs little, that is when the window begins within
//! the first [`NUMBERED_BYTES_MAX`]; beyond that a line's name is its offset.

use bytes::Bytes;

use super::Output;
use crate::refusal::Refusal;

/// A window is never longer.
const WINDOW_BYTES_MAX: u64 = 1 << 20;

/// A window that is found by its end is never longer.
const BACK_BYTES_MAX: u64 = 256 << 10;

/// Lines are counted, and looked for by number, so far into an output.
pub(crate) const NUMBERED_BYTES_MAX: u64 = 8 << 20;

/// How much is read at a time to count lines.
const COUNT_BYTES: u64 = 2 << 20;

/// Which window is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// From the line with this number, from 1.
    Line(u64),
    /// From this byte on.
    Offset(u64),
    /// Up to this byte.
    Before(u64),
    /// The end.
    End,
}

/// A part of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Where it begins, in bytes.
    pub(crate) start: u64,
    /// It begins inside a line.
    pub(crate) is_inside_line: bool,
    /// The number of its first line, if the lines are counted there.
    pub(crate) first_line: Option<u64>,
    /// The line that was asked for is not there, or too far away to be found by its number.
    pub(crate) missed: Option<Missed>,
    /// What is in it.
    pub(crate) bytes: Bytes,
}

/// Why a window is not where it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missed {
    /// There are only so many lines.
    Lines(u64),
    /// Lines have no numbers there.
    Unnumbered,
}

impl Window {
    /// Where it ends, in bytes.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

/// Finds and reads the window of at most so many lines at a place.
pub(crate) async fn window(
    output: &Output,
    place: Place,
    lines_max: usize,
) -> Result<Window, Refusal> {
    let mut window = match place {
        Place::Offset(offset) => forward(output, offset, lines_max).await?,
        Place::Before(offset) => backward(output, offset, lines_max).await?,
        Place::End => backward(output, output.size(), lines_max).await?,
        Place::Line(line) => return from_line(output, line, lines_max).await,
    };
    if window.start <= NUMBERED_BYTES_MAX {
        let breaks = count_breaks(output, window.start).await?;
        window.first_line = Some(breaks + 1);
    }
    Ok(window)
}

async fn from_line(output: &Output, line: u64, lines_max: usize) -> Result<Window, Refusal> {
    let line = line.max(1);
    let end = output.size().min(NUMBERED_BYTES_MAX);
    let (mut at, mut found) = (0, 1);
    while found < line && at < end {
        let bytes = output.read(at..end.min(at + COUNT_BYTES)).await?;
        if bytes.is_empty() {
            break;
        }
        let mut breaks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let wanted = usize::try_from(line - found - 1).unwrap_or(usize::MAX);
        if let Some((index, _)) = breaks.nth(wanted) {
            at += index as u64 + 1;
            found = line;
        } else {
            found += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            at += bytes.len() as u64;
        }
    }
    if found == line && (at < output.size() || line == 1) {
        let window = forward(output, at, lines_max).await?;
        return Ok(Window {
            first_line: Some(line),
            ..window
        });
    }
    let (place, missed) = if at < output.size() {
        (Place::Offset(at), Missed::Unnumbered)
    } else {
        // A break at the very end begins no line.
        let is_closed = at == 0 || output.read(at - 1..at).await?.ends_with(b"\n");
        (Place::End, Missed::Lines(found - u64::from(is_closed)))
    };
    let window = Box::pin(window(output, place, lines_max)).await?;
    Ok(Window {
        missed: Some(missed),
        ..window
    })
}

/// From an offset on.
async fn forward(output: &Output, offset: u64, lines_max: usize) -> Result<Window, Refusal> {
    let start = offset.min(output.size());
    // With the byte before, which tells whether a line begins here.
    let margin = u64::from(start > 0);
    let bytes = output
        .read(start - margin..start.saturating_add(WINDOW_BYTES_MAX))
        .await?;
    let is_inside_line = margin == 1 && bytes.first().is_some_and(|byte| *byte != b'\n');
    let bytes = bytes.slice(bytes.len().min(usize::from(margin == 1))..);
    let mut breaks = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(index, _)| index);
    let end = match breaks.nth(lines_max.saturating_sub(1)) {
        Some(index) => index + 1,
        None if start + bytes.len() as u64 >= output.size() => bytes.len(),
        // A line that is longer than a window is cut.
        None => bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(bytes.len(), |index| index + 1),
    };
    Ok(Window {
        start,
        is_inside_line,
        first_line: None,
        missed: None,
        bytes: bytes.slice(..end),
    })
}

/// Up to an offset.
async fn backward(output: &Output, offset: u64, lines_max: usize) -> Result<Window, Refusal> {
    let end = offset.min(output.size());
    let low = end.saturating_sub(BACK_BYTES_MAX);
    let bytes = output.read(low..end).await?;
    // The break at the end is the last line's own.
    let body = bytes.len() - usize::from(bytes.ends_with(b"\n"));
    let mut breaks = bytes[..body]
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(index, _)| index);
    let from = match breaks.nth_back(lines_max.saturating_sub(1)) {
        Some(index) => index + 1,
        None if low == 0 => 0,
        None => bytes[..body]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(0, |index| index + 1),
    };
    let start = low + from as u64;
    let is_inside_line = from == 0 && low > 0;
    Ok(Window {
        start,
        is_inside_line,
        first_line: None,
        missed: None,
        bytes: bytes.slice(from..),
    })
}

/// How many lines end before an offset.
async fn count_breaks(output: &Output, end: u64) -> Result<u64, Refusal> {
    let (mut at, mut breaks) = (0, 0);
    while at < end {
        let bytes = output.read(at..end.min(at + COUNT_BYTES)).await?;
        if bytes.is_empty() {
            break;
        }
        breaks += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        at += bytes.len() as u64;
    }
    Ok(breaks)
}

#[cfg(test)]
mod tests;
