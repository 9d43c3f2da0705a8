//! The logs that are measured: synthetic ones, made as `forgelog log synth` does, or one that was named; and what else
//! they are needed as. Depends on `log-core` and on `log synth`.

use ::synth::SynthOptions;
use anyhow::{Context as _, Result, bail};
use log_core::export::{ExportLayout, export};
use log_core::layout::Segment;
use log_core::{BulkWriter, Stream, StreamUrl};
use std::fs;
use std::path::{Path, PathBuf};

use super::child::Given;
use super::megabytes;
use crate::commands::bench::sample::short;
use crate::commands::log::synth;

/// Which of all synthetic logs.
const SEED: u64 = 7;

/// A local stream, and a folder of our own for what belongs to it.
#[derive(Debug)]
pub(super) struct Log {
    /// Which one, for people.
    pub(super) case: String,
    /// Of the stream.
    pub(super) bytes: u64,
    place: String,
    folder: PathBuf,
}

impl Log {
    /// Makes a synthetic log of this scale.
    pub(super) async fn make(folder: PathBuf, scale: f64) -> Result<Self> {
        let place = folder.join("log");
        let stream = create(&place).await?;
        synth::write(&stream, SynthOptions { scale, seed: SEED }).await?;
        Self::of(&stream, &place, folder, &format!("S = {scale}"))
    }

    /// A stream that is there already; it is only read.
    pub(super) async fn named(folder: PathBuf, log: &str) -> Result<Self> {
        let place = Path::new(log.strip_prefix("file://").unwrap_or(log));
        let place = place
            .canonicalize()
            .with_context(|| format!("{log}: only the log of a folder is measured"))?;
        fs::create_dir_all(&folder).context("cannot make a folder")?;
        let (store, prefix) = url(&place)?.open()?;
        let stream = Stream::open(store, &prefix).await?;
        if stream.segments().is_empty() {
            bail!("{log} is no stream, or an empty one");
        }
        Self::of(&stream, &place, folder, "the log")
    }

    fn of(stream: &Stream, place: &Path, folder: PathBuf, name: &str) -> Result<Self> {
        let bytes: u64 = stream.segments().iter().map(Segment::len).sum();
        Ok(Self {
            case: format!("{name}, {} MB", short(megabytes(bytes as f64))),
            bytes,
            place: text(place)?,
            folder,
        })
    }

    /// What a child is told of it.
    pub(super) fn given(&self) -> Given {
        Given {
            log: self.place.clone(),
            cache: Some(self.folder.join("cache")),
            ..Given::default()
        }
    }

    /// Its records as the original has them on disk, for the peer; gives the folder.
    pub(super) async fn as_original(&self) -> Result<PathBuf> {
        let (store, prefix) = url(Path::new(&self.place))?.open()?;
        let stream = Stream::open(store, &prefix).await?;
        let folder = self.folder.join("original");
        export(&stream, &folder, ExportLayout::Disk, |_, _| {}).await?;
        Ok(folder)
    }

    /// A stream of the same records that may be appended to. Sealed segments are the same files once more, as nobody
    /// ever writes to them.
    pub(super) async fn again(&self) -> Result<Self> {
        let (store, prefix) = url(Path::new(&self.place))?.open()?;
        let from = Stream::open(store, &prefix).await?;
        let folder = self.folder.join("again");
        let place = folder.join("log");
        fs::create_dir_all(&place).context("cannot make a folder")?;
        let segments = from.segments();
        let is_sealed = |segment: &&Segment| matches!(segment, Segment::Sealed(_));
        let sealed = segments.iter().take_while(is_sealed).count();
        for segment in &segments[..sealed] {
            if let (Segment::Sealed(sealed), Some(files)) = (segment, from.local_folder().await?) {
                let name = sealed.name.to_string();
                link(&files.join(&name), &place.join(&name))?;
            }
        }
        let mut writer = BulkWriter::open(create(&place).await?).await?;
        for (number, segment) in (0u32..).zip(&segments).skip(sealed) {
            writer.extend_segment(&from.bytes(number, 0..segment.len()).await?)?;
            if segment.is_complete() {
                writer.end_segment().await?;
            }
        }
        writer.finish().await?;
        Ok(Self {
            case: self.case.clone(),
            bytes: self.bytes,
            place: text(&place)?,
            folder,
        })
    }

    /// Removes what is ours.
    pub(super) fn remove(self) -> Result<()> {
        fs::remove_dir_all(&self.folder).context("cannot remove a log that was measured")
    }
}

fn url(place: &Path) -> Result<StreamUrl> {
    Ok(text(place)?.parse()?)
}

fn text(place: &Path) -> Result<String> {
    let text = place.to_str();
    let text = text.with_context(|| format!("{}: the path is not UTF-8", place.display()))?;
    Ok(text.to_owned())
}

async fn create(place: &Path) -> Result<Stream> {
    let (store, prefix) = url(place)?.create()?;
    Ok(Stream::open(store, &prefix).await?)
}

/// The same file under another name; on another disk, a copy.
fn link(from: &Path, to: &Path) -> Result<()> {
    fs::hard_link(from, to)
        .or_else(|_| fs::copy(from, to).map(drop))
        .with_context(|| format!("cannot copy {}", from.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn bytes_of(log: &Log) -> Result<Vec<u8>> {
        let (store, prefix) = url(Path::new(&log.place))?.open()?;
        let stream = Stream::open(store, &prefix).await?;
        let mut bytes = Vec::new();
        for (number, segment) in (0u32..).zip(stream.segments()) {
            bytes.extend_from_slice(&stream.bytes(number, 0..segment.len()).await?);
        }
        Ok(bytes)
    }

    #[tokio::test]
    async fn a_log_is_the_same_once_more_and_as_the_original_has_it() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let log = Log::make(dir.path().join("made"), 0.01).await?;
        assert!(log.case.starts_with("S = 0.01, "), "{}", log.case);
        let bytes = bytes_of(&log).await?;
        // A sealed segment, and a tail.
        assert!(bytes.len() as u64 == log.bytes && bytes.len() > 16 << 20);
        let again = log.again().await?;
        assert!(bytes_of(&again).await? == bytes);
        assert!(fs::read_dir(log.as_original().await?)?.count() >= 1);
        let named = Log::named(dir.path().join("named"), &log.given().log).await?;
        assert_eq!(named.bytes, log.bytes);
        let empty = dir.path().to_str().unwrap_or_default();
        assert!(Log::named(dir.path().join("x"), empty).await.is_err());
        named.remove()?;
        log.remove()
    }
}
