//! What can go wrong in a local store, and how the object store's caller is told.
//!
//! Depends on `object_store`.

use super::entry::UnknownVersion;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

/// Why an operation on a local store failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// The file system refused.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A journal of a later program.
    #[error("cannot read {}", path.display())]
    Version {
        /// The journal.
        path: PathBuf,
        /// Where and what.
        source: UnknownVersion,
    },
    /// An entry that was sound when the journal was first read is not any more.
    #[error("the bytes of {object} in {} are damaged", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The object.
        object: String,
    },
    /// The object may not have this name.
    #[error("{object} is a name that the local store needs for itself")]
    Reserved {
        /// The object.
        object: String,
    },
}

impl LocalError {
    /// As the caller of an object store expects it.
    pub(super) fn for_object(self, object: &object_store::path::Path) -> object_store::Error {
        let path = object.to_string();
        let kind = match &self {
            Self::Io { source, .. } => source.kind(),
            _ => ErrorKind::Other,
        };
        match kind {
            ErrorKind::NotFound => object_store::Error::NotFound {
                path,
                source: Box::new(self),
            },
            ErrorKind::AlreadyExists => object_store::Error::AlreadyExists {
                path,
                source: Box::new(self),
            },
            ErrorKind::PermissionDenied => object_store::Error::PermissionDenied {
                path,
                source: Box::new(self),
            },
            _ => object_store::Error::Generic {
                store: "LocalStore",
                source: Box::new(self),
            },
        }
    }
}
