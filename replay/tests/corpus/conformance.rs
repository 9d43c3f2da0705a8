//! The conformance logs dump to what the original's client has of them, wherever they are opened from.

use log_core::Position;

use crate::log::{
    Conforming, DiskLog, assert_same, conforming, cut, dump, original_rules, records,
};

#[tokio::test]
async fn cold_from_an_originals_folder() {
    for Conforming {
        name,
        log,
        dump: want,
    } in conforming()
    {
        let disk = DiskLog::new(std::slice::from_ref(&log));
        let loaded = disk.load(&original_rules()).await;
        assert_eq!(loaded.opening.checkpoint, None);
        assert_eq!(loaded.opening.folded_bytes, log.len() as u64);
        assert_same(&dump(loaded.folded.state()), &want, &name);
    }
}

#[tokio::test]
async fn from_a_checkpoint_at_every_record() {
    for Conforming {
        name,
        log,
        dump: want,
    } in conforming()
    {
        let log = [log];
        let records = records(&log);
        let ends = records.iter().map(|record| record.next);
        for (number, end) in [Position::START].into_iter().chain(ends).enumerate() {
            let what = format!("{name} after {number} records");
            let disk = DiskLog::new(&cut(&log, end));
            let mut before = disk.load(&original_rules()).await;
            let path = before.checkpoint().await.unwrap();
            drop(before);
            disk.extend_to(&log);
            let loaded = disk.load(&original_rules()).await;
            let opening = &loaded.opening;
            assert_eq!(opening.checkpoint.as_ref(), Some(&path), "{what}");
            assert_eq!(opening.from, end, "{what}");
            let rest = (records.len() - number) as u64;
            assert_eq!(opening.folded_records, rest, "{what}");
            assert_same(&dump(loaded.folded.state()), &want, &what);
        }
    }
}
