//! `forgelog log repair`: moves aside what keeps a stream from being sound. Depends on `log_core::repair`.

use anyhow::Result;
use clap::Args;
use log_core::repair::{Step, apply, plan};
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

use super::source::One;
use super::with_exit_codes;

/// Move aside what is no part of a stream, and what keeps it from being read or written. Nothing is ever deleted.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
What is moved goes to quarantine/N/ in the stream, under its own path. Stop everything that writes to the stream first.
Exit code 1 also if something cannot be repaired, and with --dry-run if there is something to do.

Examples:
  forgelog log repair --log file:///srv/log --dry-run
  forgelog log repair --data .forgelog --stream builds"))]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    log: One,
    /// Only show what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<ExitCode> {
        let (steps, moved_to);
        if self.dry_run {
            steps = plan(&self.log.stream().await?).await?;
            moved_to = None;
        } else {
            let target = self.log.existing_target().await?;
            steps = plan(&target.stream).await?;
            moved_to = apply(&target.stream, &steps).await?;
        }
        if self.json {
            let steps: Vec<Value> = steps.iter().map(as_json).collect();
            writeln!(out, "{}", json!({ "steps": steps, "moved_to": moved_to }))?;
        } else {
            write_text(&steps, moved_to.as_deref(), out)?;
        }
        let left = steps
            .iter()
            .filter(|step| self.dry_run || matches!(step, Step::Cannot { .. }))
            .count();
        Ok(if left == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn as_json(step: &Step) -> Value {
    match step {
        Step::Quarantine { object, why } => {
            json!({ "do": "quarantine", "object": object, "why": why })
        }
        Step::Replace { object, why, .. } => {
            json!({ "do": "replace", "object": object, "why": why })
        }
        Step::Cannot { object, why } => json!({ "do": "nothing", "object": object, "why": why }),
    }
}

fn write_text(steps: &[Step], moved_to: Option<&str>, out: &mut impl Write) -> Result<()> {
    if steps.is_empty() {
        writeln!(out, "nothing to repair")?;
    }
    for step in steps {
        writeln!(out, "{step}")?;
    }
    if let Some(folder) = moved_to {
        writeln!(out, "moved to {folder}/")?;
    }
    Ok(())
}
