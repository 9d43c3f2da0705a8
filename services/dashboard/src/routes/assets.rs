//! What is the same for everybody: the style sheet, the icon, and a sign of life.

use std::sync::LazyLock;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::App;
use crate::refusal::Refusal;
use crate::reply::{Keep, TEXT, reply};

const STYLE: &str = include_str!("../../templates/style.css");
const ICON: &str = include_str!("../../templates/icon.svg");

/// Its name changes with it, so that it can be kept for ever.
static STYLE_NAME: LazyLock<String> = LazyLock::new(|| {
    let digest = Sha256::digest(STYLE);
    format!("style-{}.css", HEXLOWER.encode(&digest[..8]))
});

static STYLE_PATH: LazyLock<String> = LazyLock::new(|| format!("/static/{}", *STYLE_NAME));

/// Where the style sheet is.
pub(crate) fn style_path() -> &'static str {
    &STYLE_PATH
}

pub(super) async fn style(State(app): State<App>, Path(name): Path<String>) -> Response {
    if name == *STYLE_NAME {
        reply(
            StatusCode::OK,
            "text/css; charset=utf-8",
            Keep::Forever,
            STYLE,
        )
    } else {
        app.answer(Err(Refusal::missing("There is no such file.")), true)
    }
}

pub(super) async fn icon() -> Response {
    reply(StatusCode::OK, "image/svg+xml", Keep::Day, ICON)
}

pub(super) async fn healthz() -> Response {
    reply(StatusCode::OK, TEXT, Keep::Never, "ok\n")
}
