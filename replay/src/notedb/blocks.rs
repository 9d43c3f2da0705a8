//! Texts that are looked through sixteen bytes at a time.
//!
//! A message has some ten lines of some forty bytes: too short for a search of each to be worth its beginning, which takes
//! longer than the search. SSE2, which every x86-64 has, where the compiler makes several times as many steps of the plain
//! way, which is beside it (`forgelog bench corpus`). Depends on nothing.

/// So many bytes are looked at together.
pub(super) const BLOCK: usize = 16;

/// Gives the place of every mark that one of these letters follows, in order. A mark is a byte after which something may
/// begin that says something: a line end, a carriage return or a colon, or another byte below the carriage return. `first`
/// is not 0, nor above `last`.
#[inline(always)]
pub(super) fn for_each_mark(text: &[u8], first: u8, last: u8, mut mark: impl FnMut(usize)) {
    let (blocks, rest) = text.as_chunks();
    let mut padded = [0; BLOCK];
    padded[..rest.len()].copy_from_slice(rest);
    for number in 0..blocks.len() + 1 {
        let block = blocks.get(number).unwrap_or(&padded);
        let letters = between(block, first, last);
        if letters == 0 {
            continue;
        }
        let start = number * BLOCK;
        let before = start.checked_sub(1).and_then(|before| text.get(before));
        let after = marks(block) << 1 | u32::from(before.is_some_and(|byte| is_mark(*byte)));
        let mut found = letters & after;
        while found != 0 {
            mark(start + found.trailing_zeros() as usize - 1);
            found &= found - 1;
        }
    }
}

/// Where the first line of a text ends, if it does.
#[inline]
pub(super) fn line_end(text: &[u8]) -> Option<usize> {
    let (blocks, rest) = text.as_chunks();
    for (number, block) in blocks.iter().enumerate() {
        let ends = between(block, b'\n', b'\n');
        if ends != 0 {
            return Some(number * BLOCK + ends.trailing_zeros() as usize);
        }
    }
    let in_rest = rest.iter().position(|byte| *byte == b'\n')?;
    Some(blocks.len() * BLOCK + in_rest)
}

/// What [`marks`] says of each byte.
fn is_mark(byte: u8) -> bool {
    byte <= b'\r' || byte == b':'
}

/// A bit for each byte that is a mark, from the lowest on.
#[inline(always)]
fn marks(block: &[u8; BLOCK]) -> u32 {
    between(block, 0, b'\r') | between(block, b':', b':')
}

/// A bit for each byte from `first` to `last`, from the lowest on.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[allow(unsafe_code)] // see above
pub(super) fn between(block: &[u8; BLOCK], first: u8, last: u8) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_set1_epi8, _mm_sub_epi8,
    };
    let block = bytemuck::cast(*block);
    let [first, count] = [first, last - first].map(u8::cast_signed);
    // SAFETY: every processor of this kind has SSE2, and the values are no pointers.
    let between = unsafe {
        let from_first = _mm_sub_epi8(block, _mm_set1_epi8(first));
        let cut = _mm_min_epu8(from_first, _mm_set1_epi8(count));
        _mm_movemask_epi8(_mm_cmpeq_epi8(cut, from_first))
    };
    between.cast_unsigned()
}

/// The same for other processors.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(super) fn between(block: &[u8; BLOCK], first: u8, last: u8) -> u32 {
    plain_between(block, first, last)
}

/// The same, byte by byte.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn plain_between(block: &[u8; BLOCK], first: u8, last: u8) -> u32 {
    let bytes = block.iter().enumerate();
    bytes.fold(0, |bits, (at, byte)| {
        bits | u32::from((first..=last).contains(byte)) << at
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &[u8], first: u8, last: u8) -> Vec<usize> {
        let mut marks = Vec::new();
        for_each_mark(text, first, last, |mark| marks.push(mark));
        marks
    }

    fn wanted(text: &[u8], first: u8, last: u8) -> Vec<usize> {
        let is_wanted = |at: &usize| {
            let next = text.get(at + 1);
            is_mark(text[*at]) && next.is_some_and(|next| (first..=last).contains(next))
        };
        (0..text.len()).filter(is_wanted).collect()
    }

    #[test]
    fn every_byte_is_a_mark_or_none_wherever_it_is() {
        for byte in 0..=u8::MAX {
            for at in 0..40 {
                let mut text = [b'x'; 40];
                text[at] = byte;
                assert_eq!(found(&text, b'w', b'y'), wanted(&text, b'w', b'y'));
                assert_eq!(found(&text, b'a', b'w'), [0; 0]);
                let end = text.iter().position(|byte| *byte == b'\n');
                assert_eq!(line_end(&text), end);
                let block = text.first_chunk().unwrap();
                for (first, last) in [(b'0', b'9'), (b'x', b'x'), (0, b'\r'), (0, 255), (200, 255)]
                {
                    let want = plain_between(block, first, last);
                    assert_eq!(between(block, first, last), want, "{byte} {first} {last}");
                }
            }
        }
    }

    #[test]
    fn all_marks_are_given_in_order_whatever_the_length() {
        let text =
            b"a: b\r\n\nc:d\x00\x0e\xff:e, and twenty more letters:\n:\nd\n\nddd\nd::d\rd\x01\xff";
        for start in 0..text.len() {
            for end in start..=text.len() {
                let text = &text[start..end];
                for (first, last) in [(b'd', b'd'), (b'\n', b'e'), (b' ', b'z'), (1, 255)] {
                    assert_eq!(found(text, first, last), wanted(text, first, last));
                }
                assert_eq!(line_end(text), text.iter().position(|byte| *byte == b'\n'));
            }
        }
    }
}
