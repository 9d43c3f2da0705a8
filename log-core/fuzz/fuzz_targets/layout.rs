//! Listings of arbitrary names and sizes: no panic, and the parts of a layout fit together.
#![no_main]

use libfuzzer_sys::fuzz_target;
use log_core::layout::{Layout, Object, Segment, batch_path};
use log_core::segment::SegmentName;

/// A raw name, or else a batch's or a sealed segment's.
type Entry = (Option<String>, u32, u64, u64, i64);

fn path(number: u32, offset: u64) -> String {
    if number % 5 > 0 {
        return batch_path(number % 4, offset % 64);
    }
    let name = SegmentName {
        number: number % 4,
        sha224: [offset as u8 % 2; 28],
    };
    name.to_string()
}

fuzz_target!(|entries: Vec<Entry>| {
    let objects: Vec<Object> = entries
        .into_iter()
        .map(|(name, number, offset, size, modified)| Object {
            path: name.unwrap_or_else(|| path(number, offset)),
            size: if offset % 3 == 0 { size } else { size % 64 },
            modified,
        })
        .collect();
    let layout = Layout::read(&objects);
    let end = layout.end();
    if let Some(gap) = layout.gap {
        assert!(gap.missing < gap.present);
        assert_eq!(end.segment, gap.missing);
    }
    assert!(end.segment as usize <= layout.segments.len());
    let before = layout.segments.len().saturating_sub(1);
    assert!(layout.segments[..before].iter().all(Segment::is_complete));
    assert!(layout.strays.len() + layout.joined.len() <= objects.len());
});
