//! The borrowed view against prost, and against a slow reading of the same bytes by the original's
//! rules.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

mod conformance;
mod entropy;
mod original;
mod prost_types;
mod scramble;

use std::sync::LazyLock;

use proptest::prelude::*;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use proto::Message as _;
use proto::maintpb;

use self::entropy::{Entropy, Generate};
use self::prost_types::ToProst;
use super::{
    DecodeError, DecodeErrorKind, GitDiffTreeFile, GithubIssueMutation, Message, Only, OnlyPart,
    Parts,
};

/// What a payload says by the borrowed view, as prost's message.
fn view(payload: &[u8]) -> Result<maintpb::Mutation, DecodeError> {
    let parts = Parts::split(payload);
    if let Some(only) = OnlyPart::of(payload) {
        assert_eq!(parts.as_ref().ok().and_then(only_part), Some(only));
    }
    let parts = parts?;
    let mutation = maintpb::Mutation {
        github_issue: parts.github_issue()?.to_prost(),
        git: parts.git()?.to_prost(),
        github: parts.github()?.to_prost(),
        gerrit: parts.gerrit()?.to_prost(),
        meta: parts.meta()?.to_prost(),
    };
    assert_eq!(parts.check_all(), Ok(()));
    let kinds = usize::from(mutation.github_issue.is_some())
        + usize::from(mutation.git.is_some())
        + usize::from(mutation.github.is_some())
        + usize::from(mutation.gerrit.is_some());
    assert_eq!(parts.kinds(), kinds);
    Ok(mutation)
}

/// What a payload's only part must be, if it has one.
fn only_part<'a>(parts: &Parts<'a>) -> Option<OnlyPart<'a>> {
    type OfKind<'a> = fn(Only<'a>) -> OnlyPart<'a>;
    let kinds: [(_, OfKind<'a>); 3] = [
        (&parts.github_issue, OnlyPart::GithubIssue),
        (&parts.git, OnlyPart::Git),
        (&parts.gerrit, OnlyPart::Gerrit),
    ];
    let mut there = kinds.iter().filter(|(slices, _)| !slices.is_empty());
    let (Some((slices, kind)), None) = (there.next(), there.next()) else {
        return None;
    };
    let ([part], [] | [_], true) = (
        slices.as_slice(),
        parts.meta.as_slice(),
        parts.github.is_empty(),
    ) else {
        return None;
    };
    let meta = parts.meta.as_slice().first().copied();
    Some(kind(Only { part, meta }))
}

/// The fields of a mutation.
static DESCRIPTOR: LazyLock<MessageDescriptor> = LazyLock::new(|| {
    DescriptorPool::decode(proto::FILE_DESCRIPTOR_SET)
        .unwrap()
        .get_message_by_name("maintpb.Mutation")
        .unwrap()
});

/// Holds the view of any bytes against prost and against the original's rules.
fn check(payload: &[u8]) {
    let viewed = view(payload);
    if let Ok(mutation) = maintpb::Mutation::decode(payload) {
        assert_eq!(viewed, Ok(mutation), "prost takes it");
    }
    // Prost refuses a wire type that is not the field's own, which the original skips. Without the
    // fields that the original would skip they must agree about all.
    match original::known_fields(&DESCRIPTOR, payload) {
        Some(known) => assert_eq!(
            viewed,
            Ok(maintpb::Mutation::decode(&known[..]).unwrap()),
            "the original takes it"
        ),
        None => {
            let error = viewed.expect_err("the original refuses it");
            assert!(error.offset as usize <= payload.len(), "{error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_prost_writes_means_the_same(mut entropy in Entropy::any()) {
        let mutation = maintpb::Mutation::generate(&mut entropy);
        prop_assert_eq!(view(&mutation.encode_to_vec()), Ok(mutation));
    }

    #[test]
    fn other_encodings_mean_the_same(mut entropy in Entropy::any(), mut changes in Entropy::any()) {
        let mutation = maintpb::Mutation::generate(&mut entropy);
        let bytes = scramble::reencode(&DESCRIPTOR, &mutation.encode_to_vec(), &mut changes);
        prop_assert_eq!(maintpb::Mutation::decode(&bytes[..]), Ok(mutation.clone()));
        prop_assert_eq!(view(&bytes), Ok(mutation));
    }

    #[test]
    fn bytes_that_look_like_messages(mut entropy in Entropy::any()) {
        check(&scramble::soup(&mut entropy, 4));
    }

    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes);
    }

    #[test]
    fn broken_messages(mut entropy in Entropy::any(), mut changes in Entropy::any()) {
        let mutation = maintpb::Mutation::generate(&mut entropy);
        let mut bytes = scramble::reencode(&DESCRIPTOR, &mutation.encode_to_vec(), &mut changes);
        scramble::damage(&mut bytes, &mut changes);
        check(&bytes);
    }
}

