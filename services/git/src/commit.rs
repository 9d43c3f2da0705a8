//! One commit: its bytes and the files that it changes, as the log keeps them (spec 3.4, 4.3). Depends on
//! [`crate::tree_diff`] and [`crate::line_counts`].

use gix::objs::Kind;
use proto::GitHash;

use crate::line_counts::{Counts, LineCounter};
use crate::objects::Objects;
use crate::quote::quoted;
use crate::tree_diff::{self, Changes};
use crate::{Error, Repository};

/// A commit as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitObject {
    /// The bytes of `git cat-file commit HASH`.
    pub raw: Vec<u8>,
    /// The lines of `git diff-tree --numstat HASH`, in git's order: what the commit changes against its only parent.
    /// A root commit and a merge have none.
    pub files: Vec<FileStat>,
    /// `files` is empty because it could not be made: the parent, a tree or a file is not in the repository (it is a
    /// shallow or a partial clone), or there are more than 250,000 changed files.
    pub files_left_out: bool,
}

/// What a commit does to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStat {
    /// Path in the repository, as git prints it: in double quotes with escapes if it has a quote, a backslash, a
    /// control character or a byte above 126. Spaces at its ends stay.
    pub name: String,
    /// Lines added, as git counts them. Beyond a million lines that differ (four million in one commit), and now and
    /// then in a file with tens of thousands of lines that are much alike, it is not git's number: what is the best
    /// way to turn one file into another is then an estimate, here as in git. 0 if binary.
    pub added: i64,
    /// Lines deleted; `added - deleted` is always how much longer the file became. 0 if binary.
    pub deleted: i64,
    /// The old or the new file has a NUL in its first 8,000 bytes, or is larger than 50 MB, or lies beyond the 2 GB of
    /// files that are read for one commit. `git` prints `-` for both counts.
    pub binary: bool,
}

/// The parts of a commit's header that are needed to read it.
pub(crate) struct Header {
    pub(crate) tree: GitHash,
    pub(crate) parents: Vec<GitHash>,
    /// Seconds since 1970 of the committer's clock. 0 if there is none.
    pub(crate) committed: u64,
}

impl Header {
    /// Reads the bytes of a commit. What it needs has to be as git writes it; the rest can be anything.
    pub(crate) fn parse(raw: &[u8]) -> Result<Self, &'static str> {
        let mut lines = raw
            .split(|&byte| byte == b'\n')
            .take_while(|line| !line.is_empty())
            .peekable();
        let tree = lines
            .next()
            .and_then(|line| line.strip_prefix(b"tree "))
            .and_then(GitHash::from_hex)
            .ok_or("its first line names no tree")?;
        let mut parents = Vec::new();
        while let Some(hex) = lines.peek().and_then(|line| line.strip_prefix(b"parent ")) {
            parents.push(GitHash::from_hex(hex).ok_or("a parent line names no commit")?);
            lines.next();
        }
        let committed = lines
            .find_map(|line| line.strip_prefix(b"committer "))
            .and_then(seconds)
            .unwrap_or_default();
        Ok(Self {
            tree,
            parents,
            committed,
        })
    }
}

/// The seconds of `Name <email> SECONDS ZONE`.
fn seconds(person: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(person.rsplit(|&byte| byte == b'>').next()?).ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// See [`Repository::commit`].
pub(crate) fn read(repository: &Repository, hash: &GitHash) -> Result<CommitObject, Error> {
    let mut objects = repository.objects();
    let mut raw = Vec::new();
    objects.read(hash, Kind::Commit, &mut raw)?;
    let header = Header::parse(&raw).map_err(|problem| objects.corrupt(hash, problem))?;
    let files = match header.parents.as_slice() {
        [parent] => changed_files(repository, &mut objects, hash, parent, &header.tree)?,
        _ => Some(Vec::new()),
    };
    Ok(CommitObject {
        raw,
        files_left_out: files.is_none(),
        files: files.unwrap_or_default(),
    })
}

/// `None` if something that is needed is not in the repository, or is too much.
fn changed_files(
    repository: &Repository,
    objects: &mut Objects<'_>,
    hash: &GitHash,
    parent: &GitHash,
    tree: &GitHash,
) -> Result<Option<Vec<FileStat>>, Error> {
    let mut buffer = Vec::new();
    let found = if repository.shallow_commits()?.contains(hash) {
        objects.try_read_unlikely(parent, &mut buffer)?
    } else {
        objects.try_read(parent, &mut buffer)?
    };
    if found.is_none() {
        return Ok(None);
    }
    objects.expect(parent, found, Kind::Commit)?;
    let old_tree = Header::parse(&buffer)
        .map_err(|problem| objects.corrupt(parent, problem))?
        .tree;
    let changes = match tree_diff::changes(objects, &old_tree, tree) {
        Ok(Changes::All(changes)) => changes,
        Ok(Changes::TooMany) | Err(Error::Missing { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut counter = LineCounter::default();
    let mut files = Vec::with_capacity(changes.len());
    for change in changes {
        let counts = match counter.count(objects, change.old, change.new) {
            Ok(counts) => counts,
            Err(Error::Missing { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let name = quoted(&change.path);
        files.push(match counts {
            Counts::Lines { added, deleted } => FileStat {
                name,
                added,
                deleted,
                binary: false,
            },
            Counts::Binary => FileStat {
                name,
                added: 0,
                deleted: 0,
                binary: true,
            },
        });
    }
    Ok(Some(files))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn header_is_read() {
        let raw = format!(
            "tree {HASH}\nparent {HASH}\nparent {HASH}\nauthor A <a> 1 +0000\ncommitter <B> C <b> 12 +0100\n\nparent {HASH}\n"
        );
        let header = Header::parse(raw.as_bytes()).unwrap();
        assert_eq!(header.tree.to_string(), HASH);
        assert_eq!(header.parents.len(), 2);
        assert_eq!(header.committed, 12);
    }

    #[test]
    fn odd_headers_are_read_or_refused() {
        assert_eq!(
            Header::parse(format!("tree {HASH}").as_bytes())
                .unwrap()
                .committed,
            0
        );
        for committer in [
            "",
            "A <a>",
            "A <a> -1 +0000",
            "A <a> 99999999999999999999 +0000",
            "\u{fffd} 5 6",
        ] {
            let raw = format!("tree {HASH}\ncommitter {committer}\n\n");
            assert_eq!(
                Header::parse(raw.as_bytes()).unwrap().committed,
                0,
                "{committer}"
            );
        }
        for raw in [
            "",
            "\n",
            "tree",
            "tree 12\n",
            &format!("tree {HASH}\nparent 12\n"),
            &format!("parent {HASH}\n"),
        ] {
            assert!(Header::parse(raw.as_bytes()).is_err(), "{raw}");
        }
    }
}
