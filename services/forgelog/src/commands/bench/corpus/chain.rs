//! A chain of commits, each the parent of the next, and whether its newest descends from its oldest. It is the chain
//! that the peer's program makes (`tests/peers/go/load`), to the last bit. Depends on `log-core` for a log in memory.

use anyhow::{Context as _, Result};
use forgelog_replay::{Corpus, Source};
use log_core::{BulkWriter, Stream};
use object_store::memory::InMemory;
use proto::maintpb::{GitCommit, GitMutation, GitRepo, Mutation};
use proto::{GitHash, Message as _};
use sha1::{Digest as _, Sha1};
use std::sync::Arc;
use tokio::runtime::Runtime;

use super::answers::{Ancestors, timed};
use super::child::Given;

/// A commit as git would make it: its name and its raw text.
fn commit(number: usize, parent: Option<GitHash>) -> (GitHash, String) {
    let parent = parent.map_or_else(String::new, |parent| format!("parent {parent}\n"));
    let person = format!("Ann <ann@example.org> {} +0000", 1_500_000_000 + number);
    let raw = format!(
        "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n{parent}author {person}\ncommitter {person}\n\nlink {number} of the chain\n"
    );
    let mut digest = Sha1::new();
    digest.update(format!("commit {}\0", raw.len()));
    digest.update(&raw);
    (GitHash::from_bytes(digest.finalize().into()), raw)
}

/// Writes a log of so many commits; gives the names of the oldest and of the newest.
async fn write(stream: &Stream, commits: usize) -> Result<Option<(GitHash, GitHash)>> {
    let mut writer = BulkWriter::open(stream.clone()).await?;
    let mut ends: Option<(GitHash, GitHash)> = None;
    for number in 0..commits {
        let (hash, raw) = commit(number, ends.map(|(_, newest)| newest));
        ends = Some((ends.map_or(hash, |(oldest, _)| oldest), hash));
        let git = GitMutation {
            repo: Some(GitRepo {
                go_repo: "chain".to_owned(),
                ..GitRepo::default()
            }),
            commit: Some(GitCommit {
                sha1: hash.to_string(),
                raw: raw.into(),
                ..GitCommit::default()
            }),
            ..GitMutation::default()
        };
        let mutation = Mutation {
            git: Some(git),
            ..Mutation::default()
        };
        writer.push(&mutation.encode_to_vec()).await?;
    }
    writer.finish().await?;
    Ok(ends)
}

/// Asks it of a chain of so many commits, in a corpus of its own.
pub(super) fn ask(runtime: &Runtime, given: &Given) -> Result<Ancestors> {
    let (loaded, (oldest, newest)) = runtime.block_on(async {
        let stream = Stream::open(Arc::new(InMemory::new()), "chain").await?;
        let ends = write(&stream, given.count).await?;
        let ends = ends.context("a chain has a commit at least")?;
        let source = Source::of_stream(stream, None);
        let loaded = Corpus::load_from(source, None, &given.options(false)).await?;
        anyhow::Ok((loaded, ends))
    })?;
    let corpus = loaded.folded.state();
    let (descends, seconds) = timed(|| corpus.has_ancestor(&newest, &oldest));
    Ok(Ancestors {
        commits: given.count,
        newest: newest.to_string(),
        oldest: oldest.to_string(),
        descends,
        seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_descends_from_the_oldest() -> Result<()> {
        let given = |count| Given {
            count,
            ..Given::default()
        };
        let runtime = Runtime::new()?;
        let answer = ask(&runtime, &given(3000))?;
        assert!(answer.descends, "{answer:?}");
        assert_ne!(answer.newest, answer.oldest);
        // A commit is no ancestor of its own.
        assert!(!ask(&runtime, &given(1))?.descends);
        assert!(ask(&runtime, &given(0)).is_err());
        Ok(())
    }

    #[test]
    fn commits_are_named_as_git_names_them() {
        // As `git hash-object -t commit --stdin` has it.
        let (hash, raw) = commit(0, None);
        assert_eq!(hash.to_string(), "666c8628ad23c4bec94795024d0393f036105b24");
        assert!(raw.ends_with("\n\nlink 0 of the chain\n"));
    }
}
