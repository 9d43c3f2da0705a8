//! What goes into one batch, and who waits for it. Pure but for the answers it gives.

use super::keys::Keys;
use super::{Appended, NewRecord, Request};
use crate::error::AppendError;
use crate::frame;
use crate::meta::stamp;
use crate::position::Position;
use proto::forgelog::Meta;
use std::collections::HashMap;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// The limits of the segment that a batch goes into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes that the segment may have.
    pub(super) segment_bytes: u64,
    /// Whether the segment may have another batch.
    pub(super) another_batch: bool,
}

/// A batch that is being gathered.
pub(super) struct Batch {
    /// Where it will begin.
    start: Position,
    /// Where the segment before it ended, if it would be the first of its own: the same end of the log.
    also_start: Option<Position>,
    bytes: Vec<u8>,
    waiting: Vec<Waiting>,
    /// The records with a key, by it.
    keys: HashMap<String, Appended>,
}

/// Someone who hears the outcome once the batch has one.
struct Waiting {
    answer: oneshot::Sender<Result<Appended, AppendError>>,
    /// What to say if the batch became durable.
    then: Result<Appended, AppendError>,
    _room: OwnedSemaphorePermit,
}

/// What came of adding a request to a batch.
pub(super) enum Added {
    /// It waits for the batch, or is answered already.
    Taken,
    /// The segment has no room for it.
    NoRoom(Request),
}

impl Batch {
    pub(super) fn new(start: Position, also_start: Option<Position>) -> Self {
        Self {
            start,
            also_start,
            bytes: Vec::new(),
            waiting: Vec::new(),
            keys: HashMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Nobody waits for it, and it holds nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn end(&self) -> Position {
        Position {
            offset: self.start.offset + self.bytes.len() as u64,
            ..self.start
        }
    }

    /// Adds a request, unless the segment has no room for it. `meta` makes the meta of each record.
    pub(super) fn add(
        &mut self,
        request: Request,
        limits: Limits,
        known: &Keys,
        stream: &str,
        mut meta: impl FnMut(&NewRecord) -> Meta,
    ) -> Added {
        let found = |keys: &HashMap<String, Appended>, key: &str| {
            known.get(key).or_else(|| keys.get(key).copied())
        };
        if let Some(appended) = all_known(&request, known) {
            // Durable since long: whatever becomes of this batch.
            let _ = request.answer.send(Ok(appended));
            return Added::Taken;
        }
        let (start, end) = (self.bytes.len(), self.end());
        let mut last = None;
        let mut fresh: Vec<(String, Appended)> = Vec::new();
        let mut first_of_all = true;
        for record in &request.records {
            let key = &record.idempotency_key;
            let twice = fresh
                .iter()
                .find(|(other, _)| !key.is_empty() && other == key);
            let there = found(&self.keys, key).or(twice.map(|&(_, appended)| appended));
            if let Some(appended) = there.filter(|_| !key.is_empty()) {
                last = Some(appended);
                continue;
            }
            if std::mem::take(&mut first_of_all)
                && let Some(moved) = self.moved(&request, end, stream)
            {
                self.wait(request, Err(moved));
                return Added::Taken;
            }
            let appended = self.encode(record, meta(record));
            fresh.push((key.clone(), appended));
            last = Some(appended);
        }
        let bytes = (self.bytes.len() - start) as u64;
        if request.records.len() > 1 && bytes > limits.segment_bytes {
            self.bytes.truncate(start);
            let (stream, max) = (stream.to_owned(), limits.segment_bytes);
            self.wait(request, Err(AppendError::TooLarge { stream, bytes, max }));
            return Added::Taken;
        }
        let full = self.end().offset > limits.segment_bytes || !limits.another_batch;
        if bytes > 0 && full && end.offset > 0 {
            self.bytes.truncate(start);
            return Added::NoRoom(request);
        }
        self.keys
            .extend(fresh.into_iter().filter(|(key, _)| !key.is_empty()));
        let outcome = match last {
            Some(appended) => Ok(appended),
            // No records: only the condition was asked.
            None => match self.moved(&request, end, stream) {
                Some(moved) => Err(moved),
                None => Ok(Appended { at: end, next: end }),
            },
        };
        self.wait(request, outcome);
        Added::Taken
    }

    /// Why the request's condition does not hold, if it does not.
    fn moved(&self, request: &Request, end: Position, stream: &str) -> Option<AppendError> {
        let expected = request.condition?;
        let same = expected == end || (self.bytes.is_empty() && self.also_start == Some(expected));
        (!same).then(|| AppendError::Moved {
            stream: stream.to_owned(),
            expected,
            tail: end,
        })
    }

    fn encode(&mut self, record: &NewRecord, meta: Meta) -> Appended {
        let at = self.end();
        frame::encode(&mut self.bytes, at.offset, &stamp(&record.payload, meta));
        Appended {
            at,
            next: self.end(),
        }
    }

    fn wait(&mut self, request: Request, then: Result<Appended, AppendError>) {
        self.waiting.push(Waiting {
            answer: request.answer,
            then,
            _room: request._room,
        });
    }

    /// What the store is to get.
    pub(super) fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Answers everyone: the batch is durable, or it is not.
    pub(super) fn answer(self, outcome: Result<(), AppendError>, keys: &mut Keys) {
        if outcome.is_ok() {
            for (key, appended) in self.keys {
                keys.note(key, appended);
            }
        }
        for waiting in self.waiting {
            // A caller that no longer waits has its record all the same.
            let _ = waiting.answer.send(outcome.clone().and(waiting.then));
        }
    }
}

/// Where the last of the request's records is, if all of them are in the log already.
fn all_known(request: &Request, known: &Keys) -> Option<Appended> {
    let places = request
        .records
        .iter()
        .map(|record| known.get(&record.idempotency_key));
    places.collect::<Option<Vec<_>>>()?.pop()
}
