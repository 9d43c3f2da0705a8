//! Listings of arbitrary names and sizes: no panic, and the parts of a layout fit together.
#![no_main]

use libfuzzer_sys::fuzz_target;
use log_core::layout::{Layout, Object, Segment, batch_path};

/// A raw name, or a batch's.
type Entry = (Option<String>, u32, u64, u64, i64);

fuzz_target!(|entries: Vec<Entry>| {
    let objects: Vec<Object> = entries
        .into_iter()
        .map(|(name, number, offset, size, modified)| Object {
            path: name.unwrap_or_else(|| batch_path(number % 4, offset % 64)),
            size: if offset % 3 == 0 { size } else { size % 64 },
            modified,
        })
        .collect();
    let Ok(layout) = Layout::read(&objects) else {
        return;
    };
    let end = layout.end();
    assert!(end.segment as usize <= layout.segments.len());
    let before = layout.segments.len().saturating_sub(1);
    assert!(layout.segments[..before].iter().all(Segment::is_complete));
    assert!(layout.strays.len() + layout.joined.len() <= objects.len());
});
