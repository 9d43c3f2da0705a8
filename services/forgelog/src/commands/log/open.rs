//! Streams at URLs. Depends on `log_core::url`.

use anyhow::{Context as _, Result, bail};
use log_core::layout::Segment;
use log_core::{Stream, StreamUrl};
use object_store::ObjectStore;
use std::path::Path;
use std::sync::Arc;

/// The stream at a URL, for reading: it has to be there.
pub(super) async fn existing(url: &str) -> Result<Stream> {
    let url = read(url)?;
    let (store, prefix) = url.open()?;
    // Says what is wrong with a bucket, where the stream would only say that it cannot be listed.
    url.check().await?;
    stream(&url, store, &prefix).await
}

/// The stream at a URL, for writing: made if it is not there.
pub(super) async fn or_make(url: &str) -> Result<Stream> {
    let url = read(url)?;
    let (store, prefix) = url.create()?;
    url.check().await?;
    stream(&url, store, &prefix).await
}

/// Reads a URL, or a path as one types it: relative to the current folder.
fn read(url: &str) -> Result<StreamUrl> {
    if url.contains(':') || url.is_empty() {
        return Ok(url.parse()?);
    }
    let path = Path::new(url);
    let found = path.canonicalize().or_else(|error| {
        // It need not be there; the folder above it does.
        let above = path.parent().map(|above| Path::new(".").join(above));
        let (Some(above), Some(name)) = (above, path.file_name()) else {
            return Err(error);
        };
        Ok(above.canonicalize()?.join(name))
    });
    let whole =
        found.with_context(|| format!("cannot find {url}, which is no URL and so is a path"))?;
    let text = whole
        .to_str()
        .with_context(|| format!("{url}: the path is not UTF-8"))?;
    Ok(text.parse()?)
}

async fn stream(url: &StreamUrl, store: Arc<dyn ObjectStore>, prefix: &str) -> Result<Stream> {
    let stream = Stream::open(store, prefix)
        .await
        .with_context(|| format!("cannot open {url}"))?;
    if let Some(object) = of_another_layout(&stream) {
        bail!(
            "{url} is no stream, but the original's log or a client's copy of one ({object}); \
             `forgelog log import --from {url} --log file:///DIR` makes a stream of it"
        );
    }
    Ok(stream)
}

/// A file of an original disk log, or the growing segment of a client: records that this stream would not show. In a
/// stream that was written to, such a file is a stray like any other.
fn of_another_layout(stream: &Stream) -> Option<String> {
    let segments = stream.segments();
    if segments
        .iter()
        .any(|segment| matches!(segment, Segment::Tail(_)))
    {
        return None;
    }
    stream.strays().into_iter().find(|object| {
        let original = object.starts_with("maintner-") && object.ends_with(".mutlog");
        (original && segments.is_empty()) || object.ends_with(".growing.mutlog")
    })
}
