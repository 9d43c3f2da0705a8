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

/// The most segments that an index may list.
pub const INDEX_SEGMENTS_MAX: usize = 1 << 20;
/// The longest address of a segment, in bytes.
const URL_BYTES_MAX: usize = 4096;
/// A SHA-224 in hex.
const SHA224_DIGITS: usize = 56;

/// Why an answer is not an index.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// It is not JSON of the right shape.
    #[error("the index is not a JSON list of segments")]
    Json {
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// More segments than can be.
    #[error("the index lists {count} segments, more than {INDEX_SEGMENTS_MAX}")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// The numbers do not count up from 0.
    #[error("the index lists segment {found} where {want} belongs")]
    Number {
        /// Which belongs there.
        want: usize,
        /// Which is there.
        found: u32,
    },
    /// The digest is not 56 lower-case hex digits.
    #[error("the index gives segment {segment} no SHA-224")]
    Digest {
        /// The segment.
        segment: u32,
    },
    /// The sizes add up to more than a signed 64-bit number.
    #[error("the index gives segment {segment} {size} bytes, which cannot be")]
    Size {
        /// The segment.
        segment: u32,
        /// Bytes.
        size: u64,
    },
    /// The address is empty or longer than any that is asked.
    #[error("the index gives segment {segment} an address of {bytes} bytes")]
    Url {
        /// The segment.
        segment: u32,
        /// Its address's length.
        bytes: usize,
    },
}

/// Reads an index that starts at segment 0. The caller bounds the length of `bytes`.
pub fn parse_index(bytes: &[u8]) -> Result<Vec<IndexEntry>, IndexError> {
    let entries: Vec<IndexEntry> =
        serde_json::from_slice(bytes).map_err(|source| IndexError::Json { source })?;
    check_index(&entries)?;
    Ok(entries)
}

/// Whether the entries can be an index.
fn check_index(entries: &[IndexEntry]) -> Result<(), IndexError> {
    if entries.len() > INDEX_SEGMENTS_MAX {
        return Err(IndexError::TooMany {
            count: entries.len(),
        });
    }
    let mut total = 0u64;
    for (want, entry) in entries.iter().enumerate() {
        let segment = entry.number;
        if segment as usize != want {
            return Err(IndexError::Number {
                want,
                found: segment,
            });
        }
        if !is_sha224(&entry.sha224) {
            return Err(IndexError::Digest { segment });
        }
        if entry.url.is_empty() || entry.url.len() > URL_BYTES_MAX {
            return Err(IndexError::Url {
                segment,
                bytes: entry.url.len(),
            });
        }
        total = total
            .checked_add(entry.size)
            .filter(|total| *total <= i64::MAX as u64)
            .ok_or(IndexError::Size {
                segment,
                size: entry.size,
            })?;
    }
    Ok(())
}

/// Whether this is a SHA-224 as an index writes it. It becomes part of a file's name.
pub(crate) fn is_sha224(text: &str) -> bool {
    text.len() == SHA224_DIGITS
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHA: &str = "ea09ae9cc6768c50fcee903ed054556e5bfc8347907f12598aa24193";

    fn index(number: u32, size: &str, sha224: &str, url: &str) -> String {
        format!(
            r#"[{{"number":{number},"size":{size},"sha224":"{sha224}","url":"{url}","new":1}}]"#
        )
    }

    #[test]
    fn an_original_index_is_read() {
        let entries = parse_index(index(0, "5", SHA, "/logs/0").as_bytes()).unwrap();
        assert_eq!((entries[0].size, entries[0].frozen), (5, false));
        assert!(parse_index(b"[]").unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for text in [
            String::new(),
            "{}".into(),
            index(1, "5", SHA, "/logs/1"),
            index(0, "-5", SHA, "/logs/0"),
            index(0, "9223372036854775808", SHA, "/logs/0"),
            index(0, "5", &SHA[1..], "/logs/0"),
            index(0, "5", &SHA.to_uppercase(), "/logs/0"),
            index(0, "5", &SHA.replacen("ea09", "../.", 1), "/logs/0"),
            index(0, "5", SHA, ""),
            index(0, "5", SHA, &"x".repeat(4097)),
        ] {
            assert!(parse_index(text.as_bytes()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_index_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_index(&bytes);
        }

        #[test]
        fn a_changed_byte_never_panics(at in 0usize..120, byte in any::<u8>()) {
            let mut bytes = index(0, "5", SHA, "/logs/0").into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(entries) = parse_index(&bytes) {
                prop_assert!(entries.iter().all(|entry| is_sha224(&entry.sha224)));
            }
        }
    }
}
