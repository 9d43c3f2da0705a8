//! Arbitrary bytes as the index of a log server: parsed or refused, and the same after a round trip; what is taken
//! holds together.
#![no_main]

use libfuzzer_sys::fuzz_target;
use log_core::index::{IndexEntry, parse_index};

fuzz_target!(|bytes: &[u8]| {
    let Ok(entries) = serde_json::from_slice::<Vec<IndexEntry>>(bytes) else {
        assert!(parse_index(bytes).is_err());
        return;
    };
    let text = serde_json::to_vec(&entries).expect("what was parsed can be written");
    let again: Vec<IndexEntry> = serde_json::from_slice(&text).expect("what was written parses");
    assert_eq!(entries, again);
    let Ok(taken) = parse_index(bytes) else {
        return;
    };
    assert_eq!(taken, entries);
    assert!(
        (0u32..)
            .zip(&taken)
            .all(|(number, entry)| entry.number == number)
    );
    let total: u128 = taken.iter().map(|entry| u128::from(entry.size)).sum();
    assert!(total <= i64::MAX as u128);
    assert!(
        taken
            .iter()
            .all(|entry| entry.sha224.len() == 56 && !entry.url.is_empty())
    );
});
