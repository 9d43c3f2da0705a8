//! Opening a corpus: from the nearest checkpoint, or cold; once, as of any moment, or to be followed.
//!
//! Depends on [`crate::source`], [`crate::checkpoint`] and [`crate::live`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use log_core::{Position, Stream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::checkpoint::{Log, Places, Snapshot, open_newest};
use crate::corpus::{Corpus, Rules, Touched};
use crate::error::{AtError, Error};
use crate::live::{
    At, Earlier, Found, Keep, Live, LiveOptions, Start, fold_all, fold_to, off_the_runtime,
};
use crate::projection::{Folded, Projection as _};
use crate::segments::Segments;
use crate::source::{SegmentId, Source, SourceOptions};

/// The log that [`open_default`] opens, unless the environment names another.
const DEFAULT_LOG: &str = "https://maintner.golang.org/logs";
/// The variable that names it.
const LOG_VARIABLE: &str = "FORGELOG_LOG";

/// At most so many bytes are folded at a time while a log is opened.
const LOAD_BYTES: u64 = 4 << 30;
/// A checkpoint is written when that would save the next one to open about so many bytes of log.
const WORTH_BYTES: u64 = 8 << 20;
/// While a log is followed, a checkpoint is written after so many bytes.
const CHECKPOINT_EVERY_BYTES: u64 = 32 << 20;

/// How a corpus is opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CorpusOptions {
    /// Where the log's copies and checkpoints are cached, and how its news are looked for.
    pub source: SourceOptions,
    /// How records are folded, and which are of interest.
    pub rules: Rules,
    /// How it is followed.
    pub live: LiveOptions,
    /// Whether checkpoints are used. Otherwise the whole log is folded.
    pub reads_checkpoints: bool,
    /// Whether checkpoints are written to the cache: once it is open, and now and then while it is followed.
    pub writes_checkpoints: bool,
}

impl Default for CorpusOptions {
    fn default() -> Self {
        Self {
            source: SourceOptions::default(),
            rules: Rules::default(),
            live: LiveOptions {
                // Each would keep pages of its own in memory; checkpoints are for the past.
                retain_every: u64::MAX,
                load_bytes: LOAD_BYTES,
                ..LiveOptions::default()
            },
            reads_checkpoints: true,
            writes_checkpoints: true,
        }
    }
}

/// How a corpus was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opening {
    /// The checkpoint that it began from; none if it was folded from the log's start.
    pub checkpoint: Option<PathBuf>,
    /// The end of what the checkpoint held.
    pub from: Position,
    /// Bytes of the log that were folded.
    pub folded_bytes: u64,
    /// Records that were folded.
    pub folded_records: u64,
}

/// A corpus that was opened and is not followed.
pub struct Loaded {
    /// The corpus.
    pub folded: Folded<Corpus>,
    /// How it came to be.
    pub opening: Opening,
    source: Source,
}

impl Loaded {
    /// The log.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Folds on up to a later moment, or to the end of the log, and says what the records in between touched.
    ///
    /// # Errors
    /// If the log can't be read, does not reach there, or the moment is before what is folded. Then the corpus is left
    /// as it was.
    pub async fn fold_on(&mut self, at: Option<At>) -> Result<Touched, Error> {
        self.check_order(at)?;
        let mut folded = self.folded.snapshot().again();
        folded.state_mut().watch();
        let from = folded.position();
        let mut folded = match at {
            None => catch_up(&mut self.source, folded).await?,
            Some(at) => fold_past(&mut self.source, folded, at).await?,
        };
        let touched = folded.state_mut().touched();
        self.opening.folded_records += folded.records() - self.folded.records();
        self.opening.folded_bytes += bytes_between(&self.source, from, folded.position());
        self.folded = folded;
        Ok(touched)
    }

