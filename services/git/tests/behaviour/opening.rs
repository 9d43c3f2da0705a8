//! Opening repositories of all shapes, and their names.

use std::error::Error as _;
use std::path::Path;

use git::{Error, Head, Location, Repository};

use crate::fixture::{TestRepo, command, output};

#[test]
fn a_worktree_and_what_is_in_it() {
    let repo = TestRepo::new();
    repo.write("deep/er/file", "x");
    let commit = repo.commit("root");
    for path in ["", "deep", "deep/er", ".git", ".git/objects"] {
        let opened = Repository::open(repo.path.join(path))
            .unwrap_or_else(|error| panic!("{path}: {error:?}"));
        assert_eq!(opened.name(), "project");
        assert!(opened.commit(&commit).is_ok());
    }
}

#[test]
fn bare_repositories() {
    let repo = TestRepo::new();
    let commit = repo.commit("root");
    for (folder, name) in [("bare.git", "bare"), ("bare", "bare"), ("x.y.git", "x.y")] {
        output(
            command(repo.around.path()).args(["clone", "-q", "--bare", "project", folder]),
            b"",
        );
        let opened = Repository::open(repo.path_around(folder)).unwrap();
        assert_eq!(opened.name(), name);
        assert!(opened.commit(&commit).is_ok());
    }
}

#[test]
fn linked_worktrees() {
    let repo = TestRepo::new();
    let commit = repo.commit("root");
    repo.git(["worktree", "add", "-q", "-b", "side", "../linked"]);
    let opened = Repository::open(repo.path_around("linked")).unwrap();
    assert_eq!(opened.name(), "project");
    let refs = opened.refs().unwrap();
    assert_eq!(
        refs.head,
        Head::Branch {
            name: "refs/heads/side".to_owned(),
            target: Some(commit)
        }
    );
    assert_eq!(refs.refs.len(), 2);
    let main = Head::Branch {
        name: "refs/heads/main".to_owned(),
        target: Some(commit),
    };
    assert_eq!(repo.open().refs().unwrap().head, main);
    // The store of a linked worktree can be opened anew.
    repo.git(["gc", "-q", "--prune=now"]);
    assert!(opened.commit(&commit).is_ok());
    assert!(opened.commit(&"4".repeat(40).parse().unwrap()).is_err());
}

#[test]
fn git_folders_elsewhere() {
    let repo = TestRepo::new();
    let args = ["init", "-q", "--separate-git-dir=storage", "worktree"];
    output(command(repo.around.path()).args(args), b"");
    assert_eq!(
        Repository::open(repo.path_around("worktree"))
            .unwrap()
            .name(),
        "worktree"
    );
}

#[test]
fn names_through_links_and_dots() {
    let repo = TestRepo::new();
    std::os::unix::fs::symlink(&repo.path, repo.path_around("link")).unwrap();
    assert_eq!(
        Repository::open(repo.path_around("link")).unwrap().name(),
        "project"
    );
    assert_eq!(
        Repository::open(repo.path.join("../project/."))
            .unwrap()
            .name(),
        "project"
    );
    assert_eq!(
        Location::parse(repo.path_around("link").to_str().unwrap())
            .unwrap()
            .name(),
        "project"
    );
}

#[test]
fn what_is_no_repository() {
    let dir = tempfile::tempdir().unwrap();
    // The temporary folder itself may be in a repository.
    let outside = Path::new("/");
    let error = Repository::open(outside).unwrap_err();
    assert!(matches!(error, Error::NotARepository { .. }), "{error:?}");
    assert_eq!(error.to_string(), "not a git repository: / (or any parent)");
    assert!(error.source().is_some());
    assert!(error.advice().contains("git init"));
    let gone = dir.path().join("nothing");
    let error = Repository::open(&gone).unwrap_err();
    assert!(
        matches!(&error, Error::File { path, .. } if *path == gone),
        "{error:?}"
    );
}

#[test]
fn formats_that_are_not_understood() {
    let dir = tempfile::tempdir().unwrap();
    output(
        command(dir.path()).args(["init", "-q", "--object-format=sha256", "."]),
        b"",
    );
    let error = Repository::open(dir.path()).unwrap_err();
    assert!(matches!(error, Error::Open { .. }), "{error:?}");
    assert!(error.advice().contains("sha256"));
}

#[test]
fn broken_configuration_is_an_error() {
    let repo = TestRepo::new();
    repo.write(".git/config", "[core\nnonsense");
    let error = Repository::open(&repo.path).unwrap_err();
    assert!(matches!(error, Error::Open { .. }), "{error:?}");
}

#[test]
fn configuration_of_the_repository_runs_nothing() {
    let repo = TestRepo::new();
    repo.write(".gitattributes", "* filter=x\n");
    let commit = repo.commit("root");
    let mark = repo.path_around("mark");
    for key in [
        "core.fsmonitor",
        "core.sshCommand",
        "diff.external",
        "filter.x.smudge",
        "core.pager",
    ] {
        repo.git(["config", key, &format!("touch {}", mark.display())]);
    }
    let opened = repo.open();
    opened.refs().unwrap();
    opened.commit(&commit).unwrap();
    opened
        .archive(&commit, &mut Vec::new(), &false.into())
        .unwrap();
    assert!(!mark.exists());
}
