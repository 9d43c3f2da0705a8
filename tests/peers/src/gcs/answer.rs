//! One request, answered: GCS's XML API as far as `object_store` speaks it.
//!
//! Sources: cloud.google.com/storage/docs/xml-api, and the requests of `object_store`'s client.
//! Depends on the bucket. Plain functions; nothing waits.

use super::Buckets;
use super::bucket::{Attributes, Bucket, Object, Refused};
use super::conditions::{Part, admit, part};
use super::xml;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use percent_encoding::percent_decode_str;
use std::collections::HashMap;
use std::sync::PoisonError;

const GENERATION: HeaderName = HeaderName::from_static("x-goog-generation");
const GENERATION_MATCH: HeaderName = HeaderName::from_static("x-goog-if-generation-match");
const COPY_SOURCE: HeaderName = HeaderName::from_static("x-goog-copy-source");
const METADATA: &str = "x-goog-meta-";
/// What else comes back with an object.
const ATTRIBUTES: [HeaderName; 6] = [
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    HeaderName::from_static("x-goog-storage-class"),
];
/// A part's number is at most this.
const PARTS_MAX: u32 = 10_000;

/// A request, taken apart.
struct Call {
    method: Method,
    /// Empty: the bucket itself is meant.
    object: String,
    query: HashMap<String, String>,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    fn upload(&self) -> Result<&str, Refused> {
        self.query("uploadId")
            .ok_or_else(|| Refused::Argument("uploadId is missing".into()))
    }

    /// The precondition on the generation.
    fn generation_match(&self) -> Result<Option<u64>, Refused> {
        let Some(text) = self.headers.get(GENERATION_MATCH) else {
            return Ok(None);
        };
        number(text.to_str().unwrap_or_default()).map(Some)
    }

