//! The original's own client on our server: it loads, it follows, and never sees its history split.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use log_core::server::{LogServer, ServerOptions};
use log_core::{Stream, Writer};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _};
use peers::ledger::{self, BODY, small_segments, title};
use peers::maintner::{self, Client, Held, Questions};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::tempdir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const PREFIX: &str = "streams/activity";
const SPLIT: Option<i32> = Some(3);

/// A server that knows of what is appended only from the store, like one in a process of its own.
struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Served {
    async fn start(store: &Arc<dyn ObjectStore>, address: SocketAddr) -> Self {
        let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
        let mut options = ServerOptions::default();
        options.poll = Some(Duration::from_millis(10));
        let server = LogServer::new([stream], options).unwrap();
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let serving = tokio::spawn(async move { server.serve(listener, stopped).await.unwrap() });
        Self {
            address,
            stop,
            serving,
        }
    }

    /// On any free port.
    async fn anywhere(store: &Arc<dyn ObjectStore>) -> Self {
        Self::start(store, (Ipv4Addr::LOCALHOST, 0).into()).await
    }

    fn logs(&self) -> String {
        format!("http://{}/logs", self.address)
    }

    async fn stop(self) -> SocketAddr {
        self.stop.cancel();
        self.serving.await.unwrap();
        self.address
    }
}

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

async fn writer(store: &Arc<dyn ObjectStore>) -> Writer {
    let stream = Stream::open(store.clone(), PREFIX).await.unwrap();
    Writer::open(stream, small_segments("peer")).await.unwrap()
}

/// What a client must hold of issues 1 to `issues`.
fn assert_holds(held: &Held, issues: i32) {
    let expected = Held {
        round: held.round,
        repos: 1,
        issues: u32::try_from(issues).unwrap(),
        comments: 0,
        title_bytes: (1..=issues).map(|number| title(number).len()).sum(),
        body_bytes: BODY * usize::try_from(issues).unwrap(),
        highest_issue: issues,
        gerrit_projects: 0,
        changes: 0,
    };
    assert_eq!(*held, expected);
}

/// The client's whole copy: its segments' bytes, one behind the other.
fn cached(cache: &Path) -> Vec<u8> {
    let mut files: Vec<_> = std::fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "mutlog")
        })
        .collect();
    files.sort();
    files
        .iter()
        .flat_map(|file| std::fs::read(file).unwrap())
        .collect()
}

/// The stream's whole bytes.
async fn stored(stream: &Stream) -> Vec<u8> {
    stream.refresh().await.unwrap();
    let mut bytes = Vec::new();
    for (number, segment) in (0..).zip(stream.segments()) {
        bytes.extend_from_slice(&stream.bytes(number, 0..segment.len()).await.unwrap());
    }
    bytes
}

