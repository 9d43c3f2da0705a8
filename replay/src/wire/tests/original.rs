//! What the original's decoder makes of bytes, slowly and by recursion: it says which fields it knows
//! and which it refuses.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::scramble::{put_bytes, put_key, put_varint};

/// A field's value where it lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Len(&'a [u8]),
    /// What is unknown in any message of ours; all its bytes.
    Other(&'a [u8]),
}

/// The message without what the original skips, with every number in its shortest form. None when
/// the original refuses it.
pub(super) fn known_fields(message: &MessageDescriptor, mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut known = Vec::new();
    while !bytes.is_empty() {
        let (number, value) = field(&mut bytes, (1 << 29) - 1)?;
        let Some(field) = message.get_field(number) else {
            continue;
        };
        match (value, field.kind()) {
            (Value::Varint(value), kind) if is_number(&kind) => {
                put_key(&mut known, number, 0);
                put_varint(&mut known, value);
            }
            (Value::Len(packed), kind) if field.is_list() && is_number(&kind) => {
                let mut rest = packed;
                while !rest.is_empty() {
                    put_key(&mut known, number, 0);
                    put_varint(&mut known, varint(&mut rest)?);
                }
            }
            (Value::Len(value), Kind::Message(inner)) => {
                put_bytes(&mut known, number, &known_fields(&inner, value)?);
            }
            (Value::Len(value), Kind::String) => {
                put_bytes(
                    &mut known,
                    number,
                    std::str::from_utf8(value).ok()?.as_bytes(),
                );
            }
            (Value::Len(value), Kind::Bytes) => put_bytes(&mut known, number, value),
            _ => {}
        }
    }
    Some(known)
}

/// Whether a field's value is a varint.
pub(super) fn is_number(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 | Kind::Bool
    )
}

/// Whether a field's value is a message.
pub(super) fn inner(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(inner) => Some(inner),
        _ => None,
    }
}

/// Takes a field from the front.
pub(super) fn field<'a>(bytes: &mut &'a [u8], max_number: u64) -> Option<(u32, Value<'a>)> {
    let start = *bytes;
    let (number, wire) = key(bytes, max_number)?;
    let value = match wire {
        0 => Value::Varint(varint(bytes)?),
        2 => Value::Len(len(bytes)?),
        _ => {
            value(bytes, number, wire, 10_000)?;
            Value::Other(&start[..start.len() - bytes.len()])
        }
    };
    Some((number, value))
}

fn key(bytes: &mut &[u8], max_number: u64) -> Option<(u32, u8)> {
    let key = varint(bytes)?;
    let number = key / 8;
    (1..=max_number)
        .contains(&number)
        .then_some((number as u32, (key % 8) as u8))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let len = 1 + bytes.iter().position(|byte| byte & 0x80 == 0)?;
    let (varint, rest) = bytes.split_at(len);
    *bytes = rest;
    if len > 10 {
        return None;
    }
    let value = varint
        .iter()
        .rev()
        .fold(0_u128, |value, byte| value << 7 | u128::from(byte & 0x7f));
    u64::try_from(value).ok()
}

fn len<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = varint(bytes)?;
    take(bytes, usize::try_from(len).ok()?)
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (value, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(value)
}

/// Takes a value from the front, groups with all that is in them.
fn value(bytes: &mut &[u8], number: u32, wire: u8, depth: i32) -> Option<()> {
    match wire {
        0 => drop(varint(bytes)?),
        1 => drop(take(bytes, 8)?),
        2 => drop(len(bytes)?),
        3 if depth >= 0 => loop {
            let (inner, wire) = key(bytes, i32::MAX as u64)?;
            if wire == 4 {
                return (inner == number).then_some(());
            }
            value(bytes, inner, wire, depth - 1)?;
        },
        5 => drop(take(bytes, 4)?),
        _ => return None,
    }
    Some(())
}
