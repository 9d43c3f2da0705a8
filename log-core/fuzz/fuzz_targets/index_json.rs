//! Arbitrary bytes as the index of a log server: parsed or refused, and the same after a round trip.
#![no_main]

use libfuzzer_sys::fuzz_target;
use log_core::index::IndexEntry;

fuzz_target!(|bytes: &[u8]| {
    let Ok(entries) = serde_json::from_slice::<Vec<IndexEntry>>(bytes) else {
        return;
    };
    let text = serde_json::to_vec(&entries).expect("what was parsed can be written");
    let again: Vec<IndexEntry> = serde_json::from_slice(&text).expect("what was written parses");
    assert_eq!(entries, again);
});
