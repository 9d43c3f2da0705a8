//! What the corpus makes of GitHub's mutations, case by case (spec/log-and-corpus.md 7), as its views show it.

use forgelog_replay::corpus::{GithubRepoId, Issue, IssueMilestone};
use forgelog_replay::{Corpus, Folded, Time};
use proto::maintpb::{
    BoolChange, GithubCommit, GithubDismissedReviewEvent, GithubIssueCommentMutation,
    GithubIssueEvent, GithubIssueMutation, GithubIssueSyncStatus, GithubLabel, GithubMilestone,
    GithubMutation, GithubReview, GithubTeam, GithubUser, Mutation, StringChange,
};

use crate::activity::{corpus_of, corpus_of_issue, of_issue};

type Change = GithubIssueMutation;

fn at(seconds: i64) -> Option<proto::Timestamp> {
    Some(proto::Timestamp { seconds, nanos: 0 })
}

fn time(seconds: i64) -> Option<Time> {
    Some(Time::from_unix_seconds(seconds))
}

fn user(id: i64, login: &str) -> GithubUser {
    let login = login.into();
    GithubUser { id, login }
}

fn label(id: i64, name: &str) -> GithubLabel {
    let name = name.into();
    GithubLabel { id, name }
}

fn event(id: i64, event_type: &str, seconds: i64) -> GithubIssueEvent {
    GithubIssueEvent {
        id,
        event_type: event_type.into(),
        created: at(seconds),
        ..GithubIssueEvent::default()
    }
}

/// `golang/go#3`.
fn issue(folded: &Folded<Corpus>) -> Issue<'_> {
    let repo = folded.state().github_repo("golang", "go").unwrap();
    repo.issue(3).unwrap()
}

#[test]
fn row_19_a_new_issue() {
    let folded = corpus_of_issue([Change {
        user: Some(user(100, "gopherbot")),
        title: "some title".into(),
        body: "some body".into(),
        created: at(1_000),
        ..Change::default()
    }]);
    let issue = issue(&folded);
    assert_eq!(
        (issue.number(), issue.to_string().as_str()),
        (3, "golang/go#3")
    );
    assert_eq!((issue.title(), issue.body()), ("some title", "some body"));
    assert_eq!(issue.created(), time(1_000));
    assert_eq!(issue.updated(), None);
    assert_eq!(issue.assignees().len(), 0);
    assert_eq!(issue.milestone(), IssueMilestone::Unknown);
    assert!(issue.exists() && !issue.is_closed() && !issue.is_locked());
    assert_eq!(issue.user(), folded.state().user(100));
    assert_eq!(folded.state().user(100).unwrap().login(), "gopherbot");
    assert_eq!(folded.state().user(101), None);
}

#[test]
fn row_20_a_body_is_emptied_only_by_a_change() {
    let changes = [
        Change {
            body: "some body".into(),
            ..Change::default()
        },
        Change {
            body_change: Some(StringChange { val: String::new() }),
            ..Change::default()
        },
        Change {
            body: "and back".into(),
            ..Change::default()
        },
        Change::default(),
    ];
    for (count, body) in [(1, "some body"), (2, ""), (3, "and back"), (4, "and back")] {
        let folded = corpus_of_issue(changes[..count].to_vec());
        assert_eq!(issue(&folded).body(), body);
    }
}

#[test]
fn row_21_what_is_written_of_a_new_closed_issue() {
    let folded = corpus_of_issue([Change {
        user: Some(user(1, "u")),
        created: at(10),
        updated: at(20),
        body_change: Some(StringChange { val: "b".into() }),
        no_milestone: true,
        closed: Some(BoolChange { val: true }),
        ..Change::default()
    }]);
    let issue = issue(&folded);
    assert!(issue.is_closed());
    assert_eq!(issue.milestone(), IssueMilestone::None);
    assert_eq!(issue.milestone().get(), None);
    assert_eq!((issue.created(), issue.updated()), (time(10), time(20)));
    assert_eq!(issue.last_modified(), time(20));
    assert_eq!(issue.closed_at(), None);
    assert_eq!(issue.closed_by(), None);
}

