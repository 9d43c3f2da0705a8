//! `GET /logs`: the index and the long poll.

use super::*;
use log_core::frame::Frames;
use std::time::Duration;
use tokio::time::Instant;

const OTHER_METHODS: [Method; 6] = [
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::OPTIONS,
    Method::PATCH,
    Method::TRACE,
];

#[tokio::test]
async fn an_empty_log_has_an_empty_index() {
    let server = server(&activity().await);
    for uri in [
        "/logs",
        "/logs?startseg=0",
        "/logs?startseg=7",
        "/logs?waitsizenot=",
        "/logs?waitsizenot=1",
        "/streams/activity/logs",
    ] {
        let answer = get(&server.router(), uri).await;
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::OK, "[]"),
            "{uri}"
        );
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("x-sum-segment-size"), Some("0"));
        let head = ask(&server.router(), Method::HEAD, uri, &[]).await;
        assert_eq!((head.status, head.text()), (StatusCode::OK, ""));
        assert_eq!(head.header("content-length"), Some("2"));
        assert_eq!(head.headers, answer.headers);
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_the_original_s_words() {
    let (stream, _writer) = filled(1).await;
    let router = server(&stream).router();
    for method in OTHER_METHODS {
        for uri in [
            "/logs",
            "/logs/0",
            "/logs/",
            "/streams/activity/logs",
            "/streams/activity/logs/0",
            "/",
        ] {
            let answer = ask(&router, method.clone(), uri, &[]).await;
            assert_eq!(
                (answer.status, answer.text()),
                (StatusCode::BAD_REQUEST, "bad method\n"),
                "{method} {uri}"
            );
        }
    }
    for (uri, words) in [
        ("/logs?waitsizenot=-1", "bad waitsizenot\n"),
        ("/logs?waitsizenot=x", "bad waitsizenot\n"),
        ("/logs?waitsizenot=1.0", "bad waitsizenot\n"),
        ("/logs?startseg=-1", "bad startseg\n"),
        ("/streams/activity/logs?startseg=-7", "bad startseg\n"),
        ("/logs/", "bad path\n"),
        ("/logs/x", "bad path\n"),
        ("/logs/0/1", "bad path\n"),
        ("/logs/0x0", "bad path\n"),
        ("/logs/%ff", "bad path\n"),
        ("/logs/99999999999999999999", "bad path\n"),
        ("/streams/activity/logs/", "bad path\n"),
        ("/logs/1", "bad segment number\n"),
        ("/logs/-1", "bad segment number\n"),
        ("/logs/99999999999", "bad segment number\n"),
    ] {
        let answer = get(&router, uri).await;
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::BAD_REQUEST, words),
            "{uri}"
        );
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8"),
            "{uri}"
        );
    }
    for uri in ["/streams/other/logs", "/streams/other/logs/0"] {
        assert_eq!(
            get(&router, uri).await.status,
            StatusCode::NOT_FOUND,
            "{uri}"
        );
    }
}

#[tokio::test]
async fn the_index_is_written_as_the_original_writes_it() {
    let (stream, _writer) = filled(1).await;
    let router = server(&stream).router();
    let size = stream.tail().offset;
    let sha = HEXLOWER.encode(&sha224(&stream.bytes(0, 0..size).await.unwrap()));
    let want = format!(
        "[\n\t{{\n\t\t\"number\": 0,\n\t\t\"size\": {size},\n\t\t\"sha224\": \"{sha}\",\n\t\t\"url\": \"/logs/0\",\n\t\t\"frozen\": false\n\t}}\n]"
    );
    let answer = get(&router, "/logs").await;
    assert_eq!(answer.text(), want);
    assert_eq!(
        answer.header("x-sum-segment-size"),
        Some(&*size.to_string())
    );
    let named = get(&router, "/streams/activity/logs").await;
    assert_eq!(
        named.text(),
        want.replace("/logs/0", "/streams/activity/logs/0")
    );
}

