//! Few bytes as one number: a copy of a length that is not known is a call, which takes longer than what is copied.
//! Depends on nothing.

/// The first eight bytes, the first in the low bits; zeros where there are fewer.
#[inline]
pub(crate) fn first_word(bytes: &[u8]) -> u64 {
    if let Some(&all) = bytes.first_chunk::<8>() {
        return u64::from_le_bytes(all);
    }
    // Two halves that may overlap.
    if let (Some(&low), Some(&high)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let [low, high] = [low, high].map(|half| u64::from(u32::from_le_bytes(half)));
        return low | high << (8 * (bytes.len() - 4));
    }
    match *bytes {
        [] => 0,
        [a] => u64::from(a),
        [a, b] => u64::from_le_bytes([a, b, 0, 0, 0, 0, 0, 0]),
        [a, b, c, ..] => u64::from_le_bytes([a, b, c, 0, 0, 0, 0, 0]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_there_are_zeros() {
        let bytes: [u8; 11] = std::array::from_fn(|at| 0xf0 + at as u8);
        for len in 0..=bytes.len() {
            let mut want = [0; 8];
            let have = len.min(8);
            want[..have].copy_from_slice(&bytes[..have]);
            assert_eq!(first_word(&bytes[..len]), u64::from_le_bytes(want), "{len}");
        }
    }
}
