//! The index: `GET /logs`, with the long poll (spec/log-and-corpus.md 1.4).
//!
//! Depends on `published` for states and on `render` for bytes. A waiting client subscribes to the tail before it looks
//! at the state, so that no append is missed; it costs a permit while it waits, which it gives back however it goes.

use super::answer::{self, ALWAYS, bad, later, no_such_stream, not_modified};
use super::encoding::Encoding;
use super::published::{Addresses, PublishError, Published};
use super::render::Rendered;
use super::shared::{Served, Shared};
use crate::error::explain;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

const SUM: HeaderName = HeaderName::from_static("x-sum-segment-size");
/// Less than this is not worth compressing.
const COMPRESSED_MIN: usize = 256;
/// A client that waits tries again so often when the newest state could not be read.
const RETRY: Duration = Duration::from_millis(500);

/// What a client asks of the index.
#[derive(Debug, PartialEq, Eq)]
struct Query {
    /// The first segment that it wants.
    from: u64,
    /// The size that it has already.
    unlike: Option<u64>,
}

pub(super) async fn main(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let found = shared.main();
    answer(&shared, found, &method, &uri, &headers).await
}

pub(super) async fn named(
    State(shared): State<Arc<Shared>>,
    name: Result<Path<String>, PathRejection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let found = name.ok().and_then(|Path(name)| shared.named(&name));
    answer(&shared, found, &method, &uri, &headers).await
}

async fn answer(
    shared: &Shared,
    found: Option<(&Served, Addresses)>,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Response {
    if !answer::is_read(method) {
        return bad("bad method");
    }
    let Some((served, addresses)) = found else {
        return no_such_stream();
    };
    let query = match query(uri.query().unwrap_or_default()) {
        Ok(query) => query,
        Err(complaint) => return bad(complaint),
    };
    let state = match query.unlike {
        None => served
            .state(shared)
            .await
            .map(Some)
            .map_err(|error| explain(&error)),
        Some(size) => match wait(shared, served, size).await {
            Waited::Moved(state) => Ok(Some(state)),
            Waited::Nothing => Ok(None),
            Waited::Full => return later("too many clients are waiting"),
            Waited::Failed(error) => Err(error),
        },
    };
    match state {
        Ok(Some(state)) => index(&state, &query, &addresses, method, headers).await,
        Ok(None) => not_modified(),
        Err(problem) => later(&format!(
            "stream {}: {problem}",
            served.publisher.stream.name()
        )),
    }
}

/// How a wait ended.
enum Waited {
    /// The log has another size than the client has.
    Moved(Arc<Published>),
    /// It still has the same.
    Nothing,
    /// Too many wait.
    Full,
    /// The store does not answer, and there is nothing true to say.
    Failed(String),
}

/// Waits until the log's size is not `size`, for as long as a client may be held.
async fn wait(shared: &Shared, served: &Served, size: u64) -> Waited {
    let deadline = Instant::now() + shared.options.hold;
    let stream = &served.publisher.stream;
    let mut tail = stream.watch();
    let mut permit = None;
    let mut looked = false;
    loop {
        // Before the state is looked at: what comes after this wakes us.
        tail.mark_unchanged();
        let state = match timeout_at(deadline, served.publisher.state()).await {
            Ok(Ok(state)) => state,
            Ok(Err(error)) => return Waited::Failed(explain(&error)),
            Err(_) => return Waited::Nothing,
        };
        let behind = state.end < stream.tail();
        if state.total < size && !behind && !looked {
            // Another server of this stream may have shown more: what is shorter is a split to the client.
            match timeout_at(deadline, served.look(shared)).await {
                Ok(Ok(())) => looked = true,
                Ok(Err(problem)) => return Waited::Failed(problem),
                Err(_) => return Waited::Nothing,
            }
            continue;
        }
        if state.total > size || (state.total < size && !behind) {
            return Waited::Moved(state);
        }
        if permit.is_none() {
            match shared.held.try_acquire() {
                Ok(one) => permit = Some(one),
                Err(_) => return Waited::Full,
            }
        }
        tokio::select! {
            changed = tail.changed() => {
                if changed.is_err() {
                    return Waited::Nothing; // the stream outlives us, so this never is
                }
            }
            () = sleep(RETRY), if behind => {}
            () = sleep_until(deadline) => return Waited::Nothing,
            () = shared.stop.cancelled() => return Waited::Nothing,
        }
    }
}

async fn index(
    state: &Published,
    query: &Query,
    addresses: &Addresses,
    method: &Method,
    headers: &HeaderMap,
) -> Response {
    let from = u32::try_from(query.from)
        .ok()
        .filter(|&from| from <= state.current)
        .unwrap_or(0);
    let rendered = match from {
        0 => state.whole(addresses),
        _ => Rendered::new(&state.index(from, addresses)).map(Arc::new),
    };
    let rendered = match rendered {
        Ok(rendered) => rendered,
        Err(error) => return later(&explain(&error)),
    };
    if answer::has_it(headers, &rendered.tag) {
        return not_modified();
    }
    let encoding = match headers.get(ACCEPT_ENCODING) {
        Some(accepted) if rendered.json.len() >= COMPRESSED_MIN => {
            Encoding::accepted(accepted.as_bytes())
        }
        _ => Encoding::Identity,
    };
    let bytes = match rendered.encoded(encoding).await {
        Ok(bytes) => bytes,
        Err(error) => return later(&explain(&error)),
    };
    let own = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CONTENT_LENGTH, HeaderValue::from(bytes.len())),
        (SUM, HeaderValue::from(rendered.sum)),
        (VARY, HeaderValue::from_static("Accept-Encoding")),
    ];
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        Body::from(bytes)
    };
    let tag = answer::tag(&rendered.tag, encoding.name());
    let mut response = (ALWAYS, own, [(ETAG, tag)], body).into_response();
    if let Some(name) = encoding.name() {
        response
            .headers_mut()
            .insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    response
}

