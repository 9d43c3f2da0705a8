//! What of an output says most about a failure: the first line that looks like one, with what is
//! around it, and the end.

use super::lines::{Line, lines, mark};

/// Lines before and after the first failure.
const BEFORE: usize = 2;
const AFTER: usize = 9;

/// Lines at the end.
const TAIL: usize = 20;

/// A line that begins so is taken for a failure.
const BEGINNINGS: [&str; 15] = [
    "--- FAIL",
    "FAIL:",
    "FAIL ",
    "FAILED",
    "FAILURE",
    "error:",
    "error[",
    "Error:",
    "ERROR",
    "fatal:",
    "panic:",
    "not ok ",
    "Traceback (most recent call last)",
    "make: ***",
    "✗",
];

/// One that has this in it is too.
const PARTS: [&str; 9] = [
    " panicked at ",
    ": error:",
    ": fatal error:",
    "... FAILED",
    "AssertionError",
    "Assertion failed",
    "undefined reference to",
    "command not found",
    "No space left on device",
];

/// Parts of an output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Excerpt {
    /// Around the first failure; empty if no line looks like one, or if the end shows it anyway.
    pub(crate) failure: Vec<Line>,
    /// Which of all lines shown is the first failure.
    pub(crate) failing_offset: Option<u64>,
    /// The end.
    pub(crate) tail: Vec<Line>,
}

/// The excerpt of the last part of an output, which begins at the offset `start`. `is_failed` says
/// whether there is a failure to look for, `is_inside_line` whether the part begins inside a line.
pub(crate) fn excerpt(bytes: &[u8], start: u64, is_inside_line: bool, is_failed: bool) -> Excerpt {
    let mut lines = lines(bytes, start, None, is_inside_line);
    let tail_from = lines.len().saturating_sub(TAIL);
    let found = if is_failed {
        first_failure(&lines)
    } else {
        None
    };
    let failing_offset = found.map(|at| lines[at].offset);
    mark(&mut lines, failing_offset);
    let failure = match found {
        Some(at) if at < tail_from => {
            lines[at.saturating_sub(BEFORE)..tail_from.min(at + 1 + AFTER)].to_vec()
        }
        _ => Vec::new(),
    };
    Excerpt {
        failure,
        failing_offset,
        tail: lines[tail_from..].to_vec(),
    }
}

/// Which line is the first that looks like a failure.
pub(crate) fn first_failure(lines: &[Line]) -> Option<usize> {
    lines.iter().position(|line| is_failure(&line.text))
}

fn is_failure(line: &str) -> bool {
    let line = line.trim_start();
    BEGINNINGS
        .iter()
        .any(|beginning| line.starts_with(beginning))
        || PARTS.iter().any(|part| line.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("line {number}")).collect()
    }

    #[test]
    fn the_first_failure_and_the_end_are_shown() {
        let mut text = numbered(100);
        text[40] = "    --- FAIL: TestFoo (0.1s)".to_owned();
        text[60] = "FAIL".to_owned();
        let excerpt = excerpt(text.join("\n").as_bytes(), 1000, false, true);
        let shown: Vec<&str> = excerpt
            .failure
            .iter()
            .map(|line| line.text.as_str())
            .collect();
        assert_eq!(
            (shown[0], shown[2], shown[11]),
            ("line 38", "    --- FAIL: TestFoo (0.1s)", "line 49")
        );
        assert_eq!(shown.len(), 12);
        assert_eq!(excerpt.failing_offset, Some(excerpt.failure[2].offset));
        assert_eq!(excerpt.tail.len(), TAIL);
        assert_eq!(excerpt.tail[19].text, "line 99");
    }

    #[test]
    fn nothing_is_shown_twice() {
        let mut text = numbered(30);
        text[25] = "x.c:3: error: no".to_owned();
        let at_the_end = excerpt(text.join("\n").as_bytes(), 0, false, true);
        assert_eq!(at_the_end.failure, []);
        assert!(at_the_end.failing_offset.is_some());
        text.swap(25, 5);
        let before_it = excerpt(text.join("\n").as_bytes(), 0, false, true);
        assert_eq!(before_it.failure.last().unwrap().text, "line 9");
        assert_eq!(before_it.tail[0].text, "line 10");
        assert_eq!(
            excerpt(text.join("\n").as_bytes(), 0, false, false).failing_offset,
            None
        );
    }
}
