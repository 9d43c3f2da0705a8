//! Milestones.

use std::fmt;

use super::GithubRepo;
use crate::corpus::view::view;

view! {
    /// A milestone of a repository.
    Milestone
}

impl<'a> Milestone<'a> {
    /// The repository that it belongs to.
    pub fn repo(&self) -> GithubRepo<'a> {
        let row = self.corpus.github.milestones.repo.get(self.row);
        GithubRepo::of_row(self.corpus, row)
    }

    /// GitHub's number for it, among all milestones.
    pub fn id(&self) -> i64 {
        self.corpus.github.milestones.id.get(self.row)
    }

    /// Such as `Go1.22`; empty if none was ever seen.
    pub fn title(&self) -> &'a str {
        self.corpus
            .text(&self.corpus.github.milestones.title, self.row)
    }

    /// Its number within the repository; 0 if it was never seen.
    pub fn number(&self) -> i32 {
        self.corpus.github.milestones.number.get(self.row)
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.corpus.github.milestones.closed.get(self.row) != 0
    }
}

impl fmt::Debug for Milestone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Milestone({} {:?})", self.id(), self.title())
    }
}
