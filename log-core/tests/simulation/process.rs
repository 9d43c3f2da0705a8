//! The processes: writers with concurrent callers and a follower each, and one that only observes.
//!
//! Depends on log-core's public API and the world. What callers are told goes into the ledger; what
//! any reader sees goes into the world, where it may never be seen otherwise.

use crate::plan::Script;
use crate::store::ProcessStore;
use crate::world::{GRACE, PREFIX, World};
use log_core::{
    AppendError, Appended, NewRecord, OpenError, Position, Reader, Record, Stream, Writer,
    WriterOptions, explain,
};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Lives of a writing process; then it gives up.
const LIVES_MAX: u64 = 12;
/// Tries of the observer to read the rest when all is over; one may be made to fail.
const LAST_LOOKS_MAX: u32 = 5;
/// Segments end after so many batches or bytes.
pub(crate) const SEGMENT_BATCHES: usize = 3;
pub(crate) const SEGMENT_BYTES: u64 = 600;

/// Who appends: the process and the caller in it.
pub(crate) type Caller = (usize, u64);

/// What callers asked for and were told.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Every text that was ever handed to a writer.
    pub(crate) issued: BTreeSet<String>,
    /// The texts of an append, the last of which is at the place, in order of acknowledgement.
    pub(crate) acknowledged: Vec<(Caller, Vec<String>, Appended)>,
    pub(crate) failed: Vec<(Vec<String>, AppendError)>,
    /// Where the log was expected to end, and where the record is that was appended only there.
    pub(crate) conditional: Vec<(Position, Appended)>,
    /// Epochs that writers were given.
    pub(crate) epochs: Vec<u64>,
}

/// A writing process over all its lives.
pub(crate) struct WritingProcess {
    pub(crate) world: Arc<World>,
    pub(crate) process: usize,
    pub(crate) script: Script,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    /// What each caller appends next.
    next: Mutex<Vec<u64>>,
    closed_once: Mutex<bool>,
}

