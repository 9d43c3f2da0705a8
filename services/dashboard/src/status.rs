//! What the services of this process have to say to people, as plain data. Depends on nothing.

/// What is wrong, or under way, right now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceStatus {
    /// Shown above every page, one line each, in this order. Each says what it is about, then what
    /// is the matter and what is done about it: `log: no space left, trying again`.
    pub notices: Vec<String>,
}
