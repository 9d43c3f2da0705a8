//! `/commit/REPO/HASH`: one commit. A repository's name may have slashes in it.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::{App, Visit};
use crate::refusal::Refusal;
use crate::reply::{Keep, page};
use crate::text::label;
use crate::view::commit::CommitPage;

pub(super) async fn commit(
    State(app): State<App>,
    Path(commit): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let answered = answered(&app, &commit, &uri, headers).await;
    app.answer(answered, false)
}

async fn answered(
    app: &App,
    commit: &str,
    uri: &Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let visit = Visit::new(uri, headers)?;
    let missing = || {
        Refusal::missing(format!(
            "{} is not a repository and the 40 hex digits of a commit.",
            label(commit, 300)
        ))
    };
    let (repo, hash) = commit.rsplit_once('/').ok_or_else(missing)?;
    let hash = hash.parse().map_err(|_| missing())?;
    let sight = app.sight(&visit).await?;
    let keep: Keep = sight.keep();
    let tag = sight.tag(
        "commit",
        &format!("{repo:?} {hash}"),
        &format!("{:?}", visit.here),
    );
    if let Some(response) = tag.not_modified(&visit.headers, keep) {
        return Ok(response);
    }
    let frame = sight.frame(visit.here.clone());
    Ok(tag.put(page(
        &CommitPage::new(sight.facts(), repo, &hash, frame)?,
        keep,
    )?))
}
