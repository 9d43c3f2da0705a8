//! Comments.

use std::fmt;

use super::{Issue, User};
use crate::corpus::view::view;
use crate::time::Time;

view! {
    /// A comment on an issue.
    Comment
}

impl<'a> Comment<'a> {
    /// The issue that it is on.
    pub fn issue(&self) -> Issue<'a> {
        Issue {
            corpus: self.corpus,
            row: self.corpus.github.comments.issue.get(self.row),
        }
    }

    /// GitHub's number for it.
    pub fn id(&self) -> i64 {
        self.corpus.github.comments.id.get(self.row)
    }

    /// Who wrote it, if it was said.
    pub fn user(&self) -> Option<User<'a>> {
        self.corpus
            .user_of_row(self.corpus.github.comments.user.get(self.row))
    }

    /// When it was written.
    pub fn created(&self) -> Option<Time> {
        self.corpus.github.comments.created.get(self.row).time()
    }

    /// When it was last changed.
    pub fn updated(&self) -> Option<Time> {
        self.corpus.github.comments.updated.get(self.row).time()
    }

    /// Its text, in Markdown.
    pub fn body(&self) -> &'a str {
        self.corpus
            .text(&self.corpus.github.comments.body, self.row)
    }
}

impl fmt::Debug for Comment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Comment({} on {:?})", self.id(), self.issue())
    }
}
