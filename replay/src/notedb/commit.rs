//! Raw commits, as `git cat-file commit` prints them: header lines, an empty line, the message.
//!
//! Nothing is copied or allocated, however many parents there are. A commit that cannot be taken apart
//! is told with the parents that it named before the bad line: the original has made placeholders of
//! them by then, and they stay.

use memchr::{memchr, memrchr};
use proto::GitHash;

use super::blocks::{between, line_end};
use super::line::{Needle, number, trim_space};

static HEADER_END: Needle = Needle::new(b"\n\n");

/// A commit taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParsedCommit<'a> {
    /// Its tree, in digits; the last one if it names several.
    tree: Option<&'a [u8]>,
    /// Its parents.
    pub(crate) parents: Parents<'a>,
    /// The first of them, so that it need not be read again.
    first_parent: Option<GitHash>,
    /// Who wrote it, by the last `author` line.
    pub(crate) author: Option<Signature<'a>>,
    /// Who committed it, by the last `committer` line.
    pub(crate) committer: Option<Signature<'a>>,
    /// The encoding that it names for its texts.
    pub(crate) encoding: Option<&'a [u8]>,
    /// The message, as it is.
    pub(crate) message: &'a [u8],
    /// Where the message starts.
    pub(crate) message_start: usize,
    /// The first line that should say who it was, and does not. Never with `original_semantics`.
    pub(crate) bad_person: Option<BadCommit>,
}

/// Who did something, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signature<'a> {
    /// `Name <email>`, as it is.
    pub(crate) person: &'a [u8],
    /// Seconds since 1970.
    pub(crate) unix_seconds: i64,
    /// What is written for the time zone, such as `+0530`.
    pub(crate) zone: &'a [u8],
    /// How far that is ahead of UTC, in seconds.
    pub(crate) offset_seconds: i32,
}

/// Which line is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// `author`.
    Author,
    /// `committer`.
    Committer,
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::Committer => "committer",
        }
    }
}

/// What a line that says who it was lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadSignature {
    /// The original drops the commit.
    #[error("there are no three parts")]
    Parts,
    /// The original drops the commit.
    #[error("the time is not a number of seconds")]
    Seconds,
    /// The original panics.
    #[error("the time zone has fewer than five characters")]
    Zone,
}

/// Why a raw commit cannot be taken apart, and from which byte of it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadCommit {
    /// The original panics.
    #[error("no empty line after the header")]
    NoMessage,
    /// The original drops it.
    #[error("no header")]
    NoHeader,
    /// The original panics.
    #[error("the parent at byte {at} is not 40 hex digits")]
    Parent {
        /// Where the line starts.
        at: usize,
    },
    /// The original panics.
    #[error("the tree at byte {at} is not 40 hex digits")]
    Tree {
        /// Where the line starts.
        at: usize,
    },
    /// See the source for what the original does.
    #[error("bad {} line at byte {at}", role.as_str())]
    Person {
        /// Which line.
        role: Role,
        /// Where the line starts.
        at: usize,
        /// What is wrong with it.
        source: BadSignature,
    },
}

/// A commit that was refused.
#[derive(Clone, Debug)]
pub(crate) struct Refused<'a> {
    /// The parents before the bad line, which are wanted all the same.
    pub(crate) parents: Parents<'a>,
    /// Why.
    pub(crate) reason: BadCommit,
}

/// Takes a raw commit apart.
///
/// A line that should say who it was and does not is a reason for the original to drop the commit, and
/// with it all history before. Without `original_semantics` such a commit is only without that person,
/// and the line is told in [`ParsedCommit::bad_person`].
pub(crate) fn parse_commit(
    raw: &[u8],
    original_semantics: bool,
) -> Result<ParsedCommit<'_>, Refused<'_>> {
    match parse_usual(raw) {
        Some(commit) => Ok(commit),
        None => parse_any(raw, original_semantics),
    }
}

/// The same for a commit that has the usual lines in git's order and no others, as nearly all have.
#[inline(always)]
pub(crate) fn parse_usual(raw: &[u8]) -> Option<ParsedCommit<'_>> {
    let (tree, length) = usual_name(raw, ParsedCommit::TREE)?;
    if !GitHash::is_hex(tree) {
        return None;
    }
    let mut at = length + 1;
    let (mut parents, mut first_parent) = (Parents::NONE, None);
    while let Some((name, length)) = usual_name(&raw[at..], Parents::WORD) {
        if parents.count == 0 {
            first_parent = Some(GitHash::from_hex(name)?);
        } else if !GitHash::is_hex(name) {
            return None;
        }
        parents.push(raw, at, length);
        at += length + 1;
    }
    let (author, length) = usual_person(&raw[at..], ParsedCommit::AUTHOR)?;
    at += length + 1;
    let (committer, length) = usual_person(&raw[at..], ParsedCommit::COMMITTER)?;
    at += length + 1;
    let (b'\n', message) = raw[at..].split_first()? else {
        return None;
    };
    Some(ParsedCommit {
        tree: Some(tree),
        parents,
        first_parent,
        author: Some(author),
        committer: Some(committer),
        encoding: None,
        message,
        message_start: at + 1,
        bad_person: None,
    })
}

