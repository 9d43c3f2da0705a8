//! Lines of the form `Key: value`, and white space and numbers as Go has them.
//!
//! A value here is what the original takes for it: its strings are bytes, and it trims all white
//! space of Unicode.

use std::sync::OnceLock;

use memchr::memchr;
use memchr::memmem::Finder;

/// A text that is looked for in every message. The search is prepared once; in texts as short as
/// most are, preparing it takes several times longer than searching.
#[derive(Debug)]
pub(crate) struct Needle {
    text: &'static [u8],
    finder: OnceLock<Finder<'static>>,
}

impl Needle {
    /// The needle that is `text`.
    pub(crate) const fn new(text: &'static [u8]) -> Self {
        Self {
            text,
            finder: OnceLock::new(),
        }
    }

    /// The text itself.
    pub(crate) const fn text(&self) -> &'static [u8] {
        self.text
    }

    /// Where it is first in `text`.
    pub(crate) fn find(&self, text: &[u8]) -> Option<usize> {
        self.finder().find(text)
    }

    /// Whether it is anywhere in `text`.
    pub(crate) fn is_in(&self, text: &[u8]) -> bool {
        self.find(text).is_some()
    }

    fn finder(&self) -> &Finder<'static> {
        self.finder.get_or_init(|| Finder::new(self.text))
    }
}

/// The value of the first line that starts with `prefix`, and what comes after that line.
///
/// A line starts at the start of the text, after `\n` or after `\r`; its value ends with the next
/// `\n` and is trimmed. A value may be empty. `prefix` is taken as it is: case counts, and so does a
/// space at its end.
///
/// One oddity is the original's: where `prefix` stands twice in a row within a line, the second one
/// counts as the start of a line.
pub(crate) fn line_value<'a>(text: &'a [u8], prefix: &Needle) -> Option<(&'a [u8], &'a [u8])> {
    first_value(text, prefix.finder())
}

/// [`line_value`] with a prefix that is not known beforehand.
pub(crate) fn line_value_of<'a>(text: &'a [u8], prefix: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    first_value(text, &Finder::new(prefix))
}

/// The values of all lines that start with `prefix`, as repeated [`line_value`]s find them.
pub(crate) fn line_values<'a>(
    text: &'a [u8],
    prefix: &'static Needle,
) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (value, after) = line_value(rest, prefix)?;
        rest = after;
        Some(value)
    })
}

fn first_value<'a>(text: &'a [u8], prefix: &Finder<'_>) -> Option<(&'a [u8], &'a [u8])> {
    let length = prefix.needle().len();
    let mut passed = 0;
    while let Some(found) = prefix.find(&text[passed..]) {
        let at = passed + found;
        let end = at + length;
        if found == 0 || matches!(text[at - 1], b'\n' | b'\r') {
            let value = &text[end..];
            let (value, rest) = value.split_at(memchr(b'\n', value).map_or(value.len(), |n| n + 1));
            return Some((trim_space(value), rest));
        }
        passed = end;
    }
    None
}

/// `text` without the white space (of Unicode) around it; bytes that are not UTF-8 are none.
pub(crate) fn trim_space(mut text: &[u8]) -> &[u8] {
    loop {
        let space = match text {
            [b'\t'..=b'\r' | b' ', ..] => 1,
            [0xC2, 0x85 | 0xA0, ..] => 2,
            [0xE1, 0x9A, 0x80, ..]
            | [0xE2, 0x80, 0x80..=0x8A | 0xA8 | 0xA9 | 0xAF, ..]
            | [0xE2, 0x81, 0x9F, ..]
            | [0xE3, 0x80, 0x80, ..] => 3,
            _ => break,
        };
        text = &text[space..];
    }
    loop {
        let space = match text {
            [.., b'\t'..=b'\r' | b' '] => 1,
            [.., 0xC2, 0x85 | 0xA0] => 2,
            [.., 0xE1, 0x9A, 0x80]
            | [.., 0xE2, 0x80, 0x80..=0x8A | 0xA8 | 0xA9 | 0xAF]
            | [.., 0xE2, 0x81, 0x9F]
            | [.., 0xE3, 0x80, 0x80] => 3,
            _ => return text,
        };
        text = &text[..text.len() - space];
    }
}

/// A decimal number as Go's `strconv` reads it: an optional sign and digits, nothing else, in range.
pub(crate) fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    // Rust's integers are parsed by the very same rules.
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, prefix: &str, want: Option<(&str, &str)>) {
        let want = want.map(|(value, rest)| (value.as_bytes(), rest.as_bytes()));
        assert_eq!(line_value_of(text.as_bytes(), prefix.as_bytes()), want);
    }

    #[test]
    fn a_value_is_the_first_lines() {
        check("foo:  value ", "foo:", Some(("value", "")));
        check("foo:  value\n", "foo:", Some(("value", "")));
        check("foo:\n", "foo:", Some(("", "")));
        check("foo:", "foo:", Some(("", "")));
        check("bar:\n", "foo:", None);
        check("", "foo:", None);
        check("FOO: x", "foo:", None);
        check("bar: other\nfoo:  value\n", "foo:", Some(("value", "")));
        check("notfoo: other\nfoo:  value\n", "foo:", Some(("value", "")));
        check("a\rfoo: v\rw\nx", "foo:", Some(("v\rw", "x")));
        let labels = "Foo: bar\nLabel: Vote=+1\nLabel: Vote=+2\n";
        check(labels, "Label: ", Some(("Vote=+1", "Label: Vote=+2\n")));
        check("Label: Vote=+2\n", "Label: ", Some(("Vote=+2", "")));
    }

    #[test]
    fn the_second_of_two_in_a_row_counts() {
        check("xfoo:foo: v\nw", "foo:", Some(("v", "w")));
        check("xfoo: foo: v", "foo:", None);
        check("foo:foo: v", "foo:", Some(("foo: v", "")));
    }

    #[test]
    fn all_values_are_found_in_order() {
        static PREFIX: Needle = Needle::new(b"L: ");
        let text = b"L: a\nxL: b\nL: c\n\nL:d\nL: \nL: e";
        let values: Vec<&[u8]> = line_values(text, &PREFIX).collect();
        assert_eq!(values, [&b"a"[..], b"c", b"", b"e"]);
        assert_eq!(line_values(b"", &PREFIX).count(), 0);
    }

    #[test]
    fn white_space_is_unicodes() {
        for char in '\0'..=char::MAX {
            let text = format!("{char}x{char}");
            let want = if char.is_whitespace() { "x" } else { &text };
            assert_eq!(trim_space(text.as_bytes()), want.as_bytes(), "{char:?}");
        }
        assert_eq!(trim_space(b" \xA0\xE2\x80 "), b"\xA0\xE2\x80");
        assert_eq!(trim_space(b" \xC2\x85\x0b \n"), b"");
    }

    #[test]
    fn numbers_are_gos() {
        assert_eq!(number::<i8>(b"+1"), Some(1));
        assert_eq!(number::<i8>(b"-128"), Some(-128));
        assert_eq!(number::<i32>(b"007"), Some(7));
        for text in ["", "+", "-", "128", "1_0", "0x1", " 1", "1 ", "--1"] {
            assert_eq!(number::<i8>(text.as_bytes()), None, "{text}");
        }
    }
}
