//! Mirrors of repositories on this machine: everything but the network.

use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use git::{Error, Head, Location, Repository};
use proto::GitHash;

use crate::fixture::{TestRepo, command, output};

static GO_ON: AtomicBool = AtomicBool::new(false);

fn location(path: &Path) -> Location {
    Location::parse(&format!("file://{}", path.display())).unwrap()
}

fn mirror_dir(repo: &TestRepo) -> PathBuf {
    repo.path_around("mirror")
}

fn mirror(repo: &TestRepo) -> Repository {
    Repository::mirror(&location(&repo.path), mirror_dir(repo)).unwrap()
}

/// Fetches, and checks that the mirror then has the refs of its source. Returns whether something changed.
fn fetch(repo: &TestRepo, mirror: &Repository) -> bool {
    let changed = mirror
        .fetch(&GO_ON)
        .unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(mirror.refs().unwrap(), repo.open().refs().unwrap());
    assert!(!mirror.fetch(&GO_ON).unwrap(), "nothing more to fetch");
    output(command(&mirror_dir(repo)).args(["fsck", "--strict"]), b"");
    changed
}

fn branch_names(repository: &Repository) -> Vec<String> {
    repository
        .refs()
        .unwrap()
        .refs
        .into_iter()
        .map(|found| found.name)
        .collect()
}

#[test]
fn a_first_fetch_and_a_new_commit() {
    let repo = TestRepo::new();
    repo.write("a", "1\n");
    let first = repo.commit("first");
    let mirror = mirror(&repo);
    assert_eq!(mirror.name(), "project");
    assert_eq!(mirror.refs().unwrap().refs, []);
    assert!(fetch(&repo, &mirror));
    assert!(mirror.commit(&first).is_ok());
    repo.write("a", "1\n2\n");
    let second = repo.commit("second");
    assert!(fetch(&repo, &mirror));
    assert_eq!(mirror.commit(&second).unwrap().files.len(), 1);
    let order = mirror
        .missing(&[second], &|commit| *commit == first, &GO_ON)
        .unwrap();
    assert_eq!(order, [second]);
}

#[test]
fn branches_move_in_every_way() {
    let repo = TestRepo::new();
    let first = repo.commit("first");
    for branch in ["gone", "moved", "side/deep", "flat"] {
        repo.git(["branch", branch]);
    }
    let mirror = mirror(&repo);
    assert!(fetch(&repo, &mirror));
    repo.commit("second");
    assert!(fetch(&repo, &mirror));

    repo.git(["branch", "-D", "gone"]);
    assert!(fetch(&repo, &mirror), "deleted");
    repo.git(["reset", "-q", "--hard", &first.to_string()]);
    repo.commit("instead of second");
    assert!(fetch(&repo, &mirror), "forced");
    repo.git(["reset", "-q", "--hard", &first.to_string()]);
    assert!(fetch(&repo, &mirror), "back");
    repo.git(["branch", "-m", "flat", "flat/not"]);
    repo.git(["branch", "-m", "side/deep", "side"]);
    assert!(
        fetch(&repo, &mirror),
        "a file becomes a directory, and the other way round"
    );
    repo.git(["branch", "-m", "main", "trunk"]);
    assert!(fetch(&repo, &mirror), "the default branch has another name");
    let trunk = Head::Branch {
        name: "refs/heads/trunk".to_owned(),
        target: Some(first),
    };
    assert_eq!(mirror.refs().unwrap().head, trunk);
    assert_eq!(
        branch_names(&mirror),
        ["flat/not", "moved", "side", "trunk"].map(|name| format!("refs/heads/{name}"))
    );
    repo.git(["symbolic-ref", "HEAD", "refs/heads/moved"]);
    assert!(fetch(&repo, &mirror), "the default branch is another one");
    repo.git(["checkout", "-q", "--detach"]);
    let lonely = repo.commit("on no branch");
    assert!(fetch(&repo, &mirror), "HEAD is on no branch");
    assert_eq!(mirror.refs().unwrap().head, Head::Detached(lonely));
    assert!(mirror.commit(&lonely).is_ok());
    repo.git(["checkout", "-q", "trunk"]);
    assert!(fetch(&repo, &mirror), "HEAD is on a branch again");
}

