//! The git source against real repositories, made by `git`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use forgelog_replay::{Corpus, Live, LiveOptions};
use git::Repository;
use log_core::{Position, Stream, Writer, WriterOptions};
use maintnerd::git::{GitConfig, Progress, follow};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use proto::maintpb::Mutation;
use proto::{GitHash, Message as _};
use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(60);

/// Runs git, and gives what it prints.
fn run_git(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(dir)
        .args(["-c", "init.defaultBranch=main"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs([
            ("GIT_AUTHOR_NAME", "A"),
            ("GIT_AUTHOR_EMAIL", "a@example.org"),
            ("GIT_AUTHOR_DATE", "1700000000 +0100"),
        ])
        .envs([
            ("GIT_COMMITTER_NAME", "C"),
            ("GIT_COMMITTER_EMAIL", "c@example.org"),
            ("GIT_COMMITTER_DATE", "1700000001 -0500"),
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn commit(dir: &Path, message: &str) -> GitHash {
    run_git(dir, &["commit", "-q", "--allow-empty", "-m", message]);
    run_git(dir, &["rev-parse", "HEAD"]).parse().unwrap()
}

/// A source that runs, over a log that outlives it.
struct Running {
    stream: Stream,
    writer: Writer,
    activity: Live<Corpus>,
    progress: watch::Receiver<Progress>,
    cancel: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    async fn start(store: &Arc<dyn ObjectStore>, dir: &Path) -> Self {
        let stream = Stream::open(store.clone(), "streams/activity")
            .await
            .unwrap();
        let writer = Writer::open(stream.clone(), WriterOptions::new("test"))
            .await
            .unwrap();
        let cancel = CancellationToken::new();
        let (activity, following) =
            Live::spawn(stream.clone(), LiveOptions::default(), cancel.clone());
        let (set_progress, progress) = watch::channel(Progress::default());
        let config = GitConfig {
            repository: Repository::open(dir).unwrap(),
            name: "demo".to_owned(),
            poll: Duration::from_millis(20),
            remote: false,
        };
        let source = tokio::spawn({
            let (writer, activity, cancel) = (writer.clone(), activity.clone(), cancel.clone());
            async move {
                follow(config, writer, activity, set_progress, cancel)
                    .await
                    .unwrap()
            }
        });
        let following = tokio::spawn(async move {
            following.await.unwrap().unwrap();
        });
        Self {
            stream,
            writer,
            activity,
            progress,
            cancel,
            tasks: vec![source, following],
        }
    }

    async fn until(&self, what: &str, holds: impl Fn(&Corpus) -> bool) {
        let mut snapshots = self.activity.watch();
        let waited =
            tokio::time::timeout(LIMIT, snapshots.wait_for(|folded| holds(folded.state()))).await;
        assert!(matches!(waited, Ok(Ok(_))), "waited for {what}");
    }

    async fn until_progress(&mut self, what: &str, holds: impl Fn(&Progress) -> bool) {
        let waited = tokio::time::timeout(LIMIT, self.progress.wait_for(holds)).await;
        assert!(matches!(waited, Ok(Ok(_))), "waited for {what}");
    }

    async fn stop(self) {
        self.cancel.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
        self.writer.close().await.unwrap();
    }
}

fn store() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

async fn mutations(store: &Arc<dyn ObjectStore>) -> Vec<Mutation> {
    let stream = Stream::open(store.clone(), "streams/activity")
        .await
        .unwrap();
    let mut reader = stream.reader(Position::START);
    let mut all = Vec::new();
    loop {
        let records = reader.next_batch().await.unwrap();
        if records.is_empty() {
            return all;
        }
        all.extend(
            records
                .iter()
                .map(|record| Mutation::decode(&record.payload[..]).unwrap()),
        );
    }
}

/// Every commit comes once and after its parents, every ref after its commit.
fn check_order(mutations: &[Mutation]) {
    let mut known = HashSet::new();
    for git in mutations
        .iter()
        .filter_map(|mutation| mutation.git.as_ref())
    {
        if let Some(commit) = &git.commit {
            let raw = String::from_utf8_lossy(&commit.raw).into_owned();
            for parent in raw.lines().filter_map(|line| line.strip_prefix("parent ")) {
                assert!(
                    known.contains(parent),
                    "{} comes before its parent {parent}",
                    commit.sha1
                );
            }
            assert!(
                known.insert(commit.sha1.clone()),
                "{} comes twice",
                commit.sha1
            );
        }
        for entry in git.refs.iter().filter(|entry| !entry.sha1.is_empty()) {
            assert!(
                known.contains(&entry.sha1),
                "{} comes before its commit",
                entry.r#ref
            );
        }
    }
}

fn branch(corpus: &Corpus, name: &str) -> Option<GitHash> {
    corpus.repo("demo")?.branch(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn records_what_is_there_and_what_comes() {
    let (dir, store) = (tempfile::tempdir().unwrap(), store());
    run_git(dir.path(), &["init", "-q"]);
    std::fs::write(dir.path().join("a.txt"), "one\ntwo\n").unwrap();
    run_git(dir.path(), &["add", "."]);
    commit(dir.path(), "first");
    std::fs::write(dir.path().join("a.txt"), "one\n").unwrap();
    run_git(dir.path(), &["add", "."]);
    let second = commit(dir.path(), "second");
    run_git(dir.path(), &["tag", "-a", "v1", "-m", "a tag"]);

    let running = Running::start(&store, dir.path()).await;
    running
        .until("the branch", |corpus| {
            branch(corpus, "main") == Some(second)
        })
        .await;
    {
        let snapshot = running.activity.snapshot();
        let head = snapshot.state().repo("demo").unwrap().head().unwrap();
        assert_eq!((head.branch, head.commit), (Some("main"), Some(second)));
        let commit = snapshot.state().commit(&second).unwrap();
        assert_eq!(commit.subject(), "second");
        let files: Vec<_> = commit
            .files()
            .map(|file| (file.name.to_owned(), file.added, file.deleted))
            .collect();
        assert_eq!(files, [("a.txt".to_owned(), 0, 1)]);
    }
    let third = commit(dir.path(), "third");
    running
        .until("the third commit", |corpus| {
            branch(corpus, "main") == Some(third)
        })
        .await;
    running.stop().await;

    let mutations = mutations(&store).await;
    check_order(&mutations);
    let raw = mutations
        .iter()
        .filter_map(|mutation| mutation.git.as_ref()?.commit.as_ref())
        .find(|commit| commit.sha1 == third.to_string());
    let printed = run_git(dir.path(), &["cat-file", "commit", &third.to_string()]);
    assert_eq!(
        String::from_utf8_lossy(&raw.unwrap().raw).trim_end(),
        printed
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn follows_force_pushes_deletions_and_head() {
    let (dir, store) = (tempfile::tempdir().unwrap(), store());
    run_git(dir.path(), &["init", "-q"]);
    let first = commit(dir.path(), "first");
    commit(dir.path(), "second");
    run_git(dir.path(), &["branch", "topic"]);
    let running = Running::start(&store, dir.path()).await;
    running
        .until("the topic branch", |corpus| {
            branch(corpus, "topic").is_some()
        })
        .await;

    run_git(dir.path(), &["branch", "-D", "topic"]);
    running
        .until("the deletion", |corpus| branch(corpus, "topic").is_none())
        .await;
    run_git(dir.path(), &["reset", "-q", "--hard", &first.to_string()]);
    let other = commit(dir.path(), "another second");
    running
        .until("the rewritten branch", |corpus| {
            branch(corpus, "main") == Some(other)
        })
        .await;
    run_git(
        dir.path(),
        &["checkout", "-q", "--detach", &first.to_string()],
    );
    running
        .until("the detached head", |corpus| {
            let head = corpus.repo("demo").and_then(|repo| repo.head());
            head.is_some_and(|head| head.branch.is_none() && head.commit == Some(first))
        })
        .await;
    running.stop().await;
    check_order(&mutations(&store).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_repository_is_waited_for() {
    let (dir, store) = (tempfile::tempdir().unwrap(), store());
    run_git(dir.path(), &["init", "-q"]);
    let mut running = Running::start(&store, dir.path()).await;
    running
        .until_progress("the look", |progress| progress.caught_up && progress.empty)
        .await;
    let first = commit(dir.path(), "first");
    running
        .until("the first commit", |corpus| {
            branch(corpus, "main") == Some(first)
        })
        .await;
    running
        .until_progress("the progress", |progress| {
            progress.caught_up && !progress.empty
        })
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_records_only_what_is_new() {
    let (dir, store) = (tempfile::tempdir().unwrap(), store());
    run_git(dir.path(), &["init", "-q"]);
    for n in 0..10 {
        commit(dir.path(), &format!("commit {n}"));
    }
    let mut head = run_git(dir.path(), &["rev-parse", "HEAD"]).parse().unwrap();
    for round in 0..3 {
        let running = Running::start(&store, dir.path()).await;
        running
            .until("the head", |corpus| branch(corpus, "main") == Some(head))
            .await;
        running.stop().await;
        let mutations = mutations(&store).await;
        check_order(&mutations);
        let commits = mutations.iter().filter(|mutation| {
            mutation
                .git
                .as_ref()
                .is_some_and(|git| git.commit.is_some())
        });
        let refs = mutations.iter().filter(|mutation| {
            mutation
                .git
                .as_ref()
                .is_some_and(|git| !git.refs.is_empty())
        });
        assert_eq!(
            (commits.count(), refs.count()),
            (10 + round, 1 + round),
            "after round {round}"
        );
        head = commit(dir.path(), &format!("round {round}"));
    }
}

/// Stopped at any time, it goes on with what is missing.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_first_look_is_resumed() {
    let (dir, store) = (tempfile::tempdir().unwrap(), store());
    run_git(dir.path(), &["init", "-q"]);
    let tree = run_git(dir.path(), &["write-tree"]);
    let mut script = String::new();
    for n in 0..3000 {
        script.push_str(&format!(
            "commit refs/heads/main\ncommitter C <c@example.org> {} +0000\ndata 1\nx\n",
            1_700_000_000 + n
        ));
    }
    let import = dir.path().join("import");
    std::fs::write(&import, script).unwrap();
    let status = Command::new("git")
        .current_dir(dir.path())
        .args(["fast-import", "--quiet"])
        .stdin(std::fs::File::open(&import).unwrap())
        .status()
        .unwrap();
    assert!(status.success() && !tree.is_empty());
    let head: GitHash = run_git(dir.path(), &["rev-parse", "refs/heads/main"])
        .parse()
        .unwrap();

    for batches in 1..4 {
        let running = Running::start(&store, dir.path()).await;
        // Stop after a few batches, in the middle of the commits.
        let mut tail = running.stream.watch();
        for _ in 0..batches {
            tokio::time::timeout(LIMIT, tail.changed())
                .await
                .unwrap()
                .unwrap();
        }
        running.stop().await;
    }
    let running = Running::start(&store, dir.path()).await;
    running
        .until("the head", |corpus| branch(corpus, "main") == Some(head))
        .await;
    running.stop().await;
    let mutations = mutations(&store).await;
    check_order(&mutations);
    assert_eq!(
        mutations
            .iter()
            .filter(|mutation| mutation
                .git
                .as_ref()
                .is_some_and(|git| git.commit.is_some()))
            .count(),
        3000
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_branches_come_in_one_mutation() {
    let (dir, store) = (tempfile::tempdir().unwrap(), store());
    run_git(dir.path(), &["init", "-q"]);
    let first = commit(dir.path(), "first");
    let names: String = (0..1000)
        .map(|n| format!("create refs/heads/b{n} {first}\n"))
        .collect();
    let input = dir.path().join("refs");
    std::fs::write(&input, names).unwrap();
    let status = Command::new("git")
        .current_dir(dir.path())
        .args(["update-ref", "--stdin"])
        .stdin(std::fs::File::open(&input).unwrap())
        .status();
    assert!(status.unwrap().success());
    let running = Running::start(&store, dir.path()).await;
    running
        .until("the branches", |corpus| branch(corpus, "b999").is_some())
        .await;
    assert_eq!(
        running
            .activity
            .snapshot()
            .state()
            .repo("demo")
            .unwrap()
            .branches()
            .count(),
        1001
    );
    running.stop().await;
    let with_refs = mutations(&store).await.into_iter().filter(|mutation| {
        mutation
            .git
            .as_ref()
            .is_some_and(|git| !git.refs.is_empty())
    });
    assert_eq!(with_refs.count(), 1);
}
