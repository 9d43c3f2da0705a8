//! Sets of hashtags: texts with commas in between, as Gerrit writes them.

use memchr::{memchr, memchr_iter};

use super::line::trim_space;

/// A set of hashtags as it was written: tags, commas, and perhaps white space around them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashtagSet<'a>(&'a [u8]);

impl<'a> HashtagSet<'a> {
    /// The set that `text` says.
    pub(crate) const fn new(text: &'a [u8]) -> Self {
        Self(text)
    }

    /// As it was written.
    pub const fn text(self) -> &'a [u8] {
        self.0
    }

    /// The tags in order, trimmed. There may be empty ones between two commas, but not after the
    /// last comma.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (tag, after) = match memchr(b',', rest) {
                Some(comma) => (&rest[..comma], &rest[comma + 1..]),
                None => (rest, &b""[..]),
            };
            rest = after;
            Some(trim_space(tag))
        })
    }

    /// Whether `tag` is one of them.
    pub fn contains(self, tag: impl AsRef<[u8]>) -> bool {
        let tag = tag.as_ref();
        self.iter().any(|own| own == tag)
    }

    /// How many the original counts: one more than commas, so one more than [`Self::iter`] gives if
    /// the last is empty.
    pub fn len(self) -> usize {
        if self.is_empty() {
            return 0;
        }
        memchr_iter(b',', self.0).count() + 1
    }

    /// Whether nothing was written.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, tags: &[&str], len: usize) {
        let set = HashtagSet::new(text.as_bytes());
        assert!(set.iter().eq(tags.iter().map(|tag| tag.as_bytes())));
        assert_eq!((set.len(), set.is_empty()), (len, len == 0));
        for tag in tags {
            assert!(set.contains(tag.as_bytes()), "{tag:?} in {text:?}");
        }
    }

    #[test]
    fn tags_are_between_commas() {
        check("", &[], 0);
        check("foo", &["foo"], 1);
        check("  foo  ", &["foo"], 1);
        check("foo,bar", &["foo", "bar"], 2);
        check(" foo , bar ", &["foo", "bar"], 2);
        check("foo,,bar", &["foo", "", "bar"], 3);
        check(",foo", &["", "foo"], 2);
        check("foo,", &["foo"], 2);
        check("foo, ", &["foo", ""], 2);
        check("a\u{a0},\u{2003}b", &["a", "b"], 2);
    }

    #[test]
    fn only_whole_tags_are_contained() {
        for (text, tag) in [("", ""), ("x", ""), ("", "x"), ("foo, bar", "fo")] {
            let set = HashtagSet::new(text.as_bytes());
            assert!(!set.contains(tag.as_bytes()), "{tag:?} in {text:?}");
        }
        assert!(!HashtagSet::new(b"foo, bar").contains(b"foo, bar"));
        assert!(!HashtagSet::new(b"foo, bar").contains(b"ba"));
    }

    #[test]
    fn a_search_stops_at_the_first_hit() {
        let mut seen = 0;
        let found = HashtagSet::new(b"bar, foo, foo").iter().any(|tag| {
            seen += 1;
            tag == b"foo"
        });
        assert_eq!((found, seen), (true, 2));
    }
}
