//! Commits: raw bytes and changed files, with `git cat-file` and `git diff-tree` as the oracle.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use git::{CommitObject, FileStat};
use proto::GitHash;

use crate::fixture::{TestRepo, lines};

/// What `git diff-tree --numstat` prints for a commit.
pub(crate) fn numstat(repo: &TestRepo, commit: &GitHash) -> Vec<FileStat> {
    let text = repo.git(["diff-tree", "--numstat", &commit.to_string()]);
    text.lines().filter_map(parse_numstat_line).collect()
}

/// `None` for the line with the commit's hash.
pub(crate) fn parse_numstat_line(line: &str) -> Option<FileStat> {
    let (added, rest) = line.split_once('\t')?;
    let (deleted, name) = rest.split_once('\t')?;
    let binary = added == "-";
    let count = |text: &str| if binary { 0 } else { text.parse().unwrap() };
    Some(FileStat {
        name: name.to_owned(),
        added: count(added),
        deleted: count(deleted),
        binary,
    })
}

/// Reads a commit, and compares it with what git says of it.
fn checked(repo: &TestRepo, commit: &GitHash) -> CommitObject {
    let object = repo.open().commit(commit).unwrap();
    assert_eq!(
        object.raw,
        repo.git_bytes(["cat-file", "commit", &commit.to_string()])
    );
    assert_eq!(object.files, numstat(repo, commit));
    assert!(!object.files_left_out);
    object
}

#[test]
fn text_changes() {
    let repo = TestRepo::new();
    repo.write("a.txt", lines(0..20));
    repo.write("gone.txt", lines(0..3));
    repo.write("empty", "");
    repo.write("empty gone", "");
    let root = repo.commit("root");
    assert_eq!(checked(&repo, &root).files, []);

    repo.write("a.txt", lines(0..5) + "new\n" + &lines(7..20));
    repo.remove("gone.txt");
    repo.remove("empty gone");
    repo.write("empty", "now\nsome");
    repo.write("deep/er/dir/b.txt", "x\ny\n");
    repo.write("deep/empty too", "");
    let files = checked(&repo, &repo.commit("changes")).files;
    let a = FileStat {
        name: "a.txt".to_owned(),
        added: 1,
        deleted: 2,
        binary: false,
    };
    assert_eq!(files[0], a);
    assert_eq!(files.len(), 6);
}

#[test]
fn line_ends() {
    let repo = TestRepo::new();
    repo.write("crlf", "a\r\nb\r\nc\r\n");
    repo.write("lf", "a\nb\nc\n");
    repo.write("no end", "a\nb");
    repo.write("end", "a\nb\n");
    repo.write("old mac", "a\rb\rc");
    repo.commit("root");
    repo.write("crlf", "a\nb\nc\n");
    repo.write("lf", "a\nb\r\nc\n");
    repo.write("no end", "a\nb\n");
    repo.write("end", "a\nb");
    repo.write("old mac", "a\rx\rc");
    let files = checked(&repo, &repo.commit("ends")).files;
    assert_eq!(
        files.iter().map(|file| file.added).sum::<i64>(),
        3 + 1 + 1 + 1 + 1
    );
}

