//! A Gerrit project.

use proto::GitHash;

use super::{Cl, Release, TooFewReleases, release};
use crate::corpus::Commit;
use crate::corpus::git::repo::Ref;
use crate::corpus::view::view;

view! {
    /// A Gerrit project: its commits, refs and changes.
    GerritProject
}

impl<'a> GerritProject<'a> {
    /// Its server and itself, such as `go.googlesource.com/build`.
    pub fn name(&self) -> &'a str {
        self.corpus.text(&self.corpus.git.projects.name, self.row)
    }

    /// Its server, such as `go.googlesource.com`; empty if the name has no slash.
    pub fn server(&self) -> &'a str {
        self.name().split_once('/').map_or("", |(server, _)| server)
    }

    /// Its name on the server, such as `build`; empty if the name has no slash.
    pub fn project(&self) -> &'a str {
        self.name()
            .split_once('/')
            .map_or("", |(_, project)| project)
    }

    /// What a ref points to, such as `HEAD` or `refs/heads/master`. Those of changes are not among them.
    pub fn git_ref(&self, name: &str) -> Option<GitHash> {
        self.corpus.ref_of(self.row, name)?.commit
    }

    /// All refs but those of changes, by name.
    pub fn refs(&self) -> impl DoubleEndedIterator<Item = Ref<'a>> + ExactSizeIterator + use<'a> {
        self.corpus.refs_of(self.row).into_iter()
    }

    /// The change of this number, if it is complete.
    pub fn cl(&self, number: i32) -> Option<Cl<'a>> {
        let corpus = self.corpus;
        let row = corpus.git.change(corpus.texts(), self.row, number)?;
        Some(Cl { corpus, row }).filter(Cl::is_complete)
    }

    /// The complete changes, in no order that means anything. Looks at cells alone, so that it is cheap to look for
    /// some.
    pub fn cls(&self) -> impl Iterator<Item = Cl<'a>> + use<'a> {
        let corpus = self.corpus;
        let chain = corpus.git.projects.changes.get(self.row);
        let rows = chain.rows(&corpus.git.changes.previous);
        rows.map(move |row| Cl { corpus, row })
            .filter(Cl::is_complete)
    }

    /// The complete changes that are new and not private, by number.
    pub fn open_cls(
        &self,
    ) -> impl DoubleEndedIterator<Item = Cl<'a>> + ExactSizeIterator + use<'a> {
        let mut open: Vec<_> = self.cls().filter(Cl::is_open).collect();
        open.sort_unstable_by_key(Cl::number);
        open.into_iter()
    }

    /// The commit, if the project has it.
    pub fn commit(&self, hash: &GitHash) -> Option<Commit<'a>> {
        let corpus = self.corpus;
        let row = corpus.git.commit(hash)?;
        let has_it = corpus.git.has_commit(self.row, row);
        has_it.then_some(Commit { corpus, row })
    }

    /// Whether the project has the commit.
    pub fn has_commit(&self, hash: &GitHash) -> bool {
        self.commit(hash).is_some()
    }

    /// How many commits it has, those of metas included.
    pub fn commit_count(&self) -> usize {
        self.corpus.git.projects.commits.get(self.row) as usize
    }

    /// How many metas of its changes change labels. It goes up with every vote; only where a change's history is
    /// replaced, it may go down.
    pub fn num_label_changes(&self) -> i64 {
        self.corpus.git.projects.label_changes.get(self.row)
    }

    /// Of Go's own project: the latest release of each version that has a release branch, newest first.
    pub fn latest_releases(&self) -> Vec<Release<'a>> {
        release::latest(self.refs())
    }

    /// The two of [`Self::latest_releases`] that are supported, the newer one first.
    ///
    /// # Errors
    /// There are not two.
    pub fn supported_releases(&self) -> Result<[Release<'a>; 2], TooFewReleases> {
        release::supported(self.refs())
    }
}

impl std::fmt::Debug for GerritProject<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GerritProject({})", self.name())
    }
}
