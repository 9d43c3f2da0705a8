//! Reading Gerrit: its projects, their changes ([`Cl`]), and what the changes' meta commits say ([`Meta`]).
//!
//! What changes are filtered by (status, branch, owner, when they were made) is in cells of the tables; everything else
//! is read from commit messages when it is asked for. A change is *complete* when it has a patch set and a history of
//! metas that can be walked; only complete ones are shown. Depends on git's tables and the
//! text rules.

mod cl;
mod message;
mod meta;
mod project;
mod release;
mod votes;

use std::borrow::Cow;

use super::Corpus;

pub use crate::notedb::hashtags::HashtagSet;
pub use crate::notedb::issue_ref::IssueRef;
pub use crate::notedb::meta::{Status, TryStatus};
pub use cl::Cl;
pub use message::Message;
pub use meta::{HashtagEdits, Meta};
pub use project::GerritProject;
pub use release::{Release, TooFewReleases};
pub(in crate::corpus) use votes::VotesWalk;
pub use votes::{Votes, VotesError};

impl Corpus {
    /// All Gerrit projects, by name.
    pub fn gerrit_projects(
        &self,
    ) -> impl DoubleEndedIterator<Item = GerritProject<'_>> + ExactSizeIterator {
        let rows = 0..self.git.projects.name.len();
        let mut projects: Vec<_> = rows
            .map(|row| GerritProject { corpus: self, row })
            .collect();
        projects.sort_by_key(GerritProject::name);
        projects.into_iter()
    }

    /// The project of a server. That may also be a URL or the name of its review site, such as
    /// `https://go-review.googlesource.com`.
    pub fn gerrit_project(&self, server: &str, project: &str) -> Option<GerritProject<'_>> {
        let name = format!("{}/{project}", server_name(server));
        let row = self.git.projects.find(self.texts(), name.as_bytes())?;
        Some(GerritProject { corpus: self, row })
    }

    /// The complete changes of all projects, in no order that means anything. Looks at cells alone, so that it is cheap
    /// to look for some.
    pub fn cls(&self) -> impl Iterator<Item = Cl<'_>> {
        let rows = 0..self.git.changes.project.len();
        rows.map(|row| Cl { corpus: self, row })
            .filter(Cl::is_complete)
    }
}

/// The name of a server in those of its projects.
fn server_name(server: &str) -> Cow<'_, str> {
    const REVIEW: &str = "-review.googlesource.com";
    let host = url_host(server).unwrap_or(server);
    if host.ends_with(REVIEW) {
        return host.replacen(REVIEW, ".googlesource.com", 1).into();
    }
    host.into()
}

/// The host of a URL, with its port; `None` for what is no URL with a host.
fn url_host(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("//")?;
    let scheme_starts_well = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    let is_scheme = match scheme.strip_suffix(':') {
        Some(name) => {
            let is_part = |part: char| part.is_ascii_alphanumeric() || "+-.".contains(part);
            scheme_starts_well && name.chars().all(is_part)
        }
        None => scheme.is_empty(),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    (is_scheme && !host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_may_be_a_url_or_a_review_site() {
        for (server, name) in [
            ("foo", "foo"),
            ("http://foo", "foo"),
            ("https://foo", "foo"),
            ("https://user:secret@foo:8080/x/y?q#f", "foo:8080"),
            ("//foo/x", "foo"),
            ("foo:80", "foo:80"),
            ("x/y//z", "x/y//z"),
            ("http://", "http://"),
            ("", ""),
            ("go-review.googlesource.com", "go.googlesource.com"),
            ("http://go-review.googlesource.com", "go.googlesource.com"),
            (
                "https://upspin-review.googlesource.com/",
                "upspin.googlesource.com",
            ),
            ("go.googlesource.com", "go.googlesource.com"),
            ("go-review.example.com", "go-review.example.com"),
        ] {
            assert_eq!(server_name(server), name, "{server}");
        }
    }
}
