//! `/`: the board, to people and to the original's programs.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;

use super::{App, Visit};
use crate::refusal::Refusal;
use crate::reply::{JSON, TEXT, page, reply};
use crate::view::board::Board;
use crate::view::grid::Grid;
use crate::view::legacy;
use crate::view::query::{BoardQuery, Mode};

/// The longest name of a host, with its port.
const HOST_BYTES_MAX: usize = 260;

pub(super) async fn board(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Response {
    let visit = match Visit::new(&uri, headers) {
        Ok(visit) => visit,
        Err(refusal) => return app.answer(Err(refusal), false),
    };
    let as_text = !matches!(Mode::parse(&visit.params), Ok(Mode::Html) | Err(_));
    let answered = answered(&app, &visit, &uri).await;
    app.answer(answered, as_text)
}

async fn answered(app: &App, visit: &Visit, uri: &Uri) -> Result<Response, Refusal> {
    let query = BoardQuery::parse(&visit.params)?;
    // Only what programs read has absolute links.
    let origin = match query.mode {
        Mode::Html => String::new(),
        Mode::Json | Mode::Failures => origin(visit, uri)?,
    };
    if query.mode != Mode::Html {
        app.caught_up().await?;
    }
    let sight = app.sight(visit).await?;
    let here = format!("{origin} {:?}", visit.here);
    let (tag, keep) = (
        sight.tag("board", &format!("{query:?}"), &here),
        sight.keep(),
    );
    if let Some(response) = tag.not_modified(&visit.headers, keep) {
        return Ok(response);
    }
    let facts = sight.facts();
    let grid = Grid::new(facts, &query)?;
    let response = match query.mode {
        Mode::Html => page(
            &Board::new(facts, &query, &grid, sight.frame(visit.here.clone())),
            keep,
        )?,
        Mode::Json => {
            let json = legacy::json(&grid, &origin).map_err(|error| {
                Refusal::Status(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    format!("The board cannot be written: {error}."),
                )
            })?;
            reply(StatusCode::OK, JSON, keep, json)
        }
        Mode::Failures => reply(StatusCode::OK, TEXT, keep, legacy::failures(&grid, &origin)),
    };
    Ok(tag.put(response))
}

/// How the client names this server.
fn origin(visit: &Visit, uri: &Uri) -> Result<String, Refusal> {
    let header = |name| {
        visit
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let host = uri
        .authority()
        .map(|authority| authority.as_str())
        .or_else(|| header(header::HOST));
    let is_host = |host: &&str| {
        let mut letters = host.bytes();
        !host.is_empty()
            && host.len() <= HOST_BYTES_MAX
            && letters.all(|letter| letter.is_ascii_alphanumeric() || b".-:[]_".contains(&letter))
    };
    let host = host
        .filter(is_host)
        .ok_or_else(|| Refusal::bad("The request does not say which host it is for."))?;
    let scheme = match visit
        .headers
        .get("x-forwarded-proto")
        .map(|value| value.as_bytes())
    {
        Some(b"https") => "https",
        _ => "http",
    };
    Ok(format!("{scheme}://{host}"))
}
