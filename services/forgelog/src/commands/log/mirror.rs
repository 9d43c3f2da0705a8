//! `forgelog log mirror`: a server's log, copied into a folder or a stream, and followed. Depends on
//! `log_core::follower`, `log_core::import` and the bulk writer.

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use clap::Args;
use log_core::follower::LocalSegment;
use log_core::import::{ImportError, SegmentSource, SourceSegment, import_segments};
use log_core::{BulkWriter, Stream};
use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::copy::LocalCopy;
use super::source;
use super::with_exit_codes;
use crate::commands::progress::{Progress, size};
use crate::commands::up::Signals;

/// Copy a server's log, and keep the copy up to date.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
A folder gets a verified copy of the segments, which `log import` and the original's clients can read. A stream's URL
gets a stream with the same records at the same positions, which nothing else may write to. Either is gone on with
where it ended. Ctrl-C or SIGTERM ends --follow well.

If the server's history is not an extension of the copy's, exit code 1: nothing of the copy is lost, and a new --to is
needed.

Examples:
  forgelog log mirror --from http://127.0.0.1:8080/logs --to copy
  forgelog log mirror --from https://maintner.golang.org/logs --to file:///srv/go --follow"))]
pub(in crate::commands) struct Arguments {
    /// The server's log: http(s)://HOST/logs or http(s)://HOST/streams/NAME/logs.
    #[arg(long, value_name = "URL")]
    from: String,
    /// A folder, or the URL of a stream.
    #[arg(long, value_name = "DIR|URL")]
    to: String,
    /// At the end, wait for more.
    #[arg(long)]
    follow: bool,
    /// Where the copy is kept that a stream is filled from [default: a folder that is removed at the end]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

impl Arguments {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<ExitCode> {
        if !source::is_http(&self.from) {
            bail!(
                "{} is not http:// or https://; `forgelog log import` copies from folders and streams",
                self.from
            );
        }
        let mut signals = Signals::catch()?;
        let copied = tokio::select! {
            copied = self.copy(out) => copied?,
            () = signals.next() => bail!("interrupted; what is copied stays, and the next run goes on from there"),
        };
        if self.follow {
            copied.follow(&mut signals, out).await?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Brings the copy to where the server is.
    async fn copy(&self, out: &mut impl Write) -> Result<Copied> {
        let into_stream = self.to.contains(':');
        if into_stream {
            let target = source::target(&self.to).await?;
            let copy = LocalCopy::fetch(&self.from, self.cache.as_deref()).await?;
            self.fill(&copy, &target.stream).await?;
            tell(&copy, out)?;
            let stream = Some(target.stream.clone());
            return Ok(Copied { copy, stream });
        }
        if self.cache.is_some() {
            bail!("--cache is for a copy into a stream; --to names the folder");
        }
        let folder = Path::new(&self.to);
        if folder.join("tail").is_dir() {
            bail!(
                "{0} is a stream; write --to file://{0} to copy into it, with its full path",
                self.to
            );
        }
        let copy = LocalCopy::fetch(&self.from, Some(folder)).await?;
        tell(&copy, out)?;
        Ok(Copied { copy, stream: None })
    }

    /// Brings a stream to where the copy is.
    async fn fill(&self, copy: &LocalCopy, stream: &Stream) -> Result<()> {
        let mut progress = Progress::new("mirroring");
        let source = Segments::new(copy.follower().segments());
        import_segments(source, stream, |at| progress.at(at.done, Some(at.total)))
            .await
            .with_context(|| format!("cannot mirror into {}", self.to))?;
        Ok(())
    }
}

/// A copy, and the stream that is filled from it.
struct Copied {
    copy: LocalCopy,
    stream: Option<Stream>,
}

impl Copied {
    /// Keeps it up to date until a signal comes.
    async fn follow(mut self, signals: &mut Signals, out: &mut impl Write) -> Result<()> {
        let mut writer = match &self.stream {
            Some(stream) => Some(BulkWriter::open(stream.clone()).await?),
            None => None,
        };
        loop {
            tokio::select! {
                waited = self.copy.wait() => waited?,
                () = signals.next() => break,
            }
            if let Some(writer) = &mut writer {
                append_news(&self.copy, writer).await?;
            }
            tell(&self.copy, out)?;
        }
        if let Some(writer) = writer {
            writer.finish().await?;
        }
        Ok(())
    }
}

/// Appends what the copy has beyond the stream's end, segment by segment as it is there.
async fn append_news(copy: &LocalCopy, writer: &mut BulkWriter) -> Result<()> {
    let mut records = copy.follower().records(writer.position())?;
    while let Some(block) = records.next_block().await? {
        if block.at.segment != writer.position().segment {
            writer.end_segment().await?;
        }
        writer.extend_segment(&block.bytes)?;
    }
    writer.flush().await?;
    Ok(())
}

fn tell(copy: &LocalCopy, out: &mut impl Write) -> Result<()> {
    let lengths = copy.lengths();
    let bytes = lengths.iter().sum();
    let (segments, tail) = (lengths.len(), copy.tail());
    writeln!(out, "{segments} segments, {}, up to {tail}", size(bytes))?;
    Ok(out.flush()?)
}

/// The segments of a verified copy, to be imported.
pub(super) struct Segments {
    total: u64,
    left: VecDeque<LocalSegment>,
}

impl Segments {
    pub(super) fn new(segments: &[LocalSegment]) -> Self {
        Self {
            total: segments.iter().map(|segment| segment.size).sum(),
            left: segments.iter().cloned().collect(),
        }
    }
}

#[async_trait]
impl SegmentSource for Segments {
    fn total(&self) -> u64 {
        self.total
    }

    async fn next(&mut self) -> Result<Option<SourceSegment>, ImportError> {
        let Some(segment) = self.left.pop_front() else {
            return Ok(None);
        };
        let origin = segment.path.display().to_string();
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| ImportError::Source {
            origin: origin.clone(),
            source,
        };
        let size = segment.size;
        let (number, frozen) = (segment.number, segment.frozen);
        let opened = tokio::task::spawn_blocking(move || segment.open()).await;
        let file = opened
            .map_err(|error| failed(error.into()))?
            .map_err(|error| failed(error.into()))?;
        let file = tokio::fs::File::from_std(file);
        Ok(Some(SourceSegment {
            number,
            sha224: None, // the follower has verified it
            complete: frozen,
            // The file may have more than what is verified.
            body: Box::new(tokio::io::AsyncReadExt::take(file, size)),
            origin,
        }))
    }
}
