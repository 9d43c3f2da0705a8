//! `GET /logs/N`: bytes, ranges, tags, encodings and redirects.

use super::index::unzipped;
use super::*;

/// A log whose only segment is these bytes, as an original writer left it.
async fn holding(bytes: &'static [u8]) -> Stream {
    let store = memory();
    let name = log_core::segment::SegmentName::of(0, bytes);
    let path = object_store::path::Path::from(format!("streams/activity/{name}"));
    store
        .put_opts(&path, bytes.into(), Default::default())
        .await
        .unwrap();
    open(&store, "activity").await
}

const SIXTEEN: &[u8] = b"REC@0+9=abcdefgh"; // served as it is: 16 bytes

#[tokio::test]
async fn ranges_of_sealed_segments() {
    ranges(&holding(SIXTEEN).await, "/logs/0", SIXTEEN).await;
    ranges(&holding(SIXTEEN).await, "/logs/0000", SIXTEEN).await;
}

#[tokio::test]
async fn ranges_of_the_open_segment() {
    let (stream, _writer) = filled(2).await;
    let bytes = stream.bytes(0, 0..stream.tail().offset).await.unwrap();
    ranges(&stream, "/logs/0", &bytes).await;
    ranges(&stream, "/streams/activity/logs/0", &bytes).await;
}

async fn ranges(stream: &Stream, uri: &str, bytes: &[u8]) {
    let router = server(stream).router();
    let size = bytes.len();
    let last = size - 1;
    for (range, first, last) in [
        ("bytes=3-5", 3, 5),
        ("bytes=0-0", 0, 0),
        ("bytes=4-", 4, last),
        ("bytes=4-5000", 4, last),
        ("bytes=-3", size - 3, last),
        ("bytes=-5000", 0, last),
    ] {
        // Encodings are never for ranges.
        let headers = [("range", range), ("accept-encoding", "gzip, zstd")];
        let answer = ask(&router, Method::GET, uri, &headers).await;
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(
            answer.header("content-range"),
            Some(&*format!("bytes {first}-{last}/{size}"))
        );
        assert_eq!(answer.header("content-encoding"), None);
        assert_eq!(
            answer.header("content-length"),
            Some(&*(last + 1 - first).to_string())
        );
        assert_eq!(answer.body, bytes[first..=last], "{range}");
        let head = ask(&router, Method::HEAD, uri, &headers).await;
        assert_eq!(
            (head.status, head.headers, head.body.len()),
            (answer.status, answer.headers, 0)
        );
    }
    for range in ["bytes=500-", "bytes=500-600", "bytes=5-3", "bytes=-0"] {
        let answer = ask(&router, Method::GET, uri, &[("range", range)]).await;
        assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE, "{range}");
        assert_eq!(
            answer.header("content-range"),
            Some(&*format!("bytes */{size}"))
        );
    }
    for range in ["bytes=0-1,3-4", "bytes=x", "lines=0-1", "bytes=0--1"] {
        let headers = [("range", range), ("accept-encoding", "gzip")];
        let answer = ask(&router, Method::GET, uri, &headers).await;
        assert_eq!(
            (answer.status, &answer.body[..]),
            (StatusCode::OK, bytes),
            "{range}"
        );
        assert_eq!(answer.header("content-range"), None);
    }
    let whole = get(&router, uri).await;
    assert_eq!((whole.status, &whole.body[..]), (StatusCode::OK, bytes));
    assert_eq!(
        whole.header("content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let tag = format!("\"{}\"", HEXLOWER.encode(&sha224(bytes)));
    assert_eq!(whole.header("etag"), Some(&*tag));
    tags(&router, uri, &tag, bytes).await;
}

async fn tags(router: &Router, uri: &str, tag: &str, bytes: &[u8]) {
    let weak = format!("W/{tag}");
    for (if_range, status) in [
        (tag, StatusCode::PARTIAL_CONTENT),
        (&*weak, StatusCode::OK),
        ("\"other\"", StatusCode::OK),
        ("Wed, 21 Aug 2019 07:28:00 GMT", StatusCode::OK),
    ] {
        let headers = [("range", "bytes=1-2"), ("if-range", if_range)];
        let answer = ask(router, Method::GET, uri, &headers).await;
        assert_eq!(answer.status, status, "{if_range}");
        let want = if status == StatusCode::OK {
            bytes
        } else {
            &bytes[1..3]
        };
        assert_eq!(answer.body, want);
    }
    for (have, status) in [(tag, 304), (&*weak, 304), ("\"other\"", 200)] {
        let answer = ask(router, Method::GET, uri, &[("if-none-match", have)]).await;
        assert_eq!(answer.status.as_u16(), status, "{have}");
    }
}

