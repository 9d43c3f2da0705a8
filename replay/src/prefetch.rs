//! Asking the processor for bytes some time before they are looked at, so that they need not be waited for.
//!
//! A log is read in jumps from header to header, and tables are looked up at random: neither is guessed by the processor.
//! Changes nothing but the time that it takes (`forgelog bench corpus`). Depends on nothing.

#![allow(unsafe_code)] // the instruction takes a pointer, which it never looks behind

/// Bytes that come together.
const LINE_BYTES: usize = 64;

/// Asks for bytes.
#[inline(always)]
pub(crate) fn prefetch<T>(cells: &[T]) {
    let first = cells.as_ptr().cast::<u8>();
    for at in (0..size_of_val(cells)).step_by(LINE_BYTES) {
        ask_for(first.wrapping_add(at));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn ask_for(byte: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: nothing is read. The processor may take the hint, and ignores one of memory that is not there.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(byte.cast()) }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn ask_for(_: *const u8) {}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_happens() {
        super::prefetch::<u8>(&[]);
        super::prefetch(&[1u64; 100]);
    }
}
