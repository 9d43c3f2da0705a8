//! A record while it is applied: where its bytes are, and how cells find them again. Depends on [`crate::segments`].

use crate::columns::{Column, Pages, Place, Text};
use crate::projection::RecordRef;
use crate::segments::Segments;

impl RecordRef<'_> {
    /// A cell for a text of the payload.
    pub(crate) fn text(&self, text: &[u8]) -> Text {
        Text::new(text, self.at.segment, self.offset(text))
    }

    /// Where a part of the payload is.
    pub(crate) fn place(&self, part: &[u8]) -> Place {
        if part.is_empty() {
            return Place::NOWHERE;
        }
        Place {
            segment: self.at.segment,
            offset: self.offset(part),
            // A payload is shorter than 4 GiB (log_core::frame::PAYLOAD_BYTES_MAX).
            len: part.len() as u32,
        }
    }

    /// Where a slice of the payload starts in its segment.
    fn offset(&self, part: &[u8]) -> u32 {
        let start = self.next.offset - self.payload.len() as u64;
        let within = part
            .as_ptr()
            .addr()
            .wrapping_sub(self.payload.as_ptr().addr());
        // A segment is shorter than 4 GiB: 16 MiB, and one record more at most.
        (start as usize).wrapping_add(within) as u32
    }
}

/// All bytes that cells can mean.
#[derive(Clone, Copy)]
pub(crate) struct Texts<'a> {
    pub(crate) segments: &'a Segments,
    pub(crate) extra: Option<&'a Pages<u8>>,
}

impl<'a> Texts<'a> {
    /// The bytes of a cell.
    #[inline]
    pub(crate) fn get<'t>(self, text: &'t Text) -> &'t [u8]
    where
        'a: 't,
    {
        match text.resolve() {
            Ok(bytes) => bytes,
            Err(place) => self.at(place),
        }
    }

    /// The bytes at a place; none where there is nothing, which is never the case for a place of ours.
    pub(crate) fn at(self, place: Place) -> &'a [u8] {
        let Place {
            segment,
            offset,
            len,
        } = place;
        if len == 0 {
            return &[];
        }
        if segment < Place::EXTRA {
            return self.segments.get(segment, offset, len).unwrap_or_default();
        }
        let number = (segment - Place::EXTRA) as usize;
        let extra = self.extra.filter(|extra| number < extra.len());
        extra.map_or(&[], |extra| extra.page(number))
    }
}

/// A record that is being applied, and the bytes that older cells mean.
#[derive(Clone, Copy)]
pub(crate) struct Step<'a> {
    pub(crate) record: RecordRef<'a>,
    pub(crate) texts: Texts<'a>,
}

impl Step<'_> {
    /// Writes a text of the record into a cell, unless the cell says the same already: then the older place stays,
    /// and no page is copied. Says whether it was written.
    pub(crate) fn put(&self, column: &mut Column<Text>, row: u32, text: &[u8]) -> bool {
        let old = column.get(row);
        let is_other = old.len() as usize != text.len() || self.texts.get(&old) != text;
        if is_other {
            column.set(row, self.record.text(text));
        }
        is_other
    }
}
