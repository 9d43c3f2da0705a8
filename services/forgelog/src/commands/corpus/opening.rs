//! What all commands have in common: which log is meant, as of when, and how its corpus is opened. Depends on
//! `replay` and the data folder.
//!
//! A command opens, answers, and only then leaves a checkpoint for the next one, if opening took long: whoever asked
//! has the answer by then.

use anyhow::Result;
use clap::Args;
use forgelog_replay::{At, Corpus, CorpusOptions, Error, Loaded, Scope, Source, SourceError};
use log_core::Position;
use std::io::{IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::task::block_in_place;
use tokio::time::Instant;

use crate::data_folder::{self, DataFolder};

/// The stream of a data folder that a corpus is made of.
const STREAM: &str = "activity";
/// How long nothing is said of an opening, and how often then.
const PATIENCE: Duration = Duration::from_millis(500);
const EVERY: Duration = Duration::from_millis(200);

/// The log, and how its corpus is opened.
#[derive(Clone, Debug, Args)]
pub(super) struct Log {
    /// The log: file:///DIR, gs://, s3:// or az://BUCKET/PREFIX, http(s)://HOST/logs, or a path: a stream, an original's
    /// folder, a .mutlog file.
    #[arg(
        long = "log",
        id = "log",
        value_name = "PLACE",
        conflicts_with = "data"
    )]
    place: Option<String>,
    /// The data folder of `up` whose log is meant.
    #[arg(long, value_name = "DIR", default_value = data_folder::DEFAULT)]
    data: PathBuf,
    /// Fold the whole log, and use no checkpoint.
    #[arg(long)]
    cold: bool,
    /// Leave no checkpoint for the next one.
    #[arg(long)]
    no_checkpoint: bool,
    /// The folder for checkpoints, and copies of logs that are elsewhere [default: forgelog in the user's caches]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Do as the original does also where it is wrong, to compare with it.
    #[arg(long)]
    original_semantics: bool,
}

/// As of when.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct AsOf {
    /// As of this position, such as 17.2ab10 or 17:2ab10, or time, such as 2026-03-01T09:30:00Z.
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    pub(super) at: Option<At>,
}

/// What is kept of the log; checkpoints of a part are their own.
#[derive(Clone, Debug, Args)]
pub(super) struct Only {
    /// Only this repository, of GitHub or of git alone; may be given several times.
    #[arg(long, value_name = "OWNER/NAME")]
    repo: Vec<String>,
    /// Only this Gerrit project; may be given several times.
    #[arg(long, value_name = "SERVER/NAME")]
    project: Vec<String>,
}

/// Reads a position or a time. The offset of a position is hexadecimal, after a point or a colon.
pub(super) fn moment(text: &str) -> Result<At, String> {
    let with_point = match text.split_once(':') {
        Some((segment, offset)) if segment.bytes().all(|digit| digit.is_ascii_digit()) => {
            format!("{segment}.{offset}")
        }
        _ => text.to_owned(),
    };
    with_point.parse().map_err(|_| {
        "write a time such as 2026-03-01T09:30:00Z, or a position such as 17.2ab10".to_owned()
    })
}

impl Only {
    /// The same as the fold's own option.
    pub(super) fn scope(&self) -> Scope {
        let mut scope = Scope::default();
        scope.github.extend(self.repo.iter().cloned());
        scope.git.extend(self.repo.iter().cloned());
        scope.gerrit.extend(self.project.iter().cloned());
        scope
    }
}

impl Log {
    /// Opens the corpus, has it answer, and leaves a checkpoint for the next one.
    pub(super) async fn ask<W: Write>(
        &self,
        at: AsOf,
        scope: Scope,
        out: &mut W,
        question: impl FnOnce(&Loaded, &mut W) -> Result<ExitCode>,
    ) -> Result<ExitCode> {
        let mut loaded = self.load(at.at, scope).await?;
        let answered = block_in_place(|| answer(&loaded, out, question));
        if at.at.is_none() {
            self.leave_checkpoint(&mut loaded).await;
        }
        answered
    }

