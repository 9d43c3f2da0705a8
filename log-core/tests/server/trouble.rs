//! A store that fails, a store that others write to, and what an answer costs it.

use super::*;
use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt as _};
use log_core::Position;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A store that can be told to fail, and counts what is read.
#[derive(Debug)]
struct Watched {
    inner: Arc<dyn ObjectStore>,
    no_gets: AtomicBool,
    no_lists: AtomicBool,
    gets: AtomicU64,
    /// Whoever holds it for writing holds every read back.
    gate: tokio::sync::RwLock<()>,
}

impl Watched {
    fn over(inner: Arc<dyn ObjectStore>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            no_gets: AtomicBool::new(false),
            no_lists: AtomicBool::new(false),
            gets: AtomicU64::new(0),
            gate: tokio::sync::RwLock::new(()),
        })
    }

    fn gets(&self) -> u64 {
        self.gets.load(Ordering::SeqCst)
    }

    fn allow_gets(&self, allowed: bool) {
        self.no_gets.store(!allowed, Ordering::SeqCst);
    }
}

fn broken() -> Error {
    Error::Generic {
        store: "watched",
        source: "out of order".into(),
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watched({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Watched {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.gets.fetch_add(1, Ordering::SeqCst);
        drop(self.gate.read().await);
        if self.no_gets.load(Ordering::SeqCst) {
            return Err(broken());
        }
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.no_lists.load(Ordering::SeqCst) {
            return stream::once(async { Err(broken()) }).boxed();
        }
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// A stream that another process writes to, as it sees it, and as we do.
struct Shared {
    store: Arc<Watched>,
    theirs: Writer,
    their_stream: Stream,
    ours: Stream,
}

async fn shared() -> Shared {
    let inner = memory();
    let their_stream = open(&inner, "activity").await;
    let theirs = Writer::open(their_stream.clone(), small()).await.unwrap();
    theirs.append(text("first")).await.unwrap();
    let store = Watched::over(inner);
    let ours = Stream::open(store.clone(), "streams/activity")
        .await
        .unwrap();
    Shared {
        store,
        theirs,
        their_stream,
        ours,
    }
}

fn polling(ours: &Stream, poll: Duration) -> LogServer {
    let mut options = ServerOptions::default();
    options.poll = Some(poll);
    LogServer::new([ours.clone()], options).unwrap()
}

fn assert_later(answer: &Answer) {
    assert_eq!(
        answer.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        answer.text()
    );
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
}

#[tokio::test(start_paused = true)]
async fn trouble_is_503_and_passes() {
    let Shared {
        store,
        ours,
        theirs: _theirs,
        ..
    } = shared().await;
    let router = server(&ours).router();
    store.allow_gets(false);
    for uri in [
        "/logs",
        "/logs?waitsizenot=7",
        "/logs/0",
        "/logs/7",
        "/streams/activity/logs",
    ] {
        assert_later(&get(&router, uri).await);
    }
    store.allow_gets(true);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(get(&router, "/logs").await.index().len(), 1);
    store.allow_gets(false);
    assert_eq!(get(&router, "/logs").await.index().len(), 1);
    assert_later(&get(&router, "/logs/0").await);
    assert_later(&ask(&router, Method::GET, "/logs/0", &[("range", "bytes=1-")]).await);
    assert_eq!(
        ask(&router, Method::HEAD, "/logs/0", &[]).await.status,
        StatusCode::OK
    );
}

#[tokio::test(start_paused = true)]
async fn the_last_state_stands_while_the_newest_cannot_be_read() {
    let Shared {
        store,
        theirs,
        ours,
        ..
    } = shared().await;
    let router = server(&ours).router();
    let before = get(&router, "/logs").await.index();
    let size = total(&before);
    store.allow_gets(false);
    for _ in 0..5 {
        theirs.append(text("news")).await.unwrap();
    }
    ours.refresh().await.unwrap();
    assert_eq!(get(&router, "/logs").await.index(), before);
    // What we know to be there is no mistake of the client's.
    assert_later(
        &ask(
            &router,
            Method::GET,
            "/logs/0",
            &[("range", &format!("bytes={size}-"))],
        )
        .await,
    );
    assert_later(&get(&router, "/logs/1").await);
    // A client that knows more than the last state is not told less.
    for uri in [
        format!("/logs?waitsizenot={size}"),
        format!("/logs?waitsizenot={}", size + 1),
    ] {
        let start = Instant::now();
        assert_eq!(get(&router, &uri).await.status, StatusCode::NOT_MODIFIED);
        assert_eq!(start.elapsed().as_secs(), 55);
    }
    let waiting = tokio::spawn({
        let router = router.clone();
        async move { get(&router, &format!("/logs?waitsizenot={size}")).await }
    });
    sleep(Duration::from_secs(20)).await;
    let start = Instant::now();
    store.allow_gets(true);
    assert!(total(&waiting.await.unwrap().index()) > size);
    assert!(start.elapsed() < Duration::from_secs(2));
    check(&router, &get(&router, "/logs").await.index()).await;
}

#[tokio::test(start_paused = true)]
async fn what_others_append_is_seen_also_after_trouble() {
    let Shared {
        store,
        theirs,
        ours,
        ..
    } = shared().await;
    let server = polling(&ours, Duration::from_secs(2));
    let router = server.router();
    let size = total(&get(&router, "/logs").await.index());
    theirs.append(text("second")).await.unwrap();
    let start = Instant::now();
    let index = get(&router, &format!("/logs?waitsizenot={size}"))
        .await
        .index();
    assert!(total(&index) > size && start.elapsed() <= Duration::from_secs(3));
    store.no_lists.store(true, Ordering::SeqCst);
    theirs.append(text("third")).await.unwrap();
    let size = total(&index);
    assert_eq!(
        get(&router, &format!("/logs?waitsizenot={}", size))
            .await
            .status,
        StatusCode::NOT_MODIFIED
    );
    assert_eq!(total(&get(&router, "/logs").await.index()), size);
    store.no_lists.store(false, Ordering::SeqCst);
    let start = Instant::now();
    while get(&router, &format!("/logs?waitsizenot={size}"))
        .await
        .status
        == StatusCode::NOT_MODIFIED
    {}
    assert!(start.elapsed() <= Duration::from_secs(61));
    server.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_knows_more_makes_us_look() {
    let Shared {
        store,
        theirs,
        their_stream,
        ours,
    } = shared().await;
    let server = polling(&ours, Duration::from_secs(1_000_000));
    let router = server.router();
    let size = total(&get(&router, "/logs").await.index());
    let told = server_of(&their_stream).await;
    assert_eq!(told, size);
    let appended = theirs.append(text("second")).await.unwrap();
    let range = format!("bytes={size}-{}", appended.next.offset - 1);
    let answer = ask(&router, Method::GET, "/logs/0", &[("range", &range)]).await;
    assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT);
    sleep(Duration::from_secs(2)).await;
    while theirs.append(text("more")).await.unwrap().at.segment < 2 {}
    assert_eq!(get(&router, "/logs/2").await.status, StatusCode::OK);
    sleep(Duration::from_secs(2)).await;
    theirs.append(text("more")).await.unwrap();
    let told = server_of(&their_stream).await;
    let start = Instant::now();
    let held = get(&router, &format!("/logs?waitsizenot={told}")).await;
    assert_eq!(
        (held.status, start.elapsed().as_secs()),
        (StatusCode::NOT_MODIFIED, 55)
    );
    // If the store cannot be asked, nothing is said.
    store.no_lists.store(true, Ordering::SeqCst);
    assert_later(&get(&router, "/logs/77").await);
    assert_later(&get(&router, &format!("/logs?waitsizenot={}", told + 1)).await);
    store.no_lists.store(false, Ordering::SeqCst);
    // A log that is shorter indeed is shown, and the client tells its user of the split.
    assert_eq!(
        total(
            &get(&router, &format!("/logs?waitsizenot={}", told + 1))
                .await
                .index()
        ),
        told
    );
}

/// What the other process's server says that there is.
async fn server_of(stream: &Stream) -> u64 {
    total(&get(&server(stream).router(), "/logs").await.index())
}

#[tokio::test]
async fn many_polls_cost_the_store_one_read() {
    let Shared {
        store,
        theirs,
        ours,
        ..
    } = shared().await;
    let server = server(&ours);
    let size = total(&get(&server.router(), "/logs").await.index());
    let clients: Vec<_> = (0..50)
        .map(|_| {
            let router = server.router();
            tokio::spawn(async move { get(&router, &format!("/logs?waitsizenot={size}")).await })
        })
        .collect();
    while server.held() < 50 {
        tokio::task::yield_now().await;
    }
    let before = store.gets();
    theirs.append(text("news")).await.unwrap();
    ours.refresh().await.unwrap();
    for client in clients {
        assert!(total(&client.await.unwrap().index()) > size);
    }
    assert_eq!(store.gets() - before, 1);
}

/// Sixteen pieces, in one sealed segment.
async fn in_pieces() -> (Arc<Watched>, LogServer) {
    let store = Watched::over(memory());
    let bytes = vec![b'x'; 16 << 10];
    let name = log_core::segment::SegmentName::of(0, &bytes);
    let path = Path::from(format!("streams/activity/{name}"));
    store
        .put_opts(&path, bytes.into(), Default::default())
        .await
        .unwrap();
    let stream = Stream::open(store.clone(), "streams/activity")
        .await
        .unwrap();
    assert_eq!(stream.tail(), Position::start_of(1));
    let mut options = ServerOptions::default();
    options.piece = 1 << 10;
    (store, LogServer::new([stream], options).unwrap())
}

#[tokio::test]
async fn a_piece_is_read_only_when_the_client_takes_it() {
    let (store, server) = in_pieces().await;
    for accepted in ["identity", "gzip"] {
        let request = Request::get("/logs/0").header("accept-encoding", accepted);
        let request = request.body(Body::empty()).unwrap();
        let before = store.gets();
        let response = server.router().oneshot(request).await.unwrap();
        assert_eq!(store.gets() - before, 1);
        let mut body = response.into_body().into_data_stream();
        body.next().await.unwrap().unwrap();
        tokio::task::yield_now().await;
        if accepted == "identity" {
            assert_eq!(store.gets() - before, 1);
        }
        while let Some(piece) = body.next().await {
            piece.unwrap();
        }
        assert_eq!(store.gets() - before, 16);
    }
}

#[tokio::test]
async fn a_body_that_cannot_go_on_breaks_off() {
    let (store, server) = in_pieces().await;
    for accepted in ["identity", "zstd"] {
        let request = Request::get("/logs/0").header("accept-encoding", accepted);
        let request = request.body(Body::empty()).unwrap();
        let response = server.router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        store.allow_gets(false);
        assert!(
            to_bytes(response.into_body(), usize::MAX).await.is_err(),
            "{accepted}"
        );
        store.allow_gets(true);
    }
}

#[tokio::test(start_paused = true)]
async fn an_append_while_the_state_is_computed_wakes() {
    let Shared {
        store,
        theirs,
        their_stream,
        ours,
    } = shared().await;
    let server = server(&ours);
    get(&server.router(), "/logs").await;
    theirs.append(text("second")).await.unwrap();
    ours.refresh().await.unwrap();
    let size = server_of(&their_stream).await;
    let held_back = store.gate.write().await;
    let before = store.gets();
    let start = Instant::now();
    let client = tokio::spawn({
        let router = server.router();
        async move { get(&router, &format!("/logs?waitsizenot={size}")).await }
    });
    while store.gets() == before {
        tokio::task::yield_now().await;
    }
    theirs.append(text("third")).await.unwrap();
    ours.refresh().await.unwrap();
    drop(held_back);
    assert!(total(&client.await.unwrap().index()) > size);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

/// A store that hangs makes an answer late, but not too late for the proxies on the way.
#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_503_within_a_minute() {
    let Shared {
        store,
        theirs,
        ours,
        ..
    } = shared().await;
    let server = polling(&ours, Duration::from_secs(1_000_000));
    let router = server.router();
    let held_back = store.gate.write().await;
    for uri in ["/logs", "/logs/0", "/logs/5"] {
        let start = Instant::now();
        assert_later(&get(&router, uri).await);
        assert!(start.elapsed() <= Duration::from_secs(56), "{uri}");
    }
    drop(held_back);
    sleep(Duration::from_secs(1)).await;
    let before = get(&router, "/logs").await.index();
    let _held_back = store.gate.write().await;
    theirs.append(text("news")).await.unwrap();
    ours.refresh().await.unwrap();
    assert_eq!(get(&router, "/logs").await.index(), before);
    for uri in ["/logs/0", "/logs/5"] {
        let start = Instant::now();
        assert_later(&get(&router, uri).await);
        assert!(start.elapsed() <= Duration::from_secs(56), "{uri}");
    }
    let start = Instant::now();
    let answer = get(&router, &format!("/logs?waitsizenot={}", total(&before))).await;
    assert_eq!(answer.status, StatusCode::NOT_MODIFIED);
    assert_eq!(start.elapsed().as_secs(), 55);
}

/// After a repair took damaged batches off the end, and the log went on elsewhere, digests are those of what is there.
#[tokio::test]
async fn a_segment_that_was_cut_is_hashed_anew() {
    let store = memory();
    let batch = |offset: u64, payload: &[u8]| {
        let mut bytes = Vec::new();
        log_core::frame::encode(&mut bytes, offset, payload);
        bytes
    };
    let path = |segment: u32, offset: u64| {
        let batch = log_core::layout::batch_path(segment, offset);
        object_store::path::Path::from(format!("streams/activity/{batch}"))
    };
    let one = batch(0, b"one");
    let end = one.len() as u64;
    store.put(&path(0, 0), one.into()).await.unwrap();
    store
        .put(&path(0, end), batch(end, b"two").into())
        .await
        .unwrap();
    let stream = open(&store, "activity").await;
    let router = server(&stream).router();
    check(&router, &get(&router, "/logs").await.index()).await;

    store.put(&path(0, end), Bytes::new().into()).await.unwrap();
    store
        .put(&path(1, 0), batch(0, b"three").into())
        .await
        .unwrap();
    stream.refresh().await.unwrap();
    let index = get(&router, "/logs").await.index();
    assert_eq!(index[0].size, end);
    assert_eq!(check(&router, &index).await.len(), 2);
}
