//! The corpus: what the forges and repositories hold, folded from the `activity` stream.
//!
//! So far it keeps git commits and refs ([`git`]); what it does not know yet changes nothing.
//! Views are borrowed from a snapshot and never change. Depends on [`crate::projection`] and `proto`.

pub mod git;

use imbl::{HashMap, OrdMap};
use log_core::Position;
use proto::GitHash;
use proto::maintpb::{GerritMutation, GitMutation, Mutation};
use std::sync::Arc;

use crate::projection::{Projection, Skips};
use crate::table::Table;
use crate::time::Time;

pub use git::commit::BadCommit;
pub use git::refs::{BadRef, Branch, Head, Ref, Repo};
pub use git::view::{Commit, FileStat, FirstParents, Signature};

/// The projection of the `activity` stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Corpus {
    commits: Table<git::commit::Row>,
    by_hash: HashMap<GitHash, u32>,
    // Each name once: a file is in as many commits as changed it.
    file_names: HashMap<Arc<str>, ()>,
    repos: OrdMap<Arc<str>, Arc<git::refs::RepoRow>>,
    placeholders: usize,
}

/// How much a corpus holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Commits that are known in full.
    pub commits: usize,
    /// Commits that are known only as somebody's parent.
    pub placeholders: usize,
    /// Repositories.
    pub repos: usize,
    /// Refs of all repositories, `HEAD`s included.
    pub refs: usize,
}

impl Corpus {
    /// All repositories, by name.
    pub fn repos(&self) -> impl DoubleEndedIterator<Item = Repo<'_>> {
        self.repos.iter().map(|(name, row)| Repo::new(name, row))
    }

    /// The repository of this name.
    pub fn repo(&self, name: &str) -> Option<Repo<'_>> {
        self.repos
            .get_key_value(name)
            .map(|(name, row)| Repo::new(name, row))
    }

    /// The commit, if it is known in full.
    pub fn commit(&self, hash: &GitHash) -> Option<Commit<'_>> {
        Commit::new(self, *self.by_hash.get(hash)?)
    }

    /// Whether [`Self::commit`] would find it.
    pub fn has_commit(&self, hash: &GitHash) -> bool {
        self.commit(hash).is_some()
    }

    /// The commit and its first parents, newest first, as far as they are known in full. Each
    /// appears at most once, even where damaged data makes a circle.
    pub fn first_parents(&self, hash: &GitHash) -> FirstParents<'_> {
        FirstParents::new(self, *hash)
    }

    /// How much there is. Costs a step a repository.
    pub fn counts(&self) -> Counts {
        Counts {
            commits: self.commits.len() - self.placeholders,
            placeholders: self.placeholders,
            repos: self.repos.len(),
            refs: self.repos().map(|repo| repo.refs().len()).sum(),
        }
    }

    fn apply_git(&mut self, mutation: &GitMutation, skips: &mut Skips) {
        if let Some(commit) = &mutation.commit
            && let Err(reason) = self.put_commit(commit)
        {
            skips.push(reason);
        }
        let name = mutation
            .repo
            .as_ref()
            .map_or("", |repo| match repo.name.as_str() {
                "" => repo.go_repo.as_str(),
                name => name,
            });
        if !name.is_empty() {
            self.put_refs(name, &mutation.deleted_refs, &mutation.refs, skips);
        } else if !mutation.refs.is_empty() || !mutation.deleted_refs.is_empty() {
            skips.push(BadRef::NoRepo);
        }
    }

    // Only the commits, until changes and their refs are kept.
    fn apply_gerrit(&mut self, mutation: &GerritMutation, skips: &mut Skips) {
        for commit in &mutation.commits {
            if let Err(reason) = self.put_commit(commit) {
                skips.push(reason);
            }
        }
    }
}

impl Projection for Corpus {
    type Mutation = Mutation;

    fn recorded(mutation: &Mutation) -> Option<Time> {
        mutation.meta.as_ref()?.recorded.map(Time::from)
    }

    fn apply(&mut self, _at: Position, _recorded: Option<Time>, mutation: &Mutation) -> Skips {
        let mut skips = Skips::default();
        if let Some(git) = &mutation.git {
            self.apply_git(git, &mut skips);
        }
        if let Some(gerrit) = &mutation.gerrit {
            self.apply_gerrit(gerrit, &mut skips);
        }
        skips
    }
}

#[cfg(test)]
mod tests;
