//! A log server for tests: any list of segments, any fault in any request. Depends on axum only.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What goes wrong in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing but this status.
    Status(u16),
    /// Breaks off in the middle.
    Cut,
    /// Ends early, as if it were all.
    Short,
    /// More than was asked for.
    Long,
    /// Other bytes.
    Wrong,
    /// All of it, whatever was asked for.
    Full,
    /// 200 for a part.
    PartAsWhole,
    /// Another address first.
    Redirect,
    /// No answer, ever.
    Silence,
}

/// A request as the server saw it: what for, and from which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Index,
    Segment(usize, usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) bytes: Vec<u8>,
    pub(crate) frozen: bool,
}

type FaultOf = Box<dyn FnMut(usize, &Asked) -> Option<Fault> + Send>;

#[derive(Default)]
struct Inner {
    segments: Vec<Segment>,
    asked: Vec<Asked>,
    sent: usize,
    fault: Option<FaultOf>,
    impatient: bool,
}

pub(crate) struct Server {
    pub(crate) url: String,
    inner: Arc<Mutex<Inner>>,
    changed: watch::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    inner: Arc<Mutex<Inner>>,
    changed: watch::Receiver<()>,
}

impl Server {
    /// The last segment grows, the others are frozen.
    pub(crate) async fn start(segments: &[Vec<u8>]) -> Self {
        Self::start_at("127.0.0.1:0", segments).await
    }

    pub(crate) async fn start_at(address: &str, segments: &[Vec<u8>]) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}/logs", listener.local_addr().unwrap());
        let inner = Arc::new(Mutex::new(Inner::default()));
        let (changed, receiver) = watch::channel(());
        let shared = Shared {
            inner: inner.clone(),
            changed: receiver,
        };
        let app = Router::new().fallback(answer).with_state(shared);
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let server = Self {
            url,
            inner,
            changed,
            task,
        };
        server.set(segments);
        server
    }

    pub(crate) fn set(&self, segments: &[Vec<u8>]) {
        let last = segments.len().saturating_sub(1);
        let segments = segments.iter().enumerate().map(|(at, bytes)| Segment {
            bytes: bytes.clone(),
            frozen: at < last,
        });
        self.inner.lock().unwrap().segments = segments.collect();
        self.changed.send_replace(());
    }

    pub(crate) fn freeze_last(&self) {
        let mut inner = self.inner.lock().unwrap();
        inner.segments.last_mut().unwrap().frozen = true;
    }

    /// `fault` is called with the number of each request, from 0.
    pub(crate) fn fault(&self, fault: impl FnMut(usize, &Asked) -> Option<Fault> + Send + 'static) {
        self.inner.lock().unwrap().fault = Some(Box::new(fault));
    }

    pub(crate) fn well(&self) {
        self.inner.lock().unwrap().fault = None;
    }

    /// Answers long polls at once, news or not.
    pub(crate) fn impatient(&self) {
        self.inner.lock().unwrap().impatient = true;
    }

    /// What was asked for since the last time, and bytes of segments that were sent.
    pub(crate) fn take_asked(&self) -> (Vec<Asked>, usize) {
        let mut inner = self.inner.lock().unwrap();
        let sent = std::mem::take(&mut inner.sent);
        (std::mem::take(&mut inner.asked), sent)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let path = request.uri().path().trim_end_matches("/moved").to_owned();
    let number = path.rsplit('/').next().and_then(|part| part.parse().ok());
    let from = from_of(request.headers());
    let asked = number.map_or(Asked::Index, |number| {
        Asked::Segment(number, from.unwrap_or(0))
    });
    let moved = request.uri().path().ends_with("/moved");
    let fault = {
        let mut inner = shared.inner.lock().unwrap();
        let count = inner.asked.len();
        inner.asked.push(asked.clone());
        let fault = inner.fault.as_mut().and_then(|fault| fault(count, &asked));
        fault.filter(|_| !moved)
    };
    match fault {
        Some(Fault::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::Redirect) => {
            (StatusCode::FOUND, [("location", format!("{path}/moved"))]).into_response()
        }
        fault => match number {
            Some(number) => segment(&shared, number, from, fault),
            None => index(shared, request.uri().query(), fault).await,
        },
    }
}

fn from_of(headers: &HeaderMap) -> Option<usize> {
    let range = headers.get("range")?.to_str().unwrap();
    let (from, _) = range
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    Some(from.parse().unwrap())
}

fn segment(shared: &Shared, number: usize, from: Option<usize>, fault: Option<Fault>) -> Response {
    let mut inner = shared.inner.lock().unwrap();
    let Some(segment) = inner.segments.get(number) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let size = segment.bytes.len();
    let start = from.filter(|_| fault != Some(Fault::Full)).unwrap_or(0);
    if from.is_some() && start >= size {
        return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    }
    let mut body = segment.bytes[start..].to_vec();
    let half = body.len() / 2;
    match fault {
        Some(Fault::Wrong) => body[half] ^= 1,
        Some(Fault::Short) => body.truncate(half),
        Some(Fault::Long) => body.push(b'x'),
        _ => {}
    }
    inner.sent += body.len();
    if fault == Some(Fault::Cut) {
        return cut(body);
    }
    if from.is_none() || matches!(fault, Some(Fault::Full | Fault::PartAsWhole)) {
        return body.into_response();
    }
    let range = format!("bytes {start}-{}/{size}", size - 1);
    (
        StatusCode::PARTIAL_CONTENT,
        [("content-range", range)],
        body,
    )
        .into_response()
}

fn cut(body: Vec<u8>) -> Response {
    let half = Bytes::copy_from_slice(&body[..body.len() / 2]);
    let parts = [Ok(half), Err(std::io::Error::other("cut"))];
    Body::from_stream(futures::stream::iter(parts)).into_response()
}

async fn index(mut shared: Shared, query: Option<&str>, fault: Option<Fault>) -> Response {
    let not = query.and_then(|query| query.strip_prefix("waitsizenot=")?.parse().ok());
    loop {
        shared.changed.mark_unchanged();
        {
            let inner = shared.inner.lock().unwrap();
            let total: usize = inner.segments.iter().map(|s| s.bytes.len()).sum();
            if not != Some(total) || inner.impatient {
                let body = json(&inner.segments);
                return match fault {
                    Some(Fault::Cut) => cut(body.into_bytes()),
                    Some(Fault::Wrong) => body
                        .replacen("\"number\":0", "\"number\":9", 1)
                        .into_response(),
                    _ => body.into_response(),
                };
            }
        }
        shared.changed.changed().await.unwrap();
    }
}

fn json(segments: &[Segment]) -> String {
    let entry = |(number, segment): (usize, &Segment)| {
        let sha224 = HEXLOWER.encode(&log_core::segment::sha224(&segment.bytes));
        let (size, frozen) = (segment.bytes.len(), segment.frozen);
        format!(
            r#"{{"number":{number},"size":{size},"sha224":"{sha224}","url":"/logs/{number}","frozen":{frozen}}}"#
        )
    };
    let entries: Vec<_> = segments.iter().enumerate().map(entry).collect();
    format!("[{}]", entries.join(","))
}
