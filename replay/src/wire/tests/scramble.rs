//! Other encodings of the same message, and bytes that only look like one.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::entropy::Entropy;
use super::original::{Value, field, inner, is_number};

pub(super) fn put_varint(out: &mut Vec<u8>, value: u64) {
    prost::encoding::encode_varint(value, out);
}

pub(super) fn put_key(out: &mut Vec<u8>, number: u32, wire: u8) {
    put_varint(out, u64::from(number) << 3 | u64::from(wire));
}

pub(super) fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_key(out, number, 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A varint that may be longer than it need be.
fn put_long_varint(out: &mut Vec<u8>, value: u64, entropy: &mut Entropy) {
    let start = out.len();
    put_varint(out, value);
    if entropy.once_in(4) {
        let spare = 10 - (out.len() - start);
        for _ in 0..entropy.below(spare + 1) {
            *out.last_mut().unwrap() |= 0x80;
            out.push(0);
        }
    }
}

fn long_number(number: u32, value: u64, entropy: &mut Entropy) -> Vec<u8> {
    let mut out = Vec::new();
    put_long_varint(&mut out, u64::from(number) << 3, entropy);
    put_long_varint(&mut out, value, entropy);
    out
}

fn long_bytes(number: u32, bytes: &[u8], entropy: &mut Entropy) -> Vec<u8> {
    let mut out = Vec::new();
    put_long_varint(&mut out, u64::from(number) << 3 | 2, entropy);
    put_long_varint(&mut out, bytes.len() as u64, entropy);
    out.extend_from_slice(bytes);
    out
}

/// One field with its number.
type Encoded = (u32, Vec<u8>);

/// The same message in other bytes: in another order, with singular messages in several
/// occurrences, with scalars that are overwritten, with repeated numbers packed and unpacked, with
/// unknown fields, and with varints that are too long.
pub(super) fn reencode(
    message: &MessageDescriptor,
    bytes: &[u8],
    entropy: &mut Entropy,
) -> Vec<u8> {
    reencoded_fields(message, bytes, entropy)
        .into_iter()
        .flat_map(|(_, bytes)| bytes)
        .collect()
}

fn reencoded_fields(
    message: &MessageDescriptor,
    mut bytes: &[u8],
    entropy: &mut Entropy,
) -> Vec<Encoded> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let (number, value) = field(&mut bytes, u64::MAX).unwrap();
        let known = message.get_field(number).unwrap();
        let encoded = reencode_field(&known, value, entropy);
        fields.extend(encoded.into_iter().map(|bytes| (number, bytes)));
    }
    // The order counts only among fields of the same number.
    for _ in 0..fields.len() {
        let at = entropy.below(fields.len());
        if at > 0 && fields[at - 1].0 != fields[at].0 {
            fields.swap(at - 1, at);
        }
    }
    for _ in 0..entropy.byte() % 3 {
        let at = entropy.below(fields.len() + 1);
        let number = [20, 999, 1002, 2047, (1 << 29) - 1][entropy.below(5)];
        let mut unknown = Vec::new();
        put_unknown(&mut unknown, number, entropy, 3);
        fields.insert(at, (number, unknown));
    }
    fields
}

