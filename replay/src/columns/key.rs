//! The hash of what a row is found by. Depends on nothing but the hash function.

use std::hash::Hasher as _;

use proto::GitHash;
use siphasher::sip::SipHasher13;

/// Texts that are together not longer are hashed in one piece.
const SHORT_BYTES: usize = 64;

/// The hash of a key: 32 bits of SipHash-1-3, so that keys that all meet are not found by chance, nor without a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Key(u32);

impl Key {
    /// The key that has these parts. They need not tell themselves apart: whoever looks compares.
    #[inline]
    pub(crate) fn of_numbers(first: u32, second: i64) -> Self {
        let second = second.cast_unsigned();
        let words = [u64::from(first) | second << 32, second >> 32];
        Self::of(sip_13(12, words))
    }

    /// The same for three numbers.
    #[inline]
    pub(crate) fn of_three(first: u32, second: i32, third: i64) -> Self {
        let second = u64::from(second.cast_unsigned());
        let words = [u64::from(first) | second << 32, third.cast_unsigned(), 0];
        Self::of(sip_13(16, words))
    }

    /// The same for a commit.
    #[inline]
    pub(crate) fn of_hash(hash: &GitHash) -> Self {
        let [a, b, c, d, e] = *hash.as_bytes().as_chunks().0 else {
            return Self(0); // there are 20
        };
        let [a, b, c, d, e] = [a, b, c, d, e].map(|four| u64::from(u32::from_le_bytes(four)));
        Self::of(sip_13(20, [a | b << 32, c | d << 32, e]))
    }

    /// The same for numbers that belong to what has a key of its own.
    #[inline]
    pub(crate) fn within(self, second: i32, third: i64) -> Self {
        Self::of_three(self.0, second, third)
    }

    /// The same for a text that belongs to a row.
    pub(crate) fn of_text(row: u32, text: &[u8]) -> Self {
        Self::of_texts(&row.to_le_bytes(), text)
    }

    /// The same for two texts.
    pub(crate) fn of_texts(first: &[u8], second: &[u8]) -> Self {
        let length = (first.len() as u64).to_le_bytes();
        let mut bytes = [0; SHORT_BYTES];
        let mut len = 0;
        if length.len() + first.len() + second.len() <= SHORT_BYTES {
            // In one piece it is faster, and the same.
            for part in [&length, first, second] {
                bytes[len..len + part.len()].copy_from_slice(part);
                len += part.len();
            }
            return Self::of(SipHasher13::new().hash(&bytes[..len]));
        }
        let mut hasher = SipHasher13::new();
        hasher.write(&length);
        hasher.write(first);
        hasher.write(second);
        Self::of(hasher.finish())
    }

    fn of(hash: u64) -> Self {
        Self((hash >> 32) as u32)
    }

    /// The hash.
    #[inline]
    pub(super) fn hash(self) -> u32 {
        self.0
    }

    /// The key with this hash.
    pub(super) fn of_its_hash(hash: u32) -> Self {
        Self(hash)
    }
}

/// SipHash-1-3 with the key 0 of `len` bytes, given as words of eight; the last word has less than eight, maybe none.
/// What [`SipHasher13`] gives too, with three times the instructions for so few: it was a fourteenth of a cold open.
#[inline]
fn sip_13<const N: usize>(len: u8, mut words: [u64; N]) -> u64 {
    let mut state = [
        0x736f_6d65_7073_6575,
        0x646f_7261_6e64_6f6d,
        0x6c79_6765_6e65_7261,
        0x7465_6462_7974_6573,
    ];
    if let Some(last) = words.last_mut() {
        *last |= u64::from(len) << 56;
    }
    for word in words {
        state[3] ^= word;
        sip_round(&mut state);
        state[0] ^= word;
    }
    state[2] ^= 0xff;
    for _ in 0..3 {
        sip_round(&mut state);
    }
    state[0] ^ state[1] ^ state[2] ^ state[3]
}

#[inline(always)]
fn sip_round([a, b, c, d]: &mut [u64; 4]) {
    *a = a.wrapping_add(*b);
    *c = c.wrapping_add(*d);
    *b = b.rotate_left(13) ^ *a;
    *d = d.rotate_left(16) ^ *c;
    *a = a.rotate_left(32).wrapping_add(*d);
    *c = c.wrapping_add(*b);
    *d = d.rotate_left(21) ^ *a;
    *b = b.rotate_left(17) ^ *c;
    *c = c.rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_sip_hash() {
        for number in [0, 1, -1, i64::MAX, 0x0123_4567_89ab_cdef] {
            let mut bytes = [7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            bytes[4..].copy_from_slice(&number.to_le_bytes());
            let want = Key::of(SipHasher13::new().hash(&bytes));
            assert_eq!(Key::of_numbers(7, number), want);
        }
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&7u32.to_le_bytes());
        bytes[4..8].copy_from_slice(&(-3i32).to_le_bytes());
        bytes[8..].copy_from_slice(&i64::MIN.to_le_bytes());
        let want = Key::of(SipHasher13::new().hash(&bytes));
        assert_eq!(Key::of_three(7, -3, i64::MIN), want);
        let name: [u8; 20] = std::array::from_fn(|at| 7 * at as u8 + 100);
        let want = Key::of(SipHasher13::new().hash(&name));
        assert_eq!(Key::of_hash(&GitHash::from_bytes(name)), want);
    }
}