    fn check_order(&self, at: Option<At>) -> Result<(), AtError> {
        let Some(asked) = at else { return Ok(()) };
        let here = self.folded.position();
        let is_before = match asked {
            At::Position(asked) => self.source.next_position(asked) < here,
            At::Time(time) => self.folded.recorded() > Some(time),
        };
        match asked {
            _ if is_before => Err(AtError::Before { asked, at: here }),
            At::Position(asked) if asked > self.source.tail() => Err(AtError::PastEnd {
                asked,
                end: self.source.tail(),
            }),
            _ => Ok(()),
        }
    }

    /// Writes a checkpoint to the cache if that would save much at the next opening; gives its file if it was written.
    ///
    /// # Errors
    /// If it can't be written, or there is no cache.
    pub async fn checkpoint_if_worth(&mut self) -> Result<Option<PathBuf>, Error> {
        match self.opening.folded_bytes {
            WORTH_BYTES.. => self.checkpoint().await.map(Some),
            _ => Ok(None),
        }
    }

    /// Writes a checkpoint to the cache of this machine; gives its file.
    ///
    /// # Errors
    /// If it can't be written, or there is no cache.
    pub async fn checkpoint(&mut self) -> Result<PathBuf, Error> {
        let cache = self.source.make_cache_folder().await?;
        let cache = cache.ok_or_else(|| Error::NoCache {
            log: self.source.place().to_owned(),
        })?;
        let snapshot = self.snapshot();
        let written = off_the_runtime(usize::MAX, move || snapshot.write_to_cache(&cache)).await;
        Ok(written.map_err(Error::joined)??)
    }

    /// Writes a checkpoint beside the log, for all who open it; gives its name there.
    ///
    /// # Errors
    /// If it can't be written, or the log is none that keeps checkpoints.
    pub async fn checkpoint_beside(&mut self) -> Result<String, Error> {
        let snapshot = self.snapshot();
        snapshot.write_beside(&self.source).await
    }

    fn snapshot(&mut self) -> Snapshot {
        Snapshot {
            folded: self.folded.snapshot(),
            ids: self.source.segments(),
        }
    }

    /// Goes on to follow the log, until the last handle is gone.
    fn follow(mut self, options: CorpusOptions) -> Live<Corpus> {
        let keep = options.writes_checkpoints.then(|| {
            let cache = self.source.cache_folder().map(Path::to_owned);
            Box::new(Checkpoints { cache }) as Box<dyn Keep<Corpus>>
        });
        let cancel = CancellationToken::new();
        let end = cancel.clone().drop_guard();
        self.folded = self.folded.snapshot();
        let earlier = options.reads_checkpoints.then(|| {
            let earlier = EarlierCheckpoints::of(&self.source, &options.rules);
            Box::new(earlier) as Box<dyn Earlier<Corpus>>
        });
        let start = Start {
            source: self.source,
            state: self.folded,
            keep,
            earlier,
            // Whoever has the handle sees this state first.
            is_news: true,
        };
        Live::follow(start, options.live, cancel, Some(end)).0
    }
}

/// Writes checkpoints to the cache while a log is followed.
struct Checkpoints {
    cache: Option<PathBuf>,
}

impl Keep<Corpus> for Checkpoints {
    fn is_due(&self, bytes: u64) -> bool {
        self.cache.is_some() && bytes >= CHECKPOINT_EVERY_BYTES
    }

    fn keep(&mut self, folded: Folded<Corpus>, ids: Vec<SegmentId>) -> JoinHandle<()> {
        let cache = self.cache.clone().unwrap_or_default();
        tokio::task::spawn_blocking(move || {
            let snapshot = Snapshot { folded, ids };
            if let Err(error) = snapshot.write_to_cache(&cache) {
                tracing::warn!("no checkpoint was written: {}", log_core::explain(&error));
            }
        })
    }
}

/// Writes checkpoints beside the stream that is followed, for all who open it.
struct Beside {
    stream: Stream,
}

impl Keep<Corpus> for Beside {
    fn is_due(&self, bytes: u64) -> bool {
        bytes >= CHECKPOINT_EVERY_BYTES
    }

