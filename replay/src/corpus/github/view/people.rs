//! Users and teams.

use std::fmt;

use crate::corpus::view::view;

view! {
    /// A GitHub user.
    User
}

impl<'a> User<'a> {
    /// GitHub's number for them; it stays when the login changes.
    pub fn id(&self) -> i64 {
        self.corpus.github.users.id.get(self.row)
    }

    /// The login that was last seen; empty if only the number was.
    pub fn login(&self) -> &'a str {
        self.corpus.text(&self.corpus.github.users.login, self.row)
    }
}

impl fmt::Debug for User<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "User({} {:?})", self.id(), self.login())
    }
}

view! {
    /// A team of a GitHub organization.
    Team
}

impl<'a> Team<'a> {
    /// GitHub's number for it.
    pub fn id(&self) -> i64 {
        self.corpus.github.teams.id.get(self.row)
    }

    /// Its name in addresses, as it was last seen.
    pub fn slug(&self) -> &'a str {
        self.corpus.text(&self.corpus.github.teams.slug, self.row)
    }
}

impl fmt::Debug for Team<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Team({} {:?})", self.id(), self.slug())
    }
}
