//! Views: what is on a page, as plain data with texts that are ready to be shown. Each is a pure
//! function of a corpus, builds and a query; the templates only put it into words and boxes.

pub(crate) mod board;
pub(crate) mod broken;
pub(crate) mod build;
pub(crate) mod commit;
pub(crate) mod excerpt;
pub(crate) mod frame;
pub(crate) mod grid;
pub(crate) mod history;
pub(crate) mod legacy;
pub(crate) mod lines;
pub(crate) mod log;
pub(crate) mod mark;
pub(crate) mod query;
pub(crate) mod timeline;
pub(crate) mod when;

use forgelog_replay::{Builds, Corpus, Time};

use crate::link::Links;

/// What every view is made from, besides its query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    /// Commits and branches.
    pub(crate) corpus: &'a Corpus,
    /// Builds.
    pub(crate) builds: &'a Builds,
    /// The moment for which durations of what still runs are told.
    pub(crate) as_of: Time,
    /// The repository that is shown to who does not ask for one.
    pub(crate) main_repo: &'a str,
    /// Links to other pages of the same moment.
    pub(crate) links: &'a Links,
}
