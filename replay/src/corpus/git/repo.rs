//! Reading repositories and their refs: `HEAD`, branches, tags. Depends on the tables.

use proto::GitHash;

use super::{PLAIN, ref_flag};
use crate::corpus::Corpus;
use crate::corpus::view::view;

const HEAD: &str = "HEAD";
const BRANCHES: &str = "refs/heads/";
const TAGS: &str = "refs/tags/";

view! {
    /// A plain git repository. (Those of Gerrit are [`GerritProject`](crate::corpus::GerritProject)s.)
    Repo
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

impl Corpus {
    /// All plain repositories, by name.
    pub fn repos(&self) -> impl DoubleEndedIterator<Item = Repo<'_>> + ExactSizeIterator {
        let rows = 0..self.git.repos.name.len();
        let mut repos: Vec<_> = rows.map(|row| Repo { corpus: self, row }).collect();
        repos.sort_by_key(Repo::name);
        repos.into_iter()
    }

    /// The plain repository of this name.
    pub fn repo(&self, name: &str) -> Option<Repo<'_>> {
        let row = self.git.repos.find(self.texts(), name.as_bytes())?;
        Some(Repo { corpus: self, row })
    }

    /// The refs of an owner, by name.
    pub(in crate::corpus) fn refs_of(&self, owner: u32) -> Vec<Ref<'_>> {
        let chain = match owner & PLAIN {
            0 => self.git.projects.refs.get(owner),
            _ => self.git.repos.refs.get(owner & !PLAIN),
        };
        let rows = chain.rows(&self.git.refs.previous);
        let mut refs: Vec<_> = rows.filter_map(|row| self.live_ref(row)).collect();
        refs.sort_unstable_by_key(|git_ref| git_ref.name);
        refs
    }

    /// The ref of an owner that has this name.
    pub(in crate::corpus) fn ref_of(&self, owner: u32, name: &str) -> Option<Ref<'_>> {
        let row = self.git.ref_row(self.texts(), owner, name.as_bytes())?;
        self.live_ref(row)
    }

    fn live_ref(&self, row: u32) -> Option<Ref<'_>> {
        let refs = &self.git.refs;
        let flags = refs.flags.get(row);
        let has = |bit| flags & bit != 0;
        has(ref_flag::LIVE).then(|| Ref {
            name: self.text(&refs.name, row),
            commit: has(ref_flag::TARGET).then(|| GitHash::from_bytes(refs.target.get(row))),
            symref_target: has(ref_flag::SYMBOLIC).then(|| self.text(&refs.symref_target, row)),
        })
    }
}

impl<'a> Repo<'a> {
    /// Its name, such as `go` or `example.com/project`.
    pub fn name(&self) -> &'a str {
        self.corpus.text(&self.corpus.git.repos.name, self.row)
    }

    /// What `HEAD` points to, as far as it is known. Where it is a name for a ref that was
    /// recorded, the ref decides.
    pub fn head(&self) -> Option<Head<'a>> {
        let head = self.git_ref(HEAD)?;
        let Some(name) = head.symref_target else {
            return Some(Head {
                branch: None,
                commit: head.commit,
            });
        };
        let target = self.git_ref(name);
        Some(Head {
            branch: Some(name.strip_prefix(BRANCHES).unwrap_or(name)),
            commit: target.map_or(head.commit, |target| target.commit),
        })
    }

    /// The ref of this full name.
    pub fn git_ref(&self, name: &str) -> Option<Ref<'a>> {
        self.corpus.ref_of(self.row | PLAIN, name)
    }

    /// All refs, by name.
    pub fn refs(&self) -> impl DoubleEndedIterator<Item = Ref<'a>> + ExactSizeIterator + use<'a> {
        self.corpus.refs_of(self.row | PLAIN).into_iter()
    }

    /// How many refs there are.
    pub fn ref_count(&self) -> usize {
        self.corpus.git.repos.live_refs.get(self.row) as usize
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
        self.git_ref(&format!("{BRANCHES}{name}"))?.commit
    }

    fn below(&self, prefix: &'static str) -> impl Iterator<Item = Branch<'a>> + use<'a> {
        self.refs().filter_map(move |git_ref| {
            Some(Branch {
                name: git_ref.name.strip_prefix(prefix)?,
                commit: git_ref.commit?,
            })
        })
    }
}

impl std::fmt::Debug for Repo<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Repo({})", self.name())
    }
}
