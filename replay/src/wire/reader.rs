//! The bytes level of protobuf: varints, tags, lengths, and the skipping of what is unknown. Knows no
//! message. UTF-8 is checked by `simdutf8`, several times as fast for long texts that are not all ASCII; most texts are
//! short and ASCII.

use super::{DecodeError, DecodeErrorKind};
use crate::word::first_word;

/// The largest field number of a message.
const MAX_NUMBER: u64 = (1 << 29) - 1;

/// The largest field number inside a group. The original's decoder allows more there.
const MAX_GROUP_NUMBER: u64 = i32::MAX as u64;

/// How many groups may be open at once.
const MAX_OPEN_GROUPS: usize = 10_001;

/// Texts from this length on are checked by vectors of bytes.
const SHORT_TEXT: usize = 64;

/// The longest varint.
const MAX_VARINT: usize = 10;

/// How a field's value is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WireType {
    Varint = 0,
    Fixed64 = 1,
    Len = 2,
    StartGroup = 3,
    EndGroup = 4,
    Fixed32 = 5,
}

/// What stands before a field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// The field's number.
    pub(super) number: u32,
    /// How its value is laid out.
    pub(super) wire: WireType,
}

/// Reads a slice from its start to its end. No function that stays one takes a reference to it, but to a
/// copy, so that it can live in registers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Reader<'a> {
    /// At the start of the slice.
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            len: bytes.len(),
        }
    }

    /// How far it has read.
    #[inline]
    pub(super) fn offset(&self) -> usize {
        self.len - self.rest.len()
    }

    /// Whether there is nothing left.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What the next field begins with, to be held against [`key_of`]; the reader stays where it is. Of no meaning at the
    /// end. Keys of two bytes are looked for only where some field has one.
    #[inline(always)]
    pub(super) fn key(&self, has_long_keys: bool) -> u32 {
        match *self.rest {
            [low @ 0x80..=0xff, high, ..] if has_long_keys => u32::from(low) | u32::from(high) << 8,
            [byte, ..] => u32::from(byte),
            [] => 0,
        }
    }

    /// Goes behind the key that the reader is at.
    #[inline(always)]
    pub(super) fn pass_key(&mut self, key: u32) {
        match *self.rest {
            [_, _, ref rest @ ..] if key > 0xff => self.rest = rest,
            [_, ref rest @ ..] => self.rest = rest,
            [] => {}
        }
    }

    /// The tag of the next field of a message, none at the end.
    #[inline(always)]
    pub(super) fn tag(&mut self) -> Result<Option<Tag>, DecodeError> {
        if self.is_empty() {
            return Ok(None);
        }
        let offset = self.offset();
        let key = match *self.rest {
            [low @ 0x80..=0xff, high @ ..0x80, ref rest @ ..] => {
                self.rest = rest; // fields 16 to 2047
                u64::from(low & 0x7f) | u64::from(high) << 7
            }
            _ => self.varint()?,
        };
        split_key(key, MAX_NUMBER, offset).map(Some)
    }

    /// The next varint.
    #[inline(always)]
    pub(super) fn varint(&mut self) -> Result<u64, DecodeError> {
        if let [byte @ ..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        let (value, len) = long_varint(self.rest);
        match self.rest.split_at_checked(len) {
            Some((_, rest)) if len > 0 => {
                self.rest = rest;
                Ok(value)
            }
            _ => Err(bad_varint(self.rest, self.offset())),
        }
    }

    /// The next length and as many bytes.
    #[inline(always)]
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let offset = self.offset();
        let len = self.varint()?;
        // A length that is too large for memory is too large for the slice.
        match self
            .rest
            .split_at_checked(usize::try_from(len).unwrap_or(usize::MAX))
        {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(error(DecodeErrorKind::Truncated, offset)),
        }
    }

    /// The next length and as many bytes of UTF-8.
    #[allow(unsafe_code)] // a text that was found to be ASCII is not looked through again
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.bytes()?;
        if bytes.len() < SHORT_TEXT && bytes.is_ascii() {
            // Most strings are.
            // SAFETY: ASCII is UTF-8.
            return Ok(unsafe { std::str::from_utf8_unchecked(bytes) });
        }
        let start = self.offset() - bytes.len();
        simdutf8::basic::from_utf8(bytes).map_err(|_| bad_string(bytes, start))
    }

    /// Skips the value of a field whose tag was read.
    #[inline(always)]
    pub(super) fn skip(&mut self, tag: Tag) -> Result<(), DecodeError> {
        self.by_copy(|reader| reader.skip_any(tag))
    }

    /// Has a copy moved on by what is not inlined, and goes where it got: a reader whose address is known elsewhere would
    /// have to live in memory.
    #[inline(always)]
    pub(super) fn by_copy(
        &mut self,
        go_on: impl FnOnce(&mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let mut copy = *self;
        go_on(&mut copy)?;
        *self = copy;
        Ok(())
    }

    /// What [`Self::skip`] does, without a copy.
    #[cold]
    fn skip_any(&mut self, tag: Tag) -> Result<(), DecodeError> {
        match tag.wire {
            WireType::Varint => self.varint().map(drop),
            WireType::Len => self.bytes().map(drop),
            WireType::Fixed64 => self.fixed(8),
            WireType::Fixed32 => self.fixed(4),
            WireType::StartGroup => self.skip_group(tag.number),
            WireType::EndGroup => Err(error(DecodeErrorKind::EndGroup, self.offset())),
        }
    }

    /// Skips a value of fixed size.
    fn fixed(&mut self, len: usize) -> Result<(), DecodeError> {
        match self.rest.split_at_checked(len) {
            Some((_, rest)) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(error(DecodeErrorKind::Truncated, self.offset())),
        }
    }

    /// Skips the rest of the group of this number, with all groups in it.
    fn skip_group(&mut self, number: u32) -> Result<(), DecodeError> {
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            let offset = self.offset();
            let key = self.varint()?;
            let tag = split_key(key, MAX_GROUP_NUMBER, offset)?;
            match tag.wire {
                WireType::StartGroup if open.len() == MAX_OPEN_GROUPS => {
                    return Err(error(DecodeErrorKind::Depth, offset));
                }
                WireType::StartGroup => open.push(tag.number),
                WireType::EndGroup if tag.number != innermost => {
                    return Err(error(DecodeErrorKind::EndGroup, offset));
                }
                WireType::EndGroup => drop(open.pop()),
                _ => self.skip_any(tag)?,
            }
        }
        Ok(())
    }
}

