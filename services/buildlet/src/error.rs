//! Why an agent could not start or end properly. What goes wrong in a single
//! request is a `Refusal` (an HTTP status and a sentence), not an error here.

use std::{io, net::SocketAddr, path::PathBuf};

/// An agent that did not start, or did not come to a clean end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The listener can be reached from other machines.
    #[error(
        "refusing to listen on {listen}: a buildlet runs any command it is sent, \
         and without TLS only a loopback address keeps other machines away from it"
    )]
    NotLoopback {
        /// The address that was asked for, or that the listener has.
        listen: SocketAddr,
    },

    /// No password is configured.
    #[error(
        "refusing to listen on {listen} without a password: every local user, and every web page \
         that a local browser shows, can reach a loopback port"
    )]
    NoPassword {
        /// The address that was asked for.
        listen: SocketAddr,
    },

    /// The workdir is wiped at start, and wiping this one would hurt.
    #[error("refusing to use {} as the workdir, because everything in it is deleted: {reason}", path.display())]
    UnsafeWorkdir {
        /// The configured workdir.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The workdir or the cache directory could not be prepared.
    #[error("cannot prepare {}", path.display())]
    Prepare {
        /// The directory.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },

    /// The listener or a thread of the server failed.
    #[error("the buildlet's server failed while {doing}")]
    Server {
        /// What it was doing.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },

    /// The agent was told to stop, and something did not end in time.
    #[error("{left} tasks of the buildlet had not ended {waited_s} s after it was told to stop")]
    StillRunning {
        /// How many of its tasks were left.
        left: usize,
        /// How long it had waited for them, in seconds.
        waited_s: u64,
    },
}
