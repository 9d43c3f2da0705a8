//! Messages that are kept as the slices they lie in: the parts of a record, and a commit's diff tree.
//! Depends on nothing.

use super::field::{Field, inside};
use super::reader::{Reader, WireType, key_of};
use super::{
    DecodeError, GerritMutation, GitDiffTreeFile, GitMutation, GithubIssueMutation, GithubMutation,
    Message, Meta,
};

/// The occurrences of a singular message, of which there is seldom more than one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slices<'a>(Occurrences<'a>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Occurrences<'a> {
    #[default]
    None,
    One(&'a [u8]),
    Several(Vec<&'a [u8]>),
}

impl<'a> Slices<'a> {
    /// All of them, in their order.
    pub fn as_slice(&self) -> &[&'a [u8]] {
        match &self.0 {
            Occurrences::None => &[],
            Occurrences::One(bytes) => std::slice::from_ref(bytes),
            Occurrences::Several(all) => all,
        }
    }

    /// Whether there is none: the message is absent.
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Occurrences::None)
    }

    #[inline]
    fn push(&mut self, bytes: &'a [u8]) {
        match &mut self.0 {
            Occurrences::None => self.0 = Occurrences::One(bytes),
            Occurrences::One(first) => self.0 = Occurrences::Several(vec![*first, bytes]),
            Occurrences::Several(all) => all.push(bytes),
        }
    }
}

/// The only part of a payload that has nothing else, or only what the record says about itself, as most have; what
/// [`Parts`] gives too, for a few steps instead of a few hundred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnlyPart<'a> {
    /// What changed in an issue.
    GithubIssue(Only<'a>),
    /// Of a plain git repository.
    Git(Only<'a>),
    /// Of a Gerrit project.
    Gerrit(Only<'a>),
}

/// The bytes of a payload's only part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Only<'a> {
    /// The part.
    pub(crate) part: &'a [u8],
    /// What the record says about itself, if it does.
    pub(crate) meta: Option<&'a [u8]>,
}

impl<'a> OnlyPart<'a> {
    /// How field 1000 begins.
    const META_KEY: [u8; 2] = [0xc2, 0x3e];

    /// The part of a payload, if it has one of these once, and behind it nothing or once what it says about itself.
    #[inline]
    pub(crate) fn of(payload: &'a [u8]) -> Option<Self> {
        let (key, rest) = payload.split_first()?;
        let (part, rest) = Self::field(rest)?;
        let meta = match rest {
            [] => None,
            _ => match Self::field(rest.strip_prefix(&Self::META_KEY)?)? {
                (meta, []) => Some(meta),
                _ => return None,
            },
        };
        let only = Only { part, meta };
        match key {
            0x0a => Some(Self::GithubIssue(only)),
            0x12 => Some(Self::Git(only)),
            0x22 => Some(Self::Gerrit(only)),
            _ => None,
        }
    }

    /// The field at the start of some bytes, without its key, and what follows.
    #[inline]
    fn field(bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let mut reader = Reader::new(bytes);
        let field = reader.bytes().ok()?;
        Some((field, &bytes[reader.offset()..]))
    }
}

/// A record's payload, split at its top level. What the parts say is not looked at until it is
/// asked for.
#[derive(Clone, Debug, Default)]
pub struct Parts<'a> {
    payload: &'a [u8],
    /// Field 1.
    pub github_issue: Slices<'a>,
    /// Field 2.
    pub git: Slices<'a>,
    /// Field 3.
    pub github: Slices<'a>,
    /// Field 4.
    pub gerrit: Slices<'a>,
    /// Field 1000.
    pub meta: Slices<'a>,
}

impl<'a> Parts<'a> {
    /// Splits a payload.
    #[inline(always)] // what it gives is large, and would be copied
    pub fn split(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut parts = Self {
            payload,
            ..Self::default()
        };
        let mut reader = Reader::new(payload);
        while let Some(tag) = reader.tag()? {
            let slices = match tag.number {
                1 => &mut parts.github_issue,
                2 => &mut parts.git,
                3 => &mut parts.github,
                4 => &mut parts.gerrit,
                proto::META_FIELD => &mut parts.meta,
                _ => {
                    reader.skip(tag)?;
                    continue;
                }
            };
            match tag.wire {
                WireType::Len => slices.push(reader.bytes()?),
                _ => reader.skip(tag)?,
            }
        }
        Ok(parts)
    }

    /// How many of the four kinds of mutation it holds.
    pub fn kinds(&self) -> usize {
        [&self.github_issue, &self.git, &self.github, &self.gerrit]
            .iter()
            .filter(|slices| !slices.is_empty())
            .count()
    }

    /// Whether it holds anything of GitHub's.
    pub fn has_github(&self) -> bool {
        !self.github_issue.is_empty() || !self.github.is_empty()
    }

