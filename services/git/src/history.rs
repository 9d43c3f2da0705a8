//! Which commits are new: a walk over the commit graph. Depends on [`crate::objects`] and the commit header.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use gix::objs::Kind;
use proto::GitHash;

use crate::commit::Header;
use crate::{Error, Repository};

enum Step {
    /// Go to this commit, if it is new. `child` is the one that it was reached from.
    Visit {
        commit: GitHash,
        child: Option<GitHash>,
    },
    /// All ancestors of this commit are in the result, so it can be.
    Take(GitHash),
}

/// See [`Repository::missing`].
///
/// A depth-first walk with its own stack. A commit is taken when the walk leaves it, which is after it took all of its
/// parents.
pub(crate) fn missing(
    repository: &Repository,
    tips: &[GitHash],
    known: &dyn Fn(&GitHash) -> bool,
    cancel: &AtomicBool,
) -> Result<Vec<GitHash>, Error> {
    let mut objects = repository.objects();
    let shallow = repository.shallow_commits()?;
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut buffer = Vec::new();
    // The last one pushed is visited first.
    let mut stack: Vec<Step> = tips
        .iter()
        .rev()
        .map(|tip| Step::Visit {
            commit: *tip,
            child: None,
        })
        .collect();
    while let Some(step) = stack.pop() {
        if cancel.load(Ordering::Relaxed) {
            return Err(Error::Cancelled {
                doing: format!("walking the history of {}", repository.name()),
            });
        }
        let (commit, child) = match step {
            Step::Take(commit) => {
                found.push(commit);
                continue;
            }
            Step::Visit { commit, child } => (commit, child),
        };
        if known(&commit) || !seen.insert(commit) {
            continue;
        }
        match child {
            None => objects.read(&commit, Kind::Commit, &mut buffer)?,
            Some(child) => {
                let kind = if shallow.contains(&child) {
                    objects.try_read_unlikely(&commit, &mut buffer)?
                } else {
                    objects.try_read(&commit, &mut buffer)?
                };
                if kind.is_none() {
                    tracing::debug!(commit.hash = %commit, child = %child, "a parent is not in the repository");
                    continue;
                }
                objects.expect(&commit, kind, Kind::Commit)?;
            }
        }
        let header = Header::parse(&buffer).map_err(|problem| objects.corrupt(&commit, problem))?;
        stack.push(Step::Take(commit));
        let parents = header.parents.iter().rev();
        stack.extend(parents.map(|parent| Step::Visit {
            commit: *parent,
            child: Some(commit),
        }));
    }
    Ok(found)
}
