//! The client against agents that misbehave, or are the original's. How it gets on
//! with our agent is tested there.

// Clippy's leave for tests does not reach the functions that tests share.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::{net::SocketAddr, time::Duration};

use buildlet_client::{BuildletClient, Error, Exec, ListOptions};
use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// What a fake agent does with each connection, once it has the request.
#[derive(Clone)]
enum Then {
    /// Sends this and closes.
    Close(String),
    /// Sends this and keeps the connection open.
    Hang(String),
    /// Sends nothing, and lets the time pass that the client is ready to wait.
    Age,
}

/// A fake agent. Every request that it got can be received.
struct Fake {
    client: BuildletClient,
    requests: mpsc::UnboundedReceiver<String>,
}

impl Fake {
    async fn start(then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut open = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                sender.send(request(&mut stream).await).unwrap();
                match &then {
                    Then::Close(reply) => stream.write_all(reply.as_bytes()).await.unwrap(),
                    Then::Hang(reply) => {
                        stream.write_all(reply.as_bytes()).await.unwrap();
                        open.push(stream);
                    }
                    Then::Age => {
                        tokio::time::pause();
                        open.push(stream);
                    }
                }
            }
        });
        Self {
            client: BuildletClient::new(addr, "secret"),
            requests,
        }
    }

    /// The requests so far.
    fn requests(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.requests.try_recv().ok()).collect()
    }
}

/// Reads a request with a body of known length, or none.
async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut lines = head.lines();
            let length = lines.find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.unwrap_or("0").parse().unwrap();
            if body.len() == length {
                return text;
            }
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "{text}");
    }
}

/// An exec's reply as the original's agent sends it, up to its last chunk.
fn output(text: &str) -> String {
    let head = "HTTP/1.1 200 OK\r\nTrailer: Process-State\r\nTransfer-Encoding: chunked\r\n\r\n";
    format!("{head}{:x}\r\n{text}\r\n", text.len())
}

fn plain(status: &str, text: &str) -> String {
    let length = text.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{text}")
}

fn sh() -> Exec {
    Exec::new("/bin/sh")
}

#[tokio::test]
async fn an_exec_of_the_original() {
    for (state, code) in [
        ("ok", Some(0)),
        ("exit status 2", Some(2)),
        ("signal: killed", None),
    ] {
        let reply = format!("{}0\r\nProcess-State: {state}\r\n\r\n", output("text"));
        let fake = Fake::start(Then::Close(reply)).await;
        let mut stream = fake.client.exec(sh()).await.unwrap();
        assert_eq!(stream.next_chunk().await.unwrap().unwrap(), "text");
        assert_eq!(stream.next_chunk().await.unwrap(), None);
        let outcome = stream.finish().await.unwrap();
        assert_eq!(outcome.state, state);
        assert_eq!(outcome.exit_code, code);
        assert_eq!(outcome.success(), state == "ok");
        assert_eq!(fake.client.broken(), None);
    }
}

#[tokio::test]
async fn no_trailer_is_no_success() {
    for (end, want) in [
        ("0\r\n\r\n", "without a Process-State trailer"),
        (
            "0\r\nX-Exit-Code: 0\r\n\r\n",
            "without a Process-State trailer",
        ),
        ("", "broke off"),
        ("0\r\nProcess-State: ok\r\n", "broke off"),
        ("5\r\nhal", "broke off"),
    ] {
        let mut fake = Fake::start(Then::Close(output("text") + end)).await;
        let mut stream = fake.client.exec(sh()).await.unwrap();
        let error = loop {
            match stream.next_chunk().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{end:?} looks complete"),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains(want), "{end:?}: {error}");
        assert!(stream.outcome().is_none());
        stream.next_chunk().await.unwrap_err();
        stream.finish().await.unwrap_err();
        // And nobody goes near that machine again.
        let error = fake.client.status().await.unwrap_err();
        assert!(
            matches!(&error, Error::Broken { cause, .. } if cause.contains(want)),
            "{error}"
        );
        assert_eq!(fake.requests().len(), 1);
    }
}

#[tokio::test]
async fn the_clients_own_time_limit() {
    for hanging in [output("text"), String::new()] {
        let mut fake = Fake::start(Then::Hang(hanging)).await;
        let exec = Exec {
            client_timeout: Some(Duration::from_millis(50)),
            ..sh()
        };
        let error = match fake.client.exec(exec).await {
            Ok(stream) => stream.finish().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(matches!(error, Error::Timeout { .. }), "{error}");
        let error = fake.client.exec(sh()).await.unwrap_err();
        assert!(matches!(error, Error::Broken { .. }), "{error}");
        assert_eq!(fake.requests().len(), 1);
    }
}

#[tokio::test]
async fn an_agent_that_does_not_answer() {
    let fake = Fake::start(Then::Age).await;
    let error = fake.client.status().await.unwrap_err().to_string();
    assert!(
        error.contains("GET /status") && error.contains("within 10s"),
        "{error}"
    );
    assert_eq!(fake.client.broken(), None);

    tokio::time::resume();
    let fake = Fake::start(Then::Age).await;
    let error = fake.client.exec(sh()).await.unwrap_err().to_string();
    assert!(
        error.contains("POST /exec") && error.contains("within 20s"),
        "{error}"
    );
    assert_eq!(fake.client.broken(), Some(error.as_str()));

    tokio::time::resume();
    let fake = Fake::start(Then::Age).await;
    let error = fake.client.halt().await.unwrap_err().to_string();
    assert!(error.contains("within 2s"), "{error}");
}

#[tokio::test]
async fn nobody_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr: SocketAddr = listener.local_addr().unwrap();
    drop(listener);
    let client = BuildletClient::new(addr, "secret");
    let error = client.status().await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    assert!(error.to_string().contains(&addr.to_string()), "{error}");
}

#[tokio::test]
async fn the_agents_words_are_in_the_error() {
    let fake = Fake::start(Then::Close(plain("409 Conflict", "epoch 3 is over\n"))).await;
    let error = fake.client.put_file("f", 0o644, "x").await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::CONFLICT));
    assert!(
        error.to_string().ends_with("409 Conflict: epoch 3 is over"),
        "{error}"
    );

    let long = "x".repeat(100_000);
    let fake = Fake::start(Then::Close(plain("500 Oh", &long))).await;
    let error = fake.client.remove_all(&["f"]).await.unwrap_err();
    let Error::Status { message, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(message.len(), 4096);
}

