//! Lines of output as they are shown: without escape sequences, without what a carriage return or a
//! backspace took back, nothing invisible in them, and none endless.

use crate::text::plain::Plain;
use crate::text::{cut, visible};

/// The longest line that is shown whole, in bytes.
pub(crate) const LINE_BYTES_MAX: usize = 8 << 10;

/// A line of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its place on the page: `L12`, or `B4096` where lines have no numbers.
    pub(crate) anchor: String,
    /// Before it: its number or its offset.
    pub(crate) label: String,
    /// Where it begins, in bytes.
    pub(crate) offset: u64,
    /// What it says.
    pub(crate) text: String,
    /// Bytes that are left out at its end.
    pub(crate) left_out: usize,
    /// It is the rest of a line that began before.
    pub(crate) is_continued: bool,
    /// It is the one to look at.
    pub(crate) is_marked: bool,
}

/// Marks the line that begins at an offset, if it is there.
pub(crate) fn mark(lines: &mut [Line], offset: Option<u64>) {
    for line in lines {
        line.is_marked = Some(line.offset) == offset;
    }
}

/// The lines of a part of an output. `start` is where it begins, in bytes; `first_line` the number of
/// its first line, if that is known; `is_inside_line` says that it begins inside of one.
pub(crate) fn lines(
    bytes: &[u8],
    start: u64,
    first_line: Option<u64>,
    is_inside_line: bool,
) -> Vec<Line> {
    let mut offset = start;
    let mut lines = Vec::new();
    for raw in bytes.split_inclusive(|byte| *byte == b'\n') {
        let is_first = lines.is_empty();
        let number = first_line.map(|first| first + lines.len() as u64);
        let (text, left_out) = shown(raw);
        lines.push(Line {
            anchor: number.map_or_else(|| format!("B{offset}"), |number| format!("L{number}")),
            label: number.map_or_else(|| format!("@{offset}"), |number| number.to_string()),
            offset,
            text,
            left_out,
            is_continued: is_first && is_inside_line,
            is_marked: false,
        });
        offset += raw.len() as u64;
    }
    lines
}

/// What a line says, and how many bytes are left out.
pub(crate) fn shown(raw: &[u8]) -> (String, usize) {
    let plain = Plain::line(raw.strip_suffix(b"\n").unwrap_or(raw));
    let last_written = overwritten(&plain);
    let text = String::from_utf8_lossy(last_written);
    let erased = erased(&text);
    let kept = cut(&erased, LINE_BYTES_MAX);
    (visible(kept).into_owned(), erased.len() - kept.len())
}

/// What is left when every carriage return has begun the line anew.
fn overwritten(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii_end();
    line.iter()
        .rposition(|byte| *byte == b'\r')
        .map_or(line, |at| &line[at + 1..])
}

/// What is left when every backspace has erased a letter.
fn erased(text: &str) -> String {
    let mut left = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter == '\u{8}' {
            left.pop();
        } else {
            left.push(letter);
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_numbers_or_offsets() {
        let found = lines(b"one\r\ntwo\n\nlast", 10, Some(7), false);
        let brief: Vec<_> = found
            .iter()
            .map(|line| (line.anchor.as_str(), line.offset, line.text.as_str()))
            .collect();
        assert_eq!(
            brief,
            [
                ("L7", 10, "one"),
                ("L8", 15, "two"),
                ("L9", 19, ""),
                ("L10", 20, "last")
            ]
        );
        let found = lines(b"rest\nnext\n", 10, None, true);
        let brief: Vec<_> = found
            .iter()
            .map(|line| (line.anchor.as_str(), line.label.as_str(), line.is_continued))
            .collect();
        assert_eq!(brief, [("B10", "@10", true), ("B15", "@15", false)]);
        assert_eq!(lines(b"", 0, Some(1), false), []);
    }

    #[test]
    fn what_was_taken_back_is_not_shown() {
        assert_eq!(shown(b"10%\r50%\r100%\r\n").0, "100%");
        assert_eq!(shown(b"abc\x08\x08d\x08\x08\x08\x08e").0, "e");
        assert_eq!(shown(b"\x1b[31mred\x1b[0m").0, "red");
    }

    #[test]
    fn what_is_hostile_is_tamed() {
        assert_eq!(
            shown(b"a\x00b\xff\xe2\x80\xaec").0,
            "a⟨U+0000⟩b\u{fffd}⟨U+202E⟩c"
        );
        let (text, left_out) = shown(&[b"x".repeat(LINE_BYTES_MAX), b"tail".to_vec()].concat());
        assert_eq!((text.len(), left_out), (LINE_BYTES_MAX, 4));
    }
}
