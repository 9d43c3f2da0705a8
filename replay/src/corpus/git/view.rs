//! Reading commits: borrowed views of a snapshot. Depends on the corpus's table of commits.

use std::borrow::Cow;
use std::collections::HashSet;

use proto::GitHash;

use super::commit::{Content, FileRow, Part, PersonTime, Row};
use crate::corpus::Corpus;
use crate::time::Time;

/// A commit that is known in full.
#[derive(Clone, Copy)]
pub struct Commit<'a> {
    corpus: &'a Corpus,
    number: u32,
    row: &'a Row,
    content: &'a Content,
}

/// Who wrote or committed something, and when, where they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// `Name <email>`, as it was written.
    pub person: Cow<'a, str>,
    /// Seconds since 1970.
    pub unix_seconds: i64,
    /// How far their clock is ahead of UTC, in seconds.
    pub offset_seconds: i32,
}

/// How much of a file a commit changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStat<'a> {
    /// Its name, as `git diff-tree --numstat` prints it.
    pub name: &'a str,
    /// Lines.
    pub added: i64,
    /// Lines.
    pub deleted: i64,
    /// It is not a text, and its lines were not counted.
    pub binary: bool,
}

impl<'a> Commit<'a> {
    pub(in crate::corpus) fn new(corpus: &'a Corpus, number: u32) -> Option<Self> {
        let row = corpus.commits.get(number)?;
        Some(Self {
            corpus,
            number,
            row,
            content: row.content.as_ref()?,
        })
    }

    /// Its name.
    pub fn hash(&self) -> GitHash {
        self.row.hash
    }

    /// Its tree; `None` if the commit does not say.
    pub fn tree(&self) -> Option<GitHash> {
        self.content.tree
    }

    /// Its parents in order, whether or not they are known in full.
    pub fn parents(&self) -> impl ExactSizeIterator<Item = GitHash> + use<'a> {
        let (corpus, own) = (self.corpus, self.row.hash);
        // A parent's row is never taken away, so the commit's own name is never needed.
        self.content
            .parents
            .iter()
            .map(move |row| corpus.commits.get(*row).map_or(own, |row| row.hash))
    }

    /// Who wrote it; `None` if the commit does not say.
    pub fn author(&self) -> Option<Signature<'a>> {
        self.content.author.as_ref().map(|who| self.signature(who))
    }

    /// Who committed it; `None` if the commit does not say.
    pub fn committer(&self) -> Option<Signature<'a>> {
        self.content
            .committer
            .as_ref()
            .map(|who| self.signature(who))
    }

    /// The message; what is not UTF-8 in it is replaced.
    pub fn message(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.message_bytes())
    }

    /// The message as it was written, in [`Self::encoding`].
    pub fn message_bytes(&self) -> &'a [u8] {
        self.part(&(self.content.message..u32::MAX))
    }

    /// The encoding that the commit names for its texts; git's own, UTF-8, if `None`.
    pub fn encoding(&self) -> Option<&'a [u8]> {
        self.content.encoding.as_ref().map(|part| self.part(part))
    }

    /// The message's first line, trimmed.
    pub fn subject(&self) -> Cow<'a, str> {
        let message = self.message_bytes();
        let line = message
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        String::from_utf8_lossy(line.trim_ascii())
    }

    /// The difference to the only parent, by file name; empty for roots and merges.
    pub fn files(&self) -> impl ExactSizeIterator<Item = FileStat<'a>> + use<'a> {
        self.content.files.iter().map(
            |FileRow {
                 name,
                 added,
                 deleted,
                 binary,
             }| FileStat {
                name,
                added: *added,
                deleted: *deleted,
                binary: *binary,
            },
        )
    }

    fn signature(&self, who: &PersonTime) -> Signature<'a> {
        Signature {
            person: String::from_utf8_lossy(self.part(&who.person)),
            unix_seconds: who.unix_seconds,
            offset_seconds: who.offset_seconds,
        }
    }

    fn part(&self, part: &Part) -> &'a [u8] {
        let raw = &self.content.raw;
        let end = raw.len().min(part.end as usize);
        raw.get(part.start as usize..end).unwrap_or_default()
    }
}

impl std::fmt::Debug for Commit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Commit({} {:?})", self.hash(), self.subject())
    }
}

impl Signature<'_> {
    /// What is before the address, trimmed; all of it if there is no address.
    pub fn name(&self) -> &str {
        self.person
            .split_once('<')
            .map_or(&*self.person, |(name, _)| name.trim())
    }

    /// What is between the first `<` and the first `>`; empty if there is none.
    pub fn email(&self) -> &str {
        let parts = self
            .person
            .split_once('<')
            .and_then(|(_, rest)| rest.split_once('>'));
        parts.map_or("", |(email, _)| email)
    }

    /// When it was.
    pub fn time(&self) -> Time {
        Time::from_unix_seconds(self.unix_seconds)
    }
}

/// A commit and its first parents, newest first: see [`Corpus::first_parents`].
#[derive(Clone)]
pub struct FirstParents<'a> {
    corpus: &'a Corpus,
    next: Option<u32>,
    seen: HashSet<u32>,
}

impl<'a> FirstParents<'a> {
    pub(in crate::corpus) fn new(corpus: &'a Corpus, hash: GitHash) -> Self {
        Self {
            corpus,
            next: corpus.by_hash.get(&hash).copied(),
            seen: HashSet::new(),
        }
    }
}

impl<'a> Iterator for FirstParents<'a> {
    type Item = Commit<'a>;

    fn next(&mut self) -> Option<Commit<'a>> {
        let commit = Commit::new(self.corpus, self.next.take()?)?;
        if !self.seen.insert(commit.number) {
            return None;
        }
        self.next = commit.content.parents.first().copied();
        Some(commit)
    }
}
