//! The side of git and Gerrit: what was taken apart is applied in order, and what it names in the tables is asked for some
//! time before. Depends on the tables.

use super::at_byte;
use super::piece::Piece;
use crate::corpus::git::Git;
use crate::corpus::git::apply::Touched;
use crate::corpus::git::parse::{Parsed, ParsedPart};
use crate::corpus::record::{Step, Texts};
use crate::corpus::touched::{Rows, Unwatched};
use crate::corpus::{FaultKind, recorded};
use crate::segments::Segments;
use crate::time::Time;

/// What is named so many parts further on is asked for: enough for the memory to answer, and few enough to be still in the
/// processor's.
const LOOK_AHEAD: usize = 6;

/// Git's and Gerrit's tables, and what their fold looks at.
pub(super) struct GitSide<'c> {
    git: &'c mut Git,
    texts: Texts<'c>,
    /// When the latest of the records that were applied was written.
    pub(super) recorded: Option<Time>,
}

impl<'c> GitSide<'c> {
    pub(super) fn new(git: &'c mut Git, segments: &'c Segments) -> Self {
        Self {
            git,
            texts: Texts {
                segments,
                extra: None,
            },
            recorded: None,
        }
    }

    /// Applies git's and Gerrit's parts of a piece.
    pub(super) fn apply(&mut self, piece: &Piece<'_>, touched: Option<&mut Rows>) {
        match touched {
            Some(rows) => self.apply_and_note(piece, rows),
            None => self.apply_and_note(piece, &mut Unwatched),
        }
    }

    /// The same, with what is to note what is touched.
    fn apply_and_note(&mut self, piece: &Piece<'_>, touched: &mut impl Touched) {
        let taken = &piece.taken;
        (0..LOOK_AHEAD).for_each(|part| self.git.look_ahead(taken, part));
        for (part, parsed) in taken.iter().enumerate() {
            self.git.look_ahead(taken, part + LOOK_AHEAD);
            let recorded = self.apply_part(&parsed, touched);
            self.recorded = self.recorded.max(recorded);
        }
    }

    /// Applies a part of a record.
    fn apply_part(&mut self, parsed: &Parsed<'_, '_>, touched: &mut impl Touched) -> Option<Time> {
        let record = parsed.record;
        let step = Step {
            record,
            texts: self.texts,
        };
        match &parsed.part {
            ParsedPart::Git(git) => self.git.apply_git(&step, git, touched),
            ParsedPart::Gerrit(gerrit) => self.git.apply_gerrit(&step, gerrit, touched),
            ParsedPart::OutOfScope => {}
            ParsedPart::Invalid(error) => {
                let fault = FaultKind::NotAMutation;
                self.git.faults.add_about(&record, fault, &at_byte(*error));
                return recorded::recorded(record.payload);
            }
        }
        parsed.recorded
    }
}
