//! Taking the log apart ahead of the folds that apply it, by any thread, in pieces.
//!
//! Whoever has nothing to apply walks on to the end of the next piece, so that every record is looked up once, and takes
//! it apart while others walk on. Both sides apply the pieces in their order. Few pieces are there at a time, and small
//! ones unless a record is long, so that what is taken apart needs little memory and is still in the processor's when it
//! is applied; their lists are used again and again, unless they grew long.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use log_core::Position;

use super::piece::{Cursor, Piece};
use crate::corpus::Rules;
use crate::segments::Block;

/// Where a piece ends, at the latest after the record that goes beyond.
const PIECE_BYTES: usize = 512 << 10;
/// So many pieces are there at most.
const PIECES_MAX: usize = 12;
/// And no further one while they have so many bytes: a record may be long, and say much in few bytes.
const BYTES_MAX: usize = 16 << 20;

/// Who applies pieces.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Github,
    Git,
}

/// How many there are.
const SIDES: usize = 2;

/// The pieces, and who is how far.
pub(super) struct Queue<'a> {
    rules: &'a Rules,
    /// Locked before `state`, and by whoever adds to its pieces.
    cursor: Mutex<Cursor<'a>>,
    state: Mutex<State<'a>>,
    /// Whenever the state is another.
    changed: Condvar,
}

#[derive(Default)]
struct State<'a> {
    /// The number of the first of `pieces`.
    first: usize,
    /// Those that some side has still to apply; `None` for one that is being taken apart.
    pieces: VecDeque<Option<Arc<Piece<'a>>>>,
    /// How many bytes of the log they are.
    bytes: usize,
    /// What was a piece.
    spare: Vec<Piece<'a>>,
    /// The number of the piece that each side applies next.
    next: [usize; SIDES],
    /// How many threads wait for another state.
    waiting: usize,
    /// There is no further piece to be taken apart.
    is_walked: bool,
    /// Somebody gave up: nothing is waited for any more.
    is_over: bool,
}

/// Nothing is left half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the waiting of the others, should whoever holds it come to a panic.
pub(super) struct Working<'q, 'a>(&'q Queue<'a>);

impl Drop for Working<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = lock(&self.0.state);
            state.is_over = true;
            self.0.tell(state);
        }
    }
}

