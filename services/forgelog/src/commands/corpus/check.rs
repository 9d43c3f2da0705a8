//! `forgelog corpus check`: whether every commit that must be there is. Depends on `replay`.

use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;

use super::opening::{AsOf, Log, Only};
use super::with_exit_codes;

/// Check that every commit that is somebody's parent is there, also in the Gerrit projects that have the child.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
The first that is missing is told. A log that is still being filled may well lack some.

Example:
  forgelog corpus check --log file:///srv/log"))]
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

impl Arguments {
    pub(super) async fn run(&self, out: &mut impl Write) -> Result<ExitCode> {
        let scope = self.only.scope();
        self.log
            .ask(self.at, scope, out, |loaded, out| {
                let missing = loaded.folded.state().check().err();
                let missing = missing.map(|missing| missing.to_string());
                let position = loaded.folded.position().to_string();
                let (is_ok, commits) = (missing.is_none(), loaded.folded.state().counts().commits);
                if self.json {
                    let answer = json!({ "ok": is_ok, "missing": missing, "position": position });
                    writeln!(out, "{answer}")?;
                } else {
                    match missing {
                        None => writeln!(out, "{commits} commits up to {position}: all is there")?,
                        Some(missing) => writeln!(out, "{missing}")?,
                    }
                }
                Ok(if is_ok {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::FAILURE
                })
            })
            .await
    }
}
