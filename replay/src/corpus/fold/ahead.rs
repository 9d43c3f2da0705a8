//! Taking records apart ahead of the fold that applies them, by any thread, in pieces.
//!
//! Each piece of the log is taken apart once, by whoever claims it first; the fold takes the pieces in their order, and
//! does itself what nobody has begun.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use log_core::Position;

use crate::corpus::Rules;
use crate::corpus::git::parse::{Parsed, parse};
use crate::projection::{RecordRef, walk};
use crate::segments::Block;
use crate::wire::DecodeError;

/// A block that is longer is cut, so that there is something to share.
const PIECE_BYTES_MAX: usize = 20 << 20;
/// About as many bytes as a record has, for how much room its items need.
const RECORD_BYTES: usize = 512;
/// Pieces are taken apart so far ahead at most: what is taken apart needs memory.
const AHEAD_MAX: usize = 3;

/// A record that has parts of git's or Gerrit's.
pub(super) struct Item<'a> {
    pub(super) record: RecordRef<'a>,
    pub(super) parsed: Result<Parsed<'a>, DecodeError>,
}

/// What has become of a piece.
enum Slot<'a> {
    Untouched,
    Begun,
    Done(Taken<'a>),
    Taken,
}

/// A piece that was taken apart.
#[derive(Default)]
struct Taken<'a> {
    items: Vec<Item<'a>>,
    /// It ends with something that is no record.
    is_broken: bool,
}

/// A piece that is being taken apart. Whoever waits for it is told of the end, also where that is a panic: then the piece
/// is nobody's again, and who waited comes to the same panic, instead of waiting for ever.
struct Begun<'q, 'a> {
    slot: &'q (Mutex<Slot<'a>>, Condvar),
    becomes: Slot<'a>,
}

impl Drop for Begun<'_, '_> {
    fn drop(&mut self) {
        let (slot, ready) = self.slot;
        *lock(slot) = std::mem::replace(&mut self.becomes, Slot::Taken);
        ready.notify_one();
    }
}

/// The pieces, and how far they are.
pub(super) struct Queue<'a> {
    pieces: &'a [Block],
    from: Position,
    rules: &'a Rules,
    slots: Vec<(Mutex<Slot<'a>>, Condvar)>,
    /// The next piece that nobody has begun, or an earlier one.
    next: AtomicUsize,
    /// The piece that is being applied.
    applied: AtomicUsize,
}

/// Nothing is left half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Queue<'a> {
    pub(super) fn new(pieces: &'a [Block], from: Position, rules: &'a Rules) -> Self {
        let slot = |_: &Block| (Mutex::new(Slot::Untouched), Condvar::new());
        Self {
            slots: pieces.iter().map(slot).collect(),
            pieces,
            from,
            rules,
            next: AtomicUsize::new(0),
            applied: AtomicUsize::new(0),
        }
    }

    /// Takes a piece apart that nobody has begun; says whether there was one not too far ahead.
    pub(super) fn parse_one(&self) -> bool {
        loop {
            let number = self.next.load(Ordering::Relaxed);
            let ahead = self.applied.load(Ordering::Relaxed) + AHEAD_MAX;
            if number >= self.slots.len() || number > ahead {
                return false;
            }
            let claimed = self.claim(number);
            let _ = self.next.compare_exchange(
                number,
                number + 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            if claimed {
                let mut begun = Begun {
                    slot: &self.slots[number],
                    becomes: Slot::Untouched,
                };
                begun.becomes = Slot::Done(self.parse(number));
                return true;
            }
        }
    }

    fn claim(&self, number: usize) -> bool {
        let mut slot = lock(&self.slots[number].0);
        let is_free = matches!(*slot, Slot::Untouched);
        if is_free {
            *slot = Slot::Begun;
        }
        is_free
    }

    fn parse(&self, number: usize) -> Taken<'a> {
        let bytes = self.pieces[number].bytes.len();
        let mut taken = Taken {
            items: Vec::with_capacity(bytes / RECORD_BYTES),
            is_broken: false,
        };
        for record in walk(std::slice::from_ref(&self.pieces[number]), self.from) {
            // What is broken, GitHub's side tells of.
            let Ok(record) = record else {
                taken.is_broken = true;
                break;
            };
            let parsed = parse(record, self.rules);
            taken
                .items
                .extend(parsed.map(|parsed| Item { record, parsed }));
        }
        taken
    }

    /// Gives all records in the order of the log, up to a place that is no record.
    pub(super) fn for_each(&self, mut apply: impl FnMut(Item<'a>)) {
        for number in 0..self.slots.len() {
            self.applied.store(number, Ordering::Relaxed);
            let taken = match self.claim(number) {
                true => self.parse(number),
                false => self.wait_for(number),
            };
            taken.items.into_iter().for_each(&mut apply);
            if taken.is_broken {
                return;
            }
        }
    }

    fn wait_for(&self, number: usize) -> Taken<'a> {
        let (slot, ready) = &self.slots[number];
        let mut slot = lock(slot);
        loop {
            match std::mem::replace(&mut *slot, Slot::Taken) {
                Slot::Done(taken) => return taken,
                // Only this thread takes.
                Slot::Taken => return Taken::default(),
                Slot::Untouched => {
                    drop(slot);
                    return self.parse(number);
                }
                other => {
                    *slot = other;
                    slot = ready.wait(slot).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

/// The blocks, cut where they are long.
pub(super) fn pieces(blocks: &[Block]) -> Vec<Block> {
    let mut pieces = Vec::with_capacity(blocks.len());
    for block in blocks {
        let mut start = block.start;
        if block.bytes.len() > PIECE_BYTES_MAX {
            for frame in block.frames().map_while(Result::ok) {
                if frame.end - start >= (PIECE_BYTES_MAX / 2) as u64 {
                    pieces.extend(part(block, start, frame.end));
                    start = frame.end;
                }
            }
        }
        pieces.extend(part(block, start, block.end().offset));
    }
    pieces
}

fn part(block: &Block, start: u64, end: u64) -> Option<Block> {
    // Within the block, so they fit.
    let range = (start - block.start) as usize..(end - block.start) as usize;
    let is_empty = range.is_empty();
    let bytes = block.bytes.part(range).filter(|_| !is_empty)?;
    Some(Block {
        segment: block.segment,
        start,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_that_somebody_gave_up_is_not_waited_for() {
        let mut bytes = Vec::new();
        log_core::frame::encode(&mut bytes, 0, &[4 << 3 | 2, 0]);
        let pieces = [Block {
            segment: 0,
            start: 0,
            bytes: bytes::Bytes::from(bytes).into(),
        }];
        let rules = Rules::default();
        let queue = Queue::new(&pieces, Position::START, &rules);
        assert!(queue.claim(0));
        let begun = Begun {
            slot: &queue.slots[0],
            becomes: Slot::Untouched,
        };
        let applied = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let mut applied = 0;
                queue.for_each(|_| applied += 1);
                applied
            });
            drop(begun);
            waiting.join().unwrap()
        });
        assert_eq!(applied, 1);
    }
}
