//! What `forgelog corpus` shows of a log: the same as its dump, for people and programs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where it stands"
)]

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use support::corpora::{Corpora, conformance, conformance_log};

/// A small log, and the lines of its dump.
struct Small {
    corpora: Corpora,
    log: String,
    dump: Vec<Value>,
}

impl Small {
    fn new() -> Self {
        let corpora = Corpora::new();
        let log = corpora.synth("a", "0.001");
        let dump = corpora.lines(&["dump", "--log", &log]);
        Self { corpora, log, dump }
    }

    fn of_kind<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = &'s Value> {
        self.dump.iter().filter(move |line| line["kind"] == kind)
    }

    fn text(&self, command: &str, more: &[&str]) -> String {
        let arguments = [&[command, "--log", &self.log], more].concat();
        self.corpora.text(&arguments)
    }

    fn json(&self, command: &str, more: &[&str]) -> Value {
        let arguments = [&[command, "--log", &self.log], more].concat();
        self.corpora.json(&arguments)
    }

    fn search(&self, more: &[&str]) -> Vec<Value> {
        let arguments = [&["search", "--json", "--log", &self.log], more].concat();
        self.corpora.lines(&arguments)
    }

    /// The names of what a search finds.
    fn found(&self, more: &[&str], kind: &str) -> BTreeSet<String> {
        let found = self.search(more).into_iter();
        found
            .map(|line| line[kind].as_str().unwrap_or("another kind").to_owned())
            .collect()
    }

    fn name(line: &Value) -> String {
        let text = |key: &str| line[key].as_str().unwrap();
        match line["kind"].as_str() {
            Some("issue") => format!("{}/{}#{}", text("owner"), text("repo"), line["number"]),
            _ => format!("{}~{}", text("project"), line["number"]),
        }
    }

    fn names<'s>(&'s self, kind: &'s str, fits: impl Fn(&Value) -> bool) -> BTreeSet<String> {
        let lines = self.of_kind(kind).filter(|line| fits(line));
        lines.map(Self::name).collect()
    }

    fn login(&self, user: &Value) -> String {
        let found = self.of_kind("user").find(|line| line["id"] == *user);
        found.unwrap()["login"].as_str().unwrap().to_owned()
    }
}

#[test]
fn every_conformance_log_dumps_to_its_file() {
    let corpora = Corpora::new();
    let mut count = 0;
    for entry in std::fs::read_dir(conformance()).unwrap() {
        let path = entry.unwrap().path();
        let Some(log) = path.to_str().unwrap().strip_suffix(".dump.jsonl") else {
            continue;
        };
        let log = format!("{log}.mutlog");
        let got = corpora.text(&["dump", "--original-semantics", "--log", &log]);
        assert!(got == std::fs::read_to_string(&path).unwrap(), "{log}");
        count += 1;
    }
    assert!(count > 50);
}

#[test]
fn a_dump_may_be_digests_and_short() {
    let small = Small::new();
    let digests = small.text("dump", &["--digest"]);
    for line in digests.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["kind"], "digest");
        let lines = small.of_kind(line["of"].as_str().unwrap()).count();
        assert_eq!(line["lines"], lines);
    }
    let short = small.text("dump", &["--longhash", "20"]);
    assert!(short.contains("\"sha256\":") && short.lines().count() == small.dump.len());
}

#[test]
fn an_issue_is_shown_with_what_was_said_and_done() {
    let small = Small::new();
    let issue = small
        .of_kind("issue")
        .max_by_key(|line| line["comments"].as_u64());
    let issue = issue.unwrap();
    let name = Small::name(issue);
    let json = small.json("issue", &[&name]);
    assert_eq!(json["issue"], name.as_str());
    assert_eq!(
        (&json["title"], &json["body"]),
        (&issue["title"], &issue["body"])
    );
    assert_eq!(json["author"]["id"], issue["user"]);
    let comments = || {
        small
            .of_kind("comment")
            .filter(|line| line["issue"] == issue["number"])
    };
    assert_eq!(
        json["comments"].as_array().unwrap().len(),
        comments().count()
    );
    for (ours, line) in json["comments"].as_array().unwrap().iter().zip(comments()) {
        assert_eq!((&ours["id"], &ours["body"]), (&line["id"], &line["body"]));
    }
    let events = small
        .of_kind("event")
        .filter(|line| line["issue"] == issue["number"]);
    assert_eq!(json["events"].as_array().unwrap().len(), events.count());

    let text = small.text("issue", &[&name]);
    assert!(text.starts_with(&format!("{name}: {}\n", issue["title"].as_str().unwrap())));
    for comment in comments() {
        let login = small.login(&comment["user"]);
        let line = format!(
            "{} @{login} commented\n",
            comment["created"].as_str().unwrap()
        );
        assert!(text.contains(&line), "{line}\n{text}");
    }
}

