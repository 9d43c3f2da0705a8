//! Labels.

use std::fmt;

use super::GithubRepo;
use crate::corpus::view::view;

view! {
    /// A label of a repository. All issues that have it share it, so that a new name shows everywhere.
    Label
}

impl<'a> Label<'a> {
    /// The repository that it belongs to.
    pub fn repo(&self) -> GithubRepo<'a> {
        GithubRepo::of_row(self.corpus, self.corpus.github.labels.repo.get(self.row))
    }

    /// GitHub's number for it.
    pub fn id(&self) -> i64 {
        self.corpus.github.labels.id.get(self.row)
    }

    /// Such as `NeedsFix`; empty if no name was ever seen.
    pub fn name(&self) -> &'a str {
        self.corpus.text(&self.corpus.github.labels.name, self.row)
    }
}

impl fmt::Debug for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Label({} {:?})", self.id(), self.name())
    }
}
