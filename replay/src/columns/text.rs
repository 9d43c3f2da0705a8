//! A text as a cell: an Arrow string view whose buffers are the log's segments (design.md, "Replay").

use crate::word::first_word;

/// Where bytes are in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct Place {
    /// The number of the segment; from [`Place::EXTRA`] on, the number of a text that is nowhere in the log in
    /// one piece.
    pub(crate) segment: u32,
    /// Bytes from the start of the segment.
    pub(crate) offset: u32,
    /// Bytes.
    pub(crate) len: u32,
}

impl Place {
    /// The first number that means no segment but an extra text.
    pub(crate) const EXTRA: u32 = 1 << 31;
    /// No bytes.
    pub(crate) const NOWHERE: Self = Self {
        segment: 0,
        offset: 0,
        len: 0,
    };
}

/// Texts up to this length are in the cell itself.
const INLINE_MAX: usize = 12;

/// A text: itself if it is short, else its length, its first four bytes and where it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct Text {
    len: u32,
    data: [u8; INLINE_MAX],
}

impl Text {
    /// Texts up to this length are in the cell itself.
    pub(crate) const INLINE_MAX: usize = INLINE_MAX;

    /// No bytes.
    pub(crate) const EMPTY: Self = Self {
        len: 0,
        data: [0; INLINE_MAX],
    };

    /// The text whose bytes these are, and where they are.
    #[inline]
    pub(crate) fn new(bytes: &[u8], segment: u32, offset: u32) -> Self {
        let word = first_word(bytes);
        let (low, high) = match bytes.len() {
            ..=8 => (word, 0),
            len @ ..=INLINE_MAX => (
                word,
                first_word(&bytes[len - 4..]) as u32 >> (8 * (INLINE_MAX - len)),
            ),
            _ => (
                word & u64::from(u32::MAX) | u64::from(segment) << 32,
                offset,
            ),
        };
        let mut data = [0; INLINE_MAX];
        data[..8].copy_from_slice(&low.to_le_bytes());
        data[8..].copy_from_slice(&high.to_le_bytes());
        Self {
            // A record is shorter than 4 GiB (log_core::frame::PAYLOAD_BYTES_MAX).
            len: bytes.len() as u32,
            data,
        }
    }

    /// Bytes.
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// The bytes, if they are in the cell; else where they are.
    pub(crate) fn resolve(&self) -> Result<&[u8], Place> {
        let word = |at: usize| {
            let [a, b, c, d] = [0, 1, 2, 3].map(|byte| self.data[at + byte]);
            u32::from_le_bytes([a, b, c, d])
        };
        match self.data.get(..self.len as usize) {
            Some(bytes) => Ok(bytes),
            None => Err(Place {
                segment: word(4),
                offset: word(8),
                len: self.len,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_their_own_place() {
        assert_eq!(Text::new(b"golang", 7, 9).resolve(), Ok(&b"golang"[..]));
        for len in 0..=INLINE_MAX {
            let text = &b"twelve bytes"[..len];
            let cell = Text::new(text, 7, 9);
            assert_eq!(cell.resolve(), Ok(text));
            // Cells are compared as they are.
            assert!(cell.data[len..].iter().all(|byte| *byte == 0));
        }
        assert_eq!(Text::default().resolve(), Ok(&b""[..]));
        let long = Text::new(b"xyz, and more", 7, 9);
        assert_eq!(&long.data[..4], b"xyz,");
        let place = Place {
            segment: 7,
            offset: 9,
            len: 13,
        };
        assert_eq!(long.resolve(), Err(place));
    }

    #[test]
    fn equal_short_texts_are_equal_cells() {
        assert_eq!(Text::new(b"bug", 1, 2), Text::new(b"bug", 3, 4));
    }
}
