//! Real connections on loopback: what clients do to them, and how they end.

use super::*;
use futures::FutureExt as _;
use log_core::server::{ConnectionLimits, ServeError, listen};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Nothing here takes so long, unless it hangs.
const HANGS: Duration = Duration::from_secs(30);

struct Running {
    address: SocketAddr,
    router: Router,
    stop: CancellationToken,
    served: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    async fn start(stream: &Stream, options: ServerOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = LogServer::new([stream.clone()], options).unwrap();
        let router = server.router();
        let stop = CancellationToken::new();
        let served = tokio::spawn(server.serve(listener, stop.clone().cancelled_owned()));
        Self {
            address,
            router,
            stop,
            served,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn stop(self) {
        self.stop.cancel();
        timeout(HANGS, self.served).await.unwrap().unwrap().unwrap();
    }

    /// Waits until the only place for a client that waits is taken, or free again.
    async fn held(&self, size: u64, taken: bool) {
        let uri = format!("/logs?waitsizenot={size}");
        let probe = async {
            loop {
                let refused = get(&self.router, &uri).now_or_never();
                if refused.is_some() == taken {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(HANGS, probe).await.unwrap();
    }

    /// The log's size; the next look at it needs no store.
    async fn size(&self) -> u64 {
        total(&get(&self.router, "/logs").await.index())
    }
}

fn one_held() -> ServerOptions {
    let mut options = ServerOptions::default();
    options.held_max = 1;
    options
}

fn limited(limit: impl FnOnce(&mut ConnectionLimits)) -> ServerOptions {
    let mut options = ServerOptions::default();
    limit(&mut options.connections);
    options
}

async fn send(connection: &mut TcpStream, uri: &str, headers: &str) {
    let request = format!("GET {uri} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
}

/// One answer with a length; the connection stays.
async fn receive(connection: &mut TcpStream) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(HANGS, connection.read_u8()).await.unwrap().unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).map_or(0, |rest| {
        rest.split("\r\n").next().unwrap().parse().unwrap()
    });
    let mut body = vec![0; length];
    timeout(HANGS, connection.read_exact(&mut body))
        .await
        .unwrap()
        .unwrap();
    (head, body)
}

/// Everything until the other side ends it.
async fn rest(connection: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A reset is an end too.
    let _ = timeout(HANGS, connection.read_to_end(&mut rest))
        .await
        .unwrap();
    rest
}

#[tokio::test]
async fn an_append_is_seen_by_a_client_that_waits() {
    let (stream, writer) = filled(1).await;
    let running = Running::start(&stream, one_held()).await;
    let size = running.size().await;
    let mut client = running.connect().await;
    send(&mut client, &format!("/logs?waitsizenot={size}"), "").await;
    running.held(size, true).await;
    let appended = writer.append(text("news")).await.unwrap();
    let (head, body) = receive(&mut client).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let index: Vec<IndexEntry> = serde_json::from_slice(&body).unwrap();
    // The same connection again, for the new bytes alone.
    let range = format!("Range: bytes={size}-{}\r\n", appended.next.offset - 1);
    send(&mut client, &index[0].url, &range).await;
    let (head, body) = receive(&mut client).await;
    assert!(head.starts_with("http/1.1 206"), "{head}");
    assert_eq!(body.len() as u64, appended.next.offset - size);
    running.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_away_gives_its_place_back() {
    let (stream, _writer) = filled(1).await;
    let running = Running::start(&stream, one_held()).await;
    let size = running.size().await;
    let mut client = running.connect().await;
    send(&mut client, &format!("/logs?waitsizenot={size}"), "").await;
    running.held(size, true).await;
    drop(client);
    running.held(size, false).await;
    running.stop().await;
}

#[tokio::test]
async fn a_shutdown_answers_those_who_wait_and_ends() {
    let (stream, _writer) = filled(1).await;
    let running = Running::start(&stream, one_held()).await;
    let size = running.size().await;
    let mut waiting = running.connect().await;
    send(&mut waiting, &format!("/logs?waitsizenot={size}"), "").await;
    running.held(size, true).await;
    let mut idle = running.connect().await;
    send(&mut idle, "/logs", "").await;
    receive(&mut idle).await;
    let address = running.address;
    running.stop().await;
    let (head, body) = receive(&mut waiting).await;
    assert!(
        head.starts_with("http/1.1 304") && body.is_empty(),
        "{head}"
    );
    assert!(rest(&mut waiting).await.is_empty() && rest(&mut idle).await.is_empty());
    assert!(TcpStream::connect(address).await.is_err());
}

/// A client that takes nothing delays nobody, loses its connection in time, and does not keep a shutdown waiting.
#[tokio::test]
async fn a_slow_client_hurts_only_itself() {
    let stream = activity().await;
    let writer = Writer::open(stream.clone(), WriterOptions::new("test"))
        .await
        .unwrap();
    for _ in 0..14 {
        let field = [vec![0x0a, 0x80, 0x80, 0x40], vec![b'x'; 1 << 20]].concat();
        writer.append(NewRecord::from_payload(field)).await.unwrap();
    }
    let options = limited(|limits| limits.stall = Duration::from_millis(300));
    let running = Running::start(&stream, options).await;
    let size = running.size().await as usize;
    let mut slow = running.connect().await;
    send(&mut slow, "/logs/0", "").await;
    slow.readable().await.unwrap();
    for _ in 0..3 {
        let mut other = running.connect().await;
        send(&mut other, "/logs/0", "").await;
        assert_eq!(receive(&mut other).await.1.len(), size);
    }
    // Its connection ends by itself: nobody else has one now.
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(rest(&mut slow).await.len() < size);
    running.stop().await;
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let (stream, _writer) = filled(1).await;
    let options = limited(|limits| limits.head_time = Duration::from_millis(100));
    let running = Running::start(&stream, options).await;
    let mut loris = running.connect().await;
    loris
        .write_all(b"GET /logs HTTP/1.1\r\nHost")
        .await
        .unwrap();
    let answer = rest(&mut loris).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    running.stop().await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let (stream, _writer) = filled(1).await;
    let running = Running::start(&stream, ServerOptions::default()).await;
    let mut client = running.connect().await;
    let large = format!("GET /logs HTTP/1.1\r\nHost: x\r\nX: {}", "x".repeat(40_000));
    let _ = client.write_all(large.as_bytes()).await; // it may be refused before its end
    let answer = rest(&mut client).await;
    assert!(
        answer.starts_with(b"HTTP/1.1 431"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    running.stop().await;
}

#[tokio::test]
async fn a_body_nobody_asked_for_is_not_waited_for() {
    let (stream, _writer) = filled(1).await;
    let running = Running::start(&stream, ServerOptions::default()).await;
    let mut client = running.connect().await;
    let request = b"POST /logs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nxx";
    client.write_all(request).await.unwrap();
    let (head, body) = receive(&mut client).await;
    assert!(head.starts_with("http/1.1 400"), "{head}");
    assert_eq!(body, b"bad method\n");
    running.stop().await;
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_place() {
    let (stream, _writer) = filled(1).await;
    let running = Running::start(&stream, limited(|limits| limits.connections = 1)).await;
    let mut first = running.connect().await;
    send(&mut first, "/logs", "").await;
    receive(&mut first).await;
    let mut second = running.connect().await;
    send(&mut second, "/logs", "").await;
    for _ in 0..20 {
        send(&mut first, "/logs", "").await;
        receive(&mut first).await;
    }
    assert!(second.read_u8().now_or_never().is_none());
    drop(first);
    assert!(receive(&mut second).await.0.starts_with("http/1.1 200"));
    running.stop().await;
}

/// A restart shows everything that was shown before, and a client that waits goes on where it was.
#[tokio::test]
async fn a_restart_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen: Vec<Bytes> = Vec::new();
    for round in 0..3 {
        let store = object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap();
        let stream = open(&(Arc::new(store) as Arc<dyn ObjectStore>), "activity").await;
        let running = Running::start(&stream, ServerOptions::default()).await;
        let before: usize = seen.iter().map(Bytes::len).sum();
        assert_eq!(running.size().await, before as u64);
        let mut client = running.connect().await;
        send(&mut client, &format!("/logs?waitsizenot={before}"), "").await;
        let writer = Writer::open(stream.clone(), small()).await.unwrap();
        for number in 0..3 {
            writer
                .append(text(&format!("round {round}, record {number}")))
                .await
                .unwrap();
        }
        assert!(receive(&mut client).await.0.starts_with("http/1.1 200"));
        let index = get(&running.router, "/logs").await.index();
        let now = check(&running.router, &index).await;
        for (old, new) in seen.iter().zip(&now) {
            assert!(new.starts_with(old));
        }
        seen = now;
        // The server goes first, as it would in a crash of the machine.
        running.stop().await;
        writer.close().await.unwrap();
    }
    assert!(seen.len() >= 3);
}

#[tokio::test]
async fn any_router_can_be_served() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/", axum::routing::get(|| async { "hello" }));
    let stop = CancellationToken::new();
    let served = listen::serve(
        listener,
        app,
        ConnectionLimits::default(),
        stop.clone().cancelled_owned(),
    );
    let served = tokio::spawn(served);
    let mut client = TcpStream::connect(address).await.unwrap();
    send(&mut client, "/", "").await;
    assert_eq!(receive(&mut client).await.1, b"hello");
    stop.cancel();
    timeout(HANGS, served).await.unwrap().unwrap().unwrap();
}

/// Real threads and sockets: no wake-up is lost, whatever comes between.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_follow_at_the_same_time() {
    let (stream, writer) = filled(1).await;
    let running = Running::start(&stream, ServerOptions::default()).await;
    let last = Arc::new(std::sync::atomic::AtomicU64::new(u64::MAX));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let mut client = running.connect().await;
        let last = last.clone();
        clients.spawn(async move {
            let mut seen = 0;
            while seen < last.load(std::sync::atomic::Ordering::SeqCst) {
                send(&mut client, &format!("/logs?waitsizenot={seen}"), "").await;
                let (head, body) = receive(&mut client).await;
                assert!(head.starts_with("http/1.1 200"), "{head}");
                let index: Vec<IndexEntry> = serde_json::from_slice(&body).unwrap();
                assert!(total(&index) > seen);
                seen = total(&index);
            }
            seen
        });
    }
    for number in 0..20 {
        writer
            .append(text(&format!("record {number}")))
            .await
            .unwrap();
        tokio::task::yield_now().await;
    }
    // Before the last append, so that who has seen everything else waits for it.
    let size: u64 = stream.segments().iter().map(|segment| segment.len()).sum();
    last.store(size + 1, std::sync::atomic::Ordering::SeqCst);
    writer.append(text("last")).await.unwrap();
    while let Some(client) = clients.join_next().await {
        assert!(client.unwrap() > size);
    }
    running.stop().await;
}
