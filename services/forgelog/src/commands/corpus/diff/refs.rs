//! How a ref differs between two moments. Depends on the corpus's views.

use forgelog_replay::Corpus;
use forgelog_replay::corpus::touched::RefKey;
use forgelog_replay::corpus::{GerritProject, Ref, Repo};
use std::collections::HashMap;

use super::changes::Changed;

/// Every ref but those of changes, by its key.
pub(super) fn all(corpus: &Corpus) -> impl Iterator<Item = RefKey> {
    let key = |owner: &str, git_ref: Ref<'_>| RefKey {
        owner: owner.to_owned(),
        name: git_ref.name.to_owned(),
    };
    let of_projects = corpus.gerrit_projects().flat_map(move |project| {
        let refs = project.refs();
        refs.map(move |git_ref| key(project.name(), git_ref))
    });
    let of_repos = corpus.repos().flat_map(move |repo| {
        let refs = repo.refs();
        refs.map(move |git_ref| key(repo.name(), git_ref))
    });
    of_projects.chain(of_repos)
}

/// What has refs, at both moments.
pub(super) struct Owners<'c> {
    before: OwnersAt<'c>,
    after: OwnersAt<'c>,
}

/// What has refs, by its name.
struct OwnersAt<'c> {
    projects: HashMap<&'c str, GerritProject<'c>>,
    repos: HashMap<&'c str, Repo<'c>>,
}

impl<'c> Owners<'c> {
    pub(super) fn of((before, after): (&'c Corpus, &'c Corpus)) -> Self {
        Self {
            before: OwnersAt::of(before),
            after: OwnersAt::of(after),
        }
    }

    /// How a ref changed, if it did.
    pub(super) fn changed(&self, key: &RefKey) -> Option<Changed> {
        let name = format!("{} {}", key.owner, key.name);
        let mut changed = Changed::new("ref", name, String::new());
        match (self.before.target(key), self.after.target(key)) {
            (None, Some(to)) => changed.did_to("created", to),
            (Some(from), None) => changed.value("deleted", Some(from), None),
            (from, to) => changed.value("moved", from, to),
        }
        changed.if_any()
    }
}

impl<'c> OwnersAt<'c> {
    fn of(corpus: &'c Corpus) -> Self {
        let projects = corpus.gerrit_projects();
        let repos = corpus.repos();
        Self {
            projects: projects.map(|project| (project.name(), project)).collect(),
            repos: repos.map(|repo| (repo.name(), repo)).collect(),
        }
    }

    /// What a ref points to.
    fn target(&self, key: &RefKey) -> Option<String> {
        let owner = key.owner.as_str();
        let of_project = || {
            let hash = self.projects.get(owner)?.git_ref(&key.name)?;
            Some(hash.to_string())
        };
        let of_repo = || {
            let git_ref = self.repos.get(owner)?.git_ref(&key.name)?;
            let hash = git_ref.commit.map(|hash| hash.to_string());
            hash.or(git_ref.symref_target.map(str::to_owned))
        };
        of_project().or_else(of_repo)
    }
}
