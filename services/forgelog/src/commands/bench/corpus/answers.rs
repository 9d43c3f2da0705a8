//! What a corpus holds, and the questions that both are asked; the same shapes as the peer's program prints. Pure, but
//! for the clock.
//!
//! Which label, owner and year are asked for, either finds out for itself by the same rule: the most frequent one, of
//! several the least. So the answers are the same only if what they are counted from is.

use anyhow::{Result, ensure};
use forgelog_replay::corpus::Cl;
use forgelog_replay::{Corpus, Time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::super::sample::median;

/// How often a question is asked for its median time.
const ROUNDS: usize = 9;

/// What a corpus holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) repos: usize,
    pub(super) issues: usize,
    pub(super) comments: usize,
    pub(super) title_bytes: usize,
    pub(super) body_bytes: usize,
    pub(super) highest_issue: i32,
    pub(super) gerrit_projects: usize,
    pub(super) changes: usize,
}

/// The answers about a log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Answers {
    pub(super) open_issues: OpenIssues,
    pub(super) changes: Changes,
}

/// How many issues with a label are open, in all repositories, pull requests not counted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct OpenIssues {
    pub(super) label: String,
    pub(super) count: usize,
    /// For one count.
    pub(super) seconds: f64,
}

/// How many changes of an owner were created in a year, by UTC, in all projects.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Changes {
    pub(super) owner: i64,
    pub(super) year: i32,
    pub(super) count: usize,
    /// For one count.
    pub(super) seconds: f64,
}

/// Whether a chain's newest commit descends from its oldest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Ancestors {
    pub(super) commits: usize,
    pub(super) newest: String,
    pub(super) oldest: String,
    pub(super) descends: bool,
    /// For one look.
    pub(super) seconds: f64,
}

impl Answers {
    /// An error if they are not the same answers to the same questions, however long they took.
    pub(super) fn check_same(&self, theirs: &Self) -> Result<()> {
        let issues = |answers: &Self| {
            let OpenIssues { label, count, .. } = &answers.open_issues;
            (label.clone(), *count)
        };
        let changes = |answers: &Self| {
            let Changes {
                owner, year, count, ..
            } = answers.changes;
            (owner, year, count)
        };
        ensure!(
            issues(self) == issues(theirs) && changes(self) == changes(theirs),
            "the answers differ, so their times cannot be compared\n  ours:   {self:?}\n  theirs: {theirs:?}"
        );
        Ok(())
    }
}

impl Ancestors {
    /// The same for a chain.
    pub(super) fn check_same(&self, theirs: &Self) -> Result<()> {
        let all = |answer: &Self| {
            let Self {
                commits,
                newest,
                oldest,
                descends,
                ..
            } = answer.clone();
            (commits, newest, oldest, descends)
        };
        ensure!(
            all(self) == all(theirs),
            "the answers differ, so their times cannot be compared\n  ours:   {self:?}\n  theirs: {theirs:?}"
        );
        Ok(())
    }
}

impl Held {
    /// Counts what a corpus holds.
    pub(super) fn count(corpus: &Corpus) -> Self {
        let mut held = Self {
            gerrit_projects: corpus.gerrit_projects().len(),
            changes: corpus.cls().count(),
            ..Self::default()
        };
        for repo in corpus.github_repos() {
            held.repos += 1;
            for issue in repo.issues() {
                held.issues += 1;
                held.comments += issue.comment_count();
                held.title_bytes += issue.title().len();
                held.body_bytes += issue.body().len();
                held.highest_issue = held.highest_issue.max(issue.number());
            }
        }
        held
    }
}

/// Asks a question several times; gives the last answer and the median of the seconds.
pub(super) fn timed<T: Default>(mut ask: impl FnMut() -> T) -> (T, f64) {
    let (mut answer, mut took) = (T::default(), Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        let began = Instant::now();
        answer = ask();
        took.push(began.elapsed().as_secs_f64());
    }
    (answer, median(&took))
}

/// Asks a corpus all questions about its log.
pub(super) fn ask(corpus: &Corpus) -> Answers {
    Answers {
        open_issues: open_issues(corpus),
        changes: changes(corpus),
    }
}

