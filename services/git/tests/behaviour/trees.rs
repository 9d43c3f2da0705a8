//! Files and directories of a commit.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use git::{EntryKind, Error, TreeEntry};

use crate::fixture::TestRepo;

#[test]
fn files_are_read() {
    let repo = TestRepo::new();
    repo.write("file", "text\r\n");
    repo.write("deep/er/file", b"\0\xff");
    repo.write("empty", "");
    symlink("file", repo.path.join("link")).unwrap();
    let first = repo.commit("first");
    repo.write("file", "other");
    repo.commit("second");
    let opened = repo.open();
    let read = |path: &str| opened.read_file(&first, path, 100).unwrap();
    assert_eq!(read("file"), Some(b"text\r\n".to_vec()));
    assert_eq!(read("deep/er/file"), Some(b"\0\xff".to_vec()));
    assert_eq!(read("/deep//er/./file"), Some(b"\0\xff".to_vec()));
    assert_eq!(read("empty"), Some(Vec::new()));
    for path in [
        "",
        "deep",
        "deep/er",
        "link",
        "nothing",
        "file/x",
        "deep/nothing",
        "deep/../file",
        "FILE",
    ] {
        assert_eq!(read(path), None, "{path}");
    }
}

#[test]
fn files_that_are_too_large_are_refused() {
    let repo = TestRepo::new();
    repo.write("dir/file", "12345");
    let commit = repo.commit("root");
    let opened = repo.open();
    assert_eq!(
        opened.read_file(&commit, "dir/file", 5).unwrap(),
        Some(b"12345".to_vec())
    );
    let error = opened.read_file(&commit, "dir/file", 4).unwrap_err();
    assert!(
        matches!(
            error,
            Error::TooLarge {
                size: 5,
                limit: 4,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("dir/file"));
}

#[test]
fn directories_are_listed() {
    let repo = TestRepo::new();
    repo.write("dir/x", "");
    repo.write("dir-sibling", "");
    repo.write("run", "");
    std::fs::set_permissions(repo.path.join("run"), PermissionsExt::from_mode(0o755)).unwrap();
    symlink("x", repo.path.join("link")).unwrap();
    repo.write("ü", "");
    std::fs::write(repo.path.join(std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
    repo.git(["add", "-A"]);
    let module = format!("160000,{},module", "6".repeat(40));
    repo.git(["update-index", "--add", "--cacheinfo", &module]);
    let commit = repo.commit_index("root");
    let opened = repo.open();
    let list = |dir: &str| -> Vec<_> {
        let entries = opened.list(&commit, dir).unwrap();
        entries
            .into_iter()
            .map(|TreeEntry { name, kind }| (name, kind))
            .collect()
    };
    let expected = [
        ("dir-sibling", EntryKind::File),
        ("dir", EntryKind::Directory),
        ("link", EntryKind::Symlink),
        ("module", EntryKind::Submodule),
        ("run", EntryKind::Executable),
        ("ü", EntryKind::File),
    ];
    assert_eq!(
        list(""),
        expected.map(|(name, kind)| (name.to_owned(), kind))
    );
    assert_eq!(list("/"), list(""));
    assert_eq!(list("dir"), [("x".to_owned(), EntryKind::File)]);
    for path in ["nothing", "run", "link", "module", "dir/x", "dir/nothing"] {
        assert_eq!(list(path), [], "{path}");
    }
}

#[test]
fn an_empty_commit_is_empty() {
    let repo = TestRepo::new();
    let commit = repo.commit("root");
    assert_eq!(repo.open().list(&commit, "").unwrap(), []);
    let absent = "7".repeat(40).parse().unwrap();
    assert!(matches!(
        repo.open().list(&absent, ""),
        Err(Error::Missing { .. })
    ));
    assert!(matches!(
        repo.open().read_file(&absent, "x", 1),
        Err(Error::Missing { .. })
    ));
}
