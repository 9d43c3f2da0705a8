//! A text that is looked for in many others. Pure.

use memchr::memchr2_iter;
use std::convert::Infallible;
use std::str::FromStr;

/// A text that is looked for; letters from a to z are the same as those from A to Z.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Needle(Vec<u8>);

impl Needle {
    pub(super) fn new(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }

    /// Whether it is in a text.
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        let Some(first) = self.0.first() else {
            return true;
        };
        let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
        memchr2_iter(lower, upper, text).any(|at| {
            let here = text.get(at..at + self.0.len());
            here.is_some_and(|here| here.eq_ignore_ascii_case(&self.0))
        })
    }
}

impl FromStr for Needle {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_match_in_either_case_and_nothing_else_does() {
        let is_in = |needle, text: &str| Needle::new(needle).is_in(text.as_bytes());
        assert!(is_in("dead", "a DEADlock") && is_in("LOCK", "deadlock") && is_in("", ""));
        assert!(is_in("aab", "aaab") && is_in("ä", "xä"));
        assert!(!is_in("deadlocks", "deadlock") && !is_in("x", "") && !is_in("@", "`"));
        assert!(!is_in("Ä", "ä"));
    }
}
