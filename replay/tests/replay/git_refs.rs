//! Refs of plain repositories, as they are set, moved and deleted.

use forgelog_replay::corpus::Branch;
use proto::maintpb::{GitMutation, GitRef};

use crate::forge::{Forge, git_ref, hash};

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
fn forge(mutations: impl IntoIterator<Item = GitMutation>) -> Forge {
    let mut forge = Forge::new(false);
    for mutation in mutations {
        assert_eq!(forge.git(mutation), [""; 0]);
    }
    forge
}

fn branches(forge: &Forge) -> Vec<Branch<'_>> {
    forge.corpus().repo("go").unwrap().branches().collect()
}

#[test]
fn branches_and_tags_are_refs_below_their_folder() {
    let forge = forge([refs(vec![
        git_ref("refs/tags/v1", 3),
        git_ref("refs/heads/main", 1),
        git_ref("refs/heads/dev/x", 2),
        git_ref("refs/headsup", 4),
        git_ref("refs/notes/n", 5),
        symref("refs/heads/unborn", "refs/heads/nowhere", String::new()),
    ])]);
    let repo = forge.corpus().repo("go").unwrap();
    let branch = |name, number| Branch {
        name,
        commit: hash(number),
    };
    assert_eq!(branches(&forge), [branch("dev/x", 2), branch("main", 1)]);
    assert_eq!(repo.tags().collect::<Vec<_>>(), [branch("v1", 3)]);
    assert_eq!(repo.branch("dev/x"), Some(hash(2)));
    assert_eq!(repo.branch("x"), None);
    let names: Vec<_> = repo.refs().map(|git_ref| git_ref.name).collect();
    assert!(names.is_sorted() && names.len() == 6, "{names:?}");
    assert_eq!((forge.corpus().counts().refs, repo.ref_count()), (6, 6));
}

#[test]
fn refs_move_and_go_and_come_back() {
    let mut forge = forge([
        refs(vec![git_ref("refs/heads/a", 1), git_ref("refs/heads/b", 1)]),
        refs(vec![git_ref("refs/heads/a", 2), git_ref("refs/heads/a", 3)]),
        deleted(&["refs/heads/b", "refs/heads/never", ""]),
    ]);
    let a = Branch {
        name: "a",
        commit: hash(3),
    };
    assert_eq!(branches(&forge), [a]);
    assert_eq!(forge.corpus().counts().refs, 1);
    forge.git(refs(vec![git_ref("refs/heads/b", 4)]));
    assert_eq!(branches(&forge).len(), 2);
    assert_eq!(forge.corpus().counts().refs, 2);
}

#[test]
fn a_ref_that_is_deleted_and_set_at_once_is_set() {
    let forge = forge([GitMutation {
        refs: vec![git_ref("refs/heads/a", 1)],
        ..deleted(&["refs/heads/a"])
    }]);
    let repo = forge.corpus().repo("go").unwrap();
    assert_eq!(repo.branch("a"), Some(hash(1)));
}

#[test]
fn head_is_the_default_branch() {
    let head = |mutations: Vec<GitMutation>| {
        let forge = forge(mutations);
        let head = forge.corpus().repo("go").unwrap().head()?;
        Some((head.branch.map(str::to_owned), head.commit))
    };
    let main = || Some("main".to_owned());
    let to_main = |sha1: String| refs(vec![symref("HEAD", "refs/heads/main", sha1)]);
    let one = || hash(1).to_string();

    assert_eq!(head(vec![refs(vec![git_ref("refs/heads/main", 1)])]), None);
    assert_eq!(head(vec![to_main(String::new())]), Some((main(), None)));
    assert_eq!(head(vec![to_main(one())]), Some((main(), Some(hash(1)))));
    // The branch is newer than what HEAD once said.
    let moved = refs(vec![git_ref("refs/heads/main", 2)]);
    assert_eq!(
        head(vec![to_main(one()), moved]),
        Some((main(), Some(hash(2))))
    );
    let detached = refs(vec![git_ref("HEAD", 5)]);
    assert_eq!(head(vec![detached]), Some((None, Some(hash(5)))));
    let elsewhere = refs(vec![symref(
        "HEAD",
        "refs/remotes/o/x",
        hash(4).to_string(),
    )]);
    let there = Some("refs/remotes/o/x".to_owned());
    assert_eq!(head(vec![elsewhere]), Some((there, Some(hash(4)))));
    assert_eq!(head(vec![to_main(String::new()), deleted(&["HEAD"])]), None);
}
