//! `HEAD`, branches and tags, with `git for-each-ref` as the oracle.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use git::{Head, Ref, Refs};
use proto::GitHash;

use crate::fixture::TestRepo;

fn on_main(target: Option<GitHash>) -> Head {
    Head::Branch {
        name: "refs/heads/main".to_owned(),
        target,
    }
}

/// Branches and tags as git lists them: those of commits, tags followed.
fn for_each_ref(repo: &TestRepo) -> Vec<Ref> {
    let names = repo.git([
        "for-each-ref",
        "--format=%(refname)",
        "refs/heads/",
        "refs/tags/",
    ]);
    let input: String = names
        .lines()
        .map(|name| format!("{name}^{{commit}}\n"))
        .collect();
    let found = repo.git_reading(
        ["cat-file", "--batch-check=%(objectname)"],
        input.as_bytes(),
    );
    // What leads to no commit gives another line than a hash.
    let refs = names.lines().zip(found.lines());
    refs.filter_map(|(name, hash)| {
        Some(Ref {
            name: name.to_owned(),
            target: hash.parse().ok()?,
        })
    })
    .collect()
}

fn checked(repo: &TestRepo) -> Refs {
    let refs = repo.open().refs().unwrap();
    assert_eq!(refs.refs, for_each_ref(repo));
    refs
}

#[test]
fn an_empty_repository() {
    let repo = TestRepo::new();
    assert_eq!(
        checked(&repo),
        Refs {
            head: on_main(None),
            refs: vec![],
            skipped: 0
        }
    );
}

#[test]
fn branches_and_tags() {
    let repo = TestRepo::new();
    let first = repo.commit("first");
    repo.git(["branch", "feature/a"]);
    repo.git(["tag", "light"]);
    let second = repo.commit("second");
    repo.git(["branch", "feature-b"]);
    repo.git(["branch", "ümlaut"]);
    repo.git(["tag", "-a", "-m", "x", "annotated"]);
    repo.git(["tag", "-a", "-m", "x", "tag-of-tag", "annotated"]);
    repo.git(["tag", "-a", "-m", "x", "tag-of-tree", "HEAD^{tree}"]);
    repo.git(["tag", "tree", "HEAD^{tree}"]);
    repo.git(["update-ref", "refs/remotes/origin/main", "HEAD"]);
    repo.git(["update-ref", "refs/notes/commits", "HEAD"]);
    repo.git(["update-ref", "refs/stash", "HEAD"]);
    for _ in ["loose", "packed"] {
        let refs = checked(&repo);
        assert_eq!(refs.head, on_main(Some(second)));
        assert_eq!(refs.skipped, 0);
        let found: Vec<_> = refs
            .refs
            .iter()
            .map(|found| (found.name.as_str(), found.target))
            .collect();
        let expected = [
            ("refs/heads/feature-b", second),
            ("refs/heads/feature/a", first),
            ("refs/heads/main", second),
            ("refs/heads/ümlaut", second),
            ("refs/tags/annotated", second),
            ("refs/tags/light", first),
            ("refs/tags/tag-of-tag", second),
        ];
        assert_eq!(found, expected);
        repo.git(["pack-refs", "--all"]);
    }
}

#[test]
fn heads_of_all_kinds() {
    let repo = TestRepo::new();
    let commit = repo.commit("root");
    repo.git(["checkout", "-q", "--detach"]);
    assert_eq!(checked(&repo).head, Head::Detached(commit));
    repo.git(["checkout", "-q", "--orphan", "new"]);
    assert_eq!(
        checked(&repo).head,
        Head::Branch {
            name: "refs/heads/new".to_owned(),
            target: None
        }
    );
    repo.git(["update-ref", "refs/other/x", "main"]);
    repo.write(".git/HEAD", "ref: refs/other/x\n");
    let other = |target| Head::Branch {
        name: "refs/other/x".to_owned(),
        target,
    };
    assert_eq!(checked(&repo).head, other(Some(commit)));
    repo.git(["pack-refs", "--all"]);
    assert_eq!(checked(&repo).head, other(Some(commit)));
    repo.write(".git/HEAD", "ref: refs/../../../outside\n");
    assert!(
        repo.open()
            .refs()
            .is_ok_and(|refs| matches!(refs.head, Head::Branch { target: None, .. }))
    );
    repo.write(".git/HEAD", "nonsense\n");
    let error = repo.open().refs().unwrap_err();
    assert!(error.to_string().contains("HEAD"), "{error}");
}

