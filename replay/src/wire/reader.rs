//! The bytes level of protobuf: varints, tags, lengths, and the skipping of what is unknown. Knows no
//! message. Depends on nothing.

use super::{DecodeError, DecodeErrorKind};

/// The largest field number of a message.
const MAX_NUMBER: u64 = (1 << 29) - 1;

/// The largest field number inside a group. The original's decoder allows more there.
const MAX_GROUP_NUMBER: u64 = i32::MAX as u64;

/// How many groups may be open at once.
const MAX_OPEN_GROUPS: usize = 10_001;

/// The longest varint.
const MAX_VARINT: usize = 10;

/// How a field's value is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WireType {
    Varint,
    Fixed64,
    Len,
    StartGroup,
    EndGroup,
    Fixed32,
}

/// What stands before a field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// The field's number.
    pub(super) number: u32,
    /// How its value is laid out.
    pub(super) wire: WireType,
}

/// Reads a slice from its start to its end.
#[derive(Clone, Debug)]
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

    /// The tag of the next field of a message, none at the end.
    #[inline]
    pub(super) fn tag(&mut self) -> Result<Option<Tag>, DecodeError> {
        if self.is_empty() {
            return Ok(None);
        }
        let before = self.clone();
        let key = self.varint()?;
        before.split_key(key, MAX_NUMBER).map(Some)
    }

    /// Takes a tag's number apart.
    #[inline]
    fn split_key(&self, key: u64, max_number: u64) -> Result<Tag, DecodeError> {
        let number = key >> 3;
        if number == 0 || number > max_number {
            return Err(self.error(DecodeErrorKind::FieldNumber));
        }
        let wire = match key & 7 {
            0 => WireType::Varint,
            1 => WireType::Fixed64,
            2 => WireType::Len,
            3 => WireType::StartGroup,
            4 => WireType::EndGroup,
            5 => WireType::Fixed32,
            _ => return Err(self.error(DecodeErrorKind::WireType)),
        };
        Ok(Tag {
            number: number as u32, // at most i32::MAX
            wire,
        })
    }

    /// The next varint.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, DecodeError> {
        match self.rest {
            [byte @ ..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => {
                let (value, len) = long_varint(self.rest);
                match self.rest.split_at_checked(len) {
                    Some((_, rest)) if len > 0 => {
                        self.rest = rest;
                        Ok(value)
                    }
                    _ => Err(self.bad_varint()),
                }
            }
        }
    }

    /// The next length and as many bytes.
    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let start = self.clone();
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
            None => Err(start.error(DecodeErrorKind::Truncated)),
        }
    }

    /// The next length and as many bytes of UTF-8.
    #[inline]
    pub(super) fn string(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.bytes()?;
        match std::str::from_utf8(bytes) {
            Ok(string) => Ok(string),
            Err(invalid) => Err(self.bad_string(bytes.len() - invalid.valid_up_to())),
        }
    }

    /// Skips the value of a field whose tag was read.
    #[inline]
    pub(super) fn skip(&mut self, tag: Tag) -> Result<(), DecodeError> {
        match tag.wire {
            WireType::Varint => self.varint().map(drop),
            WireType::Len => self.bytes().map(drop),
            WireType::Fixed64 => self.skip_bytes(8),
            WireType::Fixed32 => self.skip_bytes(4),
            WireType::StartGroup => self.skip_group(tag.number),
            WireType::EndGroup => Err(self.error(DecodeErrorKind::EndGroup)),
        }
    }

    /// Skips a value of fixed size.
    fn skip_bytes(&mut self, len: usize) -> Result<(), DecodeError> {
        match self.rest.split_at_checked(len) {
            Some((_, rest)) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(self.error(DecodeErrorKind::Truncated)),
        }
    }

    /// Skips the rest of the group of this number, with all groups in it.
    #[cold]
    fn skip_group(&mut self, number: u32) -> Result<(), DecodeError> {
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            let start = self.clone();
            let key = self.varint()?;
            let tag = start.split_key(key, MAX_GROUP_NUMBER)?;
            match tag.wire {
                WireType::StartGroup if open.len() == MAX_OPEN_GROUPS => {
                    return Err(start.error(DecodeErrorKind::Depth));
                }
                WireType::StartGroup => open.push(tag.number),
                WireType::EndGroup if tag.number != innermost => {
                    return Err(start.error(DecodeErrorKind::EndGroup));
                }
                WireType::EndGroup => drop(open.pop()),
                _ => self.skip(tag)?,
            }
        }
        Ok(())
    }

    /// An error here.
    #[cold]
    fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError { kind, offset: 0 }.within(self.offset())
    }

    /// An error in the string that ends here, so many bytes before its end.
    #[cold]
    fn bad_string(&self, before: usize) -> DecodeError {
        let kind = DecodeErrorKind::Utf8;
        DecodeError { kind, offset: 0 }.within(self.offset() - before)
    }

    /// Why there is no varint here.
    #[cold]
    fn bad_varint(&self) -> DecodeError {
        let ends = self.rest.len() < MAX_VARINT;
        self.error(match ends {
            true => DecodeErrorKind::Truncated,
            false => DecodeErrorKind::Varint,
        })
    }
}

/// The varint at the start and its length, which is 0 when there is none. Made for those of several
/// bytes. The reader is not passed in, so that it can stay in registers.
#[inline]
fn long_varint(bytes: &[u8]) -> (u64, usize) {
    if let Some(&head) = bytes.first_chunk::<8>() {
        let word = u64::from_le_bytes(head);
        let ends = !word & 0x8080_8080_8080_8080;
        if ends != 0 {
            // Keep the bytes up to the first without its high bit, then close the gaps of one bit:
            // between bytes, pairs and fours.
            let word = word & (ends ^ (ends - 1)) & 0x7f7f_7f7f_7f7f_7f7f;
            let word = (word & 0x007f_007f_007f_007f) | ((word & 0x7f00_7f00_7f00_7f00) >> 1);
            let word = (word & 0x0000_3fff_0000_3fff) | ((word & 0x3fff_0000_3fff_0000) >> 2);
            let word = (word & 0x0fff_ffff) | ((word & 0x0fff_ffff_0000_0000) >> 4);
            return (word, ends.trailing_zeros() as usize / 8 + 1);
        }
    }
    any_varint(bytes)
}

/// The same for varints near the end and for the longest.
#[cold]
fn any_varint(bytes: &[u8]) -> (u64, usize) {
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

    use super::{DecodeErrorKind, MAX_OPEN_GROUPS, Reader, any_varint, long_varint};

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
                    assert_eq!(any_varint(&bytes), (value, len));
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
