//! How long after an append begins its record can be read by a follower over HTTP, beside the bare packets that it
//! takes at least. Depends on `log-core`'s server and follower, and on the loopback device.
//!
//! The stream is in memory. Server and writer have a runtime of their own, and so has the follower, all in this process,
//! which is what lets one clock time both ends. A record counts as seen when the follower gives its payload: one with a
//! verified copy on the disk that is measured, and one without a copy. The peer is the same pace of bare packets: an
//! answer to the one who waits, his question, an answer with the record, and a word that it came.

mod bare;

use anyhow::{Context as _, Result, anyhow, ensure};
use log_core::follower::{Follower, FollowerOptions, Tail};
use log_core::server::{LogServer, ServerOptions};
use log_core::{NewRecord, Stream, Writer, WriterOptions};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::payload::{Letters, number_of};
use super::sample::{milliseconds, percentile};
use super::table::{Row, figure};
use super::{Plan, runtime};

/// Appends a second, and the bytes of each.
const RATE: u32 = 200;
const RECORD_BYTES: usize = 1000;
/// What the issue asks for, in milliseconds.
const P50_TARGET: f64 = 5.0;
const P99_TARGET: f64 = 25.0;
/// A record that is not seen by then never will be.
const PATIENCE: Duration = Duration::from_secs(30);

/// When each append began.
type Sent = Arc<Vec<OnceLock<Instant>>>;

/// Who follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Copy,
    Tail,
}