#[test]
fn refs_that_point_to_refs() {
    let repo = TestRepo::new();
    let commit = repo.commit("root");
    repo.git(["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
    repo.git(["symbolic-ref", "refs/heads/alias2", "refs/heads/alias"]);
    repo.git(["symbolic-ref", "refs/heads/dangling", "refs/heads/nothing"]);
    repo.git(["pack-refs", "--all"]);
    let refs = repo.open().refs().unwrap();
    let names: Vec<_> = refs.refs.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(
        names,
        ["refs/heads/alias", "refs/heads/alias2", "refs/heads/main"]
    );
    assert!(refs.refs.iter().all(|found| found.target == commit));
    assert_eq!(refs.skipped, 1);
    repo.git(["symbolic-ref", "HEAD", "refs/heads/alias"]);
    let head = Head::Branch {
        name: "refs/heads/alias".to_owned(),
        target: Some(commit),
    };
    assert_eq!(repo.open().refs().unwrap().head, head);
}

#[test]
fn what_cannot_be_used_is_counted() {
    let repo = TestRepo::new();
    let commit = repo.commit("root");
    let heads = repo.path.join(".git/refs/heads");
    let text = format!("{commit}\n");
    std::fs::write(heads.join(OsStr::from_bytes(b"not-utf-8-\xff")), &text).unwrap();
    std::fs::write(heads.join("bad~name"), &text).unwrap();
    std::fs::write(heads.join("broken"), "nonsense").unwrap();
    std::fs::write(heads.join("empty"), "").unwrap();
    std::fs::write(heads.join("absent"), format!("{}\n", "5".repeat(40))).unwrap();
    std::fs::write(heads.join("being-written.lock"), "").unwrap();
    std::fs::create_dir(heads.join("empty-dir")).unwrap();
    let opened = repo.open();
    for _ in 0..3 {
        let refs = opened.refs().unwrap();
        assert_eq!(
            refs.refs,
            [Ref {
                name: "refs/heads/main".to_owned(),
                target: commit
            }]
        );
        assert_eq!(refs.skipped, 5);
    }
    // git can't pack the broken ones.
    let packed = [
        b"# pack-refs with: peeled fully-peeled sorted \n",
        &text.as_bytes()[..40],
        b" refs/heads/\xff\n",
    ]
    .concat();
    repo.write(".git/packed-refs", packed);
    assert_eq!(opened.refs().unwrap().skipped, 6);
}

#[test]
fn an_object_that_comes_later_is_seen() {
    let repo = TestRepo::new();
    let commit = repo.commit("root");
    let file = repo
        .path
        .join(".git/objects")
        .join(&commit.to_string()[..2]);
    let aside = repo.path_around("aside");
    std::fs::rename(&file, &aside).unwrap();
    let opened = repo.open();
    for _ in 0..2 {
        let refs = opened.refs().unwrap();
        assert_eq!((refs.refs.len(), refs.skipped), (0, 1));
    }
    std::fs::rename(&aside, &file).unwrap();
    assert_eq!(opened.refs().unwrap().refs.len(), 1);
}

#[test]
fn a_thousand_branches_loose_and_packed() {
    let repo = TestRepo::new();
    let first = repo.commit("first");
    let second = repo.commit("second");
    let create: String = (0..1000)
        .map(|number| format!("create refs/heads/b/{number:03} {first}\n"))
        .collect();
    repo.git_reading(["update-ref", "--stdin"], create.as_bytes());
    let opened = repo.open();
    let mut expected: BTreeMap<_, _> = (0..1000)
        .map(|number| (format!("refs/heads/b/{number:03}"), first))
        .collect();
    expected.insert("refs/heads/main".to_owned(), second);
    let assert_refs = |expected: &BTreeMap<String, GitHash>| {
        let refs = opened.refs().unwrap();
        let found: BTreeMap<_, _> = refs
            .refs
            .into_iter()
            .map(|found| (found.name, found.target))
            .collect();
        assert_eq!(found, *expected);
    };
    assert_refs(&expected);
    repo.git(["pack-refs", "--all", "--prune"]);
    assert_refs(&expected);
    repo.git(["update-ref", "refs/heads/b/500", &second.to_string()]);
    expected.insert("refs/heads/b/500".to_owned(), second);
    assert_refs(&expected);
    repo.git(["update-ref", "-d", "refs/heads/b/501"]);
    expected.remove("refs/heads/b/501");
    assert_refs(&expected);
    repo.git(["pack-refs", "--all", "--prune"]);
    assert_refs(&expected);
}

#[test]
fn every_change_of_another_process_is_seen_at_once() {
    let repo = TestRepo::new();
    let commits = [repo.commit("one"), repo.commit("two")];
    let opened = repo.open();
    let target = || {
        opened
            .refs()
            .unwrap()
            .refs
            .iter()
            .find(|found| found.name == "refs/heads/x")
            .map(|found| found.target)
    };
    for round in 0..40 {
        let commit = commits[round % 2];
        repo.git(["update-ref", "refs/heads/x", &commit.to_string()]);
        assert_eq!(target(), Some(commit));
        match round % 4 {
            1 => drop(repo.git(["pack-refs", "--all"])),
            3 => {
                repo.git(["update-ref", "-d", "refs/heads/x"]);
                assert_eq!(target(), None);
                continue;
            }
            _ => {}
        }
        assert_eq!(target(), Some(commit));
    }
}

#[test]
fn no_ref_is_lost_while_refs_are_packed() {
    let repo = TestRepo::new();
    let updates = [repo.commit("one"), repo.commit("two")].map(|commit| {
        (0..200)
            .map(|number| format!("update refs/heads/{number} {commit}\n"))
            .collect::<String>()
    });
    let opened = repo.open();
    repo.git_reading(["update-ref", "--stdin"], updates[0].as_bytes());
    std::thread::scope(|scope| {
        let packing = scope.spawn(|| {
            for round in 1..10 {
                repo.git(["pack-refs", "--all", "--prune"]);
                // Writes all of them as files again.
                repo.git_reading(["update-ref", "--stdin"], updates[round % 2].as_bytes());
            }
        });
        while !packing.is_finished() {
            assert_eq!(opened.refs().unwrap().refs.len(), 201);
        }
        packing.join().unwrap();
    });
}
