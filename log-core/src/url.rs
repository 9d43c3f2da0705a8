//! Where a stream is, as people write it: `file:///srv/log`, `/srv/log`, `memory:name`,
//! `gs://bucket/prefix`, `s3://bucket/prefix`, `az://container/prefix`.
//!
//! Depends on `object_store` and [`crate::local`]. The stores of clouds need the feature `cloud`; they
//! take their settings from the environment: what begins with `AWS_` (`AWS_ENDPOINT`, `AWS_ALLOW_HTTP`,
//! …), `GOOGLE_` (`GOOGLE_SERVICE_ACCOUNT_KEY`, `GOOGLE_BASE_URL`, …) or `AZURE_`.
//!
//! The stream's name is the last part of its URL. So the objects of `file:///tmp/a` are below the prefix
//! `a` of a store over `/tmp`, and lie in `/tmp/a/0000.<sha224>.mutlog`, `/tmp/a/tail/0001/…`.

#[cfg(feature = "cloud")]
mod cloud;

use crate::local::{LocalError, LocalStore};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{Error, ObjectStore};
use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Component, Path as FilePath, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

/// The schemes, for those who named another.
const SCHEMES: &str =
    "file:///PATH, memory:NAME, gs://BUCKET/PREFIX, s3://BUCKET/PREFIX or az://CONTAINER/PREFIX";

/// Where a stream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamUrl {
    text: String,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Folder(PathBuf),
    Memory {
        name: String,
        prefix: String,
    },
    Cloud {
        cloud: Cloud,
        bucket: String,
        prefix: String,
    },
}

/// Whose object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cloud {
    Google,
    Amazon,
    Azure,
}

/// Why a stream's URL can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// The scheme is none of ours.
    #[error("{url}: unknown scheme {scheme:?}; use {SCHEMES}")]
    Scheme {
        /// What was given.
        url: String,
        /// Its scheme.
        scheme: String,
    },
    /// The bucket is missing.
    #[error("{url}: names no bucket; write it as {scheme}://BUCKET/PREFIX")]
    NoBucket {
        /// What was given.
        url: String,
        /// Its scheme.
        scheme: String,
    },
    /// A path that could mean more than one place.
    #[error("{url}: {what}; {todo}")]
    Path {
        /// What was given.
        url: String,
        /// What is wrong with it.
        what: &'static str,
        /// What to write instead.
        todo: &'static str,
    },
    /// There is no such folder, and it is not to be made.
    #[error("{url}: there is no folder {}; check the path, or write to it first", path.display())]
    NoFolder {
        /// What was given.
        url: String,
        /// Where the folder should be.
        path: PathBuf,
    },
    /// Something else is where the folder should be.
    #[error("{url}: {} is not a folder; name another", path.display())]
    NotAFolder {
        /// What was given.
        url: String,
        /// What is none.
        path: PathBuf,
    },
    /// The folder can't be opened.
    #[error("{url}: check that this user may read it, and write to it if it is written to")]
    Folder {
        /// What was given.
        url: String,
        /// Why.
        source: LocalError,
    },
    /// This program was built without the stores of clouds.
    #[error("{url}: this program was built without the feature `cloud`")]
    NoCloud {
        /// What was given.
        url: String,
    },
    /// The cloud's settings are not complete or wrong.
    #[error("{url}: the settings in the environment ({prefix}…) do not do")]
    Settings {
        /// What was given.
        url: String,
        /// How the settings' names begin.
        prefix: &'static str,
        /// Why.
        source: Error,
    },
    /// The bucket is not there.
    #[error("{url}: there is no such bucket; make it, or check its name and the endpoint")]
    BucketAbsent {
        /// What was given.
        url: String,
        /// What the store said.
        source: Error,
    },
    /// We may not use the bucket.
    #[error("{url}: the store refuses; check the credentials ({prefix}…) and what they allow")]
    Denied {
        /// What was given.
        url: String,
        /// How the settings' names begin.
        prefix: &'static str,
        /// What the store said.
        source: Error,
    },
    /// The store can't be reached, or makes no sense.
    #[error("{url}: the store can't be listed")]
    Store {
        /// What was given.
        url: String,
        /// What it said.
        source: Error,
    },
}

/// A store, and the prefix in it below which the stream's objects are.
pub type Opened = (Arc<dyn ObjectStore>, String);