/// The same for any commit.
#[cold]
pub(crate) fn parse_any(
    raw: &[u8],
    original_semantics: bool,
) -> Result<ParsedCommit<'_>, Refused<'_>> {
    let refused = |parents, reason| Err(Refused { parents, reason });
    if raw.starts_with(b"\n\n") {
        return refused(Parents::NONE, BadCommit::NoHeader);
    }
    let mut commit = ParsedCommit {
        tree: None,
        parents: Parents::NONE,
        first_parent: None,
        author: None,
        committer: None,
        encoding: None,
        message: b"",
        message_start: 0,
        bad_person: None,
    };
    let mut at = 0;
    // Until the empty line, and without one the text is no commit, whatever its lines say.
    while let Some(length) = memchr(b'\n', &raw[at..]) {
        if length == 0 && at > 0 {
            commit.message_start = at + 1;
            commit.message = &raw[at + 1..];
            return Ok(commit);
        }
        match commit.read_line(raw, at, &raw[at..at + length]) {
            Err(bad @ BadCommit::Person { .. }) if !original_semantics => {
                commit.bad_person.get_or_insert(bad);
            }
            Err(reason) if HEADER_END.is_in(&raw[at..]) => return refused(commit.parents, reason),
            Err(_) => break,
            Ok(()) => {}
        }
        at += length + 1;
    }
    refused(Parents::NONE, BadCommit::NoMessage)
}

impl<'a> ParsedCommit<'a> {
    const TREE: &'static [u8; 5] = b"tree ";
    const AUTHOR: &'static [u8; 7] = b"author ";
    const COMMITTER: &'static [u8; 10] = b"committer ";

    /// Its first parent, and those after it.
    pub(crate) fn split_parents(self) -> (Option<GitHash>, Parents<'a>) {
        let mut parents = self.parents;
        match parents.count {
            1 => parents = Parents::NONE,
            _ => drop(parents.next()),
        }
        (self.first_parent, parents)
    }

    /// Its tree; the last one if it names several.
    pub(crate) fn tree(&self) -> Option<GitHash> {
        self.tree.and_then(GitHash::from_hex)
    }

    /// Takes in the header's line at `at`.
    fn read_line(&mut self, raw: &'a [u8], at: usize, line: &'a [u8]) -> Result<(), BadCommit> {
        if let Some(hash) = line.strip_prefix(Parents::WORD) {
            let name = GitHash::from_hex(hash).ok_or(BadCommit::Parent { at })?;
            self.first_parent.get_or_insert(name);
            self.parents.push(raw, at, line.len());
        } else if let Some(hash) = line.strip_prefix(Self::TREE) {
            if !GitHash::is_hex(hash) {
                return Err(BadCommit::Tree { at });
            }
            self.tree = Some(hash);
        } else if let Some(text) = line.strip_prefix(Self::AUTHOR) {
            self.author = None;
            self.author = Some(signature(text).map_err(|source| BadCommit::Person {
                role: Role::Author,
                at,
                source,
            })?);
        } else if let Some(text) = line.strip_prefix(Self::COMMITTER) {
            self.committer = None;
            self.committer = Some(signature(text).map_err(|source| BadCommit::Person {
                role: Role::Committer,
                at,
                source,
            })?);
        } else if let Some(encoding) = line.strip_prefix(b"encoding ") {
            self.encoding = Some(encoding);
        }
        // Others (signatures and their continuations, other tools' lines) say nothing that is kept.
        Ok(())
    }
}

/// What may be a name in a text's first line, which has nothing but this word and the name, and that line's length.
#[inline]
fn usual_name<'a, const N: usize>(text: &'a [u8], word: &[u8; N]) -> Option<(&'a [u8], usize)> {
    let (start, rest) = text.split_first_chunk::<N>()?;
    let (name, rest) = rest.split_first_chunk::<{ GitHash::HEX_LEN }>()?;
    let is_line = start == word && rest.first() == Some(&b'\n');
    is_line.then_some((name, N + GitHash::HEX_LEN))
}

/// Who did what a text's first line says, which begins with this word, and that line's length.
#[inline(always)]
fn usual_person<'a, const N: usize>(
    text: &'a [u8],
    word: &[u8; N],
) -> Option<(Signature<'a>, usize)> {
    let (start, rest) = text.split_first_chunk::<N>()?;
    if start != word {
        return None;
    }
    let length = line_end(rest)?;
    Some((usual_signature(&rest[..length])?, N + length))
}

