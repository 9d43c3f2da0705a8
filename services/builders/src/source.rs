//! A configuration file as the caller hands it over, and places in it.

use std::fmt;

/// One TOML file: its text, and its path as errors shall name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Where the text came from, e.g. `env/builders/quick.toml`. Never opened here.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// A place in a configuration file, shown as `path:line:column`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's path, as the caller gave it.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path, self.line, self.column)
    }
}

/// Finds lines and columns of byte offsets in one file.
pub(crate) struct Lines<'a> {
    file: &'a SourceFile,
    /// The offset at which each line starts.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(file: &'a SourceFile) -> Self {
        let after_breaks = file.text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            file,
            starts: std::iter::once(0).chain(after_breaks).collect(),
        }
    }

    /// The place of a byte offset; one past the end is the end.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self
            .starts
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or(0);
        let before = self.file.text.get(start..).unwrap_or("");
        let before = before
            .char_indices()
            .map(|(at, letter)| (start + at, letter));
        let column = before
            .take_while(|(at, _)| *at < offset)
            // A byte order mark takes no room in an editor.
            .filter(|(at, letter)| !(*at == 0 && *letter == '\u{feff}'))
            .count();
        Place {
            path: self.file.path.clone(),
            line,
            column: column + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, offset: usize) -> (usize, usize) {
        let file = SourceFile {
            path: "x.toml".to_owned(),
            text: text.to_owned(),
        };
        let place = Lines::of(&file).place(offset);
        (place.line, place.column)
    }

    #[test]
    fn lines_and_columns_start_at_one_and_count_characters() {
        assert_eq!(place("", 0), (1, 1));
        assert_eq!(place("ab\ncd", 1), (1, 2));
        assert_eq!(place("ab\ncd", 3), (2, 1));
        assert_eq!(place("é = 1", 3), (1, 3));
        assert_eq!(place("a\r\nb", 3), (2, 1));
        assert_eq!(place("\u{feff}a = 1", 3), (1, 1));
    }

    #[test]
    fn an_offset_past_the_end_is_the_end() {
        assert_eq!(place("ab\n", 3), (2, 1));
        assert_eq!(place("ab", 99), (1, 3));
    }
}
