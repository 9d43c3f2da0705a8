//! The board's grid: commits down, builders across, and what is known where they meet. All ways to
//! show the board are made from it (spec/dashboards.md 1.4).

use std::collections::BTreeSet;

use builders::BranchPattern;
use forgelog_replay::builds::Build;
use forgelog_replay::corpus::{Commit, Repo};
use proto::GitHash;
use proto::forgelog::builds::Builder;

use super::Facts;
use super::history::{Listed, merged};
use super::query::{BoardQuery, PAGE_COMMITS};
use crate::refusal::Refusal;
use crate::text::label;

/// The branch that stands for all of them.
pub(crate) const ALL_BRANCHES: &str = "all";

/// A page of the board.
#[derive(Debug)]
pub(crate) struct Grid<'a> {
    /// The repository's name.
    pub(crate) repo_name: &'a str,
    /// `None` if nothing was ever recorded of it.
    pub(crate) repo: Option<Repo<'a>>,
    /// The branches whose commits are shown.
    pub(crate) branch: Shown<'a>,
    /// The builders, from left to right.
    pub(crate) columns: Vec<&'a str>,
    /// Newest first.
    pub(crate) rows: Vec<GridRow<'a>>,
    /// The other repositories at the heads of their default branches, by name.
    pub(crate) others: Vec<GridRow<'a>>,
    /// There are more commits on the next page.
    pub(crate) has_older: bool,
}

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown<'a> {
    /// One branch.
    One {
        /// Without `refs/heads/`.
        name: &'a str,
        /// It is the repository's default branch.
        is_default: bool,
    },
    /// All of them.
    All,
    /// Commits that were asked for by name.
    Commits,
    /// There is none yet.
    Nothing,
}

/// A commit and its builds, one for each column.
#[derive(Debug)]
pub(crate) struct GridRow<'a> {
    /// The repository's name.
    pub(crate) repo: &'a str,
    /// The branch it is shown for; empty if that is not known.
    pub(crate) branch: &'a str,
    /// The commit.
    pub(crate) commit: Commit<'a>,
    /// One for each column.
    pub(crate) cells: Vec<Slot<'a>>,
}

/// Where a commit and a builder meet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Slot<'a> {
    /// Nothing is known.
    Blank,
    /// The builder does not build this branch.
    Untested,
    /// A build.
    Build(Build<'a>),
}

/// A builder in force, as far as the board wants to know it.
struct InForce<'a> {
    name: &'a str,
    branches: Vec<BranchPattern>,
}

impl<'a> Grid<'a> {
    /// The page that is asked for.
    pub(crate) fn new(facts: Facts<'a>, query: &BoardQuery) -> Result<Self, Refusal> {
        let name = query.repo.as_deref().unwrap_or(facts.main_repo);
        let Some(repo) = facts.corpus.repo(name) else {
            if query.repo.is_some() && name != facts.main_repo {
                return Err(Refusal::missing(format!(
                    "There is no repository {}.",
                    label(name, 200)
                )));
            }
            return Ok(Self::empty(facts.main_repo));
        };
        let branch = shown(&repo, query)?;
        let (listed, has_older) = list(facts, &repo, branch, query)?;
        let is_main = repo.name() == facts.main_repo;
        let others = if is_main && query.page == 0 && query.hashes.is_empty() {
            heads(facts, &repo)
        } else {
            Vec::new()
        };
        let in_force = if is_main {
            builders_in_force(facts)
        } else {
            Vec::new()
        };
        let default = repo.head().and_then(|head| head.branch);

        let commits = || {
            listed
                .iter()
                .map(|listed| (repo.name(), listed))
                .chain(others.iter().map(|(name, listed)| (*name, listed)))
        };
        let mut columns = columns(facts, &in_force, branch, default_branch(&repo), commits());
        builders::column_order(&mut columns);
        let row = |(repo, listed): (&'a str, &Listed<'a>)| GridRow {
            repo,
            branch: listed.branch,
            commit: listed.commit,
            cells: columns
                .iter()
                .map(|builder| slot(facts, &in_force, builder, repo, listed, default))
                .collect(),
        };
        Ok(Self {
            repo_name: repo.name(),
            repo: Some(repo),
            branch,
            rows: listed
                .iter()
                .map(|listed| row((repo.name(), listed)))
                .collect(),
            others: others
                .iter()
                .map(|(name, listed)| row((name, listed)))
                .collect(),
            has_older,
            columns: columns.clone(),
        })
    }

    fn empty(repo_name: &'a str) -> Self {
        Self {
            repo_name,
            repo: None,
            branch: Shown::Nothing,
            columns: Vec::new(),
            rows: Vec::new(),
            others: Vec::new(),
            has_older: false,
        }
    }
}

fn shown<'a>(repo: &Repo<'a>, query: &BoardQuery) -> Result<Shown<'a>, Refusal> {
    let default = default_branch(repo);
    match query.branch.as_deref() {
        _ if !query.hashes.is_empty() => Ok(Shown::Commits),
        None => Ok(default.map_or(Shown::Nothing, |name| Shown::One {
            name,
            is_default: true,
        })),
        Some(ALL_BRANCHES) => Ok(Shown::All),
        Some(name) if default == Some(name) => {
            Ok(default.map_or(Shown::Nothing, |name| Shown::One {
                name,
                is_default: true,
            }))
        }
        Some(name) => {
            // Such a name can also be that of a branch called `all`.
            let name = name.strip_prefix("refs/heads/").unwrap_or(name);
            let found = repo.branches().find(|branch| branch.name == name);
            let found = found.map(|branch| Shown::One {
                name: branch.name,
                is_default: default == Some(branch.name),
            });
            found.ok_or_else(|| {
                let (repo, name) = (label(repo.name(), 200), label(name, 200));
                Refusal::missing(format!("There is no branch {name} in {repo}."))
            })
        }
    }
}

