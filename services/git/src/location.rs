//! Where a repository is: a folder of this machine, or a URL. Parsing is strict: only the transports that this crate
//! reads through are accepted, so that no text can name a helper program (`ext::…`). Depends on `gix` for URLs.

use std::fmt;
use std::path::{Path, PathBuf};

use gix::url::Scheme;

use crate::Error;

/// Where a repository is. Printed without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A folder of this machine; a repository is read from it in place.
    Local(PathBuf),
    /// A repository elsewhere; it is read through a mirror.
    Remote(RemoteUrl),
}

/// A URL to fetch from. May hold credentials, which are never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteUrl(gix::Url);

impl Location {
    /// Parses what a person gives for a repository: a path, a `file://` URL, an `https://`, `http://`, `ssh://` or
    /// `git://` URL, or `[user@]host:path`. A path with a colon in its first part is written `./a:b`, as for git.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |problem| Error::BadLocation {
            text: redacted(text),
            problem,
        };
        if text.is_empty() {
            return Err(bad("it is empty"));
        }
        if text.chars().any(char::is_control) {
            return Err(bad("it has a control character"));
        }
        if let Some(rest) = text.strip_prefix("file://") {
            return local_from_file_url(rest).map(Self::Local).ok_or_else(|| {
                bad("a file URL is file:///, and then an absolute path of this machine")
            });
        }
        let colon = text.find(':');
        let first_part_end = text.find('/').unwrap_or(text.len());
        if colon.is_none_or(|colon| colon > first_part_end) {
            return Ok(Self::Local(PathBuf::from(text)));
        }
        let url = gix::url::parse(text).map_err(|_| bad("it is not a URL that git understands"))?;
        if !matches!(
            url.scheme,
            Scheme::Http | Scheme::Https | Scheme::Ssh | Scheme::Git
        ) {
            return Err(bad("its scheme is not one that can be read from"));
        }
        if url.host_argument_safe().is_none_or(str::is_empty) {
            return Err(bad("it names no host"));
        }
        if url.user().is_some_and(|user| user.starts_with('-')) {
            return Err(bad("its user looks like an option"));
        }
        // No forge has them, and they are where tokens hide.
        if text.contains(['?', '#']) {
            return Err(bad("it has a query or a fragment"));
        }
        // Writing is where gix notices combinations that no URL can express.
        if url.write_to(&mut Vec::new()).is_err() {
            return Err(bad("it is not a URL that git understands"));
        }
        Ok(Self::Remote(RemoteUrl(url)))
    }

    /// A short name for what is there: the folder's name, or `host/path`, without `.git`.
    pub fn name(&self) -> String {
        match self {
            Self::Local(path) => folder_name(&path.canonicalize().unwrap_or_else(|_| path.clone())),
            Self::Remote(url) => url.name(),
        }
    }

    /// The URL to hand to gix, without any credentials that git would not need on the way.
    pub(crate) fn fetch_url(&self) -> Result<gix::Url, Error> {
        match self {
            Self::Remote(url) => Ok(url.without_credentials()),
            Self::Local(path) => {
                let cannot = |problem| Error::BadLocation {
                    text: self.to_string(),
                    problem,
                };
                let path = path.canonicalize().map_err(|source| Error::File {
                    path: path.clone(),
                    source,
                })?;
                let path =
                    gix::path::into_bstr(path).map_err(|_| cannot("its path is not UTF-8"))?;
                gix::Url::from_parts(
                    Scheme::File,
                    None,
                    None,
                    None,
                    None,
                    path.into_owned(),
                    true,
                )
                .map_err(|_| cannot("its path cannot be written as a URL"))
            }
        }
    }

    /// User and password, if the URL has both a host to give them to and something to give.
    pub(crate) fn credentials(&self) -> Option<Credentials> {
        match self {
            Self::Local(_) => None,
            Self::Remote(RemoteUrl(url)) => {
                if url.user.is_none() && url.password.is_none() {
                    return None;
                }
                Some(Credentials {
                    host: url.host()?.to_owned(),
                    port: url.port_or_default(),
                    scheme: url.scheme.clone(),
                    user: url.user.clone().unwrap_or_default(),
                    password: url.password.clone().unwrap_or_default(),
                })
            }
        }
    }
}

/// What a URL says about who asks, and the only place that may be told.
pub(crate) struct Credentials {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) scheme: Scheme,
    pub(crate) user: String,
    pub(crate) password: String,
}

impl RemoteUrl {
    /// `host[:port]/path`, without `.git`.
    fn name(&self) -> String {
        let host = self.0.host().unwrap_or_default();
        let port = self
            .0
            .port
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        let path = String::from_utf8_lossy(&self.0.path);
        let path = path.trim_matches('/');
        let path = path
            .strip_suffix(".git")
            .unwrap_or(path)
            .trim_end_matches('/');
        format!("{host}{port}/{path}")
    }

    /// The user of ssh stays, as it is part of the address; all else that may be secret goes.
    fn without_credentials(&self) -> gix::Url {
        let mut url = self.0.clone();
        url.password = None;
        if url.scheme != Scheme::Ssh {
            url.user = None;
        }
        url
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => path.display().fmt(f),
            Self::Remote(url) => url.fmt(f),
        }
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.without_credentials().to_bstring();
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

impl fmt::Debug for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteUrl({self})")
    }
}

/// The last part of a path, without `.git`; for a `.git` folder, that of the folder it is in.
pub(crate) fn folder_name(path: &Path) -> String {
    let mut path = path;
    if path.file_name().is_some_and(|name| name == ".git") {
        path = path.parent().unwrap_or(path);
    }
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    match name.strip_suffix(".git") {
        Some(short) if !short.is_empty() => short.to_owned(),
        _ if name.is_empty() => "repository".to_owned(),
        _ => name,
    }
}

/// The path of a file URL, from what follows `file://`.
fn local_from_file_url(rest: &str) -> Option<PathBuf> {
    let path = rest
        .strip_prefix("localhost")
        .filter(|path| path.starts_with('/'))
        .unwrap_or(rest);
    if !path.starts_with('/') {
        return None;
    }
    let bytes = percent_decoded(path.as_bytes())?;
    gix::path::from_byte_slice(&bytes).map(Path::to_owned).ok()
}

fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let escape = after.first_chunk::<2>().filter(|_| first == b'%');
        match escape.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
            Some(0) => return None,
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    Some(bytes)
}

/// A text that may be a URL, without what may be its password. Cuts too much rather than too little: the text is known
/// to be malformed, so where its user ends is a guess.
fn redacted(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text.find(['?', '#']).unwrap_or(text.len()).max(start);
    match text[start..].rfind('@') {
        Some(at) => format!(
            "{}…{}",
            &text[..start],
            &text[start + at..]
                .split(['?', '#'])
                .next()
                .unwrap_or_default()
        ),
        None => text[..end].to_owned(),
    }
}

#[cfg(test)]
mod tests;
