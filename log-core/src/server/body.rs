//! A segment's bytes as a body that is read piece by piece, when the client takes them.
//!
//! Depends on [`Stream`]. A client holds one piece in memory, however slow it is. What the store does not give
//! breaks the body off, so that nobody takes a part for the whole.

use super::encoding::{Compressor, Encoding};
use crate::stream::Stream;
use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use std::io;
use std::time::Duration;
use tokio::time::timeout;

/// A part of a segment that is being sent.
#[derive(Debug)]
pub(super) struct Pieces {
    pub(super) stream: Stream,
    pub(super) segment: u32,
    /// The next byte.
    pub(super) at: u64,
    /// After the last byte.
    pub(super) end: u64,
    /// Bytes at a time.
    pub(super) piece: u64,
    /// For how long the store may keep us waiting.
    pub(super) store_timeout: Duration,
}

impl Pieces {
    /// The next piece; `None` at the end.
    pub(super) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.at >= self.end {
            return Ok(None);
        }
        let range = self.at..self.end.min(self.at + self.piece);
        let want = range.end - range.start;
        let reading = self.stream.bytes(self.segment, range);
        let bytes = timeout(self.store_timeout, reading)
            .await
            .map_err(|_| {
                io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the store has not answered in time",
                )
            })?
            .map_err(io::Error::other)?;
        if bytes.len() as u64 != want {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!(
                    "segment {} ends before byte {}",
                    self.segment,
                    self.at + want
                ),
            ));
        }
        self.at += want;
        Ok(Some(bytes))
    }

    /// The rest as a body, after a piece that has been read already.
    pub(super) fn into_body(self, first: Bytes, encoding: Encoding) -> io::Result<Body> {
        Ok(match Compressor::new(encoding)? {
            None => plain(self, first),
            Some(compressor) => compressed(self, first, compressor),
        })
    }
}

fn plain(pieces: Pieces, first: Bytes) -> Body {
    let rest = stream::unfold((Some(first), pieces), |(first, mut pieces)| async move {
        let piece = match first {
            Some(first) => Ok(Some(first)),
            None => pieces.next().await,
        };
        given(piece, &pieces).map(|piece| (piece, (None, pieces)))
    });
    Body::from_stream(rest)
}

fn compressed(pieces: Pieces, first: Bytes, compressor: Compressor) -> Body {
    let start = (Some(first), pieces, Some(compressor));
    let rest = stream::unfold(
        start,
        |(mut first, mut pieces, mut compressor)| async move {
            loop {
                let working = compressor.take()?; // none is left after the end
                let piece = match first.take() {
                    Some(first) => Ok(Some(first)),
                    None => pieces.next().await,
                };
                let worked = match piece {
                    Ok(piece) => work(working, piece).await,
                    Err(error) => Err(error),
                };
                let out = match worked {
                    Ok((out, left)) => {
                        compressor = left;
                        Ok(Some(out))
                    }
                    Err(error) => Err(error),
                };
                if !matches!(&out, Ok(Some(out)) if out.is_empty()) || compressor.is_none() {
                    return given(out, &pieces).map(|out| (out, (None, pieces, compressor)));
                }
            }
        },
    );
    Body::from_stream(rest)
}

/// Compresses a piece, or ends the body; off the runtime, as it takes milliseconds.
async fn work(
    mut compressor: Compressor,
    piece: Option<Bytes>,
) -> io::Result<(Bytes, Option<Compressor>)> {
    let work = move || match piece {
        Some(piece) => compressor.feed(&piece).map(|out| (out, Some(compressor))),
        None => compressor.finish().map(|out| (out, None)),
    };
    tokio::task::spawn_blocking(work).await?
}

fn given(piece: io::Result<Option<Bytes>>, pieces: &Pieces) -> Option<io::Result<Bytes>> {
    if let Err(error) = &piece {
        tracing::warn!(
            stream = pieces.stream.name(),
            log.segment = pieces.segment,
            "a segment breaks off at byte {}: {}",
            pieces.at,
            crate::error::explain(error)
        );
    }
    piece.transpose()
}
