//! What is wanted and what is next, over projections that are folded from records.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use builders::{Environment, SourceFile};
use coordinator::schedule;
use coordinator::wanted::{Policy, wanted};
use forgelog_replay::builds::{BuildId, BuildKey};
use forgelog_replay::{Builds, Corpus, Folded, Projection};
use log_core::{Position, Record};
use proto::forgelog::builds::mutation::Kind;
use proto::forgelog::builds::{
    BuildQueued, BuilderPaused, Mutation as BuildMutation, Purpose, ResultCleared,
};
use proto::maintpb::{GitCommit, GitMutation, GitRef, GitRepo, Mutation};
use proto::{GitHash, Message};

const REPO: &str = "demo";
const ALL: Policy = Policy { history: 100 };

/// Folds mutations as if they lay one behind the other in a stream.
fn fold<P: Projection, M: Message>(folded: &mut Folded<P>, mutations: impl IntoIterator<Item = M>) {
    for mutation in mutations {
        let at = folded.position();
        let payload = mutation.encode_to_vec();
        let next = Position {
            offset: at.offset + payload.len() as u64,
            ..at
        };
        folded.apply(&Record {
            at,
            next,
            payload: payload.into(),
        });
    }
}

fn hash(number: u32) -> GitHash {
    format!("{number:040x}").parse().unwrap()
}

fn git(git: GitMutation) -> Mutation {
    let repo = Some(GitRepo {
        name: REPO.into(),
        ..GitRepo::default()
    });
    Mutation {
        git: Some(GitMutation { repo, ..git }),
        ..Mutation::default()
    }
}

fn commit(number: u32, parents: &[u32]) -> Mutation {
    let parents: String = parents
        .iter()
        .map(|parent| format!("parent {}\n", hash(*parent)))
        .collect();
    let person = format!("A <a@example.org> {} +0000", 1_700_000_000 + number);
    let raw = format!(
        "tree {}\n{parents}author {person}\ncommitter {person}\n\ncommit {number}\n",
        hash(0)
    );
    let commit = GitCommit {
        sha1: hash(number).to_string(),
        raw: raw.into(),
        ..GitCommit::default()
    };
    git(GitMutation {
        commit: Some(commit),
        ..GitMutation::default()
    })
}

fn refs(head: &str, branches: &[(&str, u32)]) -> Mutation {
    let entry = |name: String, number: u32, target: &str| GitRef {
        r#ref: name,
        sha1: hash(number).to_string(),
        symref_target: target.into(),
    };
    let mut refs: Vec<GitRef> = branches
        .iter()
        .map(|(name, number)| entry(format!("refs/heads/{name}"), *number, ""))
        .collect();
    match branches.iter().find(|(name, _)| *name == head) {
        Some((_, number)) => {
            refs.push(entry("HEAD".into(), *number, &format!("refs/heads/{head}")))
        }
        None => refs.push(entry("HEAD".into(), head.parse().unwrap(), "")),
    }
    git(GitMutation {
        refs,
        ..GitMutation::default()
    })
}

/// Commits 1 to 5 in a row on main; 6 beside them on topic.
fn corpus(head: &str) -> Folded<Corpus> {
    let mut corpus = Folded::default();
    let row = [
        commit(1, &[]),
        commit(2, &[1]),
        commit(3, &[2]),
        commit(4, &[3]),
        commit(5, &[4]),
        commit(6, &[2]),
    ];
    fold(&mut corpus, row);
    fold(&mut corpus, [refs(head, &[("main", 5), ("topic", 6)])]);
    corpus
}

fn environment(text: &str) -> Environment {
    builders::parse(&[SourceFile {
        path: "test.toml".into(),
        text: text.into(),
    }])
    .unwrap()
}

fn quick() -> Environment {
    environment("[[builder.quick.step]]\nid = 'a'\nrun = ['true']\n")
}

fn summary(missing: &[BuildQueued]) -> Vec<(String, String, u32)> {
    let number = |hash: &str| u32::from_str_radix(hash.trim_start_matches('0'), 16).unwrap();
    missing
        .iter()
        .map(|build| {
            (
                build.builder.clone(),
                build.branch.clone(),
                number(&build.commit),
            )
        })
        .collect()
}

fn expected(rows: &[(&str, &str, u32)]) -> Vec<(String, String, u32)> {
    rows.iter()
        .map(|(builder, branch, commit)| ((*builder).into(), (*branch).into(), *commit))
        .collect()
}

