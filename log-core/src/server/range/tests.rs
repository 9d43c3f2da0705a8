//! The `Range` header: examples, and what holds for every value.

use super::*;
use proptest::prelude::*;

fn part(first: u64, last: u64) -> Ranged {
    Ranged::Part { first, last }
}

#[test]
fn examples() {
    for (value, want) in [
        ("bytes=3-5", part(3, 5)),
        ("bytes=0-0", part(0, 0)),
        ("bytes=3-", part(3, 15)),
        ("bytes=3-15", part(3, 15)),
        ("bytes=3-16", part(3, 15)),
        ("bytes=3-99999999999999999999999", part(3, 15)),
        ("bytes=-1", part(15, 15)),
        ("bytes=-16", part(0, 15)),
        ("bytes=-500", part(0, 15)),
        ("Bytes = 3 - 5 ", part(3, 5)),
        ("bytes=003-0005", part(3, 5)),
        ("bytes=16-", Ranged::Unsatisfiable),
        ("bytes=500-", Ranged::Unsatisfiable),
        ("bytes=99999999999999999999999-", Ranged::Unsatisfiable),
        ("bytes=5-3", Ranged::Unsatisfiable),
        ("bytes=33-15", Ranged::Unsatisfiable),
        ("bytes=-0", Ranged::Unsatisfiable),
        ("bytes=0-1,3-4", Ranged::Whole),
        ("bytes=-", Ranged::Whole),
        ("bytes=", Ranged::Whole),
        ("bytes", Ranged::Whole),
        ("", Ranged::Whole),
        ("bytes=a-b", Ranged::Whole),
        ("bytes=+3-5", Ranged::Whole),
        ("bytes=3-+5", Ranged::Whole),
        ("bytes=0--1", Ranged::Whole),
        ("bytes=0x3-5", Ranged::Whole),
        ("records=3-5", Ranged::Whole),
        ("bytes=３-5", Ranged::Whole),
    ] {
        assert_eq!(parse(value.as_bytes(), 16), want, "{value:?}");
    }
    assert_eq!(parse(b"bytes=3-\xff", 16), Ranged::Whole);
    for value in ["bytes=0-", "bytes=-1", "bytes=33-15"] {
        assert_eq!(parse(value.as_bytes(), 0), Ranged::Whole, "{value:?}");
    }
}

proptest! {
    #[test]
    fn a_part_is_within_the_body(value in proptest::collection::vec(any::<u8>(), 0..40), size: u64) {
        if let Ranged::Part { first, last } = parse(&value, size) {
            prop_assert!(first <= last && last < size);
        }
    }

    #[test]
    fn what_is_asked_for_is_given(first: u64, last: u64, size in 1u64..) {
        let parsed = parse(format!("bytes={first}-{last}").as_bytes(), size);
        if first <= last && first < size {
            prop_assert_eq!(parsed, part(first, last.min(size - 1)));
        } else {
            prop_assert_eq!(parsed, Ranged::Unsatisfiable);
        }
        prop_assert_eq!(parse(format!("bytes={first}-").as_bytes(), size),
            if first < size { part(first, size - 1) } else { Ranged::Unsatisfiable });
        prop_assert_eq!(parse(format!("bytes=-{last}").as_bytes(), size),
            if last > 0 { part(size.saturating_sub(last), size - 1) } else { Ranged::Unsatisfiable });
    }

    #[test]
    fn range_like_texts_do_not_confuse_it(value in "bytes=[-0-9, +=]{0,12}", size in 0u64..100) {
        if let Ranged::Part { first, last } = parse(value.as_bytes(), size) {
            prop_assert!(first <= last && last < size);
        }
    }
}
