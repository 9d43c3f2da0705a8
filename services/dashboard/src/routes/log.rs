//! What builds print: `/build/ID/log` in windows, `/build/ID/log.txt` and `/build/ID/log.ansi`
//! whole, and `/log/SHA1` as the original's programs ask for it.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use bytes::Bytes;
use forgelog_replay::builds::{Attempt, Build};

use super::build::{find, newest_with_output};
use super::{App, Visit};
use crate::output::Output;
use crate::output::stream::{Form, body};
use crate::output::window::{Window, window as read_window};
use crate::refusal::Refusal;
use crate::reply::{Keep, TEXT, Tag, page, reply};
use crate::text::label;
use crate::view::legacy::EMPTY_SHA1;
use crate::view::log::{LogPage, LogQuery, Read};

pub(super) async fn window(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let answered = try_window(&app, &id, &uri, headers).await;
    app.answer(answered, false)
}

async fn try_window(
    app: &App,
    id: &str,
    uri: &Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let visit = Visit::new(uri, headers)?;
    let query = LogQuery::parse(&visit.params)?;
    let sight = app.sight(&visit).await?;
    let facts = sight.facts();
    let build = find(facts.builds, id)?;
    let attempt = attempt(&build, &query);
    let output = match attempt {
        Some(attempt) => Some(Output::open(&app.components.output, attempt.output_prefix()).await?),
        None => None,
    };
    let size = output.as_ref().map_or(0, Output::size);
    let tag = sight.tag(
        "log",
        &format!("{id} {query:?}"),
        &format!("{size} {:?}", visit.here),
    );
    if let Some(response) = tag.not_modified(&visit.headers, Keep::Ask) {
        return Ok(response);
    }
    let window = match &output {
        Some(output) => read_window(output, query.place(&build), query.lines_max()).await?,
        None => Window {
            start: 0,
            is_inside_line: false,
            first_line: None,
            missed: None,
            bytes: Bytes::new(),
        },
    };
    let read = Read {
        attempt,
        window,
        size,
    };
    let frame = sight.frame(visit.here.clone());
    Ok(tag.put(page(
        &LogPage::new(facts, &build, &query, &read, frame),
        Keep::Ask,
    )?))
}

/// The attempt that is meant.
fn attempt<'a>(build: &Build<'a>, query: &LogQuery) -> Option<Attempt<'a>> {
    match query.attempt {
        Some(number) => build
            .attempt(number)
            .filter(|attempt| !attempt.output_prefix().is_empty()),
        None => newest_with_output(build),
    }
}

pub(super) async fn plain(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let answered = whole(&app, &id, &uri, headers, Form::Plain).await;
    app.answer(answered, true)
}

pub(super) async fn exact(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let answered = whole(&app, &id, &uri, headers, Form::Exact).await;
    app.answer(answered, true)
}

async fn whole(
    app: &App,
    id: &str,
    uri: &Uri,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Refusal> {
    let visit = Visit::new(uri, headers)?;
    let query = LogQuery::parse(&visit.params)?;
    let sight = app.sight(&visit).await?;
    let build = find(sight.moment.builds.state(), id)?;
    let Some(attempt) = attempt(&build, &query) else {
        return Err(Refusal::missing(
            "There is no such attempt yet, so nothing was printed.",
        ));
    };
    let mut response = send(app, &visit, &attempt, form).await?;
    if form == Form::Exact && response.status() == StatusCode::OK {
        let name = file_name(&[
            build.builder(),
            &build.commit().short(),
            &attempt.number().to_string(),
        ]);
        insert(
            &mut response,
            header::CONTENT_DISPOSITION,
            &format!("attachment; filename=\"{name}.log\""),
        );
    }
    Ok(response)
}

pub(super) async fn by_sha1(
    State(app): State<App>,
    Path(sha1): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let answered = try_by_sha1(&app, &sha1, &uri, headers).await;
    app.answer(answered, true)
}

async fn try_by_sha1(
    app: &App,
    sha1: &str,
    uri: &Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let visit = Visit::new(uri, headers)?;
    let sight = app.sight(&visit).await?;
    match sight.moment.builds.state().by_output_sha1(sha1) {
        Some((_, attempt)) => {
            // The first that had it may have been an attempt whose own result came late.
            send(app, &visit, &attempt, Form::Exact).await
        }
        None if sha1 == EMPTY_SHA1 => Ok(reply(StatusCode::OK, TEXT, Keep::Ask, "")),
        None => Err(Refusal::missing(format!(
            "There is no log {}.",
            label(sha1, 100)
        ))),
    }
}

/// All that an attempt printed. Once its end is recorded the bytes have a tag, and the exact ones a
/// length.
async fn send(
    app: &App,
    visit: &Visit,
    attempt: &Attempt<'_>,
    form: Form,
) -> Result<Response, Refusal> {
    let recorded = attempt
        .output()
        .or_else(|| attempt.late_result()?.output.as_ref());
    let tag = recorded.map(|output| {
        Tag::of(&[
            "output",
            env!("RENDERER"),
            &format!("{form:?}"),
            &output.sha256,
        ])
    });
    if let Some(response) = tag
        .as_ref()
        .and_then(|tag| tag.not_modified(&visit.headers, Keep::Ask))
    {
        return Ok(response);
    }
    let output = Output::open(&app.components.output, attempt.output_prefix()).await?;
    let size = output.size();
    let mut response = reply(StatusCode::OK, TEXT, Keep::Ask, Body::empty());
    *response.body_mut() = body(output, form);
    if form == Form::Exact {
        insert(&mut response, header::CONTENT_LENGTH, &size.to_string());
    }
    // Bytes that are gone, or not all there yet, are not those that the tag stands for.
    match tag {
        Some(tag) if recorded.is_some_and(|output| output.size == size) => Ok(tag.put(response)),
        _ => Ok(response),
    }
}

fn insert(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// A name that every system takes.
fn file_name(parts: &[&str]) -> String {
    let clean = |letter: char| {
        if letter.is_ascii_alphanumeric() || "._-".contains(letter) {
            letter
        } else {
            '_'
        }
    };
    let parts: Vec<String> = parts
        .iter()
        .map(|part| part.chars().take(100).map(clean).collect())
        .collect();
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_tame() {
        assert_eq!(
            file_name(&["linux-amd64", "0123456", "1"]),
            "linux-amd64-0123456-1"
        );
        assert_eq!(file_name(&["../a\"b\r\n", "é"]), ".._a_b__-_");
    }
}
