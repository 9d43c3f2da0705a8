//! Reviews of pull requests.

use std::fmt;

use super::{Issue, User};
use crate::corpus::view::view;
use crate::time::Time;
use crate::wire::{GithubReview, Message as _};

view! {
    /// A review of a pull request.
    Review
}

/// What more is said of a review (spec 3.3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReviewDetails<'a> {
    /// Its text, in Markdown.
    pub body: &'a str,
    /// The commit that was reviewed, in hex.
    pub commit_id: &'a str,
    /// What the reviewer is to the repository, such as `CONTRIBUTOR`.
    pub actor_association: &'a str,
    /// What else GitHub said, as JSON; empty if that is nothing.
    pub other_json: &'a [u8],
}

impl<'a> Review<'a> {
    /// The pull request.
    pub fn issue(&self) -> Issue<'a> {
        Issue {
            corpus: self.corpus,
            row: self.corpus.github.reviews.issue.get(self.row),
        }
    }

    /// GitHub's number for it.
    pub fn id(&self) -> i64 {
        self.corpus.github.reviews.id.get(self.row)
    }

    /// Who reviewed.
    pub fn actor(&self) -> Option<User<'a>> {
        self.corpus
            .user_of_row(self.corpus.github.reviews.actor.get(self.row))
    }

    /// When it was made.
    pub fn created(&self) -> Option<Time> {
        self.corpus.github.reviews.created.get(self.row).time()
    }

    /// What came of it, in GitHub's words: `APPROVED`, ….
    pub fn state(&self) -> &'a str {
        self.corpus.text(&self.corpus.github.reviews.kind, self.row)
    }

    /// All that is said of it, decoded now.
    pub fn details(&self) -> ReviewDetails<'a> {
        let place = self.corpus.github.reviews.place.get(self.row);
        // It was valid when it was folded in.
        let review = GithubReview::decode(self.corpus.texts().at(place)).unwrap_or_default();
        ReviewDetails {
            body: review.body,
            commit_id: review.commit_id,
            actor_association: review.actor_association,
            other_json: review.other_json,
        }
    }

    /// [`ReviewDetails::body`].
    pub fn body(&self) -> &'a str {
        self.details().body
    }
}

impl fmt::Debug for Review<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Review({} {} of {:?})",
            self.id(),
            self.state(),
            self.issue()
        )
    }
}
