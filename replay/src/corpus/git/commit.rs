//! Folding commits in: what `git cat-file commit` prints, taken apart (spec/log-and-corpus.md 3.4).
//!
//! Nothing is copied: a row keeps the record's slice and says where in it the parts are.
//! Depends on the corpus's table of commits.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use proto::GitHash;
use proto::maintpb::{GitCommit, GitDiffTreeFile};

use crate::corpus::Corpus;

/// Why a commit was passed over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadCommit {
    /// Its name is not a hash.
    #[error("commit {sha1:?}: the name is not 40 hex digits")]
    Name {
        /// What the record calls it.
        sha1: String,
    },
    /// No empty line ends its header.
    #[error("commit {hash}: no empty line after the header")]
    NoMessage {
        /// Which.
        hash: GitHash,
    },
    /// It begins with the empty line.
    #[error("commit {hash}: no header")]
    NoHeader {
        /// Which.
        hash: GitHash,
    },
    /// A line of the header is not as git writes it.
    #[error("commit {hash}: bad {what} line")]
    Header {
        /// Which.
        hash: GitHash,
        /// The line's first word.
        what: &'static str,
    },
    /// There are as many commits as can be numbered, or bytes in this one.
    #[error("commit {hash}: no room")]
    Full {
        /// Which.
        hash: GitHash,
    },
}

/// A part of [`Content::raw`].
pub(super) type Part = Range<u32>;

/// A commit that is known by name at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(super) hash: GitHash,
    /// `None` in a placeholder.
    pub(super) content: Option<Content>,
}

/// What is known of a commit that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) raw: Bytes,
    pub(super) tree: Option<GitHash>,
    /// Row numbers.
    pub(super) parents: Box<[u32]>,
    pub(super) author: Option<PersonTime>,
    pub(super) committer: Option<PersonTime>,
    pub(super) encoding: Option<Part>,
    /// Where the message starts.
    pub(super) message: u32,
    /// By name.
    pub(super) files: Box<[FileRow]>,
}

/// Who did it, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PersonTime {
    /// `Name <email>`.
    pub(super) person: Part,
    pub(super) unix_seconds: i64,
    pub(super) offset_seconds: i32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileRow {
    pub(super) name: Arc<str>,
    pub(super) added: i64,
    pub(super) deleted: i64,
    pub(super) binary: bool,
}

/// The header's lines that matter, before parents have rows.
#[derive(Default)]
struct Header {
    tree: Option<GitHash>,
    parents: Vec<GitHash>,
    author: Option<PersonTime>,
    committer: Option<PersonTime>,
    encoding: Option<Part>,
    /// The first word of the first line that should say who it was, and does not.
    bad_person: Option<&'static str>,
}

impl Corpus {
    /// Stores a commit. One that is known already, in full or as a parent, is overwritten in place.
    pub(in crate::corpus) fn put_commit(&mut self, commit: &GitCommit) -> Result<(), BadCommit> {
        let Some(hash) = GitHash::from_hex(commit.sha1.as_bytes()) else {
            return Err(BadCommit::Name {
                sha1: excerpt(&commit.sha1),
            });
        };
        let raw = &commit.raw;
        if u32::try_from(raw.len()).is_err() {
            return Err(BadCommit::Full { hash });
        }
        let end = find(raw, b"\n\n").ok_or(BadCommit::NoMessage { hash })?;
        if end == 0 {
            return Err(BadCommit::NoHeader { hash });
        }
        let mut header = Header::default();
        let parsed =
            parse_header(raw, end, &mut header).map_err(|what| BadCommit::Header { hash, what });
        // The parents before a bad line are wanted all the same.
        let parents = self
            .rows_of(&header.parents)
            .ok_or(BadCommit::Full { hash })?;
        parsed?;
        let files = commit.diff_tree.as_ref().map_or(&[][..], |diff| &diff.file);
        let content = Content {
            raw: raw.clone(),
            tree: header.tree,
            parents,
            author: header.author,
            committer: header.committer,
            encoding: header.encoding,
            message: offset(end + 2),
            files: self.files_of(files),
        };
        let row = self.row_of(hash).ok_or(BadCommit::Full { hash })?;
        if let Some(row) = self.commits.get_mut(row)
            && row.content.replace(content).is_none()
        {
            self.placeholders -= 1;
        }
        // Whoever it was, the history goes on through it. (The original drops it, and all before it.)
        header
            .bad_person
            .map_or(Ok(()), |what| Err(BadCommit::Header { hash, what }))
    }