    /// What changed in an issue, if there is that.
    #[inline]
    pub fn github_issue(&self) -> Result<Option<GithubIssueMutation<'a>>, DecodeError> {
        self.decode(&self.github_issue)
    }

    /// A commit or the refs of a plain git repository, if there are any.
    #[inline]
    pub fn git(&self) -> Result<Option<GitMutation<'a>>, DecodeError> {
        self.decode(&self.git)
    }

    /// Labels and milestones of a GitHub repository, if there are any.
    #[inline]
    pub fn github(&self) -> Result<Option<GithubMutation<'a>>, DecodeError> {
        self.decode(&self.github)
    }

    /// Commits and refs of a Gerrit project, if there are any.
    #[inline]
    pub fn gerrit(&self) -> Result<Option<GerritMutation<'a>>, DecodeError> {
        self.decode(&self.gerrit)
    }

    /// What the record says about itself, if it does.
    #[inline]
    pub fn meta(&self) -> Result<Option<Meta<'a>>, DecodeError> {
        self.decode(&self.meta)
    }

    /// Whether every part is valid.
    pub fn check_all(&self) -> Result<(), DecodeError> {
        self.github_issue()?;
        self.git()?;
        self.github()?;
        self.gerrit()?;
        self.meta()?;
        Ok(())
    }

    /// All occurrences together.
    #[inline]
    fn decode<M: Message<'a>>(&self, slices: &Slices<'a>) -> Result<Option<M>, DecodeError> {
        if slices.is_empty() {
            return Ok(None);
        }
        let mut message = M::default();
        self.merge_into(slices, &mut message)?;
        Ok(Some(message))
    }

    /// Decodes one kind into a message that may have been another one, whose memory it takes over. Says whether there is
    /// that kind; otherwise the message is left as it was. After an error it is unspecified.
    #[inline]
    pub(crate) fn decode_into<M: Message<'a>>(
        &self,
        slices: &Slices<'a>,
        message: &mut M,
    ) -> Result<bool, DecodeError> {
        if slices.is_empty() {
            return Ok(false);
        }
        message.clear();
        self.merge_into(slices, message)?;
        Ok(true)
    }

    /// An error's place is counted from the start of the payload.
    #[inline]
    fn merge_into<M: Message<'a>>(
        &self,
        slices: &Slices<'a>,
        message: &mut M,
    ) -> Result<(), DecodeError> {
        let mut parts = slices.as_slice().iter();
        parts.try_for_each(|bytes| merge_part(self.payload, bytes, message))
    }
}

/// Merges a part of a payload into a message. An error's place is counted from the start of the payload.
#[inline]
pub(crate) fn merge_part<'a, M: Message<'a>>(
    payload: &[u8],
    part: &'a [u8],
    message: &mut M,
) -> Result<(), DecodeError> {
    let merged = message.merge(part);
    merged.map_err(|error| error.within(offset_in(payload, part)))
}

/// Where a slice of another starts in it.
#[cold]
fn offset_in(whole: &[u8], part: &[u8]) -> usize {
    (part.as_ptr().addr()).saturating_sub(whole.as_ptr().addr())
}

/// A commit's difference to its parent: checked, but decoded only by whom it interests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiffTree<'a>(Slices<'a>);

impl<'a> DiffTree<'a> {
    /// The number of the repeated field that is all it has.
    const FILE: u32 = 1;

    /// The slices that its occurrences lie in; none when the commit has no diff tree.
    pub fn occurrences(&self) -> &[&'a [u8]] {
        self.0.as_slice()
    }

    /// Its files, in their order.
    pub fn files(&self) -> impl Iterator<Item = GitDiffTreeFile<'a>> + '_ {
        let slices = self.occurrences().iter();
        // There was no error when they were checked, and these are the same bytes.
        slices.flat_map(|bytes| DiffTreeFiles::new(bytes).map_while(Result::ok))
    }
}

impl<'a> Field<'a> for DiffTree<'a> {
    const WIRE: WireType = WireType::Len;

    #[inline]
    fn merge(&mut self, reader: &mut Reader<'a>) -> Result<(), DecodeError> {
        let bytes = reader.bytes()?;
        // The iterator would make an Option of each Result.
        let mut files = DiffTreeFiles::new(bytes);
        let checked = loop {
            match files.read() {
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        checked.map_err(|error| inside(error, bytes, reader.offset()))?;
        self.0.push(bytes);
        Ok(())
    }

    #[inline]
    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The files of one occurrence of a diff tree. Ends with the first error.
#[derive(Clone, Debug)]
pub struct DiffTreeFiles<'a> {
    reader: Reader<'a>,
}

impl<'a> DiffTreeFiles<'a> {
    /// Of the slice that one occurrence fills.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(bytes),
        }
    }

    /// The next file, none at the end.
    #[inline(always)]
    fn read(&mut self) -> Result<Option<GitDiffTreeFile<'a>>, DecodeError> {
        const FILE: u32 = key_of(DiffTree::FILE, WireType::Len);
        while !self.reader.is_empty() {
            if self.reader.key(false) == FILE {
                self.reader.pass_key(FILE);
            } else {
                let Some(tag) = self.reader.tag()? else { break };
                if (tag.number, tag.wire) != (DiffTree::FILE, WireType::Len) {
                    self.reader.skip(tag)?;
                    continue;
                }
            }
            let bytes = self.reader.bytes()?;
            let file = GitDiffTreeFile::decode(bytes);
            return file
                .map(Some)
                .map_err(|error| inside(error, bytes, self.reader.offset()));
        }
        Ok(None)
    }
}

impl<'a> Iterator for DiffTreeFiles<'a> {
    type Item = Result<GitDiffTreeFile<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.read().transpose();
        if let Some(Err(_)) = next {
            self.reader = Reader::new(&[]);
        }
        next
    }
}
