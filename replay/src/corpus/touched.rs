//! What records touched: for those who follow a corpus and want to know where to look. Depends on the tables.

use std::sync::Arc;

use super::Corpus;
use super::git::PLAIN;
use super::git::apply::Touched as TouchedByGit;
use super::github::apply::Touched as TouchedByGithub;
use crate::columns::NONE;
use proto::GitHash;

/// More than so many are not listed one by one.
const ROWS_KEPT_MAX: usize = 10_000;

/// An issue, by its repository and number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssueKey {
    /// Such as `golang`. Most keys share their names with many others.
    pub owner: Arc<str>,
    /// Such as `go`.
    pub repo: Arc<str>,
    /// Such as 1234.
    pub number: i32,
}

/// A CL, by its project and number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClKey {
    /// With its server, such as `go.googlesource.com/go`.
    pub project: Arc<str>,
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

/// A GitHub repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoKey {
    /// Such as `golang`.
    pub owner: String,
    /// Such as `go`.
    pub repo: String,
}

/// What some records touched. That nothing is listed does not mean that there was nothing: records may be about what is
/// not told one by one, such as a user's new login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Touched {
    /// Issues, each once, in order.
    pub issues: Vec<IssueKey>,
    /// CLs, each once, in order.
    pub cls: Vec<ClKey>,
    /// Refs that were set or deleted, each once, in order.
    pub refs: Vec<RefKey>,
    /// Repositories of which some label or milestone is new, has another name, or another state; each once, in order.
    pub repos: Vec<RepoKey>,
    /// Commits that became known, in full and not only as somebody's parent; each once, in order.
    pub commits: Vec<GitHash>,
    /// There was more than is listed, of whatever but commits: look at everything.
    pub is_partial: bool,
    /// There were more commits than are listed.
    pub has_more_commits: bool,
}

/// The same by rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    issues: Vec<u32>,
    changes: Vec<u32>,
    refs: Vec<u32>,
    repos: Vec<u32>,
    commits: Vec<u32>,
    is_partial: bool,
    has_more_commits: bool,
}

impl Rows {
    /// Adds those of git's side, which were noted apart.
    pub(super) fn append(&mut self, of_git: Self) {
        of_git.changes.into_iter().for_each(|row| self.change(row));
        of_git.refs.into_iter().for_each(|row| self.git_ref(row));
        of_git.commits.into_iter().for_each(|row| self.commit(row));
        self.is_partial |= of_git.is_partial;
        self.has_more_commits |= of_git.has_more_commits;
    }
}

impl TouchedByGithub for Rows {
    fn issue(&mut self, issue: u32) {
        add(&mut self.issues, issue, &mut self.is_partial);
    }

    fn repo(&mut self, repo: u32) {
        add(&mut self.repos, repo, &mut self.is_partial);
    }
}

impl TouchedByGit for Rows {
    fn change(&mut self, change: u32) {
        add(&mut self.changes, change, &mut self.is_partial);
    }

    fn git_ref(&mut self, git_ref: u32) {
        add(&mut self.refs, git_ref, &mut self.is_partial);
    }

    fn commit(&mut self, commit: u32) {
        add(&mut self.commits, commit, &mut self.has_more_commits);
    }
}

/// Nobody wants to know.
pub(super) struct Unwatched;

impl TouchedByGit for Unwatched {
    fn change(&mut self, _: u32) {}
    fn git_ref(&mut self, _: u32) {}
    fn commit(&mut self, _: u32) {}
}

impl TouchedByGithub for Unwatched {
    fn issue(&mut self, _: u32) {}
    fn repo(&mut self, _: u32) {}
}

fn add(rows: &mut Vec<u32>, row: u32, has_more: &mut bool) {
    if rows.last() == Some(&row) {
        return;
    }
    if rows.len() < ROWS_KEPT_MAX {
        rows.push(row);
    } else {
        *has_more = true;
    }
}

impl Touched {
    /// Whether nothing is listed, and nothing is missing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Notes that there was something that is not known any more.
    pub(crate) fn lose_some(&mut self) {
        self.is_partial = true;
        self.has_more_commits = true;
    }

