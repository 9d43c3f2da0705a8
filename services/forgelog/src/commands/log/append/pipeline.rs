//! Many appends under way, whose positions come out in the order of the input. Depends on `log-core`'s writer.

use anyhow::{Error, Result, anyhow, bail};
use futures::future::{BoxFuture, FutureExt as _, MaybeDone, maybe_done};
use log_core::{Advice, AppendError, Appended, NewRecord, Position, Writer, WriterHealth, explain};
use std::collections::{HashMap, VecDeque};
use std::future::{Future as _, poll_fn};
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

use super::input::Item;

/// Appends under way. Below what the writer's queue takes, so that none waits before it, and their order stays.
const APPENDS_MAX: usize = 1000;
/// Bytes of payload under way, likewise.
const BYTES_MAX: usize = 16 << 20;
/// What a record takes beyond its payload, at most.
const RECORD_BYTES: usize = 1024;

type Answer<'w> = Pin<Box<MaybeDone<BoxFuture<'w, Result<Appended, AppendError>>>>>;

/// The appends of one run.
pub(super) struct Pipeline<'w> {
    writer: &'w Writer,
    /// For the first record: where the log has to end.
    condition: Option<Position>,
    /// Records that an earlier run appended, by their number.
    known: HashMap<u64, Appended>,
    patience: Duration,
    keep_going: bool,
    under_way: VecDeque<(usize, Answer<'w>)>,
    bytes: usize,
    /// One that has no room yet.
    waiting: Option<(u64, NewRecord)>,
    /// Records that could not be taken.
    bad: u64,
}

impl<'w> Pipeline<'w> {
    pub(super) fn new(
        writer: &'w Writer,
        condition: Option<Position>,
        known: HashMap<u64, Appended>,
        patience: Duration,
        keep_going: bool,
    ) -> Self {
        Self {
            writer,
            condition,
            known,
            patience,
            keep_going,
            under_way: VecDeque::new(),
            bytes: 0,
            waiting: None,
            bad: 0,
        }
    }

    /// Appends all, and gives the number of records that could not be taken and were passed over.
    pub(super) async fn run(
        mut self,
        mut items: mpsc::Receiver<Item>,
        out: &mut impl Write,
    ) -> Result<u64> {
        let refused = refused_for(self.writer.health(), self.patience);
        tokio::pin!(refused);
        // Why no more records are taken.
        let mut stop: Option<Error> = None;
        let mut ended = false;
        loop {
            self.submit_waiting().await;
            if self.under_way.is_empty() && self.waiting.is_none() && (ended || stop.is_some()) {
                return stop.map_or(Ok(self.bad), Err);
            }
            tokio::select! {
                biased;
                answers = poll_fn(|context| self.answers(context)), if !self.under_way.is_empty() => {
                    print(answers, out)?;
                }
                item = items.recv(), if self.waiting.is_none() && !ended && stop.is_none() => match item {
                    None => ended = true,
                    Some(Item::Record(number, record)) => self.waiting = Some((number, record)),
                    Some(Item::Bad(bad)) if self.keep_going => {
                        self.bad += 1;
                        say(&format!("error: {}", bad.text));
                        ended |= !bad.can_go_on;
                    }
                    Some(Item::Bad(bad)) => {
                        stop = Some(anyhow!("{}; what was before it is in the log, nothing after it", bad.text));
                    }
                },
                why = &mut refused => bail!(
                    "cannot append: {why}; the positions that were printed are durable, and what follows them may be or not"
                ),
            }
        }
    }

    /// Hands the waiting record to the writer, if there is room.
    async fn submit_waiting(&mut self) {
        let room = |(_, record): &(u64, NewRecord)| {
            let size = record.payload.len() + record.idempotency_key.len() + RECORD_BYTES;
            let fits = self.under_way.len() < APPENDS_MAX && self.bytes + size <= BYTES_MAX;
            (fits || self.under_way.is_empty()).then_some(size)
        };
        let Some(size) = self.waiting.as_ref().and_then(room) else {
            return;
        };
        let Some((number, record)) = self.waiting.take() else {
            return;
        };
        let writer = self.writer;
        let append = match (self.known.get(&number), self.condition.take()) {
            (Some(&appended), _) => std::future::ready(Ok(appended)).boxed(),
            (None, Some(expected)) => {
                async move { writer.append_if(expected, vec![record]).await }.boxed()
            }
            (None, None) => writer.append(record).boxed(),
        };
        // Its first poll queues it, behind all before it. Tokio must not put that off to share out time: then a later
        // record would be queued before this one.
        let append = tokio::task::unconstrained(append).boxed();
        let mut answer = Box::pin(maybe_done(append));
        poll_fn(|context| {
            let _ = answer.as_mut().poll(context);
            Poll::Ready(())
        })
        .await;
        self.bytes += size;
        self.under_way.push_back((size, answer));
    }

    /// The answers that are there, in the order of the input.
    fn answers(&mut self, context: &mut Context<'_>) -> Poll<Vec<Result<Appended, AppendError>>> {
        let mut answers = Vec::new();
        while let Some((size, answer)) = self.under_way.front_mut() {
            if answer.as_mut().poll(context).is_pending() {
                break;
            }
            answers.extend(answer.as_mut().take_output());
            self.bytes -= *size;
            self.under_way.pop_front();
        }
        if answers.is_empty() {
            return Poll::Pending;
        }
        Poll::Ready(answers)
    }
}

/// Prints positions until one append failed.
fn print(answers: Vec<Result<Appended, AppendError>>, out: &mut impl Write) -> Result<()> {
    let mut failed = None;
    for answer in answers {
        match answer {
            Ok(appended) => writeln!(out, "{}", appended.at)?,
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    out.flush()?;
    failed.map_or(Ok(()), |error| Err(what_now(&error)))
}

/// The error, and what to do about it.
fn what_now(error: &AppendError) -> Error {
    let advice = match error.advice() {
        Advice::Drop => "nothing after it was appended",
        Advice::DecideAgain => "look at the log as it is now, and append what is still wanted",
        Advice::StepDown => "see who else writes to it; the record is not in the log",
        Advice::TryAgainWithKey => {
            "with --idempotency-prefix the same input can be appended again, and nothing is there twice"
        }
        _ => "look at the log before you append again",
    };
    anyhow!("{}; {advice}", explain(error))
}

/// Ends when the store has refused to write for so long, and says why.
async fn refused_for(mut health: watch::Receiver<WriterHealth>, patience: Duration) -> String {
    loop {
        let refusal = |health: &WriterHealth| matches!(health, WriterHealth::Retrying(_));
        let why = match health.wait_for(refusal).await.as_deref() {
            Ok(WriterHealth::Retrying(why)) => why.clone(),
            // The writer stopped, and its answers say why.
            _ => return std::future::pending().await,
        };
        say(&format!("warning: {why}; trying again for {patience:?}"));
        let well = health.wait_for(|health| !refusal(health));
        if tokio::time::timeout(patience, well).await.is_err() {
            return why;
        }
    }
}

/// A line on stderr.
fn say(text: &str) {
    // Nobody is left to tell if this fails.
    let _ = writeln!(std::io::stderr(), "{text}");
}
