//! One HTTP call: a connection of its own, a limit on the wait for the reply's
//! head, errors with the agent's words.

use std::{net::SocketAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{Error, body::RequestBody};

/// How long to wait for a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How long a reply may bring nothing, once it has begun. Not for execs, which
/// may be silent as long as they like.
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// How much of an error's text is kept.
const MESSAGE_BYTES_MAX: usize = 4 << 10;

/// How long an error's text may take to come.
const MESSAGE_LIMIT: Duration = Duration::from_secs(5);

/// Who is called, and what: for errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) addr: SocketAddr,
    /// Method and path.
    pub(crate) call: &'static str,
}

impl Target {
    pub(crate) fn transport(self, source: hyper::Error) -> Error {
        Error::Transport {
            addr: self.addr,
            call: self.call,
            source,
        }
    }

    pub(crate) fn late(self, waited_for: &'static str, limit: Duration) -> Error {
        Error::Late {
            addr: self.addr,
            call: self.call,
            waited_for,
            limit,
        }
    }

    pub(crate) fn senseless(self, reason: impl Into<String>) -> Error {
        Error::Reply {
            addr: self.addr,
            call: self.call,
            reason: reason.into(),
        }
    }
}

/// A reply with status 200 whose body is still to be read. Dropped, it closes the
/// connection.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) target: Target,
    body: Incoming,
    _connection: AbortOnDropHandle<()>,
}

/// A frame of a reply's body.
pub(crate) enum Part {
    Data(Bytes),
    Trailers(HeaderMap),
}

/// Sends a request and waits so long for the head of the reply. Any status but 200
/// is an error.
pub(crate) async fn call(
    target: Target,
    request: Request<RequestBody>,
    head_limit: Duration,
) -> Result<Reply, Error> {
    let deadline = Instant::now() + head_limit;
    let (mut sender, connection) =
        connect(target, deadline.min(Instant::now() + CONNECT_LIMIT)).await?;
    let response = match timeout_at(deadline, sender.send_request(request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(source)) => return Err(target.transport(source)),
        Err(_) => return Err(target.late("the reply's headers", head_limit)),
    };
    let status = response.status();
    let reply = Reply {
        target,
        body: Response::into_body(response),
        _connection: connection,
    };
    if status == StatusCode::OK {
        return Ok(reply);
    }
    Err(Error::Status {
        addr: target.addr,
        call: target.call,
        status,
        message: reply.message().await,
    })
}

async fn connect(
    target: Target,
    deadline: Instant,
) -> Result<(http1::SendRequest<RequestBody>, AbortOnDropHandle<()>), Error> {
    let Target { addr, .. } = target;
    let stream = match timeout_at(deadline, TcpStream::connect(addr)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(source)) => return Err(Error::Connect { addr, source }),
        Err(_) => return Err(target.late("a connection", CONNECT_LIMIT)),
    };
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(|source| target.transport(source))?;
    // What goes wrong on the connection, the request and the body hear of.
    let connection = tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok((sender, AbortOnDropHandle::new(connection)))
}

impl Reply {
    /// The next frame, however long it takes; `None` at the end. Cancel safe.
    pub(crate) async fn part(&mut self) -> Result<Option<Part>, Error> {
        match self.body.frame().await {
            None => Ok(None),
            Some(Err(source)) => Err(self.target.transport(source)),
            Some(Ok(frame)) => Ok(Some(match frame.into_data() {
                Ok(data) => Part::Data(data),
                Err(frame) => Part::Trailers(frame.into_trailers().unwrap_or_default()),
            })),
        }
    }

    /// The next data, with a limit on silence; `None` at the end.
    async fn data(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let part = timeout(IDLE_LIMIT, self.part()).await;
            match part.map_err(|_| self.target.late("more of the reply", IDLE_LIMIT))?? {
                None => return Ok(None),
                Some(Part::Data(data)) => return Ok(Some(data)),
                Some(Part::Trailers(_)) => {}
            }
        }
    }

    /// The whole body, which must not be longer than this.
    pub(crate) async fn read(mut self, bytes_max: usize) -> Result<Bytes, Error> {
        let mut all = BytesMut::new();
        while let Some(data) = self.data().await? {
            if all.len() + data.len() > bytes_max {
                let reason = format!("it is over {bytes_max} bytes");
                return Err(self.target.senseless(reason));
            }
            all.extend_from_slice(&data);
        }
        Ok(all.freeze())
    }

    /// An error's text, as much of it as comes.
    async fn message(mut self) -> String {
        let mut text = BytesMut::new();
        let reading = async {
            while text.len() < MESSAGE_BYTES_MAX {
                let Ok(Some(data)) = self.data().await else {
                    return;
                };
                text.extend_from_slice(&data);
            }
        };
        let _ = timeout(MESSAGE_LIMIT, reading).await;
        text.truncate(MESSAGE_BYTES_MAX);
        String::from_utf8_lossy(&text).trim().to_owned()
    }

    pub(crate) fn into_stream(self) -> ByteStream {
        ByteStream { reply: self }
    }
}

/// Bytes that come from a machine. Dropped, it closes its connection.
#[derive(Debug)]
pub struct ByteStream {
    reply: Reply,
}

impl ByteStream {
    /// The next bytes; `None` at the end, which is only reached when the agent
    /// has sent everything.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.reply.data().await
    }
}
