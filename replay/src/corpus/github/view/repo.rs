//! Repositories.

use std::fmt;

use super::{Issue, Label, Milestone};
use crate::columns::Chain;
use crate::corpus::Corpus;

/// The name of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GithubRepoId<'a> {
    /// Such as `golang`.
    pub owner: &'a str,
    /// Such as `go`.
    pub name: &'a str,
}

impl fmt::Display for GithubRepoId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// A GitHub repository.
#[derive(Clone, Copy)]
pub struct GithubRepo<'a> {
    pub(in crate::corpus) corpus: &'a Corpus,
    row: Row,
}

/// Where a repository is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Row {
    /// A row of the repositories.
    Known(u32),
    /// A row of those that only commit messages mention.
    Mentioned(u32),
}

/// Two are equal if they are of the same row; it is for the caller to compare only views of one log.
impl PartialEq for GithubRepo<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.row == other.row
    }
}

impl Eq for GithubRepo<'_> {}

impl std::hash::Hash for GithubRepo<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.row.hash(state);
    }
}

/// All repositories, sorted by owner and name.
pub(super) fn all(corpus: &Corpus) -> Vec<GithubRepo<'_>> {
    let known = (0..corpus.github.repos.owner.len()).map(Row::Known);
    let mentions = &corpus.git.mentions;
    let mentioned = (0..mentions.owner.len()).filter(|row| {
        let owner = corpus.bytes(&mentions.owner, *row);
        let name = corpus.bytes(&mentions.name, *row);
        corpus.github.repo(corpus.texts(), owner, name).is_none()
    });
    let rows = known.chain(mentioned.map(Row::Mentioned));
    let mut repos: Vec<_> = rows.map(|row| GithubRepo { corpus, row }).collect();
    repos.sort_by_key(GithubRepo::id);
    repos
}

/// The repository of this name.
pub(super) fn find<'a>(corpus: &'a Corpus, owner: &[u8], name: &[u8]) -> Option<GithubRepo<'a>> {
    let texts = corpus.texts();
    let known = corpus.github.repo(texts, owner, name).map(Row::Known);
    let mentioned = || corpus.git.mention(texts, owner, name).map(Row::Mentioned);
    let row = known.or_else(mentioned)?;
    Some(GithubRepo { corpus, row })
}

impl<'a> GithubRepo<'a> {
    /// The repository of a cell.
    pub(super) fn of_row(corpus: &'a Corpus, row: u32) -> Self {
        let row = Row::Known(row);
        Self { corpus, row }
    }

    /// Its name.
    pub fn id(&self) -> GithubRepoId<'a> {
        let corpus = self.corpus;
        let (repos, mentions) = (&corpus.github.repos, &corpus.git.mentions);
        let (owner, name, row) = match self.row {
            Row::Known(row) => (&repos.owner, &repos.name, row),
            Row::Mentioned(row) => (&mentions.owner, &mentions.name, row),
        };
        GithubRepoId {
            owner: corpus.text(owner, row),
            name: corpus.text(name, row),
        }
    }

    /// The issue or pull request with this number, also one that is no more: see [`Issue::exists`].
    pub fn issue(&self, number: i32) -> Option<Issue<'a>> {
        let corpus = self.corpus;
        let row = corpus.github.issue(self.row()?, number)?;
        Some(Issue { corpus, row })
    }

    /// All issues and pull requests, sorted by number, with those that are no more.
    pub fn issues(
        &self,
    ) -> impl DoubleEndedIterator<Item = Issue<'a>> + ExactSizeIterator + use<'a> {
        let corpus = self.corpus;
        let issues = &corpus.github.issues;
        let chain = self.chain(|row| corpus.github.repos.issues.get(row));
        let mut rows = Vec::with_capacity(chain.count as usize);
        rows.extend(chain.rows(&issues.previous));
        rows.reverse();
        rows.sort_by_key(|row| issues.number.get(*row));
        rows.into_iter().map(move |row| Issue { corpus, row })
    }

    /// How many [`GithubRepo::issues`] there are.
    pub fn issue_count(&self) -> usize {
        self.chain(|row| self.corpus.github.repos.issues.get(row))
            .count as usize
    }

    /// The label with this id.
    pub fn label(&self, id: i64) -> Option<Label<'a>> {
        let corpus = self.corpus;
        let row = corpus.github.label(self.row()?, id)?;
        Some(Label { corpus, row })
    }

    /// All labels that it ever had, sorted by id.
    pub fn labels(
        &self,
    ) -> impl DoubleEndedIterator<Item = Label<'a>> + ExactSizeIterator + use<'a> {
        let corpus = self.corpus;
        let chain = self.chain(|row| corpus.github.repos.labels.get(row));
        let mut rows: Vec<_> = chain.rows(&corpus.github.labels.previous).collect();
        rows.sort_by_key(|row| corpus.github.labels.id.get(*row));
        rows.into_iter().map(move |row| Label { corpus, row })
    }

    /// How many [`GithubRepo::labels`] there are.
    pub fn label_count(&self) -> usize {
        self.chain(|row| self.corpus.github.repos.labels.get(row))
            .count as usize
    }

    /// The milestone with this id.
    pub fn milestone(&self, id: i64) -> Option<Milestone<'a>> {
        let corpus = self.corpus;
        let row = corpus.github.milestone(self.row()?, id)?;
        Some(Milestone { corpus, row })
    }

    /// All milestones that it ever had, sorted by id.
    pub fn milestones(
        &self,
    ) -> impl DoubleEndedIterator<Item = Milestone<'a>> + ExactSizeIterator + use<'a> {
        let corpus = self.corpus;
        let chain = self.chain(|row| corpus.github.repos.milestones.get(row));
        let mut rows: Vec<_> = chain.rows(&corpus.github.milestones.previous).collect();
        rows.sort_by_key(|row| corpus.github.milestones.id.get(*row));
        rows.into_iter().map(move |row| Milestone { corpus, row })
    }

    /// How many [`GithubRepo::milestones`] there are.
    pub fn milestone_count(&self) -> usize {
        self.chain(|row| self.corpus.github.repos.milestones.get(row))
            .count as usize
    }

    fn row(&self) -> Option<u32> {
        match self.row {
            Row::Known(row) => Some(row),
            Row::Mentioned(_) => None,
        }
    }

    fn chain(&self, of: impl Fn(u32) -> Chain) -> Chain {
        self.row().map_or(Chain::EMPTY, of)
    }
}

impl fmt::Debug for GithubRepo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GithubRepo({})", self.id())
    }
}
