//! Archives: the files of a commit as a gzipped tar, with `git archive` as the oracle.

use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::read::GzDecoder;
use git::Error;
use proto::GitHash;
use tar::EntryType;

use crate::fixture::{TestRepo, tree_entry};
use crate::random_edits::Random;

static GO_ON: AtomicBool = AtomicBool::new(false);

/// What a tar has: path, kind, mode, time, target of the link, and bytes.
type Content = Vec<(Vec<u8>, EntryType, u32, u64, Vec<u8>, Vec<u8>)>;

fn content(tar: impl Read) -> Content {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let header = entry.header();
        let (mode, time) = (header.mode().unwrap(), header.mtime().unwrap());
        let target = entry
            .link_name_bytes()
            .map(|target| target.to_vec())
            .unwrap_or_default();
        (
            entry.path_bytes().to_vec(),
            header.entry_type(),
            mode,
            time,
            target,
            bytes,
        )
    });
    entries
        .filter(|entry| entry.1 != EntryType::XGlobalHeader)
        .collect()
}

fn archive(repo: &TestRepo, commit: &GitHash) -> Vec<u8> {
    let mut bytes = Vec::new();
    let size = repo.open().archive(commit, &mut bytes, &GO_ON).unwrap();
    assert_eq!(size, bytes.len() as u64);
    bytes
}

#[test]
fn content_is_that_of_git_archive() {
    let repo = TestRepo::new();
    repo.write("file", "text\r\n");
    repo.write("empty", "");
    repo.write("dir/er/binary", [0u8, 255, 10].repeat(1000));
    repo.write("dir-sibling", "x");
    repo.write("run.sh", "#!/bin/sh\n");
    std::fs::set_permissions(repo.path.join("run.sh"), PermissionsExt::from_mode(0o755)).unwrap();
    symlink("../file", repo.path.join("dir/link")).unwrap();
    symlink("x".repeat(200), repo.path.join("long link")).unwrap();
    repo.write(
        &format!("{}/{}", "d".repeat(90), "f".repeat(150)),
        "long path",
    );
    std::fs::write(
        repo.path
            .join(std::ffi::OsStr::from_bytes(b"not utf-8 \xff")),
        "y",
    )
    .unwrap();
    repo.git(["add", "-A"]);
    repo.git([
        "update-index",
        "--add",
        "--cacheinfo",
        &format!("160000,{},mod/ule", "8".repeat(40)),
    ]);
    let commit = repo.commit_index("root");
    let ours = content(GzDecoder::new(archive(&repo, &commit).as_slice()));
    let args = [
        "-c",
        "tar.umask=0022",
        "archive",
        "--format=tar",
        &commit.to_string(),
    ];
    let mut theirs = content(repo.git_bytes(args).as_slice());
    // git gives links all rights; they have no meaning.
    for entry in theirs
        .iter_mut()
        .filter(|entry| entry.1 == EntryType::Symlink)
    {
        entry.2 = 0o755;
    }
    assert_eq!(ours, theirs);
    assert_eq!(ours.len(), 14);
}

#[test]
fn the_same_commit_gives_the_same_bytes() {
    let repo = TestRepo::new();
    repo.write("dir/file", "x".repeat(100_000));
    let first = repo.commit("first");
    let bytes = archive(&repo, &first);
    assert_eq!(archive(&repo, &first), bytes);
    repo.git(["gc", "-q"]);
    assert_eq!(archive(&repo, &first), bytes);
    let later = repo.commit("the same tree a second later");
    let times = |bytes: &[u8]| {
        content(GzDecoder::new(bytes))
            .iter()
            .map(|entry| entry.3)
            .collect::<Vec<_>>()
    };
    assert_eq!(times(&bytes), [1_700_000_001; 2]);
    assert_eq!(times(&archive(&repo, &later)), [1_700_000_002; 2]);
}

#[test]
fn an_empty_tree_is_an_empty_archive() {
    let repo = TestRepo::new();
    let commit = repo.commit("root");
    assert_eq!(
        content(GzDecoder::new(archive(&repo, &commit).as_slice())),
        []
    );
}