    /// Adds what others touched.
    pub fn extend(&mut self, other: &Self) {
        merge(&mut self.issues, &other.issues, &mut self.is_partial);
        merge(&mut self.cls, &other.cls, &mut self.is_partial);
        merge(&mut self.refs, &other.refs, &mut self.is_partial);
        merge(&mut self.repos, &other.repos, &mut self.is_partial);
        merge(
            &mut self.commits,
            &other.commits,
            &mut self.has_more_commits,
        );
        self.is_partial |= other.is_partial;
        self.has_more_commits |= other.has_more_commits;
    }
}

fn merge<K: Ord + Clone>(ours: &mut Vec<K>, theirs: &[K], has_more: &mut bool) {
    ours.extend_from_slice(theirs);
    ours.sort();
    ours.dedup();
    if ours.len() > ROWS_KEPT_MAX {
        ours.truncate(ROWS_KEPT_MAX);
        *has_more = true;
    }
}

/// The keys of rows that belong to rows of few others, each once and in order. Names are compared once for each of
/// those, and not for each key: sorting keys took a third of the time that it takes to fold small edits.
fn in_order<O: Ord, K>(
    rows: Vec<u32>,
    place: impl Fn(u32) -> (u32, i32),
    owner: impl Fn(u32) -> O,
    key: impl Fn(&O, i32) -> K,
) -> Vec<K> {
    let mut places: Vec<u64> = rows.into_iter().map(|row| as_number(place(row))).collect();
    places.sort_unstable();
    places.dedup();
    let of_one_owner = places.chunk_by(|a, b| as_place(*a).0 == as_place(*b).0);
    let with_owner = of_one_owner.map(|places| {
        let (row, _) = places.first().map_or((0, 0), |place| as_place(*place));
        (owner(row), places)
    });
    let mut by_owner: Vec<(O, &[u64])> = with_owner.collect();
    by_owner.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    let keys = by_owner.iter().flat_map(|(owner, places)| {
        let numbers = places.iter().map(|place| as_place(*place).1);
        numbers.map(|number| key(owner, number))
    });
    keys.collect()
}

/// An owner's row and a number as one number, in the same order: that is sorted faster.
fn as_number((owner, number): (u32, i32)) -> u64 {
    u64::from(owner) << 32 | u64::from(number.cast_unsigned() ^ (1 << 31))
}

/// What [`as_number`] was made of.
fn as_place(number: u64) -> (u32, i32) {
    let low = number as u32 ^ (1 << 31);
    ((number >> 32) as u32, low.cast_signed())
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
            issues: self.issue_keys(rows.issues),
            cls: self.cl_keys(rows.changes),
            refs: rows.refs.iter().map(|row| self.ref_key(*row)).collect(),
            repos: rows.repos.iter().map(|row| self.repo_key(*row)).collect(),
            commits: rows.commits.iter().map(|row| self.hash(*row)).collect(),
            is_partial: rows.is_partial,
            has_more_commits: rows.has_more_commits,
        };
        // The others are in order.
        merge(&mut touched.refs, &[], &mut touched.is_partial);
        merge(&mut touched.repos, &[], &mut touched.is_partial);
        merge(&mut touched.commits, &[], &mut touched.has_more_commits);
        touched
    }

    fn issue_keys(&self, rows: Vec<u32>) -> Vec<IssueKey> {
        let issues = &self.github.issues;
        let place = |row| (issues.repo.get(row), issues.number.get(row));
        in_order(
            rows,
            place,
            |repo| {
                let RepoKey { owner, repo } = self.repo_key(repo);
                (Arc::from(owner), Arc::from(repo))
            },
            |(owner, repo): &(Arc<str>, Arc<str>), number| IssueKey {
                owner: Arc::clone(owner),
                repo: Arc::clone(repo),
                number,
            },
        )
    }

    fn cl_keys(&self, rows: Vec<u32>) -> Vec<ClKey> {
        let (changes, projects) = (&self.git.changes, &self.git.projects);
        let place = |row| (changes.project.get(row), changes.number.get(row));
        let name = |project| Arc::from(self.string(&projects.name.get(project)));
        in_order(rows, place, name, |project: &Arc<str>, number| ClKey {
            project: Arc::clone(project),
            number,
        })
    }

    fn repo_key(&self, row: u32) -> RepoKey {
        let repos = &self.github.repos;
        RepoKey {
            owner: self.string(&repos.owner.get(row)),
            repo: self.string(&repos.name.get(row)),
        }
    }

    fn hash(&self, commit: u32) -> GitHash {
        GitHash::from_bytes(self.git.commits.hash.get(commit))
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