#[test]
fn a_change_and_a_commit_are_shown_with_messages_and_files() {
    let small = Small::new();
    let cl = small
        .of_kind("cl")
        .max_by_key(|line| line["messages"].as_u64());
    let cl = cl.unwrap();
    let name = Small::name(cl);
    let json = small.json("cl", &[&name]);
    for (ours, theirs) in [
        ("status", "status"),
        ("subject", "subject"),
        ("branch", "branch"),
        ("commit", "commit"),
        ("patch_set", "version"),
        ("owner", "owner"),
    ] {
        assert_eq!(json[ours], cl[theirs], "{ours}");
    }
    assert_eq!(json["messages"].as_array().unwrap().len(), cl["messages"]);
    // The review site is another name of the server.
    let review = name.replacen(".googlesource.com/", "-review.googlesource.com/", 1);
    assert_ne!(review, name);
    assert_eq!(small.json("cl", &[&format!("https://{review}")]), json);
    let text = small.text("cl", &[&name]);
    assert!(text.starts_with(&format!("{name}: {}\n", cl["subject"].as_str().unwrap())));
    assert!(text.contains(cl["change_id"].as_str().unwrap()));

    let hash = cl["commit"].as_str().unwrap();
    let commit = small.of_kind("commit").find(|line| line["hash"] == hash);
    let commit = commit.unwrap();
    let json = small.json("commit", &[&hash[..12].to_uppercase()]);
    assert_eq!(json["commit"], hash);
    assert_eq!(
        (&json["message"], &json["parents"]),
        (&commit["msg"], &commit["parents"])
    );
    assert_eq!(json["author"]["person"], commit["author"]);
    let names = |files: &Value, key: fn(&Value) -> &Value| -> Vec<Value> {
        files
            .as_array()
            .unwrap()
            .iter()
            .map(|file| key(file).clone())
            .collect()
    };
    assert_eq!(
        names(&json["files"], |file| &file["name"]),
        names(&commit["files"], |file| &file[0])
    );
    let text = small.text("commit", &[hash]);
    assert!(text.starts_with(&format!("commit     {hash}\n")));
    for file in commit["files"].as_array().unwrap() {
        assert!(text.contains(file[0].as_str().unwrap()));
    }
}

#[test]
fn a_search_finds_the_issues_that_fit() {
    let small = Small::new();
    let exists = |line: &Value| line["not_exist"] == false;
    let all = small.names("issue", exists);
    assert_eq!(small.found(&["--issues"], "issue"), all);
    let open = small.names("issue", |line| exists(line) && line["closed"] == false);
    assert!(!open.is_empty() && open.len() < all.len());
    assert_eq!(small.found(&["--issues", "--state", "open"], "issue"), open);

    let label = small.of_kind("label").find(|label| {
        small
            .of_kind("issue")
            .any(|line| line["labels"].as_array().unwrap().contains(&label["id"]))
    });
    let label = label.unwrap();
    let with_label = small.names("issue", |line| {
        exists(line) && line["labels"].as_array().unwrap().contains(&label["id"])
    });
    let name = label["name"].as_str().unwrap();
    assert_eq!(small.found(&["--label", name], "issue"), with_label);
    let none = small.found(&["--label", name, "--label", "there is none"], "issue");
    assert!(none.is_empty());

    let user = &small.of_kind("issue").next().unwrap()["user"];
    let by_user = small.names("issue", |line| exists(line) && line["user"] == *user);
    let login = small.login(user).to_uppercase();
    assert_eq!(small.found(&["--author", &login], "issue"), by_user);

    let milestone = small.of_kind("milestone").find(|milestone| {
        small
            .of_kind("issue")
            .any(|line| line["milestone"] == milestone["id"])
    });
    let milestone = milestone.unwrap();
    let of_it = small.names("issue", |line| {
        exists(line) && line["milestone"] == milestone["id"]
    });
    let title = milestone["title"].as_str().unwrap();
    assert_eq!(small.found(&["--milestone", title], "issue"), of_it);

    let since = "2020-01-01T00:00:00Z";
    let newer = small.names("issue", |line| {
        exists(line) && line["created"].as_str().is_some_and(|time| time >= since)
    });
    let found = small.found(&["--issues", "--created-since", "2020-01-01"], "issue");
    assert_eq!(found, newer);
    assert!(small.found(&["--repo", "no/such"], "issue").is_empty());
    assert_eq!(small.found(&["--repo", "golang/go"], "issue"), all);
}

