//! The body of a reply that is made while it is sent. Its maker has a bounded
//! channel and so runs at the client's pace; a body whose maker goes away
//! without saying that it is done is broken off, so that the client cannot take
//! it for complete.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use tokio::sync::mpsc;

/// How many pieces may wait for the client.
const PIECES_WAITING: usize = 4;

/// What a body is made of.
#[derive(Debug)]
pub(crate) enum Piece {
    Data(Bytes),
    /// The body is complete. With trailers, or an empty map.
    End(HeaderMap),
}

/// A body and the channel that fills it.
pub(crate) fn channel() -> (mpsc::Sender<Piece>, ReplyBody) {
    let (sender, pieces) = mpsc::channel(PIECES_WAITING);
    let body = ReplyBody {
        first: None,
        pieces,
        is_done: false,
    };
    (sender, body)
}

/// The receiving end.
pub(crate) struct ReplyBody {
    first: Option<Piece>,
    pieces: mpsc::Receiver<Piece>,
    is_done: bool,
}

impl ReplyBody {
    /// Waits until there is something to send. `false` if the maker went away
    /// before.
    pub(crate) async fn wait_for_first(&mut self) -> bool {
        self.first = self.pieces.recv().await;
        self.first.is_some()
    }

    /// As the body of a response.
    pub(crate) fn into_body(self) -> Body {
        Body::new(self)
    }
}

impl http_body::Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.is_done {
            return Poll::Ready(None);
        }
        let piece = match self.first.take() {
            Some(piece) => Some(piece),
            None => std::task::ready!(self.pieces.poll_recv(cx)),
        };
        Poll::Ready(match piece {
            Some(Piece::Data(data)) => Some(Ok(Frame::data(data))),
            Some(Piece::End(trailers)) => {
                self.is_done = true;
                (!trailers.is_empty()).then(|| Ok(Frame::trailers(trailers)))
            }
            None => {
                self.is_done = true;
                Some(Err(io::Error::new(
                    io::ErrorKind::ConnectionAborted,
                    "the reply was broken off",
                )))
            }
        })
    }
}

/// A text as a header's or trailer's value; what cannot stand there becomes `?`.
pub(crate) fn header_text(text: &str) -> http::HeaderValue {
    let fine = |c: char| c == ' ' || c.is_ascii_graphic();
    let shown: String = text
        .chars()
        .map(|c| if fine(c) { c } else { '?' })
        .collect();
    http::HeaderValue::from_str(&shown).unwrap_or_else(|_| http::HeaderValue::from_static("?"))
}
