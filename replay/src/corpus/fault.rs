//! What of the log makes no sense, where it is and why. Depends on `columns`.

use std::fmt;

use log_core::Position;

use crate::columns::{Column, ROWS_MAX, Text, table};
use crate::corpus::record::Texts;
use crate::projection::RecordRef;

table! {
    /// Mutations, or parts of one, that were passed over.
    Faults { segment: u32, offset: u32, kind: u32, detail: Text, }
}

/// Why a mutation, or a part of one, was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u32)]
#[allow(missing_docs)] // `FaultKind::as_str` says it
pub enum FaultKind {
    NotAMutation = 1,
    IssueWithoutRepo,
    IssueZero,
    RepoWithoutName,
    LabelZero,
    MilestoneZero,
    CommentZero,
    EventZero,
    ReviewZero,
    CommitName,
    CommitNameNotHex,
    CommitWithoutMessage,
    CommitWithoutHeader,
    CommitBadHash,
    CommitBadPerson,
    CommitShortZone,
    CommitWithoutRaw,
    RefsOfNoRepo,
    RefWithoutName,
    RefBadHash,
    RefUnknownCommit,
    ChangeNumber,
    MetaMerge,
    MetaCircle,
    Full,
}

impl FaultKind {
    const ALL: [Self; 25] = [
        Self::NotAMutation,
        Self::IssueWithoutRepo,
        Self::IssueZero,
        Self::RepoWithoutName,
        Self::LabelZero,
        Self::MilestoneZero,
        Self::CommentZero,
        Self::EventZero,
        Self::ReviewZero,
        Self::CommitName,
        Self::CommitNameNotHex,
        Self::CommitWithoutMessage,
        Self::CommitWithoutHeader,
        Self::CommitBadHash,
        Self::CommitBadPerson,
        Self::CommitShortZone,
        Self::CommitWithoutRaw,
        Self::RefsOfNoRepo,
        Self::RefWithoutName,
        Self::RefBadHash,
        Self::RefUnknownCommit,
        Self::ChangeNumber,
        Self::MetaMerge,
        Self::MetaCircle,
        Self::Full,
    ];

    /// What is wrong, for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAMutation => "the record is no valid mutation",
            Self::IssueWithoutRepo => "an issue of no owner or no repository",
            Self::IssueZero => "an issue with the number 0",
            Self::RepoWithoutName => "a repository without owner or name",
            Self::LabelZero => "a label with the id 0; the mutation is passed over",
            Self::MilestoneZero => "a milestone with the id 0; the mutation is passed over",
            Self::CommentZero => "a comment with the id 0",
            Self::EventZero => "an event with the id 0",
            Self::ReviewZero => "a review with the id 0",
            Self::CommitName => "a commit whose name is not 40 characters long",
            Self::CommitNameNotHex => {
                "a commit whose name is not hexadecimal; the mutation is passed over"
            }
            Self::CommitWithoutMessage => {
                "a commit without an empty line; the mutation is passed over"
            }
            Self::CommitWithoutHeader => "a commit that begins with an empty line",
            Self::CommitBadHash => {
                "a commit with a tree or parent that is no hash; the mutation is passed over"
            }
            Self::CommitBadPerson => "a commit with an author or committer line that can't be read",
            Self::CommitShortZone => {
                "a commit with a time zone that is too short; the mutation is passed over"
            }
            Self::CommitWithoutRaw => "a commit that is too long to be kept",
            Self::RefsOfNoRepo => "refs of no repository",
            Self::RefWithoutName => "a ref without a name",
            Self::RefBadHash => "a ref that points to no hash; the mutation is passed over",
            Self::RefUnknownCommit => "a ref to a commit that is not there",
            Self::ChangeNumber => "a change ref whose number is too large",
            Self::MetaMerge => "a change whose history of metas has a merge",
            Self::MetaCircle => "a change whose history of metas is a circle",
            Self::Full => "there is no room for more rows",
        }
    }

    fn of(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u32 == number)
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A mutation, or a part of one, that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// Where its record starts.
    pub at: Position,
    /// Why.
    pub kind: FaultKind,
    /// What it was about, such as the name of a ref or a commit; shortened.
    pub detail: String,
}

impl Fault {
    /// Why, and what it was about.
    pub fn reason(&self) -> String {
        match self.detail.as_str() {
            "" => self.kind.to_string(),
            detail => format!("{}: {detail:?}", self.kind),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.reason())
    }
}

/// Characters of the detail that are shown.
const DETAIL_CHARS_MAX: usize = 100;

impl Faults {
    /// How many there are.
    pub(in crate::corpus) fn len(&self) -> u32 {
        self.kind.len()
    }

    /// Adds one, about a text of the record, unless there are as many as can be.
    #[cold]
    pub(in crate::corpus) fn add(
        &mut self,
        record: &RecordRef<'_>,
        kind: FaultKind,
        detail: &[u8],
    ) {
        if self.len() == ROWS_MAX {
            return;
        }
        self.segment.push(record.at.segment);
        // A segment is shorter than 4 GiB.
        self.offset.push(record.at.offset as u32);
        self.kind.push(kind as u32);
        self.detail.push(record.text(detail));
    }

    /// Adds one, about something that is not in the record; only its first characters are kept.
    #[cold]
    pub(in crate::corpus) fn add_about(
        &mut self,
        record: &RecordRef<'_>,
        kind: FaultKind,
        about: &str,
    ) {
        self.add(
            record,
            kind,
            &about.as_bytes()[..about.floor_char_boundary(Text::INLINE_MAX)],
        );
    }

    /// All of them, in the order of the log.
    pub(in crate::corpus) fn iter<'t>(
        &'t self,
        texts: Texts<'t>,
    ) -> impl Iterator<Item = Fault> + 't {
        self.iter_from(0, texts)
    }

    /// Those from a row on.
    pub(in crate::corpus) fn iter_from<'t>(
        &'t self,
        first: u32,
        texts: Texts<'t>,
    ) -> impl Iterator<Item = Fault> + 't {
        let cell = |column: &Column<u32>, row| column.get(row);
        (first..self.len()).filter_map(move |row| {
            let detail = self.detail.get(row);
            let detail = String::from_utf8_lossy(texts.get(&detail));
            Some(Fault {
                at: Position {
                    segment: cell(&self.segment, row),
                    offset: u64::from(cell(&self.offset, row)),
                },
                kind: FaultKind::of(cell(&self.kind, row))?,
                detail: detail.chars().take(DETAIL_CHARS_MAX).collect(),
            })
        })
    }
}
