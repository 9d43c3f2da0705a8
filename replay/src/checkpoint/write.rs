//! Writes a checkpoint: blocks as they come, and at the end what they are.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use super::head::Head;
use super::{ALIGNMENT, CheckpointError, MAGIC};
use crate::columns::BlockSink;

/// The version of the tables' columns and of what is in them. Any change there makes older checkpoints useless, and
/// has to change this.
pub(crate) const TABLES_VERSION: u32 = 5;

/// How the names of files begin that are not whole yet.
pub(crate) const UNFINISHED: &str = "unfinished-";

const BUFFER_BYTES: usize = 1 << 20;

struct Sink<W> {
    out: W,
    at: u64,
    /// Start, length and checksum of each block.
    entries: Vec<[u64; 3]>,
    numbers: Vec<u64>,
    /// The first write that failed; nothing is written after it.
    error: Option<io::Error>,
}

impl<W: Write> Sink<W> {
    fn put(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            self.error = self.out.write_all(bytes).err();
        }
        self.at += bytes.len() as u64;
    }

    fn align(&mut self) {
        let over = self.at as usize % ALIGNMENT;
        if over > 0 {
            self.put(&[0; ALIGNMENT][over..]);
        }
    }
}

impl<W: Write> BlockSink for Sink<W> {
    fn number(&mut self, number: u64) {
        self.numbers.push(number);
    }

    fn block(&mut self, bytes: &[u8]) {
        self.align();
        self.entries
            .push([self.at, bytes.len() as u64, xxh3_64(bytes)]);
        self.put(bytes);
    }
}

/// Writes a file that appears under its name only when it is whole. `save` gives the blocks. Gives its length.
///
/// It need not survive a power cut: what is damaged is made anew.
pub(crate) fn write(
    path: &Path,
    head: &Head,
    save: impl FnOnce(&mut dyn BlockSink),
) -> Result<u64, CheckpointError> {
    let io = |what| {
        move |source| CheckpointError::Io {
            what,
            path: path.to_owned(),
            source,
        }
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let temp = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempfile_in(folder)
        .map_err(io("write"))?;
    let out = BufWriter::with_capacity(BUFFER_BYTES, temp.as_file());
    let len = write_to(out, head, save).map_err(io("write"))?;
    temp.persist(path)
        .map_err(|error| io("name")(error.error))?;
    Ok(len)
}

/// Writes the bytes of a file.
pub(super) fn write_to<W: Write>(
    out: W,
    head: &Head,
    save: impl FnOnce(&mut dyn BlockSink),
) -> io::Result<u64> {
    let mut sink = Sink {
        out,
        at: 0,
        entries: Vec::new(),
        numbers: Vec::new(),
        error: None,
    };
    sink.put(MAGIC);
    save(&mut sink);
    sink.align();
    let table = sink.at;
    let (entries, numbers) = (
        std::mem::take(&mut sink.entries),
        std::mem::take(&mut sink.numbers),
    );
    let head = serde_json::to_vec(head)?;
    let words = entries.iter().flatten().chain(&numbers);
    let mut end: Vec<u8> = words.flat_map(|word| word.to_le_bytes()).collect();
    end.extend_from_slice(&head);
    let checksum = xxh3_64(&end);
    let counts = [
        table,
        entries.len() as u64,
        numbers.len() as u64,
        head.len() as u64,
        checksum,
        0,
    ];
    end.extend(counts.iter().flat_map(|word| word.to_le_bytes()));
    end.extend_from_slice(MAGIC);
    sink.put(&end);
    if let Some(error) = sink.error {
        return Err(error);
    }
    sink.out.flush()?;
    Ok(sink.at)
}