/// The name of what is checked out where `HEAD` names no branch; the coordinator's name for it too.
pub(crate) const DETACHED: &str = "HEAD";

/// The branch that `HEAD` names, or [`DETACHED`] itself; without a `HEAD` the first branch.
pub(crate) fn default_branch<'a>(repo: &Repo<'a>) -> Option<&'a str> {
    match repo.head() {
        Some(head) => head.branch.or_else(|| head.commit.map(|_| DETACHED)),
        None => repo.branches().next().map(|branch| branch.name),
    }
}

/// The commit at the head of a branch, or of what is checked out without one.
pub(crate) fn tip(repo: &Repo<'_>, branch: &str) -> Option<GitHash> {
    let detached = repo
        .head()
        .filter(|head| branch == DETACHED && head.branch.is_none());
    detached.map_or_else(|| repo.branch(branch), |head| head.commit)
}

/// The commits of the page, and whether there are older ones.
fn list<'a>(
    facts: Facts<'a>,
    repo: &Repo<'a>,
    branch: Shown<'a>,
    query: &BoardQuery,
) -> Result<(Vec<Listed<'a>>, bool), Refusal> {
    let skipped = query.page * PAGE_COMMITS;
    // One more tells whether there are older ones.
    let page = |history: &mut dyn Iterator<Item = Listed<'a>>| {
        history.skip(skipped).take(PAGE_COMMITS + 1).collect()
    };
    let mut listed: Vec<Listed<'a>> = match branch {
        Shown::Nothing => Vec::new(),
        Shown::All => page(&mut merged(facts.corpus, repo)),
        Shown::One { name, .. } => match tip(repo, name) {
            Some(head) => page(&mut facts.corpus.first_parents(&head).map(|commit| Listed {
                commit,
                branch: name,
            })),
            None => Vec::new(),
        },
        Shown::Commits => {
            let branch = default_branch(repo).unwrap_or_default();
            let commits = query.hashes.iter().map(|hash| {
                let commit = facts
                    .corpus
                    .commit(hash)
                    .map(|commit| Listed { commit, branch });
                commit.ok_or_else(|| Refusal::missing(format!("There is no commit {hash}.")))
            });
            return Ok((commits.collect::<Result<_, _>>()?, false));
        }
    };
    let has_older = listed.len() > PAGE_COMMITS;
    listed.truncate(PAGE_COMMITS);
    Ok((listed, has_older))
}

/// The other repositories' default branches.
fn heads<'a>(facts: Facts<'a>, main: &Repo<'a>) -> Vec<(&'a str, Listed<'a>)> {
    let others = facts
        .corpus
        .repos()
        .filter(|repo| repo.name() != main.name());
    let heads = others.filter_map(|repo| {
        let branch = default_branch(&repo)?;
        let commit = facts.corpus.commit(&tip(&repo, branch)?)?;
        Some((repo.name(), Listed { commit, branch }))
    });
    heads.collect()
}

fn builders_in_force(facts: Facts<'_>) -> Vec<InForce<'_>> {
    let builders = facts
        .builds
        .config()
        .map_or(&[][..], |config| &config.builders);
    builders
        .iter()
        .map(|builder| InForce {
            name: &builder.name,
            branches: patterns(builder),
        })
        .collect()
}

fn patterns(builder: &Builder) -> Vec<BranchPattern> {
    let pattern = |text: &String| match text.as_str() {
        "default" => BranchPattern::Default,
        glob => BranchPattern::Glob(glob.to_owned()),
    };
    builder.branches.iter().map(pattern).collect()
}

impl InForce<'_> {
    fn builds(&self, branch: &str, is_default: bool) -> bool {
        self.branches
            .iter()
            .any(|pattern| pattern.matches(branch, is_default))
    }
}

/// The builders in force that build what is shown, and all that have built it.
fn columns<'a, 'l>(
    facts: Facts<'a>,
    in_force: &[InForce<'a>],
    branch: Shown<'a>,
    default: Option<&str>,
    commits: impl Iterator<Item = (&'a str, &'l Listed<'a>)>,
) -> Vec<&'a str>
where
    'a: 'l,
{
    let is_wanted = |builder: &&InForce<'a>| match branch {
        Shown::One { name, is_default } => builder.builds(name, is_default),
        Shown::All => true,
        // They may be on any branch; most are on this one.
        Shown::Commits => default.is_some_and(|name| builder.builds(name, true)),
        Shown::Nothing => false,
    };
    let mut columns: BTreeSet<&'a str> = in_force
        .iter()
        .filter(is_wanted)
        .map(|builder| builder.name)
        .collect();
    for (repo, listed) in commits {
        for builder in facts.builds.builders_seen(repo) {
            if !columns.contains(builder)
                && facts
                    .builds
                    .cell(builder, repo, &listed.commit.hash())
                    .is_some()
            {
                columns.insert(builder);
            }
        }
    }
    columns.into_iter().collect()
}

fn slot<'a>(
    facts: Facts<'a>,
    in_force: &[InForce<'a>],
    builder: &str,
    repo: &str,
    listed: &Listed<'a>,
    default: Option<&str>,
) -> Slot<'a> {
    if let Some(build) = facts.builds.cell(builder, repo, &listed.commit.hash()) {
        return Slot::Build(build);
    }
    let known = in_force.iter().find(|known| known.name == builder);
    match known {
        Some(known)
            if repo == facts.main_repo
                && !known.builds(listed.branch, default == Some(listed.branch)) =>
        {
            Slot::Untested
        }
        _ => Slot::Blank,
    }
}
