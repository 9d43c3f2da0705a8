//! How many lines a change adds and deletes, as `git diff --numstat` counts them: with git's default algorithm
//! (Myers), and no counts for binary files. Attributes have no say: what a commit changes must not depend on where it
//! is read. Depends on [`crate::objects`] and gix's diff.

use gix::diff::blob::{Algorithm, Diff, InternedInput, Token, sources::byte_lines};
use gix::objs::Kind;

use crate::Error;
use crate::objects::Objects;
use crate::tree::EntryKind;
use crate::tree_diff::Side;

/// A larger file counts as binary, in bytes.
const FILE_BYTES_MAX: u64 = 50_000_000;
/// Bytes that are read for one commit; what lies beyond counts as binary. Two trees can name one huge file a hundred
/// thousand times.
const COMMIT_BYTES_MAX: u64 = 2_000_000_000;
/// Lines that are compared in order: for one file, and for all files of one commit. Comparing takes more than linear
/// time, a second for 300,000 lines that have nothing to do with each other. Lines of both sides count, without those
/// at the start and the end that are the same.
const FILE_LINES_MAX: usize = 1_000_000;
const COMMIT_LINES_MAX: usize = 4_000_000;
/// How far into a file git looks for a NUL, in bytes.
const BINARY_PROBE_BYTES: usize = 8000;

/// What a change does to the lines of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counts {
    Lines { added: i64, deleted: i64 },
    Binary,
}

/// Counts for the changes of one commit.
#[derive(Default)]
pub(crate) struct LineCounter {
    /// Bytes that were read so far.
    read: u64,
    /// Lines that were compared so far.
    compared: usize,
}

impl LineCounter {
    /// Counts for one file; `None` is no file. An object that is not in the repository is [`Error::Missing`].
    pub(crate) fn count(
        &mut self,
        objects: &mut Objects<'_>,
        old: Option<Side>,
        new: Option<Side>,
    ) -> Result<Counts, Error> {
        let Some(old_text) = self.text(objects, old)? else {
            return Ok(Counts::Binary);
        };
        // Only the mode changed.
        if old.map(|side| side.hash) == new.map(|side| side.hash) {
            return Ok(Counts::Lines {
                added: 0,
                deleted: 0,
            });
        }
        let Some(new_text) = self.text(objects, new)? else {
            return Ok(Counts::Binary);
        };
        Ok(self.compare(&old_text, &new_text))
    }

    /// What git compares: the file's bytes, the link's target, or a line with the submodule's commit. `None` if binary.
    fn text(
        &mut self,
        objects: &mut Objects<'_>,
        side: Option<Side>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(side) = side else {
            return Ok(Some(Vec::new()));
        };
        if side.kind == EntryKind::Submodule {
            return Ok(Some(
                format!("Subproject commit {}\n", side.hash).into_bytes(),
            ));
        }
        let size = objects.size(&side.hash, Kind::Blob)?;
        if size > FILE_BYTES_MAX || self.read + size > COMMIT_BYTES_MAX {
            return Ok(None);
        }
        self.read += size;
        let mut data = Vec::new();
        objects.read(&side.hash, Kind::Blob, &mut data)?;
        let probe = &data[..data.len().min(BINARY_PROBE_BYTES)];
        Ok((!probe.contains(&0)).then_some(data))
    }
    fn compare(&mut self, old: &[u8], new: &[u8]) -> Counts {
        if old.is_empty() || new.is_empty() {
            return Counts::Lines {
                added: lines(new),
                deleted: lines(old),
            };
        }
        let input = InternedInput::new(byte_lines(old), byte_lines(new));
        let (before, after) = trimmed(&input.before, &input.after);
        let differing = before.len() + after.len();
        if differing > FILE_LINES_MAX || self.compared + differing > COMMIT_LINES_MAX {
            return unordered(before, after, input.interner.num_tokens());
        }
        self.compared += differing;
        let diff = Diff::compute(Algorithm::Myers, &input);
        Counts::Lines {
            added: diff.count_additions().into(),
            deleted: diff.count_removals().into(),
        }
    }
}

/// Both without the lines that they begin and end with in common.
fn trimmed<'a>(mut before: &'a [Token], mut after: &'a [Token]) -> (&'a [Token], &'a [Token]) {
    let same = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    (before, after) = (&before[same..], &after[same..]);
    let same = before
        .iter()
        .rev()
        .zip(after.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    (&before[..before.len() - same], &after[..after.len() - same])
}

/// Lines that are on one side more often than on the other: a line that moved counts as neither added nor deleted.
fn unordered(before: &[Token], after: &[Token], tokens: u32) -> Counts {
    let mut surplus = vec![0_i64; tokens as usize];
    for token in after {
        surplus[token.0 as usize] += 1;
    }
    for token in before {
        surplus[token.0 as usize] -= 1;
    }
    let added = surplus.iter().filter(|surplus| **surplus > 0).sum();
    let deleted = -surplus.iter().filter(|surplus| **surplus < 0).sum::<i64>();
    Counts::Lines { added, deleted }
}

/// Lines of a text; the last one may lack its end.
fn lines(text: &[u8]) -> i64 {
    i64::try_from(byte_lines(text).count()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(counter: &mut LineCounter, old: &str, new: &str) -> (i64, i64) {
        match counter.compare(old.as_bytes(), new.as_bytes()) {
            Counts::Lines { added, deleted } => (added, deleted),
            Counts::Binary => panic!("text is binary"),
        }
    }

    #[test]
    fn without_room_lines_count_that_have_no_partner() {
        for (old, new, ordered, otherwise) in [
            ("a\nb\nc\n", "a\nx\nc\n", (1, 1), (1, 1)),
            ("a\nb\nc\n", "a\nc\n", (0, 1), (0, 1)),
            ("a\n", "a\nb\nb", (2, 0), (2, 0)),
            ("a\na\na\n", "a\n", (0, 2), (0, 2)),
            ("a\nb\n", "b\na\n", (1, 1), (0, 0)),
            ("a\nb\nc\nd\n", "d\nb\nc\na\n", (2, 2), (0, 0)),
        ] {
            assert_eq!(
                compared(&mut LineCounter::default(), old, new),
                ordered,
                "{old:?} {new:?}"
            );
            let mut full = LineCounter {
                read: 0,
                compared: COMMIT_LINES_MAX,
            };
            assert_eq!(compared(&mut full, old, new), otherwise, "{old:?} {new:?}");
        }
    }

    #[test]
    fn room_is_used_by_what_differs() {
        let mut counter = LineCounter::default();
        compared(&mut counter, "1\n2\n3\n4\n", "1\nx\ny\n3\n4\n");
        assert_eq!(counter.compared, 3);
        compared(&mut counter, "", "1\n2\n");
        assert_eq!(counter.compared, 3);
        compared(&mut counter, "1\n2\n3\n4\n", "1\n2\n2\n3\n4\n");
        assert_eq!(counter.compared, 4);
    }

    #[test]
    fn huge_files_are_not_compared_in_order() {
        let forwards: String = (0..FILE_LINES_MAX)
            .map(|number| format!("{number}\n"))
            .collect();
        let backwards: String = (0..FILE_LINES_MAX)
            .rev()
            .map(|number| format!("{number}\n"))
            .collect();
        assert_eq!(
            compared(&mut LineCounter::default(), &forwards, &backwards),
            (0, 0)
        );
    }
}
