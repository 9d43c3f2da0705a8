//! What holds for every snapshot of a corpus: views agree with each other and with the counts, and orders are kept.

use std::collections::{BTreeMap, BTreeSet};

use forgelog_replay::Corpus;
use forgelog_replay::corpus::{Cl, GerritProject, GithubRepo, Issue};

/// Walks everything, and panics where something does not agree.
pub(crate) fn check(corpus: &Corpus) {
    check_github(corpus);
    check_commits(corpus);
    let mut cls = 0;
    for project in corpus.gerrit_projects() {
        cls += check_project(corpus, project);
    }
    let counts = corpus.counts();
    assert_eq!(cls, counts.cls);
    assert_eq!(corpus.cls().count(), cls);
    assert_eq!(corpus.gerrit_projects().len(), counts.projects);
    assert_eq!(corpus.repos().len(), counts.repos);
    for repo in corpus.repos() {
        assert!(repo.refs().map(|git_ref| git_ref.name).is_sorted());
        assert_eq!(repo.refs().len(), repo.ref_count());
    }
    let of_repos: usize = corpus.repos().map(|repo| repo.ref_count()).sum();
    let of_projects: usize = corpus
        .gerrit_projects()
        .map(|project| project.refs().len())
        .sum();
    let refs = of_repos + of_projects;
    assert_eq!(refs, counts.refs);
    let faults: Vec<_> = corpus.faults().map(|fault| fault.at).collect();
    assert!(faults.is_sorted());
    assert_eq!(faults.len() as u64, corpus.fault_count());
}

fn check_github(corpus: &Corpus) {
    let counts = corpus.counts();
    let mut seen = [0; 4];
    let ids: Vec<_> = corpus.github_repos().map(|repo| repo.id()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b));
    assert_eq!(ids.len(), counts.github_repos);
    for repo in corpus.github_repos() {
        check_repo(corpus, repo);
        for issue in repo.issues() {
            seen[0] += 1;
            check_issue(repo, issue);
            seen[1] += issue.comment_count();
            seen[2] += issue.event_count();
            seen[3] += issue.review_count();
        }
    }
    assert_eq!(seen[..3], [counts.issues, counts.comments, counts.events]);
    // Those of what is no pull request are kept, but not shown.
    assert!(seen[3] <= counts.reviews);
}

fn check_repo(corpus: &Corpus, repo: GithubRepo<'_>) {
    let id = repo.id();
    assert_eq!(corpus.github_repo(id.owner, id.name), Some(repo));
    assert_eq!(repo.issues().len(), repo.issue_count());
    assert!(
        repo.issues()
            .map(|issue| issue.number())
            .is_sorted_by(|a, b| a < b)
    );
    assert_eq!(repo.labels().count(), repo.label_count());
    assert!(
        repo.labels()
            .map(|label| label.id())
            .is_sorted_by(|a, b| a < b)
    );
    assert_eq!(repo.milestones().count(), repo.milestone_count());
    assert!(
        repo.milestones()
            .all(|one| repo.milestone(one.id()) == Some(one))
    );
}

fn check_issue(repo: GithubRepo<'_>, issue: Issue<'_>) {
    assert_eq!(issue.repo(), repo);
    assert_eq!(repo.issue(issue.number()), Some(issue));
    assert_eq!(issue.labels().len(), issue.label_count());
    for label in issue.labels() {
        assert_eq!(repo.label(label.id()), Some(label));
    }
    if let Some(milestone) = issue.milestone().get() {
        assert_eq!(milestone.repo(), repo);
    }
    let comments: Vec<_> = issue.comments().collect();
    assert_eq!(comments.len(), issue.comment_count());
    assert!(comments.is_sorted_by_key(|comment| (comment.created(), comment.id())));
    let ids: BTreeSet<_> = comments.iter().map(|comment| comment.id()).collect();
    assert_eq!(ids.len(), comments.len());
    assert!(comments.iter().all(|comment| comment.issue() == issue));
    let events: Vec<_> = issue.events().collect();
    assert_eq!(events.len(), issue.event_count());
    assert!(events.is_sorted_by_key(|event| (event.created(), event.id())));
    for event in &events {
        assert!(!event.event_type().is_empty());
        assert!(event.created() <= issue.last_modified());
        let _ = event.details();
    }
    let reviews: Vec<_> = issue.reviews().collect();
    assert_eq!(reviews.len(), issue.review_count());
    assert!(reviews.is_sorted_by_key(|review| (review.created(), review.id())));
    assert!(reviews.iter().all(|review| review.issue() == issue));
}

fn check_commits(corpus: &Corpus) {
    let counts = corpus.counts();
    let mut placeholders = 0;
    let mut of_projects: BTreeMap<String, usize> = BTreeMap::new();
    for commit in corpus.commits() {
        assert_eq!(corpus.any_commit(&commit.hash()), Some(commit));
        placeholders += usize::from(commit.is_placeholder());
        assert_eq!(corpus.has_commit(&commit.hash()), !commit.is_placeholder());
        for parent in commit.parents() {
            assert!(corpus.any_commit(&parent).is_some());
        }
        if !commit.is_placeholder() {
            assert!(commit.raw().ends_with(commit.message_bytes()));
            assert!(commit.files().map(|file| file.name).is_sorted());
        }
        let projects: Vec<_> = commit.projects().collect();
        assert!(projects.is_sorted_by(|a, b| a.name() < b.name()));
        for project in projects {
            assert_eq!(project.commit(&commit.hash()), Some(commit));
            *of_projects.entry(project.name().to_owned()).or_default() += 1;
        }
    }
    assert_eq!(placeholders, counts.placeholders);
    assert_eq!(corpus.commits().len(), counts.commits + counts.placeholders);
    for project in corpus.gerrit_projects() {
        let count = of_projects.get(project.name()).copied().unwrap_or(0);
        assert_eq!(project.commit_count(), count, "{}", project.name());
    }
}

/// Gives how many CLs it has.
fn check_project(corpus: &Corpus, project: GerritProject<'_>) -> usize {
    assert_eq!(
        corpus.gerrit_project(project.server(), project.project()),
        Some(project)
    );
    assert!(project.refs().map(|git_ref| git_ref.name).is_sorted());
    let cls: Vec<_> = project.cls().collect();
    for cl in &cls {
        assert_eq!(project.cl(cl.number()), Some(*cl));
        assert_eq!(cl.project(), project);
        check_cl(*cl);
    }
    let open = cls.iter().filter(|cl| cl.is_open()).count();
    assert_eq!(project.open_cls().len(), open);
    cls.len()
}

fn check_cl(cl: Cl<'_>) {
    let metas: Vec<_> = cl.metas().collect();
    assert_eq!(metas.len(), cl.meta_count());
    assert_eq!(metas.first(), Some(&cl.oldest_meta()));
    assert_eq!(metas.last(), Some(&cl.meta()));
    for pair in metas.windows(2) {
        let parents: Vec<_> = pair[1].commit().parents().collect();
        assert_eq!(parents, [pair[0].commit().hash()]);
    }
    assert!(cl.messages().count() <= metas.len());
    assert!(
        cl.patch_sets()
            .map(|(version, _)| version)
            .is_sorted_by(|a, b| a < b)
    );
    for (version, commit) in cl.patch_sets() {
        assert_eq!(cl.commit_at_version(version), Some(commit));
    }
    let created = cl
        .oldest_meta()
        .commit()
        .committer()
        .map(|by| by.unix_seconds);
    assert_eq!(cl.created().map(|time| time.unix_seconds()), created);
}
