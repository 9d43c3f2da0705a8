//! The answers that need no log: refusals, trouble, and what entity tags mean.
//!
//! Depends on axum. The texts are the original's (spec/log-and-corpus.md 1.4).

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, IF_NONE_MATCH, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

/// When a client that was refused should come back, in seconds.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// What every answer of the log has: it is to be asked for again each time, and is what it says it is.
pub(super) const ALWAYS: [(HeaderName, HeaderValue); 2] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// A line of text.
pub(super) fn text(status: StatusCode, line: &str) -> Response {
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    (status, ALWAYS, [(CONTENT_TYPE, plain)], format!("{line}\n")).into_response()
}

pub(super) fn bad(line: &str) -> Response {
    text(StatusCode::BAD_REQUEST, line)
}

pub(super) fn no_such_stream() -> Response {
    text(StatusCode::NOT_FOUND, "no such stream")
}

/// What will pass: the client should try again.
pub(super) fn later(line: &str) -> Response {
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, line);
    response.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS);
    response
}

/// "Nothing new", without a body.
pub(super) fn not_modified() -> Response {
    (StatusCode::NOT_MODIFIED, ALWAYS, Body::empty()).into_response()
}

/// GET and HEAD are all that there is.
pub(super) fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// An entity tag for a digest in an encoding: other bytes, another tag.
pub(super) fn tag(digest: &str, encoding: Option<&str>) -> String {
    match encoding {
        None => format!("\"{digest}\""),
        Some(encoding) => format!("\"{digest}-{encoding}\""),
    }
}

/// Whether the client said that it has this digest already, in whatever encoding.
pub(super) fn has_it(headers: &HeaderMap, digest: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter();
    let mut tags = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    tags.any(|tag| {
        let tag = tag.trim();
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        let Some(tag) = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) else {
            return tag == "*";
        };
        let encoding = tag.strip_prefix(digest);
        encoding.is_some_and(|encoding| ["", "-gzip", "-zstd"].contains(&encoding))
    })
}