/// Opens a store for reading: a folder that is not there is an error. What comes back goes into
/// [`crate::Stream::open`]. Does not reach for the network; blocks for the local disk only.
pub fn open_store(url: &str) -> Result<Opened, UrlError> {
    url.parse::<StreamUrl>()?.open()
}

/// Opens a store for writing: a folder that is not there is made.
pub fn create_store(url: &str) -> Result<Opened, UrlError> {
    url.parse::<StreamUrl>()?.create()
}

impl StreamUrl {
    /// Opens the store for reading: see [`open_store`].
    pub fn open(&self) -> Result<Opened, UrlError> {
        match &self.place {
            Place::Folder(path) => self.open_folder(path),
            Place::Memory { name, prefix } => Ok((memory(name), prefix.clone())),
            Place::Cloud {
                cloud,
                bucket,
                prefix,
            } => Ok((self.cloud(*cloud, bucket)?, prefix.clone())),
        }
    }

    /// Opens the store for writing: see [`create_store`].
    pub fn create(&self) -> Result<Opened, UrlError> {
        if let Place::Folder(path) = &self.place {
            match LocalStore::create(path) {
                Err(source) if !path.exists() => return Err(self.folder_error(path, source)),
                _ => {} // what is wrong with an existing one, opening says
            }
        }
        self.open()
    }

    /// The folder of this machine that it names, if it names one.
    pub fn folder(&self) -> Option<&FilePath> {
        match &self.place {
            Place::Folder(path) => Some(path),
            _ => None,
        }
    }

    /// Whether its objects are on other machines.
    pub fn is_remote(&self) -> bool {
        matches!(self.place, Place::Cloud { .. })
    }

    /// Asks the store whether there is such a bucket, and whether we may list it.
    pub async fn check(&self) -> Result<(), UrlError> {
        use futures::StreamExt as _;
        let (store, prefix) = self.open()?;
        let prefix = Path::from(prefix);
        let Some(Err(source)) = store.list(Some(&prefix)).next().await else {
            return Ok(());
        };
        let url = self.text.clone();
        let prefix = match self.place {
            Place::Cloud { cloud, .. } => cloud.settings(),
            _ => "",
        };
        Err(match source {
            Error::NotFound { .. } => UrlError::BucketAbsent { url, source },
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => UrlError::Denied {
                url,
                prefix,
                source,
            },
            source => UrlError::Store { url, source },
        })
    }

    fn open_folder(&self, path: &FilePath) -> Result<Opened, UrlError> {
        let store = LocalStore::open(path).map_err(|source| self.folder_error(path, source))?;
        // The name must be the same as an object's path, where some characters are escaped.
        let root = store.root().to_owned();
        let name = root.file_name().and_then(|name| name.to_str());
        let name = name.filter(|name| Path::from(*name).as_ref() == *name);
        if let (Some(parent), Some(name)) = (root.parent(), name)
            && let Ok(above) = LocalStore::open(parent)
        {
            return Ok((Arc::new(above), name.to_owned()));
        }
        Ok((Arc::new(store), String::new()))
    }

    fn folder_error(&self, path: &FilePath, source: LocalError) -> UrlError {
        let (url, path) = (self.text.clone(), path.to_owned());
        let kind = match &source {
            LocalError::Io { source, .. } => source.kind(),
            _ => ErrorKind::Other,
        };
        match kind {
            ErrorKind::NotFound => UrlError::NoFolder { url, path },
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
                UrlError::NotAFolder { url, path }
            }
            _ => UrlError::Folder { url, source },
        }
    }

    #[cfg(feature = "cloud")]
    fn cloud(&self, cloud: Cloud, bucket: &str) -> Result<Arc<dyn ObjectStore>, UrlError> {
        cloud::open(cloud, bucket).map_err(|source| UrlError::Settings {
            url: self.text.clone(),
            prefix: cloud.settings(),
            source,
        })
    }

    #[cfg(not(feature = "cloud"))]
    fn cloud(&self, _: Cloud, _: &str) -> Result<Arc<dyn ObjectStore>, UrlError> {
        let url = self.text.clone();
        Err(UrlError::NoCloud { url })
    }
}

