//! Where a corpus gets a log's bytes, whatever keeps the log.
//!
//! A [`Source`] gives [`Block`]s of whole records, in order, from any position to the end, and tells when there may be
//! more. Files that never change are mapped, so that nothing is copied; what still grows is read. There are four
//! kinds, and [`Source::open`] finds out which one a place is: a stream (`source/stream.rs`; where its store has no
//! files, with copies in a cache, `source/download.rs`), a server (`source/http.rs`), and an original's files
//! (`source/files.rs`).
//!
//! What it promises: blocks of a segment join without a gap, and the bytes at a position never change. What it
//! refuses: a log that goes on from another history than the one it gave, [`SourceError::is_split`].
//!
//! Depends on `log-core`. Knows nothing of what is in a record.

mod cache;
mod checkpoints;
mod cut;
mod download;
mod error;
mod files;
#[cfg(feature = "http")]
mod http;
mod stream;

use std::path::{Path, PathBuf};
use std::time::Duration;

use log_core::frame::FrameError;
use log_core::{Position, Stream, StreamUrl};

use crate::segments::{Block, Segments};
pub(crate) use cache::make_private;
use download::Downloads;
use error::blocking;
use files::{FilesSource, Layout};
#[cfg(feature = "http")]
use http::HttpSource;
use stream::{Access, StreamSource};

pub use error::SourceError;

/// Below a place's cache folder, the folder of its segments.
const SEGMENTS: &str = "segments";

/// How a log is opened and followed.
#[derive(Clone, Debug)]
pub struct SourceOptions {
    /// The folder below which each log has its own for copies and checkpoints; `None` for the user's usual one.
    pub cache: Option<PathBuf>,
    /// How often to look for what other processes append; `None` for never, where all is written in this process.
    /// A server tells by itself.
    pub refresh: Option<Duration>,
    /// Whether the digest of each segment is checked before it is used. Otherwise files that are complete are
    /// trusted, as the original does; what comes from elsewhere is checked once in any case.
    pub verify: bool,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self {
            cache: None,
            refresh: Some(Duration::from_secs(1)),
            verify: false,
        }
    }
}

/// What is known of a segment: to tell whether a log is the one that something was derived from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentId {
    /// From 0.
    pub number: u32,
    /// Bytes that it has.
    pub size: u64,
    /// Of those bytes, where it is known without reading them.
    pub sha224: Option<[u8; 28]>,
    /// Whether it will never have more.
    pub complete: bool,
}

/// The bytes of a log, and how it goes on.
#[derive(Debug)]
pub struct Source {
    kind: Kind,
    name: String,
    place: String,
    /// The folder for copies and checkpoints of this log, which need not be there yet.
    cache: Option<PathBuf>,
    /// Whether what the store has is copied to this machine.
    copies: bool,
}

/// The kinds are few and one process has few sources, so their sizes do not matter.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)]
enum Kind {
    Stream(StreamSource),
    Files(FilesSource),
    #[cfg(feature = "http")]
    Http(HttpSource),
}

impl Source {
    /// Opens the log at a place:
    /// * `http://HOST/logs`, `https://HOST/logs`: of a server, original or ours;
    /// * `gs://BUCKET/PREFIX`, `s3://…`, `az://…`: a stream in a cloud;
    /// * `file:///FOLDER`, or a path: a stream, a bucket's copy, an original disk log or client's cache;
    /// * a path of a single `.mutlog` file;
    /// * `memory:NAME`: a stream in this process.
    pub async fn open(place: &str, options: SourceOptions) -> Result<Self, SourceError> {
        if place.starts_with("http://") || place.starts_with("https://") {
            return Self::open_server(place, &options).await;
        }
        let (url, layout) = look_up(place).await?;
        let place = match url.folder() {
            Some(folder) => folder.display().to_string(),
            None => url.to_string(),
        };
        if let Some(layout) = layout {
            let SourceOptions {
                refresh, verify, ..
            } = options;
            let files = FilesSource::open(layout, place.clone(), refresh, verify).await?;
            let name = last_part(&place).to_owned();
            return Ok(Self::new(Kind::Files(files), name, place, &options, false));
        }
        let opened = url.clone();
        let opened = blocking("opening the store", move || Ok(opened.open()?));
        let (store, prefix) = opened.await?;
        if url.is_remote() {
            // Says what is wrong with a bucket, where the stream would only say that it cannot be listed.
            url.check().await?;
        }
        let stream = Stream::open_to_read(store, &prefix).await;
        let stream = stream.map_err(|source| SourceError::open(&place, source))?;
        if url.is_remote() {
            Self::of_remote_stream(stream, &place, options).await
        } else {
            Ok(Self::of_local_stream(stream, place, &options))
        }
    }

