//! Logs that nobody would write, opened as any other: no panic, the rest of the corpus is there, and what is wrong is
//! listed with its place. The same from a checkpoint.

use forgelog_replay::corpus::{Fault, FaultKind};
use forgelog_replay::{Corpus, Folded, Rules};
use log_core::Position;
use proto::Message as _;
use proto::maintpb::{
    GitMutation, GitRepo, GithubIssueCommentMutation, GithubIssueMutation, Mutation,
};

use crate::forge::{PROJECT, change, commit, commit_of, gerrit, git_ref, hash};
use crate::invariants::check;
use crate::log::{DiskLog, assert_equal, dump, log_of, push, records};

/// A sound issue, to see that the rest is there.
fn issue(number: i32) -> Mutation {
    let github_issue = Some(GithubIssueMutation {
        owner: "golang".into(),
        repo: "go".into(),
        number,
        title: format!("issue {number}"),
        ..GithubIssueMutation::default()
    });
    Mutation {
        github_issue,
        ..Mutation::default()
    }
}

fn plain(commit: proto::maintpb::GitCommit) -> Mutation {
    let git = GitMutation {
        repo: Some(GitRepo {
            name: "plain".into(),
            ..GitRepo::default()
        }),
        commit: Some(commit),
        ..GitMutation::default()
    };
    Mutation {
        git: Some(git),
        ..Mutation::default()
    }
}

/// Opens a log of these payloads between sound ones, cold and from checkpoints after each of the first records, which
/// gives the same; and gives it with its faults.
async fn load(payloads: Vec<Vec<u8>>) -> (Folded<Corpus>, Vec<Fault>) {
    let mut all = vec![issue(1).encode_to_vec()];
    all.extend(payloads);
    all.push(issue(2).encode_to_vec());
    let log = log_of(all, 2_000);
    let rules = Rules::default();
    let disk = DiskLog::new(&log);
    let loaded = disk.load(&rules).await;
    check(loaded.folded.state());
    let repo = loaded.folded.state().github_repo("golang", "go").unwrap();
    for number in [1, 2] {
        assert_eq!(
            repo.issue(number).unwrap().title(),
            format!("issue {number}")
        );
    }
    let ends: Vec<Position> = records(&log).iter().map(|record| record.next).collect();
    for end in ends.into_iter().take(6) {
        let disk = DiskLog::new(&crate::log::cut(&log, end));
        disk.load(&rules).await.checkpoint().await.unwrap();
        disk.extend_to(&log);
        let again = disk.load(&rules).await;
        assert_eq!(again.opening.from, end);
        assert_equal(&again.folded, &loaded.folded, &format!("from {end}"));
    }
    let faults: Vec<_> = loaded.folded.state().faults().collect();
    assert_eq!(faults.len() as u64, loaded.folded.skipped());
    (loaded.folded, faults)
}

fn kinds(faults: &[Fault]) -> Vec<FaultKind> {
    faults.iter().map(|fault| fault.kind).collect()
}

#[tokio::test]
async fn commits_in_circles() {
    let commits = [
        commit(1, &[2], "a"),
        commit(2, &[3], "b"),
        commit(3, &[1], "c"),
        commit(4, &[4], "its own parent"),
        commit(5, &[1, 5, 4], "a merge of circles"),
    ];
    let payloads = commits.map(|commit| plain(commit).encode_to_vec());
    let (folded, faults) = load(payloads.to_vec()).await;
    assert_eq!(faults, []);
    let corpus = folded.state();
    for (number, line) in [(1, 3), (2, 3), (3, 3), (4, 1), (5, 4)] {
        assert_eq!(
            corpus.first_parents(&hash(number)).count(),
            line,
            "{number}"
        );
    }
    assert!(corpus.has_ancestor(&hash(1), &hash(1)) && corpus.has_ancestor(&hash(5), &hash(4)));
    assert!(!corpus.has_ancestor(&hash(4), &hash(5)));
    assert!(corpus.check().is_ok());
}

