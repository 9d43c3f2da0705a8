//! What depends on the clock.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use forgelog_replay::{Live, LiveOptions};
use http_body_util::BodyExt as _;
use log_core::output::OutputStore;
use log_core::{NewRecord, Stream, Writer, WriterOptions};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::*;
use crate::ServiceStatus;

/// The pages of streams with one record each, looked at so many seconds later.
async fn pages(later: i64) -> (Router, Time) {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let activity = Stream::open(store.clone(), "streams/activity")
        .await
        .unwrap();
    let builds = Stream::open(store.clone(), "streams/builds").await.unwrap();
    let writer = Writer::open(builds.clone(), WriterOptions::new("test"))
        .await
        .unwrap();
    writer
        .append(NewRecord::from_payload(Vec::new()))
        .await
        .unwrap();
    let (activity, _) = Live::spawn(activity, LiveOptions::default(), CancellationToken::new());
    let (builds, _) = Live::spawn(builds, LiveOptions::default(), CancellationToken::new());
    let recorded = builds.caught_up().await.unwrap().recorded().unwrap();
    let now = Time::new(recorded.unix_seconds() + later, recorded.nanos());
    let components = Components {
        activity,
        builds,
        output: OutputStore::new(store),
        repo: "go".to_owned(),
        status: watch::channel(ServiceStatus::default()).1,
    };
    (routes(components, Arc::new(move || now)), now)
}

async fn get(router: &Router, path: &str) -> (u16, HeaderMap, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (
        head.status.as_u16(),
        head.headers,
        String::from_utf8(bytes.to_vec()).unwrap(),
    )
}

#[tokio::test]
async fn the_age_of_the_last_record_is_told_and_tagged() {
    let mut tags = Vec::new();
    for (later, age) in [
        (1, "less than a minute ago"),
        (630, "10 min ago"),
        (90_000, "1 d ago"),
    ] {
        let (router, _) = pages(later).await;
        let (_, headers, html) = get(&router, "/").await;
        assert!(html.contains(age), "{later}");
        tags.push(headers[header::ETAG].clone());
    }
    assert!(tags[0] != tags[1] && tags[1] != tags[2]);
}

#[tokio::test]
async fn the_future_is_not_there_yet() {
    let (router, now) = pages(60).await;
    let (status, ..) = get(&router, &format!("/?at={now}")).await;
    assert_eq!(status, 200);
    let next = Time::new(now.unix_seconds() + 1, now.nanos());
    let (status, _, html) = get(&router, &format!("/?at={next}")).await;
    assert_eq!(status, 404);
    assert!(html.contains("is in the future: the streams end at activity:0000.0,builds:0000."));
}

#[tokio::test]
async fn so_long_ago_is_counted_from_now() {
    let (router, now) = pages(0).await;
    let (status, headers, _) = get(&router, "/?branch=x&at=-2h").await;
    assert_eq!(status, 303);
    let then = Time::from_unix_seconds(now.unix_seconds() - 7200);
    assert_eq!(headers[header::LOCATION], format!("/?branch=x&at={then}"));
}
