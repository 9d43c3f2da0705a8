//! Files as memory, which no compiler can check.
//!
//! The kernel reads a mapped page when it is touched and may forget it again, so a mapped log costs no memory of
//! this process's own. Depends on `memmap2`.
//!
//! Miri can't map files, so it can't look at this. Everything else of this crate is without `unsafe`, but for the texts of
//! `wire/reader.rs`, the hints of `prefetch` and the sixteen bytes at a time of `notedb/blocks.rs`; what it does with pages
//! that are shared can be run by Miri all the same: `cargo +nightly miri test -p replay columns::`.

#![allow(unsafe_code)] // a mapping's bytes are only as constant as the file, which no compiler can know

use std::fs::File;
use std::io::{Error, ErrorKind, Result};

use memmap2::{Mmap, MmapOptions};

/// Maps `len` bytes of a file from `offset` on. The file must be one that is never written to in place where it has
/// bytes already, nor cut; if it has fewer bytes, that is an error.
///
/// Files of a log are such: a segment's file gets its name when it is whole, and a growing one only grows. Who cuts
/// one all the same ends every process that looks at what is gone, as with any mapped file.
pub(crate) fn map(file: &File, offset: u64, len: usize) -> Result<Mmap> {
    let have = file.metadata()?.len();
    if offset.checked_add(len as u64).is_none_or(|end| end > have) {
        let text = format!("it has {have} bytes where {len} from {offset} on are due");
        return Err(Error::new(ErrorKind::UnexpectedEof, text));
    }
    // SAFETY: the bytes are in the file, and stay as they are for as long as they are mapped: files of a log never
    // change where they have bytes; they are made under another name and renamed, or appended to.
    unsafe { MmapOptions::new().offset(offset).len(len).map(file) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn parts_of_a_file_are_mapped_and_no_more_than_there_is() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        assert_eq!(&*map(&file, 0, 10).unwrap(), b"0123456789");
        assert_eq!(&*map(&file, 3, 4).unwrap(), b"3456");
        for (offset, len) in [(0, 11), (11, 0), (5, 6), (u64::MAX, 2)] {
            let error = map(&file, offset, len).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{offset}+{len}");
        }
    }
}
