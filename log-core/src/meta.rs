//! The `meta` field that the writer adds to every record, whatever the record's message is.
//!
//! Protobuf messages merge when their bytes are put one behind the other, so the field is simply
//! appended to the payload. Depends on `proto`.

use prost::Message as _;
use proto::forgelog::{AnyMutation, Meta};

/// The payload with its meta behind it.
pub(crate) fn stamp(payload: &[u8], meta: Meta) -> Vec<u8> {
    let any = AnyMutation { meta: Some(meta) };
    let mut stamped = Vec::with_capacity(payload.len() + any.encoded_len());
    stamped.extend_from_slice(payload);
    // A Vec grows as it must, so encoding into it cannot fail.
    let _ = any.encode(&mut stamped);
    stamped
}

/// Why a payload cannot carry a meta of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotStampable {
    /// Its bytes are not a protobuf message: a stamp behind them would not be read as one.
    #[error("the payload is no protobuf message ({0})")]
    NotAMessage(String),
    /// It has a meta of its own, with which ours would merge.
    #[error("the payload has a meta already; the writer adds it")]
    HasMeta,
}

/// Whether a payload can carry a meta of ours.
pub(crate) fn check_stampable(payload: &[u8]) -> Result<(), NotStampable> {
    match AnyMutation::decode(payload) {
        Ok(AnyMutation { meta: None }) => Ok(()),
        Ok(AnyMutation { meta: Some(_) }) => Err(NotStampable::HasMeta),
        Err(error) => Err(NotStampable::NotAMessage(error.to_string())),
    }
}

/// The meta of a record's payload; `None` where an original writer wrote it, or it is no message.
pub fn meta_of(payload: &[u8]) -> Option<Meta> {
    AnyMutation::decode(payload).ok()?.meta
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::forgelog::builds::{BuilderResumed, Mutation, mutation::Kind};

    #[test]
    fn stamping_keeps_the_mutation() {
        let kind = Some(Kind::BuilderResumed(BuilderResumed {
            builder: "b".into(),
            who: "w".into(),
        }));
        let payload = Mutation {
            kind: kind.clone(),
            meta: None,
        }
        .encode_to_vec();
        let meta = Meta {
            writer: "test".into(),
            epoch: 3,
            ..Meta::default()
        };
        let stamped = stamp(&payload, meta.clone());
        assert_eq!(
            Mutation::decode(&stamped[..]).unwrap(),
            Mutation {
                kind,
                meta: Some(meta.clone())
            }
        );
        assert_eq!(meta_of(&stamped), Some(meta));
        assert_eq!(meta_of(&payload), None);
        assert_eq!(meta_of(b"\xff"), None);
    }

    #[test]
    fn what_would_swallow_the_stamp_is_refused() {
        assert_eq!(check_stampable(b""), Ok(()));
        // An unknown field is fine; one that promises more than there is would eat the stamp.
        assert_eq!(check_stampable(b"\x0a\x02hi"), Ok(()));
        for payload in [&b"\x0a\x05hi"[..], b"\xff", b"\x00", b"\x0b"] {
            let refused = check_stampable(payload);
            assert!(
                matches!(refused, Err(NotStampable::NotAMessage(_))),
                "{payload:?}"
            );
        }
        let stamped = stamp(b"\x0a\x02hi", Meta::default());
        assert_eq!(check_stampable(&stamped), Err(NotStampable::HasMeta));
    }
}
