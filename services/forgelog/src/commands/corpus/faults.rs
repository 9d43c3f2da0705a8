//! `forgelog corpus faults`: what of a log makes no sense, and was passed over. Depends on `replay`.

use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;

use super::opening::{AsOf, Log, Only};
use super::with_exit_codes;

/// List the mutations, or parts of one, that make no sense and were passed over.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
A line has the position of the record, which `forgelog log cat --from POSITION --limit 1` shows. That
there are some is no failure.

Example:
  forgelog corpus faults --log file:///srv/log --json"))]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    log: Log,
    #[command(flatten)]
    at: AsOf,
    #[command(flatten)]
    only: Only,
    /// Print a JSON object a line.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) async fn run(&self, out: &mut impl Write) -> Result<ExitCode> {
        let scope = self.only.scope();
        self.log
            .ask(self.at, scope, out, |loaded, out| {
                for fault in loaded.folded.state().faults() {
                    if self.json {
                        let line = json!({
                            "position": fault.at.to_string(),
                            "kind": format!("{:?}", fault.kind),
                            "reason": fault.kind.as_str(),
                            "detail": fault.detail,
                        });
                        writeln!(out, "{line}")?;
                    } else {
                        writeln!(out, "{fault}")?;
                    }
                }
                Ok(ExitCode::SUCCESS)
            })
            .await
    }
}
