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
}
