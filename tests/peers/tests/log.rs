//! The log on GCS's and S3's clients: seals, takeovers, readers, faults, and processes that compete.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use futures::TryStreamExt as _;
use http::Method;
use log_core::{AppendError, Position, Stream, Writer, WriterOptions};
use object_store::ObjectStore;
use object_store::path::Path;
use peers::gcs::{Fault, Gcs};
use peers::ledger::{self, Ledger, small_segments};
use peers::minio::{self, Minio};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

const BUCKET: &str = "tested";
const PREFIX: &str = "streams/activity";
const LIMIT: Duration = Duration::from_secs(60);

/// Appends from several tasks at once.
async fn append_at_once(writer: &Writer, from: i32, tasks: i32, each: i32) -> Ledger {
    let work = (0..tasks).map(|task| {
        let (writer, first) = (writer.clone(), from + task * each);
        tokio::spawn(async move { ledger::append(&writer, first..first + each).await })
    });
    let mut whole = Ledger::default();
    for done in work.collect::<Vec<_>>() {
        whole.merge(&done.await.unwrap().unwrap()).unwrap();
    }
    whole
}

/// Follows the log from another process's point of view until it has seen so many issues.
async fn follow(store: Arc<dyn ObjectStore>, issues: usize) -> Ledger {
    let stream = Stream::open(store, PREFIX).await.unwrap();
    let mut reader = stream.reader(Position::START);
    let mut seen = Ledger::default();
    while seen.len() < issues {
        let records = reader.next_batch().await.unwrap();
        for record in &records {
            seen.see(record).unwrap();
        }
        if records.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
            stream.refresh().await.unwrap();
        }
    }
    seen
}

/// A writer, a second one that takes over while the first works on, and a reader all the while.
async fn takeover(store: Arc<dyn ObjectStore>) {
    let open = async || {
        let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
        Writer::open(stream, small_segments("peer")).await.unwrap()
    };
    let first = open().await;
    let following = tokio::spawn(follow(store.clone(), 140));
    let mut acknowledged = append_at_once(&first, 1, 4, 20).await;
    let second = open().await;
    assert!(second.epoch() > first.epoch());
    acknowledged
        .merge(&append_at_once(&second, 101, 3, 20).await)
        .unwrap();
    let late = first.append(ledger::issue(999)).await.unwrap_err();
    assert!(matches!(late, AppendError::Fenced { .. }), "{late}");
    first.close().await.unwrap();
    second.close().await.unwrap();

    let seen = tokio::time::timeout(LIMIT, following)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(seen, acknowledged);
    let fresh = Stream::open(store.clone(), PREFIX).await.unwrap();
    let segments = acknowledged.check(&fresh).await.unwrap();
    assert!(segments > 5, "only {segments} segments");
}

#[tokio::test]
async fn a_log_on_gcs_changes_hands() {
    let gcs = Gcs::start(&[BUCKET]).await.unwrap();
    takeover(Arc::new(gcs.store(BUCKET).unwrap())).await;
}

#[tokio::test]
async fn a_log_on_s3_changes_hands() {
    let server = Minio::start(BUCKET).await.unwrap();
    let store = minio::store(&server.endpoint(), BUCKET).unwrap();
    takeover(Arc::new(store)).await;
}

/// Without a grace, joined batches are removed while the log goes on. A store tells times in seconds, so
/// that it takes two.
async fn removal(store: Arc<dyn ObjectStore>) {
    const ISSUES: i32 = 100;
    let options = WriterOptions {
        grace: Duration::ZERO,
        ..small_segments("peer")
    };
    let append = async |numbers| {
        let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
        let writer = Writer::open(stream, options.clone()).await.unwrap();
        let acknowledged = ledger::append(&writer, numbers).await.unwrap();
        writer.close().await.unwrap();
        acknowledged
    };
    let mut acknowledged = append(1..ISSUES).await;
    let tail = Path::from(PREFIX).join("tail");
    for number in ISSUES.. {
        assert!(number < 3 * ISSUES, "joined batches are never removed");
        acknowledged
            .merge(&append(number..number + 1).await)
            .unwrap();
        let left: Vec<_> = store.list(Some(&tail)).try_collect().await.unwrap();
        if left.len() < 50 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let fresh = Stream::open(store, PREFIX).await.unwrap();
    acknowledged.check(&fresh).await.unwrap();
}

#[tokio::test]
async fn a_log_on_gcs_removes_what_it_joined() {
    let gcs = Gcs::start(&[BUCKET]).await.unwrap();
    removal(Arc::new(gcs.store(BUCKET).unwrap())).await;
}

#[tokio::test]
async fn a_log_on_s3_removes_what_it_joined() {
    let server = Minio::start(BUCKET).await.unwrap();
    let store = minio::store(&server.endpoint(), BUCKET).unwrap();
    removal(Arc::new(store)).await;
}

/// Faults as they come: mostly none, and now and then so many in a row that the client gives up.
fn faults(seed: u64, count: usize) -> Vec<Fault> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut faults = Vec::new();
    while faults.len() < count {
        let fault = match random.random_range(0..12) {
            0 => Fault::Refuse(503),
            1 => Fault::Refuse(429),
            2 => Fault::RefuseAfterwards(503),
            3 => Fault::LoseRequest,
            4 => Fault::LoseAnswer,
            5 => Fault::Delay(Duration::from_millis(3)),
            _ => Fault::Pass,
        };
        let in_a_row = if random.random_ratio(1, 10) { 3 } else { 1 };
        faults.extend(std::iter::repeat_n(fault, in_a_row));
    }
    faults
}

