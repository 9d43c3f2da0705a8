//! Payloads of arbitrary bytes: no panic, what prost takes is taken and says the same, a part decoded from
//! where it says it lies is the same part, and an error lies in the payload.
#![no_main]

use std::fmt::Debug;

use forgelog_replay::wire::{DecodeError, GithubIssueMutation, Message as _, Part, Parts};
use libfuzzer_sys::fuzz_target;
use proto::Message as _;
use proto::maintpb::{GitDiffTree, Mutation};

/// The parts of a list decode to the same where they lie; how many there are.
fn parts<'a, M>(parts: &[Part<'a, M>]) -> usize
where
    M: forgelog_replay::wire::Message<'a> + PartialEq + Debug,
{
    for part in parts {
        assert_eq!(M::decode(part.bytes).as_ref(), Ok(&part.value));
    }
    parts.len()
}

/// Some of all that an issue says, as numbers and texts to compare.
fn check_issue(issue: &GithubIssueMutation<'_>, want: &proto::maintpb::GithubIssueMutation) {
    assert_eq!(
        (issue.owner, issue.repo, issue.number, issue.body),
        (&*want.owner, &*want.repo, want.number, &*want.body)
    );
    assert_eq!(parts(&issue.comment), want.comment.len());
    assert_eq!(parts(&issue.event), want.event.len());
    assert_eq!(parts(&issue.review), want.review.len());
    assert_eq!(parts(&issue.add_label), want.add_label.len());
    assert_eq!(issue.remove_label, want.remove_label);
    assert_eq!(issue.deleted_assignees, want.deleted_assignees);
    for (comment, want) in issue.comment.iter().zip(&want.comment) {
        assert_eq!(
            (comment.value.id, comment.value.body),
            (want.id, &*want.body)
        );
    }
    for (event, want) in issue.event.iter().zip(&want.event) {
        assert_eq!(event.value.other_json, &want.other_json[..]);
        assert_eq!(
            event.value.created.map(|at| (at.seconds, at.nanos)),
            want.created.map(|at| (at.seconds, at.nanos))
        );
    }
}

fn check(payload: &[u8], want: Option<&Mutation>) -> Result<(), DecodeError> {
    let split = Parts::split(payload)?;
    let (issue, gerrit, meta) = (split.github_issue()?, split.gerrit()?, split.meta()?);
    split.check_all()?;
    let Some(want) = want else {
        return Ok(()); // prost refuses a wire type that the original skips
    };
    match (&issue, &want.github_issue) {
        (Some(issue), Some(want)) => check_issue(issue, want),
        (issue, want) => assert!(issue.is_none() && want.is_none()),
    }
    match (&gerrit, &want.gerrit) {
        (Some(gerrit), Some(want)) => {
            assert_eq!(parts(&gerrit.refs), want.refs.len());
            assert_eq!(parts(&gerrit.commits), want.commits.len());
            assert_eq!(gerrit.deleted_refs, want.deleted_refs);
            for (commit, want) in gerrit.commits.iter().zip(&want.commits) {
                assert_eq!(commit.value.raw, &want.raw[..]);
                let tree = &commit.value.diff_tree;
                let bytes = tree.occurrences().concat();
                let tree = GitDiffTree::decode(&bytes[..]).ok();
                assert_eq!(tree, Some(want.diff_tree.clone().unwrap_or_default()));
            }
        }
        (gerrit, want) => assert!(gerrit.is_none() && want.is_none()),
    }
    assert_eq!(
        meta.map(|meta| (meta.epoch, meta.writer.to_owned())),
        want.meta
            .as_ref()
            .map(|meta| (meta.epoch, meta.writer.clone()))
    );
    Ok(())
}

fuzz_target!(|payload: &[u8]| {
    let want = Mutation::decode(payload).ok();
    match check(payload, want.as_ref()) {
        Ok(()) => {}
        Err(error) => {
            assert_eq!(want, None, "{error}");
            assert!(error.offset as usize <= payload.len());
        }
    }
    // A part alone is as hostile.
    let _ = GithubIssueMutation::decode(payload);
});
