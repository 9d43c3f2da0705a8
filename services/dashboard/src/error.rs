//! Why serving ended early.

use std::net::SocketAddr;

/// Why the pages are no longer served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The listener cannot be used.
    #[error("the listener has no address")]
    Listener {
        /// What the system said.
        source: std::io::Error,
    },
    /// The listener gives no connections any more.
    #[error("listening on {address}: {tries} connections in a row could not be accepted")]
    Accept {
        /// Where.
        address: SocketAddr,
        /// How often it was tried.
        tries: u32,
        /// What the system said the last time.
        source: std::io::Error,
    },
}
