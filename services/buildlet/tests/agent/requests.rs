//! Who is let in, and which calls there are.

use std::time::Duration;

use buildlet::{Agent, Config, PROTOCOL_VERSION};
use buildlet_client::{BuildletClient, Payload};
use futures::StreamExt;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use super::{PASSWORD, TestAgent, authorization, eventually, sh};

#[tokio::test]
async fn the_password_counts_and_the_user_does_not() {
    let agent = TestAgent::start().await;
    for (user, password) in [("gomote", "wrong"), ("x", ""), ("", "correct horse ")] {
        let headers = authorization(user, password);
        let reply = agent.request_with("GET", "/status", &headers, "").await;
        assert_eq!(reply, (403, "invalid password".into()), "{user} {password}");
    }
    let reply = agent.request_with("GET", "/status", "", "").await;
    assert_eq!(reply, (403, "invalid password".into()));
    for user in ["x", "", "gomote"] {
        let headers = authorization(user, PASSWORD);
        let reply = agent.request_with("GET", "/status", &headers, "").await;
        assert_eq!(reply, (200, format!("{{\"Version\":{PROTOCOL_VERSION}}}")));
    }
    let stranger = BuildletClient::new(agent.addr, "guess");
    let error = stranger.exec(sh("echo hello")).await.unwrap_err();
    assert_eq!(error.status().unwrap(), 403);
    assert!(error.to_string().contains("invalid password"), "{error}");
}

#[tokio::test]
async fn every_command_needs_the_password() {
    let agent = TestAgent::start().await;
    for (method, path) in [
        ("GET", "/status"),
        ("GET", "/workdir"),
        ("PUT", "/writetgz"),
        ("POST", "/writetgz"),
        ("PUT", "/write?path=a&mode=420"),
        ("POST", "/exec"),
        ("POST", "/removeall"),
        ("GET", "/tgz"),
        ("GET", "/ls"),
        ("POST", "/halt"),
        ("DELETE", "/exec"),
    ] {
        let (status, _) = agent.request_with(method, path, "", "").await;
        assert_eq!(status, 403, "{method} {path}");
    }
}

#[tokio::test]
async fn open_to_everybody() {
    let agent = TestAgent::start().await;
    let get = async |path: &str| agent.request_with("GET", path, "", "").await;
    let (status, text) = get("/").await;
    assert_eq!(status, 200);
    assert!(
        text.starts_with("buildlet running on ") && text.ends_with('\n'),
        "{text}"
    );
    assert_eq!(get("/healthz").await, (200, "ok".into()));
    assert_eq!(get("/debug/x?n=10").await, (200, "X".repeat(10)));
    assert_eq!(get("/debug/x?n=1048577").await, (200, "X".repeat(1 << 20)));
    assert_eq!(get("/debug/x?n=many").await, (200, String::new()));
    assert_eq!(get("/debug/x").await, (200, String::new()));
    assert_eq!(get("/debug/x?n=-1").await.0, 400);
    assert_eq!(get("/unknown").await.0, 404);
}

#[tokio::test]
async fn wrong_methods_are_bad_requests() {
    let agent = TestAgent::start().await;
    for (method, path) in [
        ("POST", "/"),
        ("POST", "/status"),
        ("POST", "/workdir"),
        ("GET", "/writetgz"),
        ("POST", "/write"),
        ("GET", "/exec"),
        ("GET", "/removeall"),
        ("PUT", "/tgz"),
        ("PUT", "/ls"),
        ("GET", "/halt"),
    ] {
        let (status, text) = agent.request(method, path, "").await;
        assert_eq!(status, 400, "{method} {path}");
        assert!(text.starts_with("requires "), "{method} {path}: {text}");
    }
}

#[tokio::test]
async fn the_workdir_is_told() {
    let agent = TestAgent::start().await;
    let told = agent.client.work_dir().await.unwrap();
    assert_eq!(told, agent.workdir.to_str().unwrap());
    assert_eq!(agent.client.status().await.unwrap(), PROTOCOL_VERSION);
}

