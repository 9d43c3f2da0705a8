//! Random values out of bytes that proptest can shrink: where they end, everything is empty.

use bytes::Bytes;
use proptest::prelude::*;

/// Where choices come from.
#[derive(Clone, Debug)]
pub(super) struct Entropy {
    bytes: std::vec::IntoIter<u8>,
    /// Makes everything present: the state of a generator that takes the place of the bytes.
    full: Option<u64>,
}

impl Entropy {
    /// Any choices.
    pub(super) fn any() -> impl Strategy<Value = Self> {
        proptest::collection::vec(any::<u8>(), 0..1500).prop_map(|bytes| Self {
            bytes: bytes.into_iter(),
            full: None,
        })
    }

    /// Choices that leave nothing out.
    pub(super) fn full(seed: u64) -> Self {
        Self {
            bytes: Vec::new().into_iter(),
            full: Some(seed),
        }
    }

    /// A byte; 0 at the end.
    pub(super) fn byte(&mut self) -> u8 {
        match &mut self.full {
            Some(state) => {
                *state = state
                    .wrapping_mul(0x5851_f42d_4c95_7f2d)
                    .wrapping_add(0x1405_7b7e_f767_814f);
                (*state >> 56) as u8
            }
            None => self.bytes.next().unwrap_or(0),
        }
    }

    /// A number below `limit`; 0 at the end.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        let number = u16::from_le_bytes([self.byte(), self.byte()]);
        usize::from(number) % limit.max(1)
    }

    /// Whether something that is in one of `of` cases is so; not at the end.
    pub(super) fn once_in(&mut self, of: u8) -> bool {
        self.byte() % of == of - 1
    }

    /// Any number, the small ones more often.
    pub(super) fn number(&mut self) -> u64 {
        let bits = self.byte() % 65;
        let mut number = 0;
        for _ in 0..bits.div_ceil(8) {
            number = number << 8 | u64::from(self.byte());
        }
        match bits {
            0 => 0,
            _ => number & (u64::MAX >> (64 - bits)),
        }
    }

    /// Whether something optional is there.
    fn present(&mut self) -> bool {
        self.full.is_some() || self.byte() % 2 == 1
    }
}

/// Values that are made from choices.
pub(super) trait Generate {
    /// The next one.
    fn generate(entropy: &mut Entropy) -> Self;
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl Generate for $type {
            fn generate(entropy: &mut Entropy) -> Self {
                entropy.number() as $type
            }
        }
    )*};
}

numbers!(i32 i64 u32 u64);

impl Generate for bool {
    fn generate(entropy: &mut Entropy) -> Self {
        entropy.present()
    }
}

impl Generate for Bytes {
    fn generate(entropy: &mut Entropy) -> Self {
        let len = entropy.byte() % 9;
        (0..len).map(|_| entropy.byte()).collect()
    }
}

impl Generate for String {
    fn generate(entropy: &mut Entropy) -> Self {
        // Longer than a length of one byte at times; chars of one to four bytes.
        let len = match entropy.byte() {
            byte @ 0..0xf8 => byte % 6,
            byte => byte,
        };
        let mut chars = ['a', '\0', 'é', '€', '𝄞', 'z'].into_iter().cycle();
        let from = entropy.byte();
        let skipped = chars.by_ref().take(usize::from(from % 6)).count();
        chars
            .take(usize::from(len))
            .chain((skipped > 3).then_some('~'))
            .collect()
    }
}

impl<T: Generate> Generate for Option<T> {
    fn generate(entropy: &mut Entropy) -> Self {
        entropy.present().then(|| T::generate(entropy))
    }
}

impl<T: Generate> Generate for Vec<T> {
    fn generate(entropy: &mut Entropy) -> Self {
        let len = match entropy.byte() {
            _ if entropy.full.is_some() => 2,
            byte => byte.saturating_sub(0xc0) % 4,
        };
        (0..len).map(|_| T::generate(entropy)).collect()
    }
}
