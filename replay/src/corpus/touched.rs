//! What records touched: for those who follow a corpus and want to know where to look. Depends on the tables.

use super::Corpus;
use super::git::PLAIN;
use super::git::apply::Touched as TouchedByGit;
use crate::columns::NONE;

/// More than so many are not listed one by one.
const ROWS_KEPT_MAX: usize = 10_000;

/// An issue, by its repository and number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssueKey {
    /// Such as `golang`.
    pub owner: String,
    /// Such as `go`.
    pub repo: String,
    /// Such as 1234.
    pub number: i32,
}

/// A CL, by its project and number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClKey {
    /// With its server, such as `go.googlesource.com/go`.
    pub project: String,
    /// Such as 1234.
    pub number: i32,
}

/// A ref, by where it is and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefKey {
    /// A Gerrit project with its server, or a plain repository.
    pub owner: String,
    /// In full, such as `refs/heads/master`.
    pub name: String,
}

/// What some records touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Touched {
    /// Issues, each once, in order.
    pub issues: Vec<IssueKey>,
    /// CLs, each once, in order.
    pub cls: Vec<ClKey>,
    /// Refs that were set or deleted, each once, in order.
    pub refs: Vec<RefKey>,
    /// There was more than is listed: look at everything.
    pub is_partial: bool,
}

/// The same by rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    issues: Vec<u32>,
    changes: Vec<u32>,
    refs: Vec<u32>,
    is_partial: bool,
}

impl Rows {
    pub(super) fn issue(&mut self, row: u32) {
        add(&mut self.issues, row, &mut self.is_partial);
    }
}

impl TouchedByGit for Rows {
    fn change(&mut self, change: u32) {
        add(&mut self.changes, change, &mut self.is_partial);
    }

    fn git_ref(&mut self, git_ref: u32) {
        add(&mut self.refs, git_ref, &mut self.is_partial);
    }
}

/// Nobody wants to know.
pub(super) struct Unwatched;

impl TouchedByGit for Unwatched {
    fn change(&mut self, _: u32) {}
    fn git_ref(&mut self, _: u32) {}
}

fn add(rows: &mut Vec<u32>, row: u32, is_partial: &mut bool) {
    if rows.last() == Some(&row) {
        return;
    }
    if rows.len() < ROWS_KEPT_MAX {
        rows.push(row);
    } else {
        *is_partial = true;
    }
}

impl Touched {
    /// Whether nothing was touched.
    pub fn is_empty(&self) -> bool {
        self.issues.is_empty() && self.cls.is_empty() && self.refs.is_empty() && !self.is_partial
    }

    /// Adds what others touched.
    pub fn extend(&mut self, other: &Self) {
        merge(&mut self.issues, &other.issues, &mut self.is_partial);
        merge(&mut self.cls, &other.cls, &mut self.is_partial);
        merge(&mut self.refs, &other.refs, &mut self.is_partial);
        self.is_partial |= other.is_partial;
    }
}

fn merge<K: Ord + Clone>(ours: &mut Vec<K>, theirs: &[K], is_partial: &mut bool) {
    ours.extend_from_slice(theirs);
    ours.sort();
    ours.dedup();
    if ours.len() > ROWS_KEPT_MAX {
        ours.truncate(ROWS_KEPT_MAX);
        *is_partial = true;
    }
}

impl Corpus {
    /// What was touched since the last time, if it is noted.
    pub(super) fn take_touched(&mut self) -> Touched {
        let Some(rows) = self
            .touched
            .as_mut()
            .map(|rows| std::mem::take(&mut **rows))
        else {
            return Touched::default();
        };
        let mut touched = Touched {
            issues: rows.issues.iter().map(|row| self.issue_key(*row)).collect(),
            cls: rows.changes.iter().map(|row| self.cl_key(*row)).collect(),
            refs: rows.refs.iter().map(|row| self.ref_key(*row)).collect(),
            is_partial: rows.is_partial,
        };
        touched.extend(&Touched::default());
        touched
    }

    fn issue_key(&self, row: u32) -> IssueKey {
        let (issues, repos) = (&self.github.issues, &self.github.repos);
        let repo = issues.repo.get(row);
        IssueKey {
            owner: self.string(&repos.owner.get(repo)),
            repo: self.string(&repos.name.get(repo)),
            number: issues.number.get(row),
        }
    }

    fn cl_key(&self, row: u32) -> ClKey {
        let changes = &self.git.changes;
        let project = changes.project.get(row);
        ClKey {
            project: self.string(&self.git.projects.name.get(project)),
            number: changes.number.get(row),
        }
    }

    fn ref_key(&self, row: u32) -> RefKey {
        let refs = &self.git.refs;
        let owner = refs.owner.get(row);
        let name = match owner & PLAIN {
            0 => self.git.projects.name.get(owner),
            _ => self.git.repos.name.get(owner & !PLAIN),
        };
        debug_assert_ne!(owner, NONE);
        RefKey {
            owner: self.string(&name),
            name: self.string(&refs.name.get(row)),
        }
    }

    fn string(&self, text: &crate::columns::Text) -> String {
        String::from_utf8_lossy(self.texts().get(text)).into_owned()
    }
}