    /// A stream that is open already, such as one that is written in this process; with `refresh`, what other
    /// processes append is looked for too. Where its store has no files, its segments are read into memory: see
    /// [`Source::of_remote_stream`]. It has no cache folder, as its name does not say which of all streams it is.
    pub fn of_stream(stream: Stream, refresh: Option<Duration>) -> Self {
        let options = SourceOptions {
            refresh,
            ..SourceOptions::default()
        };
        let place = stream.name().to_owned();
        Self {
            cache: None,
            ..Self::of_local_stream(stream, place, &options)
        }
    }

    /// A stream that is open already and whose store is elsewhere: its sealed segments are copied to the cache
    /// folder of `place`, once, and mapped.
    pub async fn of_remote_stream(
        stream: Stream,
        place: &str,
        options: SourceOptions,
    ) -> Result<Self, SourceError> {
        let place = place.to_owned();
        let folder = needed_folder(&place, &options)?;
        let downloads = Downloads::open(place.clone(), folder.join(SEGMENTS), options.verify);
        let access = Access::Copies(downloads.await?);
        let name = stream.name().to_owned();
        let (refresh, verify) = (options.refresh, options.verify);
        let kind = StreamSource::new(stream, place.clone(), access, refresh, verify);
        Ok(Self::new(Kind::Stream(kind), name, place, &options, true))
    }

    fn of_local_stream(stream: Stream, place: String, options: &SourceOptions) -> Self {
        let name = stream.name().to_owned();
        let (refresh, verify) = (options.refresh, options.verify);
        let kind = StreamSource::new(stream, place.clone(), Access::Direct, refresh, verify);
        Self::new(Kind::Stream(kind), name, place, options, false)
    }

    #[cfg(feature = "http")]
    async fn open_server(url: &str, options: &SourceOptions) -> Result<Self, SourceError> {
        let cache = needed_folder(url, options)?;
        let folder = cache.clone();
        let made = move || cache::make_private(&folder).map_err(SourceError::io("make", &folder));
        blocking("making the cache", made).await?;
        let server = HttpSource::open(url, &cache.join(SEGMENTS), options.verify).await?;
        let name = server_name(url).to_owned();
        let place = url.to_owned();
        Ok(Self::new(Kind::Http(server), name, place, options, true))
    }

    #[cfg(not(feature = "http"))]
    async fn open_server(url: &str, _: &SourceOptions) -> Result<Self, SourceError> {
        Err(SourceError::Feature {
            place: url.to_owned(),
            feature: "http",
        })
    }

    fn new(kind: Kind, name: String, place: String, options: &SourceOptions, copies: bool) -> Self {
        Self {
            cache: folder_for(&place, options),
            kind,
            name,
            place,
            copies,
        }
    }

    /// The log's name, such as `activity`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is, as people write it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The end of the log, as far as this process knows.
    pub fn tail(&self) -> Position {
        match &self.kind {
            Kind::Stream(source) => source.tail(),
            Kind::Files(source) => source.tail(),
            #[cfg(feature = "http")]
            Kind::Http(source) => source.tail(),
        }
    }

    /// The position that means the same place: at the end of a segment that is complete, the next one's start.
    pub fn next_position(&self, end: Position) -> Position {
        match &self.kind {
            Kind::Stream(source) => source.next_position(end),
            Kind::Files(source) => source.next_position(end),
            #[cfg(feature = "http")]
            Kind::Http(source) => source.next_position(end),
        }
    }

    /// Every segment, from 0, as far as this process knows.
    pub fn segments(&self) -> Vec<SegmentId> {
        match &self.kind {
            Kind::Stream(source) => source.segments(),
            Kind::Files(source) => source.segments(),
            #[cfg(feature = "http")]
            Kind::Http(source) => source.segments(),
        }
    }

    /// What is there from `from` on, in order: blocks of about `bytes_max` together, and at least one; none at the
    /// end of the log. `from` is where a record starts, or the end of a segment, which means the next one's start.
    ///
    /// Frames are looked at only where a block has to be cut, so that the bytes are touched by who wants them. Who
    /// finds that some are no records makes an error of it with [`Source::damage`].
    pub async fn read(
        &mut self,
        from: Position,
        bytes_max: u64,
    ) -> Result<Vec<Block>, SourceError> {
        match &mut self.kind {
            Kind::Stream(source) => source.read(from, bytes_max).await,
            Kind::Files(source) => source.read(from, bytes_max).await,
            #[cfg(feature = "http")]
            Kind::Http(source) => source.read(from, bytes_max).await,
        }
    }

