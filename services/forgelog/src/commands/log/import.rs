//! `forgelog log import`: another log into a stream, record by record the same. Depends on `log_core::import`.

use anyhow::{Context as _, Result};
use clap::Args;
use log_core::Stream;
use log_core::import::{Imported, Progress as At, StreamSegments, import_dir, import_segments};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::copy::LocalCopy;
use super::mirror::Segments;
use super::open;
use super::source::{self, One};
use super::with_exit_codes;
use crate::commands::progress::{Progress, size};

/// Copy another log into a stream.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
--from may be
  DIR                        an original disk log (maintner-*.mutlog), a copy of an original bucket, or the folder of a
                             client or of `log mirror`
  DIR, file:///DIR, s3://…   another stream
  http(s)://HOST/logs        a server

Payloads are kept byte for byte, and positions too where the source has segments. The stream must be empty, or hold a
beginning of the source: then only the rest is copied, so an import that was cut off is simply started again.

Examples:
  forgelog log import --log file:///srv/log --from maintner-data
  forgelog log import --log s3://bucket/log --from https://maintner.golang.org/logs"))]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    log: One,
    /// What to copy.
    #[arg(long, value_name = "DIR|URL")]
    from: String,
    /// Where the copy of a server's log is kept meanwhile [default: a folder that is removed at the end]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

impl Arguments {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<ExitCode> {
        // Says what is wrong with the source before anything is made.
        let from = self.open().await?;
        let target = self.log.target().await?;
        let mut progress = Progress::new("importing");
        let imported = from
            .import(&target.stream, |at| {
                progress.at(at.done, Some(at.total));
            })
            .await;
        drop(progress);
        let Imported {
            records,
            bytes,
            end,
            ..
        } = imported.with_context(|| format!("cannot import all of {}", self.from))?;
        writeln!(
            out,
            "{records} records copied; {}, up to {end}",
            size(bytes)
        )?;
        Ok(ExitCode::SUCCESS)
    }

    async fn open(&self) -> Result<Origin> {
        if source::is_http(&self.from) {
            let copy = LocalCopy::fetch_until_signal(&self.from, self.cache.as_deref()).await?;
            return Ok(Origin::Copy(Box::new(copy)));
        }
        match folder(&self.from).filter(|folder| !folder.join("tail").is_dir()) {
            Some(folder) => {
                log_core::import::layout_of(&folder).await?;
                Ok(Origin::Dir(folder))
            }
            None => Ok(Origin::Stream(open::existing(&self.from).await?)),
        }
    }
}

/// Where to copy from.
enum Origin {
    Dir(PathBuf),
    Stream(Stream),
    Copy(Box<LocalCopy>),
}

impl Origin {
    async fn import(self, to: &Stream, progress: impl FnMut(At) + Send) -> Result<Imported> {
        Ok(match self {
            Self::Dir(dir) => import_dir(dir, to, progress).await?,
            Self::Stream(stream) => {
                let imported = import_segments(StreamSegments::new(&stream), to, progress).await?;
                open::check_whole(&stream)?;
                imported
            }
            Self::Copy(copy) => {
                let segments = Segments::new(copy.follower().segments());
                import_segments(segments, to, progress).await?
            }
        })
    }
}

/// The folder of this machine that is meant, if one is.
fn folder(from: &str) -> Option<PathBuf> {
    match from.split_once(':') {
        None => Some(PathBuf::from(from)),
        Some(("file", path)) => {
            let path = path.strip_prefix("//").unwrap_or(path);
            Some(Path::new(path).to_owned())
        }
        Some(_) => None,
    }
}