pub(super) fn run(plan: &Plan) -> Result<Vec<Row>> {
    let count = (plan.turn.as_secs_f64() * f64::from(RATE)).ceil().max(1.0) as usize;
    let (mut copy, mut tail, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..plan.turns {
        let folder = plan.folder.join(format!("follow-{turn}"));
        copy.extend(seen(Kind::Copy, &folder, count)?);
        std::fs::remove_dir_all(&folder).context("cannot remove a folder")?;
        tail.extend(seen(Kind::Tail, &folder, count)?);
        bare.extend(bare::trips(count, RATE, RECORD_BYTES)?);
    }
    Ok(vec![
        row("a verified copy on disk", &copy, &bare, true),
        row("no copy", &tail, &bare, false),
    ])
}

fn row(case: &str, ours: &[f64], bare: &[f64], is_target: bool) -> Row {
    let percentiles = |times: &[f64]| [0.5, 0.99].map(|p| percentile(times, p));
    let ([p50, p99], [bare_p50, bare_p99]) = (percentiles(ours), percentiles(bare));
    let met = p50 <= P50_TARGET && p99 <= P99_TARGET;
    Row {
        what: "follow",
        case: case.to_owned(),
        ours: vec![figure("p50", p50, "ms"), figure("p99", p99, "ms")],
        peer: (
            "4 bare packets",
            vec![figure("p50", bare_p50, "ms"), figure("p99", bare_p99, "ms")],
        ),
        ratio: Some(figure("", p50 / bare_p50, "×")),
        target: is_target.then_some(("p50 ≤ 5 ms, p99 ≤ 25 ms", met)),
    }
}

/// Appends so many records and follows them; gives how long each took, in milliseconds.
fn seen(kind: Kind, folder: &Path, count: usize) -> Result<Vec<f64>> {
    let sent: Sent = Arc::new((0..count).map(|_| OnceLock::new()).collect());
    let serving = runtime()?;
    let stop = CancellationToken::new();
    let (writer, address, server) = serving.block_on(serve(stop.clone()))?;
    let (ready, is_ready) = oneshot::channel();
    let follower = std::thread::spawn({
        let (sent, folder) = (sent.clone(), folder.to_owned());
        move || follow(kind, address, &folder, &sent, ready)
    });
    let appended = serving.block_on(async {
        // If the follower failed, it says why itself.
        if is_ready.await.is_ok() {
            append(&writer, &sent).await?;
        }
        anyhow::Ok(())
    });
    let times = follower.join().map_err(|_| anyhow!("the follower died"))?;
    serving.block_on(async {
        writer.close().await?;
        stop.cancel();
        server.await.context("the server died")?
    })?;
    appended.and(times)
}

type Server = JoinHandle<Result<()>>;

/// Serves a new stream in memory.
async fn serve(stop: CancellationToken) -> Result<(Writer, SocketAddr, Server)> {
    let store = Arc::new(object_store::memory::InMemory::new());
    let stream = Stream::open(store, "streams/activity").await?;
    let writer = Writer::open(stream.clone(), WriterOptions::new("bench")).await?;
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("cannot listen")?;
    let address = listener
        .local_addr()
        .context("the listener has no address")?;
    let server = LogServer::new([stream], ServerOptions::default())?;
    let serving = tokio::spawn(async move {
        let served = server.serve(listener, stop.cancelled_owned()).await;
        served.context("cannot serve")
    });
    Ok((writer, address, serving))
}

/// Appends the records at a steady rate, whether they are seen or not.
async fn append(writer: &Writer, sent: &Sent) -> Result<()> {
    let mut letters = Letters::new(5);
    let mut ticks = interval(Duration::from_secs(1) / RATE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for (number, sent) in sent.iter().enumerate() {
        let payload = letters.mutation(i32::try_from(number)?, RECORD_BYTES);
        ticks.tick().await;
        let _ = sent.set(Instant::now());
        writer.append(NewRecord::from_payload(payload)).await?;
    }
    Ok(())
}

/// Follows until every record was seen; gives how long each took, in milliseconds.
fn follow(
    kind: Kind,
    address: SocketAddr,
    folder: &Path,
    sent: &Sent,
    ready: oneshot::Sender<()>,
) -> Result<Vec<f64>> {
    let url = format!("http://{address}/logs");
    let mut seen = Seen {
        sent,
        took: Vec::with_capacity(sent.len()),
    };
    let following = async {
        match kind {
            Kind::Copy => follow_with_copy(&url, folder, &mut seen, ready).await,
            Kind::Tail => follow_tail(&url, &mut seen, ready).await,
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    let pace = Duration::from_secs(sent.len() as u64) / RATE;
    runtime
        .block_on(async { timeout(pace + PATIENCE, following).await })
        .context("the follower does not see every record")??;
    Ok(seen.took)
}

async fn follow_with_copy(
    url: &str,
    folder: &Path,
    seen: &mut Seen<'_>,
    ready: oneshot::Sender<()>,
) -> Result<()> {
    let mut follower = Follower::open(url, folder, FollowerOptions::default()).await?;
    follower.sync().await?;
    let mut position = follower.tail();
    let _ = ready.send(());
    while !seen.is_all() {
        follower.update().await?;
        let mut records = follower.records(position)?;
        while let Some(block) = records.next_block().await? {
            for frame in block.frames() {
                seen.note(frame.payload)?;
            }
        }
        position = records.position();
    }
    Ok(())
}

async fn follow_tail(url: &str, seen: &mut Seen<'_>, ready: oneshot::Sender<()>) -> Result<()> {
    let mut tail = Tail::open(url, FollowerOptions::default()).await?;
    let _ = ready.send(());
    while !seen.is_all() {
        for record in tail.next().await? {
            seen.note(&record.payload)?;
        }
    }
    Ok(())
}

/// The records that were seen so far.
struct Seen<'a> {
    sent: &'a Sent,
    /// In milliseconds.
    took: Vec<f64>,
}

impl Seen<'_> {
    fn is_all(&self) -> bool {
        self.took.len() == self.sent.len()
    }

    /// Notes that a record can be read now. They come in order, each once.
    fn note(&mut self, payload: &[u8]) -> Result<()> {
        let now = Instant::now();
        let number = number_of(payload).context("a record that nobody appended")?;
        ensure!(
            usize::try_from(number).ok() == Some(self.took.len()),
            "record {number} was seen where record {} belongs",
            self.took.len()
        );
        let sent = self.sent.get(self.took.len()).and_then(OnceLock::get);
        let sent = sent.context("a record was seen before it was appended")?;
        self.took.push(milliseconds(now.duration_since(*sent)));
        Ok(())
    }
}
