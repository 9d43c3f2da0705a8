//! What a look at the refs adds to what is recorded. Pure; depends on the corpus.

use ::git::{Head, Refs};
use forgelog_replay::Corpus;
use proto::GitHash;
use proto::maintpb::{GitMutation, GitRef, GitRepo, Mutation};
use std::collections::BTreeMap;

/// The name of the ref that says what is checked out.
const HEAD: &str = "HEAD";

/// The commits that the refs point at, each once.
pub(super) fn tips(refs: &Refs) -> Vec<GitHash> {
    let head = match &refs.head {
        Head::Branch { target, .. } => *target,
        Head::Detached(commit) => Some(*commit),
    };
    let mut tips: Vec<GitHash> = head
        .into_iter()
        .chain(refs.refs.iter().map(|entry| entry.target))
        .collect();
    tips.sort_unstable();
    tips.dedup();
    tips
}

/// The mutation that makes the corpus' refs those of the repository; `None` if they are the same.
pub(super) fn refs(corpus: &Corpus, name: &str, refs: &Refs) -> Option<Mutation> {
    let repo = corpus.repo(name);
    let known = repo.iter().flat_map(|repo| repo.refs());
    let mut recorded: BTreeMap<String, GitRef> = known
        .map(|known| {
            let symref_target = known.symref_target.unwrap_or_default().to_owned();
            let sha1 = known
                .commit
                .map(|commit| commit.to_string())
                .unwrap_or_default();
            (
                known.name.to_owned(),
                GitRef {
                    r#ref: known.name.to_owned(),
                    sha1,
                    symref_target,
                },
            )
        })
        .collect();
    let mut changed = Vec::new();
    for entry in wanted(refs) {
        if recorded.remove(&entry.r#ref).as_ref() != Some(&entry) {
            changed.push(entry);
        }
    }
    let deleted_refs: Vec<String> = recorded.into_keys().collect();
    if changed.is_empty() && deleted_refs.is_empty() {
        return None;
    }
    let repo = Some(GitRepo {
        name: name.to_owned(),
        ..GitRepo::default()
    });
    let git = GitMutation {
        repo,
        refs: changed,
        deleted_refs,
        ..GitMutation::default()
    };
    Some(Mutation {
        git: Some(git),
        ..Mutation::default()
    })
}

/// All refs as they should be recorded, `HEAD` last: whoever sees it finds its branch.
fn wanted(refs: &Refs) -> Vec<GitRef> {
    let named = refs.refs.iter().map(|entry| GitRef {
        r#ref: entry.name.clone(),
        sha1: entry.target.to_string(),
        symref_target: String::new(),
    });
    let head = match &refs.head {
        Head::Branch { name, target } => GitRef {
            r#ref: HEAD.to_owned(),
            sha1: target.map(|target| target.to_string()).unwrap_or_default(),
            symref_target: name.clone(),
        },
        Head::Detached(commit) => GitRef {
            r#ref: HEAD.to_owned(),
            sha1: commit.to_string(),
            symref_target: String::new(),
        },
    };
    named.chain([head]).collect()
}
