//! What is told of records that touch neither an issue nor a CL nor a ref.

use forgelog_replay::Touched;
use forgelog_replay::corpus::touched::RepoKey;
use proto::maintpb::{
    BoolChange, GerritMutation, GitCommit, GitMutation, GithubIssueMutation, GithubLabel,
    GithubMilestone, GithubMutation, GithubUser, Mutation,
};

use crate::forge::{PROJECT, commit, gerrit, hash};
use crate::live::{issue, key, open, update};
use crate::log::{DiskLog, log_of_mutations};

fn of_repo(labels: Vec<GithubLabel>, milestones: Vec<GithubMilestone>) -> Mutation {
    let github = Some(GithubMutation {
        owner: "golang".into(),
        repo: "go".into(),
        labels,
        milestones,
    });
    Mutation {
        github,
        ..Mutation::default()
    }
}

fn label(name: &str) -> GithubLabel {
    GithubLabel {
        id: 5,
        name: name.into(),
    }
}

fn milestone(title: &str, closed: bool) -> GithubMilestone {
    GithubMilestone {
        id: 6,
        title: title.into(),
        number: 1,
        closed: Some(BoolChange { val: closed }),
    }
}

fn changed_issue(change: impl FnOnce(&mut GithubIssueMutation)) -> Mutation {
    let mut mutation = issue(1, "");
    change(mutation.github_issue.as_mut().unwrap());
    mutation
}

fn with_label(name: &str) -> Mutation {
    changed_issue(|issue| issue.add_label = vec![label(name)])
}

fn with_milestone(title: &str) -> Mutation {
    changed_issue(|issue| {
        issue.milestone_id = 6;
        issue.milestone_title = title.into();
    })
}

fn plain_commit(commit: GitCommit) -> Mutation {
    let git = GitMutation {
        commit: Some(commit),
        ..GitMutation::default()
    };
    Mutation {
        git: Some(git),
        ..Mutation::default()
    }
}

/// Issue 1, the repository of it, and commits.
fn touched(has_issue: bool, has_repo: bool, commits: &[u32]) -> Touched {
    let mut touched = Touched::default();
    touched.issues.extend(has_issue.then(|| key(1)));
    touched.repos.extend(has_repo.then(|| RepoKey {
        owner: "golang".into(),
        repo: "go".into(),
    }));
    touched.commits = commits.iter().map(|number| hash(*number)).collect();
    touched
}

/// Each of these is told of, as this.
async fn assert_told(steps: Vec<(Mutation, Touched)>) {
    let mut mutations = vec![issue(1, "before")];
    let disk = DiskLog::new(&log_of_mutations(&mutations, 1 << 20));
    let mut live = open(&disk).await;
    for (number, (mutation, want)) in steps.into_iter().enumerate() {
        mutations.push(mutation);
        disk.extend_to(&log_of_mutations(&mutations, 1 << 20));
        assert_eq!(update(&mut live).await.unwrap(), want, "step {number}");
        assert_eq!(live.snapshot().records(), mutations.len() as u64);
    }
}

#[tokio::test]
async fn repositories_whose_labels_or_milestones_change() {
    let labels = |name| of_repo(vec![label(name)], vec![]);
    let milestones = |title, closed| of_repo(vec![], vec![milestone(title, closed)]);
    assert_told(vec![
        (labels("old"), touched(false, true, &[])),
        (labels("new"), touched(false, true, &[])),
        (labels("new"), touched(false, false, &[])),
        (with_label("new"), touched(true, false, &[])),
        (with_label("newer"), touched(true, true, &[])),
        (milestones("m", false), touched(false, true, &[])),
        (milestones("m", false), touched(false, false, &[])),
        (milestones("m", true), touched(false, true, &[])),
        (with_milestone("m"), touched(true, false, &[])),
        (with_milestone("n"), touched(true, true, &[])),
    ])
    .await;
}

#[tokio::test]
async fn commits_and_what_is_not_told_one_by_one() {
    let user = changed_issue(|issue| {
        let login = "gopher".into();
        issue.user = Some(GithubUser { id: 7, login });
    });
    let both = vec![commit(4, &[], "x\n"), commit(3, &[2], "x\n")];
    let nothing = GerritMutation::default();
    let nothing = Mutation {
        gerrit: Some(nothing),
        ..Mutation::default()
    };
    assert_told(vec![
        (user, touched(true, false, &[])),
        (
            plain_commit(commit(3, &[2], "x\n")),
            touched(false, false, &[3]),
        ),
        // It was known as a parent; what is known in full already is not new.
        (
            plain_commit(commit(2, &[], "x\n")),
            touched(false, false, &[2]),
        ),
        (
            plain_commit(commit(2, &[], "y\n")),
            touched(false, false, &[]),
        ),
        (gerrit(PROJECT, both, vec![]), touched(false, false, &[4])),
        // Nothing at all, and something that makes no sense.
        (Mutation::default(), touched(false, false, &[])),
        (issue(0, "no number"), touched(false, false, &[])),
        (nothing, touched(false, false, &[])),
    ])
    .await;
}

#[tokio::test]
async fn many_commits_are_not_told_one_by_one() {
    let mut mutations = vec![issue(1, "before")];
    let disk = DiskLog::new(&log_of_mutations(&mutations, 1 << 20));
    let mut live = open(&disk).await;
    let commits = (0..10_100).map(|number| commit(number, &[], "x\n"));
    mutations.push(gerrit(PROJECT, commits.collect(), vec![]));
    mutations.push(issue(2, "new"));
    disk.extend_to(&log_of_mutations(&mutations, 1 << 20));
    let mut all = Touched::default();
    while all.issues.is_empty() {
        all.extend(&update(&mut live).await.unwrap());
    }
    // Whoever shows issues need not look at all of them for that.
    assert!(all.has_more_commits && !all.is_partial);
    assert_eq!((all.commits.len(), all.issues), (10_000, vec![key(2)]));
}
