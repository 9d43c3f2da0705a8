//! What is around every page: the head, the moment that is shown, notices, and the footer with the
//! streams' positions (spec/dashboards.md 5.1).

use forgelog_replay::live::Health;
use forgelog_replay::{Folded, Time};

use super::when::{When, age};
use crate::ServiceStatus;
use crate::link::{Links, href};
use crate::moment::Moment;
use crate::text::label;

/// The longest notice, in bytes.
const NOTICE_BYTES_MAX: usize = 1000;

/// The parameter that a page has which is not to be loaded again by itself.
const LIVE: &str = "live";

/// Where the page is: its path, already encoded, and its parameters without the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Here {
    /// Such as `/build/0123`.
    pub(crate) path: String,
    /// As they came.
    pub(crate) params: Vec<(String, String)>,
}

impl Here {
    /// The page at another moment, `None` being now.
    pub(crate) fn at(&self, at: Option<&str>) -> String {
        let own = self
            .params
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        href(self.path.clone(), own.chain(at.map(|at| ("at", at))))
    }
}

/// What is around a page.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// In the window's title.
    pub(crate) title: String,
    /// The style sheet.
    pub(crate) style: &'static str,
    /// Seconds after which the page is loaded again.
    pub(crate) refresh: Option<u32>,
    /// To the same page that stays as it is.
    pub(crate) pause: Option<String>,
    /// To the same page that does not.
    pub(crate) resume: Option<String>,
    /// To the board.
    pub(crate) home: String,
    /// Where it is.
    pub(crate) here: Here,
    /// The moment that is shown, if it is not now.
    pub(crate) past: Option<Past>,
    /// For people, one line each.
    pub(crate) notices: Vec<String>,
    /// At the bottom.
    pub(crate) footer: Footer,
}

/// The bar over a page of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Past {
    /// As it stands in links.
    pub(crate) at: String,
    /// When that is; `None` before anything was recorded.
    pub(crate) when: Option<When>,
    /// The same page now.
    pub(crate) now: String,
}

/// What the page was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Footer {
    /// The position of the `activity` stream.
    pub(crate) activity: String,
    /// The position of the `builds` stream.
    pub(crate) builds: String,
    /// When the last record of both was recorded.
    pub(crate) last: Option<When>,
    /// How old that is; not told of the past.
    pub(crate) age: Option<String>,
    /// What made the page.
    pub(crate) renderer: &'static str,
}

impl Frame {
    /// Around a page at a moment.
    pub(crate) fn new(moment: &Moment, links: &Links, here: Here, notices: Vec<String>) -> Self {
        let past = links.at.as_ref().map(|at| Past {
            at: at.clone(),
            when: (moment.as_of > Time::MIN).then(|| When::new(moment.as_of, Time::MIN)),
            now: here.at(None),
        });
        Self {
            title: String::new(),
            style: crate::routes::style_path(),
            refresh: None,
            pause: None,
            resume: None,
            home: links.board(&[]),
            here,
            past,
            notices,
            footer: Footer::new(moment),
        }
    }

    /// With a title.
    pub(crate) fn titled(self, title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            ..self
        }
    }

    /// Loaded again after so many seconds, if it shows what still changes and nobody has paused it.
    /// The past does not change.
    pub(crate) fn refreshed(self, seconds: u32, changes: bool) -> Self {
        if !changes || self.past.is_some() {
            return self;
        }
        let mut other = self.here.clone();
        other.params.retain(|(name, _)| name != LIVE);
        if other != self.here {
            return Self {
                resume: Some(other.at(None)),
                ..self
            };
        }
        other.params.push((LIVE.to_owned(), "0".to_owned()));
        Self {
            refresh: Some(seconds),
            pause: Some(other.at(None)),
            ..self
        }
    }
}

impl Footer {
    fn new(moment: &Moment) -> Self {
        let last = moment.corpus.recorded().max(moment.builds.recorded());
        Self {
            activity: position(&moment.corpus),
            builds: position(&moment.builds),
            last: last.map(|last| When::new(last, moment.as_of)),
            age: last
                .filter(|_| moment.asked.is_none())
                .map(|last| age(last, moment.as_of)),
            renderer: env!("RENDERER"),
        }
    }
}

fn position<P>(folded: &Folded<P>) -> String {
    folded.position().to_string()
}

/// What people should know of the services, and of the streams that this page is made from.
pub(crate) fn notices(status: &ServiceStatus, streams: &[Health]) -> Vec<String> {
    let said = status.notices.iter().cloned();
    let streams = streams.iter().filter_map(|health| {
        let Health {
            stream,
            applied,
            tail,
            ..
        } = health;
        let name = stream.rsplit('/').next().unwrap_or(stream);
        match &health.failure {
            _ if health.stopped => Some(format!(
                "{name}: no longer followed; these pages stay at {applied}"
            )),
            Some(failure) => Some(format!(
                "{name}: cannot be read, trying again: {}",
                failure.error
            )),
            None if !health.caught_up => Some(format!(
                "opening: replaying the {name} log, at {applied} of {tail}"
            )),
            None => None,
        }
    });
    said.chain(streams)
        .map(|notice| label(&notice, NOTICE_BYTES_MAX))
        .collect()
}
