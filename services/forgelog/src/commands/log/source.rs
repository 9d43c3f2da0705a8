//! Which log a command means: `--log URL`, or `--data DIR` and `--stream NAME`. Depends on `log-core` and the data
//! folder.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use log_core::Stream;
use std::path::PathBuf;
use std::time::Duration;

use super::open;
use crate::data_folder::{self, DataFolder, Held, STREAMS};

/// How often to look for what other processes append: in a folder, and in a store across the network.
const LOOK_LOCAL: Duration = Duration::from_millis(100);
const LOOK_REMOTE: Duration = Duration::from_secs(1);

/// One log.
#[derive(Debug, Args)]
pub(super) struct One {
    /// The log: file:///DIR, a folder, gs://, s3:// or az://BUCKET/PREFIX, memory:NAME, or, to read it, http(s)://HOST/logs.
    #[arg(long = "log", id = "log", value_name = "URL", conflicts_with_all = ["data", "stream"])]
    url: Option<String>,
    /// The data folder of `up` that has the log.
    #[arg(long, value_name = "DIR", default_value = data_folder::DEFAULT)]
    data: PathBuf,
    /// The stream of the data folder.
    #[arg(long, value_name = "NAME", value_parser = STREAMS, required_unless_present = "log")]
    stream: Option<String>,
}

/// One log, or all streams of a data folder.
#[derive(Debug, Args)]
pub(super) struct Any {
    /// The log: file:///DIR, a folder, gs://, s3:// or az://BUCKET/PREFIX, memory:NAME, or http(s)://HOST/logs.
    #[arg(long = "log", id = "log", value_name = "URL", conflicts_with_all = ["data", "stream"])]
    url: Option<String>,
    /// The data folder of `up`.
    #[arg(long, value_name = "DIR", default_value = data_folder::DEFAULT)]
    data: PathBuf,
    /// One stream of the data folder, instead of all.
    #[arg(long, value_name = "NAME", value_parser = STREAMS)]
    stream: Option<String>,
}

/// A log to read from.
#[derive(Debug)]
pub(super) enum Source {
    /// In a store that this process reads itself.
    Stream(Stream, Duration),
    /// Behind a server.
    Http(String),
}

/// A stream to write to, and the right to do so.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) stream: Stream,
    /// Where a service may run that writes to it, nobody else must.
    _held: Option<Held>,
}

impl One {
    /// The log for reading; it has to be there.
    pub(super) async fn source(&self) -> Result<Source> {
        match (&self.url, &self.stream) {
            (Some(url), _) if is_http(url) => Ok(Source::Http(url.clone())),
            (Some(url), _) => Ok(Source::Stream(open::existing(url).await?, look_every(url))),
            (None, Some(name)) => {
                let stream = DataFolder::look(&self.data)?.stream(name).await?;
                Ok(Source::Stream(stream, LOOK_LOCAL))
            }
            (None, None) => bail!("name a log: --log URL, or --stream NAME of a data folder"),
        }
    }

    /// The stream for reading; what a server has is none.
    pub(super) async fn stream(&self) -> Result<Stream> {
        match self.source().await? {
            Source::Stream(stream, _) => Ok(stream),
            Source::Http(url) => bail!(not_a_stream(&url)),
        }
    }

    /// The stream for writing; made if it is not there.
    pub(super) async fn target(&self) -> Result<Target> {
        match (&self.url, &self.stream) {
            (Some(url), _) => target(url).await,
            (None, Some(name)) => held(&self.data, name).await,
            (None, None) => bail!("name a log: --log URL, or --stream NAME of a data folder"),
        }
    }

    /// Like [`One::target`], but of a stream that has to be there.
    pub(super) async fn existing_target(&self) -> Result<Target> {
        match (&self.url, &self.stream) {
            (Some(url), _) if is_http(url) => bail!(not_a_stream(url)),
            (Some(url), _) => Ok(Target {
                stream: open::existing(url).await?,
                _held: None,
            }),
            (None, Some(name)) => {
                DataFolder::look(&self.data)?;
                held(&self.data, name).await
            }
            (None, None) => bail!("name a log: --log URL, or --stream NAME of a data folder"),
        }
    }
}

impl Any {
    /// The server's address, if it is one.
    pub(super) fn http(&self) -> Option<&str> {
        self.url.as_deref().filter(|url| is_http(url))
    }

    /// The streams for reading, and how often to look what others append. A URL is one stream.
    pub(super) async fn streams(&self) -> Result<(Vec<Stream>, Duration)> {
        if let Some(url) = &self.url {
            if is_http(url) {
                bail!(not_a_stream(url));
            }
            return Ok((vec![open::existing(url).await?], look_every(url)));
        }
        let folder = DataFolder::look(&self.data)?;
        let mut streams = Vec::new();
        for name in self.names() {
            streams.push(folder.stream(name).await?);
        }
        Ok((streams, LOOK_LOCAL))
    }

    /// The data folder, unless a URL says otherwise.
    pub(super) fn folder(&self) -> Result<Option<DataFolder>> {
        match self.url {
            Some(_) => Ok(None),
            None => Ok(Some(DataFolder::look(&self.data)?)),
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        STREAMS
            .into_iter()
            .filter(|name| self.stream.as_deref().is_none_or(|stream| stream == *name))
    }
}

/// The stream at a URL, for writing; made if it is not there.
pub(super) async fn target(url: &str) -> Result<Target> {
    if is_http(url) {
        bail!(not_a_stream(url));
    }
    Ok(Target {
        stream: open::or_make(url).await?,
        _held: None,
    })
}

async fn held(data: &std::path::Path, name: &str) -> Result<Target> {
    let (folder, held) = DataFolder::hold(data)?;
    let stream = folder.stream(name).await.context("cannot write")?;
    Ok(Target {
        stream,
        _held: Some(held),
    })
}

/// Whether this is the address of a server.
pub(super) fn is_http(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
    })
}

fn look_every(url: &str) -> Duration {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme);
    match scheme {
        Some("gs" | "s3" | "az") => LOOK_REMOTE,
        _ => LOOK_LOCAL,
    }
}

fn not_a_stream(url: &str) -> String {
    format!(
        "{url} is a server, and this needs the stream itself: `forgelog log mirror --from {url} --to file:///DIR` makes a copy that can be used"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_by_their_scheme() {
        assert!(is_http("http://127.0.0.1:1/logs") && is_http("HTTPS://example.org/logs"));
        assert!(!is_http("file:///http") && !is_http("http") && !is_http("./http://x"));
    }
}