impl Served {
    /// The newest state, in the time that the store has for an answer; failing that, the last one.
    pub(super) async fn state(&self, shared: &Shared) -> Result<Arc<Published>, PublishError> {
        let limit = shared.options.store_timeout;
        match timeout(limit, self.publisher.state()).await {
            Ok(state) => state,
            Err(_) => self.publisher.newest().ok_or(PublishError::Slow(limit)),
        }
    }
}

/// Reads the query, as Go reads forms and numbers: the first value of a name counts.
fn query(text: &str) -> Result<Query, &'static str> {
    let value = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(text.as_bytes());
        pairs
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value)
    };
    let from = value("startseg")
        .and_then(|value| value.parse::<i64>().ok())
        .unwrap_or(0);
    let from = u64::try_from(from).map_err(|_| "bad startseg")?;
    let unlike = match value("waitsizenot").filter(|value| !value.is_empty()) {
        None => None,
        Some(value) => {
            let size: i64 = value.parse().map_err(|_| "bad waitsizenot")?;
            Some(u64::try_from(size).map_err(|_| "bad waitsizenot")?)
        }
    };
    Ok(Query { from, unlike })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        let ok = |text: &str| query(text).unwrap();
        for text in [
            "",
            "startseg=",
            "startseg=x",
            "startseg=99999999999999999999",
            "other=7",
            "waitsizenot=",
        ] {
            assert_eq!(
                ok(text),
                Query {
                    from: 0,
                    unlike: None
                },
                "{text}"
            );
        }
        assert_eq!(
            ok("startseg=7&startseg=8&waitsizenot=0"),
            Query {
                from: 7,
                unlike: Some(0)
            }
        );
        assert_eq!(
            ok("waitsizenot=%31%32"),
            Query {
                from: 0,
                unlike: Some(12)
            }
        );
        assert_eq!(query("startseg=-1"), Err("bad startseg"));
        for text in ["-1", "x", "1.5", "0x1", "99999999999999999999", "%00", "1+"] {
            assert_eq!(
                query(&format!("waitsizenot={text}")),
                Err("bad waitsizenot"),
                "{text}"
            );
        }
    }
}
