//! How many open issues each label has, the most first.
//!
//!     cargo run --release -p replay --example open_issues_by_label -- https://maintner.golang.org/logs golang/go

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;

use forgelog_replay::{Corpus, CorpusOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (log, only) = match arguments.as_slice() {
        [log] => (log, None),
        [log, repo] => (log, Some(repo)),
        _ => return Err("usage: open_issues_by_label LOG [OWNER/REPO]".into()),
    };
    // From the newest checkpoint, if there is one. The first time, the whole log is read.
    let live = Corpus::open(log, CorpusOptions::default()).await?;
    // A snapshot never changes, and holds nothing up.
    let snapshot = live.snapshot();
    let corpus = snapshot.state();

    let mut open = BTreeMap::<&str, usize>::new();
    for repo in corpus.github_repos() {
        if only.is_some_and(|only| *only != repo.id().to_string()) {
            continue;
        }
        // Pull requests are issues too, and so are those that were deleted.
        let issues = repo.issues().filter(|issue| issue.exists());
        for issue in issues.filter(|issue| !issue.is_closed() && !issue.is_pull_request()) {
            for label in issue.labels() {
                *open.entry(label.name()).or_default() += 1;
            }
        }
    }
    let mut open: Vec<_> = open.into_iter().collect();
    open.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut out = std::io::stdout().lock();
    for (label, count) in open {
        writeln!(out, "{count:6}  {label}")?;
    }
    Ok(())
}
