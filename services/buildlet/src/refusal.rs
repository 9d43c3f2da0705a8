//! How a request fails: an HTTP status and one sentence for its caller. The
//! only place where this crate's inner errors become statuses.

use std::fmt;

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use crate::{relative::BadPath, tarball::ExtractError, workdir::PlaceError};

/// A request that is answered with an error.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    text: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, text: impl fmt::Display) -> Self {
        Self {
            status,
            text: text.to_string(),
        }
    }

    /// 400: the request makes no sense, or must not be done.
    pub(crate) fn bad_request(text: impl fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// 413: more bytes than the agent takes, or than the disk holds.
    pub(crate) fn too_large(text: impl fmt::Display) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, text)
    }

    /// 500: the request was fine, this machine failed.
    pub(crate) fn internal(text: impl fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, text)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
        (self.status, plain, self.text).into_response()
    }
}

impl From<BadPath> for Refusal {
    fn from(bad: BadPath) -> Self {
        Self::bad_request(bad)
    }
}

impl From<PlaceError> for Refusal {
    fn from(error: PlaceError) -> Self {
        match &error {
            PlaceError::Outside { .. }
            | PlaceError::NotADirectory { .. }
            | PlaceError::ADirectory { .. } => Self::bad_request(error),
            PlaceError::Io { source, .. } => {
                let text = format!("{error}: {source}");
                match source.kind() {
                    std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                        Self::too_large(text)
                    }
                    _ => Self::internal(text),
                }
            }
        }
    }
}

impl From<ExtractError> for Refusal {
    fn from(error: ExtractError) -> Self {
        match error {
            ExtractError::Place(place) => place.into(),
            ExtractError::TooLarge { .. } => Self::too_large(error),
            ExtractError::Read { ref source } => Self::bad_request(format!("{error}: {source}")),
            ExtractError::Name { .. } | ExtractError::Entry { .. } => Self::bad_request(error),
        }
    }
}