impl WritingProcess {
    pub(crate) fn new(
        world: Arc<World>,
        process: usize,
        script: Script,
        ledger: Arc<Mutex<Ledger>>,
    ) -> Self {
        world.state().processes[process].skewed = script.skewed;
        let next = Mutex::new(vec![0; script.callers as usize]);
        Self {
            world,
            process,
            script,
            ledger,
            next,
            closed_once: Mutex::new(false),
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    /// Lives until everything is appended, or too often.
    pub(crate) async fn run(self) {
        tokio::time::sleep(self.script.start).await;
        for number in 0..LIVES_MAX {
            let life = self.world.state().processes[self.process].life;
            let done = tokio::select! {
                biased;
                () = self.world.stopped(self.process, life) => false,
                done = self.live(number) => done,
            };
            if done {
                return;
            }
            let rest = 1_100 * (1 + self.process as u64) + 700 * number;
            tokio::time::sleep(Duration::from_millis(rest)).await;
        }
    }

    fn options(&self, number: u64) -> WriterOptions {
        WriterOptions {
            segment_batches: SEGMENT_BATCHES,
            segment_bytes: SEGMENT_BYTES,
            grace: GRACE,
            linger: self.script.linger,
            queue: 2,
            clock: self.world.clock(self.process),
            nonce: Some(self.process as u64 * 1_000 + number),
            ..WriterOptions::new("sim")
        }
    }

    /// One life; whether everything is appended.
    async fn live(&self, number: u64) -> bool {
        let store = Arc::new(ProcessStore::new(self.world.clone(), self.process));
        let opened = async {
            let stream = Stream::open(store, PREFIX).await?;
            let writer = Writer::open(stream.clone(), self.options(number)).await?;
            Ok::<_, OpenError>((stream, writer))
        };
        let (stream, writer) = match opened.await {
            Ok(opened) => opened,
            Err(error) => {
                self.note_error("opens", &error);
                return false;
            }
        };
        self.world
            .trace(&format!("p{} has epoch {}", self.process, writer.epoch()));
        self.ledger().epochs.push(writer.epoch());
        let follower = format!("the follower of p{}", self.process);
        let mut following = std::pin::pin!(follow(&self.world, &follower, &stream));
        let callers = (0..self.script.callers).map(|caller| self.call(&writer, caller));
        let all = async {
            let finished = futures::future::join_all(callers).await;
            let _ = writer.close().await;
            finished.iter().all(|finished| *finished)
        };
        let finished = tokio::select! {
            biased;
            () = &mut following => false,
            finished = all => finished,
        };
        // What was acknowledged here is visible here.
        let read = tokio::time::timeout(Duration::from_millis(1), following);
        let _ = read.await;
        finished
    }

    fn note_error(&self, what: &str, error: &(dyn std::error::Error + 'static)) {
        let text = explain(error);
        self.world
            .trace(&format!("p{} {what}: {text}", self.process));
        // Nothing is wrong with the log: only what was made to fail may fail.
        if !text.contains("injected") {
            self.world
                .violation(format!("p{} {what}: {text}", self.process));
        }
    }

    /// Appends what is left for this caller; false if it was not told that all is there.
    async fn call(&self, writer: &Writer, caller: u64) -> bool {
        loop {
            let number = self.next.lock().unwrap()[caller as usize];
            if number >= self.script.appends {
                return true;
            }
            tokio::time::sleep(self.script.think + Duration::from_millis(caller * 3)).await;
            if caller == 0 && self.script.close_before == Some(number) {
                let first = !std::mem::replace(&mut *self.closed_once.lock().unwrap(), true);
                if first {
                    let _ = writer.close().await;
                    return false;
                }
            }
            if !self.append(writer, caller, number).await {
                return false;
            }
        }
    }

    /// One append; false if this writer is no longer to be used.
    async fn append(&self, writer: &Writer, caller: u64, number: u64) -> bool {
        let advance = || self.next.lock().unwrap()[caller as usize] += 1;
        // Without a key nothing is ever tried again, not even after a stop.
        if !self.script.keyed {
            advance();
        }
        // One, two, or three records at a time, of different lengths; every other one of the second
        // caller only where it thinks that the log ends.
        let conditional = caller == 1 && number % 2 == 1;
        let count = match conditional {
            true => 1,
            false => [1, 1, 2, 1, 3][(number as usize + caller as usize) % 5],
        };
        let texts: Vec<String> = (0..count)
            .map(|part| {
                let padding = "x".repeat((number as usize * 13 + part * 29) % 60);
                format!("{}.{caller}.{number}.{part} {padding}", self.process)
            })
            .collect();
        self.ledger().issued.extend(texts.iter().cloned());
        let records = texts.iter().map(|text| match self.script.keyed {
            true => new_record(text).with_key(text),
            false => new_record(text),
        });
        let tail = writer.stream().tail();
        let outcome = match conditional {
            true => writer.append_if(tail, records.collect()).await,
            false => writer.append_all(records.collect()).await,
        };
        self.world
            .trace(&format!("p{}.{caller} {number}: {outcome:?}", self.process));
        match outcome {
            Ok(appended) => {
                if self.script.keyed {
                    advance();
                }
                let mut ledger = self.ledger();
                // With a key it may have been there before.
                if conditional && !self.script.keyed {
                    ledger.conditional.push((tail, appended));
                }
                let who = (self.process, caller);
                ledger.acknowledged.push((who, texts, appended));
                true
            }
            Err(error) => {
                let moved = matches!(error, AppendError::Moved { .. });
                if moved && self.script.keyed {
                    advance();
                }
                self.ledger().failed.push((texts, error));
                moved
            }
        }
    }
}

/// A record of this text: field 1 of any mutation.
pub(crate) fn new_record(text: &str) -> NewRecord {
    NewRecord::from_payload([&[0x0a, text.len() as u8], text.as_bytes()].concat())
}

/// The text of a record; none if it is a claim.
pub(crate) fn text_of(record: &Record) -> Option<&str> {
    let length = match record.payload[..] {
        [0x0a, length, ..] => usize::from(length),
        _ => return None,
    };
    std::str::from_utf8(record.payload.get(2..2 + length)?).ok()
}

/// Notes what a reader sees: each record once, in order, and what others saw there.
pub(crate) fn see(world: &World, who: &str, at: &mut Position, records: &[Record]) {
    for record in records {
        let follows = record.at == *at || record.at == Position::start_of(at.segment + 1);
        if !follows {
            world.violation(format!("{who} sees {} after {at}", record.at));
        }
        *at = record.next;
        let here = (record.next, record.payload.clone());
        let known = world
            .state()
            .seen
            .entry(record.at)
            .or_insert_with(|| here.clone())
            .clone();
        if known != here {
            world.violation(format!("{who} sees something else at {}", record.at));
        }
    }
}

/// Follows the stream in the process that writes it.
async fn follow(world: &World, who: &str, stream: &Stream) {
    let mut reader = stream.reader(Position::START);
    let mut at = Position::START;
    loop {
        match reader.follow().await {
            Ok(records) => see(world, who, &mut at, &records),
            Err(error) => {
                let text = explain(&error);
                world.trace(&format!("{who}: {text}"));
                if !text.contains("injected") {
                    world.violation(format!("{who} reads: {text}"));
                    return std::future::pending().await;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Looks at the stream from a process of its own, until it is told that nothing more comes.
pub(crate) async fn observe(
    world: Arc<World>,
    process: usize,
    every: Duration,
    finished: &Mutex<bool>,
) {
    let mut seen = Position::START;
    loop {
        let life = world.state().processes[process].life;
        tokio::select! {
            biased;
            () = world.stopped(process, life) => seen = Position::START,
            () = observe_life(&world, process, every, finished, &mut seen) => return,
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn observe_life(
    world: &Arc<World>,
    process: usize,
    every: Duration,
    finished: &Mutex<bool>,
    seen: &mut Position,
) {
    let stream = loop {
        let store = Arc::new(ProcessStore::new(world.clone(), process));
        match Stream::open(store, PREFIX).await {
            Ok(stream) => break stream,
            Err(error) => forgive(world, "the observer opens", &error),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    let mut reader = stream.reader(*seen);
    let mut last_looks = 0;
    loop {
        let last = *finished.lock().unwrap();
        let complete = look(world, &stream, &mut reader, seen).await;
        last_looks += u32::from(last);
        if last && complete {
            return;
        }
        if last_looks > LAST_LOOKS_MAX {
            world.violation("the observer cannot come to the end".to_owned());
            return;
        }
        tokio::time::sleep(every).await;
    }
}

/// Reads what is new; whether that was all.
async fn look(world: &World, stream: &Stream, reader: &mut Reader, seen: &mut Position) -> bool {
    if let Err(error) = stream.refresh().await {
        forgive(world, "the observer refreshes", &error);
        return false;
    }
    loop {
        match reader.next_batch().await {
            Ok(records) if records.is_empty() => return true,
            Ok(records) => see(world, "the observer", seen, &records),
            Err(error) => {
                forgive(world, "the observer reads", &error);
                return false;
            }
        }
    }
}

/// Only what was made to fail may fail.
fn forgive(world: &World, what: &str, error: &(dyn std::error::Error + 'static)) {
    let text = explain(error);
    world.trace(&format!("{what}: {text}"));
    if !text.contains("injected") {
        world.violation(format!("{what}: {text}"));
    }
}