#[test]
fn tags_move_too() {
    let repo = TestRepo::new();
    let first = repo.commit("first");
    repo.git(["tag", "light"]);
    repo.git(["tag", "-a", "-m", "x", "annotated"]);
    repo.git(["tag", "-a", "-m", "x", "of-tree", "HEAD^{tree}"]);
    let mirror = mirror(&repo);
    assert!(fetch(&repo, &mirror));
    let second = repo.commit("second");
    repo.git(["tag", "-f", "light"]);
    repo.git(["tag", "-f", "-a", "-m", "y", "annotated"]);
    assert!(fetch(&repo, &mirror));
    assert!(
        mirror
            .refs()
            .unwrap()
            .refs
            .iter()
            .all(|found| found.target == second && found.target != first)
    );
    repo.git(["tag", "-d", "light", "annotated"]);
    assert!(fetch(&repo, &mirror));
    assert_eq!(branch_names(&mirror), ["refs/heads/main"]);
}

#[test]
fn other_refs_are_left_where_they_are() {
    let repo = TestRepo::new();
    repo.commit("first");
    for name in [
        "refs/notes/commits",
        "refs/pull/1/head",
        "refs/remotes/origin/x",
        "refs/stash",
    ] {
        repo.git(["update-ref", name, "HEAD"]);
    }
    let mirror = mirror(&repo);
    assert!(fetch(&repo, &mirror));
    let text = output(
        command(&mirror_dir(&repo)).args(["for-each-ref", "--format=%(refname)"]),
        b"",
    );
    assert_eq!(String::from_utf8(text).unwrap(), "refs/heads/main\n");
}

#[test]
fn an_empty_remote_and_its_first_commit() {
    let repo = TestRepo::new();
    repo.git(["symbolic-ref", "HEAD", "refs/heads/start"]);
    let mirror = mirror(&repo);
    fetch(&repo, &mirror);
    let start = |target| Head::Branch {
        name: "refs/heads/start".to_owned(),
        target,
    };
    assert_eq!(mirror.refs().unwrap().head, start(None));
    let commit = repo.commit("first");
    assert!(fetch(&repo, &mirror));
    assert_eq!(mirror.refs().unwrap().head, start(Some(commit)));
    repo.git(["checkout", "-q", "--detach"]);
    repo.git(["branch", "-D", "start"]);
    repo.git(["symbolic-ref", "HEAD", "refs/heads/start"]);
    assert!(fetch(&repo, &mirror), "empty again");
}

#[test]
fn names_that_are_not_utf_8() {
    let repo = TestRepo::new();
    repo.commit("first");
    let name = std::ffi::OsStr::from_bytes(b"refs/heads/\xff");
    output(
        command(&repo.path).arg("update-ref").arg(name).arg("HEAD"),
        b"",
    );
    let mirror = mirror(&repo);
    assert!(fetch(&repo, &mirror));
    assert_eq!(mirror.refs().unwrap().skipped, 1);
    output(
        command(&repo.path).args(["update-ref", "-d"]).arg(name),
        b"",
    );
    assert!(fetch(&repo, &mirror));
    assert_eq!(mirror.refs().unwrap().skipped, 0);
}

#[test]
fn a_thousand_branches() {
    let repo = TestRepo::new();
    let first = repo.commit("first");
    let create: String = (0..1000)
        .map(|number| format!("create refs/heads/b/{number} {first}\n"))
        .collect();
    repo.git_reading(["update-ref", "--stdin"], create.as_bytes());
    let mirror = mirror(&repo);
    assert!(fetch(&repo, &mirror));
    let delete: String = (0..999)
        .map(|number| format!("delete refs/heads/b/{number}\n"))
        .collect();
    repo.git_reading(["update-ref", "--stdin"], delete.as_bytes());
    repo.commit("second");
    assert!(fetch(&repo, &mirror));
}

