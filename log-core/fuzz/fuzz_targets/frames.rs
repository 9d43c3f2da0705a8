//! Frames of arbitrary bytes: no panic, both readers agree, and what decodes encodes to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use log_core::frame::{FrameReadError, FrameReader, Frames, encode};

fuzz_target!(|input: (u64, &[u8])| {
    let (offset, bytes) = input;
    let offset = offset >> 1; // as the original, which has signed ones
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without drivers");
    let mut reader = FrameReader::new(bytes, offset);
    let mut encoded = Vec::new();
    for frame in Frames::new(bytes, offset) {
        match (frame, runtime.block_on(reader.next())) {
            (Ok(frame), Ok(Some(owned))) => {
                assert_eq!(
                    (frame.offset, frame.end, frame.payload),
                    (owned.offset, owned.end, &owned.payload[..])
                );
                let at = encoded.len() as u64;
                encode(&mut encoded, at, frame.payload);
            }
            (Err(error), Err(FrameReadError::Frame { source })) => {
                assert_eq!(error, source);
                break;
            }
            (frame, owned) => panic!("{frame:?} but {owned:?}"),
        }
    }
    assert!(Frames::new(&encoded, 0).all(|frame| frame.is_ok()));
});