#[tokio::test]
async fn metas_in_circles() {
    let meta = "Update patch set 1\n\nPatch-set: 1\n";
    let sound = vec![commit(1, &[], "net: fix\n"), commit(10, &[], meta)];
    let circle = vec![
        commit(20, &[22], meta),
        commit(21, &[20], meta),
        commit(22, &[21], meta),
    ];
    let payloads = [
        gerrit(
            PROJECT,
            sound,
            vec![change(7, "1", 1), change(7, "meta", 10)],
        ),
        gerrit(
            PROJECT,
            circle,
            vec![change(8, "1", 1), change(8, "meta", 22)],
        ),
        // A history that was sound becomes a circle, and another is set to one.
        gerrit(
            PROJECT,
            vec![commit(11, &[10], meta)],
            vec![change(9, "1", 1), change(9, "meta", 11)],
        ),
        gerrit(PROJECT, vec![commit(10, &[11], meta)], vec![]),
        gerrit(
            PROJECT,
            vec![commit(30, &[], meta)],
            vec![change(6, "1", 1), change(6, "meta", 30)],
        ),
        gerrit(PROJECT, vec![], vec![change(6, "meta", 21)]),
    ];
    let payloads = payloads.map(|mutation| mutation.encode_to_vec());
    let (folded, faults) = load(payloads.to_vec()).await;
    assert_eq!(
        kinds(&faults),
        [FaultKind::MetaCircle, FaultKind::MetaCircle]
    );
    let details: Vec<_> = faults.iter().map(|fault| fault.detail.as_str()).collect();
    assert_eq!(details, ["8", "6"]);
    assert_eq!(
        folded.state().cls().count(),
        0,
        "all four are circles by now"
    );
}

#[tokio::test]
async fn parents_that_never_arrive() {
    let payloads = [
        plain(commit(1, &[100, 101], "a merge")).encode_to_vec(),
        gerrit(
            PROJECT,
            vec![commit(2, &[102], "m")],
            vec![change(7, "meta", 2), change(7, "1", 2)],
        )
        .encode_to_vec(),
        gerrit(
            PROJECT,
            vec![],
            vec![git_ref("refs/heads/x", 103), git_ref("refs/heads/y", 100)],
        )
        .encode_to_vec(),
    ];
    let (folded, faults) = load(payloads.to_vec()).await;
    assert_eq!(kinds(&faults), [FaultKind::RefUnknownCommit]);
    let corpus = folded.state();
    assert_eq!(corpus.counts().placeholders, 3);
    let placeholder = corpus.any_commit(&hash(100)).unwrap();
    assert!(placeholder.is_placeholder() && placeholder.raw().is_empty());
    assert_eq!(placeholder.parents().len(), 0);
    assert!(corpus.check().is_err());
    assert_eq!(corpus.cls().count(), 1);
}

#[tokio::test]
async fn texts_that_are_not_utf8() {
    let latin = |number| {
        let by = "author J\u{f6}rg <j@x> 1 +0100";
        let by: Vec<u8> = by.chars().map(|char| char as u8).collect();
        let raw = [&by[..], b"\n\n\xfcber\xff\n"].concat();
        commit_of(number, raw)
    };
    let mut broken = issue(5).encode_to_vec();
    let title = broken
        .windows(5)
        .rposition(|word| word == b"issue")
        .unwrap();
    broken[title] = 0xc3;
    let payloads = vec![
        plain(latin(1)).encode_to_vec(),
        broken,
        gerrit(PROJECT, vec![latin(2)], vec![change(7, "1", 2)]).encode_to_vec(),
    ];
    let (folded, faults) = load(payloads).await;
    assert_eq!(kinds(&faults), [FaultKind::NotAMutation]);
    assert_eq!(faults[0].at, folded.skips()[0].at);
    let commit = folded.state().commit(&hash(1)).unwrap();
    assert_eq!(commit.message_bytes(), b"\xfcber\xff\n");
    assert_eq!(commit.message(), "\u{fffd}ber\u{fffd}\n");
    assert!(dump(folded.state()).contains("\"msg\":{\"b64\":"));
}