#[test]
fn binary_files() {
    let repo = TestRepo::new();
    let late_nul = [vec![b'x'; 7999], vec![0]].concat();
    let too_late_nul = [vec![b'x'; 8000], vec![0]].concat();
    repo.write("binary to text", b"a\0b\n");
    repo.write("text to binary", "a\nb\n");
    repo.write("mode only", b"\0");
    repo.write("gone", b"\0\0\0");
    repo.write("late", &late_nul);
    repo.write("too late", &too_late_nul);
    repo.commit("root");
    repo.write("binary to text", "a\nb\n");
    repo.write("text to binary", b"a\0b\n");
    std::fs::set_permissions(
        repo.path.join("mode only"),
        PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    repo.remove("gone");
    repo.write("new", b"\0");
    repo.write("late", b"text\n");
    repo.write("too late", b"text\n");
    let files = checked(&repo, &repo.commit("binary")).files;
    let text: Vec<_> = files
        .iter()
        .filter(|file| !file.binary)
        .map(|file| file.name.as_str())
        .collect();
    assert_eq!(text, ["too late"]);
    assert!(
        files
            .iter()
            .filter(|file| file.binary)
            .all(|file| file.added == 0 && file.deleted == 0)
    );
}

#[test]
fn kinds_and_modes() {
    let repo = TestRepo::new();
    let at = |name: &str| repo.path.join(name);
    repo.write("mode", "x\n");
    repo.write("mode and text", "x\n");
    repo.write("file to link", "target\n");
    symlink("one", at("link")).unwrap();
    symlink("target", at("link to file")).unwrap();
    symlink("same", at("link to same file")).unwrap();
    repo.write("file to dir", "1\n2\n");
    repo.write("dir to file/a", "1\n");
    repo.write("dir to file/b/c", "2\n");
    repo.write("dir to file-sibling", "3\n");
    repo.commit("root");
    std::fs::set_permissions(at("mode"), PermissionsExt::from_mode(0o755)).unwrap();
    repo.write("mode and text", "x\ny\n");
    std::fs::set_permissions(at("mode and text"), PermissionsExt::from_mode(0o755)).unwrap();
    repo.remove("file to link");
    symlink("target\n", at("file to link")).unwrap();
    repo.remove("link");
    symlink("two", at("link")).unwrap();
    repo.remove("link to file");
    repo.write("link to file", "target\n");
    repo.remove("link to same file");
    repo.write("link to same file", "same");
    repo.remove("file to dir");
    repo.write("file to dir/x", "1\n2\n");
    repo.remove("dir to file");
    repo.write("dir to file", "1\n");
    repo.write("dir to file-sibling", "4\n");
    assert_eq!(checked(&repo, &repo.commit("kinds")).files.len(), 12);
}

#[test]
fn renames_are_not_looked_for() {
    let repo = TestRepo::new();
    repo.write("old/name", lines(0..50));
    repo.commit("root");
    repo.git(["mv", "old", "new"]);
    let files = checked(&repo, &repo.commit("rename")).files;
    assert_eq!(
        files
            .iter()
            .map(|file| (file.added, file.deleted))
            .collect::<Vec<_>>(),
        [(50, 0), (0, 50)]
    );
}

#[test]
fn names_are_quoted_as_git_does() {
    let repo = TestRepo::new();
    repo.write("plain", "");
    repo.commit("root");
    for name in [
        "ü/ö",
        "tab\there",
        "new\nline",
        "quote\"",
        "back\\slash",
        " spaces ",
        "\u{1f600}",
        "\x01\x7f\x07\x08\x0b\x0c\r",
    ] {
        repo.write(name, "x\n");
    }
    std::fs::write(
        repo.path
            .join(std::ffi::OsStr::from_bytes(b"not utf-8 \xff\xfe")),
        "y\n",
    )
    .unwrap();
    let files = checked(&repo, &repo.commit("names")).files;
    assert_eq!(files.len(), 9);
    assert!(
        files
            .iter()
            .any(|file| file.name == r#""not utf-8 \377\376""#)
    );
    assert!(files.iter().any(|file| file.name == " spaces "));
}

#[test]
fn merges_and_empty_commits_change_nothing() {
    let repo = TestRepo::new();
    repo.write("a", "1\n");
    repo.commit("root");
    let empty = repo.commit("empty");
    assert_eq!(checked(&repo, &empty).files, []);
    repo.git(["checkout", "-q", "-b", "side"]);
    repo.write("b", "1\n");
    repo.commit("side");
    repo.git(["checkout", "-q", "main"]);
    repo.write("a", "2\n");
    repo.commit("main");
    repo.git(["merge", "-q", "--no-edit", "side"]);
    let object = checked(&repo, &repo.hash("HEAD"));
    assert_eq!(object.files, []);
    assert_eq!(
        object
            .raw
            .windows(7)
            .filter(|window| window == b"parent ")
            .count(),
        2
    );
}

#[test]
fn submodules() {
    let repo = TestRepo::new();
    repo.write("file to module", "x\n");
    let first = repo.commit("root");
    let entry = |name: &str, hash: &GitHash| format!("160000,{hash},{name}");
    repo.git([
        "update-index",
        "--add",
        "--cacheinfo",
        &entry("module", &first),
    ]);
    repo.git([
        "update-index",
        "--add",
        "--cacheinfo",
        &entry("file to module", &first),
    ]);
    let second = repo.commit_index("modules");
    assert_eq!(checked(&repo, &second).files.len(), 2);
    repo.git(["update-index", "--cacheinfo", &entry("module", &second)]);
    repo.git(["update-index", "--force-remove", "file to module"]);
    assert_eq!(checked(&repo, &repo.commit_index("moved")).files.len(), 2);
}

#[test]
fn raw_bytes_are_kept() {
    let repo = TestRepo::new();
    let tree = repo.git(["write-tree"]);
    let raw = [
        format!("tree {tree}\nauthor \u{fc} <a> 1 +0000\ncommitter ").into_bytes(),
        b"latin1 \xfc <c> 1700000000 -0330\nencoding ISO-8859-1\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n".to_vec(),
        b" -----END PGP SIGNATURE-----\nHG:extra \x01\nmergetag object 12\n type commit\n\nmess\xe4ge\r\n\n\nno end".to_vec(),
    ]
    .concat();
    let commit = repo.hash_object("commit", &raw);
    let object = repo.open().commit(&commit).unwrap();
    assert_eq!(object.raw, raw);
    assert_eq!(object.files, []);
    let child = repo.commit_tree(&tree.parse().unwrap(), &[commit]);
    checked(&repo, &child);
}

#[test]
fn replaced_objects_stay_as_they_were() {
    let repo = TestRepo::new();
    repo.write("a", "1\n");
    let first = repo.commit("first");
    repo.write("a", "2\n");
    let second = repo.commit("second");
    let raw = repo.git_bytes(["cat-file", "commit", &first.to_string()]);
    repo.git(["replace", &first.to_string(), &second.to_string()]);
    assert_eq!(repo.open().commit(&first).unwrap().raw, raw);
}

#[test]
fn attributes_and_configuration_have_no_say() {
    let repo = TestRepo::new();
    repo.write(".gitattributes", "*.txt binary\n");
    repo.write("a.txt", "1\n");
    repo.commit("root");
    repo.write("a.txt", "1\n2\n");
    let commit = repo.commit("change");
    repo.git(["config", "core.quotePath", "false"]);
    repo.git(["config", "diff.algorithm", "histogram"]);
    let files = repo.open().commit(&commit).unwrap().files;
    assert_eq!(
        files,
        [FileStat {
            name: "a.txt".to_owned(),
            added: 1,
            deleted: 0,
            binary: false
        }]
    );
}