    fn keep(&mut self, folded: Folded<Corpus>, ids: Vec<SegmentId>) -> JoinHandle<()> {
        let source = Source::of_stream(self.stream.clone(), None);
        tokio::spawn(async move {
            let snapshot = Snapshot { folded, ids };
            if let Err(error) = snapshot.write_beside(&source).await {
                tracing::warn!("no checkpoint was written: {}", log_core::explain(&error));
            }
        })
    }
}

/// The past of a log that is followed, from its checkpoints.
struct EarlierCheckpoints {
    places: Places,
    rules: Rules,
}

impl EarlierCheckpoints {
    fn of(source: &Source, rules: &Rules) -> Self {
        Self {
            places: Places::of(source),
            rules: rules.clone(),
        }
    }
}

impl Earlier<Corpus> for EarlierCheckpoints {
    fn find<'s>(&'s self, at: At, after: Option<Position>, log: &'s Segments) -> Found<'s, Corpus> {
        Box::pin(async move {
            let log = Log::Held(&self.places, log);
            let opened = open_newest(log, &self.rules, after, Some(at)).await;
            opened.map(|opened| opened.folded)
        })
    }
}

impl Corpus {
    /// Follows a stream as the service that keeps it does: from the newest checkpoint beside it, and leaving new ones
    /// there now and then, for all who open the stream. Otherwise like [`Live::spawn`].
    ///
    /// # Errors
    /// If the stream can't be read. That there is no checkpoint that fits is no error.
    pub async fn follow_stream(
        stream: Stream,
        options: LiveOptions,
        cancel: CancellationToken,
    ) -> Result<(Live<Self>, JoinHandle<Result<(), Arc<Error>>>), Error> {
        let mut source = Source::of_stream(stream.clone(), options.refresh);
        let rules = Rules::default();
        let opened = open_newest(Log::Read(&mut source), &rules, None, None).await;
        let earlier = EarlierCheckpoints::of(&source, &rules);
        let start = Start {
            source,
            state: match opened {
                Some(opened) => opened.folded,
                None => Folded::starting_from(Self::with_rules(rules)),
            },
            keep: Some(Box::new(Beside { stream }) as Box<dyn Keep<Self>>),
            earlier: Some(Box::new(earlier)),
            is_news: false,
        };
        Ok(Live::follow(start, options, cancel, None))
    }

    /// Opens the log at a place and follows it: a stream's URL, an original log's folder, or a server's address (see
    /// [`Source::open`]). Returns when everything is folded that was there, and follows until the last handle is gone.
    ///
    /// # Errors
    /// If there is no such log, or it can't be read.
    pub async fn open(place: &str, options: CorpusOptions) -> Result<Live<Self>, Error> {
        let source = Source::open(place, options.source.clone()).await?;
        Self::open_from(source, options).await
    }

    /// The same from a source that is open already, such as [`Source::of_stream`] of a stream that is written in this
    /// process: then an append is noticed at once.
    ///
    /// # Errors
    /// If it can't be read.
    pub async fn open_from(source: Source, options: CorpusOptions) -> Result<Live<Self>, Error> {
        let mut loaded = Self::load_from(source, None, &options).await?;
        if options.writes_checkpoints
            && let Err(error) = loaded.checkpoint_if_worth().await
        {
            // It is there for the next one; this one has what it wants.
            tracing::warn!("no checkpoint was written: {}", log_core::explain(&error));
        }
        Ok(loaded.follow(options))
    }

    /// The corpus of the log at a place as it was at a position or time.
    ///
    /// # Errors
    /// If there is no such log, it can't be read, or has no such past.
    pub async fn open_at(
        place: &str,
        at: At,
        options: &CorpusOptions,
    ) -> Result<Arc<Folded<Self>>, Error> {
        let loaded = Self::load(place, Some(at), options).await?;
        Ok(Arc::new(loaded.folded))
    }

