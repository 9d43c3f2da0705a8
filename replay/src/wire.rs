//! A borrowed view of the `activity` stream's records: what `maintpb::Mutation` says, without owned
//! copies.
//!
//! [`Parts`] splits a payload at its top level, [`Message`] decodes one message; strings and bytes
//! are slices of the payload, and an element of a repeated message also says where it lies
//! ([`Part`]), so that a table can keep the place and decode it again later. The messages are listed
//! once, field by field, in `wire/tables.rs`.
//!
//! What is valid is what the original's client takes (google.golang.org/protobuf): the last scalar
//! wins, the occurrences of a singular message are merged, those of a repeated field follow each
//! other, repeated numbers are taken packed and unpacked, and unknown fields are skipped. As there,
//! and other than in prost, a known field with another wire type than its own is an unknown field,
//! and groups, which are always unknown, may nest 10,001 deep. A string that is not UTF-8 is an
//! error. Fields of ours, from number 1000 on, are checked like the others, though the original
//! would not look into them.
//!
//! Promises: no panic, no recursion that the input could deepen, no memory for sizes that are only
//! claimed. An element of a repeated message takes the memory of its struct however few bytes it
//! has, so who takes payloads from outside bounds their length.
//! Depends on `proto` for a field's number only.

mod field;
mod parts;
mod reader;
mod tables;
#[cfg(test)]
mod tests;

pub use parts::{DiffTree, DiffTreeFiles, Parts, Slices};
pub use tables::*;

pub(crate) use field::empty;
pub(crate) use parts::{Only, OnlyPart, merge_part};

/// A message that is decoded from borrowed bytes.
pub trait Message<'a>: Default {
    /// Takes in another occurrence, by the rules of proto3. After an error the message is unspecified.
    fn merge(&mut self, bytes: &'a [u8]) -> Result<(), DecodeError>;

    /// Makes it the message that has no fields, without giving the memory of its lists back.
    fn clear(&mut self);

    /// Decodes one message that fills the slice.
    #[inline]
    fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut message = Self::default();
        message.merge(bytes)?;
        Ok(message)
    }
}

/// An element of a repeated message, and where it lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part<'a, M> {
    /// Its serialized bytes, a slice of what was decoded.
    pub bytes: &'a [u8],
    /// What they say.
    pub value: M,
}

/// Why bytes are not a valid message, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// Where, counted from the start of the slice that was to be decoded.
    pub offset: u32,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// A field reaches past the end.
    #[error("truncated field")]
    Truncated,
    /// A varint has more than 64 bits.
    #[error("overlong varint")]
    Varint,
    /// A field's number is 0 or too large.
    #[error("invalid field number")]
    FieldNumber,
    /// Wire type 6 or 7.
    #[error("invalid wire type")]
    WireType,
    /// The end of a group that is not the open one.
    #[error("stray end of a group")]
    EndGroup,
    /// Groups nest too deeply.
    #[error("groups nest too deeply")]
    Depth,
    /// A string is not UTF-8.
    #[error("invalid UTF-8 in a string")]
    Utf8,
}

impl DecodeError {
    /// The same error, as seen from a slice in which the decoded one starts at `start`.
    #[cold]
    fn within(self, start: usize) -> Self {
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        Self {
            offset: self.offset.saturating_add(start),
            ..self
        }
    }
}
