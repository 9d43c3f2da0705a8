//! Releases of Go, as the refs of its project tell of them. Depends on [`crate::notedb`].

use proto::GitHash;

use crate::corpus::git::repo::Ref;
use crate::notedb::release;

pub use crate::notedb::release::TooFewReleases;

/// A release of Go: a tag, and the branch that it was made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Release<'a> {
    /// The 1 of 1.11.2.
    pub major: i32,
    /// The 11 of 1.11.2.
    pub minor: i32,
    /// The 2 of 1.11.2.
    pub patch: i32,
    /// Such as `go1.11.2`.
    pub tag: &'a str,
    /// What the tag stands for.
    pub tag_commit: GitHash,
    /// Such as `release-branch.go1.11`.
    pub branch: &'a str,
    /// The branch's newest commit.
    pub branch_commit: GitHash,
}

impl<'a> Release<'a> {
    fn new(release: &release::Release<'a>) -> Self {
        // The names are ASCII, being read as numbers.
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        Self {
            major: release.version.major,
            minor: release.version.minor,
            patch: release.version.patch,
            tag: text(release.tag),
            tag_commit: release.tag_commit,
            branch: text(release.branch),
            branch_commit: release.branch_commit,
        }
    }
}

/// Those of [`GerritProject::latest_releases`](super::GerritProject::latest_releases), from refs in the order of their
/// names.
pub(super) fn latest<'a>(refs: impl Iterator<Item = Ref<'a>>) -> Vec<Release<'a>> {
    let releases = release::latest_releases(with_commits(refs));
    releases.iter().map(Release::new).collect()
}

/// The first two of them.
pub(super) fn supported<'a>(
    refs: impl Iterator<Item = Ref<'a>>,
) -> Result<[Release<'a>; 2], TooFewReleases> {
    let releases = release::supported_releases(with_commits(refs))?;
    Ok(releases.each_ref().map(Release::new))
}

fn with_commits<'a>(
    refs: impl Iterator<Item = Ref<'a>>,
) -> impl Iterator<Item = (&'a [u8], GitHash)> {
    refs.filter_map(|git_ref| Some((git_ref.name.as_bytes(), git_ref.commit?)))
}
