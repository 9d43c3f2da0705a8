//! Opening from a checkpoint, up to the first answers: what it costs must not depend on how long the log is. Beside
//! what the original needs for the same answer, which is to load everything.
//!
//! The answers touch what has to be read for them: an issue's title is found through the indexes and read from the log,
//! and the count looks at every issue of a repository. They are compared with those that the corpus gave when the
//! checkpoint was written. The system has the files in memory, as after any use; a child knows nothing.

use anyhow::{Context as _, Result, ensure};
use forgelog_replay::Corpus;
use serde::{Deserialize, Serialize};
use std::time::Instant;
use tokio::runtime::Runtime;

use super::super::sample::{median, milliseconds, percentile};
use super::super::table::{Row, figure};
use super::child::{Given, Task};
use super::cost::{self, Cost};
use super::logs::Log;
use super::{NOBODY, PEER, child, megabytes};

/// What the issue asks for.
const MILLISECONDS_TARGET: f64 = 50.0;
const MEGABYTES_TARGET: f64 = 20.0;

/// A checkpoint that was left, and what to ask of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    bytes: u64,
    seconds: f64,
    /// Such as `golang/go#1234`.
    issue: String,
    answer: Answer,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    /// The issue's.
    title: String,
    /// How many issues of its repository are open.
    open: usize,
}

/// What a child tells.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Opened {
    cost: Cost,
    /// Up to the title.
    title_seconds: f64,
    answer: Answer,
}

/// Leaves a checkpoint in the cache, in a child.
pub(super) fn checkpoint(runtime: &Runtime, given: &Given) -> Result<Checkpoint> {
    let options = given.options(false);
    let mut loaded = runtime.block_on(Corpus::load(&given.log, None, &options))?;
    let began = Instant::now();
    let path = runtime.block_on(loaded.checkpoint())?;
    let seconds = began.elapsed().as_secs_f64();
    let bytes = std::fs::metadata(path).context("there is no checkpoint")?;
    let corpus = loaded.folded.state();
    let repo = corpus.github_repos().max_by_key(|repo| repo.issue_count());
    let repo = repo.context("the log has no repository of GitHub's")?;
    // One in the middle is on no page that is touched anyway.
    let middle = repo.issues().nth(repo.issue_count() / 2);
    let issue = middle.context("the log has no issue")?.to_string();
    let answer = answer(corpus, &issue, || ())?;
    Ok(Checkpoint {
        bytes: bytes.len(),
        seconds,
        issue,
        answer,
    })
}

/// Opens from the checkpoint and answers, in a child.
pub(super) fn open(runtime: &Runtime, given: &Given) -> Result<Opened> {
    let options = given.options(true);
    let began = Instant::now();
    let mut title_seconds = 0.0;
    let ((answer, from), cost) = cost::of(|| {
        let loading = Corpus::load(&given.log, None, &options);
        let loaded = runtime.block_on(loading)?;
        let answer = answer(loaded.folded.state(), &given.issue, || {
            title_seconds = began.elapsed().as_secs_f64();
        })?;
        Ok((answer, loaded.opening.checkpoint))
    })?;
    ensure!(from.is_some(), "the checkpoint was not used");
    Ok(Opened {
        cost,
        title_seconds,
        answer,
    })
}

fn answer(corpus: &Corpus, issue: &str, mut titled: impl FnMut()) -> Result<Answer> {
    let (repo, number) = issue.split_once('#').context("no number of an issue")?;
    let (owner, name) = repo.split_once('/').context("no name of a repository")?;
    let repo = corpus.github_repo(owner, name);
    let repo = repo.context("the repository is not there")?;
    let issue = repo.issue(number.parse()?);
    let title = issue.context("the issue is not there")?.title().to_owned();
    titled();
    let open = repo.issues().filter(|issue| !issue.is_closed()).count();
    Ok(Answer { title, open })
}

/// Takes so many turns, from the checkpoint that is in the log's cache. `theirs` is what the original's loads took, in
/// seconds.
pub(super) fn rows(
    log: &Log,
    turns: usize,
    checkpoint: &Checkpoint,
    theirs: &[f64],
) -> Result<Vec<Row>> {
    let given = Given {
        issue: checkpoint.issue.clone(),
        ..log.given()
    };
    let (mut opened, mut processes) = (Vec::new(), Vec::new());
    // An opening is short; a few more make a better median.
    for _ in 0..turns * 4 {
        let began = Instant::now();
        let open: Opened = child::ask(Task::Warm, &given)?;
        processes.push(milliseconds(began.elapsed()));
        ensure!(
            open.answer == checkpoint.answer,
            "the checkpoint gives another answer: {:?}, and not {:?}",
            open.answer,
            checkpoint.answer
        );
        opened.push(open);
    }
    let all =
        |value: fn(&Opened) -> f64| -> Vec<f64> { opened.iter().map(value).collect::<Vec<f64>>() };
    let both = all(|open| open.cost.seconds * 1e3);
    let titles = all(|open| open.title_seconds * 1e3);
    let own = all(|open| megabytes(open.cost.own_peak_bytes as f64));
    let (took, peak) = (median(&both), percentile(&own, 1.0));
    let time = Row {
        what: "warm open",
        case: format!("{}: time to the first answers", log.case),
        ours: vec![
            figure("a title", median(&titles), "ms"),
            figure("and a count", took, "ms"),
            figure("worst", percentile(&both, 1.0), "ms"),
            figure("whole process", median(&processes), "ms"),
        ],
        peer: match theirs {
            [] => NOBODY,
            _ => (PEER, vec![figure("", median(theirs), "s")]),
        },
        ratio: (!theirs.is_empty()).then(|| figure("", median(theirs) * 1e3 / took, "×")),
        target: Some(("≤ 50 ms", took <= MILLISECONDS_TARGET)),
    };
    let memory = Row {
        what: "warm open",
        case: format!("{}: peak of its own memory", log.case),
        ours: vec![figure("", median(&own), "MB"), figure("worst", peak, "MB")],
        peer: (
            "the checkpoint",
            vec![
                figure("", megabytes(checkpoint.bytes as f64), "MB"),
                figure("written in", checkpoint.seconds, "s"),
            ],
        ),
        ratio: None,
        target: Some(("≤ 20 MB", peak <= MEGABYTES_TARGET)),
    };
    Ok(vec![time, memory])
}