#[tokio::test]
async fn it_follows_across_seals_takeovers_and_restarts() {
    let (store, cache) = (memory(), tempdir().unwrap());
    let first = writer(&store).await;
    ledger::append(&first, 1..31).await.unwrap();
    let server = Served::anywhere(&store).await;
    let mut client = Client::start(&server.logs(), cache.path(), None).unwrap();
    assert_holds(&client.next().await.unwrap(), 30);

    // It waits, and is told: one record, and then many segments one behind the other.
    ledger::append(&first, 31..32).await.unwrap();
    assert_holds(&client.next().await.unwrap(), 31);
    let before = first.stream().tail().segment;
    ledger::append(&first, 32..81).await.unwrap();
    assert!(first.stream().tail().segment > before + 2);
    assert_holds(&client.until_issues(80).await.unwrap(), 80);

    // Another writer's epoch begins with a record that changes nothing.
    let second = writer(&store).await;
    ledger::append(&second, 81..91).await.unwrap();
    assert_holds(&client.until_issues(90).await.unwrap(), 90);

    // The server is away while the log grows, and is back at the same address with nothing in its head.
    let address = server.stop().await;
    ledger::append(&second, 91..111).await.unwrap();
    let server = Served::start(&store, address).await;
    assert_holds(&client.until_issues(110).await.unwrap(), 110);
    ledger::append(&second, 111..112).await.unwrap();
    assert_holds(&client.next().await.unwrap(), 111);

    // The same when nothing happens meanwhile.
    let address = server.stop().await;
    let server = Served::start(&store, address).await;
    ledger::append(&second, 112..113).await.unwrap();
    assert_holds(&client.until_issues(112).await.unwrap(), 112);
    assert!(client.runs().unwrap());
    drop(client);

    // What it has on disk is the log, and another process of it goes on from there.
    assert_eq!(cached(cache.path()), stored(second.stream()).await);
    let mut again = Client::start(&server.logs(), cache.path(), Some(0)).unwrap();
    assert_holds(&again.next().await.unwrap(), 112);
    assert_eq!(again.end().await.unwrap(), Some(0));
    first.close().await.unwrap();
    second.close().await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn it_waits_for_the_first_record_of_a_log() {
    let (store, cache) = (memory(), tempdir().unwrap());
    let server = Served::anywhere(&store).await;
    let mut client = Client::start(&server.logs(), cache.path(), Some(1)).unwrap();
    let writer = writer(&store).await;
    ledger::append(&writer, 1..2).await.unwrap();
    // The writer's claim may come alone.
    let held = client.next().await.unwrap();
    let held = match held.issues {
        0 => client.next().await.unwrap(),
        _ => held,
    };
    assert_holds(&held, 1);
    writer.close().await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn many_follow_a_busy_writer_at_once() {
    const ISSUES: i32 = 200;
    let (store, cache) = (memory(), tempdir().unwrap());
    let writer = writer(&store).await;
    ledger::append(&writer, 1..2).await.unwrap();
    let server = Served::anywhere(&store).await;
    let mut clients = Vec::new();
    for name in ["a", "b", "c"] {
        let cache = cache.path().join(name);
        std::fs::create_dir(&cache).unwrap();
        clients.push(Client::start(&server.logs(), &cache, None).unwrap());
    }
    for client in &mut clients {
        client.next().await.unwrap();
    }
    let appending = tokio::spawn({
        let writer = writer.clone();
        async move { ledger::append(&writer, 2..ISSUES + 1).await }
    });
    for client in &mut clients {
        let issues = u32::try_from(ISSUES).unwrap();
        assert_holds(&client.until_issues(issues).await.unwrap(), ISSUES);
    }
    appending.await.unwrap().unwrap();
    writer.close().await.unwrap();
    server.stop().await;
}

/// Writes the sealed segments under their own names, as they lie in an original's bucket; gives their
/// number.
async fn copy_sealed(store: &Arc<dyn ObjectStore>, folder: &Path) -> u32 {
    let prefix = object_store::path::Path::from(PREFIX);
    let listed = store.list_with_delimiter(Some(&prefix)).await.unwrap();
    for object in &listed.objects {
        let bytes = store.get(&object.location).await.unwrap().bytes().await;
        let name = object.location.filename().unwrap();
        std::fs::write(folder.join(name), bytes.unwrap()).unwrap();
    }
    u32::try_from(listed.objects.len()).unwrap()
}

#[tokio::test]
async fn it_loads_our_sealed_segments_from_files_and_all_over_http() {
    let (store, folder, cache) = (memory(), tempdir().unwrap(), tempdir().unwrap());
    let writer = writer(&store).await;
    let acknowledged = ledger::append(&writer, 1..61).await.unwrap();
    writer.close().await.unwrap();
    let sealed = copy_sealed(&store, folder.path()).await;
    assert!(sealed > 3, "{sealed}");
    let in_them = (1..61).filter(|number| acknowledged.place(*number).unwrap().segment < sealed);
    let ask = Questions::default();
    let from_files = maintner::load(folder.path().to_str().unwrap(), None, &ask).await;
    assert_holds(
        &from_files.unwrap().held,
        i32::try_from(in_them.count()).unwrap(),
    );

    let server = Served::anywhere(&store).await;
    let over_http = maintner::load(&server.logs(), Some(cache.path()), &ask).await;
    let over_http = over_http.unwrap();
    assert_holds(&over_http.held, 60);
    assert!(over_http.seconds > 0.0 && over_http.peak_bytes > 0);
    server.stop().await;
}

#[tokio::test]
async fn it_would_notice_a_split() {
    let (store, other, cache) = (memory(), memory(), tempdir().unwrap());
    let writer_of = async |store, numbers| {
        let writer = writer(store).await;
        ledger::append(&writer, numbers).await.unwrap();
        writer.close().await.unwrap();
    };
    writer_of(&store, 1..10).await;
    writer_of(&other, 2..15).await;
    let server = Served::anywhere(&store).await;
    let mut client = Client::start(&server.logs(), cache.path(), None).unwrap();
    assert_holds(&client.next().await.unwrap(), 9);
    let address = server.stop().await;
    let server = Served::start(&other, address).await;
    assert_eq!(client.end().await.unwrap(), SPLIT);
    server.stop().await;
}
