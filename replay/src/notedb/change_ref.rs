//! The refs of changes: `refs/changes/99/30599/3` is a patch set, `refs/changes/99/30599/meta` the
//! newest of the change's meta commits.

use super::line::number;

/// What a ref is to a Gerrit project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeRef {
    /// An ordinary ref: a branch, a tag, `HEAD`.
    NotAChange,
    /// The head of a change's metas. (Version 0 counts as that too.)
    Meta {
        /// The change's number.
        change: i32,
    },
    /// A patch set.
    PatchSet {
        /// The change's number.
        change: i32,
        /// From 1.
        version: i32,
    },
    /// Of no interest: below `refs/meta/`, or a change whose numbers are out of range.
    Ignored,
}

/// What `name` says that it is. Nothing has to end it, so `…/metadata` is a meta and `…/1x` is patch
/// set 1; and the two digits of the shard can be any.
pub(crate) fn change_ref(name: &[u8]) -> ChangeRef {
    let Some((change, version)) = split(name) else {
        return if name.starts_with(b"refs/meta/") {
            ChangeRef::Ignored
        } else {
            ChangeRef::NotAChange
        };
    };
    let Some(change) = number(change) else {
        return ChangeRef::Ignored;
    };
    match version {
        Version::Meta => ChangeRef::Meta { change },
        Version::Digits(digits) => match number(digits) {
            Some(0) => ChangeRef::Meta { change },
            Some(version) => ChangeRef::PatchSet { change, version },
            None => ChangeRef::Ignored,
        },
    }
}

enum Version<'a> {
    Meta,
    Digits(&'a [u8]),
}

fn split(name: &[u8]) -> Option<(&[u8], Version<'_>)> {
    let (shard, rest) = name.strip_prefix(b"refs/changes/")?.split_first_chunk()?;
    let [b'0'..=b'9' | b'a'..=b'f', b'0'..=b'9' | b'a'..=b'f', b'/'] = shard else {
        return None;
    };
    let (change, rest) = split_digits(rest)?;
    let rest = rest.strip_prefix(b"/")?;
    if rest.starts_with(b"meta") {
        return Some((change, Version::Meta));
    }
    Some((change, Version::Digits(split_digits(rest)?.0)))
}

/// The digits that `text` starts with, at least one, and the rest.
fn split_digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0).then(|| text.split_at(digits))
}

#[cfg(test)]
mod tests {
    use super::ChangeRef::{Ignored, Meta, NotAChange, PatchSet};
    use super::*;

    #[test]
    fn names_say_what_a_ref_is() {
        let set = |change, version| PatchSet { change, version };
        let meta = |change| Meta { change };
        for (name, want) in [
            ("refs/changes/01/1/1", set(1, 1)),
            ("refs/changes/01/1/meta", meta(1)),
            ("refs/changes/01/1/0", meta(1)),
            ("refs/changes/01/1/00", meta(1)),
            ("refs/changes/02/2/1/extra", set(2, 1)),
            ("refs/changes/02/2/1x", set(2, 1)),
            ("refs/changes/02/2/metadata", meta(2)),
            ("refs/changes/ff/006/007", set(6, 7)),
            ("refs/changes/00/0/1", set(0, 1)),
            ("refs/changes/10/10/2147483647", set(10, i32::MAX)),
            ("refs/changes/10/2147483648/1", Ignored),
            ("refs/changes/99/99999999999/meta", Ignored),
            ("refs/changes/05/5/99999999999", Ignored),
            ("refs/meta/config", Ignored),
            ("refs/meta", NotAChange),
            ("refs/changes/003/3/1", NotAChange),
            ("refs/changes/0F/4/1", NotAChange),
            ("refs/changes/07/7/x", NotAChange),
            ("refs/changes/07/7/met", NotAChange),
            ("refs/changes/08/8/", NotAChange),
            ("refs/changes/08/8", NotAChange),
            ("refs/changes/08/-8/1", NotAChange),
            ("refs/changes/08//1", NotAChange),
            ("refs/changes/08", NotAChange),
            ("xrefs/changes/08/8/1", NotAChange),
            ("HEAD", NotAChange),
            ("", NotAChange),
        ] {
            assert_eq!(change_ref(name.as_bytes()), want, "{name}");
        }
    }
}