#[test]
fn row_22_assignees_go_and_the_others_stay_in_order() {
    let folded = corpus_of_issue([
        Change {
            assignees: vec![user(100, "a"), user(101, "b"), user(99, "")],
            ..Change::default()
        },
        Change {
            assignees: vec![user(101, "B")],
            deleted_assignees: vec![100, 7],
            ..Change::default()
        },
    ]);
    let assignees: Vec<_> = issue(&folded)
        .assignees()
        .map(|user| (user.id(), user.login()))
        .collect();
    assert_eq!(assignees, [(101, "B"), (99, "")]);
}

#[test]
fn row_23_a_tombstone_that_comes_back_to_life() {
    let tombstone = Change {
        not_exist: true,
        created: at(5),
        ..Change::default()
    };
    let revived = Change {
        created: at(5),
        id: 7,
        title: "t".into(),
        ..Change::default()
    };
    let folded = corpus_of_issue([tombstone.clone()]);
    assert!(!issue(&folded).exists());
    let folded = corpus_of_issue([tombstone, revived]);
    let issue = issue(&folded);
    assert!(issue.exists());
    assert_eq!((issue.title(), issue.created(), issue.id()), ("t", None, 0));
    let repo = issue.repo();
    assert_eq!(repo.issue_count(), 1);
}

#[test]
fn rows_27_and_28_events_are_in_order_and_each_is_there_once() {
    let page = |ids: std::ops::Range<i64>| Change {
        event: ids
            .rev()
            .map(|id| match id {
                6 => event(id, "milestoned", 100),
                7 => event(id, "closed", 50),
                _ => event(id, "labeled", 10 * (id % 2)),
            })
            .collect(),
        event_status: Some(GithubIssueSyncStatus {
            server_date: at(1_000),
        }),
        ..Change::default()
    };
    let folded = corpus_of_issue([page(1..4), page(2..6), page(1..8), page(7..8)]);
    let issue = issue(&folded);
    let ids: Vec<_> = issue.events().map(|event| event.id()).collect();
    assert_eq!(ids, [2, 4, 1, 3, 5, 7, 6]);
    assert_eq!(issue.event_count(), 7);
    assert!(issue.has_event("milestoned") && !issue.has_event("mileston"));
    assert_eq!(issue.events_synced(), time(1_000));
    assert_eq!(issue.comments_synced(), None);
    assert_eq!(issue.last_modified(), time(100));
    assert!(issue.events().all(|event| event.issue() == issue));
}

#[test]
fn row_29_reviews_are_those_of_pull_requests_in_order() {
    let review = |id, month: i64| GithubReview {
        id,
        created: at(month * 2_600_000),
        state: "APPROVED".into(),
        body: "a body that is longer than a cell".into(),
        ..GithubReview::default()
    };
    let reviews = Change {
        review: vec![review(1, 4), review(2, 3)],
        ..Change::default()
    };
    let folded = corpus_of_issue([reviews.clone()]);
    assert_eq!(issue(&folded).reviews().len(), 0);
    assert_eq!(issue(&folded).review_count(), 0);
    let becomes_one = Change {
        pull_request: true,
        ..Change::default()
    };
    let folded = corpus_of_issue([reviews, becomes_one]);
    let issue = issue(&folded);
    assert!(issue.is_pull_request());
    assert!(issue.reviews().map(|review| review.id()).eq([2, 1]));
    let first = issue.reviews().next().unwrap();
    assert_eq!(
        (first.state(), first.body()),
        ("APPROVED", "a body that is longer than a cell")
    );
    assert_eq!(first.created(), time(3 * 2_600_000));
    assert_eq!(issue.last_modified(), time(4 * 2_600_000));
}

/// An event that says everything.
fn full_event() -> GithubIssueEvent {
    GithubIssueEvent {
        actor_id: 1,
        label: Some(label(0, "a label of many letters")),
        milestone: Some(GithubMilestone {
            title: "Go1".into(),
            ..GithubMilestone::default()
        }),
        assignee_id: 2,
        assigner_id: 3,
        commit: Some(GithubCommit {
            owner: "golang".into(),
            repo: "net".into(),
            commit_id: "abc".into(),
        }),
        other_json: r#"{"x":1}"#.into(),
        rename_from: "f".into(),
        rename_to: "t".into(),
        reviewer_id: 4,
        review_requester_id: 5,
        dismissed_review: Some(GithubDismissedReviewEvent {
            review_id: 6,
            dismissal_message: "m".into(),
            state: "s".into(),
        }),
        team_reviewer: Some(GithubTeam {
            id: 0,
            slug: "team".into(),
        }),
        ..event(11, "made up", 1)
    }
}

