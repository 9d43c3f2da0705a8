//! The lines of `/ls`.

/// What a listing shows.
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    /// The directory, relative to the workdir; empty for the workdir itself.
    pub dir: String,
    /// Whether to go down into directories.
    pub recursive: bool,
    /// Whether to give each file's SHA-1.
    pub digest: bool,
    /// Directories, relative to `dir`, that are left out with all in them.
    pub skip: Vec<String>,
}

/// An entry of a directory on a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// Mode as Go shows it: `-rw-r--r--`, `drwxr-xr-x`, `Lrwxrwxrwx`.
    pub mode: String,
    /// Path relative to the listed directory; a directory's ends in `/`.
    pub name: String,
    /// Bytes; for files only.
    pub size: Option<u64>,
    /// When it was last changed, in RFC 3339; for files only.
    pub modified: Option<String>,
    /// SHA-1 in lower-case hex; for files only, and where it was asked for.
    pub sha1: Option<String>,
}

impl DirEntry {
    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.name.ends_with('/')
    }

    /// Reads a line. `None` if it is none of a listing's.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split('\t');
        let (mode, name) = (fields.next()?, fields.next()?);
        let size = match fields.next() {
            Some(size) => Some(size.parse().ok()?),
            None => None,
        };
        let entry = Self {
            mode: mode.into(),
            name: name.into(),
            size,
            modified: fields.next().map(Into::into),
            sha1: fields.next().map(Into::into),
        };
        let is_whole = fields.next().is_none() && entry.size.is_some() == entry.modified.is_some();
        (is_whole && !entry.mode.is_empty() && !entry.name.is_empty()).then_some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let dir = DirEntry::parse("drwxr-xr-x\tsrc/").unwrap();
        assert!(dir.is_dir());
        assert_eq!((dir.size, &dir.modified), (None, &None));
        let file = DirEntry::parse("-rw-r--r--\tsrc/f\t3\t2019-08-01T00:00:00Z\tabc").unwrap();
        assert!(!file.is_dir());
        assert_eq!(file.size, Some(3));
        assert_eq!(file.modified.unwrap(), "2019-08-01T00:00:00Z");
        assert_eq!(file.sha1.unwrap(), "abc");
        assert_eq!(file.name, "src/f");
    }

    #[test]
    fn other_lines() {
        for line in [
            "",
            "x",
            "\tf",
            "-rw-r--r--\t",
            "-\tf\tx\ttime",
            "-\tf\t3",
            "-\tf\t3\tt\td\tmore",
        ] {
            assert_eq!(DirEntry::parse(line), None, "{line:?}");
        }
    }
}
