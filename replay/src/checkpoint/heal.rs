//! Makes the damaged blocks of a checkpoint anew, by folding the log again. Depends on the corpus.

use std::collections::HashMap;

use log_core::Position;

use super::Checkpoint;
use crate::columns::BlockSink;
use crate::corpus::{Corpus, Rules};
use crate::projection::Folded;
use crate::segments::Segments;

/// What a checkpoint was made from.
pub(crate) struct Origin {
    pub(crate) segments: Segments,
    pub(crate) rules: Rules,
    pub(crate) position: Position,
}

/// The blocks that were damaged. Of words, so that cells of any width may lie in them.
pub(super) struct Healed {
    blocks: HashMap<u32, Words>,
}

/// Bytes that lie where a word may.
pub(super) struct Words {
    words: Vec<u64>,
    len: usize,
}

impl AsRef<[u8]> for Words {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl Words {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut words = vec![0u64; bytes.len().div_ceil(8)];
        bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self {
            words,
            len: bytes.len(),
        }
    }

    fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }
}

impl Healed {
    pub(super) fn block(&self, block: u32) -> &[u8] {
        self.blocks.get(&block).map_or(&[], Words::bytes)
    }
}

/// Keeps the blocks that are damaged in the checkpoint.
struct Damaged<'c> {
    checkpoint: &'c Checkpoint,
    next: u32,
    blocks: HashMap<u32, Words>,
}

impl BlockSink for Damaged<'_> {
    fn number(&mut self, _: u64) {}

    fn block(&mut self, bytes: &[u8]) {
        // One of another length is another: then the log's bytes changed.
        let entry = self.checkpoint.entry(self.next);
        let fits = entry.is_some_and(|(_, len, _)| len == bytes.len());
        if fits && self.checkpoint.sound_block(self.next).is_none() {
            self.blocks.insert(self.next, Words::of(bytes));
        }
        self.next += 1;
    }
}

/// Folds the log up to where the checkpoint stands, and takes the blocks that it needs from there.
#[cold]
pub(super) fn heal(checkpoint: &Checkpoint, origin: Option<&Origin>) -> Healed {
    tracing::warn!(
        checkpoint = %checkpoint.path().display(),
        "a page of the checkpoint is damaged; making it anew from the log"
    );
    let mut damaged = Damaged {
        checkpoint,
        next: 0,
        blocks: HashMap::new(),
    };
    if let Some(origin) = origin {
        let mut folded = Folded::<Corpus>::starting_from(Corpus::with_rules(origin.rules.clone()));
        let blocks = origin.segments.blocks_until(origin.position);
        if let Err(error) = folded.fold_blocks(&blocks) {
            tracing::error!("the log cannot be folded again: {error}");
        }
        folded.state().save_pages(&mut damaged);
    }
    // What could not be made anew, so that rows at least are where they are looked for. It can't be but for a log
    // whose bytes changed.
    for block in 0..checkpoint.blocks() {
        if checkpoint.sound_block(block).is_none() && !damaged.blocks.contains_key(&block) {
            let len = checkpoint.entry(block).map_or(0, |(_, len, _)| len);
            damaged.blocks.insert(block, Words::of(&vec![0; len]));
        }
    }
    Healed {
        blocks: damaged.blocks,
    }
}
