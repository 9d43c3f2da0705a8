//! `/build/ID`: one build.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use forgelog_replay::builds::{Attempt, Build, Builds};

use super::{App, Visit};
use crate::output::Output;
use crate::output::window::{Place, window};
use crate::refusal::Refusal;
use crate::reply::{Keep, page};
use crate::text::label;
use crate::view::build::{BuildPage, Printed};
use crate::view::excerpt::excerpt;
use crate::view::mark::is_failing;

/// In so many lines at the end of an output the first failure is looked for.
const EXCERPT_LINES: usize = 4000;

pub(super) async fn build(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let answered = answered(&app, &id, &uri, headers).await;
    app.answer(answered, false)
}

async fn answered(app: &App, id: &str, uri: &Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let visit = Visit::new(uri, headers)?;
    let sight = app.sight(&visit).await?;
    let facts = sight.facts();
    let build = find(facts.builds, id)?;
    let printed = printed(app, &build).await?;
    // What is not finished goes on between two records too.
    let (more, keep) = if build.state().is_terminal() {
        (String::new(), sight.keep())
    } else {
        (
            format!(
                "{} {}",
                facts.as_of.unix_seconds(),
                printed.as_ref().map_or(0, |printed| printed.size)
            ),
            Keep::Ask,
        )
    };
    let tag = sight.tag("build", id, &format!("{more} {:?}", visit.here));
    if let Some(response) = tag.not_modified(&visit.headers, keep) {
        return Ok(response);
    }
    let frame = sight.frame(visit.here.clone());
    Ok(tag.put(page(&BuildPage::new(facts, &build, printed, frame), keep)?))
}

/// The build with this id.
pub(super) fn find<'a>(builds: &'a Builds, id: &str) -> Result<Build<'a>, Refusal> {
    builds
        .build(id)
        .ok_or_else(|| Refusal::missing(format!("There is no build {}.", label(id, 200))))
}

/// The newest attempt that can have printed something.
pub(super) fn newest_with_output<'a>(build: &Build<'a>) -> Option<Attempt<'a>> {
    build
        .attempts()
        .rev()
        .find(|attempt| !attempt.output_prefix().is_empty())
}

/// The excerpt of what the build printed; `None` if it cannot have printed anything.
async fn printed(app: &App, build: &Build<'_>) -> Result<Option<Printed>, Refusal> {
    let Some(attempt) = newest_with_output(build) else {
        return Ok(None);
    };
    let output = Output::open(&app.components.output, attempt.output_prefix()).await?;
    let end = window(&output, Place::End, EXCERPT_LINES).await?;
    let excerpt = excerpt(
        &end.bytes,
        end.start,
        end.is_inside_line,
        is_failing(build.state()),
    );
    Ok(Some(Printed {
        size: output.size(),
        excerpt,
    }))
}