#[test]
fn the_newest_commits_of_the_default_branch_are_wanted() {
    let (corpus, builds) = (corpus("main"), Builds::default());
    let missing = wanted(
        corpus.state(),
        &builds,
        REPO,
        &quick(),
        Policy { history: 3 },
        100,
    );
    assert_eq!(
        summary(&missing),
        expected(&[
            ("quick", "main", 5),
            ("quick", "main", 4),
            ("quick", "main", 3)
        ])
    );
    assert_eq!(missing[0].config_digest, quick().digest().to_string());
    assert_eq!(missing[0].commit_time.unwrap().seconds, 1_700_000_005);
    assert_eq!(
        wanted(corpus.state(), &builds, REPO, &quick(), ALL, 2).len(),
        2
    );
    assert_eq!(
        wanted(corpus.state(), &builds, "another", &quick(), ALL, 100),
        []
    );
}

#[test]
fn what_is_queued_is_not_wanted_again() {
    let corpus = corpus("main");
    let mut builds = Folded::<Builds>::default();
    loop {
        let missing = wanted(corpus.state(), builds.state(), REPO, &quick(), ALL, 2);
        if missing.is_empty() {
            break;
        }
        fold(
            &mut builds,
            missing.into_iter().map(|build| BuildMutation {
                kind: Some(Kind::BuildQueued(build)),
                meta: None,
            }),
        );
    }
    assert_eq!(builds.state().queued().count(), 5);
}

#[test]
fn a_cleared_result_is_wanted_anew() {
    let corpus = corpus("main");
    let mut builds = Folded::<Builds>::default();
    let missing = wanted(corpus.state(), builds.state(), REPO, &quick(), ALL, 100);
    fold(
        &mut builds,
        missing.into_iter().map(|build| BuildMutation {
            kind: Some(Kind::BuildQueued(build)),
            meta: None,
        }),
    );
    let key = BuildKey::derive("quick", REPO, &hash(4), Purpose::Post);
    let cleared = ResultCleared {
        build_key: key.to_string(),
        generation: 1,
        ..ResultCleared::default()
    };
    fold(
        &mut builds,
        [BuildMutation {
            kind: Some(Kind::ResultCleared(cleared)),
            meta: None,
        }],
    );
    let missing = wanted(corpus.state(), builds.state(), REPO, &quick(), ALL, 100);
    assert_eq!(summary(&missing), expected(&[("quick", "main", 4)]));
    assert_eq!(
        (missing[0].generation, &missing[0].build_id),
        (1, &BuildId::derive(&key, 1).to_string())
    );
}

#[test]
fn builders_choose_their_branches() {
    let everywhere = environment(
        "[builder.all]\nbranches = ['*']\n[[builder.all.step]]\nid = 'a'\nrun = ['true']\n",
    );
    let missing = wanted(
        corpus("main").state(),
        &Builds::default(),
        REPO,
        &everywhere,
        Policy { history: 2 },
        100,
    );
    let both = [
        ("all", "main", 5),
        ("all", "main", 4),
        ("all", "topic", 6),
        ("all", "topic", 2),
    ];
    assert_eq!(summary(&missing), expected(&both));
    // A commit on two branches is one build.
    let missing = wanted(
        corpus("main").state(),
        &Builds::default(),
        REPO,
        &everywhere,
        ALL,
        100,
    );
    assert_eq!(missing.len(), 6);
}

#[test]
fn a_detached_head_is_the_default_branch() {
    let missing = wanted(
        corpus("3").state(),
        &Builds::default(),
        REPO,
        &quick(),
        ALL,
        100,
    );
    assert_eq!(
        summary(&missing),
        expected(&[
            ("quick", "HEAD", 3),
            ("quick", "HEAD", 2),
            ("quick", "HEAD", 1)
        ])
    );
}

#[test]
fn the_newest_commit_is_next_unless_it_must_wait() {
    let corpus = corpus("main");
    let mut builds = Folded::<Builds>::default();
    let two = environment(
        "[[builder.a.step]]\nid = 'a'\nrun = ['true']\n[[builder.b.step]]\nid = 'a'\nrun = ['true']\n",
    );
    let missing = wanted(corpus.state(), builds.state(), REPO, &two, ALL, 100);
    fold(
        &mut builds,
        missing.into_iter().map(|build| BuildMutation {
            kind: Some(Kind::BuildQueued(build)),
            meta: None,
        }),
    );
    assert_eq!(
        schedule::next(builds.state(), |_| false).unwrap().commit(),
        hash(5)
    );
    assert_eq!(
        schedule::next(builds.state(), |build| build.commit() == hash(5))
            .unwrap()
            .commit(),
        hash(4)
    );
    let paused = BuilderPaused {
        builder: "a".into(),
        ..BuilderPaused::default()
    };
    fold(
        &mut builds,
        [BuildMutation {
            kind: Some(Kind::BuilderPaused(paused)),
            meta: None,
        }],
    );
    let next = schedule::next(builds.state(), |_| false).unwrap();
    assert_eq!((next.builder(), next.commit()), ("b", hash(5)));
    assert!(schedule::next(builds.state(), |_| true).is_none());
}