#[tokio::test]
async fn an_empty_current_segment_is_200_whatever_range_is_asked_for() {
    let router = server(&activity().await).router();
    for range in ["bytes=0-", "bytes=33-15", "bytes=-1", "bytes=0--1"] {
        let answer = ask(&router, Method::GET, "/logs/0", &[("range", range)]).await;
        assert_eq!(
            (answer.status, answer.body.len()),
            (StatusCode::OK, 0),
            "{range}"
        );
    }
    assert_eq!(get(&router, "/logs/1").await.text(), "bad segment number\n");
}

#[tokio::test]
async fn numbers_are_read_as_go_reads_them() {
    let (stream, _writer) = filled(9).await;
    let router = server(&stream).router();
    let one = get(&router, "/logs/1").await.body;
    for uri in [
        "/logs/001",
        "/logs/+1",
        "/logs/%31",
        "/streams/activity/logs/01",
    ] {
        assert_eq!(get(&router, uri).await.body, one, "{uri}");
    }
}

#[tokio::test]
async fn sealed_segments_are_elsewhere_if_a_base_is_given() {
    let (stream, _writer) = filled(9).await;
    sealed(&stream).await;
    let mut options = ServerOptions::default();
    let base = "https://storage.googleapis.com/bucket/streams/activity/";
    options
        .frozen_base_urls
        .insert("activity".to_owned(), base.to_owned());
    let router = LogServer::new([stream.clone()], options).unwrap().router();
    let index = get(&router, "/logs").await.index();
    let (open, frozen) = index.split_last().unwrap();
    assert!(frozen.len() >= 2);
    for entry in frozen {
        assert_eq!(
            entry.url,
            format!("{base}{:04}.{}.mutlog", entry.number, entry.sha224)
        );
        let answer = ask(
            &router,
            Method::GET,
            &format!("/logs/{}", entry.number),
            &[("range", "bytes=0-3")],
        )
        .await;
        assert_eq!(answer.status, StatusCode::FOUND);
        assert_eq!(answer.header("location"), Some(&*entry.url));
    }
    assert_eq!(open.url, format!("/logs/{}", open.number));
    assert_eq!(get(&router, &open.url).await.status, StatusCode::OK);
}

#[tokio::test]
async fn large_segments_come_in_pieces_plain_and_compressed() {
    let stream = activity().await;
    let writer = Writer::open(stream.clone(), WriterOptions::new("test"))
        .await
        .unwrap();
    let mut random = 1u64;
    for _ in 0..30 {
        let payload: Vec<u8> = (0..100_000u32)
            .map(|_| {
                random = random
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                (random >> 61) as u8 + b'a' // three bits a byte: it can be compressed
            })
            .collect();
        let field = [vec![0x0a, 0xa0, 0x8d, 0x06], payload].concat();
        writer.append(NewRecord::from_payload(field)).await.unwrap();
    }
    let router = server(&stream).router();
    let index = get(&router, "/logs").await.index();
    let plain = check(&router, &index).await.remove(0);
    assert!(plain.len() > 3_000_000);
    let gzip = ask(
        &router,
        Method::GET,
        "/logs/0",
        &[("accept-encoding", "gzip")],
    )
    .await;
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    assert_eq!(gzip.header("content-length"), None);
    assert!(gzip.body.len() < plain.len() / 2);
    assert!(unzipped(&gzip.body) == plain);
    let zstd = ask(
        &router,
        Method::GET,
        "/logs/0",
        &[("accept-encoding", "zstd, gzip;q=0.5")],
    )
    .await;
    assert_eq!(zstd.header("content-encoding"), Some("zstd"));
    assert!(zstd::decode_all(&zstd.body[..]).unwrap() == plain);
    let tags: std::collections::BTreeSet<_> =
        [&gzip, &zstd].map(|answer| answer.header("etag")).into();
    assert!(tags.len() == 2 && !tags.contains(&Some(&*format!("\"{}\"", index[0].sha224))));
    // Whoever asks for a range counts plain bytes, also if the range is not understood.
    for (range, want) in [("bytes=5-", &plain[5..]), ("bytes=0-1,3-4", &plain[..])] {
        let headers = [("range", range), ("accept-encoding", "gzip, zstd")];
        let answer = ask(&router, Method::GET, "/logs/0", &headers).await;
        assert_eq!(answer.header("content-encoding"), None, "{range}");
        assert!(answer.body == want, "{range}");
    }
    let head = ask(
        &router,
        Method::HEAD,
        "/logs/0",
        &[("accept-encoding", "zstd")],
    )
    .await;
    assert_eq!(
        (head.header("content-encoding"), head.body.len()),
        (Some("zstd"), 0)
    );
}

