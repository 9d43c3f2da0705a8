//! The log on GCS's and S3's clients: seals, takeovers, readers, faults, and processes that compete.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use http::Method;
use log_core::{AppendError, Position, Stream, Writer};
use object_store::ObjectStore;
use peers::gcs::{Fault, Gcs};
use peers::ledger::{self, Ledger, small_segments};
use peers::minio::{self, Minio};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

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
    start: tokio::process::ChildStdin,
}

impl Appender {
    async fn spawn(endpoint: &str, first: i32, count: i32) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_appender"))
            .args([endpoint, BUCKET, PREFIX])
            .args([first.to_string(), count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (stdout, start) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let mut lines = BufReader::new(stdout).lines();
        let ready = lines.next_line().await.unwrap();
        assert_eq!(ready.as_deref(), Some("ready"));
        Self {
            _child: child,
            lines,
            start,
        }
    }

    /// What was acknowledged, and how often it was fenced.
    async fn run(mut self) -> (Ledger, usize) {
        let (mut ledger, mut fenced) = (Ledger::default(), 0);
        while let Some(line) = self.lines.next_line().await.unwrap() {
            match line.split_once(' ') {
                Some((number, at)) => ledger
                    .note(number.parse().unwrap(), at.parse().unwrap())
                    .unwrap(),
                None => {
                    assert_eq!(line, "fenced");
                    fenced += 1;
                }
            }
        }
        (ledger, fenced)
    }
}

#[tokio::test]
async fn processes_that_compete_on_s3_fork_nothing() {
    const EACH: i32 = 100;
    let server = Minio::start(BUCKET).await.unwrap();
    let endpoint = server.endpoint();
    let mut one = Appender::spawn(&endpoint, 1, EACH).await;
    let mut two = Appender::spawn(&endpoint, 1001, EACH).await;
    for appender in [&mut one, &mut two] {
        appender.start.write_all(b"go\n").await.unwrap();
    }
    let both = async { tokio::join!(one.run(), two.run()) };
    let ((mut acknowledged, fenced), (other, other_fenced)) =
        tokio::time::timeout(LIMIT, both).await.unwrap();
    acknowledged.merge(&other).unwrap();
    assert_eq!(acknowledged.len(), 2 * EACH as usize);
    assert!(fenced + other_fenced > 0, "they did not compete");

    let store = Arc::new(minio::store(&endpoint, BUCKET).unwrap());
    let stream = Stream::open(store, PREFIX).await.unwrap();
    acknowledged.check(&stream).await.unwrap();
}
