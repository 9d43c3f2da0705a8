//! The index as bytes: JSON as the original indents it, its entity tag, and its compressed forms.
//!
//! Depends on [`crate::index`]. A rendered index is shared by all who ask for the same state.

use super::encoding::Encoding;
use crate::index::IndexEntry;
use crate::segment::sha224;
use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde::Serialize as _;
use serde_json::ser::{PrettyFormatter, Serializer};
use tokio::sync::OnceCell;

/// An index, ready to be sent.
#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) json: Bytes,
    /// The sizes of the segments that are listed.
    pub(super) sum: u64,
    /// In hex, without quotes.
    pub(super) tag: String,
    gzip: OnceCell<Bytes>,
    zstd: OnceCell<Bytes>,
}

impl Rendered {
    /// An array, indented with tabs, without a line's end after it.
    pub(super) fn new(entries: &[IndexEntry]) -> Result<Self, serde_json::Error> {
        let mut json = Vec::with_capacity(entries.len() * 200 + 2);
        let formatter = PrettyFormatter::with_indent(b"\t");
        entries.serialize(&mut Serializer::with_formatter(&mut json, formatter))?;
        Ok(Self {
            tag: HEXLOWER.encode(&sha224(&json)),
            sum: entries.iter().map(|entry| entry.size).sum(),
            json: json.into(),
            gzip: OnceCell::new(),
            zstd: OnceCell::new(),
        })
    }

    /// The bytes in this encoding; they are made once.
    pub(super) async fn encoded(&self, encoding: Encoding) -> std::io::Result<Bytes> {
        let made = match encoding {
            Encoding::Identity => return Ok(self.json.clone()),
            Encoding::Gzip => &self.gzip,
            Encoding::Zstd => &self.zstd,
        };
        let make = async || {
            let json = self.json.clone();
            tokio::task::spawn_blocking(move || super::encoding::whole(encoding, &json)).await?
        };
        made.get_or_try_init(make).await.cloned()
    }
}
