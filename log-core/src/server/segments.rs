//! The bytes of a segment: `GET /logs/N` (spec/log-and-corpus.md 1.4).
//!
//! Depends on `published` for sizes and digests, on `range` and on `body`. What it gives of a segment is what one
//! published state says of it.

use super::answer::{self, ALWAYS, bad, later, no_such_stream, not_modified, text};
use super::body::Pieces;
use super::encoding::Encoding;
use super::published::{Addresses, Published, frozen_url};
use super::range::{self, Ranged};
use super::shared::{Served, Shared};
use crate::error::explain;
use crate::index::IndexEntry;
use crate::segment::sha224;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use data_encoding::HEXLOWER;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, IF_RANGE, LOCATION, RANGE, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use std::sync::Arc;
use tokio::time::timeout;

/// Less than this is not worth compressing.
const COMPRESSED_MIN: u64 = 256;

pub(super) async fn main(
    State(shared): State<Arc<Shared>>,
    number: Result<Path<String>, PathRejection>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let number = number.ok().map(|Path(number)| number);
    let found = shared.main();
    answer(&shared, found, number.as_deref(), &method, &headers).await
}

pub(super) async fn named(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<(String, String)>, PathRejection>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let Ok(Path((name, number))) = path else {
        return bad_path(method).await;
    };
    let found = shared.named(&name);
    answer(&shared, found, Some(&number), &method, &headers).await
}

pub(super) async fn bad_path(method: Method) -> Response {
    if answer::is_read(&method) {
        bad("bad path")
    } else {
        bad("bad method")
    }
}

async fn answer(
    shared: &Shared,
    found: Option<(&Served, Addresses)>,
    number: Option<&str>,
    method: &Method,
    headers: &HeaderMap,
) -> Response {
    if !answer::is_read(method) {
        return bad("bad method");
    }
    let Some((served, addresses)) = found else {
        return no_such_stream();
    };
    let Some(number) = number.and_then(|number| number.parse::<i64>().ok()) else {
        return bad("bad path");
    };
    let Ok(number) = u32::try_from(number) else {
        return bad("bad segment number");
    };
    let answer = read(shared, served, &addresses, number, method, headers);
    let in_time = timeout(shared.options.hold, answer).await;
    in_time.unwrap_or_else(|_| later("the store is slow"))
}

async fn read(
    shared: &Shared,
    served: &Served,
    addresses: &Addresses,
    number: u32,
    method: &Method,
    headers: &HeaderMap,
) -> Response {
    let state = match served.state_for(shared, number, headers).await {
        Ok(state) => state,
        Err(problem) => return later(&problem),
    };
    if number > state.current {
        return bad("bad segment number");
    }
    let empty = IndexEntry {
        number,
        size: 0,
        sha224: HEXLOWER.encode(&sha224(b"")),
        url: String::new(),
        frozen: false,
    };
    let entry = state.entries.get(number as usize).unwrap_or(&empty);
    match &addresses.frozen_base {
        Some(base) if entry.frozen => redirect(&frozen_url(base, entry)),
        _ => segment(shared, served, entry, method, headers).await,
    }
}

/// Whether the client asks for what another server of this stream must have shown it.
fn knows_of_more(state: &Published, number: u32, headers: &HeaderMap) -> bool {
    let size = state
        .entries
        .get(number as usize)
        .map_or(0, |entry| entry.size);
    let beyond = || {
        let range = headers
            .get(RANGE)
            .map(|range| range::parse(range.as_bytes(), size.max(1)));
        range == Some(Ranged::Unsatisfiable)
    };
    number > state.current || (number == state.current && beyond())
}

impl Served {
    /// The state to answer from. A client that asks for more than we know of may have it from another server: then
    /// the store is asked. As long as it gives no answer, the trouble is ours and not the client's.
    async fn state_for(
        &self,
        shared: &Shared,
        number: u32,
        headers: &HeaderMap,
    ) -> Result<Arc<Published>, String> {
        let mut state = self.state(shared).await.map_err(|error| explain(&error))?;
        if !knows_of_more(&state, number, headers) {
            return Ok(state);
        }
        self.look(shared).await?;
        state = self.state(shared).await.map_err(|error| explain(&error))?;
        if state.end < self.publisher.stream.tail() && knows_of_more(&state, number, headers) {
            return Err("the newest records cannot be read now".to_owned());
        }
        Ok(state)
    }
}

