//! The index of a log over HTTP: what `GET /logs` answers (spec/log-and-corpus.md 1.4). Pure; shared by
//! the server and the follower.

use serde::{Deserialize, Serialize};

/// One segment, as the index lists it. Fields that are not known here are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IndexEntry {
    /// From 0, without a gap.
    pub number: u32,
    /// Bytes.
    pub size: u64,
    /// Of all `size` bytes, in lower-case hex.
    pub sha224: String,
    /// Where the bytes are, relative to the server's address.
    pub url: String,
    /// Whether the bytes will never change. An original server does not say it: its frozen segments are
    /// those whose address is one of Google's storage.
    #[serde(default)]
    pub frozen: bool,
}
