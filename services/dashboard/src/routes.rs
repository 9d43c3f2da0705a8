//! The table of pages, and what all handlers share: find the moment, answer, refuse.

mod assets;
mod board;
mod build;
mod commit;
mod log;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use forgelog_replay::{Stopped, Time};
use tokio::time::timeout;

use crate::Components;
use crate::link::Links;
use crate::moment::{Asked, Moment};
use crate::params::Params;
use crate::refusal::Refusal;
use crate::reply::{HTML, Keep, TEXT, Tag, reply, with_headers};
use crate::view::Facts;
use crate::view::frame::{Frame, Here, notices};

pub(crate) use assets::style_path;

/// How long programs wait for the log to be replayed.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(20);

/// The pages.
pub fn router(components: Components) -> Router {
    routes(components, Arc::new(|| Time::from(SystemTime::now())))
}

/// Tells the time.
type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

fn routes(components: Components, clock: Clock) -> Router {
    Router::new()
        .route("/", get(board::board))
        .route("/build/{id}", get(build::build))
        .route("/build/{id}/log", get(log::window))
        .route("/build/{id}/log.txt", get(log::plain))
        .route("/build/{id}/log.ansi", get(log::exact))
        .route("/commit/{*commit}", get(commit::commit))
        .route("/log/{sha1}", get(log::by_sha1))
        .route("/static/{name}", get(assets::style))
        .route("/favicon.svg", get(assets::icon))
        .route("/favicon.ico", get(assets::icon))
        .route("/healthz", get(assets::healthz))
        .method_not_allowed_fallback(not_allowed)
        .fallback(not_found)
        .layer(map_response(with_headers))
        .with_state(App { components, clock })
}

/// What handlers have.
#[derive(Clone)]
struct App {
    components: Components,
    clock: Clock,
}

/// A request, as far as the pages look at it.
struct Visit {
    here: Here,
    params: Params,
    headers: HeaderMap,
}

impl Visit {
    fn new(uri: &Uri, headers: HeaderMap) -> Result<Self, Refusal> {
        let params = Params::parse(uri.query())?;
        let here = Here {
            path: uri.path().to_owned(),
            params: params.without("at"),
        };
        Ok(Self {
            here,
            params,
            headers,
        })
    }
}

/// What a page is made from.
struct Sight {
    moment: Moment,
    links: Links,
    notices: Vec<String>,
    main_repo: String,
}

impl App {
    /// What is to be seen at the moment that the request names.
    async fn sight(&self, visit: &Visit) -> Result<Sight, Refusal> {
        let now = (self.clock)();
        let Some(at) = visit.params.get("at") else {
            return Ok(self.sight_of(Moment::now(&self.components, now)));
        };
        let asked = Asked::parse(at)?;
        match Moment::find(&self.components, now, asked).await? {
            Ok(moment) => Ok(self.sight_of(moment)),
            Err(time) => {
                let at = (time < now && asked != Asked::NOW).then(|| time.to_string());
                Err(Refusal::SeeOther(visit.here.at(at.as_deref())))
            }
        }
    }

    /// Waits until everything is applied that was in the log when it was opened: to a program, a commit
    /// without a result is one that is yet to be built.
    async fn caught_up(&self) -> Result<(), Refusal> {
        let both = async {
            self.components.activity.caught_up().await?;
            self.components.builds.caught_up().await?;
            Ok::<(), Stopped>(())
        };
        match timeout(CATCH_UP_LIMIT, both).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(stopped)) => Err(Refusal::unavailable(format!(
                "The log is not followed: {stopped}."
            ))),
            Err(_) => Err(Refusal::unavailable(
                "The log is still being replayed. Ask again in a minute.",
            )),
        }
    }

    fn sight_of(&self, moment: Moment) -> Sight {
        let health = [
            self.components.activity.health(),
            self.components.builds.health(),
        ];
        // How things are now is no part of the past.
        let is_now = moment.asked.is_none();
        let notices = if is_now {
            notices(&self.components.status.borrow(), &health)
        } else {
            Vec::new()
        };
        Sight {
            links: Links {
                at: moment.asked.map(|asked| asked.to_string()),
            },
            notices,
            main_repo: self.components.repo.clone(),
            moment,
        }
    }

    /// The reply, or what says why there is none.
    fn answer(&self, answered: Result<Response, Refusal>, as_text: bool) -> Response {
        match answered {
            Ok(response) => response,
            Err(Refusal::SeeOther(to)) => {
                (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
            }
            Err(Refusal::Status(status, message)) if as_text => {
                reply(status, TEXT, Keep::Never, format!("{message}\n"))
            }
            Err(Refusal::Status(status, message)) => self.error_page(status, message),
        }
    }

    fn error_page(&self, status: StatusCode, message: String) -> Response {
        let sight = self.sight_of(Moment::now(&self.components, (self.clock)()));
        let reason = status.canonical_reason().unwrap_or("Error");
        let here = Here {
            path: "/".to_owned(),
            params: Vec::new(),
        };
        let page = ErrorPage {
            frame: sight.frame(here).titled(reason),
            reason,
            message,
        };
        // A page that is text alone renders always.
        reply(status, HTML, Keep::Never, page.render().unwrap_or_default())
    }
}

impl Sight {
    fn facts(&self) -> Facts<'_> {
        Facts {
            corpus: self.moment.corpus.state(),
            builds: self.moment.builds.state(),
            as_of: self.moment.as_of,
            main_repo: &self.main_repo,
            links: &self.links,
        }
    }

    fn frame(&self, here: Here) -> Frame {
        Frame::new(&self.moment, &self.links, here, self.notices.clone())
    }

    /// The tag of a view: everything that it depends on. `query` is the view's own question, `more`
    /// what does not come from the streams.
    fn tag(&self, view: &str, query: &str, more: &str) -> Tag {
        let footer = self.frame(Here::default()).footer;
        let footer = format!("{footer:?}");
        let at = self.links.at.as_deref().unwrap_or_default();
        // Times are shown without the year of the moment.
        let year = self.moment.as_of.to_string();
        let year = year.get(..4).unwrap_or_default();
        Tag::of(&[
            view,
            query,
            more,
            at,
            year,
            &footer,
            &self.notices.join("\n"),
            &self.main_repo,
        ])
    }

    /// How long a page may be kept that shows nothing but the streams.
    fn keep(&self) -> Keep {
        if self.moment.asked.is_some_and(|asked| asked.is_fixed()) {
            Keep::Day
        } else {
            Keep::Ask
        }
    }
}

/// A page that says why there is no page.
#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    frame: Frame,
    reason: &'static str,
    message: String,
}

async fn not_found(State(app): State<App>) -> Response {
    app.answer(Err(Refusal::missing("There is no such page.")), false)
}

async fn not_allowed(State(app): State<App>) -> Response {
    let message = "Pages can only be read: GET and HEAD are all there is.".to_owned();
    app.answer(
        Err(Refusal::Status(StatusCode::METHOD_NOT_ALLOWED, message)),
        true,
    )
}

#[cfg(test)]
mod tests;
