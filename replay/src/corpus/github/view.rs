//! How GitHub's part of the corpus is read: small borrowed views (spec/log-and-corpus.md 3.7).
//!
//! A view is a reference to the corpus and a row; making, copying and comparing it costs nothing. Texts come out as
//! slices of the log. Iterators go in the order that their method names, and take memory only where they must sort.
//! What is only shown of an event or a review is decoded when it is asked for: [`Event::details`].
//! Depends on the tables.

mod comment;
mod event;
mod issue;
mod label;
mod milestone;
mod people;
mod repo;
mod review;

pub use comment::Comment;
pub use event::{DismissedReview, Event, EventDetails};
pub use issue::{Issue, IssueMilestone};
pub use label::Label;
pub use milestone::Milestone;
pub use people::{Team, User};
pub use repo::{GithubRepo, GithubRepoId};
pub use review::{Review, ReviewDetails};

use crate::columns::{Chain, Column, Moment, NONE};
use crate::corpus::Corpus;

impl Corpus {
    /// All GitHub repositories that the log names, sorted by owner and name. Some may be empty: a commit message
    /// that mentions an issue is enough.
    pub fn github_repos(
        &self,
    ) -> impl DoubleEndedIterator<Item = GithubRepo<'_>> + ExactSizeIterator {
        repo::all(self).into_iter()
    }

    /// The GitHub repository of this name, in the same case.
    pub fn github_repo(&self, owner: &str, name: &str) -> Option<GithubRepo<'_>> {
        repo::find(self, owner.as_bytes(), name.as_bytes())
    }

    /// The GitHub user with this id.
    pub fn user(&self, id: i64) -> Option<User<'_>> {
        self.github.user(id).map(|row| User { corpus: self, row })
    }

    /// The GitHub team with this id.
    pub fn team(&self, id: i64) -> Option<Team<'_>> {
        self.github.team(id).map(|row| Team { corpus: self, row })
    }

    /// The user of a cell.
    fn user_of_row(&self, row: u32) -> Option<User<'_>> {
        (row != NONE).then_some(User { corpus: self, row })
    }

    /// The user of an id in an event, where 0 means nobody.
    fn user_of_event(&self, id: i64) -> Option<User<'_>> {
        if id == 0 { None } else { self.user(id) }
    }
}

/// What belongs to an issue, sorted by when it was made and by id.
fn sorted(
    chain: Chain,
    previous: &Column<u32>,
    created: &Column<Moment>,
    id: &Column<i64>,
) -> std::vec::IntoIter<u32> {
    let mut rows = Vec::with_capacity(chain.count as usize);
    rows.extend(chain.rows(previous));
    // They are linked from the last, and most logs have them in order: then this is all.
    rows.reverse();
    rows.sort_by_key(|row| (created.get(*row), id.get(*row)));
    rows.into_iter()
}