    /// The commit's row; a placeholder's if it is new. `None` if no row is left.
    fn row_of(&mut self, hash: GitHash) -> Option<u32> {
        if let Some(row) = self.by_hash.get(&hash) {
            return Some(*row);
        }
        let row = self.commits.push(Row {
            hash,
            content: None,
        })?;
        self.by_hash.insert(hash, row);
        self.placeholders += 1;
        Some(row)
    }

    fn rows_of(&mut self, hashes: &[GitHash]) -> Option<Box<[u32]>> {
        hashes.iter().map(|hash| self.row_of(*hash)).collect()
    }

    fn files_of(&mut self, files: &[GitDiffTreeFile]) -> Box<[FileRow]> {
        let mut rows: Vec<FileRow> = files
            .iter()
            .map(|file| FileRow {
                name: self.shared_name(&file.file),
                added: file.added,
                deleted: file.deleted,
                binary: file.binary,
            })
            .collect();
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        rows.into()
    }

    fn shared_name(&mut self, name: &str) -> Arc<str> {
        if let Some((name, ())) = self.file_names.get_key_value(name) {
            return Arc::clone(name);
        }
        let name: Arc<str> = name.into();
        self.file_names.insert(Arc::clone(&name), ());
        name
    }
}

/// Reads the lines of `raw` before `end`. At a bad line it gives the line's first word; what came
/// before it is in `header` then.
fn parse_header(raw: &Bytes, end: usize, header: &mut Header) -> Result<(), &'static str> {
    let mut start = 0;
    for line in raw[..end].split(|byte| *byte == b'\n') {
        let next = start + line.len() + 1;
        let value = |word: &[u8]| line.strip_prefix(word);
        if let Some(hash) = value(b"parent ") {
            header
                .parents
                .push(GitHash::from_hex(hash).ok_or("parent")?);
        } else if let Some(hash) = value(b"tree ") {
            header.tree = Some(GitHash::from_hex(hash).ok_or("tree")?);
        } else if let Some(text) = value(b"author ") {
            header.author = parse_person(text, next - 1 - text.len());
            header.bad_person = header
                .bad_person
                .or(header.author.is_none().then_some("author"));
        } else if let Some(text) = value(b"committer ") {
            header.committer = parse_person(text, next - 1 - text.len());
            header.bad_person = header
                .bad_person
                .or(header.committer.is_none().then_some("committer"));
        } else if let Some(text) = value(b"encoding ") {
            header.encoding = Some(offset(next - 1 - text.len())..offset(next - 1));
        }
        // Others (signatures and their continuations, other tools' lines) say nothing that is kept.
        start = next;
    }
    Ok(())
}

/// Takes `Name <email> 1488624439 +0900` apart; `at` is where the text starts in the commit.
fn parse_person(text: &[u8], at: usize) -> Option<PersonTime> {
    let at = at + (text.len() - text.trim_ascii_start().len());
    let text = text.trim_ascii();
    let (rest, zone) = split_last_field(text)?;
    let (person, seconds) = split_last_field(rest)?;
    Some(PersonTime {
        person: offset(at)..offset(at + person.len()),
        unix_seconds: std::str::from_utf8(seconds).ok()?.parse().ok()?,
        offset_seconds: parse_zone(zone)?,
    })
}

fn split_last_field(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = text.iter().rposition(|byte| *byte == b' ')?;
    Some((&text[..space], &text[space + 1..]))
}

/// Seconds east of UTC. Digits that are none count as nothing, as in the original.
fn parse_zone(zone: &[u8]) -> Option<i32> {
    let (sign, hours, minutes) = (zone.first()?, zone.get(1..3)?, zone.get(3..5)?);
    let number = |digits: &[u8]| match digits {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            i32::from(tens - b'0') * 10 + i32::from(ones - b'0')
        }
        _ => 0,
    };
    let seconds = number(hours) * 3600 + number(minutes) * 60;
    Some(if *sign == b'-' { -seconds } else { seconds })
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// An offset in a commit whose length is known to fit.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn excerpt(text: &str) -> String {
    text.chars().take(GitHash::HEX_LEN + 1).collect()
}

#[cfg(test)]
mod tests;
