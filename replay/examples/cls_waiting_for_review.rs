//! The Gerrit changes that wait for a review: open, not in the works, and without a Code-Review+2.
//!
//!     cargo run --release -p replay --example cls_waiting_for_review -- https://maintner.golang.org/logs

use std::error::Error;
use std::io::Write as _;

use forgelog_replay::corpus::Cl;
use forgelog_replay::{Corpus, CorpusOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some(log) = std::env::args().nth(1) else {
        return Err("usage: cls_waiting_for_review LOG".into());
    };
    let live = Corpus::open(&log, CorpusOptions::default()).await?;
    let snapshot = live.snapshot();

    let mut out = std::io::stdout().lock();
    for project in snapshot.state().gerrit_projects() {
        // Those that are new and not private, by number.
        for cl in project.open_cls().filter(is_waiting) {
            let owner = cl.owner();
            writeln!(
                out,
                "{}~{}  {}  {}  {}",
                project.name(),
                cl.number(),
                cl.created().map_or("-".to_owned(), |time| time.to_string()),
                owner.as_ref().map_or("-", |owner| owner.name()),
                cl.subject(),
            )?;
        }
    }
    Ok(())
}

/// Whether it is ready, and nobody has said yet that it can go in.
fn is_waiting(cl: &Cl<'_>) -> bool {
    if cl.is_work_in_progress() {
        return false;
    }
    // By label and then by voter. It reads the change's whole history, so it comes last.
    let votes = cl.votes().unwrap_or_default();
    let reviews = votes.get(b"Code-Review".as_slice());
    !reviews.is_some_and(|reviews| reviews.values().any(|vote| *vote >= 2))
}
