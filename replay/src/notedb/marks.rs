//! The bytes of a message after which something may begin that says something.
//!
//! A message has some ten lines of some forty bytes: too short for a search of each to be worth its beginning, which takes
//! longer than the search. So the whole message is gone through at once, sixteen bytes at a time. Depends on nothing.

const BLOCK: usize = 16;

/// Gives the place of every line end, carriage return and colon, in order; and of other bytes below the carriage return.
#[inline(always)]
pub(super) fn for_each_mark(text: &[u8], mut mark: impl FnMut(usize)) {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().enumerate() {
        let mut marks = marks(block);
        while marks != 0 {
            mark(number * BLOCK + marks.trailing_zeros() as usize);
            marks &= marks - 1;
        }
    }
    for (at, byte) in rest.iter().enumerate() {
        if is_mark(*byte) {
            mark(blocks.len() * BLOCK + at);
        }
    }
}

fn is_mark(byte: u8) -> bool {
    byte <= b'\r' || byte == b':'
}

/// A bit for each byte, from the lowest on.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[allow(unsafe_code)] // the compiler makes some hundred steps of what is eight (`forgelog bench corpus`)
fn marks(block: &[u8; BLOCK]) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    };
    let block = bytemuck::cast(*block);
    // SAFETY: every processor of this kind has SSE2, and the values are no pointers.
    let marks = unsafe {
        let low = _mm_min_epu8(block, _mm_set1_epi8(b'\r' as i8));
        let is_low = _mm_cmpeq_epi8(low, block);
        let is_colon = _mm_cmpeq_epi8(block, _mm_set1_epi8(b':' as i8));
        _mm_movemask_epi8(_mm_or_si128(is_low, is_colon))
    };
    marks.cast_unsigned()
}

/// A bit for each byte, from the lowest on.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn marks(block: &[u8; BLOCK]) -> u32 {
    let bits = block.iter().enumerate();
    bits.fold(0, |marks, (at, byte)| {
        marks | u32::from(is_mark(*byte)) << at
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_a_mark_or_none_wherever_it_is() {
        for byte in 0..=u8::MAX {
            for at in 0..40 {
                let mut text = [b'x'; 40];
                text[at] = byte;
                let mut marks = Vec::new();
                for_each_mark(&text, |mark| marks.push(mark));
                let want: &[usize] = if is_mark(byte) { &[at] } else { &[] };
                assert_eq!(marks, want, "{byte}");
            }
        }
    }

    #[test]
    fn all_marks_are_given_in_order() {
        let text = b"a: b\r\n\nc:d\x00\x0e\xff:e, and twenty more letters:\n";
        let mut marks = Vec::new();
        for_each_mark(text, |mark| marks.push(mark));
        let want: Vec<usize> = (0..text.len()).filter(|at| is_mark(text[*at])).collect();
        assert_eq!(marks, want);
    }
}
