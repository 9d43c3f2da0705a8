//! GitHub's side of the fold: records are decoded some at a time, so that what they name in the tables is asked for
//! before it is looked up. Depends on the tables and on [`crate::wire`].

use super::at_byte;
use super::piece::Piece;
use crate::corpus::github::Github;
use crate::corpus::github::apply::Touched;
use crate::corpus::github::keys::Keys;
use crate::corpus::record::{Step, Texts};
use crate::corpus::touched::{Rows, Unwatched};
use crate::corpus::{FaultKind, Rules, recorded};
use crate::projection::RecordRef;
use crate::segments::Segments;
use crate::time::Time;
use crate::wire::{
    DecodeError, GithubIssueMutation, GithubMutation, Message as _, Only, Parts, merge_part,
};

/// So many records are decoded before the first of them is applied: enough for the memory to answer, and few enough to be
/// still in the processor's.
const LOOK_AHEAD: usize = 8;

/// What a record up to so many bytes was decoded into is kept, to be decoded into again.
const SHORT_BYTES: usize = 64 << 10;

/// GitHub's parts of a record, decoded. Many records are decoded into one, one after the other, so that its lists are
/// made once.
#[derive(Default)]
struct Decoded<'a> {
    record: RecordRef<'a>,
    issue: GithubIssueMutation<'a>,
    has_issue: bool,
    repo: GithubMutation<'a>,
    has_repo: bool,
    /// When the record was written, by its own account.
    said: Option<Time>,
    /// There is an issue's mutation, and it is of interest.
    is_in_scope: bool,
    /// Of that.
    keys: Keys,
    error: Option<DecodeError>,
}

impl<'a> Decoded<'a> {
    /// Decodes a payload, which may be known to say but what changed in an issue.
    fn decode(&mut self, record: RecordRef<'a>, only: Option<Only<'a>>) {
        self.record = record;
        (self.has_issue, self.has_repo, self.said) = (false, false, None);
        let decoded = match only {
            Some(issue) => self.decode_issue(record.payload, issue),
            None => self.try_decode(record.payload),
        };
        self.error = decoded.err();
    }

    fn decode_issue(&mut self, payload: &'a [u8], only: Only<'a>) -> Result<(), DecodeError> {
        self.said = recorded::of_meta_in(payload, only.meta)?;
        self.has_issue = true;
        self.issue.clear();
        merge_part(payload, only.part, &mut self.issue)
    }

    /// Lets go of what a long record was decoded into: another one may come only after many others.
    fn forget_long(&mut self) {
        if self.record.payload.len() > SHORT_BYTES {
            self.issue.clear();
            self.repo.clear();
            self.keys.clear();
        }
    }

    fn try_decode(&mut self, payload: &'a [u8]) -> Result<(), DecodeError> {
        let parts = Parts::split(payload)?;
        let kinds = parts.kinds();
        if kinds > 1 {
            parts.check_all()?;
        }
        if parts.has_github() || kinds == 0 {
            self.said = recorded::of_meta(parts.meta()?.as_ref());
            self.has_issue = parts.decode_into(&parts.github_issue, &mut self.issue)?;
            self.has_repo = parts.decode_into(&parts.github, &mut self.repo)?;
        }
        Ok(())
    }
}

/// GitHub's side: what its records are decoded into, and what they are applied to.
pub(super) struct GithubSide<'c, 'a> {
    /// At most [`LOOK_AHEAD`].
    decoded: Vec<Decoded<'a>>,
    tables: GithubTables<'c>,
    /// When the latest of the records that were applied was written.
    pub(super) recorded: Option<Time>,
}

impl<'c, 'a> GithubSide<'c, 'a> {
    pub(super) fn new(github: &'c mut Github, segments: &'c Segments, rules: &'c Rules) -> Self {
        Self {
            decoded: Vec::new(),
            tables: GithubTables {
                github,
                segments,
                rules,
            },
            recorded: None,
        }
    }

    /// Applies GitHub's parts of a piece.
    pub(super) fn apply(&mut self, piece: &Piece<'a>, touched: Option<&mut Rows>) {
        match touched {
            Some(rows) => self.apply_and_note(piece, rows),
            None => self.apply_and_note(piece, &mut Unwatched),
        }
    }

    /// The same, with what is to note what is touched.
    fn apply_and_note(&mut self, piece: &Piece<'a>, touched: &mut impl Touched) {
        for records in piece.of_github.chunks(LOOK_AHEAD) {
            if self.decoded.len() < records.len() {
                self.decoded.resize_with(records.len(), Decoded::default);
            }
            for (decoded, of_github) in self.decoded.iter_mut().zip(records) {
                decoded.decode(of_github.record, of_github.only);
                self.tables.look_ahead(decoded);
            }
            let decoded = &mut self.decoded[..records.len()];
            let issues = |decoded: &&mut Decoded<'_>| decoded.is_in_scope;
            for decoded in decoded.iter_mut().filter(issues) {
                let (keys, issue) = (&mut decoded.keys, &decoded.issue);
                keys.look_at_cells(self.tables.github, issue);
            }
            for decoded in decoded.iter_mut().filter(issues) {
                decoded
                    .keys
                    .look_at_lists(self.tables.github, &decoded.issue);
            }
            for decoded in decoded {
                let recorded = self.tables.apply(decoded, touched);
                self.recorded = self.recorded.max(recorded);
                decoded.forget_long();
            }
        }
    }
}

/// GitHub's tables, and what their fold looks at.
struct GithubTables<'c> {
    github: &'c mut Github,
    segments: &'c Segments,
    rules: &'c Rules,
}

impl<'c> GithubTables<'c> {
    /// Asks for what will be looked up.
    fn look_ahead(&self, decoded: &mut Decoded<'_>) {
        let scope = &self.rules.scope;
        let issue = &decoded.issue;
        decoded.is_in_scope = decoded.has_issue
            && decoded.error.is_none()
            && scope.has_github(issue.owner, issue.repo);
        if decoded.is_in_scope {
            let (keys, issue) = (&mut decoded.keys, &decoded.issue);
            keys.look_ahead(self.github, self.texts(), issue);
        }
    }

    fn texts(&self) -> Texts<'c> {
        Texts {
            segments: self.segments,
            extra: None,
        }
    }

    /// Applies GitHub's parts of a record. This side also tells of what is no mutation at all, unless the record has
    /// only parts of the other side.
    fn apply(&mut self, decoded: &mut Decoded<'_>, touched: &mut impl Touched) -> Option<Time> {
        let record = decoded.record;
        if let Some(error) = decoded.error {
            let (fault, about) = (FaultKind::NotAMutation, at_byte(error));
            self.github.faults.add_about(&record, fault, &about);
            // It counts as what `Projection::recorded` says of it, or the past would depend on where a fold began.
            return recorded::recorded(record.payload);
        }
        let issue = decoded.has_issue.then_some(&decoded.issue);
        let repo = decoded.has_repo.then_some(&decoded.repo);
        let step = Step {
            record,
            texts: self.texts(),
        };
        let scope = &self.rules.scope;
        if let Some(issue) = issue {
            if decoded.is_in_scope {
                self.github
                    .apply_issue(&step, issue, &mut decoded.keys, touched);
            } else {
                self.github.learn_people(&step, issue);
            }
        }
        if let Some(repo) = repo.filter(|repo| scope.has_github(repo.owner, repo.repo)) {
            self.github.apply_repo(&step, repo, touched);
        }
        let by_content = || issue.and_then(recorded::of_issue);
        decoded.said.or_else(by_content)
    }
}
