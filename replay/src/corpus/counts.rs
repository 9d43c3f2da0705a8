//! How much a corpus holds of git and Gerrit. Depends on the tables.

use super::Corpus;
use super::git::commit_flag;

/// How much a corpus holds of git and Gerrit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Commits that are known in full.
    pub commits: usize,
    /// Commits that are known only as somebody's parent.
    pub placeholders: usize,
    /// Plain repositories.
    pub repos: usize,
    /// Refs of all plain repositories, `HEAD`s included.
    pub refs: usize,
    /// Gerrit projects.
    pub projects: usize,
    /// Gerrit changes that are complete.
    pub cls: usize,
}

impl Corpus {
    /// How much there is. Looks at a cell of each commit and each change.
    pub fn counts(&self) -> Counts {
        let git = &self.git;
        let flags = git.commits.flags.iter();
        let commits = flags
            .filter(|flags| flags & commit_flag::KNOWN != 0)
            .count();
        Counts {
            commits,
            placeholders: git.commits.flags.len() as usize - commits,
            repos: git.repos.name.len() as usize,
            refs: git.repos.live_refs.iter().map(|refs| refs as usize).sum(),
            projects: git.projects.name.len() as usize,
            cls: self.cls().count(),
        }
    }
}
