//! A corpus of a part of a log is that part of the corpus of all of it.
//!
//! The rule: lines of GitHub's kinds are those whose `owner` and `repo` are kept, of Gerrit's those whose `project` is.
//! Of a repository that is not kept but that a kept CL mentions there is an empty `repo` line. Users and teams are
//! those that the other lines name, with the names that they have in the whole log. Commits are those of kept
//! projects and repositories; what says in which projects and histories they are knows only of those that are kept.
//! `check` is not compared, as a kept project may have parents that only another one has.

use std::collections::{BTreeMap, BTreeSet};

use forgelog_replay::corpus::DumpOptions;
use forgelog_replay::{Corpus, Rules, Scope, corpus};
use proto::Message as _;
use proto::maintpb::Mutation;
use serde_json::Value;

use crate::log::{Bytewise, DiskLog, assert_equal, folded, log_of, records, synth_log};

/// The lines of a dump by kind.
fn lines(corpus: &Corpus) -> BTreeMap<String, Vec<Value>> {
    let mut out = Vec::new();
    corpus::dump(corpus, &DumpOptions::default(), &mut out).unwrap();
    let mut kinds: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in str::from_utf8(&out).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let kind = line["kind"].as_str().unwrap().to_owned();
        kinds.entry(kind).or_default().push(line);
    }
    kinds
}

fn name(line: &Value) -> String {
    match &line["project"] {
        Value::String(project) => project.clone(),
        _ => format!(
            "{}/{}",
            line["owner"].as_str().unwrap(),
            line["repo"].as_str().unwrap()
        ),
    }
}

/// A commit's line as it is where only these projects are known.
fn of_projects(line: &Value, projects: &BTreeSet<String>) -> Value {
    let mut line = line.clone();
    let has = |project: &Value| projects.contains(project.as_str().unwrap());
    line["projects"].as_array_mut().unwrap().retain(has);
    if let Some(of) = line["meta_of"].as_str() {
        let (project, _) = of.rsplit_once('/').unwrap();
        if !projects.contains(project) {
            line["meta_of"] = Value::Null;
        }
    }
    line
}

fn is_placeholder(line: &Value) -> bool {
    line["tree"] == "" && line["author"].is_null() && line["committer"] == ""
}

fn assert_is_part(part: &Corpus, whole: &Corpus, scope: &Scope) {
    let (part, whole) = (lines(part), lines(whole));
    let none = Vec::new();
    let of = |lines: &BTreeMap<String, Vec<Value>>, kind| lines.get(kind).unwrap_or(&none).clone();
    let github = ["label", "milestone", "issue", "comment", "event", "review"];
    let gerrit = ["gerrit_project", "ref", "cl", "cl_meta", "cl_message"];
    let kinds = github.map(|kind| (kind, &scope.github));
    for (kind, kept) in kinds
        .into_iter()
        .chain(gerrit.map(|kind| (kind, &scope.gerrit)))
    {
        let mut want = of(&whole, kind);
        want.retain(|line| kept.contains(&name(line)));
        assert!(of(&part, kind) == want, "{kind}");
    }
    let (of_kept, others): (Vec<_>, Vec<_>) = of(&part, "repo")
        .into_iter()
        .partition(|line| scope.github.contains(&name(line)));
    let mut want = of(&whole, "repo");
    want.retain(|line| scope.github.contains(&name(line)));
    assert_eq!(of_kept, want);
    assert!(
        others
            .iter()
            .all(|line| line["issues"] == 0 && line["labels"] == 0)
    );
    for kind in ["user", "team"] {
        let all: BTreeSet<String> = of(&whole, kind).iter().map(Value::to_string).collect();
        for line in of(&part, kind) {
            assert!(all.contains(&line.to_string()), "{line}");
        }
    }
    let by_hash = |lines: Vec<Value>| -> BTreeMap<String, Value> {
        let hash = |line: &Value| line["hash"].as_str().unwrap().to_owned();
        lines.into_iter().map(|line| (hash(&line), line)).collect()
    };
    let (commits, all) = (by_hash(of(&part, "commit")), by_hash(of(&whole, "commit")));
    for (hash, line) in &all {
        let want = of_projects(line, &scope.gerrit);
        match commits.get(hash) {
            Some(line) if is_placeholder(line) => {
                assert_eq!(want["projects"], Value::Array(Vec::new()), "{hash}");
            }
            Some(line) => assert_eq!(*line, want),
            None => assert_eq!(want["projects"], Value::Array(Vec::new()), "{hash}"),
        }
    }
    assert!(commits.keys().all(|hash| all.contains_key(hash)));
}

