//! What the bytes of a checkpoint are, to change them or to compare them (docs/CHECKPOINT-FORMAT.md).

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

const TRAILER: usize = 64;
const ENTRY: usize = 24;

/// A checkpoint's bytes and where its parts are.
pub(crate) struct CheckpointFile {
    pub(crate) bytes: Vec<u8>,
    pub(crate) table: Range<usize>,
    pub(crate) numbers: Range<usize>,
    pub(crate) head: Range<usize>,
    pub(crate) blocks: Vec<Range<usize>>,
}

impl CheckpointFile {
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        let word = |at: usize| {
            let bytes = bytes[at..].first_chunk().unwrap();
            u64::from_le_bytes(*bytes) as usize
        };
        let trailer = bytes.len() - TRAILER;
        let (table, entries, numbers, head) = (
            word(trailer),
            word(trailer + 8),
            word(trailer + 16),
            word(trailer + 24),
        );
        let block = |number: usize| {
            let start = word(table + number * ENTRY);
            start..start + word(table + number * ENTRY + 8)
        };
        let blocks = (0..entries).map(block).collect();
        let (table, from) = (table..table + entries * ENTRY, table + entries * ENTRY);
        let (numbers, from) = (from..from + numbers * 8, from + numbers * 8);
        let head = from..from + head;
        assert_eq!(head.end, trailer);
        Self {
            bytes,
            table,
            numbers,
            head,
            blocks,
        }
    }

    pub(crate) fn read(path: &std::path::Path) -> Self {
        Self::of(std::fs::read(path).unwrap())
    }

    /// The version of its tables.
    pub(crate) fn tables(&self) -> char {
        let head = str::from_utf8(&self.bytes[self.head.clone()]).unwrap();
        let (_, rest) = head.split_once("\"tables\":").unwrap();
        rest.chars().next().unwrap()
    }

    /// The file with another text in its head, of the same length, as if it had been written so.
    pub(crate) fn with_head(&self, from: &str, to: &str) -> Vec<u8> {
        assert_eq!(from.len(), to.len());
        let head = str::from_utf8(&self.bytes[self.head.clone()]).unwrap();
        let at = self.head.start + head.find(from).unwrap();
        let mut bytes = self.bytes.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        let checksum = xxh3_64(&bytes[self.table.start..self.head.end]);
        let trailer = bytes.len() - TRAILER;
        bytes[trailer + 32..trailer + 40].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The file with one bit flipped.
    pub(crate) fn flipped(&self, at: usize) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes[at] ^= 0x10;
        bytes
    }
}
