//! Against the conformance logs (`../shared/conformance`, beside the repository) and what the original
//! dumped of them: every commit, meta, message and change that the text rules alone decide.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use log_core::frame::Frames;
use prost::Message;
use proto::GitHash;
use proto::maintpb::{GitCommit, GitDiffTreeFile, Mutation};
use serde_json::{Value, json};

use crate::notedb::commit::{ParsedCommit, Signature, parse_commit};
use crate::notedb::message::{change_id, reviewer, subject};
use crate::notedb::meta::{self, Lines, Status};
use crate::notedb::person::{owner_id, person_email};
use crate::notedb::votes::Votes;
use crate::notedb::{hashtags::HashtagSet, issue_ref::github_refs};

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance")
}

/// The commits of a log.
#[derive(Default)]
struct Commits {
    by_hash: BTreeMap<String, GitCommit>,
    of_project: BTreeSet<(String, String)>,
}

impl Commits {
    fn read(log: &Path) -> Self {
        let mut commits = Self::default();
        for frame in Frames::new(&std::fs::read(log).unwrap(), 0) {
            let mutation = Mutation::decode(frame.unwrap().payload).unwrap();
            if let Some(commit) = mutation.git.and_then(|git| git.commit) {
                commits.add(commit);
            }
            if let Some(gerrit) = mutation.gerrit {
                for commit in gerrit.commits {
                    let key = (gerrit.project.clone(), commit.sha1.clone());
                    if commits.add(commit) {
                        commits.of_project.insert(key);
                    }
                }
            }
        }
        commits
    }

    /// As the original: what it cannot take apart it does not have.
    fn add(&mut self, commit: GitCommit) -> bool {
        let sound = GitHash::from_hex(commit.sha1.as_bytes()).is_some()
            && parse_commit(&commit.raw, true).is_ok();
        if sound {
            self.by_hash.insert(commit.sha1.clone(), commit);
        }
        sound
    }

    fn get(&self, hash: &Value) -> Option<ParsedCommit<'_>> {
        let commit = self.by_hash.get(hash.as_str().unwrap())?;
        Some(parse_commit(&commit.raw, true).unwrap())
    }

    fn files(&self, hash: &str) -> Vec<&GitDiffTreeFile> {
        let diff = self.by_hash[hash].diff_tree.iter();
        let mut files: Vec<_> = diff.flat_map(|diff| &diff.file).collect();
        files.sort_by(|a, b| a.file.cmp(&b.file));
        files
    }

    /// The votes after these metas.
    fn votes<'a>(&'a self, project: &Value, metas: impl IntoIterator<Item = &'a Value>) -> Value {
        let mut votes = Votes::new(true);
        for hash in metas {
            let Some(meta) = self.get(hash) else {
                votes.apply_meta(None, b"", |_| None, |_, _| false);
                continue;
            };
            let author = meta.author.map(|author| person_email(author.person));
            let find = |hash: GitHash| {
                let key = (project.as_str().unwrap().to_owned(), hash.to_string());
                self.of_project.contains(&key).then_some(key.1)
            };
            votes.apply_meta(author, meta.message, find, |a, b| {
                self.files(a) == self.files(b)
            });
        }
        let Ok(labels) = votes.labels() else {
            let panic = votes.labels() == Err(crate::notedb::votes::NoVotes::NoAuthor);
            return if panic {
                json!({"panic": true})
            } else {
                json!({"error": true})
            };
        };
        let line = |(label, votes): (&&[u8], &BTreeMap<&[u8], i8>)| {
            let votes = votes.iter().map(|(who, vote)| json!([text(who), vote]));
            Value::Array(std::iter::once(text(label)).chain(votes).collect())
        };
        Value::Array(labels.iter().map(line).collect())
    }
}

fn text(bytes: &[u8]) -> Value {
    Value::String(String::from_utf8(bytes.to_vec()).unwrap())
}

fn person(who: Option<Signature<'_>>) -> Value {
    who.map_or(Value::Null, |who| text(who.person))
}

fn time(who: Option<Signature<'_>>) -> Value {
    who.map_or(Value::Null, |who| {
        json!([who.unix_seconds, text(who.zone), who.offset_seconds])
    })
}

fn hex(hash: GitHash) -> Value {
    Value::String(hash.to_string())
}