#[tokio::test]
async fn faults_of_gcs_cost_time_and_nothing_else() {
    for seed in 0..6 {
        let gcs = Gcs::start_open(&[BUCKET]).await.unwrap();
        let store: Arc<dyn ObjectStore> = Arc::new(gcs.store(BUCKET).unwrap());
        let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
        let writer = Writer::open(stream, small_segments("peer")).await.unwrap();
        gcs.faults().push(&Method::PUT, faults(seed, 60));
        let acknowledged = append_at_once(&writer, 1, 3, 15).await;
        writer.close().await.unwrap();
        gcs.faults().clear();

        let fresh = Stream::open(store, PREFIX).await.unwrap();
        let checked = acknowledged.check(&fresh).await;
        let segments = checked.unwrap_or_else(|error| panic!("seed {seed}: {error:#}"));
        assert!(segments > 2, "seed {seed}: only {segments} segments");
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_no_conflict() {
    let gcs = Gcs::start_open(&[BUCKET]).await.unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(gcs.store(BUCKET).unwrap());
    let stream = Stream::open(store, PREFIX).await.unwrap();
    let writer = Writer::open(stream.clone(), small_segments("peer"))
        .await
        .unwrap();
    let mut acknowledged = Ledger::default();
    // Once the client tries again, once the writer must.
    for (number, lost) in [(1, 1), (2, 3), (3, 4)] {
        let faults = vec![Fault::LoseAnswer; lost];
        gcs.faults().push(&Method::PUT, faults);
        let appended = writer.append(ledger::issue(number)).await.unwrap();
        assert_eq!(gcs.faults().waiting(), 0);
        acknowledged.note(number, appended.at).unwrap();
    }
    writer.close().await.unwrap();
    acknowledged.check(&stream).await.unwrap();
}

/// A process that appends.
struct Appender {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    input: ChildStdin,
    acknowledged: Ledger,
    fenced: usize,
}

impl Appender {
    fn spawn(endpoint: &str, first: i32, each: i32) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_appender"))
            .args([endpoint, BUCKET, PREFIX])
            .args([first.to_string(), each.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (stdout, input) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        Self {
            _child: child,
            lines: BufReader::new(stdout).lines(),
            input,
            acknowledged: Ledger::default(),
            fenced: 0,
        }
    }

    /// Has it append once more, and notes what it says.
    async fn round(&mut self) {
        self.input.write_all(b"go\n").await.unwrap();
        loop {
            let line = self.lines.next_line().await.unwrap();
            match line.as_deref().expect("the process ended") {
                "done" => return,
                "fenced" => self.fenced += 1,
                acknowledged => {
                    let (number, at) = acknowledged.split_once(' ').unwrap();
                    let (number, at) = (number.parse().unwrap(), at.parse().unwrap());
                    self.acknowledged.note(number, at).unwrap();
                }
            }
        }
    }
}

#[tokio::test]
async fn processes_that_compete_on_s3_fork_nothing() {
    const ROUNDS: i32 = 5;
    const EACH: i32 = 20;
    let server = Minio::start(BUCKET).await.unwrap();
    let endpoint = server.endpoint();
    let mut one = Appender::spawn(&endpoint, 1, EACH);
    let mut two = Appender::spawn(&endpoint, 1001, EACH);
    // Whoever began first has lost its epoch by the second round, however the first one went.
    let rounds = async {
        for _ in 0..ROUNDS {
            tokio::join!(one.round(), two.round());
        }
    };
    tokio::time::timeout(LIMIT, rounds).await.unwrap();
    assert!(one.fenced + two.fenced > 0, "they did not compete");
    let mut acknowledged = one.acknowledged.clone();
    acknowledged.merge(&two.acknowledged).unwrap();
    assert_eq!(i32::try_from(acknowledged.len()), Ok(2 * ROUNDS * EACH));

    let store = Arc::new(minio::store(&endpoint, BUCKET).unwrap());
    let stream = Stream::open(store, PREFIX).await.unwrap();
    acknowledged.check(&stream).await.unwrap();
}
