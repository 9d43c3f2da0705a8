//! The conformance logs, which the original was run on: `../shared/conformance`, beside the
//! repository.

use std::path::Path;

use log_core::frame::Frames;

use super::{check, view};

#[test]
fn every_record_of_the_conformance_logs() {
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance");
    let Ok(entries) = std::fs::read_dir(&logs) else {
        return; // a clone without them
    };
    let mut taken = 0;
    let mut refused = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ext| ext != "mutlog") {
            continue;
        }
        let log = std::fs::read(&path).unwrap();
        for frame in Frames::new(&log, 0).map_while(Result::ok) {
            check(frame.payload);
            match view(frame.payload) {
                Ok(_) => taken += 1,
                Err(_) => refused.push(path.file_stem().unwrap().to_owned()),
            }
        }
    }
    refused.sort();
    assert!(taken > 100, "{taken}");
    assert_eq!(refused, ["fatal-bad-proto", "fatal-field-number-zero"]);
}