#[tokio::test]
async fn replies_that_make_no_sense() {
    let fake = Fake::start(Then::Close(plain("200 OK", "{\"Version\":\"x\"}"))).await;
    let error = fake.client.status().await.unwrap_err();
    assert!(matches!(error, Error::Reply { .. }), "{error}");
    let fake = Fake::start(Then::Close(plain("200 OK", "-rw-r--r--\tf\tmany\n"))).await;
    let error = fake
        .client
        .list_dir(&ListOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Reply { .. }), "{error}");
    let fake = Fake::start(Then::Close(plain("200 OK", &"x".repeat(100_000)))).await;
    let error = fake.client.work_dir().await.unwrap_err();
    assert!(matches!(error, Error::Reply { .. }), "{error}");
    let fake = Fake::start(Then::Close("SSH-2.0-OpenSSH_9.6\r\n".into())).await;
    let error = fake.client.work_dir().await.unwrap_err();
    assert!(matches!(error, Error::Transport { .. }), "{error}");
}

#[tokio::test]
async fn what_is_sent() {
    let mut fake = Fake::start(Then::Close(plain("200 OK", ""))).await;
    let client = fake.client.clone().with_epoch(7);
    client.put_file("a b/ü&", 0o755, "content").await.unwrap();
    client.remove_all(&["a", "b c"]).await.unwrap();
    let options = ListOptions {
        dir: "d".into(),
        skip: vec!["x".into(), "y".into()],
        ..ListOptions::default()
    };
    client.list_dir(&options).await.unwrap();
    let requests = fake.requests();
    // The original's agents read the mode as a decimal number.
    let line = "PUT /write?path=a+b%2F%C3%BC%26&mode=493 HTTP/1.1\r\n";
    assert!(requests[0].starts_with(line), "{}", requests[0]);
    assert!(requests[0].ends_with("\r\n\r\ncontent"), "{}", requests[0]);
    assert!(
        requests[1].ends_with("\r\n\r\npath=a&path=b+c"),
        "{}",
        requests[1]
    );
    let line = "GET /ls?dir=d&recursive=false&digest=false&skip=x&skip=y HTTP/1.1\r\n";
    assert!(requests[2].starts_with(line), "{}", requests[2]);
    for request in &requests {
        let request = request.to_lowercase();
        assert!(request.contains("\r\nx-epoch: 7\r\n"), "{request}");
        assert!(request.contains("\r\nauthorization: basic "), "{request}");
        assert!(request.contains("\r\nte: trailers\r\n"), "{request}");
    }
    assert!(!format!("{client:?}").contains("secret"));
}

#[tokio::test]
async fn a_broken_client_can_still_tell_the_agent_to_halt() {
    let mut fake = Fake::start(Then::Close(plain("200 OK", ""))).await;
    // No trailer, so this exec breaks the client.
    let stream = fake.client.exec(sh()).await.unwrap();
    stream.finish().await.unwrap_err();
    assert!(fake.client.broken().is_some());
    fake.client.halt().await.unwrap();
    assert_eq!(fake.requests().len(), 2);
}