    /// Opens the corpus.
    pub(super) async fn load(&self, at: Option<At>, scope: Scope) -> Result<Loaded> {
        let options = self.options(scope);
        let opening = async {
            let source = match &self.place {
                Some(place) => Source::open(place, options.source.clone()).await?,
                None => self.source_of_data(&options).await?,
            };
            let place = source.place().to_owned();
            let loaded = Corpus::load_from(source, at, &options).await;
            loaded.map_err(|error| with_hint(&place, error))
        };
        shown_if_long(opening).await
    }

    /// Whether checkpoints may be left.
    pub(super) async fn leave_checkpoint(&self, loaded: &mut Loaded) {
        if self.no_checkpoint {
            return;
        }
        if let Err(error) = loaded.checkpoint_if_worth().await {
            let why = log_core::explain(&error);
            // Whoever asked has the answer.
            let _ = writeln!(
                std::io::stderr(),
                "warning: no checkpoint was left, so the next one opens as slowly: {why}"
            );
        }
    }

    fn options(&self, scope: Scope) -> CorpusOptions {
        let mut options = CorpusOptions::default();
        options.source.cache = self.cache.clone();
        options.rules.original_semantics = self.original_semantics;
        options.rules.scope = scope;
        options.reads_checkpoints = !self.cold;
        options
    }

    async fn source_of_data(&self, options: &CorpusOptions) -> Result<Source> {
        let folder = DataFolder::look(&self.data)?;
        let path = folder.path().join("streams").join(STREAM);
        if tokio::fs::try_exists(&path).await.unwrap_or(true) {
            return Ok(Source::open(&path.display().to_string(), options.source.clone()).await?);
        }
        // `up` has just made the folder, and nothing has happened yet.
        Ok(Source::of_stream(folder.stream(STREAM).await?, None))
    }
}

fn answer<W: Write>(
    loaded: &Loaded,
    out: &mut W,
    question: impl FnOnce(&Loaded, &mut W) -> Result<ExitCode>,
) -> Result<ExitCode> {
    let code = question(loaded, out)?;
    out.flush()?;
    Ok(code)
}

/// Says where a moment is not, and of a log that is broken how to see what is before that.
pub(super) fn with_hint(place: &str, error: Error) -> anyhow::Error {
    let hint = match &error {
        Error::Source(SourceError::Frame {
            segment, source, ..
        }) => {
            let at = Position {
                segment: *segment,
                offset: source.offset(),
            };
            format!("the log is broken at {at}; `--at {at}` shows what is before that")
        }
        Error::At(_) => format!("there is no such moment in {place}"),
        _ => return error.into(),
    };
    anyhow::Error::new(error).context(hint)
}

/// Tells a person who waits that something is going on; nothing where nobody looks.
pub(super) async fn shown_if_long<T>(opening: impl Future<Output = T>) -> T {
    if !std::io::stderr().is_terminal() {
        return opening.await;
    }
    let begun = Instant::now();
    let mut ticks = tokio::time::interval_at(begun + PATIENCE, EVERY);
    let mut opening = std::pin::pin!(opening);
    let mut is_shown = false;
    let opened = loop {
        tokio::select! {
            opened = &mut opening => break opened,
            _ = ticks.tick() => {
                is_shown = true;
                let seconds = begun.elapsed().as_secs_f64();
                // A terminal that is gone needs no progress.
                let _ = write!(std::io::stderr(), "\ropening the log, {seconds:.1} s\x1b[K");
            }
        }
    };
    if is_shown {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    opened
}

/// Where a corpus is from and how far it goes, for messages.
pub(super) fn origin(loaded: &Loaded) -> String {
    let end = loaded.folded.position();
    format!("{} (up to {end})", loaded.source().place())
}

#[cfg(test)]
mod tests {
    use super::*;
    use forgelog_replay::Time;

    #[test]
    fn moments_are_positions_with_a_point_or_a_colon_or_times() {
        let position = At::Position(Position {
            segment: 17,
            offset: 0x2ab10,
        });
        assert_eq!(moment("17.2ab10"), Ok(position));
        assert_eq!(moment("17:2ab10"), Ok(position));
        assert_eq!(moment("0017:0002ab10"), Ok(position));
        let time = At::Time(Time::from_unix_seconds(1_772_357_400));
        assert_eq!(moment("2026-03-01T09:30:00Z"), Ok(time));
        for wrong in ["", ":", "1:", ":1", "17", "1:2:3", "now"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
