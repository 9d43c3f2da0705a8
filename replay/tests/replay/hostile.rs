//! Records from outside that nobody would write, and many of them: the corpus stays sound, and what makes no sense is
//! listed.

use bytes::Bytes;
use forgelog_replay::corpus::{self, DumpOptions, FaultKind};
use forgelog_replay::{Corpus, Folded, Time};
use proto::Message as _;
use proto::maintpb::{
    BoolChange, GithubIssueCommentMutation, GithubIssueEvent, GithubIssueMutation, GithubLabel,
    GithubMilestone, GithubMutation, GithubReview, GithubUser, Mutation,
};

use crate::activity::{corpus_of, corpus_of_issue, dump, fold, framed, of_issue};

fn kinds(folded: &Folded<Corpus>) -> Vec<FaultKind> {
    folded.state().faults().map(|fault| fault.kind).collect()
}

fn comment(id: i64) -> GithubIssueCommentMutation {
    GithubIssueCommentMutation {
        id,
        body: "a comment".into(),
        // In no order.
        created: Some(proto::Timestamp {
            seconds: id.wrapping_mul(7_919) % 10_007,
            nanos: 0,
        }),
        ..GithubIssueCommentMutation::default()
    }
}

#[test]
fn many_comments_on_one_issue() {
    // As long as a step takes the same time however many there are, this is quick.
    const COUNT: i64 = 200_000;
    let in_one = GithubIssueMutation {
        comment: (1..COUNT / 2).map(comment).collect(),
        ..GithubIssueMutation::default()
    };
    let one_by_one = (COUNT / 2..=COUNT).map(|id| GithubIssueMutation {
        comment: vec![comment(id)],
        ..GithubIssueMutation::default()
    });
    let folded = corpus_of_issue(std::iter::once(in_one).chain(one_by_one));
    let issue = folded.state().github_repo("golang", "go").unwrap();
    let issue = issue.issue(3).unwrap();
    assert_eq!(issue.comment_count(), COUNT as usize);
    let keys = issue
        .comments()
        .map(|comment| (comment.created(), comment.id()));
    assert!(keys.is_sorted());
    assert_eq!(issue.comments().len(), COUNT as usize);
}

#[test]
fn ids_of_zero_are_nobody_or_faults() {
    let zeros = GithubIssueMutation {
        user: Some(GithubUser {
            id: 0,
            login: "nobody".into(),
        }),
        comment: vec![comment(0), comment(1)],
        event: vec![GithubIssueEvent::default()],
        review: vec![GithubReview::default()],
        ..GithubIssueMutation::default()
    };
    let of_repo = |labels, milestones| Mutation {
        github: Some(GithubMutation {
            owner: "golang".into(),
            repo: "other".into(),
            labels,
            milestones,
        }),
        ..Mutation::default()
    };
    let folded = corpus_of(&[
        of_issue(zeros),
        of_repo(vec![GithubLabel::default()], Vec::new()),
        of_repo(Vec::new(), vec![GithubMilestone::default()]),
        of_issue(GithubIssueMutation {
            add_label: vec![GithubLabel::default()],
            title: "not taken".into(),
            ..GithubIssueMutation::default()
        }),
    ]);
    assert_eq!(
        kinds(&folded),
        [
            FaultKind::CommentZero,
            FaultKind::EventZero,
            FaultKind::ReviewZero,
            FaultKind::LabelZero,
            FaultKind::MilestoneZero,
            FaultKind::LabelZero
        ]
    );
    let corpus = folded.state();
    let issue = corpus.github_repo("golang", "go").unwrap();
    let issue = issue.issue(3).unwrap();
    assert_eq!(issue.user().unwrap().login(), "nobody");
    assert_eq!((issue.comment_count(), issue.event_count()), (1, 0));
    assert_eq!(issue.title(), "");
    assert_eq!(corpus.github_repo("golang", "other"), None);
}

#[test]
fn negative_numbers_are_numbers() {
    let folded = corpus_of_issue([GithubIssueMutation {
        id: -1,
        user: Some(GithubUser {
            id: i64::MIN,
            login: "min".into(),
        }),
        milestone_id: -2,
        milestone_num: i64::from(i32::MAX) + 1,
        add_label: vec![GithubLabel {
            id: -3,
            name: "l".into(),
        }],
        comment: vec![comment(-4), comment(i64::MIN)],
        event: vec![GithubIssueEvent {
            id: -5,
            actor_id: -6,
            ..GithubIssueEvent::default()
        }],
        ..GithubIssueMutation::default()
    }]);
    assert_eq!(folded.skipped(), 0);
    let corpus = folded.state();
    let issue = corpus.github_repo("golang", "go").unwrap();
    let issue = issue.issue(3).unwrap();
    assert_eq!((issue.id(), issue.user().unwrap().id()), (-1, i64::MIN));
    let milestone = issue.milestone().get().unwrap();
    assert_eq!((milestone.id(), milestone.number()), (-2, i32::MIN));
    assert!(issue.has_label_id(-3));
    assert_eq!(issue.comment_count(), 2);
    let event = issue.events().next().unwrap();
    assert_eq!((event.id(), event.actor()), (-5, corpus.user(-6)));
    assert!(dump(corpus).contains("\"id\":-9223372036854775808"));
}

