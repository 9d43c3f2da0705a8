//! The corpus as a whole: commits and their parents, repositories, what one mutation may hold.

use proto::maintpb::{GitCommit, GitDiffTree, GitDiffTreeFile, GitRef, GitRepo};

use super::*;

/// The hash whose hex digits are all this one.
pub(super) fn hash(digit: u8) -> GitHash {
    GitHash::from_bytes([digit * 0x11; 20])
}

/// A commit whose name is `hash(digit)`.
pub(super) fn commit(digit: u8, raw: impl Into<Vec<u8>>) -> GitCommit {
    GitCommit {
        sha1: hash(digit).to_string(),
        raw: raw.into().into(),
        ..GitCommit::default()
    }
}

/// What git would print for a commit with these parents.
pub(super) fn raw(parents: &[GitHash]) -> String {
    let parents: String = parents
        .iter()
        .map(|parent| format!("parent {parent}\n"))
        .collect();
    let person = "A U Thor <author@example.com> 1500000000 +0200";
    format!(
        "tree {}\n{parents}author {person}\ncommitter {person}\n\nsubject\n\nbody\n",
        hash(0xe)
    )
}

impl Corpus {
    /// Applies a git mutation of the repository `go` and gives what was passed over in it.
    pub(super) fn git(&mut self, git: GitMutation) -> Vec<String> {
        let repo = Some(GitRepo {
            name: "go".into(),
            ..GitRepo::default()
        });
        let git = Some(GitMutation {
            repo: git.repo.clone().or(repo),
            ..git
        });
        let mutation = Mutation {
            git,
            ..Mutation::default()
        };
        self.apply(Position::default(), None, &mutation)
            .reasons()
            .to_vec()
    }

    pub(super) fn add(&mut self, commit: GitCommit) -> Vec<String> {
        self.git(GitMutation {
            commit: Some(commit),
            ..GitMutation::default()
        })
    }

    fn first_parent_names(&self, digit: u8) -> Vec<GitHash> {
        self.first_parents(&hash(digit))
            .map(|commit| commit.hash())
            .collect()
    }
}

#[test]
fn first_parents_are_followed_as_far_as_they_are_known() {
    let mut corpus = Corpus::default();
    corpus.add(commit(2, raw(&[hash(1)])));
    corpus.add(commit(3, raw(&[hash(2), hash(9)])));
    assert_eq!(corpus.first_parent_names(3), [hash(3), hash(2)]);
    corpus.add(commit(1, raw(&[])));
    assert_eq!(corpus.first_parent_names(3), [hash(3), hash(2), hash(1)]);
    assert_eq!(corpus.first_parent_names(9), []);
    assert_eq!(corpus.first_parent_names(8), []);
}

#[test]
fn a_circle_of_first_parents_ends() {
    let mut corpus = Corpus::default();
    corpus.add(commit(1, raw(&[hash(3)])));
    corpus.add(commit(2, raw(&[hash(1)])));
    corpus.add(commit(3, raw(&[hash(2)])));
    corpus.add(commit(4, raw(&[hash(4)])));
    assert_eq!(corpus.first_parent_names(3), [hash(3), hash(2), hash(1)]);
    assert_eq!(corpus.first_parent_names(4), [hash(4)]);
}

#[test]
fn parents_are_placeholders_until_they_come() {
    let mut corpus = Corpus::default();
    corpus.add(commit(2, raw(&[hash(1)])));
    let counts = |commits, placeholders| Counts {
        commits,
        placeholders,
        repos: 1,
        refs: 0,
    };
    assert_eq!(corpus.counts(), counts(1, 1));
    assert!(!corpus.has_commit(&hash(1)) && corpus.commit(&hash(1)).is_none());
    assert!(corpus.commit(&hash(2)).unwrap().parents().eq([hash(1)]));
    corpus.add(commit(1, raw(&[])));
    assert_eq!(corpus.counts(), counts(2, 0));
    assert!(corpus.has_commit(&hash(1)));
}

#[test]
fn a_commit_that_comes_again_is_overwritten() {
    let mut corpus = Corpus::default();
    corpus.add(commit(1, "tree x\n\nnever stored"));
    assert_eq!(corpus.counts().commits, 0);
    corpus.add(commit(1, raw(&[])));
    corpus.add(commit(1, raw(&[]).replace("subject", "another")));
    assert_eq!(corpus.counts().commits, 1);
    assert_eq!(corpus.commit(&hash(1)).unwrap().subject(), "another");
    // One that makes no sense does not take it away.
    assert_eq!(corpus.add(commit(1, "nothing")).len(), 1);
    assert_eq!(corpus.commit(&hash(1)).unwrap().subject(), "another");
}