#[test]
fn a_search_finds_the_changes_that_fit_newest_first() {
    let small = Small::new();
    let all = small.names("cl", |line| line["private"] == false);
    assert_eq!(small.found(&["--cls"], "cl"), all);
    let merged = small.names("cl", |line| {
        line["status"] == "merged" && line["private"] == false
    });
    assert!(!merged.is_empty() && merged.len() < all.len());
    assert_eq!(small.found(&["--cls", "--state", "merged"], "cl"), merged);

    let one = small.of_kind("cl").next().unwrap();
    let of_owner = small.names("cl", |line| {
        line["owner_id"] == one["owner_id"] && line["private"] == false
    });
    let owner = one["owner_id"].to_string();
    assert_eq!(small.found(&["--owner", &owner], "cl"), of_owner);
    let branch = one["branch"].as_str().unwrap();
    let of_branch = small.names("cl", |line| {
        line["branch"] == branch && line["private"] == false
    });
    assert_eq!(small.found(&["--branch", branch], "cl"), of_branch);
    let subject = one["subject"].as_str().unwrap().to_uppercase();
    assert!(
        small
            .found(&["--text", &subject], "cl")
            .contains(&Small::name(one))
    );
    let tagged = small.of_kind("cl").find(|line| {
        let tags = line["hashtags"].as_str().unwrap();
        !tags.is_empty() && !tags.contains(',')
    });
    if let Some(tagged) = tagged {
        let tag = tagged["hashtags"].as_str().unwrap();
        assert!(
            small
                .found(&["--hashtag", tag], "cl")
                .contains(&Small::name(tagged))
        );
    }

    let both = small.search(&["--limit", "40"]);
    assert_eq!(both.len(), 40);
    assert!(
        both.is_sorted_by_key(|line| std::cmp::Reverse(
            line["updated"].as_str().unwrap().to_owned()
        ))
    );
    assert!(both.iter().any(|line| line["kind"] == "cl"));
    assert!(both.iter().any(|line| line["kind"] == "issue"));
    let text = small.text("search", &["--limit", "40"]);
    for (line, found) in text.lines().zip(&both) {
        let name = found["cl"].as_str().or(found["issue"].as_str()).unwrap();
        assert!(line.starts_with(name), "{line}");
    }
}

#[test]
fn faults_are_listed_and_are_no_failure() {
    let corpora = Corpora::new();
    let log = conformance_log("fatal-raw-empty");
    let text = corpora.text(&["faults", "--log", &log]);
    assert!(
        text.starts_with("0000.0: a commit without an empty line"),
        "{text}"
    );
    let fault = corpora.json(&["faults", "--log", &log]);
    assert_eq!(fault["position"], "0000.0");
    assert_eq!(fault["kind"], "CommitWithoutMessage");
    assert_eq!(corpora.json(&["stats", "--log", &log])["faults"], 1);
    let sound = conformance_log("gh-issue-full");
    assert_eq!(corpora.text(&["faults", "--log", &sound]), "");
}