#[test]
fn any_time_is_a_time() {
    let at = |seconds, nanos| Some(proto::Timestamp { seconds, nanos });
    for (created, want, text) in [
        (at(-62_135_596_800, 0), None, "null"),
        (
            at(-62_135_596_801, 0),
            Some(Time::MIN),
            "\"0000-12-31T23:59:59Z\"",
        ),
        (
            at(253_402_300_799, 999_999_999),
            Some(Time::MAX),
            "\"9999-12-31T23:59:59.999999999Z\"",
        ),
        (
            at(253_402_300_800, 0),
            Some(Time::MAX),
            "\"unix:253402300800.000000000\"",
        ),
        (
            at(i64::MAX / 2, -1),
            Some(Time::MAX),
            "\"unix:4611686018427387902.999999999\"",
        ),
        (
            at(i64::MIN / 2, i32::MIN),
            Some(Time::MIN),
            "\"unix:-4611686018427387907.852516352\"",
        ),
        (at(i64::MAX, i32::MAX), Some(Time::MAX), "\"unix:"),
        (at(i64::MIN, i32::MIN), Some(Time::MIN), "\"unix:"),
    ] {
        let folded = corpus_of_issue([GithubIssueMutation {
            created,
            updated: created,
            closed_at: created,
            event: vec![GithubIssueEvent {
                id: 1,
                created,
                ..GithubIssueEvent::default()
            }],
            ..GithubIssueMutation::default()
        }]);
        let issue = folded.state().github_repo("golang", "go").unwrap();
        let issue = issue.issue(3).unwrap();
        let got = issue.created();
        // Beyond the ends of 64 bits seconds wrap around, as in the original.
        let wraps = created.is_some_and(|created| created.seconds.unsigned_abs() > 1 << 62);
        assert!(got == want || wraps, "{created:?}: {got:?}");
        assert_eq!(issue.events().next().unwrap().created(), got);
        let dump = dump(folded.state());
        assert!(
            dump.contains(&format!("\"created\":{text}")),
            "{created:?}: {dump}"
        );
    }
}

#[test]
fn a_long_text_is_a_slice_of_the_log() {
    const LEN: usize = 50 << 20;
    let log = framed([of_issue(GithubIssueMutation {
        body: "x".repeat(LEN),
        title: "after it".into(),
        ..GithubIssueMutation::default()
    })
    .encode_to_vec()]);
    let bytes = log.as_ptr_range();
    let (folded, broken) = fold(log.clone());
    assert_eq!(broken, None);
    let issue = folded.state().github_repo("golang", "go").unwrap();
    let issue = issue.issue(3).unwrap();
    assert_eq!((issue.body().len(), issue.title()), (LEN, "after it"));
    assert!(bytes.contains(&issue.body().as_ptr()), "nothing was copied");
    let options = DumpOptions {
        longhash: Some(1_000),
        ..DumpOptions::default()
    };
    let mut out = Vec::new();
    corpus::dump(folded.state(), &options, &mut out).unwrap();
    let dump = String::from_utf8(out).unwrap();
    assert!(dump.contains(&format!("\"body\":{{\"len\":{LEN},\"sha256\":\"")));
    assert!(dump.len() < 2_000);
}

/// A payload with an unknown group that nests so deep, around a sound mutation's fields.
fn nested(depth: usize) -> Vec<u8> {
    const START: u8 = 15 << 3 | 3;
    const END: u8 = 15 << 3 | 4;
    let mut payload = vec![START; depth];
    payload.extend(std::iter::repeat_n(END, depth));
    payload.extend(of_issue(GithubIssueMutation::default()).encode_to_vec());
    payload
}

#[test]
fn bytes_that_are_no_mutation_are_listed() {
    let sound = of_issue(GithubIssueMutation {
        title: "sound".into(),
        closed: Some(BoolChange { val: true }),
        ..GithubIssueMutation::default()
    })
    .encode_to_vec();
    let mut not_utf8 = sound.clone();
    let title = not_utf8
        .windows(5)
        .position(|bytes| bytes == b"sound")
        .unwrap();
    not_utf8[title] = 0xff;
    // A part of each kind, of which the last is broken: all or nothing.
    let mut half = sound.clone();
    half.extend([4 << 3 | 2, 2, 1 << 3 | 2, 9]);
    let bad: [Vec<u8>; 8] = [
        nested(20_000),
        nested(1_000_000),
        not_utf8,
        half,
        sound[..sound.len() - 1].to_vec(),
        b"\xff".repeat(11),
        vec![10, 0xff, 0xff, 0xff, 0xff, 0x7f],
        vec![15 << 3 | 4],
    ];
    for payload in bad {
        let len = payload.len();
        let (folded, broken) = fold(framed([nested(9_000), payload, sound.clone()]));
        assert_eq!(broken, None);
        assert_eq!(kinds(&folded), [FaultKind::NotAMutation], "of {len} bytes");
        assert_eq!(folded.records(), 3);
        let (without, _) = fold(framed([&nested(9_000), &sound]));
        assert_eq!(dump(folded.state()), dump(without.state()));
    }
}

#[test]
fn all_faults_of_one_record_count() {
    const COUNT: usize = 300;
    let folded = corpus_of_issue([GithubIssueMutation {
        comment: vec![comment(0); COUNT],
        ..GithubIssueMutation::default()
    }]);
    assert_eq!(folded.state().fault_count(), COUNT as u64);
    assert_eq!(folded.skipped(), COUNT as u64);
    assert_eq!(folded.skips().len(), 100);
}

#[test]
fn an_empty_log_is_an_empty_corpus() {
    let (folded, broken) = fold(Bytes::new());
    assert_eq!(broken, None);
    assert_eq!(folded.state().github_repos().len(), 0);
    assert_eq!(dump(&Corpus::default()), dump(folded.state()));
}
