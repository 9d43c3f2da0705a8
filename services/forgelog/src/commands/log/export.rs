//! `forgelog log export`: a stream into a folder, as the original lays it out. Depends on `log_core::export`.

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use log_core::export::{ExportLayout, export};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::open;
use super::source::One;
use super::with_exit_codes;
use crate::commands::progress::{Progress, size};

/// Copy a stream into a folder that the original's programs read.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
A folder that holds a beginning of the log is completed; one with another log is left alone.

Examples:
  forgelog log export --log file:///srv/log --to bucket --layout bucket
  forgelog log export --data .forgelog --stream activity --to maintner-data --layout disk"))]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    log: One,
    /// The folder; made if it is not there.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// How it is laid out.
    #[arg(long, value_enum)]
    layout: Layout,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Layout {
    /// A file a segment, NNNN.SHA224.mutlog, as in the original's bucket.
    Bucket,
    /// A file a day, maintner-YYYY-MM-DD.mutlog, as on the original's disk; a record without a time goes with the one before it, the first to 1970-01-01.
    Disk,
}

impl Arguments {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<ExitCode> {
        let stream = self.log.stream().await?;
        let layout = match self.layout {
            Layout::Bucket => ExportLayout::Bucket,
            Layout::Disk => ExportLayout::Disk,
        };
        let mut progress = Progress::new("exporting");
        let exported = export(&stream, &self.to, layout, |done, total| {
            progress.at(done, Some(total));
        });
        let exported = exported
            .await
            .with_context(|| format!("cannot export to {}", self.to.display()))?;
        drop(progress);
        writeln!(
            out,
            "{} files, {}, in {}",
            exported.files,
            size(exported.bytes),
            self.to.display()
        )?;
        open::check_whole(&stream)?;
        Ok(ExitCode::SUCCESS)
    }
}
