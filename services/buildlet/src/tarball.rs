//! Archives: `PUT /writetgz` unpacks one into the workdir, `GET /tgz` sends a
//! directory as one.

mod extract;
mod pack;

use std::sync::Arc;

use axum::{
    extract::{RawQuery, Request, State},
    response::Response,
};
use http::StatusCode;

pub(crate) use extract::ExtractError;

use crate::{
    Agent, download, files::existing_dir, form::Form, refusal::Refusal, relative::Relative, upload,
};

/// `PUT /writetgz?dir=`: unpacks the body. Entries before a bad one stay.
pub(crate) async fn write_tgz(
    State(agent): State<Arc<Agent>>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<&'static str, Refusal> {
    let query = Form::query(query.as_deref())?;
    let dir = Relative::dir(query.first("dir"))?;
    let target = extract::Target {
        workdir: agent.workdir.clone(),
        dir,
        bytes_max: agent.limits.upload_bytes_max,
        entries_max: agent.limits.archive_entries_max,
    };
    upload::consume(&agent, request.into_body(), move |body| {
        Ok(extract::extract(body, &target)?)
    })
    .await?;
    Ok("OK")
}

/// `POST /writetgz?dir=` with a form field `url`: the original's agent fetches the
/// archive itself. This one makes no requests of its own.
pub(crate) async fn write_tgz_from_url() -> Refusal {
    Refusal::new(
        StatusCode::NOT_IMPLEMENTED,
        "this buildlet fetches no URLs: send the archive itself, with PUT",
    )
}

/// `GET /tgz?dir=&pargzip=`: the directory as a gzipped tar.
pub(crate) async fn tgz(
    State(agent): State<Arc<Agent>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let query = Form::query(query.as_deref())?;
    let dir = Relative::dir(query.first("dir"))?;
    let members = match query.first("pargzip") {
        "0" => pack::Members::One,
        _ => pack::Members::Many,
    };
    let dir = existing_dir(&agent, dir).await?;
    download::respond(&agent, "application/octet-stream", move |out| {
        pack::pack(&dir, members, out)
    })
    .await
}
