//! `forgelog corpus stats`: how much there is, and what opening it took. Depends on `replay`.

use anyhow::Result;
use clap::Args;
use forgelog_replay::Loaded;
use forgelog_replay::corpus::Counts;
use serde_json::{Map, Value, json};
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::task::block_in_place;

use super::opening::{AsOf, Log, Only};
use super::with_exit_codes;
use crate::commands::memory::{OwnPeak, cpu, resident_peak};
use crate::commands::progress::size;
use crate::commands::show;

/// Show how much there is, and what opening it took.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
Opening ends when every question can be answered. Own memory is what this process alone has, at its
most while it opened; resident memory has pages of the log and of checkpoints too, which the system
shares and can drop.

Examples:
  forgelog corpus stats --log https://maintner.golang.org/logs
  forgelog corpus stats --log file:///srv/log --cold --json
  forgelog corpus stats --at 2026-03-01T09:30:00Z"))]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    log: Log,
    #[command(flatten)]
    at: AsOf,
    #[command(flatten)]
    only: Only,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// What an opening took.
struct Took {
    wall: Duration,
    cpu: Duration,
    own_peak: Option<u64>,
    resident_peak: Option<u64>,
}

impl Arguments {
    pub(super) async fn run(&self, out: &mut impl Write) -> Result<ExitCode> {
        let own_peak = OwnPeak::watch();
        let (begun, cpu_before) = (Instant::now(), cpu());
        let mut loaded = self.log.load(self.at.at, self.only.scope()).await?;
        // The first question is part of it: nothing may be left to be done.
        let counts = block_in_place(|| loaded.folded.state().counts());
        let took = Took {
            wall: begun.elapsed(),
            cpu: cpu().saturating_sub(cpu_before),
            own_peak: own_peak.end(),
            resident_peak: resident_peak(),
        };
        if self.json {
            writeln!(out, "{:#}", as_json(&loaded, &counts, &took))?;
        } else {
            write_text(&loaded, &counts, &took, out)?;
        }
        out.flush()?;
        if self.at.at.is_none() {
            self.log.leave_checkpoint(&mut loaded).await;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Each count, by the name that programs have for it.
fn named(counts: &Counts) -> [(&'static str, usize); 18] {
    [
        ("github_repos", counts.github_repos),
        ("issues", counts.issues),
        ("comments", counts.comments),
        ("events", counts.events),
        ("reviews", counts.reviews),
        ("users", counts.users),
        ("teams", counts.teams),
        ("labels", counts.labels),
        ("milestones", counts.milestones),
        ("gerrit_projects", counts.projects),
        ("cls", counts.cls),
        ("patch_sets", counts.patch_sets),
        ("metas", counts.metas),
        ("commits", counts.commits),
        ("placeholders", counts.placeholders),
        ("refs", counts.refs),
        ("git_repos", counts.repos),
        ("faults", counts.faults),
    ]
}

fn kind_of(loaded: &Loaded) -> &'static str {
    match loaded.opening.checkpoint {
        Some(_) => "checkpoint",
        None => "cold",
    }
}

fn log_bytes(loaded: &Loaded) -> u64 {
    let segments = loaded.source().segments();
    segments.iter().map(|segment| segment.size).sum()
}

fn as_json(loaded: &Loaded, counts: &Counts, took: &Took) -> Value {
    let opening = &loaded.opening;
    let checkpoint = opening.checkpoint.as_ref();
    let mut object = json!({
        "open": kind_of(loaded),
        "open_seconds": took.wall.as_secs_f64(),
        "cpu_seconds": took.cpu.as_secs_f64(),
        "own_peak_bytes": took.own_peak,
        "rss_peak_bytes": took.resident_peak,
        "log": loaded.source().place(),
        "records": loaded.folded.records(),
        "position": loaded.folded.position().to_string(),
        "recorded": loaded.folded.recorded().map(|time| time.to_string()),
        "log_bytes": log_bytes(loaded),
        "folded_bytes": opening.folded_bytes,
        "folded_records": opening.folded_records,
        "checkpoint": checkpoint.map(|path| path.display().to_string()),
    });
    let counts = named(counts).into_iter();
    let counts: Map<String, Value> = counts
        .map(|(name, count)| (name.to_owned(), count.into()))
        .collect();
    if let Value::Object(object) = &mut object {
        object.extend(counts);
    }
    object
}

fn write_text(loaded: &Loaded, counts: &Counts, took: &Took, out: &mut impl Write) -> Result<()> {
    let (folded, opening) = (&loaded.folded, &loaded.opening);
    let row = |out: &mut dyn Write, name: &str, value: &str| writeln!(out, "{name:<17}{value}");
    let bytes = |bytes: Option<u64>| bytes.map_or("unknown".to_owned(), size);
    row(out, "log", loaded.source().place())?;
    let of_log = format!("{}, {} records", size(log_bytes(loaded)), folded.records());
    row(out, "size", &of_log)?;
    row(out, "position", &folded.position().to_string())?;
    if let Some(recorded) = folded.recorded() {
        row(out, "recorded", &show::time(recorded))?;
    }
    let how = match &opening.checkpoint {
        Some(path) => format!("from {}", path.display()),
        None => "cold".to_owned(),
    };
    row(out, "opened", &how)?;
    let seconds = format!(
        "{:.3} s, {:.3} s of processor time, {} folded",
        took.wall.as_secs_f64(),
        took.cpu.as_secs_f64(),
        size(opening.folded_bytes)
    );
    row(out, "in", &seconds)?;
    let memory = format!(
        "{} of its own, {} resident, at most",
        bytes(took.own_peak),
        bytes(took.resident_peak)
    );
    row(out, "with", &memory)?;
    writeln!(out)?;
    for (name, count) in named(counts) {
        row(out, &name.replace('_', " "), &count.to_string())?;
    }
    Ok(())
}