#[test]
fn a_payload_of_one_part_is_known_as_such() {
    let issue = maintpb::Mutation {
        github_issue: Some(maintpb::GithubIssueMutation {
            body: "a text that is longer than a length of one byte says".repeat(9),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut payload = issue.encode_to_vec();
    let has_meta = |payload| match OnlyPart::of(payload) {
        Some(OnlyPart::GithubIssue(only)) => Some(only.meta.is_some()),
        _ => None,
    };
    assert_eq!(has_meta(&payload), Some(false));
    assert_eq!(view(&payload), Ok(issue));
    let meta = maintpb::Mutation {
        meta: Some(proto::forgelog::Meta {
            writer: "maintnerd".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let meta = meta.encode_to_vec();
    let both = [&payload[..], &meta].concat();
    assert_eq!(has_meta(&both), Some(true));
    // Twice is not once, nor is anything that follows.
    for twice in [
        [&payload[..], &payload].concat(),
        [&both[..], &meta].concat(),
    ] {
        assert_eq!(OnlyPart::of(&twice), None);
        assert!(view(&twice).is_ok());
    }
    payload.pop();
    assert_eq!(OnlyPart::of(&payload), None);
    for (key, want) in [(0x12, true), (0x22, true), (0x1a, false), (0x10, false)] {
        assert_eq!(OnlyPart::of(&[key, 0]).is_some(), want);
    }
}

#[test]
fn every_field_of_every_message() {
    for seed in 1..20 {
        let mut full = Entropy::full(seed);
        let mutation = maintpb::Mutation::generate(&mut full);
        assert_eq!(
            view(&mutation.encode_to_vec()),
            Ok(mutation.clone()),
            "{seed}"
        );
        let bytes = scramble::reencode(&DESCRIPTOR, &mutation.encode_to_vec(), &mut full.clone());
        assert_eq!(view(&bytes), Ok(mutation), "{seed}");
    }
}

#[test]
fn wire_samples_of_the_original() {
    // Spec 2, the second sample: repeated numbers are packed, and what is empty is still there.
    let payload = b"\x0a\x18\x0a\x01o\x12\x01r\x18\x01*\x02\x08\x01Z\x04\x01\x02\xac\x02\x9a\x01\x00\xfa\x01\x00";
    let parts = Parts::split(payload).unwrap();
    let issue = parts.github_issue().unwrap().unwrap();
    assert_eq!((issue.owner, issue.repo, issue.number), ("o", "r", 1));
    assert_eq!(issue.deleted_assignees, [1, 2, 300]);
    assert_eq!(issue.closed.unwrap(), super::BoolChange { val: false });
    assert_eq!(issue.body_change.unwrap(), super::StringChange { val: "" });
    assert_eq!(parts.kinds(), 1);
    assert_eq!(parts.meta(), Ok(None));
}

#[test]
fn an_error_says_where_it_is() {
    let wrong = |payload, kind, offset| {
        let parts = Parts::split(payload).and_then(|parts| parts.check_all());
        assert_eq!(parts, Err(DecodeError { kind, offset }), "{payload:?}");
    };
    wrong(b"\x00\x00", DecodeErrorKind::FieldNumber, 0);
    wrong(b"\x10\x01\x0e", DecodeErrorKind::WireType, 2);
    wrong(b"\x0a\x05\x00", DecodeErrorKind::Truncated, 1);
    wrong(b"\x08\x01\x0c", DecodeErrorKind::EndGroup, 3);
    wrong(b"\x08\x80", DecodeErrorKind::Truncated, 1);
    // In the second occurrence of the issue, in its first comment, in its body, the second byte.
    wrong(
        b"\x0a\x00\x0a\x06\x42\x04\x1a\x02a\xff",
        DecodeErrorKind::Utf8,
        9,
    );
    // In the second file of a commit's diff tree.
    wrong(
        b"\x12\x0a\x12\x08\x1a\x06\x0a\x00\x0a\x02\x10\x80",
        DecodeErrorKind::Truncated,
        11,
    );
    // A packed number.
    wrong(b"\x0a\x04\x5a\x02\x01\x80", DecodeErrorKind::Truncated, 5);
}

#[test]
fn elements_say_where_they_lie() {
    let payload = b"\x42\x02\x08\x07\x42\x00\x42\x03\x1a\x01x";
    let issue = GithubIssueMutation::decode(payload).unwrap();
    let places: Vec<_> = issue
        .comment
        .iter()
        .map(|part| part.bytes.as_ptr().addr() - payload.as_ptr().addr())
        .collect();
    assert_eq!(places, [2, 6, 8]);
    assert_eq!(issue.comment[2].value.body, "x");
}

#[test]
fn a_known_field_with_another_wire_type_is_skipped() {
    // The number as a string, the title as a number, the comment as a group.
    let issue = GithubIssueMutation::decode(b"\x1a\x01x\x18\x05\x48\x01\x43\x44").unwrap();
    assert_eq!((issue.number, issue.title), (5, ""));
    assert_eq!(issue.comment, []);
    // Likewise at the top level, and a diff tree.
    let parts = Parts::split(b"\x08\x01\x12\x04\x12\x02\x18\x01").unwrap();
    assert!(parts.github_issue.is_empty());
    let commit = parts.git().unwrap().unwrap().commit.unwrap();
    assert!(commit.diff_tree.occurrences().is_empty());
}

#[test]
fn a_diff_tree_is_decoded_on_demand() {
    let tree = b"\x0a\x07\x0a\x01a\x10\x01\x20\x01\x08\x02\x0a\x03\x0a\x01b";
    let names = |files: super::DiffTreeFiles<'_>| {
        let names = files.map(|file| file.map(|GitDiffTreeFile { file, .. }| file.to_owned()));
        names.collect::<Vec<_>>()
    };
    let files = super::DiffTreeFiles::new(tree);
    assert_eq!(names(files), [Ok("a".into()), Ok("b".into())]);
    // It ends with the error.
    let broken = names(super::DiffTreeFiles::new(b"\x0a\x03\x0a\x01b\x0a\x03\x0a"));
    assert!(matches!(broken[..], [Ok(_), Err(_)]), "{broken:?}");
}

/// Whatever a message was before, it becomes the same.
fn check_used_again(first: &[u8], second: &[u8]) {
    let (first, Ok(second)) = (Parts::split(first), Parts::split(second)) else {
        return;
    };
    macro_rules! kind {
        ($message:ident, $field:ident) => {
            let used = || {
                let mut message = super::$message::default();
                if let Ok(first) = &first {
                    let _ = first.decode_into(&first.$field, &mut message);
                }
                message
            };
            let mut message = used();
            let got = second.decode_into(&second.$field, &mut message);
            match second.$field() {
                Ok(Some(want)) => assert_eq!((got, message), (Ok(true), want)),
                Ok(None) => assert_eq!((got, message), (Ok(false), used())),
                Err(error) => assert_eq!(got, Err(error)),
            }
            let mut cleared = used();
            cleared.clear();
            assert_eq!(cleared, super::$message::default());
        };
    }
    kind!(GithubIssueMutation, github_issue);
    kind!(GithubMutation, github);
    kind!(GitMutation, git);
    kind!(GerritMutation, gerrit);
    kind!(Meta, meta);
}

proptest! {
    #[test]
    fn nothing_is_left_of_what_a_message_was(
        mut one in Entropy::any(), mut other in Entropy::any(), mut changes in Entropy::any()
    ) {
        let [mut one, mut other] = [&mut one, &mut other].map(|entropy| {
            let message = maintpb::Mutation::generate(entropy).encode_to_vec();
            scramble::reencode(&DESCRIPTOR, &message, &mut changes)
        });
        for message in [&mut one, &mut other] {
            if changes.once_in(4) {
                scramble::damage(message, &mut changes);
            }
        }
        check_used_again(&one, &other);
    }
}