    /// Opens the log at a place once, as it is or was, and does not follow it.
    ///
    /// # Errors
    /// If there is no such log, it can't be read, or has no such past.
    pub async fn load(
        place: &str,
        at: Option<At>,
        options: &CorpusOptions,
    ) -> Result<Loaded, Error> {
        let source = Source::open(place, options.source.clone()).await?;
        Self::load_from(source, at, options).await
    }

    /// The same from a source that is open already.
    ///
    /// # Errors
    /// If it can't be read, or has no such past.
    pub async fn load_from(
        mut source: Source,
        at: Option<At>,
        options: &CorpusOptions,
    ) -> Result<Loaded, Error> {
        if let Some(At::Position(asked)) = at
            && asked > source.tail()
        {
            let end = source.tail();
            return Err(AtError::PastEnd { asked, end }.into());
        }
        let opened = match options.reads_checkpoints {
            true => open_newest(Log::Read(&mut source), &options.rules, None, at).await,
            false => None,
        };
        let mut opening = Opening::default();
        let folded = match opened {
            Some(opened) => {
                opening.checkpoint = Some(opened.path);
                opened.folded
            }
            None => Folded::starting_from(Self::with_rules(options.rules.clone())),
        };
        opening.from = folded.position();
        let records = folded.records();
        let folded = match at {
            None => catch_up(&mut source, folded).await?,
            Some(at) => fold_past(&mut source, folded, at).await?,
        };
        opening.folded_bytes = bytes_between(&source, opening.from, folded.position());
        opening.folded_records = folded.records() - records;
        Ok(Loaded {
            folded,
            opening,
            source,
        })
    }
}

/// Folds everything that is there.
async fn catch_up(
    source: &mut Source,
    mut folded: Folded<Corpus>,
) -> Result<Folded<Corpus>, Error> {
    loop {
        let blocks = source.read(folded.position(), LOAD_BYTES).await?;
        if blocks.is_empty() {
            return Ok(folded);
        }
        let (state, broken) = fold_all(folded, blocks).await.map_err(Error::joined)?;
        folded = state;
        if let Some(broken) = broken {
            return Err(source.damage(broken.segment, broken.source).into());
        }
    }
}

/// Bytes of the log between two positions.
fn bytes_between(source: &Source, from: Position, end: Position) -> u64 {
    let before = |position: Position| -> u64 {
        let ids = source.segments().into_iter();
        let sizes = ids.take_while(|id| id.number < position.segment);
        sizes.map(|id| id.size).sum::<u64>() + position.offset
    };
    before(end).saturating_sub(before(from))
}

/// Folds up to a moment of the past.
async fn fold_past(
    source: &mut Source,
    folded: Folded<Corpus>,
    at: At,
) -> Result<Folded<Corpus>, Error> {
    // Not beyond what is asked for: what comes after it may be broken.
    let tail = source.tail();
    let end = match at {
        At::Position(asked) => asked.min(tail),
        At::Time(_) => tail,
    };
    // With what a checkpoint gave: where a segment ends is asked of them.
    let mut segments = folded.state().segments().clone();
    let mut from = folded.position();
    while from < end {
        let blocks = source.read(from, LOAD_BYTES).await?;
        let Some(last) = blocks.last() else { break };
        from = last.end();
        for block in &blocks {
            segments.attach(block);
        }
    }
    let fold = move || fold_to(folded, &segments, at, tail);
    let folded = off_the_runtime(usize::MAX, fold).await;
    match folded.map_err(Error::joined)? {
        Err(AtError::Broken(broken)) => Err(source.damage(broken.segment, broken.source).into()),
        folded => Ok(folded?),
    }
}

/// The corpus of the log that the environment variable `FORGELOG_LOG` names, or else that of the Go project, with its
/// copies in the usual cache folder; the first call fetches the whole log.
///
/// # Errors
/// If it can't be fetched or read.
pub async fn open_default() -> Result<Live<Corpus>, Error> {
    let log = std::env::var(LOG_VARIABLE).unwrap_or_else(|_| DEFAULT_LOG.to_owned());
    Corpus::open(&log, CorpusOptions::default()).await
}