fn redirect(url: &str) -> Response {
    match HeaderValue::from_str(url) {
        Ok(url) => (StatusCode::FOUND, ALWAYS, [(LOCATION, url)], Body::empty()).into_response(),
        Err(_) => later("the address of sealed segments is none"),
    }
}

async fn segment(
    shared: &Shared,
    served: &Served,
    entry: &IndexEntry,
    method: &Method,
    headers: &HeaderMap,
) -> Response {
    if answer::has_it(headers, &entry.sha224) {
        return not_modified();
    }
    let ranged = match headers.get(RANGE) {
        Some(range) if still_that(headers, &entry.sha224) => {
            range::parse(range.as_bytes(), entry.size)
        }
        _ => Ranged::Whole,
    };
    let (status, first, end) = match ranged {
        Ranged::Whole => (StatusCode::OK, 0, entry.size),
        Ranged::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, last + 1),
        Ranged::Unsatisfiable => return unsatisfiable(entry.size),
    };
    let encoding = match headers.get(ACCEPT_ENCODING) {
        // A client that asks for a range, even one that we do not understand, counts plain bytes.
        Some(accepted) if entry.size >= COMPRESSED_MIN && !headers.contains_key(RANGE) => {
            Encoding::accepted(accepted.as_bytes())
        }
        _ => Encoding::Identity,
    };
    let mut pieces = Pieces {
        stream: served.publisher.stream.clone(),
        segment: entry.number,
        at: first,
        end,
        piece: shared.options.piece.max(1),
        store_timeout: shared.options.store_timeout,
    };
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        // The first piece before the head of the answer: trouble can still be told as such.
        match pieces
            .next()
            .await
            .and_then(|first| pieces.into_body(first.unwrap_or_default(), encoding))
        {
            Ok(body) => body,
            Err(error) => return trouble(served, entry, &error),
        }
    };
    let own = [
        (
            CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        ),
        (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (VARY, HeaderValue::from_static("Accept-Encoding")),
    ];
    let tag = answer::tag(&entry.sha224, encoding.name());
    let mut response = (status, ALWAYS, own, [(ETAG, tag)], body).into_response();
    let told = response.headers_mut();
    match encoding.name() {
        Some(name) => told.insert(CONTENT_ENCODING, HeaderValue::from_static(name)),
        None => told.insert(CONTENT_LENGTH, HeaderValue::from(end - first)),
    };
    if status == StatusCode::PARTIAL_CONTENT {
        insert_range(told, &format!("bytes {first}-{}/{}", end - 1, entry.size));
    }
    response
}

/// Whether the range is meant for these bytes: `If-Range` is absent or names them, strongly.
fn still_that(headers: &HeaderMap, digest: &str) -> bool {
    let meant = headers.get(IF_RANGE);
    meant.is_none_or(|meant| meant.as_bytes() == answer::tag(digest, None).as_bytes())
}

fn unsatisfiable(size: u64) -> Response {
    let mut response = text(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "invalid range: failed to overlap",
    );
    insert_range(response.headers_mut(), &format!("bytes */{size}"));
    response
}

fn insert_range(headers: &mut HeaderMap, range: &str) {
    // Digits are always a header's value.
    if let Ok(range) = HeaderValue::from_str(range) {
        headers.insert(CONTENT_RANGE, range);
    }
}

fn trouble(served: &Served, entry: &IndexEntry, error: &std::io::Error) -> Response {
    let name = served.publisher.stream.name();
    tracing::warn!(
        stream = name,
        log.segment = entry.number,
        "cannot serve a segment: {}",
        explain(error)
    );
    later(&format!(
        "stream {name}: segment {} cannot be read now",
        entry.number
    ))
}
