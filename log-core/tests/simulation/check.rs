//! What must hold when everything is over: a fresh writer and a fresh reader look at the bare store.
//!
//! Depends on the public API, the ledger and the world. Gives everything that does not hold.

use crate::invariants::{first_chain, written};
use crate::process::{Caller, Ledger, SEGMENT_BATCHES, SEGMENT_BYTES, new_record, see, text_of};
use crate::store::ProcessStore;
use crate::world::{GRACE, PREFIX, World};
use log_core::{
    AppendError, Position, Record, Stream, Writer, WriterOptions, explain, meta_of, verify,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Appends by which the fresh writer shows that the log goes on, through seals and removals.
const MORE: usize = 6;

/// Opens the stream again, goes on with it, and compares all of it with what was told.
pub(crate) async fn check(world: &Arc<World>, checker: usize, ledger: &Ledger) -> Vec<String> {
    let mut broken = Vec::new();
    let more = match go_on(world, checker).await {
        Ok(more) => more,
        Err(text) => {
            broken.push(format!("the log cannot be gone on with: {text}"));
            Vec::new()
        }
    };
    match read_all(world, checker).await {
        Err(text) => broken.push(format!("the log cannot be read: {text}")),
        Ok(records) => {
            chained(&records, &mut broken);
            content(&records, ledger, &more, &mut broken);
            conditions(&records, ledger, &mut broken);
            order(ledger, &mut broken);
            metas(&records, ledger, &mut broken);
            failures(&records, ledger, &mut broken);
            segments(world, &records, &mut broken);
            kept(world, &records, &mut broken);
        }
    }
    broken.extend(world.state().violations.iter().cloned());
    broken
}

/// The texts that were appended.
async fn go_on(world: &Arc<World>, checker: usize) -> Result<Vec<String>, String> {
    let store = Arc::new(ProcessStore::new(world.clone(), checker));
    let told = |error: &(dyn std::error::Error + 'static)| explain(error);
    let stream = Stream::open(store, PREFIX).await.map_err(|e| told(&e))?;
    let options = WriterOptions {
        segment_batches: SEGMENT_BATCHES,
        segment_bytes: SEGMENT_BYTES,
        grace: GRACE,
        clock: world.clock(checker),
        nonce: Some(u64::MAX),
        ..WriterOptions::new("checker")
    };
    let writer = Writer::open(stream, options).await.map_err(|e| told(&e))?;
    let mut texts = Vec::new();
    for number in 0..MORE {
        let text = format!("more {number}");
        let appended = writer.append(new_record(&text)).await;
        appended.map_err(|e| told(&e))?;
        texts.push(text);
        tokio::time::sleep(GRACE / 2).await;
    }
    writer.close().await.map_err(|e| told(&e))?;
    Ok(texts)
}

async fn read_all(world: &Arc<World>, checker: usize) -> Result<Vec<Record>, String> {
    let store = Arc::new(ProcessStore::new(world.clone(), checker));
    let opened = Stream::open(store, PREFIX).await;
    let stream = opened.map_err(|error| explain(&error))?;
    let mut reader = stream.reader(Position::START);
    let (mut all, mut at) = (Vec::new(), Position::START);
    loop {
        let read = reader.next_batch().await;
        let records = read.map_err(|error| explain(&error))?;
        if records.is_empty() {
            break;
        }
        see(world, "the checker", &mut at, &records);
        all.extend(records);
    }
    let report = verify(&stream).await.map_err(|error| explain(&error))?;
    if report.records != all.len() as u64 {
        return Err(format!("{} of {} verified", report.records, all.len()));
    }
    for fault in report.faults {
        if !is_late(world, &fault.object, &fault.what) {
            return Err(format!("{} at {}: {}", fault.object, fault.at, fault.what));
        }
    }
    Ok(all)
}

/// A stray that is no fault of anyone: an object that a sleeper or a late answer made where the
/// segment had been sealed and its batches removed.
fn is_late(world: &World, object: &str, what: &str) -> bool {
    let batch = crate::invariants::parse_batch(object);
    let sealed = batch.is_some_and(|(number, _)| {
        let state = world.state();
        crate::invariants::sealed_objects(&state, number).count() == 1
    });
    sealed && what == "no part of the log"
}

/// Every record begins where the one before ends.
fn chained(records: &[Record], broken: &mut Vec<String>) {
    for pair in records.windows(2) {
        let next = Position::start_of(pair[0].next.segment + 1);
        if pair[1].at != pair[0].next && pair[1].at != next {
            broken.push(format!("{} comes after {}", pair[1].at, pair[0].next));
        }
    }
}

/// Everything acknowledged is there once, at its place; nothing is there that nobody appended.
fn content(records: &[Record], ledger: &Ledger, more: &[String], broken: &mut Vec<String>) {
    let mut found: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in records {
        if let Some(text) = text_of(record) {
            found.entry(text).or_default().push(record);
        }
    }
    for (text, places) in &found {
        // A key is known in the open segment and the one before it (LOG-FORMAT.md).
        let forgotten = |pair: &[&Record]| pair[1].at.segment > pair[0].at.segment + 1;
        let keyed = |record: &&Record| {
            meta_of(&record.payload).is_some_and(|meta| meta.idempotency_key == **text)
        };
        if !places.windows(2).all(forgotten) || (places.len() > 1 && !places.iter().all(keyed)) {
            broken.push(format!("{text:?} is there {} times", places.len()));
        }
        if !ledger.issued.contains(*text) && !more.iter().any(|more| more == text) {
            broken.push(format!("nobody appended {text:?}"));
        }
    }
    for (_, texts, appended) in &ledger.acknowledged {
        let mut next = None;
        for text in texts {
            let last = Some(text) == texts.last();
            let places = found.get(text.as_str()).map_or(&[][..], |places| places);
            let told = |record: &&&Record| last && record.at == appended.at;
            let Some(record) = places.iter().find(told).or(places.first()) else {
                broken.push(format!("{text:?} was acknowledged and is lost"));
                continue;
            };
            if places.len() == 1 && next.is_some_and(|next| next != record.at) {
                broken.push(format!("{text:?} was torn from its batch"));
            }
            next = Some(record.next);
            if last && (record.at, record.next) != (appended.at, appended.next) {
                broken.push(format!("{text:?} is at {}, not {}", record.at, appended.at));
            }
        }
    }
    let last = more
        .iter()
        .filter(|text| !found.contains_key(text.as_str()));
    broken.extend(last.map(|text| format!("{text:?} is lost")));
}

/// What was appended only where the log was expected to end follows what ended there.
fn conditions(records: &[Record], ledger: &Ledger, broken: &mut Vec<String>) {
    for (tail, appended) in &ledger.conditional {
        let index = records.partition_point(|record| record.at < appended.at);
        let before = index.checked_sub(1).map(|before| records[before].next);
        // The end of a segment is the start of the next one.
        if before != Some(*tail) && appended.at != *tail {
            broken.push(format!("{} was to follow {tail}", appended.at));
        }
    }
}

/// What a caller was told first is first.
fn order(ledger: &Ledger, broken: &mut Vec<String>) {
    let mut last: BTreeMap<Caller, Position> = BTreeMap::new();
    for (caller, _, appended) in &ledger.acknowledged {
        if let Some(before) = last.insert(*caller, appended.at)
            && before >= appended.at
        {
            broken.push(format!("{caller:?}: {} after {before}", appended.at));
        }
    }
}

/// Epochs grow with every claim and are nobody else's; times never go back.
fn metas(records: &[Record], ledger: &Ledger, broken: &mut Vec<String>) {
    let (mut epoch, mut writer, mut recorded) = (0, String::new(), (0, 0));
    for record in records {
        let Some(meta) = meta_of(&record.payload) else {
            broken.push(format!("{} has no meta", record.at));
            continue;
        };
        let claim = text_of(record).is_none();
        if claim && meta.epoch <= epoch {
            broken.push(format!("{} claims {} again", record.at, meta.epoch));
        }
        if !claim && (meta.epoch, &meta.writer) != (epoch, &writer) {
            broken.push(format!("{} is of a writer that lost", record.at));
        }
        let time = meta.recorded.map_or((0, 0), |t| (t.seconds, t.nanos));
        if time < recorded {
            broken.push(format!("{} goes back in time", record.at));
        }
        (epoch, writer, recorded) = (meta.epoch, meta.writer, time);
    }
    let different: BTreeSet<u64> = ledger.epochs.iter().copied().collect();
    if different.len() != ledger.epochs.len() {
        broken.push(format!("an epoch is shared: {:?}", ledger.epochs));
    }
}

/// An append that failed says the truth about why, and whether it is in the log.
fn failures(records: &[Record], ledger: &Ledger, broken: &mut Vec<String>) {
    let there: BTreeSet<&str> = records.iter().filter_map(text_of).collect();
    let claims: BTreeSet<u64> = records
        .iter()
        .filter(|record| text_of(record).is_none())
        .filter_map(|record| Some(meta_of(&record.payload)?.epoch))
        .collect();
    for (texts, error) in &ledger.failed {
        // What was tried again may be there by a later try.
        let again = ledger
            .failed
            .iter()
            .filter(|other| other.0 == *texts)
            .count()
            > 1
            || ledger.acknowledged.iter().any(|other| other.1 == *texts);
        let landed = !again && texts.iter().any(|text| there.contains(text.as_str()));
        match error {
            AppendError::Fenced { epoch, by, .. } => {
                if by <= epoch || !claims.contains(by) {
                    broken.push(format!("nobody began the epoch of: {error}"));
                }
                if landed {
                    broken.push(format!("{texts:?} is there, but was told: {error}"));
                }
            }
            AppendError::Closed { .. } | AppendError::Moved { .. } if landed => {
                broken.push(format!("{texts:?} is there, but was told: {error}"));
            }
            AppendError::Closed { .. }
            | AppendError::Moved { .. }
            | AppendError::Unknown { .. } => {}
            error => broken.push(format!("{texts:?}: {error}")),
        }
    }
}

/// Segments keep their limits, and the log is what was created first at each place.
fn segments(world: &World, records: &[Record], broken: &mut Vec<String>) {
    let state = world.state();
    let mut log: Vec<Vec<u8>> = Vec::new();
    for record in records {
        let number = record.at.segment as usize;
        log.resize((number + 1).max(log.len()), Vec::new());
        log_core::frame::encode(&mut log[number], record.at.offset, &record.payload);
    }
    let mut written = written(&state);
    while written.last().is_some_and(|last| last.is_empty()) {
        written.pop();
    }
    if written != log {
        broken.push("the log is not what was created first".to_owned());
    }
    for number in 0..log.len() {
        let (chain, _) = first_chain(&state, number as u32);
        let bytes: usize = chain.iter().map(bytes::Bytes::len).sum();
        if chain.len() > SEGMENT_BATCHES || (chain.len() > 1 && bytes as u64 > SEGMENT_BYTES) {
            let batches = chain.len();
            broken.push(format!(
                "segment {number} has {batches} batches, {bytes} bytes"
            ));
        }
    }
}

/// What any reader ever saw is there.
fn kept(world: &World, records: &[Record], broken: &mut Vec<String>) {
    let there: BTreeMap<Position, &Record> = records.iter().map(|r| (r.at, r)).collect();
    for (at, (next, payload)) in &world.state().seen {
        let same = there
            .get(at)
            .is_some_and(|record| record.next == *next && record.payload == *payload);
        if !same {
            broken.push(format!("what was seen at {at} is gone"));
        }
    }
}