#[test]
fn files_are_sorted_by_name() {
    let mut corpus = Corpus::default();
    let file = |name: &str, added, deleted, binary| GitDiffTreeFile {
        file: name.into(),
        added,
        deleted,
        binary,
    };
    let files = vec![
        file("z.go", 1, -2, false),
        file("", 0, 0, true),
        file("a.go", i64::MAX, 0, false),
    ];
    let changed = GitCommit {
        diff_tree: Some(GitDiffTree { file: files }),
        ..commit(1, raw(&[]))
    };
    assert_eq!(corpus.add(changed), Vec::<String>::new());
    let stats: Vec<_> = corpus.commit(&hash(1)).unwrap().files().collect();
    let stat = |name, added, deleted, binary| FileStat {
        name,
        added,
        deleted,
        binary,
    };
    assert_eq!(
        stats,
        [
            stat("", 0, 0, true),
            stat("a.go", i64::MAX, 0, false),
            stat("z.go", 1, -2, false)
        ]
    );
}

#[test]
fn the_commit_and_the_refs_of_one_mutation_do_not_depend_on_each_other() {
    let mut corpus = Corpus::default();
    let main = GitRef {
        r#ref: "refs/heads/main".into(),
        sha1: hash(1).to_string(),
        ..GitRef::default()
    };
    let skipped = corpus.git(GitMutation {
        commit: Some(commit(1, "no header end")),
        refs: vec![main.clone()],
        ..GitMutation::default()
    });
    assert_eq!(skipped.len(), 1);
    assert_eq!(corpus.repo("go").unwrap().branch("main"), Some(hash(1)));

    let nobodys = GitMutation {
        repo: Some(GitRepo::default()),
        refs: vec![main],
        ..GitMutation::default()
    };
    assert_eq!(corpus.git(nobodys), [BadRef::NoRepo.to_string()]);
    assert_eq!(corpus.repos().count(), 1);
}

#[test]
fn repositories_are_named_by_either_field_and_sorted() {
    let mut corpus = Corpus::default();
    for (name, go_repo) in [("z", ""), ("", "tools"), ("a", "ignored")] {
        let repo = GitRepo {
            name: name.into(),
            go_repo: go_repo.into(),
        };
        assert!(
            corpus
                .git(GitMutation {
                    repo: Some(repo),
                    ..GitMutation::default()
                })
                .is_empty()
        );
    }
    assert_eq!(
        corpus.repos().map(|repo| repo.name()).collect::<Vec<_>>(),
        ["a", "tools", "z"]
    );
    assert!(corpus.repo("ignored").is_none());
}

#[test]
fn commits_of_gerrit_projects_are_kept() {
    let mut corpus = Corpus::default();
    let gerrit = Some(GerritMutation {
        project: "go.example.com/go".into(),
        commits: vec![
            commit(1, raw(&[])),
            commit(2, "bad"),
            commit(3, raw(&[hash(1)])),
        ],
        ..GerritMutation::default()
    });
    let skips = corpus.apply(
        Position::default(),
        None,
        &Mutation {
            gerrit,
            ..Mutation::default()
        },
    );
    assert_eq!(skips.count(), 1);
    assert_eq!(corpus.first_parent_names(3), [hash(3), hash(1)]);
}

#[test]
fn what_is_not_known_yet_changes_nothing() {
    let mut corpus = Corpus::default();
    let mutation = Mutation {
        github: Some(Default::default()),
        github_issue: Some(Default::default()),
        ..Mutation::default()
    };
    assert_eq!(
        corpus.apply(Position::default(), None, &mutation),
        Skips::default()
    );
    assert_eq!(corpus, Corpus::default());
}

#[test]
fn snapshots_never_change() {
    let mut corpus = Corpus::default();
    corpus.add(commit(2, raw(&[hash(1)])));
    let before = corpus.clone();
    corpus.add(commit(1, raw(&[])));
    corpus.add(commit(2, raw(&[])));
    assert!(!before.has_commit(&hash(1)));
    assert!(before.commit(&hash(2)).unwrap().parents().eq([hash(1)]));
    assert_eq!(corpus.commit(&hash(2)).unwrap().parents().len(), 0);
}
