//! Request bodies, bounded in size and in silence: read whole, or handed to a
//! blocking reader piece by piece.

use std::{
    io::{self, Read},
    pin::Pin,
    time::Duration,
};

use axum::body::Body;
use bytes::{Buf, Bytes, BytesMut};
use http::StatusCode;
use http_body::Body as _;
use tokio::{sync::mpsc, time::timeout};

use crate::{Agent, refusal::Refusal};

/// How many pieces of a body may wait for the thread that writes them to disk.
const PIECES_WAITING: usize = 4;

/// Reads a body that must fit into memory.
pub(crate) async fn read_all(
    mut body: Body,
    bytes_max: usize,
    idle: Duration,
) -> Result<Bytes, Refusal> {
    let mut all = BytesMut::new();
    while let Some(piece) = next_piece(&mut body, idle).await? {
        if all.len() + piece.len() > bytes_max {
            return Err(too_large(bytes_max as u64));
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.freeze())
}

/// Feeds a body to `consume`, which runs on a thread of its own. The size is
/// bounded by the agent's limit; a body that breaks off is an error to the
/// reader, never an end.
pub(crate) async fn consume<T: Send + 'static>(
    agent: &Agent,
    mut body: Body,
    consume: impl FnOnce(BodyReader) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let bytes_max = agent.limits.upload_bytes_max;
    if body.size_hint().lower() > bytes_max {
        return Err(too_large(bytes_max));
    }
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    let reader = BodyReader {
        pieces: receiver,
        current: Bytes::new(),
        is_at_end: false,
    };
    let consumer = agent.tasks.spawn_blocking(move || consume(reader));
    let fed = feed(&mut body, sender, bytes_max, agent.limits.body_idle).await;
    let consumed = consumer.await;
    // A body that was too long or broke off is the cause of whatever the consumer
    // made of it.
    fed?;
    consumed.unwrap_or_else(|error| Err(Refusal::internal(error)))
}

/// An empty piece is the sign that the body ended as it should.
async fn feed(
    body: &mut Body,
    sender: mpsc::Sender<Bytes>,
    bytes_max: u64,
    idle: Duration,
) -> Result<(), Refusal> {
    let mut bytes: u64 = 0;
    while let Some(piece) = next_piece(body, idle).await? {
        bytes += piece.len() as u64;
        if bytes > bytes_max {
            return Err(too_large(bytes_max));
        }
        // A closed channel: the consumer has failed, and says why itself.
        if !piece.is_empty() && sender.send(piece).await.is_err() {
            return Ok(());
        }
    }
    let _ = sender.send(Bytes::new()).await;
    Ok(())
}

async fn next_piece(body: &mut Body, idle: Duration) -> Result<Option<Bytes>, Refusal> {
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
        let frame = timeout(idle, frame).await.map_err(|_| {
            let text = format!("the request's body brought nothing for {idle:?}");
            Refusal::new(StatusCode::REQUEST_TIMEOUT, text)
        })?;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(Refusal::bad_request(error)),
            Some(Ok(frame)) => {
                if let Ok(piece) = frame.into_data() {
                    return Ok(Some(piece));
                }
            }
        }
    }
}

fn too_large(bytes_max: u64) -> Refusal {
    Refusal::too_large(format!("the request's body is over {bytes_max} bytes"))
}

/// A request's body for blocking code.
pub(crate) struct BodyReader {
    pieces: mpsc::Receiver<Bytes>,
    current: Bytes,
    is_at_end: bool,
}

impl Read for BodyReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.current.is_empty() && !self.is_at_end {
            self.current = self.pieces.blocking_recv().ok_or_else(|| {
                io::Error::new(io::ErrorKind::UnexpectedEof, "the request's body broke off")
            })?;
            self.is_at_end = self.current.is_empty();
        }
        let count = self.current.len().min(out.len());
        self.current.copy_to_slice(&mut out[..count]);
        Ok(count)
    }
}
