//! Chance: SplitMix64 (Steele, Lea and Flood, 2014) and integer-only distributions over it, so that
//! a seed gives the same bytes on every machine and for ever. Depends on nothing.

/// `2^(1/2), 2^(1/4), …` in 32.32 fixed point.
const ROOTS: [u64; 8] = roots();

const fn roots() -> [u64; 8] {
    let mut roots = [0; 8];
    let mut power: u128 = 2 << 32;
    let mut at = 0;
    while at < roots.len() {
        power = (power << 32).isqrt();
        roots[at] = power as u64;
        at += 1;
    }
    roots
}

/// `2^exponent` in 32.32 fixed point, for an exponent of 8 fractional bits between -32 and 31.
const fn exp2(exponent: i64) -> u64 {
    let mut fraction: u128 = 1 << 32;
    let mut bit = 0;
    while bit < ROOTS.len() {
        if exponent & (0x80 >> bit) != 0 {
            fraction = (fraction * ROOTS[bit] as u128) >> 32;
        }
        bit += 1;
    }
    let whole = exponent >> 8;
    if whole >= 0 {
        (fraction as u64) << whole
    } else {
        (fraction as u64) >> -whole
    }
}

/// A generator of pseudo-random numbers. Good enough for made-up data, and for nothing secret.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly in `0..end`; 0 for an empty range.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Evenly in `0..end`, as an index.
    pub(crate) fn index(&mut self, end: usize) -> usize {
        self.below(end as u64) as usize
    }

    /// Evenly in `low..=high`.
    pub(crate) fn within(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1).max(1) as u64) as i64
    }

    /// True once in `of` times.
    pub(crate) fn once_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.index(from.len())]
    }

    /// About a standard normal deviate, in 1/256: the sum of twelve even ones, less its mean.
    fn normal(&mut self) -> i64 {
        let mut sum = 0;
        for _ in 0..3 {
            let four = self.next();
            for part in 0..4 {
                sum += (four >> (16 * part)) & 0xffff;
            }
        }
        (sum as i64 - 6 * 0xffff) >> 8
    }

    /// Log-normal around a median; `spread` is the deviation of the logarithm, in 1/256 of a doubling.
    pub(crate) fn log_normal(&mut self, median: u64, spread: i64) -> u64 {
        let factor = exp2((self.normal() * spread) >> 8);
        let half = 1 << 31;
        ((u128::from(median) * u128::from(factor) + half) >> 32) as u64
    }

    /// An index below `1 << bits`, each about half as likely as the one at half its place (Zipf's law).
    pub(crate) fn zipf(&mut self, bits: u32) -> usize {
        let exponent = self.below(u64::from(bits) << 8) as i64;
        let place = exp2(exponent);
        let place = place + self.below(place >> 8);
        ((place >> 32) as usize - 1).min((1 << bits) - 1)
    }

    /// The same for any length but 0.
    pub(crate) fn zipf_below(&mut self, length: usize) -> usize {
        self.zipf(length.next_power_of_two().ilog2()) % length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_splitmix64() {
        // The first three outputs for the seed 1234567, as published with the algorithm.
        let mut rng = Rng::new(1_234_567);
        let first = [rng.next(), rng.next(), rng.next()];
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn powers_of_two() {
        assert_eq!(exp2(0), 1 << 32);
        assert_eq!(exp2(5 << 8), 32 << 32);
        assert_eq!(exp2(-3 << 8), 1 << 29);
        assert_eq!(exp2(128), 6_074_000_999, "the root of two");
    }

    #[test]
    fn a_log_normal_has_its_median() {
        let mut rng = Rng::new(1);
        let below = (0..20_000)
            .filter(|_| rng.log_normal(1000, 300) < 1000)
            .count();
        assert!((9_000..11_000).contains(&below), "{below}");
    }

    #[test]
    fn zipf_prefers_the_first() {
        let mut rng = Rng::new(1);
        let mut seen = [0_u32; 64];
        for _ in 0..60_000 {
            seen[rng.zipf(6)] += 1;
        }
        assert!(seen[0] > 4 * seen[9], "{seen:?}");
        assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
    }
}
