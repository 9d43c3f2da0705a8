//! How much a corpus holds. Depends on the tables.

use super::Corpus;
use super::git::commit_flag;

/// How much a corpus holds.
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
    /// GitHub repositories, also those that only commit messages mention.
    pub github_repos: usize,
    /// GitHub issues and pull requests, also those that are no more.
    pub issues: usize,
    /// Comments on them.
    pub comments: usize,
    /// What happened to them.
    pub events: usize,
    /// Reviews of them.
    pub reviews: usize,
    /// GitHub users.
    pub users: usize,
}

impl Corpus {
    /// How much there is. Looks at a cell of each commit and each change.
    pub fn counts(&self) -> Counts {
        let (git, github) = (&self.git, &self.github);
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
            github_repos: self.github_repos().len(),
            issues: github.issues.number.len() as usize,
            comments: github.comments.id.len() as usize,
            events: github.events.id.len() as usize,
            reviews: github.reviews.id.len() as usize,
            users: github.users.id.len() as usize,
        }
    }
}
