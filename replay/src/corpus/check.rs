//! Whether what is known is all there: the original's checks. Depends on the tables.

use proto::GitHash;

use super::git::commit_flag;
use super::{Corpus, GerritProject};
use crate::columns::NONE;

/// What is missing in a corpus.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Inconsistency {
    /// A Gerrit project has a commit, but not its parent.
    #[error("Gerrit project {project} has commit {commit}, but not its parent {parent}")]
    ParentNotInProject {
        /// The project, with its server.
        project: String,
        /// The commit.
        commit: GitHash,
        /// Its parent.
        parent: GitHash,
    },
    /// A commit is somebody's parent, but was never recorded.
    #[error("commit {commit} is a parent of others, but was never recorded")]
    NeverRecorded {
        /// The commit.
        commit: GitHash,
    },
}

impl Corpus {
    /// Whether every commit that is somebody's parent is there, also in the Gerrit projects that have the child.
    ///
    /// # Errors
    /// The first that is not, projects first, each in the order of the log.
    pub fn check(&self) -> Result<(), Inconsistency> {
        for commit in 0..self.git.commits.hash.len() {
            let first = self.git.commits.project.get(commit);
            if first == NONE {
                continue;
            }
            self.check_parents(first, commit)?;
            let further = self.git.commits.memberships.get(commit);
            for row in further.rows(&self.git.memberships.previous) {
                self.check_parents(self.git.memberships.project.get(row), commit)?;
            }
        }
        let mut flags = self.git.commits.flags.iter();
        match flags.position(|flags| flags & commit_flag::KNOWN == 0) {
            Some(row) => Err(Inconsistency::NeverRecorded {
                commit: self.hash_of(row as u32),
            }),
            None => Ok(()),
        }
    }

    fn check_parents(&self, project: u32, commit: u32) -> Result<(), Inconsistency> {
        let mut parents = self.git.parents(commit);
        match parents.find(|parent| !self.git.has_commit(project, *parent)) {
            Some(parent) => Err(Inconsistency::ParentNotInProject {
                project: GerritProject {
                    corpus: self,
                    row: project,
                }
                .name()
                .to_owned(),
                commit: self.hash_of(commit),
                parent: self.hash_of(parent),
            }),
            None => Ok(()),
        }
    }

    fn hash_of(&self, commit: u32) -> GitHash {
        GitHash::from_bytes(self.git.commits.hash.get(commit))
    }
}
