//! How much a corpus holds. Depends on the tables.

use super::Corpus;

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
    /// Refs of all plain repositories and Gerrit projects, `HEAD`s included, those of changes not.
    pub refs: usize,
    /// Gerrit projects.
    pub projects: usize,
    /// Gerrit changes that are complete.
    pub cls: usize,
    /// Patch sets of all changes.
    pub patch_sets: usize,
    /// Meta commits of the changes that are complete.
    pub metas: usize,
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
    /// Labels of repositories.
    pub labels: usize,
    /// Milestones of repositories.
    pub milestones: usize,
    /// GitHub users.
    pub users: usize,
    /// GitHub teams.
    pub teams: usize,
    /// What of the log makes no sense.
    pub faults: usize,
}

impl Corpus {
    /// How much there is. Looks at the rows of owners of refs and of mentioned repositories alone, which are few, and
    /// so costs about the same for every log.
    pub fn counts(&self) -> Counts {
        let (git, github) = (&self.git, &self.github);
        let commits = git.commits.known.get() as usize;
        let refs = git
            .repos
            .live_refs
            .iter()
            .chain(git.projects.live_refs.iter());
        Counts {
            commits,
            placeholders: (git.commits.flags.len() as usize).saturating_sub(commits),
            repos: git.repos.name.len() as usize,
            refs: refs.map(|refs| refs as usize).sum(),
            projects: git.projects.name.len() as usize,
            cls: git.changes.complete.get() as usize,
            patch_sets: git.patch_sets.change.len() as usize,
            metas: git.changes.complete_metas.get() as usize,
            github_repos: self.github_repos().len(),
            issues: github.issues.number.len() as usize,
            comments: github.comments.id.len() as usize,
            events: github.events.id.len() as usize,
            reviews: github.reviews.id.len() as usize,
            labels: github.labels.id.len() as usize,
            milestones: github.milestones.id.len() as usize,
            users: github.users.id.len() as usize,
            teams: github.teams.id.len() as usize,
            faults: (github.faults.len() + git.faults.len()) as usize,
        }
    }
}
