//! The XML of requests and answers. Depends on the bucket.

use super::bucket::{Bucket, Object, Query, Refused};
use axum::response::{IntoResponse, Response};
use http::header;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Entries of a page of a listing, if no fewer are asked for.
const PAGE_MAX: usize = 1000;

#[derive(Serialize)]
#[serde(rename = "Error", rename_all = "PascalCase")]
struct Problem<'a> {
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
#[serde(rename = "InitiateMultipartUploadResult")]
struct UploadBegun<'a> {
    #[serde(rename = "UploadId")]
    id: &'a str,
}

#[derive(Serialize)]
#[serde(rename = "CompleteMultipartUploadResult")]
struct UploadCompleted<'a> {
    #[serde(rename = "ETag")]
    etag: &'a str,
}

#[derive(Serialize)]
#[serde(rename = "CopyObjectResult", rename_all = "PascalCase")]
struct Copied<'a> {
    #[serde(rename = "ETag")]
    etag: &'a str,
    last_modified: String,
}

#[derive(Deserialize)]
struct Complete {
    #[serde(rename = "Part", default)]
    parts: Vec<CompletePart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CompletePart {
    part_number: u32,
    #[serde(rename = "ETag")]
    etag: String,
}

#[derive(Serialize)]
#[serde(rename = "ListBucketResult", rename_all = "PascalCase")]
struct Listing<'a> {
    prefix: &'a str,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_continuation_token: Option<&'a str>,
    contents: Vec<Contents<'a>>,
    common_prefixes: Vec<CommonPrefix<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Contents<'a> {
    key: &'a str,
    generation: u64,
    size: usize,
    last_modified: String,
    #[serde(rename = "ETag")]
    etag: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CommonPrefix<'a> {
    prefix: &'a str,
}

fn response(value: &impl Serialize) -> Result<Response, Refused> {
    let text = quick_xml::se::to_string(value)
        .map_err(|error| Refused::Argument(format!("cannot be told in XML: {error}")))?;
    let typed = [(header::CONTENT_TYPE, "application/xml; charset=UTF-8")];
    Ok((typed, text).into_response())
}

/// The body of a refusal: `CODE: what is wrong`.
pub(super) fn error(text: &str) -> String {
    let (code, message) = text.split_once(": ").unwrap_or((text, text));
    quick_xml::se::to_string(&Problem { code, message }).unwrap_or_default()
}

pub(super) fn upload_begun(id: &str) -> Result<Response, Refused> {
    response(&UploadBegun { id })
}

pub(super) fn upload_completed(etag: &str) -> Result<Response, Refused> {
    response(&UploadCompleted { etag })
}

pub(super) fn copied(object: &Object) -> Result<Response, Refused> {
    response(&Copied {
        etag: &object.etag,
        last_modified: object.modified.to_string(),
    })
}

/// The parts of a request to complete an upload: number and etag.
pub(super) fn parts(body: &[u8]) -> Result<Vec<(u32, String)>, Refused> {
    let complete: Complete = quick_xml::de::from_reader(body)
        .map_err(|error| Refused::Argument(format!("not a list of parts: {error}")))?;
    Ok(complete
        .parts
        .into_iter()
        .map(|part| (part.part_number, part.etag))
        .collect())
}

/// Version 2 of the listing, the only one that is asked for.
pub(super) fn list(bucket: &Bucket, query: &HashMap<String, String>) -> Result<Response, Refused> {
    if query.get("list-type").map(String::as_str) != Some("2") {
        return Err(Refused::Argument("only list-type=2 is served".into()));
    }
    let text = |name: &str| query.get(name).cloned().unwrap_or_default();
    let most = match query.get("max-keys").map(|text| text.parse()) {
        None => PAGE_MAX,
        Some(Ok(most)) => PAGE_MAX.min(most),
        Some(Err(_)) => return Err(Refused::Argument("max-keys is not a number".into())),
    };
    let wanted = Query {
        prefix: text("prefix"),
        delimiter: text("delimiter"),
        after: text("start-after"),
        token: query.get("continuation-token").cloned(),
        most,
    };
    let page = bucket.list(&wanted);
    response(&Listing {
        prefix: &wanted.prefix,
        is_truncated: page.next.is_some(),
        next_continuation_token: page.next.as_deref(),
        contents: page
            .objects
            .iter()
            .map(|&(key, object)| Contents {
                key,
                generation: object.generation,
                size: object.body.len(),
                last_modified: object.modified.to_string(),
                etag: &object.etag,
            })
            .collect(),
        common_prefixes: page
            .prefixes
            .iter()
            .map(|prefix| CommonPrefix { prefix })
            .collect(),
    })
}

/// A date as HTTP writes it.
pub(super) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