#[test]
fn a_check_tells_what_is_missing() {
    let corpora = Corpora::new();
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(conformance()).unwrap() {
        let path = entry.unwrap().path();
        let Some(log) = path.to_str().unwrap().strip_suffix(".dump.jsonl") else {
            continue;
        };
        let dump = std::fs::read_to_string(&path).unwrap();
        let is_ok = dump.ends_with("{\"kind\":\"check\",\"ok\":true}\n");
        let log = format!("{log}.mutlog");
        if !seen.insert(is_ok) {
            continue;
        }
        let output = corpora.run(&["check", "--json", "--original-semantics", "--log", &log]);
        assert_eq!(output.status.code(), Some(i32::from(!is_ok)), "{log}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["ok"], is_ok);
        assert_eq!(answer["missing"].is_null(), is_ok);
        let output = corpora.run(&["check", "--original-semantics", "--log", &log]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.contains("all is there"), is_ok, "{text}");
    }
    assert_eq!(seen.len(), 2);
}

#[test]
fn a_diff_tells_what_became_of_everything_in_between() {
    let small = Small::new();
    let records = support::run_well(&["log", "cat", "--log", &small.log]);
    let positions: Vec<&str> = records
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let middle = positions[positions.len() - 300];
    let changed = small.text("diff", &[middle, "--json"]);
    let changed: Vec<Value> = changed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let what = |line: &Value| -> Vec<String> {
        let steps = line["changes"].as_array().unwrap().iter();
        steps
            .map(|step| step["what"].as_str().unwrap().to_owned())
            .collect()
    };
    // What is new is what was not there before.
    let before = small
        .corpora
        .lines(&["dump", "--log", &small.log, "--at", middle]);
    for kind in ["issue", "cl"] {
        let names = |lines: &[Value]| -> BTreeSet<String> {
            let lines = lines.iter().filter(|line| line["kind"] == kind);
            lines
                .filter(|line| line["private"] != true)
                .map(Small::name)
                .collect()
        };
        let old = names(&before);
        let new: BTreeSet<_> = names(&small.dump).difference(&old).cloned().collect();
        let told = changed.iter().filter(|line| {
            what(line)
                .iter()
                .any(|what| what.starts_with("new ") || what == "known not to exist")
        });
        let told: BTreeSet<_> = told
            .filter_map(|line| Some(line[kind].as_str()?.to_owned()))
            .collect();
        assert_eq!(told, new);
    }
    let text = small.text("diff", &[middle]);
    let count = |kind: &str| changed.iter().filter(|line| line["kind"] == kind).count();
    let last = text.lines().last().unwrap();
    assert!(last.contains(&format!("{} CL", count("cl"))), "{last}");
    assert!(count("cl") > 0 && text.contains("\n  new CL\n"));

    // Of one repository, and of no time at all.
    let only = small.text("diff", &[middle, "--project", "no/such"]);
    assert!(
        only.contains(": 0 issues, 0 CLs and 0 refs changed"),
        "{only}"
    );
    let nothing = small.text("diff", &[middle, middle]);
    assert_eq!(nothing.lines().count(), 1);
    let arguments = ["diff", positions[9], positions[3], "--log", &small.log];
    let said = small.corpora.refused(1, &arguments);
    assert!(
        said.contains(&format!("{} is before", positions[3])),
        "{said}"
    );
}

#[test]
fn what_is_not_there_is_told_with_the_place() {
    let small = Small::new();
    for (arguments, want) in [
        (["issue", "golang/go#99999"], "no issue golang/go#99999 in "),
        (["issue", "a/b#1"], "there are issues of golang/go"),
        (
            ["cl", "go.googlesource.com/go~99999"],
            "no change go.googlesource.com/go~99999",
        ),
        (["cl", "a/b~1"], "there are go.googlesource.com/go"),
        (
            ["commit", "0123456789012345678901234567890123456789"],
            "no commit 0123456789",
        ),
    ] {
        let arguments = [&arguments[..], &["--log", &small.log]].concat();
        let said = small.corpora.refused(1, &arguments);
        let place = small.corpora.place("a");
        assert!(said.contains(want) && said.contains(&place), "{said}");
        assert!(said.contains("(up to 0000."), "{said}");
    }
    for wrong in [
        ["issue", "golang/go"],
        ["cl", "go~1"],
        ["commit", "master"],
        ["diff", "yesterday"],
    ] {
        small.corpora.refused(2, &wrong);
    }
    let conflicts = [
        "search", "--log", &small.log, "--label", "x", "--owner", "y",
    ];
    small.corpora.refused(2, &conflicts);
}
