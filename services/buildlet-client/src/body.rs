//! What a caller sends: bytes that it has, or that come as it sends.

use std::{error::Error, fmt, io};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;
pub(crate) type RequestBody = UnsyncBoxBody<Bytes, BoxError>;

/// The content of a file or archive that is put on a machine. Anything that
/// becomes [`Bytes`] becomes a payload.
pub struct Payload {
    pub(crate) body: RequestBody,
}

impl Payload {
    /// A content that is sent while it is made. An error in the stream breaks the
    /// upload off; the agent does not take it for complete.
    pub fn stream(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        let frames = pieces.map(|piece| match piece {
            Ok(data) => Ok(Frame::data(data)),
            Err(error) => Err(error.into()),
        });
        Self {
            body: StreamBody::new(frames).boxed_unsync(),
        }
    }
}

impl<B: Into<Bytes>> From<B> for Payload {
    fn from(bytes: B) -> Self {
        let body = Full::new(bytes.into());
        Self {
            body: body.map_err(|never| match never {}).boxed_unsync(),
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").finish_non_exhaustive()
    }
}
