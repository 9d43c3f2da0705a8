//! Whether one history goes on from another (spec 1.5.4). Pure; depends on nothing of ours.

/// What is known of one segment of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent<'a> {
    /// Bytes.
    pub size: u64,
    /// SHA-224 of all of them, in lower-case hex.
    pub sha224: &'a str,
}

/// Which of two histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The server's.
    New,
    /// The one that was there before.
    Last,
}

/// How many bytes two histories share from their start.
///
/// `prefix(side, index, bytes)` gives the SHA-224 of the first `bytes` of segment `index` of that side, which is
/// the longer one; `None` if it cannot be read. It is asked once at most: only the first pair of segments that
/// differ can match in part.
pub fn common(
    new: &[Extent<'_>],
    last: &[Extent<'_>],
    prefix: impl FnOnce(Side, usize, u64) -> Option<String>,
) -> u64 {
    let mut shared = 0;
    for (index, (new, last)) in new.iter().zip(last).enumerate() {
        if new.sha224 == last.sha224 {
            shared += new.size;
            continue;
        }
        let (longer, shorter) = match new.size.cmp(&last.size) {
            std::cmp::Ordering::Equal => break,
            std::cmp::Ordering::Greater => (Side::New, last),
            std::cmp::Ordering::Less => (Side::Last, new),
        };
        if prefix(longer, index, shorter.size).as_deref() == Some(shorter.sha224) {
            shared += shorter.size;
        }
        break;
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extents<'a>(list: &[(u64, &'a str)]) -> Vec<Extent<'a>> {
        let extent = |&(size, sha224)| Extent { size, sha224 };
        list.iter().map(extent).collect()
    }

    fn unread(_: Side, _: usize, _: u64) -> Option<String> {
        panic!("no file is read")
    }

    /// Spec 7, row 4.
    #[test]
    fn equal_sizes_need_no_file() {
        let a = extents(&[(1, "a")]);
        assert_eq!(common(&a, &a, unread), 1);
        assert_eq!(common(&a, &extents(&[(1, "b")]), unread), 0);
    }

    /// Spec 7, row 5.
    #[test]
    fn the_longer_is_hashed_as_far_as_the_shorter_goes() {
        let long = extents(&[(100, "a"), (100, "a'")]);
        let short = extents(&[(100, "a"), (50, "c")]);
        let prefix = |side| {
            move |asked, index, bytes| {
                assert_eq!((asked, index, bytes), (side, 1, 50));
                Some("c".to_owned())
            }
        };
        assert_eq!(common(&long, &short, prefix(Side::New)), 150);
        assert_eq!(common(&short, &long, prefix(Side::Last)), 150);
        assert_eq!(common(&long, &short, |_, _, _| None), 100);
    }

    /// Spec 7, rows 7 to 10: what goes on from ours shares all of ours.
    #[test]
    fn growth_shares_everything() {
        let last = extents(&[(100, "a"), (200, "b")]);
        let grown = extents(&[(100, "a"), (205, "b'"), (300, "c")]);
        assert_eq!(common(&grown, &[], unread), 0);
        assert_eq!(common(&grown, &last, |_, _, _| Some("b".into())), 300);
        let next = extents(&[(100, "a"), (200, "b"), (3, "c")]);
        assert_eq!(common(&next, &last, unread), 300);
    }

    /// Spec 7, rows 12 to 14, and that nothing counts after a part.
    #[test]
    fn another_history_shares_less() {
        let other = |_: Side, _: usize, _: u64| Some("other".to_owned());
        let last = extents(&[(100, "a"), (200, "b")]);
        for new in [(100, "x"), (101, "x"), (99, "x")] {
            assert_eq!(common(&extents(&[new]), &last, other), 0, "{new:?}");
        }
        let rolled_back = |_: Side, _: usize, _: u64| Some("p".to_owned());
        let ours = extents(&[(101, "a")]);
        assert_eq!(common(&extents(&[(50, "p")]), &ours, rolled_back), 50);
        let longer = extents(&[(100, "a"), (201, "x")]);
        assert_eq!(common(&longer, &last, other), 100);
        let after = extents(&[(50, "p"), (200, "b")]);
        assert_eq!(common(&after, &last, rolled_back), 50);
    }
}