#[tokio::test]
async fn streams_are_apart_and_the_page_lists_them() {
    let store = memory();
    let (one, two) = (open(&store, "activity").await, open(&store, "b<&>").await);
    let _one = Writer::open(one.clone(), small()).await.unwrap();
    let writer = Writer::open(two.clone(), small()).await.unwrap();
    writer.append(text("more")).await.unwrap();
    let server = LogServer::new([one, two.clone()], ServerOptions::default()).unwrap();
    let router = server.router();
    let activity = get(&router, "/logs").await.index();
    let other = get(&router, "/streams/b%3C%26%3E/logs").await.index();
    assert!(total(&other) > total(&activity));
    assert_eq!(other[0].url, "/streams/b%3C%26%3E/logs/0");
    check(&router, &activity).await;
    check(&router, &other).await;
    let page = get(&router, "/").await;
    assert!(
        page.text()
            .contains("<a href=\"/streams/b%3C%26%3E/logs\">b&lt;&amp;&gt;</a>")
    );
    assert!(page.text().contains(&total(&other).to_string()));

    let twice = LogServer::new([two.clone(), two.clone()], ServerOptions::default());
    assert!(twice.unwrap_err().to_string().contains("two streams"));
    let mut options = ServerOptions::default();
    options.main = Some("b<&>".to_owned());
    let router = LogServer::new([two.clone()], options.clone())
        .unwrap()
        .router();
    assert_eq!(
        get(&router, "/logs").await.index()[0].sha224,
        other[0].sha224
    );
    options.main = Some("none".to_owned());
    assert!(LogServer::new([two], options).is_err());
}

async fn put(store: &Arc<dyn ObjectStore>, below: &str, bytes: &'static [u8]) {
    let path = object_store::path::Path::from(format!("streams/activity/{below}"));
    store
        .put_opts(&path, bytes.into(), Default::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn sealing_shows_although_the_log_ends_where_it_did() {
    const BYTES: &[u8] = b"REC@0+5=hello";
    let store = memory();
    put(&store, "tail/0000/0000000000000000", BYTES).await;
    put(&store, "tail/0000/000000000000000d", b"").await;
    let stream = open(&store, "activity").await;
    let router = server(&stream).router();
    let closed = get(&router, "/logs").await.index();
    assert_eq!((closed.len(), closed[0].frozen), (1, false));
    check(&router, &closed).await;
    // The next segment is the current one, and empty.
    assert_eq!(get(&router, "/logs/1").await.body.len(), 0);
    assert_eq!(get(&router, "/logs/1").await.status, StatusCode::OK);
    assert_eq!(get(&router, "/logs/2").await.text(), "bad segment number\n");
    assert_eq!(get(&router, "/logs?startseg=1").await.text(), "[]");
    assert_eq!(get(&router, "/logs?startseg=2").await.index(), closed);

    let name = log_core::segment::SegmentName::of(0, BYTES).to_string();
    put(&store, &name, BYTES).await;
    stream.refresh().await.unwrap();
    let sealed = get(&router, "/logs").await.index();
    assert!(sealed[0].frozen);
    assert_eq!(sealed[0].sha224, closed[0].sha224);
}

/// An original writer puts its last segment under a new name whenever it has grown.
#[tokio::test]
async fn a_bucket_that_an_original_writer_fills_is_shown_as_it_grows() {
    let store = memory();
    for bytes in [&b"REC@0+5=hello"[..], b"REC@0+5=helloREC@d+0="] {
        let name = log_core::segment::SegmentName::of(0, bytes).to_string();
        put(&store, &name, bytes).await;
    }
    let stream = open(&store, "activity").await;
    let router = server(&stream).router();
    let before = get(&router, "/logs").await.index();
    const GROWN: &[u8] = b"REC@0+5=helloREC@d+0=REC@15+0=";
    let name = log_core::segment::SegmentName::of(0, GROWN).to_string();
    put(&store, &name, GROWN).await;
    stream.refresh().await.unwrap();
    let after = get(&router, "/logs").await.index();
    assert_eq!(total(&after), total(&before) + 9);
    check(&router, &after).await;
}