#[tokio::test]
async fn bytes_that_are_nothing() {
    let mut payloads = Vec::new();
    let mut word = 1u64;
    for len in 0..300 {
        let mut payload = Vec::with_capacity(len);
        for _ in 0..len {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            payload.push((word >> 56) as u8);
        }
        payloads.push(payload);
    }
    let (folded, faults) = load(payloads).await;
    assert_eq!(folded.records(), 302);
    assert!(faults.len() > 200, "{}", faults.len());
    assert!(
        faults
            .iter()
            .all(|fault| fault.kind == FaultKind::NotAMutation)
    );
    assert!(faults.is_sorted_by_key(|fault| fault.at));
    assert_eq!(folded.skips().len(), 100, "the first are kept as texts");
}

#[tokio::test]
async fn very_many_comments_on_one_issue() {
    const COUNT: i64 = 300_000;
    let comment = |id: i64| GithubIssueCommentMutation {
        id,
        body: "a comment".into(),
        created: Some(proto::Timestamp {
            // In no order.
            seconds: id.wrapping_mul(7_919) % 10_007,
            nanos: 0,
        }),
        ..GithubIssueCommentMutation::default()
    };
    let mut log = vec![Vec::new()];
    for first in (1..=COUNT).step_by(1_000) {
        let mut mutation = issue(1);
        let comments = (first..first + 1_000).map(comment);
        mutation.github_issue.as_mut().unwrap().comment = comments.collect();
        push(&mut log[0], &mutation.encode_to_vec());
    }
    let disk = DiskLog::new(&log);
    let mut loaded = disk.load(&Rules::default()).await;
    let check = |folded: &Folded<Corpus>| {
        let issue = folded.state().github_repo("golang", "go").unwrap();
        let issue = issue.issue(1).unwrap();
        assert_eq!(issue.comment_count(), COUNT as usize);
        let comments = issue.comments();
        assert_eq!(comments.len(), COUNT as usize);
        assert!(comments.is_sorted_by_key(|comment| (comment.created(), comment.id())));
    };
    check(&loaded.folded);
    loaded.checkpoint().await.unwrap();
    let again = disk.load(&Rules::default()).await;
    assert_eq!(again.opening.folded_bytes, 0);
    check(&again.folded);
}

#[tokio::test]
async fn a_log_with_a_place_that_is_no_record_is_an_error_with_that_place() {
    let mut log = log_of(
        [1, 2, 3].map(|number| issue(number).encode_to_vec()),
        1 << 20,
    );
    let end = log[0].len();
    log[0].extend(b"REC@0+5=hello");
    let disk = DiskLog::new(&log);
    let options = disk.options(&Rules::default());
    let error = Corpus::load(&disk.place(), None, &options)
        .await
        .err()
        .unwrap();
    let text = log_core::explain(&error);
    assert!(text.contains(&format!("{end:#x}")), "{text}");
    // Its past before that can be seen.
    let at = forgelog_replay::At::Position(Position {
        segment: 0,
        offset: end as u64,
    });
    let past = Corpus::open_at(&disk.place(), at, &options).await.unwrap();
    assert_eq!(past.state().counts().issues, 3);
    check(past.state());
}

/// A part and what the record says about itself are told apart from others in two ways, which find the same fault.
#[tokio::test]
async fn what_is_wrong_is_found_at_the_same_byte_whatever_comes_before() {
    // A text that is cut off, in an issue's mutation and in what the record says about itself.
    let (part, meta) = ([0x0a, 0x02, 0x0a, 0x09], [0xc2, 0x3e, 0x02, 0x12, 0x05]);
    let sound = [0x0a, 0x00];
    let field = [0x78, 0x01]; // nobody's
    for (wrong, at) in [
        ([&part[..], &meta].concat(), 8),
        (part.to_vec(), 3),
        ([&sound[..], &meta].concat(), 6),
    ] {
        for before in [&[][..], &field] {
            let (_, faults) = load(vec![[before, &wrong].concat()]).await;
            let [fault] = &faults[..] else {
                panic!("{faults:?}")
            };
            assert_eq!(fault.kind, FaultKind::NotAMutation);
            let want = format!("byte {}", at + before.len());
            assert!(
                fault.reason().contains(&want),
                "{} is not {want}",
                fault.reason()
            );
        }
    }
}
