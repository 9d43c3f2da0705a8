//! Work to try a log with, and the account of it that must be right in the end.
//!
//! Every record is an issue whose number is its key. Depends on `log-core` and `proto`.

use anyhow::{Context as _, bail, ensure};
use log_core::{Appended, NewRecord, Position, Record, Stream, Writer, WriterOptions};
use proto::maintpb::{GithubIssueMutation, GithubUser, Mutation};
use proto::{Message as _, Timestamp};
use std::collections::BTreeMap;

/// Bytes of an issue's body.
pub const BODY: usize = 300;
/// Bytes of a segment, so that some dozen records fill it.
const SEGMENT: u64 = 4 << 10;

/// The options of a writer whose segments are small, so that little work seals many.
pub fn small_segments(role: &str) -> WriterOptions {
    WriterOptions {
        segment_bytes: SEGMENT,
        ..WriterOptions::new(role)
    }
}

/// The title of an issue.
pub fn title(number: i32) -> String {
    format!("Issue {number} of the ledger")
}

/// The record that makes an issue. Its key is its number, so that trying again adds nothing.
pub fn issue(number: i32) -> NewRecord {
    let when = Some(Timestamp {
        seconds: 1_500_000_000 + i64::from(number),
        nanos: 0,
    });
    let issue = GithubIssueMutation {
        owner: "example".into(),
        repo: "ledger".into(),
        number,
        id: 1_000_000 + i64::from(number),
        user: Some(GithubUser {
            id: 7,
            login: "ann".into(),
        }),
        created: when,
        updated: when,
        title: title(number),
        body: "b".repeat(BODY),
        ..GithubIssueMutation::default()
    };
    let mutation = Mutation {
        github_issue: Some(issue),
        ..Mutation::default()
    };
    NewRecord::new(&mutation).with_key(format!("issue-{number}"))
}

/// The number of the issue that a record makes; `None` for a writer's claim.
pub fn number(record: &Record) -> anyhow::Result<Option<i32>> {
    let mutation = Mutation::decode(&record.payload[..])
        .with_context(|| format!("the record at {}", record.at))?;
    let Some(issue) = mutation.github_issue else {
        return Ok(None);
    };
    ensure!(
        issue.title == title(issue.number) && issue.body.len() == BODY,
        "the record at {} is not what was appended",
        record.at
    );
    Ok(Some(issue.number))
}

/// What was acknowledged: where each issue is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    places: BTreeMap<i32, Position>,
}

impl Ledger {
    /// Notes an acknowledgement.
    pub fn note(&mut self, number: i32, at: Position) -> anyhow::Result<()> {
        if let Some(before) = self.places.insert(number, at) {
            ensure!(before == at, "issue {number} is at {before} and at {at}");
        }
        Ok(())
    }

    /// Notes all that another has.
    pub fn merge(&mut self, other: &Self) -> anyhow::Result<()> {
        let mut places = other.places.iter();
        places.try_for_each(|(&number, &at)| self.note(number, at))
    }

    /// How many issues there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nothing was acknowledged.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Where an issue is.
    pub fn place(&self, number: i32) -> Option<Position> {
        self.places.get(&number).copied()
    }

    /// Notes a record that was read; a reader must see each once.
    pub fn see(&mut self, record: &Record) -> anyhow::Result<()> {
        if let Some(number) = number(record)? {
            let before = self.places.insert(number, record.at);
            ensure!(
                before.is_none(),
                "issue {number} was read twice, the second time at {}",
                record.at
            );
        }
        Ok(())
    }

    /// Reads the whole stream: exactly these issues are in it, each once and where it was acknowledged.
    /// Then has the stream verified. Gives the number of its segments.
    pub async fn check(&self, stream: &Stream) -> anyhow::Result<u64> {
        let found = read(stream).await?;
        for (number, at) in &self.places {
            match found.places.get(number) {
                Some(place) if place == at => {}
                Some(place) => bail!("issue {number} was acknowledged at {at} and is at {place}"),
                None => bail!("issue {number} was acknowledged at {at} and is lost"),
            }
        }
        if let Some((number, at)) = found
            .places
            .iter()
            .find(|(number, _)| !self.places.contains_key(number))
        {
            bail!("issue {number} is at {at}, and was never acknowledged");
        }
        let report = log_core::verify(stream).await?;
        ensure!(report.faults.is_empty(), "faults: {:?}", report.faults);
        ensure!(
            report.records >= found.len() as u64,
            "{} records are verified, {} were read",
            report.records,
            found.len()
        );
        Ok(report.segments)
    }
}

/// All issues of a stream, as the store has it now.
pub async fn read(stream: &Stream) -> anyhow::Result<Ledger> {
    let end = stream.refresh().await?;
    let mut reader = stream.reader(Position::START);
    let mut found = Ledger::default();
    let mut last = None;
    while reader.position() < end {
        let records = reader.next_batch().await?;
        ensure!(
            !records.is_empty(),
            "the reader ends at {}, the stream at {end}",
            reader.position()
        );
        for record in &records {
            ensure!(
                last < Some(record.at),
                "the reader goes back to {}",
                record.at
            );
            last = Some(record.at);
            found.see(record)?;
        }
    }
    Ok(found)
}

/// Appends issues one behind the other.
pub async fn append(
    writer: &Writer,
    numbers: std::ops::Range<i32>,
) -> Result<Ledger, anyhow::Error> {
    let mut ledger = Ledger::default();
    for number in numbers {
        let Appended { at, .. } = writer.append(issue(number)).await?;
        ledger.note(number, at)?;
    }
    Ok(ledger)
}
