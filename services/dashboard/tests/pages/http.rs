//! What is true of every reply: headers, validators, methods; and the listener.

use std::time::Duration;

use axum::http::Method;
use log_core::server::{ConnectionLimits, listen};
use proto::forgelog::builds::Verdict;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::board::small;
use crate::client::{Client, links};

#[tokio::test]
async fn every_reply_is_guarded() {
    let (script, [first, ..]) = small();
    let client = Client::of(script).await;
    let build = links(&client.page("/").await, "run")[0].clone();
    for path in [
        "/",
        "/?mode=json",
        "/?mode=failures",
        "/?page=x",
        "/nope",
        "/healthz",
        "/favicon.svg",
        "/favicon.ico",
        &build,
        &format!("{build}/log"),
        &format!("{build}/log.txt"),
        &format!("{build}/log.ansi"),
        &format!("/commit/go/{first}"),
        "/log/x",
    ] {
        let reply = client.get(path).await;
        let policy = reply.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'")
                && !policy.contains("unsafe"),
            "{path}"
        );
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("referrer-policy"), "same-origin", "{path}");
        assert!(!reply.header("content-type").is_empty(), "{path}");
        assert!(!reply.header("cache-control").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn what_is_known_is_not_sent_again() {
    let (mut script, [first, ..]) = small();
    let id = script.built("extra", "go", first, Verdict::Failed, "fine\n");
    let client = Client::of(script).await;
    let done = format!("/build/{id}");
    for path in [
        "/",
        "/?mode=json",
        "/?mode=failures",
        &done,
        &format!("{done}/log"),
        &format!("{done}/log.txt"),
        &format!("{done}/log.ansi"),
        &format!("/commit/go/{first}"),
        "/?at=2024-03-01T09:30:00Z",
    ] {
        let reply = client.get(path).await;
        let tag = reply.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"'), "{path}: {tag}");
        assert_eq!(client.get(path).await.header("etag"), tag, "{path}");
        let known = client
            .ask(Method::GET, path, &[("if-none-match", &tag)])
            .await;
        assert_eq!((known.status, known.bytes.len()), (304, 0), "{path}");
        assert_eq!(known.header("etag"), tag, "{path}");
        assert_eq!(
            known.header("cache-control"),
            reply.header("cache-control"),
            "{path}"
        );
        let other = client
            .ask(Method::GET, path, &[("if-none-match", "\"other\"")])
            .await;
        assert_eq!(other.status, 200, "{path}");
    }
}

#[tokio::test]
async fn pages_with_different_contents_have_different_tags() {
    let (script, [first, second, ..]) = small();
    let client = Client::of(script).await;
    let mut tags = Vec::new();
    for path in [
        "/",
        "/?branch=all",
        "/?page=1",
        "/?mode=json",
        "/?mode=failures",
        "/?live=0",
        &format!("/?hash={first}"),
        &format!("/commit/go/{first}"),
        &format!("/commit/go/{second}"),
        "/?at=2024-03-01T09:03:30Z",
        "/?at=2024-03-01T09:30:00Z",
        "/?at=2024-03-01T09:31:00Z",
    ] {
        tags.push(client.get(path).await.header("etag").to_owned());
    }
    let count = tags.len();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), count);
}

#[tokio::test]
async fn pages_are_only_read() {
    let (script, _) = small();
    let client = Client::of(script).await;
    for path in [
        "/",
        "/build/x",
        "/build/x/log",
        "/commit/go/x",
        "/log/x",
        "/healthz",
        "/static/x",
    ] {
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let reply = client.ask(method, path, &[]).await;
            assert_eq!(reply.status, 405, "{path}");
            assert_eq!(reply.header("allow"), "GET,HEAD", "{path}");
        }
    }
    let (head, get) = (
        client.ask(Method::HEAD, "/", &[]).await,
        client.get("/").await,
    );
    assert_eq!((head.status, head.bytes.len()), (200, 0));
    for name in ["content-type", "etag", "cache-control"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
}

#[tokio::test]
async fn the_style_sheet_is_kept_for_ever_under_its_own_name() {
    let (script, _) = small();
    let client = Client::of(script).await;
    let html = client.page("/").await;
    let path = html
        .split("rel=\"stylesheet\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let reply = client.get(path).await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, "text/css; charset=utf-8")
    );
    assert_eq!(
        reply.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert!(reply.bytes.len() < 16_000, "{}", reply.bytes.len());
    assert_eq!(client.get("/static/style-0.css").await.status, 404);
    assert_eq!(client.page("/healthz").await, "ok\n");
    assert_eq!(
        client.get("/favicon.svg").await.header("content-type"),
        "image/svg+xml"
    );
}

#[tokio::test]
async fn the_listener_serves_until_it_is_told_to_stop() {
    let (script, _) = small();
    let served = script.serve("go").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(listen::serve(
        listener,
        dashboard::router(served.components),
        ConnectionLimits::default(),
        shutdown.clone().cancelled_owned(),
    ));
    let mut stream = TcpStream::connect(address).await.unwrap();
    // Two requests on one connection.
    for _ in 0..2 {
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        let mut reply = Vec::new();
        while !reply.ends_with(b"ok\n") {
            assert_ne!(stream.read_buf(&mut reply).await.unwrap(), 0);
        }
        assert!(reply.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
    shutdown.cancel();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty());
    let ended = tokio::time::timeout(Duration::from_secs(60), serving)
        .await
        .unwrap();
    ended.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