/// The same value in one or more fields.
fn reencode_field(
    field: &FieldDescriptor,
    value: Value<'_>,
    entropy: &mut Entropy,
) -> Vec<Vec<u8>> {
    let number = field.number();
    let overwritten = !field.is_list() && entropy.once_in(3);
    match (value, inner(field)) {
        (Value::Varint(value), _) => {
            let value = match field.kind() {
                Kind::Bool if value == 1 => entropy.number().max(1),
                Kind::Int32 | Kind::Uint32 => entropy.number() << 32 | value & u64::from(u32::MAX),
                _ => value,
            };
            let before = overwritten.then(|| {
                let value = entropy.number();
                long_number(number, value, entropy)
            });
            let last = long_number(number, value, entropy);
            before.into_iter().chain([last]).collect()
        }
        (Value::Len(packed), _) if is_number(&field.kind()) => repack(number, packed, entropy),
        (Value::Len(bytes), Some(message)) => {
            let mut fields = reencoded_fields(&message, bytes, entropy);
            let mut all = Vec::new();
            while !field.is_list() && entropy.once_in(3) {
                let rest = fields.split_off(entropy.below(fields.len() + 1));
                all.push(std::mem::replace(&mut fields, rest));
            }
            all.push(fields);
            all.iter()
                .map(|fields| fields.iter().flat_map(|(_, bytes)| bytes.clone()).collect())
                .map(|bytes: Vec<u8>| long_bytes(number, &bytes, entropy))
                .collect()
        }
        (Value::Len(bytes), None) => {
            let before = overwritten.then(|| long_bytes(number, b"overwritten", entropy));
            let last = long_bytes(number, bytes, entropy);
            before.into_iter().chain([last]).collect()
        }
        (Value::Other(_), _) => panic!("prost wrote {field:?} as {value:?}"),
    }
}

/// Numbers, some of them packed.
fn repack(number: u32, mut packed: &[u8], entropy: &mut Entropy) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut run = Vec::new();
    while !packed.is_empty() {
        let value = prost::encoding::decode_varint(&mut packed).unwrap();
        if entropy.once_in(2) {
            all.push(long_bytes(number, &run, entropy));
            run.clear();
            all.push(long_number(number, value, entropy));
        } else {
            put_long_varint(&mut run, value, entropy);
        }
    }
    all.push(long_bytes(number, &run, entropy));
    all
}

/// A valid field of any wire type.
fn put_unknown(out: &mut Vec<u8>, number: u32, entropy: &mut Entropy, depth: u32) {
    let key = u64::from(number) << 3;
    match entropy.byte() % if depth > 0 { 5 } else { 4 } {
        0 => {
            put_long_varint(out, key, entropy);
            let value = entropy.number();
            put_long_varint(out, value, entropy);
        }
        1 => {
            put_long_varint(out, key | 1, entropy);
            out.extend([0xff; 8]);
        }
        2 => out.extend(long_bytes(number, b"\xff\x0b\x0f\x80", entropy)),
        3 => {
            put_long_varint(out, key | 5, entropy);
            out.extend([0x80; 4]);
        }
        _ => {
            put_long_varint(out, key | 3, entropy);
            for _ in 0..entropy.byte() % 3 {
                let number = 1 + entropy.below(40) as u32;
                put_unknown(out, number, entropy, depth - 1);
            }
            put_long_varint(out, key | 4, entropy);
        }
    }
}

/// Fields with numbers that messages have, with any wire types and values.
pub(super) fn soup(entropy: &mut Entropy, depth: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..entropy.byte() % 8 {
        let number = match entropy.byte() {
            byte @ 0..0xf0 => u32::from(byte % 6),
            byte => u32::from(byte - 0xf0) * 2 + 1,
        };
        let number = if entropy.once_in(20) {
            number + 999
        } else {
            number
        };
        match entropy.byte() % 8 {
            0..4 if depth > 0 => put_bytes(&mut out, number, &soup(entropy, depth - 1)),
            4 | 5 => put_unknown(&mut out, number, entropy, 2),
            wire => {
                put_key(&mut out, number, wire);
                put_varint(&mut out, entropy.number());
            }
        }
    }
    out
}

/// Changes, takes away or adds a few bytes.
pub(super) fn damage(bytes: &mut Vec<u8>, entropy: &mut Entropy) {
    for _ in 0..=entropy.byte() % 3 {
        let at = entropy.below(bytes.len());
        match entropy.byte() % 4 {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => bytes.insert(at, entropy.byte()),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (entropy.byte() % 8);
                }
            }
        }
    }
}
