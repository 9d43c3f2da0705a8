//! The dashboard: pages that show what is built, how it went and what it printed.
//!
//! A page is a pure function of two projections and a query. A handler ([`router`]) takes a
//! snapshot, now's or that of the moment that `at=` names, has a view made of it, and renders that;
//! nothing else happens. So every page can be had as of any position or time, and two servers give
//! the same bytes. The one exception is the output of builds, which is too big for the log and is
//! read from beside it.
//!
//! Everything that comes from a log or a request is hostile: it is escaped where it is shown,
//! encoded where it becomes a link, and bounded where it takes time or room. The pages need no
//! script and load nothing but one style sheet.
//!
//! Where to start reading: `routes` is the table of pages; `view` makes them; `moment` finds the
//! snapshots; `output` reads what builds print; `serve` is the listener. Depends on `replay` for the
//! projections, on `log-core` for positions and outputs, and on `builders` for the columns' order
//! (spec/dashboards.md 1 and 5).

mod link;
mod moment;
mod output;
mod params;
mod refusal;
mod reply;
mod routes;
mod status;
mod text;
mod view;

use forgelog_replay::{Builds, Corpus, Live};
use log_core::output::OutputStore;
use tokio::sync::watch;

pub use routes::router;
pub use status::ServiceStatus;

/// What the pages are made from.
#[derive(Clone, Debug)]
pub struct Components {
    /// Commits and branches.
    pub activity: Live<Corpus>,
    /// Builds and their results.
    pub builds: Live<Builds>,
    /// What builds print.
    pub output: OutputStore,
    /// The repository that is shown to who does not ask for one.
    pub repo: String,
    /// What the other services have to say to people.
    pub status: watch::Receiver<ServiceStatus>,
}
