//! A directory as a gzipped tar: files, directories and symlinks, in the order of
//! their names. Sockets, pipes and devices are left out: they mean nothing
//! elsewhere. Blocking.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

use crate::workdir::sorted_names;

/// How much of the tar goes into a gzip member when there are many.
const MEMBER_BYTES: usize = 1 << 20;

/// How the archive is cut into gzip members. A reader of gzip reads either; many
/// members can be compressed, and by those who care unpacked, side by side.
#[derive(Clone, Copy, Debug)]
pub(super) enum Members {
    /// One for all, for readers that know no better.
    One,
    /// One for each [`MEMBER_BYTES`] of input.
    Many,
}

/// Writes the archive of `dir`. An error leaves it without its end.
pub(super) fn pack(dir: &Path, members: Members, out: &mut impl Write) -> io::Result<()> {
    match members {
        Members::One => {
            let mut gzip = GzEncoder::new(out, Compression::default());
            pack_tar(dir, &mut gzip)?;
            gzip.finish()?;
            Ok(())
        }
        Members::Many => {
            let mut gzip = MemberWriter {
                out,
                gathered: Vec::with_capacity(MEMBER_BYTES),
            };
            pack_tar(dir, &mut gzip)?;
            gzip.write_member()
        }
    }
}

fn pack_tar(dir: &Path, out: &mut impl Write) -> io::Result<()> {
    let mut tar = tar::Builder::new(out);
    tar.follow_symlinks(false);
    // What is still to be packed, next one last; paths are relative to `dir`.
    let mut left = children(dir, Path::new(""))?;
    while let Some(relative) = left.pop() {
        let path = dir.join(&relative);
        let found = fs::symlink_metadata(&path)?;
        let mut header = tar::Header::new_gnu();
        header.set_metadata(&found);
        if found.is_dir() {
            tar.append_data(&mut header, &relative, io::empty())?;
            left.extend(children(dir, &relative)?);
        } else if found.is_symlink() {
            tar.append_link(&mut header, &relative, fs::read_link(&path)?)?;
        } else if found.is_file() {
            let file = File::open(&path)?;
            let size = found.len();
            tar.append_data(&mut header, &relative, Exactly { file, left: size })?;
        }
    }
    tar.finish()
}

/// The entries of `dir/relative`, last name first.
fn children(dir: &Path, relative: &Path) -> io::Result<Vec<PathBuf>> {
    let names = sorted_names(&dir.join(relative))?.into_iter().rev();
    Ok(names.map(|name| relative.join(name)).collect())
}

/// A file of which the tar header has already promised the size. What it grew by
/// meanwhile is left out; that it shrank is an error.
struct Exactly {
    file: File,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(out.len());
        let count = self.file.read(&mut out[..room])?;
        if count == 0 && room > 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "a file shrank while it was packed",
            ));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// Gathers input for a member, then compresses and writes it.
struct MemberWriter<W> {
    out: W,
    gathered: Vec<u8>,
}

impl<W: Write> MemberWriter<W> {
    fn write_member(&mut self) -> io::Result<()> {
        let mut gzip = GzEncoder::new(&mut self.out, Compression::default());
        gzip.write_all(&self.gathered)?;
        gzip.finish()?;
        self.gathered.clear();
        Ok(())
    }
}

impl<W: Write> Write for MemberWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gathered.len() == MEMBER_BYTES {
            self.write_member()?;
        }
        let count = bytes.len().min(MEMBER_BYTES - self.gathered.len());
        self.gathered.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
