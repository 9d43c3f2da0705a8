//! `Range` headers of arbitrary bytes: no panic, a part always lies in the body, and what an original client sends is
//! understood.
#![no_main]

use libfuzzer_sys::fuzz_target;
use log_core::server::range::{Ranged, parse};

fuzz_target!(|input: (u64, u64, u64, &[u8])| {
    let (size, a, b, value) = input;
    for size in [size, size % 8] {
        match parse(value, size) {
            Ranged::Part { first, last } => assert!(first <= last && last < size),
            Ranged::Unsatisfiable => assert!(size > 0),
            Ranged::Whole => {}
        }
    }
    if size == 0 {
        return;
    }
    let (first, last) = (a % size, b % size);
    let want = if first <= last {
        Ranged::Part { first, last }
    } else {
        Ranged::Unsatisfiable
    };
    let asked = format!("bytes={first}-{last}");
    assert_eq!(parse(asked.as_bytes(), size), want, "{asked}");
    let want = Ranged::Part {
        first,
        last: size - 1,
    };
    let rest = format!("bytes={first}-");
    assert_eq!(parse(rest.as_bytes(), size), want, "{rest}");
    let end = format!("bytes=-{}", size - first);
    assert_eq!(parse(end.as_bytes(), size), want, "{end}");
});