#[test]
fn a_shallow_remote() {
    let repo = TestRepo::new();
    let commits = ["one", "two", "three"].map(|message| repo.commit(message));
    let url = format!("file://{}", repo.path.display());
    output(
        command(repo.around.path()).args(["clone", "-q", "--depth=2", &url, "shallow"]),
        b"",
    );
    let shallow = location(&repo.path_around("shallow"));
    let mirror = Repository::mirror(&shallow, mirror_dir(&repo)).unwrap();
    mirror
        .fetch(&GO_ON)
        .unwrap_or_else(|error| panic!("{error:?}"));
    assert!(mirror.is_shallow());
    assert_eq!(
        mirror.missing(&commits[2..], &|_| false, &GO_ON).unwrap(),
        commits[1..]
    );
    output(
        command(&repo.path_around("shallow")).args(["commit", "-q", "--allow-empty", "-m", "four"]),
        b"",
    );
    assert!(mirror.fetch(&GO_ON).unwrap());
}

#[test]
fn a_mirror_opened_again_goes_on() {
    let repo = TestRepo::new();
    repo.commit("first");
    assert!(fetch(&repo, &mirror(&repo)));
    let second = repo.commit("second");
    let again = mirror(&repo);
    assert_eq!(again.refs().unwrap().refs.len(), 1);
    assert!(fetch(&repo, &again));
    assert!(again.commit(&second).is_ok());
    std::os::unix::fs::symlink(mirror_dir(&repo), repo.path_around("link")).unwrap();
    for way in ["mirror/", "./mirror/.", "project/../mirror", "link"] {
        let other_way = Repository::mirror(&location(&repo.path), repo.path_around(way)).unwrap();
        assert!(!other_way.fetch(&GO_ON).unwrap());
    }
    let in_place = Repository::open(mirror_dir(&repo)).unwrap();
    assert_eq!(in_place.refs().unwrap(), again.refs().unwrap());
    assert!(matches!(
        in_place.fetch(&GO_ON),
        Err(Error::NotAMirror { .. })
    ));
}

#[test]
fn a_mirror_that_was_left_half_made_is_finished() {
    let repo = TestRepo::new();
    repo.commit("first");
    let dir = mirror_dir(&repo);
    std::fs::create_dir(&dir).unwrap();
    drop(mirror(&repo));
    for gone in [
        &["HEAD"][..],
        &["HEAD", "config"],
        &["HEAD", "config", "refs/tags", "objects/pack"],
    ] {
        for name in gone {
            let path = dir.join(name);
            if path.is_dir() {
                std::fs::remove_dir(path).unwrap()
            } else {
                std::fs::remove_file(path).unwrap()
            }
        }
        std::fs::write(dir.join("config.new"), "[co").unwrap();
        std::fs::write(dir.join("HEAD.new"), "re").unwrap();
        drop(mirror(&repo));
    }
    assert!(fetch(&repo, &mirror(&repo)));
}