    /// Blocks of all bytes before `end`, of which nothing is looked at: what a checkpoint's cells point into.
    pub async fn history(&mut self, end: Position) -> Result<Vec<Block>, SourceError> {
        match &mut self.kind {
            Kind::Stream(source) => source.history(end).await,
            Kind::Files(source) => source.history(end).await,
            #[cfg(feature = "http")]
            Kind::Http(source) => source.history(end).await,
        }
    }

    /// Whole segments, to be attached in place of the parts that were read of them, of which `held` has some; each is
    /// given once, when it is complete. Costs next to nothing if there is none. If the bytes are not the same, the
    /// history is another.
    pub async fn sealed(&mut self, held: &Segments) -> Result<Vec<Block>, SourceError> {
        match &mut self.kind {
            Kind::Stream(source) => source.sealed(held).await,
            Kind::Files(source) => source.sealed(held).await,
            #[cfg(feature = "http")]
            Kind::Http(source) => source.sealed(held).await,
        }
    }

    /// Waits until there may be more than the last [`Source::read`] saw, which has come to the end. What this process
    /// appends is noticed at once.
    ///
    /// May be dropped at any time. After an error that is transient it may be called again, after some time.
    pub async fn changed(&mut self) -> Result<(), SourceError> {
        match &mut self.kind {
            Kind::Stream(source) => source.changed().await,
            Kind::Files(source) => source.changed().await,
            #[cfg(feature = "http")]
            Kind::Http(source) => source.changed().await,
        }
    }

    /// The error that says where bytes are that are no records.
    pub fn damage(&self, segment: u32, error: FrameError) -> SourceError {
        match &self.kind {
            Kind::Stream(source) => source.damage(segment, error),
            Kind::Files(source) => source.damage(segment, error),
            #[cfg(feature = "http")]
            Kind::Http(source) => source.damage(segment, error),
        }
    }

    /// The folder of this machine for what is derived from this log; it need not be there. `None` where there is
    /// neither a home folder nor one that was named.
    pub fn cache_folder(&self) -> Option<&Path> {
        self.cache.as_deref()
    }

    /// The same, made if it is not there, so that only its owner can look into it.
    pub async fn make_cache_folder(&self) -> Result<Option<PathBuf>, SourceError> {
        let Some(folder) = self.cache.clone() else {
            return Ok(None);
        };
        blocking("making the cache", move || {
            cache::make_private(&folder).map_err(SourceError::io("make", &folder))?;
            Ok(Some(folder))
        })
        .await
    }
}

/// The URL that a place means, and the layout if it is a log in files.
async fn look_up(place: &str) -> Result<(StreamUrl, Option<Layout>), SourceError> {
    let place = place.to_owned();
    blocking("looking for the log", move || {
        let url: StreamUrl = match place.contains(':') || place.is_empty() {
            true => place.parse()?,
            false => path_url(Path::new(&place), &place)?,
        };
        let Some(folder) = url.folder() else {
            return Ok((url, None));
        };
        // One that is not there is told when it is opened.
        let Ok(folder) = folder.canonicalize() else {
            return Ok((url, None));
        };
        let layout = Layout::of(&folder)?;
        Ok((path_url(&folder, &place)?, layout))
    })
    .await
}

/// A path's URL, whole and without links, so that one log has one place.
fn path_url(path: &Path, place: &str) -> Result<StreamUrl, SourceError> {
    let failed = |source| SourceError::Path {
        place: place.to_owned(),
        source,
    };
    let whole = path.canonicalize().map_err(failed)?;
    let text = whole.to_str().ok_or_else(|| {
        let text = format!("{} is not UTF-8", whole.display());
        failed(std::io::Error::new(std::io::ErrorKind::InvalidInput, text))
    })?;
    // A path that looks like another scheme's URL is none: it begins with a slash.
    Ok(text.parse()?)
}

fn folder_for(place: &str, options: &SourceOptions) -> Option<PathBuf> {
    let base = options.cache.clone().or_else(cache::default_folder)?;
    Some(cache::folder_of(&base, place))
}

fn needed_folder(place: &str, options: &SourceOptions) -> Result<PathBuf, SourceError> {
    folder_for(place, options).ok_or_else(|| SourceError::NoCache {
        place: place.to_owned(),
    })
}

fn last_part(place: &str) -> &str {
    place
        .rsplit('/')
        .find(|part| !part.is_empty())
        .unwrap_or(place)
}

/// The stream that a server's URL names, `…/streams/NAME/logs`, or else the server.
#[cfg(feature = "http")]
fn server_name(url: &str) -> &str {
    let mut parts = url.split('/').skip(2);
    let host = parts.next().unwrap_or(url);
    let path: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    match path.as_slice() {
        [.., "streams", name, "logs"] => name,
        _ => host,
    }
}