/// The parents of a commit in order, read from its header again each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parents<'a> {
    /// From the first `parent` line to the end of the last.
    lines: &'a [u8],
    /// Where they start in the commit.
    start: usize,
    /// How many are left.
    count: usize,
}

impl<'a> Parents<'a> {
    const WORD: &'static [u8; 7] = b"parent ";
    pub(crate) const NONE: Self = Self {
        lines: b"",
        start: 0,
        count: 0,
    };

    /// Takes in the sound line of `length` bytes at `at`.
    fn push(&mut self, raw: &'a [u8], at: usize, length: usize) {
        if self.count == 0 {
            self.start = at;
        }
        self.lines = &raw[self.start..at + length];
        self.count += 1;
    }
}

impl Iterator for Parents<'_> {
    type Item = GitHash;

    fn next(&mut self) -> Option<GitHash> {
        while !self.lines.is_empty() {
            let line = first_line(self.lines);
            self.lines = self.lines.get(line.len() + 1..).unwrap_or_default();
            if let Some(hash) = line.strip_prefix(Self::WORD) {
                self.count = self.count.saturating_sub(1);
                return GitHash::from_hex(hash);
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for Parents<'_> {}

fn first_line(text: &[u8]) -> &[u8] {
    &text[..memchr(b'\n', text).unwrap_or(text.len())]
}

/// Takes `Name <email> 1488624439 +0900` apart.
pub(crate) fn signature(text: &[u8]) -> Result<Signature<'_>, BadSignature> {
    usual_signature(text).map_or_else(|| any_signature(text), Ok)
}

/// The same for ten digits of seconds, four of a zone, and nothing to be trimmed.
#[inline(always)]
fn usual_signature(text: &[u8]) -> Option<Signature<'_>> {
    let (person, end) = text.split_last_chunk::<17>()?;
    let [b' ', stamp @ ..] = end else {
        return None;
    };
    // `1488624439 +0900`
    const DIGITS: u32 = 0b1111_0011_1111_1111;
    if between(stamp, b'0', b'9') & DIGITS != DIGITS {
        return None;
    }
    let [a, b, c, d, e, f, g, h, i, j, b' ', sign, k, l, m, n] = *stamp else {
        return None;
    };
    let offset = 3600 * two_digits(k, l) + 60 * two_digits(m, n);
    let offset_seconds = match sign {
        b'+' => offset,
        b'-' => -offset,
        _ => return None,
    };
    let is_trimmed = person.first().is_some_and(u8::is_ascii_graphic);
    let first_eight = eight_digits(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    is_trimmed.then_some(Signature {
        person,
        unix_seconds: i64::from(first_eight) * 100 + i64::from(two_digits(i, j)),
        zone: &text[text.len() - 5..],
        offset_seconds,
    })
}

/// The number of two decimal digits.
fn two_digits(tens: u8, ones: u8) -> i32 {
    i32::from(tens & 15) * 10 + i32::from(ones & 15)
}

/// The number of eight decimal digits, the first in the lowest byte.
fn eight_digits(text: u64) -> u32 {
    let digits = text & 0x0f0f_0f0f_0f0f_0f0f;
    // Neighbours together: to 99, to 9999, to all.
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours * 10_000 + (fours >> 32)) as u32
}

/// The same for everything.
fn any_signature(text: &[u8]) -> Result<Signature<'_>, BadSignature> {
    let (rest, zone) = split_last_space(trim_space(text)).ok_or(BadSignature::Parts)?;
    let (person, seconds) = split_last_space(rest).ok_or(BadSignature::Parts)?;
    Ok(Signature {
        person,
        unix_seconds: number(seconds).ok_or(BadSignature::Seconds)?,
        zone,
        offset_seconds: zone_offset(zone).ok_or(BadSignature::Zone)?,
    })
}

fn split_last_space(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memrchr(b' ', text)?;
    Some((&text[..space], &text[space + 1..]))
}

/// Seconds east of UTC by a zone's text: hours are its characters 1 and 2, minutes 3 and 4, each 0
/// where that is not a number (`-5` is one); only a `-` at the start means west. `None` if the text is
/// shorter.
pub(crate) fn zone_offset(zone: &[u8]) -> Option<i32> {
    let (sign, hours, minutes) = (zone.first()?, zone.get(1..3)?, zone.get(3..5)?);
    let part = |text: &[u8]| match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => two_digits(*tens, *ones),
        _ => number(text).unwrap_or(0),
    };
    let seconds = part(hours) * 3600 + part(minutes) * 60;
    Some(if *sign == b'-' { -seconds } else { seconds })
}

#[cfg(test)]
mod tests;