#[test]
fn a_head_that_lost_its_bytes_is_set_right() {
    let repo = TestRepo::new();
    repo.git(["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    repo.commit("first");
    assert!(fetch(&repo, &mirror(&repo)));
    std::fs::write(mirror_dir(&repo).join("HEAD"), "").unwrap();
    assert!(fetch(&repo, &mirror(&repo)));
}

#[test]
fn what_a_killed_fetch_left_behind_is_removed() {
    let repo = TestRepo::new();
    repo.commit("first");
    let mirror = mirror(&repo);
    assert!(fetch(&repo, &mirror));
    repo.commit("second");
    repo.git(["branch", "side/x"]);
    let dir = mirror_dir(&repo);
    std::fs::create_dir_all(dir.join("refs/heads/side")).unwrap();
    let leftovers = [
        "HEAD.lock",
        "packed-refs.lock",
        "config.lock",
        "shallow.lock",
        "refs/heads/main.lock",
        "refs/heads/side/x.lock",
        "objects/pack/.tmpAbCdEf",
        "objects/pack/tmp_pack_x",
        "objects/pack/pack-x.keep",
    ];
    for leftover in leftovers {
        std::fs::write(dir.join(leftover), "").unwrap();
    }
    assert!(fetch(&repo, &mirror));
    for leftover in leftovers {
        assert!(!dir.join(leftover).exists(), "{leftover}");
    }
}

#[test]
fn one_fetch_at_a_time() {
    let repo = TestRepo::new();
    repo.commit("first");
    let mirror = mirror(&repo);
    let held = File::create(mirror_dir(&repo).join("fetching")).unwrap();
    held.lock().unwrap();
    let error = mirror.fetch(&GO_ON).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error:?}");
    drop(held);
    assert!(fetch(&repo, &mirror));
}

#[test]
fn folders_of_others_are_not_touched() {
    let repo = TestRepo::new();
    repo.commit("first");
    let other = TestRepo::new();
    other.commit("other");
    let here = location(&repo.path);
    let refused = |dir: &Path| match Repository::mirror(&here, dir) {
        Err(error @ Error::NotTheMirror { .. }) => error.to_string(),
        result => panic!("{result:?}"),
    };
    let notes = repo.path_around("notes");
    std::fs::create_dir(&notes).unwrap();
    std::fs::write(notes.join("file"), "x").unwrap();
    assert!(refused(&notes).contains("file"));
    assert_eq!(std::fs::read_dir(&notes).unwrap().count(), 1);

    refused(&other.path);
    refused(&other.path.join(".git"));
    output(
        command(repo.around.path()).args(["init", "-q", "--bare", "own.git"]),
        b"",
    );
    refused(&repo.path_around("own.git"));
    let theirs = mirror_dir(&other);
    Repository::mirror(&location(&other.path), &theirs).unwrap();
    assert!(refused(&theirs).contains(other.path.to_str().unwrap()));
    let path = theirs.join("config");
    let config = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        config.replace(
            other.path.to_str().unwrap(),
            "https://me:secret@example.com/x",
        ),
    )
    .unwrap();
    assert!(!refused(&theirs).contains("secret"));
    let file = repo.path.join(".git/HEAD");
    assert!(matches!(
        Repository::mirror(&here, &file),
        Err(Error::File { .. })
    ));
}

#[test]
fn a_remote_that_is_not_there() {
    let repo = TestRepo::new();
    repo.commit("first");
    let mirror = mirror(&repo);
    assert!(fetch(&repo, &mirror));
    let refs = mirror.refs().unwrap();
    let aside = repo.path_around("aside");
    std::fs::rename(&repo.path, &aside).unwrap();
    let error = mirror.fetch(&GO_ON).unwrap_err();
    assert!(error.to_string().contains("project"), "{error}");
    std::fs::create_dir(&repo.path).unwrap();
    let error = mirror.fetch(&GO_ON).unwrap_err();
    assert!(matches!(error, Error::Fetch { .. }), "{error:?}");
    assert_eq!(mirror.refs().unwrap(), refs);
}

#[test]
fn paths_with_odd_characters() {
    let repo = TestRepo::new();
    let commit = repo.commit("first");
    for name in [
        "with space",
        "a:b",
        "per%20cent",
        "quote\"d",
        "ü",
        "#hash",
        "back\\slash",
        "question?x",
    ] {
        let path = repo.path_around(name);
        output(
            command(repo.around.path())
                .args(["clone", "-q", "--bare", "project"])
                .arg(&path),
            b"",
        );
        let here = Location::parse(path.to_str().unwrap()).unwrap();
        let dir = repo.path_around(&format!("mirror of {name}"));
        for _ in 0..2 {
            let mirror =
                Repository::mirror(&here, &dir).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            mirror
                .fetch(&GO_ON)
                .unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert!(mirror.commit(&commit).is_ok());
        }
    }
}

#[test]
fn reading_goes_on_while_fetches_add_packs() {
    let repo = TestRepo::new();
    let mirror = mirror(&repo);
    let commits: Vec<GitHash> = (0..40)
        .map(|number| {
            repo.write("a", format!("{number}\n"));
            let commit = repo.commit("more");
            assert!(mirror.fetch(&GO_ON).unwrap());
            assert!(mirror.commit(&commit).is_ok());
            commit
        })
        .collect();
    let reader = mirror.clone();
    output(
        command(&mirror_dir(&repo)).args(["gc", "-q", "--prune=now"]),
        b"",
    );
    for commit in commits {
        assert!(reader.commit(&commit).is_ok());
    }
}
