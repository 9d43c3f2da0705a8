//! Which builds there should be, given what is in the repository. Pure.
//!
//! Depends on the projections and the environment. Deciding again gives the same ids, so that what
//! is queued already is simply not wanted any more.

use builders::Environment;
use forgelog_replay::builds::{BuildId, BuildKey};
use forgelog_replay::corpus::{Commit, Repo};
use forgelog_replay::{Builds, Corpus};
use proto::GitHash;
use proto::forgelog::builds::{BuildQueued, Purpose};

/// The branch's name while `HEAD` is on none.
pub const DETACHED: &str = "HEAD";

/// How much of the past is built.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// The newest commits of a branch, along first parents, that are built.
    pub history: usize,
}

/// The builds that are missing, of each branch the newest commit first. At most `limit` of them.
pub fn wanted(
    corpus: &Corpus,
    builds: &Builds,
    repo: &str,
    environment: &Environment,
    policy: Policy,
    limit: usize,
) -> Vec<BuildQueued> {
    let mut missing: Vec<BuildQueued> = Vec::new();
    let Some(repo) = corpus.repo(repo) else {
        return missing;
    };
    for (branch, head, is_default) in branches(&repo) {
        let matching = environment
            .builders()
            .values()
            .filter(|builder| builder.matches_branch(branch, is_default));
        let matching: Vec<&str> = matching.map(|builder| builder.name().as_str()).collect();
        if matching.is_empty() {
            continue;
        }
        for commit in corpus.first_parents(&head).take(policy.history) {
            for builder in &matching {
                if missing.len() == limit {
                    return missing;
                }
                let queued = missing_build(builds, repo.name(), builder, branch, &commit);
                let queued = queued
                    .filter(|build| !missing.iter().any(|other| other.build_id == build.build_id));
                missing.extend(queued.map(|build| BuildQueued {
                    config_digest: environment.digest().as_str().to_owned(),
                    ..build
                }));
            }
        }
    }
    missing
}

/// Every branch with its head; the default one, or a detached `HEAD`, comes first.
fn branches<'a>(repo: &Repo<'a>) -> Vec<(&'a str, GitHash, bool)> {
    let head = repo.head();
    let default = head.as_ref().map(|head| head.branch.unwrap_or(DETACHED));
    let at_head = head
        .as_ref()
        .and_then(|head| Some((default?, head.commit?, true)));
    let others = repo
        .branches()
        .filter(|branch| Some(branch.name) != default);
    at_head
        .into_iter()
        .chain(others.map(|branch| (branch.name, branch.commit, false)))
        .collect()
}

fn missing_build(
    builds: &Builds,
    repo: &str,
    builder: &str,
    branch: &str,
    commit: &Commit<'_>,
) -> Option<BuildQueued> {
    let key = BuildKey::derive(builder, repo, &commit.hash(), Purpose::Post);
    // A cleared result has a generation that is not queued yet.
    let generation = builds.generation(key.as_str()).unwrap_or(0);
    if builds.current(key.as_str()).is_some() {
        return None;
    }
    Some(BuildQueued {
        build_id: BuildId::derive(&key, generation).into(),
        build_key: key.into(),
        builder: builder.to_owned(),
        repo: repo.to_owned(),
        commit: commit.hash().to_string(),
        branch: branch.to_owned(),
        purpose: Purpose::Post.into(),
        generation,
        commit_time: commit.committer().map(|committer| proto::Timestamp {
            seconds: committer.unix_seconds,
            nanos: 0,
        }),
        ..BuildQueued::default()
    })
}
