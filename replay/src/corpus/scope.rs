//! What part of a log a corpus keeps: some repositories and projects, or everything. Pure.

use std::collections::BTreeSet;

/// Which repositories and projects are kept. One that names nothing keeps everything; one that names something keeps
/// that alone. People are kept in any case, so that names are complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scope {
    /// GitHub repositories, as `owner/name`.
    pub github: BTreeSet<String>,
    /// Gerrit projects, as `server/project`.
    pub gerrit: BTreeSet<String>,
    /// Plain git repositories, by name.
    pub git: BTreeSet<String>,
}

impl Scope {
    /// Whether everything is kept.
    pub fn is_everything(&self) -> bool {
        self.github.is_empty() && self.gerrit.is_empty() && self.git.is_empty()
    }

    pub(crate) fn has_github(&self, owner: &str, name: &str) -> bool {
        self.is_everything() || self.github.contains(&format!("{owner}/{name}"))
    }

    pub(crate) fn has_gerrit(&self, project: &str) -> bool {
        self.is_everything() || self.gerrit.contains(project)
    }

    pub(crate) fn has_git(&self, name: &str) -> bool {
        self.is_everything() || self.git.contains(name)
    }

    pub(crate) fn as_text(&self) -> String {
        format!(
            "github={:?} gerrit={:?} git={:?}",
            self.github, self.gerrit, self.git
        )
    }
}
