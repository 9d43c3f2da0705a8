//! Opening without a checkpoint: the whole log is folded. Beside the original, which loads the same records from its own
//! layout on disk, and can't do otherwise.
//!
//! Each is a process of its own; they take turns. What either holds in the end is compared, and so are its answers to
//! the same questions (`queries.rs`).

use anyhow::{Result, ensure};
use forgelog_replay::Corpus;
use serde::{Deserialize, Serialize};
use std::path::Path;
use tokio::runtime::Runtime;

use super::super::sample::{median, median_ratio, percentile};
use super::super::table::{Figure, Row, figure};
use super::answers::{self, Ancestors, Answers, Held};
use super::child::{Given, Task};
use super::cost::{self, Cost};
use super::logs::Log;
use super::peer::{self, Peer};
use super::{NOBODY, PEER, child, megabytes};

/// What the issue asks for: so many times faster, with so many times less work, and so many times less memory.
const WALL_TARGET: f64 = 15.0;
const CPU_TARGET: f64 = 8.0;
const MEMORY_TARGET: f64 = 8.0;

/// What a child tells.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Opened {
    pub(super) cost: Cost,
    records: u64,
    pub(super) held: Held,
    pub(super) answers: Answers,
}

/// Opens cold, in a child.
pub(super) fn open(runtime: &Runtime, given: &Given) -> Result<Opened> {
    let options = given.options(false);
    let (loaded, cost) = cost::of(|| {
        let loading = Corpus::load(&given.log, None, &options);
        Ok(runtime.block_on(loading)?)
    })?;
    let corpus = loaded.folded.state();
    Ok(Opened {
        cost,
        records: loaded.folded.records(),
        held: Held::count(corpus),
        answers: answers::ask(corpus),
    })
}

/// What the turns gave.
#[derive(Debug, Default)]
pub(super) struct Opens {
    pub(super) ours: Vec<Opened>,
    pub(super) theirs: Vec<peer::Load>,
    /// About a chain of commits, where that is asked.
    pub(super) chains: Vec<Ancestors>,
}

/// The original beside us, and the log as it reads it.
pub(super) struct Beside<'a> {
    pub(super) peer: &'a Peer,
    pub(super) log: &'a Path,
}

impl Opens {
    /// Takes so many turns; both are also asked about a chain of so many commits, if that is wanted.
    pub(super) fn take(
        log: &Log,
        turns: usize,
        beside: Option<&Beside<'_>>,
        chain: Option<usize>,
    ) -> Result<Self> {
        let mut opens = Self::default();
        for _ in 0..turns {
            let ours: Opened = child::ask(Task::Cold, &log.given())?;
            if let Some(count) = chain {
                let given = Given {
                    count,
                    ..Given::default()
                };
                opens.chains.push(child::ask(Task::Ancestors, &given)?);
            }
            if let Some(Beside { peer, log }) = beside {
                let theirs = peer.load(log, chain)?;
                ensure!(
                    ours.held == theirs.held,
                    "the corpora differ, so what they cost cannot be compared\n  ours:   {:?}\n  theirs: {:?}",
                    ours.held,
                    theirs.held
                );
                ours.answers.check_same(theirs.answers())?;
                if let (Some(ours), Some(theirs)) = (opens.chains.last(), theirs.ancestors()) {
                    ours.check_same(theirs)?;
                }
                opens.theirs.push(theirs);
            }
            opens.ours.push(ours);
        }
        Ok(opens)
    }

    pub(super) fn of_ours(&self, value: impl Fn(&Opened) -> f64) -> Vec<f64> {
        self.ours.iter().map(value).collect()
    }

    pub(super) fn of_theirs(&self, value: impl Fn(&peer::Load) -> f64) -> Vec<f64> {
        self.theirs.iter().map(value).collect()
    }

    /// The rows of what it cost.
    pub(super) fn rows(&self, log: &Log) -> Vec<Row> {
        let seconds = self.of_ours(|open| open.cost.seconds);
        let cpu = self.of_ours(|open| open.cost.cpu_seconds);
        let own = self.of_ours(|open| megabytes(open.cost.own_peak_bytes as f64));
        let resident = self.of_ours(|open| megabytes(open.cost.peak_bytes as f64));
        let (took, bytes) = (median(&seconds), log.bytes as f64);
        let records = self.ours.first().map_or(0, |open| open.records);
        let time = vec![
            figure("", took, "s"),
            figure("worst", percentile(&seconds, 1.0), "s"),
            figure("", megabytes(bytes) / took, "MB/s"),
            figure("", records as f64 / 1e6 / took, "M records/s"),
        ];
        let memory = vec![
            figure("own", median(&own), "MB"),
            figure("of the log", median(&own) / megabytes(bytes) * 100.0, "%"),
            figure("resident", median(&resident), "MB"),
        ];
        let peak = self.of_theirs(|load| megabytes(load.peak_anonymous_bytes as f64));
        let heap = self.of_theirs(|load| megabytes(load.heap_bytes as f64));
        let wall = self.of_theirs(|load| load.seconds);
        let work = self.of_theirs(peer::Load::cpu_seconds);
        let compared = [
            Compared {
                of: "time",
                ours: time,
                theirs: vec![figure("", median(&wall), "s")],
                ratio: median_ratio(&wall, &seconds),
                target: ("≥ 15×", WALL_TARGET),
            },
            Compared {
                of: "processor",
                ours: vec![figure("", median(&cpu), "s")],
                theirs: vec![figure("", median(&work), "s")],
                ratio: median_ratio(&work, &cpu),
                target: ("≥ 8×", CPU_TARGET),
            },
            Compared {
                of: "peak of memory",
                ours: memory,
                theirs: vec![
                    figure("", median(&peak), "MB"),
                    figure("alive", median(&heap), "MB"),
                ],
                ratio: median_ratio(&peak, &own),
                target: ("≥ 8×", MEMORY_TARGET),
            },
        ];
        let is_compared = !self.theirs.is_empty();
        let rows = compared.into_iter();
        rows.map(|row| row.into_row(log, is_compared)).collect()
    }
}

/// One thing that both cost.
struct Compared {
    of: &'static str,
    ours: Vec<Figure>,
    theirs: Vec<Figure>,
    /// How many times more the original needs.
    ratio: f64,
    target: (&'static str, f64),
}

impl Compared {
    /// Without what is the original's, if it was not beside us.
    fn into_row(self, log: &Log, is_compared: bool) -> Row {
        let (target, wanted) = self.target;
        let peer = match is_compared {
            true => (PEER, self.theirs),
            false => NOBODY,
        };
        Row {
            what: "cold open",
            case: format!("{}: {}", log.case, self.of),
            ours: self.ours,
            peer,
            ratio: is_compared.then(|| figure("", self.ratio, "×")),
            target: is_compared.then_some((target, self.ratio >= wanted)),
        }
    }
}
