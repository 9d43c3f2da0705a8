//! Pieces of the log: some records in a row, walked to and taken apart together, before any of them is applied.
//! Depends on [`crate::wire`] and on what git and Gerrit say without tables.

use std::slice;

use log_core::Position;
use log_core::frame::Frames;

use crate::corpus::Rules;
use crate::corpus::git::parse::Taken;
use crate::prefetch::prefetch;
use crate::projection::{BrokenFrame, RecordRef, Walked};
use crate::segments::Block;
use crate::wire::{Only, OnlyPart, Parts, empty};

/// How far ahead of the walk bytes are asked for: far enough for the memory to answer, and near enough to be still there.
const AHEAD_BYTES: usize = 4096;

/// Some records in a row, taken apart.
#[derive(Default)]
pub(super) struct Piece<'a> {
    /// All of them, until they are taken apart.
    records: Vec<RecordRef<'a>>,
    /// Those that GitHub's side has to look at.
    pub(super) of_github: Vec<OfGithub<'a>>,
    /// The parts of the other side.
    pub(super) taken: Taken<'a>,
    /// How many records it has, and where the last one ends.
    count: u64,
    bytes: usize,
    end: Option<Position>,
    /// What follows is no record.
    error: Option<BrokenFrame>,
}

/// A record that GitHub's side has to look at.
pub(super) struct OfGithub<'a> {
    pub(super) record: RecordRef<'a>,
    /// What it says of an issue, if it has no other part.
    pub(super) only: Option<Only<'a>>,
}

impl<'a> Piece<'a> {
    /// Adds a record.
    pub(super) fn push(&mut self, record: RecordRef<'a>) {
        self.count += 1;
        self.bytes += record.next.offset.saturating_sub(record.at.offset) as usize;
        self.end = Some(record.next);
        self.records.push(record);
    }

    /// How long its records are.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds to what is told of a walk.
    pub(super) fn tell(&self, walked: &mut Walked) {
        walked.records += self.count;
        walked.end = self.end.unwrap_or(walked.end);
        walked.error = self.error;
    }

    /// Forgets everything but the memory, unless that is much.
    pub(super) fn clear(&mut self) {
        empty(&mut self.of_github);
        self.taken.clear();
        (self.count, self.bytes, self.end, self.error) = (0, 0, None, None);
    }

    /// Finds out which side each record is for, and what can be without tables.
    pub(super) fn take_apart(&mut self, rules: &Rules) {
        for &record in &self.records {
            let only = match OnlyPart::of(record.payload) {
                Some(OnlyPart::GithubIssue(only)) => Some(only),
                Some(OnlyPart::Git(only)) => {
                    self.taken.add_only_git(record, only, rules);
                    continue;
                }
                Some(OnlyPart::Gerrit(only)) => {
                    self.taken.add_only_gerrit(record, only, rules);
                    continue;
                }
                None => {
                    if !take_any_apart(record, &mut self.taken, rules) {
                        continue;
                    }
                    None
                }
            };
            self.of_github.push(OfGithub { record, only });
        }
        empty(&mut self.records);
    }
}

/// Takes any record apart; says whether GitHub's side has to look at it too.
#[cold]
fn take_any_apart<'a>(record: RecordRef<'a>, taken: &mut Taken<'a>, rules: &Rules) -> bool {
    let Ok(parts) = Parts::split(record.payload) else {
        return true;
    };
    taken.add(record, &parts, rules);
    // Of several kinds one may be invalid, which GitHub's side tells of.
    parts.has_github() || parts.kinds() != 1
}

/// Walks the records of blocks.
pub(super) struct Cursor<'a> {
    blocks: slice::Iter<'a, Block>,
    block: Option<&'a Block>,
    frames: Frames<'a>,
    from: Position,
    is_over: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(blocks: &'a [Block], from: Position) -> Self {
        Self {
            blocks: blocks.iter(),
            block: None,
            frames: Frames::new(&[], 0),
            from,
            is_over: false,
        }
    }

    /// Nothing follows, or what follows is no record.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Adds the next records, of at least so many bytes if there are as many; says whether there are any, or an error.
    pub(super) fn walk(&mut self, bytes: usize, piece: &mut Piece<'a>) -> bool {
        while !self.is_over && piece.bytes < bytes {
            let segment = self.block.map_or(0, |block| block.segment);
            let place = |offset| Position { segment, offset };
            match self.frames.next() {
                Some(Ok(frame)) if place(frame.offset) < self.from => {}
                Some(Ok(frame)) => {
                    self.ask_ahead(frame.offset, frame.end);
                    piece.push(RecordRef {
                        at: place(frame.offset),
                        next: place(frame.end),
                        payload: frame.payload,
                    });
                }
                Some(Err(source)) => {
                    piece.error = Some(BrokenFrame { segment, source });
                    self.is_over = true;
                }
                None => match self.blocks.next() {
                    Some(block) => {
                        self.block = Some(block);
                        self.frames = block.frames();
                    }
                    None => self.is_over = true,
                },
            }
        }
        piece.count > 0 || piece.error.is_some()
    }

    /// Asks for as many bytes as a record has, some way ahead: where the records after it are is not known yet, and each
    /// would be waited for.
    fn ask_ahead(&self, start: u64, end: u64) {
        let Some(block) = self.block else { return };
        // Within the block, so they fit.
        let [start, end] = [start, end].map(|at| (at - block.start) as usize + AHEAD_BYTES);
        let bytes: &[u8] = &block.bytes;
        let end = end.min(bytes.len());
        prefetch(bytes.get(start..end).unwrap_or_default());
    }
}
