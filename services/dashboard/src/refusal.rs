//! Why a request gets no page: the one place where that becomes a status. Depends on `replay` for
//! what looking up the past can say.

use axum::http::StatusCode;
use forgelog_replay::AtError;
use log_core::output::OutputError;
use tokio::time::error::Elapsed;

/// A request that gets no page, or another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Something else than a page, with sentences that say why.
    Status(StatusCode, String),
    /// The page is there.
    SeeOther(String),
}

impl Refusal {
    /// The request makes no sense.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::Status(StatusCode::BAD_REQUEST, message.into())
    }

    /// There is no such thing.
    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self::Status(StatusCode::NOT_FOUND, message.into())
    }

    /// It may work later.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::Status(StatusCode::SERVICE_UNAVAILABLE, message.into())
    }

    /// Looking up a past state of a stream did not work.
    pub(crate) fn from_past(stream: &str, error: &AtError) -> Self {
        match error {
            AtError::PastEnd { asked, end } => Self::missing(format!(
                "{stream}:{asked} is in the future: the stream ends at {stream}:{end}."
            )),
            AtError::NotABoundary { asked, next, end } => Self::missing(format!(
                "{stream}:{asked} is inside a record: the next one starts at {stream}:{next}, and the stream ends at {stream}:{end}."
            )),
            other => Self::unavailable(format!(
                "The past of the {stream} stream cannot be read: {}.",
                chain(other)
            )),
        }
    }

    /// A build's output could not be read.
    pub(crate) fn from_output(error: &OutputError) -> Self {
        Self::unavailable(format!("The output cannot be read now: {}.", chain(error)))
    }

    /// It took too long.
    pub(crate) fn too_slow(what: &str, _: Elapsed) -> Self {
        Self::unavailable(format!("{what} took too long. Try again."))
    }
}

/// An error and what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