#[test]
fn attributes_have_no_say() {
    let repo = TestRepo::new();
    repo.write(".gitattributes", "secret export-ignore\n* eol=crlf ident\n");
    repo.write("secret", "$Id$\n");
    let commit = repo.commit("root");
    let entries = content(GzDecoder::new(archive(&repo, &commit).as_slice()));
    assert_eq!(entries[1].5, b"$Id$\n");
}

#[test]
fn names_that_would_leave_the_folder_are_refused() {
    let repo = TestRepo::new();
    let blob = repo.hash_object("blob", b"x\n");
    let link = repo.hash_object("blob", b"/etc");
    let dir = repo.hash_object("tree", &tree_entry("100644", b"f", &blob));
    let trees = [
        tree_entry("100644", b"..", &blob),
        tree_entry("40000", b"..", &dir),
        tree_entry("100644", b".", &blob),
        tree_entry("100644", b"", &blob),
        tree_entry("100644", b"/etc/passwd", &blob),
        tree_entry("100644", b"a/b", &blob),
        tree_entry("40000", b".git", &dir),
        tree_entry("40000", b".GIT", &dir),
        // A link first, and then a file through it.
        [
            tree_entry("120000", b"d", &link),
            tree_entry("40000", b"d", &dir),
        ]
        .concat(),
        [
            tree_entry("100644", b"f", &blob),
            tree_entry("100644", b"f", &blob),
        ]
        .concat(),
    ];
    for tree in trees {
        let tree = repo.hash_object("tree", &tree);
        let nested = repo.hash_object("tree", &tree_entry("40000", b"nested", &tree));
        for root in [tree, nested] {
            let commit = repo.commit_tree(&root, &[]);
            let result = repo.open().archive(&commit, &mut io::sink(), &GO_ON);
            assert!(
                matches!(&result, Err(Error::Corrupt { hash, .. }) if *hash == tree),
                "{result:?}"
            );
        }
    }
}

#[test]
fn trees_without_end_and_odd_links_are_refused() {
    let repo = TestRepo::new();
    let mut deep = repo.hash_object("tree", b"");
    for _ in 0..20 {
        deep = repo.hash_object("tree", &tree_entry("40000", &[b'd'; 250], &deep));
    }
    let mut trees = vec![deep];
    for target in [vec![], b"a\0b".to_vec(), vec![b'x'; 4097]] {
        let link = repo.hash_object("blob", &target);
        trees.push(repo.hash_object("tree", &tree_entry("120000", b"link", &link)));
    }
    for tree in trees {
        let commit = repo.commit_tree(&tree, &[]);
        let result = repo.open().archive(&commit, &mut io::sink(), &GO_ON);
        assert!(matches!(result, Err(Error::Corrupt { .. })), "{result:?}");
    }
}

/// Takes so many bytes, and then fails or cancels.
struct Receiver<'a> {
    room: usize,
    cancel: Option<&'a AtomicBool>,
}

impl Write for Receiver<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.room < data.len() {
            match self.cancel {
                Some(cancel) => cancel.store(true, Ordering::Relaxed),
                None => return Err(io::Error::new(io::ErrorKind::StorageFull, "no room")),
            }
        }
        self.room = self.room.saturating_sub(data.len());
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_receiver_that_fails_and_a_caller_that_cancels() {
    let repo = TestRepo::new();
    for number in 0..10 {
        // Bytes that don't shrink.
        let mut random = Random(number);
        let bytes: Vec<u8> = (0..2000)
            .flat_map(|_| random.next().to_be_bytes())
            .collect();
        repo.write(&format!("file{number}"), bytes);
    }
    let commit = repo.commit("root");
    let result = repo.open().archive(
        &commit,
        &mut Receiver {
            room: 1000,
            cancel: None,
        },
        &GO_ON,
    );
    assert!(matches!(result, Err(Error::Archive { .. })), "{result:?}");
    let cancel = AtomicBool::new(false);
    let result = repo.open().archive(
        &commit,
        &mut Receiver {
            room: 1000,
            cancel: Some(&cancel),
        },
        &cancel,
    );
    assert!(matches!(result, Err(Error::Cancelled { .. })), "{result:?}");
    let absent = "9".repeat(40).parse().unwrap();
    assert!(matches!(
        repo.open().archive(&absent, &mut io::sink(), &GO_ON),
        Err(Error::Missing { .. })
    ));
}