#[tokio::test]
async fn an_epoch_that_is_over_is_refused() {
    let agent = TestAgent::start().await;
    let old = agent.client.clone().with_epoch(4);
    let new = agent.client.clone().with_epoch(5);
    old.put_file("f", 0o644, "by the old").await.unwrap();
    new.status().await.unwrap();
    let error = old.put_file("f", 0o644, "by a zombie").await.unwrap_err();
    assert_eq!(error.status().unwrap(), 409);
    assert!(error.to_string().contains("epoch 4 is over"), "{error}");
    new.put_file("g", 0o644, "by the new").await.unwrap();
    // Callers that show none, such as the original's, are let through.
    agent.client.status().await.unwrap();
    assert_eq!(
        std::fs::read_to_string(agent.path("f")).unwrap(),
        "by the old"
    );

    let headers = authorization("x", PASSWORD) + "X-Epoch: soon\r\n";
    assert_eq!(
        agent.request_with("GET", "/status", &headers, "").await.0,
        400
    );
    // Without the password nobody can raise the epoch.
    let headers = authorization("x", "guess") + "X-Epoch: 9\r\n";
    assert_eq!(
        agent.request_with("GET", "/status", &headers, "").await.0,
        403
    );
    new.status().await.unwrap();
}

#[tokio::test]
async fn a_listener_that_others_can_reach_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let said = "127.0.0.1:0".parse().unwrap();
    let config = Config::new(said, dir.path().join("workdir"), PASSWORD);
    let served = buildlet::serve(config, listener, CancellationToken::new()).await;
    let text = served.unwrap_err().to_string();
    assert!(text.contains("loopback"), "{text}");
    assert!(!dir.path().join("workdir").exists());

    let config = Config::new(said, dir.path().join("workdir"), "");
    let text = Agent::open(config).unwrap_err().to_string();
    assert!(text.contains("password"), "{text}");
}

#[tokio::test]
async fn requests_that_are_too_large() {
    let agent = TestAgent::start_with(|config| {
        config.limits.form_bytes_max = 1000;
        config.limits.upload_bytes_max = 1000;
    })
    .await;
    for path in ["/exec", "/removeall"] {
        let (status, _) = agent.request("POST", path, &"path=a&".repeat(1000)).await;
        assert_eq!(status, 413, "{path}");
    }
    // Announced or not; the answer arrives although nobody reads the rest.
    let large = vec![b'x'; 64 << 20];
    let piece = large.clone();
    let pieces = futures::stream::iter(0..4).map(move |_| Ok(piece.clone().into()));
    let streamed = Payload::stream(pieces);
    for payload in [large.into(), streamed] {
        let error = agent
            .client
            .put_file("f", 0o644, payload)
            .await
            .unwrap_err();
        assert_eq!(error.status().unwrap(), 413, "{error}");
    }
    let stranger = BuildletClient::new(agent.addr, "guess");
    let error = stranger.put_file("f", 0o644, vec![0; 64 << 20]).await;
    assert_eq!(error.unwrap_err().status().unwrap(), 403);
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_no_file() {
    let agent = TestAgent::start().await;
    let headers = authorization("x", PASSWORD);
    let line = "PUT /write?path=f&mode=420 HTTP/1.1\r\nHost: x\r\n";
    let request = format!("{line}{headers}Content-Length: 9\r\n\r\nhalf");
    let mut stream = TcpStream::connect(agent.addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    eventually("the half file", || agent.path("f").exists()).await;
    drop(stream);
    eventually("its removal", || !agent.path("f").exists()).await;

    let pieces = vec![Ok("half".into()), Err(std::io::Error::other("gone"))];
    let payload = Payload::stream(futures::stream::iter(pieces));
    agent
        .client
        .put_file("g", 0o644, payload)
        .await
        .unwrap_err();
}

#[tokio::test]
async fn an_upload_that_stops_is_given_up() {
    let agent = TestAgent::start_with(|config| {
        config.limits.body_idle = Duration::from_millis(50);
    })
    .await;
    let headers = authorization("x", PASSWORD);
    for line in ["PUT /write?path=f&mode=420", "POST /exec"] {
        let head = format!("{line} HTTP/1.1\r\nHost: x\r\n{headers}");
        let reply = agent
            .raw(format!("{head}Content-Length: 9\r\n\r\nhalf"))
            .await;
        assert!(reply.starts_with("HTTP/1.1 408 "), "{reply}");
    }
}