    fn attributes(&self) -> Attributes {
        let kept =
            |name: &HeaderName| ATTRIBUTES.contains(name) || name.as_str().starts_with(METADATA);
        self.headers
            .iter()
            .filter(|(name, _)| kept(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, Refused> {
    text.parse()
        .map_err(|_| Refused::Argument(format!("{text:?} is not a number")))
}

fn decode(text: &str) -> Result<String, Refused> {
    percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Refused::Argument("a name is not UTF-8".into()))
}

/// The answer to a request of someone who may ask.
pub(super) fn answer(
    buckets: &Buckets,
    method: Method,
    uri: &Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer_or_refuse(buckets, method, uri, headers, body)
        .unwrap_or_else(|refused| refused.into_response())
}

fn answer_or_refuse(
    buckets: &Buckets,
    method: Method,
    uri: &Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let path = uri.path().trim_start_matches('/');
    let (bucket, object) = path.split_once('/').unwrap_or((path, ""));
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let call = Call {
        method,
        object: decode(object)?,
        query: query.into_owned().collect(),
        headers,
        body,
    };
    let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
    let name = decode(bucket)?;
    if let Some(from) = call.headers.get(COPY_SOURCE) {
        let from = decode(from.to_str().unwrap_or_default())?;
        return copy(&mut buckets, &from, &name, &call);
    }
    let bucket = buckets.get_mut(&name).ok_or(Refused::NoSuchBucket)?;
    match (&call.method, call.object.is_empty()) {
        (&Method::GET, true) => xml::list(bucket, &call.query),
        (&Method::GET | &Method::HEAD, false) => get(bucket, &call),
        (&Method::PUT, false) => put(bucket, &call),
        (&Method::POST, false) => post(bucket, &call),
        (&Method::DELETE, false) => delete(bucket, &call),
        _ => Err(Refused::Method),
    }
}

fn get(bucket: &Bucket, call: &Call) -> Result<Response, Refused> {
    let generation = call.query("generation").map(number).transpose()?;
    let object = bucket.get(&call.object, generation)?;
    bucket.check(&call.object, call.generation_match()?)?;
    admit(object, &call.headers)?;
    let Part { range, partial } = part(object.body.len(), &call.headers)?;
    let body = object.body.slice(range.clone());
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.extend(
        object
            .attributes
            .iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    describe(headers, object)?;
    headers.insert(
        header::LAST_MODIFIED,
        value(&xml::http_date(object.modified))?,
    );
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, body.len().into());
    if partial {
        let told = format!(
            "bytes {}-{}/{}",
            range.start,
            range.end - 1,
            object.body.len()
        );
        headers.insert(header::CONTENT_RANGE, value(&told)?);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    if call.method == Method::GET {
        *response.body_mut() = Body::from(body);
    }
    Ok(response)
}

fn put(bucket: &mut Bucket, call: &Call) -> Result<Response, Refused> {
    let mut response = Response::new(Body::empty());
    if let Some(part) = call.query("partNumber") {
        let part: u32 = number(part)?;
        if part == 0 || part > PARTS_MAX {
            return Err(Refused::Argument(format!("{part} is no part's number")));
        }
        let etag = bucket.put_part(&call.object, call.upload()?, part, call.body.clone())?;
        response.headers_mut().insert(header::ETAG, value(&etag)?);
    } else {
        let object = bucket.put(
            &call.object,
            call.body.clone(),
            call.attributes(),
            call.generation_match()?,
        )?;
        describe(response.headers_mut(), &object)?;
    }
    Ok(response)
}

fn post(bucket: &mut Bucket, call: &Call) -> Result<Response, Refused> {
    if call.query("uploads").is_some() {
        let id = bucket.begin_upload(&call.object, call.attributes());
        return xml::upload_begun(&id);
    }
    let parts = xml::parts(&call.body)?;
    let object = bucket.complete_upload(&call.object, call.upload()?, &parts)?;
    let mut response = xml::upload_completed(&object.etag)?;
    describe(response.headers_mut(), &object)?;
    Ok(response)
}

fn delete(bucket: &mut Bucket, call: &Call) -> Result<Response, Refused> {
    match call.query("uploadId") {
        Some(id) => bucket.abort_upload(&call.object, id)?,
        None => bucket.delete(&call.object, call.generation_match()?)?,
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Copies from `BUCKET/OBJECT`.
fn copy(
    buckets: &mut HashMap<String, Bucket>,
    from: &str,
    to: &str,
    call: &Call,
) -> Result<Response, Refused> {
    let (bucket, object) = from
        .split_once('/')
        .ok_or_else(|| Refused::Argument("the source has no bucket".into()))?;
    let source = buckets
        .get(bucket)
        .ok_or(Refused::NoSuchBucket)?
        .get(object, None)?
        .clone();
    let made = buckets.get_mut(to).ok_or(Refused::NoSuchBucket)?.put(
        &call.object,
        source.body,
        source.attributes,
        call.generation_match()?,
    )?;
    let mut response = xml::copied(&made)?;
    describe(response.headers_mut(), &made)?;
    Ok(response)
}

fn value(text: &str) -> Result<HeaderValue, Refused> {
    HeaderValue::from_str(text).map_err(|_| Refused::Argument("not a header's text".into()))
}

/// The headers that every answer about an object has.
fn describe(headers: &mut HeaderMap, object: &Object) -> Result<(), Refused> {
    headers.insert(header::ETAG, value(&object.etag)?);
    headers.insert(GENERATION, object.generation.into());
    Ok(())
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NoSuchBucket | Self::NoSuchKey | Self::NoSuchUpload => StatusCode::NOT_FOUND,
            Self::InvalidPart | Self::PartTooSmall | Self::TooLarge | Self::Argument(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::Precondition => StatusCode::PRECONDITION_FAILED,
            Self::NotModified(..) => StatusCode::NOT_MODIFIED,
            Self::Range(_) => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
        };
        let mut response = match &self {
            Self::NotModified(..) => status.into_response(),
            _ => (status, xml::error(&self.to_string())).into_response(),
        };
        let told = match &self {
            Self::NotModified(etag) => value(etag).map(|etag| (header::ETAG, etag)),
            Self::Range(length) => {
                value(&format!("bytes */{length}")).map(|range| (header::CONTENT_RANGE, range))
            }
            _ => return response,
        };
        if let Ok((name, value)) = told {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
