//! Refs as git writes them: symbolic, packed, hostile.

use super::*;

const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn ref_files_are_read() {
    let hash = HASH.parse().unwrap();
    for text in [
        HASH.to_owned(),
        format!("{HASH}\n"),
        format!("{HASH}\tbranch 'x' of y\n"),
    ] {
        assert_eq!(
            Target::parse(text.as_bytes()),
            Some(Target::Object(hash)),
            "{text}"
        );
    }
    for text in [
        "ref: refs/heads/main\n",
        "ref:refs/heads/main",
        "ref:  refs/heads/main \n",
    ] {
        assert_eq!(
            Target::parse(text.as_bytes()),
            Some(Target::Ref(b"refs/heads/main".to_vec())),
            "{text}"
        );
    }
    for text in ["", "\n", "ref:", "0123", "refs/heads/main"] {
        assert_eq!(Target::parse(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn refs_to_refs_end() {
    let hash: GitHash = HASH.parse().unwrap();
    let to = |name: &str| Target::Ref(name.as_bytes().to_vec());
    let targets = [
        ("a", to("b")),
        ("b", to("c")),
        ("c", Target::Object(hash)),
        ("x", to("y")),
        ("y", to("x")),
        ("gone", to("nothing")),
    ];
    let targets = targets
        .into_iter()
        .map(|(name, target)| (name.as_bytes().to_vec(), target))
        .collect();
    let raw = RawRefs { targets, broken: 0 };
    assert_eq!(raw.resolve(b"a"), Some(hash));
    assert_eq!(raw.resolve(b"x"), None);
    assert_eq!(raw.resolve(b"gone"), None);
}
