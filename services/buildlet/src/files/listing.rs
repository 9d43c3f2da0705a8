//! The lines of `/ls`: mode, name, and for files size, time and digest, between
//! tabs (spec: builds 1.3). Blocking.

use std::{
    ffi::OsString,
    fs::{self, File, FileType, Metadata},
    io::{self, Read, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use sha1::{Digest, Sha1};

use crate::workdir::sorted_names;

/// What a caller wants to see.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Whether to go down into directories.
    pub(super) recursive: bool,
    /// Whether to add each file's SHA-1.
    pub(super) digest: bool,
    /// Directories, as their lines would name them but without the slash, that are
    /// left out with all in them.
    pub(super) skip: Vec<OsString>,
}

/// Writes a line per entry below `dir`: each directory's entries in the order of
/// their names, a directory's own entries right after it.
pub(super) fn list(dir: &Path, wanted: &Wanted, out: &mut impl Write) -> io::Result<()> {
    // What is still to be visited, next one last; paths are relative to `dir`.
    let mut left = children(dir, Path::new(""))?;
    while let Some(relative) = left.pop() {
        let path = dir.join(&relative);
        let found = fs::symlink_metadata(&path)?;
        if found.is_dir() && wanted.skip.iter().any(|skip| relative.as_os_str() == skip) {
            continue;
        }
        write!(out, "{}\t", mode_text(&found))?;
        out.write_all(relative.as_os_str().as_bytes())?;
        if found.is_dir() {
            out.write_all(b"/")?;
        } else if found.is_file() {
            write!(out, "\t{}\t{}", found.len(), time_text(&found))?;
            if wanted.digest {
                write!(out, "\t{}", sha1_of(&path)?)?;
            }
        }
        out.write_all(b"\n")?;
        if found.is_dir() && wanted.recursive {
            left.extend(children(dir, &relative)?);
        }
    }
    Ok(())
}

/// The entries of `dir/relative`, last name first.
fn children(dir: &Path, relative: &Path) -> io::Result<Vec<PathBuf>> {
    let names = sorted_names(&dir.join(relative))?.into_iter().rev();
    Ok(names.map(|name| relative.join(name)).collect())
}

/// Seconds, UTC, as `2019-08-01T12:00:00Z`. A time that no calendar has is shown as
/// the epoch.
fn time_text(found: &Metadata) -> String {
    let time = jiff::Timestamp::from_second(found.mtime());
    time.unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

fn sha1_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha1::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(HEXLOWER.encode(&hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}

/// A mode as Go shows it: letters for what the entry is (a `-` for a plain
/// file), then the permissions.
fn mode_text(found: &Metadata) -> String {
    let mode = found.mode();
    let kind = kind_letters(found.file_type());
    let bits = [(0o4000, 'u'), (0o2000, 'g'), (0o1000, 't')];
    let special = bits.iter().filter(|(bit, _)| mode & bit != 0);
    let mut text: String = kind
        .chars()
        .chain(special.map(|(_, letter)| *letter))
        .collect();
    if text.is_empty() {
        text.push('-');
    }
    for (index, letter) in "rwxrwxrwx".chars().enumerate() {
        let is_set = mode & (0o400 >> index) != 0;
        text.push(if is_set { letter } else { '-' });
    }
    text
}

fn kind_letters(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "d"
    } else if kind.is_symlink() {
        "L"
    } else if kind.is_fifo() {
        "p"
    } else if kind.is_socket() {
        "S"
    } else if kind.is_char_device() {
        "Dc"
    } else if kind.is_block_device() {
        "D"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn lines() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for made in ["b/deep", "pkg/deep"] {
            fs::create_dir_all(root.join(made)).unwrap();
        }
        for file in ["a.txt", "b/f", "b-side", "pkg/deep/hidden", "b/deep/pkg"] {
            fs::write(root.join(file), "abc").unwrap();
            let file = File::options().write(true).open(root.join(file)).unwrap();
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(1_500);
            file.set_modified(time).unwrap();
            file.set_permissions(fs::Permissions::from_mode(0o640))
                .unwrap();
        }
        for dir in ["b", "b/deep", "pkg"] {
            fs::set_permissions(root.join(dir), fs::Permissions::from_mode(0o2755)).unwrap();
        }
        symlink("a.txt", root.join("link")).unwrap();
        let check = |wanted: Wanted, want: &str| {
            let mut out = Vec::new();
            list(root, &wanted, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), want);
        };

        check(
            Wanted::default(),
            "-rw-r-----\ta.txt\t3\t1970-01-01T00:00:01Z\n\
             dgrwxr-xr-x\tb/\n\
             -rw-r-----\tb-side\t3\t1970-01-01T00:00:01Z\n\
             Lrwxrwxrwx\tlink\n\
             dgrwxr-xr-x\tpkg/\n",
        );
        let digest = "a9993e364706816aba3e25717850c26c9cd0d89d";
        let line = |name: &str| format!("-rw-r-----\t{name}\t3\t1970-01-01T00:00:01Z\t{digest}\n");
        check(
            Wanted {
                recursive: true,
                digest: true,
                skip: vec!["pkg".into()],
            },
            &[
                &line("a.txt"),
                "dgrwxr-xr-x\tb/\n",
                "dgrwxr-xr-x\tb/deep/\n",
                &line("b/deep/pkg"),
                &line("b/f"),
                &line("b-side"),
                "Lrwxrwxrwx\tlink\n",
            ]
            .concat(),
        );
    }
}
