//! A repository and its refs: `HEAD`, branches, tags. Depends on `proto`.

use std::sync::Arc;

use imbl::OrdMap;
use proto::GitHash;
use proto::maintpb::GitRef;

use crate::corpus::Corpus;
use crate::projection::Skips;

const HEAD: &str = "HEAD";
const BRANCHES: &str = "refs/heads/";
const TAGS: &str = "refs/tags/";

/// Why a ref was passed over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRef {
    /// The mutation does not say whose refs these are.
    #[error("refs of no repository")]
    NoRepo,
    /// It has no name.
    #[error("repository {repo}: a ref without a name")]
    NoName {
        /// The repository.
        repo: String,
    },
    /// It points to nothing that could be an object, nor to another ref.
    #[error("repository {repo}: ref {name} points to {sha1:?}, which is not 40 hex digits")]
    Hash {
        /// The repository.
        repo: String,
        /// The ref.
        name: String,
        /// What it points to.
        sha1: String,
    },
}

/// What is kept of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RepoRow {
    refs: OrdMap<Arc<str>, Target>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    commit: Option<GitHash>,
    symref: Option<Arc<str>>,
}

impl Corpus {
    /// Deletes, then sets, refs of a repository, which is there from now on.
    pub(in crate::corpus) fn put_refs(
        &mut self,
        repo: &str,
        deleted: &[String],
        set: &[GitRef],
        skips: &mut Skips,
    ) {
        if !self.repos.contains_key(repo) {
            self.repos.insert(repo.into(), Arc::default());
        }
        if deleted.is_empty() && set.is_empty() {
            return;
        }
        let Some(row) = self.repos.get_mut(repo).map(Arc::make_mut) else {
            return;
        };
        for name in deleted {
            row.refs.remove(name.as_str());
        }
        for git_ref in set {
            match Target::parse(repo, git_ref) {
                Ok(target) => {
                    row.refs.insert(git_ref.r#ref.as_str().into(), target);
                }
                Err(reason) => skips.push(reason),
            }
        }
    }
}

impl Target {
    fn parse(repo: &str, git_ref: &GitRef) -> Result<Self, BadRef> {
        let GitRef {
            r#ref: name,
            sha1,
            symref_target,
        } = git_ref;
        if name.is_empty() {
            return Err(BadRef::NoName {
                repo: repo.to_owned(),
            });
        }
        let symref: Option<Arc<str>> =
            (!symref_target.is_empty()).then(|| symref_target.as_str().into());
        match GitHash::from_hex(sha1.as_bytes()) {
            None if !sha1.is_empty() || symref.is_none() => Err(BadRef::Hash {
                repo: repo.to_owned(),
                name: name.clone(),
                sha1: sha1.clone(),
            }),
            commit => Ok(Self { commit, symref }),
        }
    }
}

/// A repository.
#[derive(Clone, Copy, Debug)]
pub struct Repo<'a> {
    name: &'a str,
    row: &'a RepoRow,
}

/// A ref as it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ref<'a> {
    /// In full, such as `refs/heads/main` or `HEAD`.
    pub name: &'a str,
    /// The object it points to; `None` where it names a ref that does not exist yet.
    pub commit: Option<GitHash>,
    /// The ref that it is a name for.
    pub symref_target: Option<&'a str>,
}

/// A branch or a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch<'a> {
    /// Without `refs/heads/` or `refs/tags/`.
    pub name: &'a str,
    /// The commit at its tip; of a tag the object, which may be a tag of its own.
    pub commit: GitHash,
}

/// What a repository shows who does not ask for a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// The default branch, without `refs/heads/`; `None` where `HEAD` is detached.
    pub branch: Option<&'a str>,
    /// Its commit; `None` before there is any.
    pub commit: Option<GitHash>,
}

impl<'a> Repo<'a> {
    pub(in crate::corpus) fn new(name: &'a str, row: &'a RepoRow) -> Self {
        Self { name, row }
    }

    /// Its name, such as `go` or `example.com/project`.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// What `HEAD` points to, as far as it is known. Where it is a name for a ref that was
    /// recorded, the ref decides.
    pub fn head(&self) -> Option<Head<'a>> {
        let target = self.row.refs.get(HEAD)?;
        let Some(name) = target.symref.as_deref() else {
            return Some(Head {
                branch: None,
                commit: target.commit,
            });
        };
        let commit = self
            .row
            .refs
            .get(name)
            .map_or(target.commit, |target| target.commit);
        Some(Head {
            branch: Some(name.strip_prefix(BRANCHES).unwrap_or(name)),
            commit,
        })
    }

    /// All refs, by name.
    pub fn refs(&self) -> impl DoubleEndedIterator<Item = Ref<'a>> + ExactSizeIterator + use<'a> {
        self.row.refs.iter().map(|(name, target)| Ref {
            name,
            commit: target.commit,
            symref_target: target.symref.as_deref(),
        })
    }

    /// The branches that point to a commit, by name.
    pub fn branches(&self) -> impl Iterator<Item = Branch<'a>> + use<'a> {
        self.below(BRANCHES)
    }

    /// The tags, by name.
    pub fn tags(&self) -> impl Iterator<Item = Branch<'a>> + use<'a> {
        self.below(TAGS)
    }

    /// The commit at the tip of the branch, whose name is without `refs/heads/`.
    pub fn branch(&self, name: &str) -> Option<GitHash> {
        self.row
            .refs
            .get(format!("{BRANCHES}{name}").as_str())?
            .commit
    }

    fn below(&self, prefix: &'static str) -> impl Iterator<Item = Branch<'a>> + use<'a> {
        let start = std::ops::Bound::Included(prefix);
        self.row
            .refs
            .range::<_, str>((start, std::ops::Bound::Unbounded))
            .map_while(move |(name, target)| Some((name.strip_prefix(prefix)?, target.commit)))
            .filter_map(|(name, commit)| {
                Some(Branch {
                    name,
                    commit: commit?,
                })
            })
    }
}

#[cfg(test)]
mod tests;
