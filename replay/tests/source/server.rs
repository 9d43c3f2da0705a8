//! A server's log: followed into a verified copy, whose files are mapped.

use super::*;
use log_core::layout::Segment;
use log_core::server::{LogServer, ServerOptions};
use log_core::{NewRecord, Writer, WriterOptions};
use object_store::memory::InMemory;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Served {
    async fn start(stream: &Stream, address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = LogServer::new([stream.clone()], ServerOptions::default()).unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let task = tokio::spawn(async move { server.serve(listener, stopped).await.unwrap() });
        Self {
            address,
            stop,
            task,
        }
    }

    fn url(&self) -> String {
        format!("http://{}/streams/activity/logs", self.address)
    }

    async fn stop(self) -> String {
        self.stop.cancel();
        self.task.await.unwrap();
        self.address.to_string()
    }
}

async fn a_stream(log: &[Vec<u8>]) -> (Arc<dyn ObjectStore>, Stream) {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    put_stream(&store, "activity", log).await;
    let stream = open_stream(&store, "activity").await;
    (store, stream)
}

#[tokio::test]
async fn a_servers_log_is_copied_and_mapped() {
    let dir = tempfile::tempdir().unwrap();
    let (_, stream) = a_stream(&some_log()).await;
    let served = Served::start(&stream, "127.0.0.1:0").await;
    let url = served.url();
    let mut source = Source::open(&url, options(dir.path())).await.unwrap();
    assert_eq!((source.name(), source.place()), ("activity", &*url));
    assert_gives(&mut source, &some_log()).await;
    let blocks = source.read(Position::START, u64::MAX).await.unwrap();
    let mapped: Vec<bool> = blocks.iter().map(|block| block.bytes.is_mapped()).collect();
    assert_eq!(mapped, [true, true, true, false]);
    assert!(
        source
            .segments()
            .iter()
            .all(|segment| segment.sha224.is_some())
    );
    assert!(!source.keeps_checkpoints());
    drop(source);
    served.stop().await;
    // Nobody answers: the copy has to do. Without one, that is an error.
    let mut source = Source::open(&url, options(dir.path())).await.unwrap();
    assert_gives(&mut source, &some_log()).await;
    let nothing = Source::open(&url, options(&dir.path().join("other")))
        .await
        .unwrap_err();
    assert!(
        matches!(nothing, SourceError::Follow { .. }) && nothing.is_transient(),
        "{nothing:?}"
    );
}

#[tokio::test]
async fn appends_are_followed_until_they_are_frozen() {
    let dir = tempfile::tempdir().unwrap();
    let (_, stream) = a_stream(&some_log()).await;
    let served = Served::start(&stream, "127.0.0.1:0").await;
    let mut reader = Reader::new(
        Source::open(&served.url(), options(dir.path()))
            .await
            .unwrap(),
    );
    reader.take().await.unwrap();
    let options = WriterOptions {
        segment_bytes: 2000,
        ..WriterOptions::new("test")
    };
    let writer = Writer::open(stream.clone(), options).await.unwrap();
    for number in 0..2u8 {
        let appended = writer
            .append(NewRecord::from_payload(vec![0x08, number]))
            .await
            .unwrap();
        reader.reach(appended.next).await;
    }
    assert!(!reader.segments.is_mapped(3));
    let before = reader.segments.clone();
    let filling = vec![[0x08, 1]; 800].concat();
    let appended = writer
        .append(NewRecord::from_payload(filling))
        .await
        .unwrap();
    assert!(appended.at.segment > 3);
    reader.reach(appended.next).await;
    assert!(reader.segments.is_mapped(3), "it is complete");
    let mut log = Vec::new();
    for (number, segment) in (0u32..).zip(stream.segments()) {
        log.push(
            stream
                .bytes(number, 0..segment.len())
                .await
                .unwrap()
                .to_vec(),
        );
    }
    reader.assert_has(&log);
    reader.segments = before;
    reader.assert_has(&some_log());
    writer.close().await.unwrap();
    served.stop().await;
}

#[tokio::test]
async fn another_history_is_a_split_and_stays_one() {
    let dir = tempfile::tempdir().unwrap();
    let (_, stream) = a_stream(&some_log()).await;
    let served = Served::start(&stream, "127.0.0.1:0").await;
    let url = served.url();
    let mut reader = Reader::new(Source::open(&url, options(dir.path())).await.unwrap());
    reader.take().await.unwrap();
    let address = served.stop().await;
    let (_, other) = a_stream(&[records(&[5]), records(&[6, 7])]).await;
    assert!(matches!(other.segments()[1], Segment::Tail(_)));
    let served = Served::start(&other, &address).await;
    for _ in 0..2 {
        let error = reader.fails().await;
        assert!(error.is_split() && !error.is_transient(), "{error:?}");
    }
    reader.assert_has(&some_log());
    served.stop().await;
}
