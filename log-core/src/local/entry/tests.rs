//! Entries: they come back as they were, and what is none is never taken for one.

use super::*;
use proptest::prelude::*;

fn entry(id: u64, at: u64, name: u64) -> Entry {
    let (kind, len, time, crc) = (Kind::Object, 0, 1_700_000_000_000_000, 0);
    Entry {
        id,
        at,
        kind,
        name,
        len,
        time,
        crc,
    }
}

/// A journal that starts at `from`, and the payloads.
fn journal(from: u64, payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, payload) in (0..).zip(payloads) {
        entry(7, from + bytes.len() as u64, name).encode(payload, &mut bytes);
    }
    bytes
}

/// The bytes of a whole entry, as docs/LOG-FORMAT.md has them; they must never change.
#[test]
fn the_format_is_what_the_page_says() {
    let mut bytes = Vec::new();
    entry(0x1122, 0, 0x2f4).encode(b"abc", &mut bytes);
    let header = data_encoding::HEXLOWER.encode(&bytes[..52]);
    assert_eq!(
        header,
        "896d75746c6f6701\
         2211000000000000\
         0000000000000000\
         f402000000000000\
         00401e18240a0600\
         03000000\
         01000000\
         c2412435"
    );
    assert_eq!(bytes[52..56], crc32fast::hash(&bytes[..52]).to_le_bytes());
    assert_eq!(&bytes[56..], b"abc");
}

/// A comment that holds the bytes of an entry, of this very journal and place, in one that is damaged.
#[test]
fn an_entry_inside_a_payload_is_none() {
    let mut inner = Vec::new();
    entry(8, 56 + 10, 99).encode(b"forged", &mut inner);
    let payload = [b"0123456789", &inner[..]].concat();
    let mut bytes = journal(0, &[b"first".to_vec(), payload, b"last".to_vec()]);
    let second = 56 + 5;
    bytes[second + 60] ^= 1;
    let found = scan(&bytes, 0, None).unwrap();
    let names: Vec<_> = found.entries.iter().map(|entry| entry.name).collect();
    assert_eq!(names, [0, 2]);
    let damaged = 61..found.entries[1].at;
    assert_eq!(found.damaged, vec![damaged]);
}

/// Many headers that promise a payload cost no more than a bounded number of looks at it.
#[test]
fn hopeless_headers_are_given_up() {
    let mut bytes = Vec::new();
    for at in (0..6000).map(|n| n * HEADER_BYTES as u64) {
        let mut one = Vec::new();
        entry(7, at, 1).encode(&vec![0; 1 << 16], &mut one);
        bytes.extend_from_slice(&one[..HEADER_BYTES]);
    }
    let found = scan(&bytes, 0, None).unwrap();
    assert_eq!(found, Scan::default());
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..8),
        from in 0..1_u64 << 40,
    ) {
        let bytes = journal(from, &payloads);
        let found = scan(&bytes, from, None).unwrap();
        prop_assert_eq!(found.end, from + bytes.len() as u64);
        prop_assert!(found.damaged.is_empty());
        let read: Vec<_> = found.entries.iter().map(|entry| {
            let range = entry.payload();
            bytes[(range.start - from) as usize..(range.end - from) as usize].to_vec()
        }).collect();
        prop_assert_eq!(read, payloads);
        let elsewhere = scan(&bytes, from + 1, None).unwrap();
        prop_assert!(elsewhere.entries.is_empty(), "an entry counts only at its place");
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(found) = scan(&bytes, 0, None) {
            prop_assert!(found.end <= bytes.len() as u64);
        }
    }
}