/// The key with the highest count, of several the least.
fn most_frequent<K: Ord>(counts: BTreeMap<K, usize>) -> Option<K> {
    // Of several, `max_by_key` gives the last.
    let most = counts.into_iter().rev().max_by_key(|(_, count)| *count);
    most.map(|(key, _)| key)
}

fn open_issues(corpus: &Corpus) -> OpenIssues {
    let is_issue =
        |issue: &forgelog_replay::corpus::Issue<'_>| issue.exists() && !issue.is_pull_request();
    let mut counts = BTreeMap::new();
    let issues = corpus.github_repos().flat_map(|repo| repo.issues());
    for issue in issues.filter(is_issue) {
        let names: BTreeSet<_> = issue.labels().map(|label| label.name()).collect();
        for name in names {
            *counts.entry(name).or_insert(0) += 1;
        }
    }
    let label = most_frequent(counts).unwrap_or_default().to_owned();
    let (count, seconds) = timed(|| {
        let issues = corpus.github_repos().flat_map(|repo| repo.issues());
        issues
            .filter(is_issue)
            .filter(|issue| !issue.is_closed() && issue.has_label(&label))
            .count()
    });
    OpenIssues {
        label,
        count,
        seconds,
    }
}

fn changes(corpus: &Corpus) -> Changes {
    let mut owners = BTreeMap::new();
    for owner in corpus.cls().filter_map(|cl| cl.owner_id()) {
        *owners.entry(owner).or_insert(0) += 1;
    }
    let owner = most_frequent(owners);
    let is_theirs = |cl: &Cl<'_>| owner.is_some() && cl.owner_id() == owner;
    let mut years = BTreeMap::new();
    let theirs = corpus.cls().filter(is_theirs);
    for created in theirs.filter_map(|cl| cl.created()) {
        *years.entry(year_of(created)).or_insert(0) += 1;
    }
    let year = most_frequent(years).unwrap_or_default();
    let (begin, end) = (begin_of(year), begin_of(year + 1));
    let (count, seconds) = timed(|| {
        let is_in = |cl: &Cl<'_>| {
            let created = cl.created();
            is_theirs(cl) && created >= begin && created < end
        };
        corpus.cls().filter(is_in).count()
    });
    Changes {
        owner: owner.unwrap_or_default(),
        year,
        count,
        seconds,
    }
}

/// The year in UTC.
fn year_of(time: Time) -> i32 {
    // As text it begins with the four digits of the year.
    let text = time.to_string();
    text.get(..4)
        .and_then(|year| year.parse().ok())
        .unwrap_or_default()
}

/// When a year begins.
fn begin_of(year: i32) -> Option<Time> {
    format!("{year:04}-01-01T00:00:00Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_is_the_least_of_several() {
        let counts = [("a", 1), ("b", 3), ("c", 3)];
        assert_eq!(most_frequent(counts.into()), Some("b"));
        assert_eq!(most_frequent::<i64>(BTreeMap::new()), None);
    }

    #[test]
    fn years_begin_where_they_begin() {
        let begin = begin_of(2018).unwrap_or(Time::MAX);
        assert_eq!(begin.unix_seconds(), 1_514_764_800);
        assert_eq!(year_of(begin), 2018);
        assert_eq!(year_of(Time::new(begin.unix_seconds() - 1, 0)), 2017);
    }

    #[test]
    fn answers_that_differ_are_told() {
        let answers = |count| Answers {
            open_issues: OpenIssues {
                label: "NeedsFix".to_owned(),
                count,
                seconds: 0.1 * count as f64,
            },
            changes: Changes {
                owner: 1,
                year: 2018,
                count: 2,
                seconds: 0.1,
            },
        };
        let mut slower = answers(1);
        slower.open_issues.seconds = 9.0;
        assert!(answers(1).check_same(&slower).is_ok());
        assert!(answers(1).check_same(&answers(2)).is_err());
    }

    #[test]
    fn an_empty_corpus_has_answers_too() {
        let answers = ask(&Corpus::default());
        assert_eq!((answers.open_issues.count, answers.changes.count), (0, 0));
        assert_eq!(Held::count(&Corpus::default()), Held::default());
    }
}
