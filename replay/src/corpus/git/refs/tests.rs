//! Refs as they are set, moved and deleted.

use proto::maintpb::{GitMutation, GitRef};

use super::*;
use crate::corpus::tests::hash;

fn set(name: &str, digit: u8) -> GitRef {
    GitRef {
        r#ref: name.into(),
        sha1: hash(digit).to_string(),
        symref_target: String::new(),
    }
}

fn symref(name: &str, target: &str, sha1: String) -> GitRef {
    GitRef {
        r#ref: name.into(),
        sha1,
        symref_target: target.into(),
    }
}

fn refs(refs: Vec<GitRef>) -> GitMutation {
    GitMutation {
        refs,
        ..GitMutation::default()
    }
}

fn deleted(names: &[&str]) -> GitMutation {
    GitMutation {
        deleted_refs: names.iter().map(|name| (*name).to_owned()).collect(),
        ..GitMutation::default()
    }
}

#[track_caller]
fn corpus(mutations: impl IntoIterator<Item = GitMutation>) -> Corpus {
    let mut corpus = Corpus::default();
    for mutation in mutations {
        assert_eq!(corpus.git(mutation), Vec::<String>::new());
    }
    corpus
}

#[test]
fn branches_and_tags_are_refs_below_their_folder() {
    let corpus = corpus([refs(vec![
        set("refs/tags/v1", 3),
        set("refs/heads/main", 1),
        set("refs/heads/dev/x", 2),
        set("refs/headsup", 4),
        set("refs/notes/n", 5),
        symref("refs/heads/unborn", "refs/heads/nowhere", String::new()),
    ])]);
    let repo = corpus.repo("go").unwrap();
    let branches: Vec<_> = repo.branches().collect();
    assert_eq!(
        branches,
        [
            Branch {
                name: "dev/x",
                commit: hash(2)
            },
            Branch {
                name: "main",
                commit: hash(1)
            }
        ]
    );
    assert_eq!(
        repo.tags().collect::<Vec<_>>(),
        [Branch {
            name: "v1",
            commit: hash(3)
        }]
    );
    assert_eq!(repo.branch("dev/x"), Some(hash(2)));
    assert_eq!(repo.branch("x"), None);
    let names: Vec<_> = repo.refs().map(|git_ref| git_ref.name).collect();
    assert!(names.is_sorted() && names.len() == 6, "{names:?}");
    assert_eq!(corpus.counts().refs, 6);
}

#[test]
fn refs_move_and_go() {
    let corpus = corpus([
        refs(vec![set("refs/heads/a", 1), set("refs/heads/b", 1)]),
        refs(vec![set("refs/heads/a", 2), set("refs/heads/a", 3)]),
        deleted(&["refs/heads/b", "refs/heads/never", ""]),
    ]);
    let branches: Vec<_> = corpus.repo("go").unwrap().branches().collect();
    assert_eq!(
        branches,
        [Branch {
            name: "a",
            commit: hash(3)
        }]
    );
}

#[test]
fn a_ref_that_is_deleted_and_set_at_once_is_set() {
    let both = GitMutation {
        refs: vec![set("refs/heads/a", 1)],
        ..deleted(&["refs/heads/a"])
    };
    assert_eq!(
        corpus([both]).repo("go").unwrap().branch("a"),
        Some(hash(1))
    );
}

#[test]
fn head_is_the_default_branch() {
    let head = |mutations: Vec<GitMutation>| {
        let corpus = corpus(mutations);
        corpus
            .repo("go")
            .unwrap()
            .head()
            .map(|head| (head.branch.map(str::to_owned), head.commit))
    };
    let main = || Some("main".to_owned());
    let to_main = |sha1: String| refs(vec![symref("HEAD", "refs/heads/main", sha1)]);

    assert_eq!(head(vec![refs(vec![set("refs/heads/main", 1)])]), None);
    assert_eq!(head(vec![to_main(String::new())]), Some((main(), None)));
    assert_eq!(
        head(vec![to_main(hash(1).to_string())]),
        Some((main(), Some(hash(1))))
    );
    // The branch is newer than what HEAD once said.
    let moved = refs(vec![set("refs/heads/main", 2)]);
    assert_eq!(
        head(vec![to_main(hash(1).to_string()), moved]),
        Some((main(), Some(hash(2))))
    );
    assert_eq!(
        head(vec![refs(vec![set("HEAD", 5)])]),
        Some((None, Some(hash(5))))
    );
    let elsewhere = refs(vec![symref(
        "HEAD",
        "refs/remotes/o/x",
        hash(4).to_string(),
    )]);
    assert_eq!(
        head(vec![elsewhere]),
        Some((Some("refs/remotes/o/x".to_owned()), Some(hash(4))))
    );
    assert_eq!(head(vec![to_main(String::new()), deleted(&["HEAD"])]), None);
}

#[test]
fn refs_to_nothing_are_passed_over_and_the_others_are_not() {
    let mut corpus = Corpus::default();
    let bad = |name: &str, sha1: &str| GitRef {
        r#ref: name.into(),
        sha1: sha1.into(),
        symref_target: String::new(),
    };
    let reasons = corpus.git(refs(vec![
        bad("", &hash(1).to_string()),
        bad("refs/heads/a", ""),
        bad("refs/heads/b", "master"),
        symref("refs/heads/c", "refs/heads/main", "xyz".into()),
        set("refs/heads/good", 1),
    ]));
    let repo = || "go".to_owned();
    let not_a_hash = |name: &str, sha1: &str| BadRef::Hash {
        repo: repo(),
        name: name.into(),
        sha1: sha1.into(),
    };
    let want = [
        BadRef::NoName { repo: repo() },
        not_a_hash("refs/heads/a", ""),
        not_a_hash("refs/heads/b", "master"),
        not_a_hash("refs/heads/c", "xyz"),
    ];
    assert_eq!(reasons, want.map(|reason| reason.to_string()));
    assert_eq!(corpus.counts().refs, 1);
}
