//! Why the coordinator ends. Depends on the log's errors.

use log_core::AppendError;
use std::path::PathBuf;

/// Why the coordinator ended although nobody asked it to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A decision could not be recorded, so nothing may be done.
    #[error("cannot record a decision")]
    Append(#[from] AppendError),
    /// A projection is no longer followed.
    #[error("a projection is no longer followed")]
    Stopped(#[from] forgelog_replay::Stopped),
    /// The folder of the hosts cannot be used.
    #[error("cannot use {path} for the hosts' work")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