/// How a field begins that is laid out so, in its shortest form: the first byte is the lowest. Its number is at most 2047.
#[inline(always)]
pub(super) const fn key_of(number: u32, wire: WireType) -> u32 {
    let key = number << 3 | wire as u32;
    match key {
        ..0x80 => key,
        _ => key & 0x7f | 0x80 | key >> 7 << 8,
    }
}

/// Whether one of a message's numbers, which ascend, makes a key of two bytes. None makes a longer one.
pub(super) const fn has_long_key(numbers: &[u32]) -> bool {
    match numbers {
        [number, rest @ ..] => {
            assert!(*number <= 2047, "a key of three bytes");
            if let [next, ..] = rest {
                assert!(*number < *next, "fields are looked for in their order");
            }
            has_long_key(rest) || *number > 15
        }
        [] => false,
    }
}

/// Takes a tag apart. It was read at the offset.
#[inline(always)]
fn split_key(key: u64, max_number: u64, offset: usize) -> Result<Tag, DecodeError> {
    let number = key >> 3;
    if number == 0 || number > max_number {
        return Err(error(DecodeErrorKind::FieldNumber, offset));
    }
    let wire = match key & 7 {
        0 => WireType::Varint,
        1 => WireType::Fixed64,
        2 => WireType::Len,
        3 => WireType::StartGroup,
        4 => WireType::EndGroup,
        5 => WireType::Fixed32,
        _ => return Err(error(DecodeErrorKind::WireType, offset)),
    };
    Ok(Tag {
        number: number as u32, // at most i32::MAX
        wire,
    })
}

/// An error at an offset.
#[cold]
fn error(kind: DecodeErrorKind, offset: usize) -> DecodeError {
    DecodeError { kind, offset: 0 }.within(offset)
}

