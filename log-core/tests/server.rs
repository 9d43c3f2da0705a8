//! The log over HTTP: every row of spec/log-and-corpus.md 1.4 and 1.4.1, and what clients and networks do to it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

#[path = "server/index.rs"]
mod index;
#[path = "server/segments.rs"]
mod segments;
#[path = "server/sockets.rs"]
mod sockets;
#[path = "server/trouble.rs"]
mod trouble;

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use http::{HeaderMap, Method, Request, StatusCode};
use log_core::index::IndexEntry;
use log_core::segment::sha224;
use log_core::server::{LogServer, ServerOptions};
use log_core::{NewRecord, Stream, Writer, WriterOptions};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use std::sync::Arc;
use tower::ServiceExt as _;

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

/// Segments of at most four batches or 4 KiB.
fn small() -> WriterOptions {
    WriterOptions {
        segment_batches: 4,
        segment_bytes: 4096,
        ..WriterOptions::new("test")
    }
}

fn text(text: &str) -> NewRecord {
    NewRecord::from_payload([&[0x0a, text.len() as u8], text.as_bytes()].concat())
}

async fn open(store: &Arc<dyn ObjectStore>, name: &str) -> Stream {
    Stream::open(store.clone(), &format!("streams/{name}"))
        .await
        .unwrap()
}

/// A stream of its own, named `activity`.
async fn activity() -> Stream {
    open(&memory(), "activity").await
}

/// One that has `records` records in segments of a few.
async fn filled(records: usize) -> (Stream, Writer) {
    let stream = activity().await;
    let writer = Writer::open(stream.clone(), small()).await.unwrap();
    for number in 0..records {
        writer
            .append(text(&format!("record {number}")))
            .await
            .unwrap();
    }
    (stream, writer)
}

/// Until every closed segment has become one object.
async fn sealed(stream: &Stream) {
    let closed = |stream: &Stream| {
        stream
            .segments()
            .iter()
            .any(|segment| matches!(segment, log_core::layout::Segment::Tail(tail) if tail.closed))
    };
    while closed(stream) {
        tokio::task::yield_now().await;
    }
}

fn server(stream: &Stream) -> LogServer {
    LogServer::new([stream.clone()], ServerOptions::default()).unwrap()
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn index(&self) -> Vec<IndexEntry> {
        assert_eq!(self.status, StatusCode::OK, "{:?}", self.body);
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn ask(router: &Router, method: Method, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    Answer {
        status: head.status,
        headers: head.headers,
        body: to_bytes(body, usize::MAX).await.unwrap(),
    }
}

async fn get(router: &Router, uri: &str) -> Answer {
    ask(router, Method::GET, uri, &[]).await
}

/// Fetches what the index lists and holds it against sizes and digests; gives the bytes.
async fn check(router: &Router, index: &[IndexEntry]) -> Vec<Bytes> {
    let mut all = Vec::new();
    for (number, entry) in (0..).zip(index) {
        assert_eq!(entry.number, number);
        let answer = get(router, &entry.url).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.body.len() as u64, entry.size);
        assert_eq!(HEXLOWER.encode(&sha224(&answer.body)), entry.sha224);
        all.push(answer.body);
    }
    all
}

fn total(index: &[IndexEntry]) -> u64 {
    index.iter().map(|entry| entry.size).sum()
}
