//! Prints what happens, as it happens. Ctrl-C ends it.
//!
//!     cargo run --release -p replay --example live_tail -- https://maintner.golang.org/logs

use std::error::Error;
use std::io::Write as _;

use forgelog_replay::{Corpus, CorpusOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some(log) = std::env::args().nth(1) else {
        return Err("usage: live_tail LOG".into());
    };
    let mut live = Corpus::open(&log, CorpusOptions::default()).await?;
    loop {
        // Waits for news; says what they are about, not what they say.
        let touched = live.update().await?;
        // The newest state has them.
        let snapshot = live.snapshot();
        let corpus = snapshot.state();
        let mut out = std::io::stdout().lock();
        for key in &touched.issues {
            let repo = corpus.github_repo(&key.owner, &key.repo);
            if let Some(issue) = repo.and_then(|repo| repo.issue(key.number)) {
                let last = issue.events().next_back();
                let last = last.map_or("", |event| event.event_type());
                writeln!(out, "{issue}  {}  {last}", issue.title())?;
            }
        }
        for key in &touched.cls {
            let (server, project) = key.project.split_once('/').unwrap_or_default();
            let project = corpus.gerrit_project(server, project);
            if let Some(cl) = project.and_then(|project| project.cl(key.number)) {
                let status = cl.status().as_str();
                writeln!(
                    out,
                    "{}~{}  {status}  {}",
                    key.project,
                    key.number,
                    cl.subject()
                )?;
            }
        }
        for key in &touched.refs {
            writeln!(out, "{} {}", key.owner, key.name)?;
        }
        for key in &touched.repos {
            writeln!(out, "{}/{}  labels or milestones", key.owner, key.repo)?;
        }
        for hash in &touched.commits {
            // Those of a CL's history were told of with the CL.
            let commit = corpus.commit(hash);
            if let Some(commit) = commit.filter(|commit| commit.meta_of().is_none()) {
                writeln!(out, "{hash}  {}", commit.subject())?;
            }
        }
        if touched.is_partial || touched.has_more_commits {
            writeln!(out, "… and more than can be told one by one")?;
        }
        out.flush()?;
    }
}
