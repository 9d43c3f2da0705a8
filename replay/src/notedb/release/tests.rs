//! Names that are versions, and those that only look so.

use super::*;

fn tag(name: &str) -> Option<(i32, i32, i32)> {
    parse_tag(name.as_bytes()).map(|it| (it.major, it.minor, it.patch))
}

fn pair(version: Option<MajorMinor>) -> Option<(i32, i32)> {
    version.map(|it| (it.major, it.minor))
}

#[test]
fn tags_are_versions() {
    for (name, want) in [
        ("go1", (1, 0, 0)),
        ("go1.2", (1, 2, 0)),
        ("go1.2.0", (1, 2, 0)),
        ("go1.2.3", (1, 2, 3)),
        ("go23.45.67", (23, 45, 67)),
        ("go999.999.999", (999, 999, 999)),
        ("go1.0.0", (1, 0, 0)),
    ] {
        assert_eq!(tag(name), Some(want), "{name}");
    }
    for name in "not-go go go. go1. go1-bad go1.2. go1.2-bad go1.2.3. go1.2.3-bad go1.2.3.4 go0.0.0 \
                 go0 go-1 go1.-2 go1.2.-3 go+1 go01 go001 go1000 go1.1000 go00 go00.2 go1.00 go1.00.3 \
                 go1.2.00 go1.2rc1 go1.2beta3 Go1 go1.2.3.4.5"
        .split(' ')
    {
        assert_eq!(tag(name), None, "{name}");
    }
    assert_eq!(tag(""), None);
}

#[test]
fn every_number_has_one_spelling() {
    for number in 0..2000 {
        let want = (number < 1000).then_some(number);
        assert_eq!(parse_number(number.to_string().as_bytes()), want);
        assert_eq!(parse_number(format!("0{number}").as_bytes()), None);
    }
}

#[test]
fn release_branches_are_versions() {
    let of = |name: &str| pair(parse_release_branch(name.as_bytes()));
    assert_eq!(of("release-branch.go1"), Some((1, 0)));
    assert_eq!(of("release-branch.go1.2"), Some((1, 2)));
    assert_eq!(of("release-branch.go1.10"), Some((1, 10)));
    assert_eq!(of("release-branch.go23.45"), Some((23, 45)));
    for name in
        ". 1. 1-bad 1.2. 1.2-bad 1.2.3 0.0 0 -1 1.-2 +1 01 001 1000 1.0 00 00.2 1.00 1.11-security"
            .split(' ')
    {
        assert_eq!(of(&format!("release-branch.go{name}")), None, "{name}");
    }
    assert_eq!(of("release-branch.go"), None);
    assert_eq!(of("release-branch.r60"), None);
}

#[test]
fn internal_branches_have_a_suffix() {
    for (name, want) in [
        ("internal-branch.go1.16-vendor", Some((1, 16))),
        ("internal-branch.go1.16-a-b", Some((1, 16))),
        ("internal-branch.go1.16.0-vendor", Some((1, 16))),
        ("internal-branch.go42-suffix", Some((42, 0))),
        ("internal-branch.go1.16-", None),
        ("internal-branch.go1.16", None),
        ("internal-branch.go1.16.2", None),
        ("internal-branch.go1.16.2-vendor", None),
        ("not-internal-branch", None),
    ] {
        assert_eq!(pair(parse_internal_branch(name.as_bytes())), want, "{name}");
    }
}

/// The supported releases of refs that are each made by a line of their own.
fn supported(refs: &str) -> Result<Vec<String>, TooFewReleases> {
    let refs: Vec<&str> = refs.split_whitespace().collect();
    let hash = |number: usize| {
        let mut bytes = [0; 20];
        bytes[19] = u8::try_from(number).unwrap();
        GitHash::from_bytes(bytes)
    };
    let named = refs
        .iter()
        .enumerate()
        .map(|(number, name)| (name.as_bytes(), hash(number)));
    let releases = supported_releases(named)?;
    let line = |release: Release<'_>| {
        let name = |prefix: &str, name: &[u8]| format!("{prefix}{}", String::from_utf8_lossy(name));
        let hash_of = |name: &str| hash(refs.iter().position(|other| *other == name).unwrap());
        assert_eq!(
            release.tag_commit,
            hash_of(&name("refs/tags/", release.tag))
        );
        assert_eq!(
            release.branch_commit,
            hash_of(&name("refs/heads/", release.branch))
        );
        let Version {
            major,
            minor,
            patch,
        } = release.version;
        let (tag, branch) = (name("", release.tag), name("", release.branch));
        format!("{major}.{minor}.{patch} {tag} {branch}")
    };
    Ok(releases.map(line).to_vec())
}

#[test]
fn the_latest_two_releases_are_supported() {
    let refs = "HEAD refs/heads/dev.boringcrypto.go1.11 refs/heads/master refs/heads/release-branch.go1
        refs/heads/release-branch.go1.1 refs/heads/release-branch.go1.10
        refs/heads/release-branch.go1.10-security refs/heads/release-branch.go1.11
        refs/heads/release-branch.go1.11-security refs/heads/release-branch.r60 refs/notes/review
        refs/tags/1.10beta1.mailed refs/tags/go1 refs/tags/go1.0.1 refs/tags/go1.1 refs/tags/go1.10
        refs/tags/go1.10.1 refs/tags/go1.10.2 refs/tags/go1.10.4 refs/tags/go1.10beta1
        refs/tags/go1.10rc2 refs/tags/go1.11 refs/tags/go1.11.1 refs/tags/go1.11beta1
        refs/tags/go1.11rc1 refs/tags/go1.9.7 refs/tags/release.r60.1 refs/tags/weekly.2009-11-10.1";
    let want = [
        "1.11.1 go1.11.1 release-branch.go1.11",
        "1.10.4 go1.10.4 release-branch.go1.10",
    ];
    assert_eq!(supported(refs).unwrap(), want);
}

#[test]
fn a_new_major_version_is_newest() {
    let refs = "refs/tags/go1.5 refs/tags/go1.42.1 refs/tags/go1 refs/tags/go2 refs/tags/go1.11.111
        refs/heads/release-branch.go1 refs/heads/release-branch.go1.5 refs/heads/release-branch.go1.11
        refs/heads/release-branch.go1.42 refs/heads/release-branch.go2
        refs/heads/release-branch.go1.2 refs/tags/go1.43";
    let want = [
        "2.0.0 go2 release-branch.go2",
        "1.42.1 go1.42.1 release-branch.go1.42",
    ];
    assert_eq!(supported(refs).unwrap(), want);
}

#[test]
fn patches_compare_as_numbers_and_the_first_of_equals_counts() {
    let refs = "refs/heads/release-branch.go1 refs/heads/release-branch.go1.2 refs/tags/go1
        refs/tags/go1.0 refs/tags/go1.0.0 refs/tags/go1.2.10 refs/tags/go1.2.9";
    let want = [
        "1.2.10 go1.2.10 release-branch.go1.2",
        "1.0.0 go1 release-branch.go1",
    ];
    assert_eq!(supported(refs).unwrap(), want);
}

#[test]
fn one_release_is_too_few() {
    assert_eq!(supported(""), Err(TooFewReleases));
    let refs = "refs/heads/release-branch.go1 refs/tags/go1 refs/tags/go1.1";
    assert_eq!(supported(refs), Err(TooFewReleases));
}