/// Every second one of what there is, beginning with this one.
fn half(corpus: &Corpus, first: usize) -> Scope {
    let mut scope = Scope::default();
    let repos = corpus.github_repos().map(|repo| repo.id().to_string());
    scope.github.extend(repos.skip(first).step_by(2));
    let projects = corpus
        .gerrit_projects()
        .map(|project| project.name().to_owned());
    scope.gerrit.extend(projects.skip(first).step_by(2));
    let repos = corpus.repos().map(|repo| repo.name().to_owned());
    scope.git.extend(repos.skip(first).step_by(2));
    scope
}

/// Two projects side by side that know nothing of each other but the people: two synthetic ones, one of which is
/// renamed.
fn two_projects(seed: u64) -> Bytewise {
    let both = [seed, seed + 1].map(|seed| {
        let all = records(&synth_log(seed));
        all.into_iter().map(|record| record.payload)
    });
    let [mut first, second] = both;
    let mut payloads = Vec::new();
    for payload in second {
        payloads.extend(first.next().map(|payload| payload.to_vec()));
        payloads.push(renamed(&payload));
    }
    payloads.extend(first.map(|payload| payload.to_vec()));
    log_of(payloads, 600 << 10)
}

fn renamed(payload: &[u8]) -> Vec<u8> {
    let mut mutation = Mutation::decode(payload).unwrap();
    if let Some(issue) = &mut mutation.github_issue {
        issue.repo.push_str("-2");
    }
    if let Some(github) = &mut mutation.github {
        github.repo.push_str("-2");
    }
    if let Some(repo) = mutation.git.as_mut().and_then(|git| git.repo.as_mut()) {
        let name = if repo.name.is_empty() {
            &mut repo.go_repo
        } else {
            &mut repo.name
        };
        name.push_str("-2");
    }
    if let Some(gerrit) = &mut mutation.gerrit {
        gerrit.project.push_str("-2");
    }
    mutation.encode_to_vec()
}

#[tokio::test]
async fn it_has_the_lines_that_belong_to_it() {
    for seed in [1, 3] {
        let log = two_projects(seed);
        let whole = folded(&log, &Rules::default());
        let disk = DiskLog::new(&log);
        disk.load(&Rules::default())
            .await
            .checkpoint()
            .await
            .unwrap();
        let mut scopes = [
            half(whole.state(), 0),
            half(whole.state(), 1),
            Scope::default(),
        ];
        scopes[2].github = scopes[0].github.clone();
        assert!(scopes.iter().all(|scope| !scope.is_everything()));
        let mut issues = 0;
        for scope in scopes {
            let mut rules = Rules::default();
            rules.scope = scope;
            let mut part = disk.load(&rules).await;
            assert_eq!(part.opening.checkpoint, None, "it is of everything");
            assert_is_part(part.folded.state(), whole.state(), &rules.scope);
            issues += part.folded.state().counts().issues;
            let own = part.checkpoint().await.unwrap();
            let again = disk.load(&rules).await;
            assert_eq!(again.opening.checkpoint, Some(own));
            assert_equal(&again.folded, &part.folded, &format!("seed {seed}"));
        }
        assert!(issues > whole.state().counts().issues);
    }
}