/// What the text rules say of a dumped line, by key; `None` where they say nothing.
fn derived(commits: &Commits, line: &Value, metas: &[Value]) -> Option<Value> {
    match line["kind"].as_str().unwrap() {
        "commit" => {
            let commit = commits.get(&line["hash"])?;
            Some(json!({
                "tree": commit.tree().map_or(json!(""), hex),
                "parents": commit.parents.map(hex).collect::<Vec<_>>(),
                "author": person(commit.author), "author_time": time(commit.author),
                "committer": person(commit.committer), "commit_time": time(commit.committer),
                "reviewer": reviewer(commit.message).map_or(Value::Null, text),
                "msg": std::str::from_utf8(commit.message).map_or(line["msg"].clone(), |it| json!(it)),
            }))
        }
        "cl_message" => {
            let meta = commits.get(&line["meta"])?;
            let message = meta::meta_message(meta.message).unwrap();
            Some(json!({
                "version": message.version, "message": text(message.text),
                "date": time(meta.committer), "author": person(meta.author),
            }))
        }
        "cl_meta" => {
            let index = usize::try_from(line["index"].as_u64().unwrap()).unwrap();
            let meta = commits.get(&line["hash"])?;
            let edits = meta::hashtag_edits(meta.message);
            Some(json!({
                "tag": text(meta::action_tag(meta.message)),
                "hashtags": text(hashtags(commits, &metas[..=index])),
                "hashtag_edit": edits.is_some(),
                "hashtags_added": text(edits.map_or(b"", |edits| edits.added.text())),
                "hashtags_removed": text(edits.map_or(b"", |edits| edits.removed.text())),
                "votes": commits.votes(&line["project"], &metas[..=index]),
            }))
        }
        "cl" => Some(change(commits, line, metas)),
        _ => None,
    }
}

fn hashtags<'a>(commits: &'a Commits, metas: &[Value]) -> &'a [u8] {
    let newest = metas.iter().rev().filter_map(|meta| commits.get(meta));
    let mut tags = newest.map(|meta| meta::hashtags(meta.message).map(HashtagSet::text));
    tags.find_map(|tags| tags).unwrap_or_default()
}

fn change(commits: &Commits, line: &Value, metas: &[Value]) -> Value {
    let commit = commits.get(&line["commit"]).unwrap();
    let project = line["project"].as_str().unwrap();
    let known: Vec<_> = metas.iter().filter_map(|meta| commits.get(meta)).collect();
    let newest = || known.iter().rev().map(|meta| meta.message);
    let oldest = commits.get(&metas[0]).and_then(|meta| meta.author);
    let status = newest()
        .find_map(|message| Lines::of(message).status)
        .unwrap_or(Status::New);
    let private = known.iter().any(|meta| Lines::of(meta.message).is_private);
    let issues = github_refs(commit.message, project.as_bytes());
    let issue = |issue: &crate::notedb::issue_ref::IssueRef<'_>| {
        let text = |name| String::from_utf8_lossy(name).into_owned();
        json!(format!(
            "{}/{}#{}",
            text(&issue.owner),
            text(&issue.repo),
            issue.number
        ))
    };
    json!({
        "branch": text(newest().find_map(meta::branch).unwrap_or_default()),
        "status": status.as_str(), "private": private,
        "open": status == Status::New && !private,
        "wip": newest().find_map(meta::work_in_progress).unwrap_or(false),
        "owner_id": oldest.map(|author| owner_id(person_email(author.person))),
        "subject": text(&subject(commit.message)),
        "change_id": text(change_id(commit.message).unwrap_or_default()),
        "github_refs": issues.iter().map(issue).collect::<Vec<_>>(),
        "hashtags": text(hashtags(commits, metas)),
        "votes": commits.votes(&line["project"], metas),
        "messages": newest().filter_map(meta::meta_message).count(),
    })
}

#[test]
fn the_original_dumps_the_same() {
    let Ok(folder) = std::fs::read_dir(dir()) else {
        // They are no part of the repository; a clone by itself has to pass its tests all the same.
        eprintln!(
            "SKIPPED: there are no conformance logs in {}",
            dir().display()
        );
        return;
    };
    let mut lines = BTreeMap::new();
    for entry in folder {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(log) = name.strip_suffix(".dump.jsonl") else {
            continue;
        };
        if !log.starts_with("gerrit-") && !log.starts_with("git-") {
            continue;
        }
        let commits = Commits::read(&dir().join(format!("{log}.mutlog")));
        let mut metas = Vec::new();
        let mut changes = BTreeMap::new();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            if line["kind"] == "cl" {
                metas = line["metas"].as_array().unwrap().clone();
                changes.insert(
                    (line["project"].to_string(), line["number"].to_string()),
                    metas.clone(),
                );
            } else if let Some(of) =
                changes.get(&(line["project"].to_string(), line["cl"].to_string()))
            {
                metas.clone_from(of);
            }
            let Some(derived) = derived(&commits, &line, &metas) else {
                continue;
            };
            for (key, value) in derived.as_object().unwrap() {
                assert_eq!(&line[key], value, "{log}: {key} of {line}");
            }
            *lines.entry(line["kind"].to_string()).or_insert(0) += 1;
        }
    }
    assert!(
        lines.len() == 4 && lines.values().all(|count| *count > 10),
        "{lines:?}"
    );
}