#[test]
fn all_that_an_event_can_say() {
    let bare = GithubIssueEvent {
        commit: Some(GithubCommit {
            commit_id: "abc".into(),
            ..GithubCommit::default()
        }),
        ..event(12, "closed", 2)
    };
    let folded = corpus_of_issue([Change {
        event: vec![full_event(), bare],
        ..Change::default()
    }]);
    let corpus = folded.state();
    let events: Vec<_> = issue(&folded).events().collect();
    let [full, bare] = events.as_slice() else {
        panic!("{events:?}");
    };
    let details = full.details();
    assert_eq!(full.actor(), corpus.user(1));
    assert_eq!(details.label, "a label of many letters");
    assert_eq!(details.milestone, "Go1");
    assert_eq!(
        (details.assignee, details.assigner),
        (corpus.user(2), corpus.user(3))
    );
    assert_eq!((details.from, details.to), ("f", "t"));
    assert_eq!(details.commit_id, "abc");
    let net = GithubRepoId {
        owner: "golang",
        name: "net",
    };
    assert_eq!(details.commit_repo, Some(net));
    let url = "https://api.github.com/repos/golang/net/commits/abc";
    assert_eq!(details.commit_url().as_deref(), Some(url));
    assert_eq!(details.reviewer, corpus.user(4));
    assert_eq!(details.review_requester, corpus.user(5));
    assert_eq!(details.team_reviewer.unwrap().slug(), "team");
    let dismissed = details.dismissed_review.unwrap();
    assert_eq!(
        (dismissed.review_id, dismissed.state, dismissed.message),
        (6, "s", "m")
    );
    assert_eq!(details.other_json, br#"{"x":1}"#);
    // The same one by one.
    assert_eq!(
        (full.label(), full.milestone()),
        (details.label, details.milestone)
    );
    assert_eq!(
        (full.assignee(), full.reviewer()),
        (details.assignee, details.reviewer)
    );
    assert_eq!(
        (full.commit_id(), full.commit_url()),
        ("abc", details.commit_url())
    );
    assert_eq!(full.dismissed_review(), details.dismissed_review);
    assert_eq!(full.other_json(), details.other_json);
    // Where nothing is said, there is nothing.
    assert_eq!((bare.commit_id(), bare.commit_url()), ("abc", None));
    assert_eq!(
        (bare.actor(), bare.assignee(), bare.reviewer()),
        (None, None, None)
    );
    assert_eq!(
        (bare.label(), bare.milestone(), bare.dismissed_review()),
        ("", "", None)
    );
    assert_eq!(
        corpus.user(5).unwrap().login(),
        "",
        "only the number was seen"
    );
}

#[test]
fn a_label_is_shared_by_its_repository() {
    let folded = corpus_of(&[
        of_issue(Change {
            add_label: vec![label(9, "z"), label(2, "a name of many letters")],
            ..Change::default()
        }),
        of_issue(Change {
            remove_label: vec![9, 5],
            add_label: vec![label(9, ""), label(5, "five")],
            ..Change::default()
        }),
        Mutation {
            github: Some(GithubMutation {
                owner: "golang".into(),
                repo: "go".into(),
                labels: vec![label(9, "nine"), label(10, "of no issue")],
                milestones: Vec::new(),
            }),
            ..Mutation::default()
        },
    ]);
    let issue = issue(&folded);
    let labels: Vec<_> = issue
        .labels()
        .map(|label| (label.id(), label.name()))
        .collect();
    assert_eq!(
        labels,
        [(2, "a name of many letters"), (5, "five"), (9, "nine")]
    );
    assert_eq!(issue.label_count(), 3);
    assert!(issue.has_label("nine") && issue.has_label("a name of many letters"));
    assert!(!issue.has_label("z") && !issue.has_label("of no issue") && !issue.has_label(""));
    assert!(issue.has_label_id(9) && !issue.has_label_id(10));
    let repo = issue.repo();
    assert_eq!(repo.label_count(), 4);
    assert!(repo.labels().map(|label| label.id()).eq([2, 5, 9, 10]));
    assert_eq!(repo.label(10).unwrap().name(), "of no issue");
    assert_eq!(repo.label(11), None);
    assert_eq!(repo.label(9).unwrap().repo(), repo);
}

#[test]
fn a_milestone_has_three_states() {
    let set = |id| Change {
        milestone_id: id,
        milestone_title: format!("Go{id}"),
        milestone_num: id + 100,
        ..Change::default()
    };
    let none = Change {
        no_milestone: true,
        ..set(8)
    };
    let folded = corpus_of_issue([set(7), none.clone(), Change::default()]);
    assert_eq!(issue(&folded).milestone(), IssueMilestone::None);
    assert_eq!(issue(&folded).repo().milestone(8), None, "it was not made");
    let folded = corpus_of_issue([none, set(7), Change::default()]);
    let milestone = issue(&folded).milestone().get().unwrap();
    assert_eq!(
        (milestone.id(), milestone.title(), milestone.number()),
        (7, "Go7", 107)
    );
    assert!(!milestone.is_closed());
    let repo = milestone.repo();
    assert_eq!(
        (repo.milestone_count(), repo.milestone(7)),
        (1, Some(milestone))
    );
    assert!(repo.milestones().eq([milestone]));
}

#[test]
fn comments_keep_what_a_later_mutation_does_not_say() {
    let comment = |id, seconds| GithubIssueCommentMutation {
        id,
        user: Some(user(1, "u")),
        body: format!("the body of comment {id}"),
        created: at(seconds),
        updated: at(seconds),
    };
    let edited = GithubIssueCommentMutation {
        id: 5,
        updated: at(90),
        body: "edited".into(),
        ..GithubIssueCommentMutation::default()
    };
    let folded = corpus_of_issue([
        Change {
            comment: vec![comment(5, 20), comment(4, 20), comment(6, 10)],
            ..Change::default()
        },
        Change {
            comment: vec![edited],
            comment_status: Some(GithubIssueSyncStatus {
                server_date: at(99),
            }),
            ..Change::default()
        },
    ]);
    let issue = issue(&folded);
    assert_eq!(issue.comment_count(), 3);
    assert!(issue.comments().map(|comment| comment.id()).eq([6, 4, 5]));
    let last = issue.comments().next_back().unwrap();
    assert_eq!((last.body(), last.user().unwrap().login()), ("edited", "u"));
    assert_eq!((last.created(), last.updated()), (time(20), time(90)));
    assert_eq!(last.issue(), issue);
    assert_eq!(issue.comments_synced(), time(99));
    assert_eq!(issue.last_modified(), None, "comments do not count");
}

#[test]
fn repositories_and_issues_are_sorted() {
    let of = |owner: &str, repo: &str, number| Mutation {
        github_issue: Some(Change {
            owner: owner.into(),
            repo: repo.into(),
            number,
            ..Change::default()
        }),
        ..Mutation::default()
    };
    let folded = corpus_of(&[
        of("b", "x", 1),
        of("a", "y", 2),
        of("a", "Y", 9),
        of("a", "y", -1),
        of("a", "y", 1),
        of("a", "", 1),
        of("", "y", 1),
        of("c", "only-a-zero", 0),
    ]);
    let corpus = folded.state();
    let names: Vec<_> = corpus
        .github_repos()
        .map(|repo| repo.id().to_string())
        .collect();
    assert_eq!(names, ["a/Y", "a/y", "b/x", "c/only-a-zero"]);
    let repo = corpus.github_repo("a", "y").unwrap();
    assert!(repo.issues().map(|issue| issue.number()).eq([-1, 1, 2]));
    assert_eq!(repo.issue(3), None);
    assert_eq!(corpus.github_repo("A", "y"), None);
    assert_eq!(corpus.fault_count(), 3);
}