impl fmt::Display for StreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for StreamUrl {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<Self, UrlError> {
        let text = url.to_owned();
        let place = match url.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => match scheme {
                "file" => Place::Folder(file_path(url, rest)?),
                "memory" => memory_place(url, rest)?,
                "gs" => cloud_place(url, scheme, rest, Cloud::Google)?,
                "s3" => cloud_place(url, scheme, rest, Cloud::Amazon)?,
                "az" => cloud_place(url, scheme, rest, Cloud::Azure)?,
                _ => {
                    let (url, scheme) = (text, scheme.to_owned());
                    return Err(UrlError::Scheme { url, scheme });
                }
            },
            _ => Place::Folder(folder(url, url)?),
        };
        Ok(Self { text, place })
    }
}

impl Cloud {
    /// How the names of its settings begin.
    fn settings(self) -> &'static str {
        match self {
            Self::Google => "GOOGLE_",
            Self::Amazon => "AWS_",
            Self::Azure => "AZURE_",
        }
    }
}

/// Whether it looks like a scheme and not like a path with a colon in it.
fn is_scheme(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(plain)
}

fn path_error(url: &str, what: &'static str, todo: &'static str) -> UrlError {
    let url = url.to_owned();
    UrlError::Path { url, what, todo }
}

fn file_path(url: &str, rest: &str) -> Result<PathBuf, UrlError> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if rest.starts_with("//") && !path.starts_with('/') {
        let (what, todo) = ("names a machine", "write file:///PATH, with three slashes");
        return Err(path_error(url, what, todo));
    }
    if path.contains('%') {
        let (what, todo) = (
            "may be percent-encoded",
            "write the path itself, without file://",
        );
        return Err(path_error(url, what, todo));
    }
    if path.contains(['?', '#']) {
        let (what, todo) = (
            "has a query or a fragment",
            "write the path itself, without file://",
        );
        return Err(path_error(url, what, todo));
    }
    folder(url, path)
}

fn folder(url: &str, path: &str) -> Result<PathBuf, UrlError> {
    let path = FilePath::new(path);
    if !path.is_absolute() {
        let (what, todo) = ("is a relative path", "write the whole path, from / on");
        return Err(path_error(url, what, todo));
    }
    if path.components().any(|part| part == Component::ParentDir) {
        let (what, todo) = ("has .. in its path", "write where that leads to");
        return Err(path_error(url, what, todo));
    }
    Ok(path.components().collect())
}

/// A prefix that means the same in every store.
fn prefix(url: &str, text: &str) -> Result<String, UrlError> {
    let text = text.trim_end_matches('/');
    let sound = Path::parse(text).is_ok_and(|path| path.as_ref() == text)
        && Path::from(text).as_ref() == text;
    if sound {
        return Ok(text.to_owned());
    }
    let what = "has empty or dotted parts, or characters that object stores escape";
    let todo = "use letters, digits, - _ . and single slashes";
    Err(path_error(url, what, todo))
}

/// The whole name is the prefix too, so that the stream is called by its last part.
fn memory_place(url: &str, rest: &str) -> Result<Place, UrlError> {
    let prefix = prefix(url, rest.trim_start_matches('/'))?;
    let name = prefix.split('/').next().unwrap_or_default().to_owned();
    Ok(Place::Memory { name, prefix })
}

fn cloud_place(url: &str, scheme: &str, rest: &str, cloud: Cloud) -> Result<Place, UrlError> {
    let rest = rest.strip_prefix("//").unwrap_or_default();
    let (bucket, below) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        let (url, scheme) = (url.to_owned(), scheme.to_owned());
        return Err(UrlError::NoBucket { url, scheme });
    }
    let name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !bucket.bytes().all(name) {
        let (what, todo) = (
            "has a bucket that can't be",
            "use its plain name, without user, port or query",
        );
        return Err(path_error(url, what, todo));
    }
    Ok(Place::Cloud {
        cloud,
        bucket: bucket.to_owned(),
        prefix: prefix(url, below)?,
    })
}

/// The store of this name in this process; it stays as long as the process does.
fn memory(name: &str) -> Arc<dyn ObjectStore> {
    static STORES: Mutex<BTreeMap<String, Arc<InMemory>>> = Mutex::new(BTreeMap::new());
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(stores.entry(name.to_owned()).or_default()) as _
}

#[cfg(test)]
#[path = "url/tests.rs"]
mod tests;
