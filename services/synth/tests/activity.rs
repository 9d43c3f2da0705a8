//! What a synthetic activity log promises: the same bytes for the same seed, every field of the
//! original in use, real commit names, nothing that points nowhere, time that only goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage, Value};
use proto::Message as _;
use proto::maintpb::{GitCommit, Mutation};
use sha1::{Digest as _, Sha1};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use synth::{Synth, SynthOptions};

const SMALL: f64 = 0.001;

fn synth(scale: f64, seed: u64) -> Synth {
    Synth::new(SynthOptions { scale, seed }).unwrap()
}

fn digest(scale: f64, seed: u64) -> String {
    let mut digest = sha2::Sha256::new();
    for payload in synth(scale, seed) {
        digest.update((payload.len() as u64).to_le_bytes());
        digest.update(&payload);
    }
    let bytes: [u8; 32] = digest.finalize().into();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mutations(scale: f64) -> impl Iterator<Item = Mutation> {
    synth(scale, 7).map(|payload| Mutation::decode(payload.as_slice()).unwrap())
}

#[test]
fn a_seed_gives_the_same_log_for_ever() {
    // Others pin what they read from these logs: a change here is a change of all of that.
    assert_eq!(
        digest(SMALL, 7),
        "4a449d891ec491dfaf5de9bf59cf4fdbbcba39a1f97fb9034eb847fa2e0c4415"
    );
    assert_ne!(digest(SMALL, 8), digest(SMALL, 7));
}

#[test]
fn appending_gives_what_iterating_gives() {
    let mut appended = b"before".to_vec();
    let mut one = synth(SMALL, 3);
    while one.next_into(&mut appended) {}
    let iterated: Vec<u8> = synth(SMALL, 3).flatten().collect();
    assert_eq!(appended.strip_prefix(b"before"), Some(&iterated[..]));
    assert!(!one.next_into(&mut appended), "the end is the end");
}

/// Collects `message.field` of what is set, all the way down.
fn collect(message: &DynamicMessage, used: &mut BTreeSet<String>) {
    for (field, value) in message.fields() {
        used.insert(field.full_name().to_owned());
        match value {
            Value::Message(inner) => collect(inner, used),
            Value::List(values) => {
                for value in values {
                    if let Value::Message(inner) = value {
                        collect(inner, used);
                    }
                }
            }
            _ => {}
        }
    }
}

/// All fields of the original's that can be reached from a message; ours begin at 1000.
fn original_fields(message: &MessageDescriptor, all: &mut BTreeSet<String>) {
    for field in message.fields().filter(|field| field.number() < 1_000) {
        if all.insert(field.full_name().to_owned())
            && let Some(inner) = field.kind().as_message()
        {
            original_fields(inner, all);
        }
    }
}

#[test]
fn every_field_is_used_and_nothing_else() {
    let pool = DescriptorPool::decode(proto::FILE_DESCRIPTOR_SET).unwrap();
    let mutation = pool.get_message_by_name("maintpb.Mutation").unwrap();
    let mut all = BTreeSet::new();
    original_fields(&mutation, &mut all);
    // Whole seconds are all that GitHub and git tell.
    all.remove("google.protobuf.Timestamp.nanos");
    assert!(all.len() > 90, "{}", all.len());

    for seed in [7, 8] {
        let mut used = BTreeSet::new();
        for payload in synth(SMALL, seed) {
            let message = DynamicMessage::decode(mutation.clone(), payload.as_slice()).unwrap();
            assert_eq!(message.unknown_fields().count(), 0);
            assert_eq!(message.descriptor(), mutation);
            collect(&message, &mut used);
        }
        assert_eq!(used, all, "seed {seed}");
    }
}

/// The hashes after `key` in a commit's header.
fn header_hashes(raw: &[u8], key: &str) -> Vec<String> {
    let end = raw.windows(2).position(|pair| pair == b"\n\n").unwrap();
    String::from_utf8_lossy(&raw[..end])
        .lines()
        .filter_map(|line| line.strip_prefix(key).map(str::to_owned))
        .collect()
}

fn check_commit(commit: &GitCommit, known: &mut HashSet<String>) {
    let mut digest = Sha1::new();
    digest.update(format!("commit {}\0", commit.raw.len()));
    digest.update(&commit.raw);
    let bytes: [u8; 20] = digest.finalize().into();
    let name: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(commit.sha1, name);
    assert_eq!(header_hashes(&commit.raw, "tree ").len(), 1);
    for parent in header_hashes(&commit.raw, "parent ") {
        assert!(known.contains(&parent), "{name} has the parent {parent}");
    }
    assert!(known.insert(name), "a commit is logged once");
}

#[test]
fn nothing_points_to_what_was_not_logged_before() {
    // By project, as the original checks them.
    let mut known: HashMap<String, HashSet<String>> = HashMap::new();
    let mut live_refs: HashSet<(String, String)> = HashSet::new();
    let (mut refs, mut merges, mut foreign) = (0, 0, 0);
    for mutation in mutations(0.003) {
        if let Some(git) = mutation.git {
            let repo = git.repo.unwrap().go_repo;
            let commit = git.commit.unwrap();
            merges += usize::from(header_hashes(&commit.raw, "parent ").len() == 2);
            foreign += usize::from(std::str::from_utf8(&commit.raw).is_err());
            check_commit(&commit, known.entry(repo).or_default());
        }
        let Some(gerrit) = mutation.gerrit else {
            continue;
        };
        let known = known.entry(gerrit.project.clone()).or_default();
        for commit in &gerrit.commits {
            check_commit(commit, known);
        }
        for gone in gerrit.deleted_refs {
            assert!(live_refs.remove(&(gerrit.project.clone(), gone)));
        }
        for found in gerrit.refs {
            assert!(known.contains(&found.sha1), "{}", found.r#ref);
            refs += 1;
            live_refs.insert((gerrit.project.clone(), found.r#ref));
        }
    }
    assert!(refs > 2_000 && merges > 5, "{refs} refs, {merges} merges");
    assert!(foreign > 0, "some commits are not UTF-8");
}

/// All times in a mutation of an issue or of plain git or Gerrit commits.
fn times(mutation: &Mutation) -> Vec<i64> {
    let mut times = Vec::new();
    if let Some(issue) = &mutation.github_issue {
        let stamps = [&issue.created, &issue.updated, &issue.closed_at]
            .into_iter()
            .flatten();
        times.extend(stamps.map(|stamp| stamp.seconds));
        times.extend(
            issue
                .comment
                .iter()
                .flat_map(|one| one.updated)
                .map(|at| at.seconds),
        );
        times.extend(
            issue
                .event
                .iter()
                .flat_map(|one| one.created)
                .map(|at| at.seconds),
        );
        times.extend(
            issue
                .review
                .iter()
                .flat_map(|one| one.created)
                .map(|at| at.seconds),
        );
        let status = [
            &issue.comment_status,
            &issue.event_status,
            &issue.review_status,
        ];
        let dates = status
            .into_iter()
            .flatten()
            .flat_map(|status| status.server_date);
        times.extend(dates.map(|at| at.seconds));
    }
    let git = mutation.git.iter().flat_map(|git| &git.commit);
    let gerrit = mutation.gerrit.iter().flat_map(|gerrit| &gerrit.commits);
    for commit in git.chain(gerrit) {
        let committer = header_hashes(&commit.raw, "committer ").remove(0);
        times.push(committer.rsplit(' ').nth(1).unwrap().parse().unwrap());
    }
    times
}

#[test]
fn time_goes_on() {
    let mut synth = synth(SMALL, 7);
    let mut before = 0;
    let mut updated: BTreeMap<(String, i32), i64> = BTreeMap::new();
    let mut payload = Vec::new();
    while synth.next_into(&mut payload) {
        let mutation = Mutation::decode(payload.as_slice()).unwrap();
        payload.clear();
        let now = synth.now();
        assert!(now >= before, "{now} after {before}");
        before = now;
        let times = times(&mutation);
        if let Some(newest) = times.iter().max() {
            assert!(
                (now - 300..=now).contains(newest),
                "{newest} at {now}: {mutation:?}"
            );
        }
        if let Some(issue) = mutation.github_issue
            && let Some(at) = issue.updated
        {
            let last = updated.insert((issue.repo, issue.number), at.seconds);
            assert!(
                last < Some(at.seconds),
                "an issue is not updated twice at a time"
            );
        }
    }
    let years = (before - 1_420_070_400) / (365 * 86_400);
    assert!((9..=10).contains(&years), "{years} years");
}

#[test]
fn a_hundredth_is_a_hundredth() {
    let (mut bytes, mut issues, mut comments, mut events) = (0, 0, 0, 0);
    let (mut plain, mut changes) = (0, BTreeSet::new());
    let (mut crlf, mut empty, mut foreign, mut huge) = (0, 0, 0, 0);
    let synth = synth(0.01, 7);
    let expected = synth.expected_bytes();
    for payload in synth {
        bytes += payload.len() as u64;
        let mutation = Mutation::decode(payload.as_slice()).unwrap();
        if let Some(issue) = mutation.github_issue {
            issues += usize::from(issue.user.is_some());
            events += issue.event.len();
            // Whoever writes it: an author, a commenter or a reviewer.
            huge += usize::from(payload.len() >= 100_000);
            for comment in issue.comment {
                comments += usize::from(comment.user.is_some());
                crlf += usize::from(comment.body.contains("\r\n"));
                empty += usize::from(comment.body.is_empty());
                foreign += usize::from(comment.body.contains('世'));
            }
        }
        plain += usize::from(mutation.git.is_some());
        for found in mutation.gerrit.into_iter().flat_map(|gerrit| gerrit.refs) {
            if let Some(change) = found.r#ref.strip_suffix("/meta") {
                changes.insert(change.to_owned());
            }
        }
    }
    let near = |what: &str, found: u64, wanted: u64| {
        assert!(
            found.abs_diff(wanted) * 100 <= wanted * 15,
            "{what}: {found}, not {wanted}"
        );
    };
    near("bytes", bytes, expected);
    near("issues", issues as u64, 850);
    near("comments", comments as u64, 5_500);
    near("events", events as u64, 12_000);
    near("changes", changes.len() as u64, 1_300);
    near("plain commits", plain as u64, 650);
    assert!(
        crlf > 100 && empty > 10 && foreign > 5,
        "{crlf} {empty} {foreign}"
    );
    assert_eq!(huge, 1, "one body is far too long");
}

#[test]
fn a_scale_that_makes_no_sense_is_refused() {
    for scale in [0.0, -1.0, 5.1, f64::NAN, f64::INFINITY] {
        let error = Synth::new(SynthOptions { scale, seed: 1 }).err().unwrap();
        assert!(
            error.to_string().contains("out of range: from 0.001 to 5"),
            "{error}"
        );
    }
}
