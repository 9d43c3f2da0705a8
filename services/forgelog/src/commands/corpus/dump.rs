//! `forgelog corpus dump`: everything, as canonical JSON lines. Depends on `replay::corpus::dump`.

use anyhow::Result;
use clap::Args;
use forgelog_replay::corpus::{DumpOptions, dump};
use std::io::Write;
use std::process::ExitCode;

use super::opening::{AsOf, Log, Only};
use super::with_exit_codes;

/// Print everything as JSON lines, always in the same order.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
The same log gives the same bytes, however it was opened; so two logs, or two implementations, can be
compared with cmp.

Examples:
  forgelog corpus dump --log file:///srv/log > corpus.jsonl
  forgelog corpus dump --log https://maintner.golang.org/logs --digest
  forgelog corpus dump --log DIR --original-semantics --at 0003.2ab10"))]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    log: Log,
    #[command(flatten)]
    at: AsOf,
    #[command(flatten)]
    only: Only,
    /// Of each kind of lines, print only how many there are, their bytes and their SHA-256.
    #[arg(long)]
    digest: bool,
    /// Of texts of more bytes than this, print only their length and SHA-256.
    #[arg(long, value_name = "BYTES")]
    longhash: Option<u64>,
}

impl Arguments {
    pub(super) async fn run(&self, out: &mut impl Write) -> Result<ExitCode> {
        let options = DumpOptions {
            digest: self.digest,
            longhash: self.longhash,
        };
        let scope = self.only.scope();
        self.log
            .ask(self.at, scope, out, |loaded, out| {
                dump(loaded.folded.state(), &options, out)?;
                Ok(ExitCode::SUCCESS)
            })
            .await
    }
}
