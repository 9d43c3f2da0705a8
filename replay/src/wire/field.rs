//! How a field takes in a value, by its Rust type. Depends on nothing.

use super::reader::{Reader, WireType};
use super::{DecodeError, Message, Part};

/// A field of a message.
pub(super) trait Field<'a> {
    /// How its value is laid out usually.
    const WIRE: WireType;

    /// Takes in the value that the reader is at, which is laid out as usual.
    fn merge(&mut self, reader: &mut Reader<'a>) -> Result<(), DecodeError>;

    /// Takes in the value that the reader is at, or says no and leaves the reader where it is: the
    /// wire type is another one, and the value is to be skipped as unknown.
    #[inline(always)]
    fn merge_as(&mut self, wire: WireType, reader: &mut Reader<'a>) -> Result<bool, DecodeError> {
        if wire != Self::WIRE {
            return Ok(false);
        }
        self.merge(reader).map(|()| true)
    }

    /// Takes everything back. A list keeps its memory, unless that is much.
    fn clear(&mut self);
}

/// Scalars: the last one wins.
macro_rules! scalar {
    ($type:ty, $wire:ident, $reader:ident => $value:expr) => {
        impl<'a> Field<'a> for $type {
            const WIRE: WireType = WireType::$wire;

            #[inline(always)]
            fn merge(&mut self, $reader: &mut Reader<'a>) -> Result<(), DecodeError> {
                *self = $value;
                Ok(())
            }

            #[inline(always)]
            fn clear(&mut self) {
                *self = Self::default();
            }
        }
    };
}

scalar!(u64, Varint, reader => reader.varint()?);
scalar!(i64, Varint, reader => reader.varint()? as i64); // two's complement
scalar!(u32, Varint, reader => reader.varint()? as u32); // what does not fit is cut off
scalar!(i32, Varint, reader => reader.varint()? as i32); // likewise
scalar!(bool, Varint, reader => reader.varint()? != 0);
scalar!(&'a str, Len, reader => reader.string()?);
scalar!(&'a [u8], Len, reader => reader.bytes()?);

/// Numbers, packed and not.
impl<'a> Field<'a> for Vec<i64> {
    const WIRE: WireType = WireType::Len;

    #[inline(always)]
    fn merge(&mut self, reader: &mut Reader<'a>) -> Result<(), DecodeError> {
        let bytes = reader.bytes()?;
        let mut packed = Reader::new(bytes);
        while !packed.is_empty() {
            let value = packed.varint();
            self.push(value.map_err(|error| inside(error, bytes, reader.offset()))? as i64);
        }
        Ok(())
    }

    #[inline(always)]
    fn merge_as(&mut self, wire: WireType, reader: &mut Reader<'a>) -> Result<bool, DecodeError> {
        match wire {
            WireType::Varint => self.push(reader.varint()? as i64),
            WireType::Len => self.merge(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    #[inline(always)]
    fn clear(&mut self) {
        empty(self);
    }
}

impl<'a> Field<'a> for Vec<&'a str> {
    const WIRE: WireType = WireType::Len;

    #[inline(always)]
    fn merge(&mut self, reader: &mut Reader<'a>) -> Result<(), DecodeError> {
        self.push(reader.string()?);
        Ok(())
    }

    #[inline(always)]
    fn clear(&mut self) {
        empty(self);
    }
}

/// A singular message: all its occurrences together.
impl<'a, M: Message<'a>> Field<'a> for Option<M> {
    const WIRE: WireType = WireType::Len;

    #[inline(always)]
    fn merge(&mut self, reader: &mut Reader<'a>) -> Result<(), DecodeError> {
        let bytes = reader.bytes()?;
        let message = self.get_or_insert_default();
        let merged = message.merge(bytes);
        merged.map_err(|error| inside(error, bytes, reader.offset()))
    }

    #[inline(always)]
    fn clear(&mut self) {
        *self = None;
    }
}

/// Messages, each with its place.
impl<'a, M: Message<'a>> Field<'a> for Vec<Part<'a, M>> {
    const WIRE: WireType = WireType::Len;

    #[inline(always)]
    fn merge(&mut self, reader: &mut Reader<'a>) -> Result<(), DecodeError> {
        let bytes = reader.bytes()?;
        if self.capacity() == 0 {
            self.reserve_exact(1); // most lists have one element, and four of these are long
        }
        let part = self.push_mut(Part {
            bytes,
            value: M::default(),
        });
        let merged = part.value.merge(bytes);
        merged.map_err(|error| inside(error, bytes, reader.offset()))
    }

    #[inline(always)]
    fn clear(&mut self) {
        empty(self);
    }
}

/// Memory of a list that is used again is kept up to so many bytes: far more than usual records need, and nothing to
/// speak of where a hostile one has filled it.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// Makes a list empty that is to be filled again. It keeps its memory, unless that is much.
#[inline(always)]
pub(crate) fn empty<T>(list: &mut Vec<T>) {
    match list.capacity() * size_of::<T>() {
        ..=KEPT_BYTES_MAX => list.clear(),
        _ => *list = Vec::new(),
    }
}

/// The error of a slice, as seen from the one that the reader has read up to its end.
#[cold]
pub(super) fn inside(error: DecodeError, bytes: &[u8], end: usize) -> DecodeError {
    error.within(end - bytes.len())
}
