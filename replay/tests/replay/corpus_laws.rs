//! What holds for the corpus after any records, sensible or not.

use std::collections::BTreeSet;

use forgelog_replay::Corpus;
use proptest::prelude::*;
use proto::GitHash;
use proto::maintpb::{
    GitCommit, GitDiffTree, GitDiffTreeFile, GitMutation, GitRef, GitRepo, Mutation,
};

use crate::activity::{corpus_of, dump};
use crate::forge::Forge;

fn hash() -> impl Strategy<Value = String> {
    (0..6u8).prop_map(|digit| GitHash::from_bytes([digit; 20]).to_string())
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => hash().prop_map(|hash| format!("parent {hash}\n")),
        2 => hash().prop_map(|hash| format!("tree {hash}\n")),
        2 => ("[a-zA-Zé <>@]{0,12}", any::<i64>(), "[+-][0-9]{3,5}")
            .prop_map(|(person, seconds, zone)| format!("author {person} {seconds} {zone}\n")),
        1 => "\\PC{0,20}\n",
        1 => Just("\n".to_owned()),
    ]
}

fn commit() -> impl Strategy<Value = GitCommit> {
    let raw = prop_oneof![
        8 => (prop::collection::vec(line(), 0..5), "\\PC{0,20}")
            .prop_map(|(lines, message)| format!("{}\n{message}", lines.concat()).into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..30),
    ];
    let file = ("[a-c]{0,2}", any::<i64>()).prop_map(|(file, added)| GitDiffTreeFile {
        file,
        added,
        ..Default::default()
    });
    let diff =
        prop::option::of(prop::collection::vec(file, 0..4).prop_map(|file| GitDiffTree { file }));
    (hash(), raw, diff).prop_map(|(sha1, raw, diff_tree)| GitCommit {
        sha1,
        raw: raw.into(),
        diff_tree,
        ..GitCommit::default()
    })
}

fn git_ref() -> impl Strategy<Value = GitRef> {
    let name =
        prop::sample::select(&["HEAD", "refs/heads/main", "refs/heads/x", "refs/tags/t", ""][..]);
    let sha1 = prop_oneof![hash(), Just(String::new()), Just("main".to_owned())];
    (name, sha1, prop::option::of("refs/heads/(main|y)")).prop_map(|(name, sha1, target)| GitRef {
        r#ref: name.to_owned(),
        sha1,
        symref_target: target.unwrap_or_default(),
    })
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let refs = prop::collection::vec(git_ref(), 0..3);
    (prop::option::of(commit()), "[ab]?", refs).prop_map(|(commit, name, refs)| {
        let repo = Some(GitRepo {
            name,
            ..GitRepo::default()
        });
        let git = Some(GitMutation {
            repo,
            commit,
            deleted_refs: vec!["refs/heads/x".into()],
            refs,
        });
        Mutation {
            git,
            ..Mutation::default()
        }
    })
}

/// Reads everything that there is to read.
fn check_views(corpus: &Corpus) {
    let mut known = 0;
    for digit in 0..6 {
        let hash = GitHash::from_bytes([digit; 20]);
        let line: Vec<_> = corpus
            .first_parents(&hash)
            .map(|commit| commit.hash())
            .collect();
        assert_eq!(
            line.len(),
            line.iter().collect::<BTreeSet<_>>().len(),
            "each at most once"
        );
        assert_eq!(line.first(), corpus.has_commit(&hash).then_some(&hash));
        let Some(commit) = corpus.commit(&hash) else {
            continue;
        };
        known += 1;
        assert!(commit.files().map(|file| file.name).is_sorted());
        assert!(commit.message_bytes().is_empty() || !commit.message().is_empty());
        assert!(commit.message().contains(&*commit.subject()));
        for signature in [commit.author(), commit.committer()].into_iter().flatten() {
            assert!(
                signature.person.contains(signature.name())
                    && signature.person.contains(signature.email())
            );
        }
    }
    assert_eq!(corpus.counts().commits, known);
    assert!(corpus.repos().map(|repo| repo.name()).is_sorted());
    for repo in corpus.repos() {
        assert!(repo.refs().map(|git_ref| git_ref.name).is_sorted());
        assert!(
            repo.branches()
                .all(|branch| repo.branch(branch.name) == Some(branch.commit))
        );
        assert!(
            repo.head()
                .is_none_or(|head| head.branch.is_some() || head.commit.is_some())
        );
    }
}

proptest! {
    #[test]
    fn views_agree_after_any_mutations(mutations in prop::collection::vec(mutation(), 0..20)) {
        let mut parts = Forge::new(true);
        for mutation in &mutations {
            let held = parts.snapshot();
            let before = (held.state().counts(), dump(held.state()));
            parts.apply(mutation.clone());
            check_views(parts.corpus());
            prop_assert_eq!((held.state().counts(), dump(held.state())), before);
        }
        prop_assert_eq!(parts.dump(), dump(corpus_of(&mutations).state()));
    }
}
