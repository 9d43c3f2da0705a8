//! A whole output as the body of a reply: read piece by piece, as fast as the client takes it.

use std::io;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;

use super::Output;
use crate::refusal::Refusal;
use crate::text::plain::Plain;

/// How much is read at a time.
const PIECE_BYTES: u64 = 1 << 20;

/// How the bytes are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As they are.
    Exact,
    /// Without escape sequences.
    Plain,
}

/// The output as far as it was there when it was opened. If it cannot be read to its end, the reply
/// breaks off and never looks complete.
pub(crate) fn body(output: Output, form: Form) -> Body {
    let start = (output, 0, Plain::default());
    Body::from_stream(stream::try_unfold(
        start,
        move |(output, offset, mut plain)| async move {
            let Some((bytes, next)) = piece(&output, offset).await? else {
                return Ok::<_, io::Error>(None);
            };
            let bytes = match form {
                Form::Exact => bytes,
                Form::Plain => {
                    let mut shown = Vec::with_capacity(bytes.len());
                    plain.push(&bytes, &mut shown);
                    shown.into()
                }
            };
            Ok(Some((bytes, (output, next, plain))))
        },
    ))
}

/// The bytes at an offset and where the next ones are; `None` at the end.
async fn piece(output: &Output, offset: u64) -> io::Result<Option<(Bytes, u64)>> {
    if offset >= output.size() {
        return Ok(None);
    }
    let read = output.read(offset..offset + PIECE_BYTES).await;
    let bytes = read.map_err(|refusal| match refusal {
        Refusal::Status(_, message) => io::Error::other(message),
        Refusal::SeeOther(_) => io::Error::other("moved"),
    })?;
    if bytes.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the output is shorter than it was",
        ));
    }
    let next = offset + bytes.len() as u64;
    Ok(Some((bytes, next)))
}
