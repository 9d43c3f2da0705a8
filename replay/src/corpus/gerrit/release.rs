//! Releases of Go, as the refs of its project tell of them. Depends on [`crate::notedb`].

use proto::GitHash;

use crate::corpus::git::repo::Ref;
use crate::notedb::release;

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

/// The latest release of each version that has a branch, newest first, from refs in the order of their names.
pub(super) fn latest_releases<'a>(refs: impl Iterator<Item = Ref<'a>>) -> Vec<Release<'a>> {
    let refs = refs.filter_map(|git_ref| Some((git_ref.name.as_bytes(), git_ref.commit?)));
    let releases = release::latest_releases(refs).into_iter();
    // A part of a string that is ASCII up to there is a string.
    let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
    releases
        .map(|release| Release {
            major: release.version.major,
            minor: release.version.minor,
            patch: release.version.patch,
            tag: text(release.tag),
            tag_commit: release.tag_commit,
            branch: text(release.branch),
            branch_commit: release.branch_commit,
        })
        .collect()
}
