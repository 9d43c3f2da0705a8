//! The table of calls, and those that are a line or two.

use std::sync::Arc;

use axum::{
    Router,
    extract::{RawQuery, State},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use http::{StatusCode, header};

use crate::{Agent, PROTOCOL_VERSION, exec, files, form::Form, gate, refusal::Refusal, tarball};

/// The most that `/debug/x` sends.
const DEBUG_BYTES_MAX: i128 = 1 << 20;

/// All calls of the agent (spec: builds 1.3). A wrong method is a 400, an unknown
/// path a 404; all but `/`, `/debug/x` and `/healthz` need the password.
///
/// Served over HTTP, the trailers of `/exec` need help that only
/// [`serve`](crate::serve()) gives: hyper sends them to clients that say
/// `TE: trailers` and to no others.
pub fn router(agent: Arc<Agent>) -> Router {
    let put_get = async || Refusal::bad_request("requires PUT or POST method");
    let commands = Router::new()
        .route("/status", get(status).fallback(requires_get))
        .route("/workdir", get(workdir).fallback(requires_get))
        .route(
            "/writetgz",
            put(tarball::write_tgz)
                .post(tarball::write_tgz_from_url)
                .fallback(put_get),
        )
        .route("/write", put(files::write).fallback(requires_put))
        .route("/exec", post(exec::exec).fallback(requires_post))
        .route(
            "/removeall",
            post(files::remove_all).fallback(requires_post),
        )
        .route("/tgz", get(tarball::tgz).fallback(requires_get))
        .route("/ls", get(files::ls).fallback(requires_get))
        .route("/halt", post(halt).fallback(requires_post))
        .route_layer(middleware::from_fn_with_state(agent.clone(), gate::guard));
    Router::new()
        .route("/", get(greet).fallback(requires_get))
        .route("/debug/x", get(debug_x).fallback(requires_get))
        .route("/healthz", get(healthz).fallback(requires_get))
        .merge(commands)
        .fallback(unknown)
        .with_state(agent)
}

async fn requires_get() -> Refusal {
    Refusal::bad_request("requires GET method")
}

async fn requires_put() -> Refusal {
    Refusal::bad_request("requires PUT method")
}

async fn requires_post() -> Refusal {
    Refusal::bad_request("requires POST method")
}

async fn unknown() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "404 page not found")
}

async fn greet() -> String {
    format!("buildlet running on {}-{}\n", os(), architecture())
}

async fn healthz() -> &'static str {
    "ok"
}

/// `n` bytes of `X`, by which the original finds paths that drop large packets.
async fn debug_x(RawQuery(query): RawQuery) -> Result<Vec<u8>, Refusal> {
    let query = Form::query(query.as_deref())?;
    let count: i128 = query.first("n").parse().unwrap_or(0);
    let count = usize::try_from(count.min(DEBUG_BYTES_MAX));
    let count = count.map_err(|_| Refusal::bad_request("n is negative"))?;
    Ok(vec![b'X'; count])
}

async fn status() -> Response {
    let json = format!("{{\"Version\":{PROTOCOL_VERSION}}}");
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

async fn workdir(State(agent): State<Arc<Agent>>) -> String {
    agent.workdir.root().to_string_lossy().into_owned()
}

/// Ends the agent, a moment after the answer. It never touches the machine: on
/// somebody's own computer a power-off is nobody's wish.
async fn halt(State(agent): State<Arc<Agent>>) {
    let tasks = agent.tasks.clone();
    tasks.spawn(async move {
        let stop = agent.stop_token();
        tokio::select! {
            () = tokio::time::sleep(agent.halt_delay) => agent.halt(),
            () = stop.cancelled() => {}
        }
    });
}

/// The operating system by its name in Go.
fn os() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    }
}

/// The architecture by its name in Go.
fn architecture() -> &'static str {
    let is_little = cfg!(target_endian = "little");
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        "loongarch64" => "loong64",
        "powerpc64" if is_little => "ppc64le",
        "powerpc64" => "ppc64",
        "mips64" if is_little => "mips64le",
        "mips" if is_little => "mipsle",
        other => other,
    }
}