#[tokio::test]
async fn segments_are_contiguous_exact_and_frozen_once_sealed() {
    let (stream, _writer) = filled(13).await;
    sealed(&stream).await;
    let router = server(&stream).router();
    let answer = get(&router, "/logs").await;
    let index = answer.index();
    assert_eq!(index.len(), 4);
    assert_eq!(
        index.iter().map(|entry| entry.frozen).collect::<Vec<_>>(),
        [true, true, true, false]
    );
    assert_eq!(
        answer.header("x-sum-segment-size"),
        Some(&*total(&index).to_string())
    );
    for bytes in check(&router, &index).await {
        assert!(Frames::new(&bytes, 0).all(|frame| frame.is_ok()));
    }
    for (from, numbers) in [
        ("0", 0..4),
        ("2", 2..4),
        ("3", 3..4),
        ("4", 0..4),
        ("99999999999999", 0..4),
        ("x", 0..4),
    ] {
        let answer = get(&router, &format!("/logs?startseg={from}")).await;
        let part = answer.index();
        assert_eq!(part, index[numbers], "{from}");
        assert_eq!(
            answer.header("x-sum-segment-size"),
            Some(&*total(&part).to_string())
        );
    }
}

#[tokio::test]
async fn an_index_extends_the_one_before() {
    let stream = activity().await;
    let router = server(&stream).router();
    let writer = Writer::open(stream.clone(), small()).await.unwrap();
    let mut before: Vec<Bytes> = Vec::new();
    for number in 0..20 {
        writer.append(text(&"x".repeat(number * 6))).await.unwrap();
        let now = check(&router, &get(&router, "/logs").await.index()).await;
        for (old, new) in before.iter().zip(&now) {
            assert!(new.starts_with(old));
        }
        assert_eq!(
            now.last().unwrap().len() as u64,
            stream
                .bytes(now.len() as u32 - 1, 0..9999)
                .await
                .unwrap()
                .len() as u64
        );
        before = now;
    }
    assert!(before.len() > 4);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_it_all_is_held_for_55_seconds_and_told_nothing() {
    let stream = activity().await;
    let router = server(&stream).router();
    let start = Instant::now();
    let answer = get(&router, "/logs?waitsizenot=0").await;
    assert_eq!(
        (answer.status, answer.body.len()),
        (StatusCode::NOT_MODIFIED, 0)
    );
    assert_eq!(start.elapsed().as_secs(), 55);

    let writer = Writer::open(stream.clone(), small()).await.unwrap();
    writer.append(text("a")).await.unwrap();
    let size = total(&get(&router, "/logs").await.index());
    for (waited, uri) in [
        (0, format!("/logs?waitsizenot={}", size - 1)),
        (0, format!("/logs?waitsizenot={}", size + 1)),
        (0, "/logs?waitsizenot=0".to_owned()),
        (55, format!("/logs?startseg=1&waitsizenot={size}")),
        (55, format!("/streams/activity/logs?waitsizenot={size}")),
    ] {
        let start = Instant::now();
        let answer = get(&router, &uri).await;
        assert_eq!(start.elapsed().as_secs(), waited, "{uri}");
        assert_eq!(
            answer.status.as_u16(),
            if waited == 0 { 200 } else { 304 },
            "{uri}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_append_wakes_two_hundred() {
    let (stream, writer) = filled(1).await;
    let server = server(&stream);
    let size = total(&get(&server.router(), "/logs").await.index());
    let clients: Vec<_> = (0..200)
        .map(|_| {
            let router = server.router();
            tokio::spawn(async move { get(&router, &format!("/logs?waitsizenot={size}")).await })
        })
        .collect();
    while server.held() < 200 {
        tokio::task::yield_now().await;
    }
    let start = Instant::now();
    let appended = writer.append(text("news")).await.unwrap();
    for client in clients {
        let index = client.await.unwrap().index();
        assert_eq!(total(&index), appended.next.offset);
    }
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(server.held(), 0);
}

/// A follower by long poll sees every byte once, across seals, and never the same sum twice.
#[tokio::test(start_paused = true)]
async fn a_poll_goes_on_across_seals() {
    let (stream, writer) = filled(0).await;
    let router = server(&stream).router();
    let appending = tokio::spawn(async move {
        for number in 0..30 {
            writer
                .append(text(&format!("record {number}")))
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_secs(1 + number % 3 * 40)).await;
        }
        writer
    });
    let mut seen = 0;
    let mut polls = 0;
    while !appending.is_finished() {
        let answer = get(&router, &format!("/logs?waitsizenot={seen}")).await;
        polls += 1;
        if answer.status != StatusCode::NOT_MODIFIED {
            let index = answer.index();
            assert!(total(&index) > seen);
            check(&router, &index).await;
            seen = total(&index);
        }
    }
    let index = get(&router, "/logs").await.index();
    assert!(index.len() > 6);
    assert!(polls >= 30);
    appending.await.unwrap().close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn more_than_may_wait_are_told_to_come_back() {
    let (stream, writer) = filled(1).await;
    let mut options = ServerOptions::default();
    options.held_max = 2;
    let server = LogServer::new([stream.clone()], options).unwrap();
    let size = total(&get(&server.router(), "/logs").await.index());
    let uri = format!("/logs?waitsizenot={size}");
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let (router, uri) = (server.router(), uri.clone());
            tokio::spawn(async move { get(&router, &uri).await })
        })
        .collect();
    while server.held() < 2 {
        tokio::task::yield_now().await;
    }
    let refused = get(&server.router(), &uri).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.header("retry-after"), Some("1"));
    // Those who need not wait are answered.
    assert_eq!(
        get(&server.router(), "/logs?waitsizenot=0").await.status,
        StatusCode::OK
    );
    clients[0].abort();
    while server.held() == 2 {
        tokio::task::yield_now().await;
    }
    let third = tokio::spawn({
        let router = server.router();
        async move { get(&router, &uri).await }
    });
    while server.held() < 2 {
        tokio::task::yield_now().await;
    }
    writer.append(text("news")).await.unwrap();
    assert_eq!(third.await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn an_index_is_tagged_and_compressed_for_those_who_ask() {
    let (stream, writer) = filled(9).await;
    let router = server(&stream).router();
    let plain = get(&router, "/logs").await;
    assert_eq!(plain.header("content-encoding"), None);
    let tag = plain.header("etag").unwrap().to_owned();
    assert!(tag.starts_with('"'));
    let gzip = ask(
        &router,
        Method::GET,
        "/logs",
        &[("accept-encoding", "gzip")],
    )
    .await;
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    assert_ne!(gzip.header("etag"), Some(&*tag));
    assert_eq!(unzipped(&gzip.body), plain.body);
    let zstd = ask(
        &router,
        Method::GET,
        "/logs",
        &[("accept-encoding", "gzip, zstd")],
    )
    .await;
    assert_eq!(zstd.header("content-encoding"), Some("zstd"));
    assert_eq!(zstd::decode_all(&zstd.body[..]).unwrap(), plain.body);
    for have in [
        &tag,
        gzip.header("etag").unwrap(),
        "*",
        &format!("\"x\", W/{tag}"),
    ] {
        let answer = ask(&router, Method::GET, "/logs", &[("if-none-match", have)]).await;
        assert_eq!(
            (answer.status, answer.body.len()),
            (StatusCode::NOT_MODIFIED, 0),
            "{have}"
        );
    }
    // Who does not ask is always told.
    assert_eq!(get(&router, "/logs").await.status, StatusCode::OK);
    writer.append(text("news")).await.unwrap();
    let news = ask(&router, Method::GET, "/logs", &[("if-none-match", &tag)]).await;
    assert_eq!(news.status, StatusCode::OK);
}

pub(super) fn unzipped(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes), &mut plain).unwrap();
    plain
}