/// Where a string that starts at an offset is not UTF-8.
#[cold]
fn bad_string(bytes: &[u8], start: usize) -> DecodeError {
    let valid = std::str::from_utf8(bytes).map_or_else(|invalid| invalid.valid_up_to(), str::len);
    error(DecodeErrorKind::Utf8, start + valid)
}

/// Why no varint is at the start of these bytes.
#[cold]
fn bad_varint(bytes: &[u8], offset: usize) -> DecodeError {
    let ends = bytes.len() < MAX_VARINT;
    let kind = match ends {
        true => DecodeErrorKind::Truncated,
        false => DecodeErrorKind::Varint,
    };
    error(kind, offset)
}

/// The varint at the start and its length, which is 0 or too long when there is none. Made for those
/// of several bytes, and not inlined: that makes all loops over fields longer and slower.
#[inline(never)]
fn long_varint(bytes: &[u8]) -> (u64, usize) {
    let word = first_word(bytes);
    let ends = !word & 0x8080_8080_8080_8080;
    if ends == 0 {
        return longest_varint(bytes);
    }
    // Keep the bytes up to the first without its high bit, then close the gaps of one bit: between
    // bytes, pairs and fours.
    let word = word & (ends ^ (ends - 1)) & 0x7f7f_7f7f_7f7f_7f7f;
    let word = (word & 0x007f_007f_007f_007f) | ((word & 0x7f00_7f00_7f00_7f00) >> 1);
    let word = (word & 0x0000_3fff_0000_3fff) | ((word & 0x3fff_0000_3fff_0000) >> 2);
    let word = (word & 0x0fff_ffff) | ((word & 0x0fff_ffff_0000_0000) >> 4);
    (word, ends.trailing_zeros() as usize / 8 + 1)
}

/// The same for varints of nine or ten bytes.
#[cold]
fn longest_varint(bytes: &[u8]) -> (u64, usize) {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(MAX_VARINT).enumerate() {
        if index == MAX_VARINT - 1 && byte > 1 {
            return (0, 0);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return (value, index + 1);
        }
    }
    (0, 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests fail by panicking

    use super::{DecodeErrorKind, MAX_OPEN_GROUPS, Reader, long_varint, longest_varint};

    #[test]
    fn varints_of_all_lengths() {
        for bits in 0..=64 {
            let value = match bits {
                0 => 0,
                _ => u64::MAX >> (64 - bits),
            };
            for value in [value, value ^ 0x5555_5555_5555_5555 & value] {
                let mut bytes = Vec::new();
                prost::encoding::encode_varint(value, &mut bytes);
                let len = bytes.len();
                for padding in 0..9 {
                    bytes.resize(len + padding, 0xff);
                    assert_eq!(long_varint(&bytes), (value, len));
                    assert_eq!(longest_varint(&bytes), (value, len));
                    assert_eq!(Reader::new(&bytes).varint(), Ok(value));
                }
            }
        }
    }

    #[test]
    fn bad_varints() {
        for (bytes, kind) in [
            (&[][..], DecodeErrorKind::Truncated),
            (&[0x80], DecodeErrorKind::Truncated),
            (&[0xff; 9], DecodeErrorKind::Truncated),
            (&[0xff; 10], DecodeErrorKind::Varint),
            (&[0xff; 11], DecodeErrorKind::Varint),
            (
                &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2],
                DecodeErrorKind::Varint,
            ),
        ] {
            assert_eq!(Reader::new(bytes).varint().unwrap_err().kind, kind);
        }
    }

    #[test]
    fn groups_nest_as_deep_as_in_the_original_and_no_deeper() {
        let nested = |depth| {
            let mut bytes = vec![0x0b; depth];
            bytes.resize(2 * depth, 0x0c);
            let mut reader = Reader::new(&bytes);
            let tag = reader.tag().unwrap().unwrap();
            reader.skip(tag).map(|()| reader.is_empty())
        };
        assert_eq!(nested(1), Ok(true));
        assert_eq!(nested(MAX_OPEN_GROUPS), Ok(true));
        let error = nested(MAX_OPEN_GROUPS + 1).unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::Depth);
        assert_eq!(error.offset, MAX_OPEN_GROUPS as u32);
    }
}
