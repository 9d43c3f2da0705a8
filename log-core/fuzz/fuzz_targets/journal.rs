//! Journals of arbitrary bytes, and sound ones with damage: no panic, entries and damage lie in order within the
//! bytes, what is before the first change is found, and nothing is found that was not written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use log_core::local::entry::{Entry, Kind, scan};

/// Name, kind and payload of an entry.
type Written = (u64, u8, Vec<u8>);

fn check(bytes: &[u8], from: u64, id: Option<u64>) -> Vec<Entry> {
    let Ok(found) = scan(bytes, from, id) else {
        return Vec::new();
    };
    let limit = from + bytes.len() as u64;
    let mut end = from;
    let mut damaged = found.damaged.iter();
    for entry in &found.entries {
        if entry.at > end {
            assert_eq!(damaged.next(), Some(&(end..entry.at)));
        }
        assert!(entry.at >= end && entry.end() <= limit);
        let payload = entry.payload();
        let payload = &bytes[(payload.start - from) as usize..(payload.end - from) as usize];
        let mut again = Vec::new();
        entry.encode(payload, &mut again);
        assert_eq!(
            again,
            bytes[(entry.at - from) as usize..(entry.end() - from) as usize]
        );
        end = entry.end();
    }
    assert_eq!(damaged.next(), None);
    assert_eq!(found.end, end);
    found.entries
}

fuzz_target!(|input: (u32, u64, Vec<Written>, u32, u8, &[u8])| {
    let (from, id, written, place, change, raw) = input;
    let from = u64::from(from);
    check(raw, from, None);
    check(raw, from, Some(id));

    let mut bytes = Vec::new();
    let mut entries = Vec::new();
    for (name, kind, payload) in &written {
        let entry = Entry {
            id,
            at: from + bytes.len() as u64,
            kind: [Kind::Object, Kind::Removal, Kind::Settled][usize::from(kind % 3)],
            name: *name,
            len: payload.len() as u32,
            time: *name as i64,
            crc: crc32fast::hash(payload),
        };
        entry.encode(payload, &mut bytes);
        entries.push(entry);
    }
    assert_eq!(check(&bytes, from, Some(id)), entries);
    // Torn at any place: what is whole before it stays.
    let torn = place as usize % (bytes.len() + 1);
    let whole = entries
        .iter()
        .filter(|entry| entry.end() <= from + torn as u64)
        .count();
    assert_eq!(check(&bytes[..torn], from, Some(id)), entries[..whole]);
    // One byte changed: all entries but that one stay.
    if torn < bytes.len() && change != 0 {
        bytes[torn] ^= change;
        let hit = from + torn as u64;
        entries.retain(|entry| !(entry.at..entry.end()).contains(&hit));
        assert_eq!(check(&bytes, from, Some(id)), entries);
    }
});
