//! `POST /exec`: run a command and send what it prints while it prints it
//! (spec: builds 1.4). The reply's headers go out before the command starts, so
//! that a caller's limit on them measures whether the agent is alive; how the
//! command ended is in the trailers.
//!
//! `request` reads the form, `environment` makes the variables, `process` starts
//! and ends process groups, `descendants` finds what left them, `run` is one
//! command's life, `state` names its end.

mod descendants;
mod environment;
mod process;
mod request;
mod run;
mod state;

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{Version, header};

pub(crate) use descendants::Marks;
pub(crate) use environment::Environment;

use crate::{Agent, form::Form, refusal::Refusal, reply_body};

/// The handler.
pub(crate) async fn exec(
    State(agent): State<Arc<Agent>>,
    request: Request,
) -> Result<Response, Refusal> {
    if request.version() < Version::HTTP_11 {
        return Err(Refusal::bad_request(
            "requires HTTP/1.1 or later: the outcome is sent in trailers",
        ));
    }
    let form = Form::read(request.into_body(), &agent.limits).await?;
    let plan = {
        let agent = agent.clone();
        let planned = tokio::task::spawn_blocking(move || request::plan(&form, &agent)).await;
        planned.map_err(Refusal::internal)??
    };
    let (sender, body) = reply_body::channel();
    agent
        .tasks
        .spawn(run::run(plan, sender, agent.stop_token()));
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::TRAILER, state::TRAILERS),
    ];
    Ok((headers, body.into_body()).into_response())
}
