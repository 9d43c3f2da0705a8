//! Releases of Go: what tags and branches are named after versions, and which releases are current.
//!
//! Follows today's original. (That of 2019 took no tag that ends in `.0`.)

use std::cmp::Reverse;
use std::collections::BTreeMap;

use proto::GitHash;

/// A release's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Version {
    /// From 1 to 999.
    pub(crate) major: i32,
    /// From 0 to 999.
    pub(crate) minor: i32,
    /// From 0 to 999.
    pub(crate) patch: i32,
}

/// The major and minor number of a version, which is what a branch is named after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MajorMinor {
    /// From 1 to 999.
    pub(crate) major: i32,
    /// From 0 to 999.
    pub(crate) minor: i32,
}

/// The version that a tag `goX`, `goX.Y` or `goX.Y.Z` stands for. Betas and candidates are none.
pub(crate) fn parse_tag(name: &[u8]) -> Option<Version> {
    let mut numbers = name.strip_prefix(b"go")?.splitn(4, |byte| *byte == b'.');
    let major = numbers.next().and_then(parse_number)?;
    let minor = numbers.next().map_or(Some(0), parse_number)?;
    let patch = numbers.next().map_or(Some(0), parse_number)?;
    (major > 0 && numbers.next().is_none()).then_some(Version {
        major,
        minor,
        patch,
    })
}

/// What a branch `release-branch.goX` or `release-branch.goX.Y` is for. A zero is left out of such a
/// name, so one that ends in `.0` is none.
pub(crate) fn parse_release_branch(name: &[u8]) -> Option<MajorMinor> {
    let version = name.strip_prefix(b"release-branch.go")?;
    let mut numbers = version.splitn(3, |byte| *byte == b'.');
    let major = numbers.next().and_then(parse_number)?;
    let minor = match numbers.next() {
        None => 0,
        Some(number) => parse_number(number).filter(|minor| *minor > 0)?,
    };
    (major > 0 && numbers.next().is_none()).then_some(MajorMinor { major, minor })
}

/// What a branch `internal-branch.goX.Y-suffix` is for.
#[allow(
    dead_code,
    reason = "for the service that tells of releases, which is not there yet"
)]
pub(crate) fn parse_internal_branch(name: &[u8]) -> Option<MajorMinor> {
    let rest = name.strip_prefix(b"internal-branch.")?;
    let dash = memchr::memchr(b'-', rest).filter(|dash| dash + 1 < rest.len())?;
    let Version {
        major,
        minor,
        patch: 0,
    } = parse_tag(&rest[..dash])?
    else {
        return None;
    };
    Some(MajorMinor { major, minor })
}

/// A number from 0 to 999 without needless zeros.
fn parse_number(digits: &[u8]) -> Option<i32> {
    let needless = digits.len() > 1 && digits[0] == b'0';
    if digits.is_empty() || digits.len() > 3 || needless {
        return None;
    }
    digits.iter().try_fold(0, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| i32::from(digit - b'0'))?;
        Some(number * 10 + digit)
    })
}

/// A release of Go: a tag, and the branch that it was made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Release<'a> {
    /// Its version.
    pub(crate) version: Version,
    /// Such as `go1.11.1`.
    pub(crate) tag: &'a [u8],
    /// What the tag stands for.
    pub(crate) tag_commit: GitHash,
    /// Such as `release-branch.go1.11`.
    pub(crate) branch: &'a [u8],
    /// The branch's newest commit.
    pub(crate) branch_commit: GitHash,
}

/// The latest patch of each major and minor version that has a branch, newest first, from the refs
/// of Go's own project in the order of their names. The first two are the supported ones.
pub(crate) fn latest_releases<'a>(
    refs: impl IntoIterator<Item = (&'a [u8], GitHash)>,
) -> Vec<Release<'a>> {
    let mut tags: BTreeMap<MajorMinor, (Version, &[u8], GitHash)> = BTreeMap::new();
    let mut branches: BTreeMap<MajorMinor, (&[u8], GitHash)> = BTreeMap::new();
    for (name, hash) in refs {
        if let Some(tag) = name.strip_prefix(b"refs/tags/") {
            let Some(version) = parse_tag(tag) else {
                continue;
            };
            let Version { major, minor, .. } = version;
            let latest = tags
                .entry(MajorMinor { major, minor })
                .or_insert((version, tag, hash));
            // Of two names for one version (`go1` and `go1.0`) the first counts.
            if version.patch > latest.0.patch {
                *latest = (version, tag, hash);
            }
        } else if let Some(branch) = name.strip_prefix(b"refs/heads/")
            && let Some(version) = parse_release_branch(branch)
        {
            branches.insert(version, (branch, hash));
        }
    }
    let mut releases: Vec<_> = tags
        .into_iter()
        .filter_map(|(minor, (version, tag, tag_commit))| {
            let (branch, branch_commit) = *branches.get(&minor)?;
            Some(Release {
                version,
                tag,
                tag_commit,
                branch,
                branch_commit,
            })
        })
        .collect();
    releases.sort_by_key(|release| Reverse(release.version));
    releases
}

/// There are not two releases to support.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fewer than two releases of Go have a tag and a branch")]
pub struct TooFewReleases;

/// The two releases that are supported, the newer one first: [`latest_releases`], two of them.
pub(crate) fn supported_releases<'a>(
    refs: impl IntoIterator<Item = (&'a [u8], GitHash)>,
) -> Result<[Release<'a>; 2], TooFewReleases> {
    match latest_releases(refs)[..] {
        [newer, older, ..] => Ok([newer, older]),
        _ => Err(TooFewReleases),
    }
}

#[cfg(test)]
mod tests;
