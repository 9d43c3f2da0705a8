//! Walking from commits to their parents, however deep: without recursion, and with an end where damaged data makes
//! a circle. Depends on the tables.

use std::collections::HashSet;

use proto::GitHash;

use super::Git;
use super::commit::Commit;
use crate::columns::NONE;
use crate::corpus::Corpus;

impl Corpus {
    /// The commit and its first parents, newest first, as far as they are known in full. Each
    /// appears at most once, even where damaged data makes a circle.
    pub fn first_parents(&self, hash: &GitHash) -> FirstParents<'_> {
        FirstParents {
            corpus: self,
            next: self.git.commit(hash),
            seen: HashSet::new(),
        }
    }

    /// Whether `ancestor` is a parent of `commit`, or a parent's parent, and so on; a commit is none of its own. Both
    /// may be known only as somebody's parent.
    pub fn has_ancestor(&self, commit: &GitHash, ancestor: &GitHash) -> bool {
        match (self.git.commit(commit), self.git.commit(ancestor)) {
            (Some(commit), Some(ancestor)) => self.git.has_ancestor(commit, ancestor),
            _ => false,
        }
    }
}

impl Git {
    /// Whether one commit can be reached from another, in one step or more.
    pub(in crate::corpus) fn has_ancestor(&self, commit: u32, ancestor: u32) -> bool {
        let commits = &self.commits;
        let mut seen = Seen::of(commits.hash.len());
        let mut waiting = vec![commit];
        while let Some(mut row) = waiting.pop() {
            // Down the line of first parents; what else a merge brings waits.
            while seen.is_new(row) {
                let parent = commits.parent.get(row);
                if parent == ancestor {
                    return true;
                }
                if parent == NONE {
                    break;
                }
                let more = commits.more_parents.get(row);
                if more.len() > 0 {
                    let start = waiting.len();
                    waiting.extend(commits.lists.get(more));
                    if waiting[start..].contains(&ancestor) {
                        return true;
                    }
                }
                row = parent;
            }
        }
        false
    }
}

/// A bit for each row: whether it was visited.
struct Seen(Vec<u64>);

impl Seen {
    fn of(rows: u32) -> Self {
        Self(vec![0; (rows as usize).div_ceil(64)])
    }

    fn is_new(&mut self, row: u32) -> bool {
        let (word, bit) = (&mut self.0[row as usize / 64], 1 << (row % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

/// A commit and its first parents, newest first: see [`Corpus::first_parents`].
#[derive(Clone, Debug)]
pub struct FirstParents<'a> {
    corpus: &'a Corpus,
    next: Option<u32>,
    seen: HashSet<u32>,
}

impl<'a> Iterator for FirstParents<'a> {
    type Item = Commit<'a>;

    fn next(&mut self) -> Option<Commit<'a>> {
        let commit = Commit {
            corpus: self.corpus,
            row: self.next.take()?,
        };
        if commit.is_placeholder() || !self.seen.insert(commit.row) {
            return None;
        }
        let parent = self.corpus.git.commits.parent.get(commit.row);
        self.next = (parent != NONE).then_some(parent);
        Some(commit)
    }
}
