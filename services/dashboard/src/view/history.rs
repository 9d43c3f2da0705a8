//! Which commits a board shows, newest first: the first-parent walk from one branch, or those of all
//! branches merged by time (spec/dashboards.md 1.4).

use super::grid::{DETACHED, default_branch, tip};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use forgelog_replay::Corpus;
use forgelog_replay::corpus::{Branch, Commit, Repo};
use proto::GitHash;

/// A commit and the branch it is shown for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed<'a> {
    /// The commit.
    pub(crate) commit: Commit<'a>,
    /// Without `refs/heads/`.
    pub(crate) branch: &'a str,
}

/// The first-parent history of every branch in one list, by commit time, each commit once. One that
/// is on several branches is shown for the default one if it is on that, else for the first by name.
///
/// Costs a step a branch and a step a commit; nobody has to have read more of the history.
pub(crate) fn merged<'a>(corpus: &'a Corpus, repo: &Repo<'a>) -> Merged<'a> {
    let default = default_branch(repo);
    let mut branches: Vec<Branch<'a>> = repo.branches().collect();
    let detached = default.filter(|name| *name == DETACHED && repo.branch(name).is_none());
    let at_head = detached.and_then(|name| {
        Some(Branch {
            name,
            commit: tip(repo, name)?,
        })
    });
    branches.extend(at_head);
    branches.sort_by_key(|branch| (Some(branch.name) != default, branch.name));
    let names = branches.iter().map(|branch| branch.name).collect();
    let mut merged = Merged {
        corpus,
        names,
        heap: BinaryHeap::new(),
        rank: HashMap::new(),
    };
    for (rank, branch) in branches.iter().enumerate() {
        merged.push(branch.commit, rank);
    }
    merged
}

/// See [`merged`].
pub(crate) struct Merged<'a> {
    corpus: &'a Corpus,
    /// By rank.
    names: Vec<&'a str>,
    /// By time, then hash.
    heap: BinaryHeap<(i64, Reverse<GitHash>)>,
    /// The rank of the best branch by which each commit was reached so far.
    rank: HashMap<GitHash, usize>,
}

impl Merged<'_> {
    fn push(&mut self, hash: GitHash, rank: usize) {
        let Some(commit) = self.corpus.commit(&hash) else {
            return;
        };
        let best = self.rank.entry(hash).or_insert_with(|| {
            self.heap.push((unix_seconds(&commit), Reverse(hash)));
            rank
        });
        *best = rank.min(*best);
    }
}

impl<'a> Iterator for Merged<'a> {
    type Item = Listed<'a>;

    fn next(&mut self) -> Option<Listed<'a>> {
        let (_, Reverse(hash)) = self.heap.pop()?;
        let commit = self.corpus.commit(&hash)?;
        let rank = self.rank.get(&hash).copied().unwrap_or_default();
        if let Some(parent) = commit.parents().next() {
            self.push(parent, rank);
        }
        Some(Listed {
            commit,
            branch: self.names.get(rank).copied().unwrap_or_default(),
        })
    }
}

/// When it was committed.
pub(crate) fn unix_seconds(commit: &Commit<'_>) -> i64 {
    commit
        .committer()
        .map_or(0, |committer| committer.unix_seconds)
}
