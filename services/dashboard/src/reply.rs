//! Replies: the headers that every one has, validators, and pages made of templates
//! (spec/dashboards.md 5.1).

use askama::Template;
use axum::body::Body;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::refusal::Refusal;

/// On every reply. Nothing is loaded but the style sheet and the icon; nothing can be run.
const HEADERS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
/// As the original names it.
pub(crate) const JSON: &str = "text/json; charset=utf-8";

/// Adds what every reply has.
pub(crate) async fn with_headers(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// How long a reply may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// It has to be asked for anew, with its tag.
    Ask,
    /// It shows the past, which does not change; but what must not be shown any more has to go
    /// some day.
    Day,
    /// Its name changes with it.
    Forever,
    /// It is an answer to this request alone.
    Never,
}

impl Keep {
    const fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Ask => "no-cache",
            Self::Day => "public, max-age=86400",
            Self::Forever => "public, max-age=31536000, immutable",
            Self::Never => "no-store",
        })
    }
}

/// A strong validator: the same for two replies only if they have the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag(String);

impl Tag {
    /// Of everything that a reply depends on.
    pub(crate) fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(format!("\"{}\"", HEXLOWER.encode(&hash.finalize()[..16])))
    }

    /// The answer to a client that has the same already.
    pub(crate) fn not_modified(&self, headers: &HeaderMap, keep: Keep) -> Option<Response> {
        let known = headers.get_all(header::IF_NONE_MATCH).iter();
        let mut known = known
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        let is_known = known.any(|tag| {
            let tag = tag.trim();
            tag.strip_prefix("W/").unwrap_or(tag) == self.0
        });
        is_known.then(|| {
            let mut response = reply(StatusCode::NOT_MODIFIED, HTML, keep, Body::empty());
            response.headers_mut().remove(header::CONTENT_TYPE);
            self.put(response)
        })
    }

    /// The reply with the tag.
    pub(crate) fn put(&self, mut response: Response) -> Response {
        // Quotes and hex digits are always a header's value.
        if let Ok(value) = HeaderValue::from_str(&self.0) {
            response.headers_mut().insert(header::ETAG, value);
        }
        response
    }
}

/// A reply.
pub(crate) fn reply(
    status: StatusCode,
    content_type: &'static str,
    keep: Keep,
    body: impl Into<Body>,
) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, keep.header());
    response
}

/// A page.
pub(crate) fn page(page: &impl Template, keep: Keep) -> Result<Response, Refusal> {
    let html = page.render().map_err(|error| {
        tracing::error!(%error, "a page cannot be rendered");
        Refusal::Status(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The page cannot be rendered.".to_owned(),
        )
    })?;
    Ok(reply(StatusCode::OK, HTML, keep, html))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_tell_parts_apart() {
        let tag = Tag::of(&["ab", "c"]);
        assert_eq!(tag, Tag::of(&["ab", "c"]));
        assert_ne!(tag, Tag::of(&["a", "bc"]));
        assert_eq!(tag.0.len(), 34);
    }

    #[test]
    fn known_tags_are_not_sent_again() {
        let tag = Tag::of(&["x"]);
        let check = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().unwrap());
            tag.not_modified(&headers, Keep::Ask)
                .map(|response| response.status().as_u16())
        };
        assert_eq!(check(&tag.0), Some(304));
        assert_eq!(check(&format!("\"other\", W/{}", tag.0)), Some(304));
        assert_eq!(check("\"other\""), None);
        assert!(tag.not_modified(&HeaderMap::new(), Keep::Ask).is_none());
    }
}