impl<'a> Queue<'a> {
    pub(super) fn new(blocks: &'a [Block], from: Position, rules: &'a Rules) -> Self {
        Self {
            rules,
            cursor: Mutex::new(Cursor::new(blocks, from)),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// To be held by whoever others may come to wait for.
    pub(super) fn working(&self) -> Working<'_, 'a> {
        Working(self)
    }

    /// Gives all pieces in order to one of the sides, which must ask once. In between it takes pieces apart for both.
    pub(super) fn apply(&self, side: Side, mut apply: impl FnMut(&Piece<'a>)) {
        let working = self.working();
        while let Some(piece) = self.next(side) {
            apply(&piece);
            self.give_back(side, piece);
        }
        drop(working);
    }

    /// Takes pieces apart until there is none left, for the sides to apply them.
    pub(super) fn take_apart(&self) {
        let working = self.working();
        loop {
            while self.take_one_apart() {}
            let goes_on = self.wait(|state| state.has_room() || state.is_walked);
            if !goes_on || lock(&self.state).is_walked {
                break;
            }
        }
        drop(working);
    }

    /// The next piece of a side; `None` if there is none left.
    fn next(&self, side: Side) -> Option<Arc<Piece<'a>>> {
        loop {
            let state = lock(&self.state);
            match state.piece(side) {
                Some(piece) => return Some(piece),
                None if state.is_over || state.is_done(side) => return None,
                None => drop(state),
            }
            let is_told = |state: &State<'a>| {
                state.piece(side).is_some() || state.has_room() || state.is_done(side)
            };
            if !self.take_one_apart() && !self.wait(is_told) {
                return None;
            }
        }
    }

    /// Waits until something is so; says no if somebody gave up.
    fn wait(&self, is_so: impl Fn(&State<'a>) -> bool) -> bool {
        let mut state = lock(&self.state);
        while !state.is_over && !is_so(&state) {
            state.waiting += 1;
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        !state.is_over
    }

    /// Lets go of the state, which is another, and wakes those who wait for that: the system is not asked if nobody does.
    fn tell(&self, state: MutexGuard<'_, State<'a>>) {
        let is_awaited = state.waiting > 0;
        drop(state);
        if is_awaited {
            self.changed.notify_all();
        }
    }

    /// Takes the next piece apart; says no if there is none, or no room for it.
    fn take_one_apart(&self) -> bool {
        let Some((number, mut piece)) = self.claim() else {
            return false;
        };
        piece.take_apart(self.rules);
        let mut state = lock(&self.state);
        let at = number - state.first;
        if let Some(slot) = state.pieces.get_mut(at) {
            *slot = Some(Arc::new(piece));
        }
        self.tell(state);
        true
    }

    /// The next piece's number and its records.
    fn claim(&self) -> Option<(usize, Piece<'a>)> {
        let mut cursor = lock(&self.cursor);
        let mut piece = {
            let mut state = lock(&self.state);
            if !state.has_room() {
                return None;
            }
            state.spare.pop().unwrap_or_default()
        };
        let is_piece = cursor.walk(PIECE_BYTES, &mut piece);
        let mut state = lock(&self.state);
        state.is_walked |= cursor.is_over();
        if !is_piece {
            self.tell(state);
            return None;
        }
        state.pieces.push_back(None);
        state.bytes += piece.bytes();
        Some((state.first + state.pieces.len() - 1, piece))
    }

    /// A side has applied its piece.
    fn give_back(&self, side: Side, piece: Arc<Piece<'a>>) {
        let mut state = lock(&self.state);
        drop(piece);
        state.next[side as usize] += 1;
        let mut applied = Vec::new();
        while state.next.iter().all(|next| *next > state.first) {
            state.first += 1;
            let piece = state.pieces.pop_front().flatten();
            applied.extend(piece.and_then(Arc::into_inner));
        }
        state.bytes -= applied.iter().map(Piece::bytes).sum::<usize>();
        self.tell(state);
        if !applied.is_empty() {
            applied.iter_mut().for_each(Piece::clear);
            lock(&self.state).spare.append(&mut applied);
        }
    }
}

impl<'a> State<'a> {
    fn has_room(&self) -> bool {
        let is_full = self.pieces.len() >= PIECES_MAX || self.bytes >= BYTES_MAX;
        !self.is_walked && !self.is_over && (!is_full || self.pieces.is_empty())
    }

    /// Nothing is left for a side, nor will there be.
    fn is_done(&self, side: Side) -> bool {
        self.is_walked && self.next[side as usize] == self.first + self.pieces.len()
    }

    fn piece(&self, side: Side) -> Option<Arc<Piece<'a>>> {
        let at = self.next[side as usize] - self.first;
        self.pieces.get(at)?.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::Walked;

    /// Blocks with so many records, some of them longer than a piece.
    fn blocks(records: usize) -> Vec<Block> {
        let mut bytes = Vec::new();
        for number in 0..records {
            // An unknown field of some length.
            let body = vec![0; if number % 100 == 7 { PIECE_BYTES } else { 1000 }];
            let mut payload = vec![15 << 3 | 2];
            prost::encoding::encode_varint(body.len() as u64, &mut payload);
            payload.extend(body);
            let offset = bytes.len() as u64;
            log_core::frame::encode(&mut bytes, offset, &payload);
        }
        let block = |segment| Block {
            segment,
            start: 0,
            bytes: bytes::Bytes::from(bytes.clone()).into(),
        };
        vec![block(0), block(1)]
    }

    #[test]
    fn both_sides_are_given_all_records_in_order() {
        let blocks = blocks(3000);
        let rules = Rules::default();
        let from = Position {
            segment: 0,
            offset: blocks[0].frames().nth(1).unwrap().unwrap().offset,
        };
        let queue = Queue::new(&blocks, from, &rules);
        let starts = |side| {
            let mut starts = Vec::new();
            queue.apply(side, |piece| {
                let records = piece.of_github.iter().map(|of| of.record);
                let mut walked = Walked::default();
                piece.tell(&mut walked);
                assert_eq!(walked.records as usize, piece.of_github.len());
                let last = records.clone().next_back();
                assert_eq!(walked.end, last.map(|last| last.next).unwrap_or_default());
                starts.extend(records.map(|record| record.at));
            });
            starts
        };
        let (github, git) = std::thread::scope(|scope| {
            let git = scope.spawn(|| starts(Side::Git));
            scope.spawn(|| queue.take_apart());
            (starts(Side::Github), git.join().unwrap())
        });
        let place = |block: &Block, offset| Position {
            segment: block.segment,
            offset,
        };
        let frames = blocks.iter().flat_map(|block| {
            let frames = block.frames();
            frames.map(move |frame| place(block, frame.unwrap().offset))
        });
        assert!(frames.skip(1).eq(github.iter().copied()));
        assert_eq!(github, git);
        // What is used again is empty.
        let state = lock(&queue.state);
        assert!(state.pieces.is_empty() && !state.spare.is_empty());
        assert!(
            state
                .spare
                .iter()
                .all(|piece| piece.bytes() == 0 && piece.of_github.is_empty())
        );
    }

    #[test]
    fn nobody_waits_for_what_never_began() {
        let blocks = blocks(3000);
        let rules = Rules::default();
        let queue = Queue::new(&blocks, Position::START, &rules);
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            std::thread::scope(|scope| {
                let _working = queue.working();
                scope.spawn(|| queue.apply(Side::Git, |_| ()));
                std::panic::panic_any(());
            })
        }));
        assert!(ended.is_err());
    }

    #[test]
    fn nobody_waits_for_a_side_that_came_to_a_panic() {
        let blocks = blocks(3000);
        let rules = Rules::default();
        let queue = Queue::new(&blocks, Position::START, &rules);
        let mut applied = 0;
        std::thread::scope(|scope| {
            let git = scope.spawn(|| queue.apply(Side::Git, |_| std::panic::panic_any(())));
            scope.spawn(|| queue.take_apart());
            queue.apply(Side::Github, |_| applied += 1);
            assert!(git.join().is_err());
        });
        // The other one came as far as there is room ahead of the one that stopped.
        assert!(applied <= PIECES_MAX, "{applied}");
    }
}
