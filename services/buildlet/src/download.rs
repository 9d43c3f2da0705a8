//! Replies that blocking code writes: listings and archives.

use std::io::{self, Write};

use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use tokio::sync::mpsc;

use crate::{
    Agent,
    refusal::Refusal,
    reply_body::{self, Piece},
};

/// How much is gathered before it is sent.
const PIECE_BYTES: usize = 32 << 10;

/// Streams what `produce` writes, from a thread of its own. When it fails before
/// anything was sent the reply is a 500; later, the connection breaks off.
pub(crate) async fn respond(
    agent: &Agent,
    content_type: &'static str,
    produce: impl FnOnce(&mut PieceWriter) -> io::Result<()> + Send + 'static,
) -> Result<Response, Refusal> {
    let (sender, mut body) = reply_body::channel();
    let producer = agent.tasks.spawn_blocking(move || {
        let mut writer = PieceWriter {
            sender,
            gathered: BytesMut::new(),
        };
        produce(&mut writer)?;
        writer.finish()
    });
    if !body.wait_for_first().await {
        return Err(match producer.await {
            Ok(Err(error)) => Refusal::internal(error),
            Ok(Ok(())) => Refusal::internal("the reply was not finished"),
            Err(error) => Refusal::internal(error),
        });
    }
    Ok(([(header::CONTENT_TYPE, content_type)], body.into_body()).into_response())
}

/// Where the producer writes. Blocks while the client is behind, and fails when
/// it has gone.
pub(crate) struct PieceWriter {
    sender: mpsc::Sender<Piece>,
    gathered: BytesMut,
}

impl PieceWriter {
    fn send(&mut self, piece: Piece) -> io::Result<()> {
        let sent = self.sender.blocking_send(piece);
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone"))
    }

    fn send_gathered(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let data: Bytes = self.gathered.split().freeze();
        self.send(Piece::Data(data))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.send_gathered()?;
        self.send(Piece::End(HeaderMap::new()))
    }
}

impl Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE_BYTES - self.gathered.len();
        let count = room.min(bytes.len());
        self.gathered.extend_from_slice(&bytes[..count]);
        if self.gathered.len() == PIECE_BYTES {
            self.send_gathered()?;
        }
        Ok(count)
    }

    /// Does nothing: encoders flush at will, and a piece is sent when it is full.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
