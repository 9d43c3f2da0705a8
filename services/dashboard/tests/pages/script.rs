//! What happened, as a test tells it: commits and builds at times of its own choosing, written as
//! two streams of records and served.

use std::collections::HashMap;
use std::sync::Arc;

use dashboard::{Components, ServiceStatus};
use forgelog_replay::builds::{BuildId, BuildKey};
use forgelog_replay::{Live, LiveOptions, Time};
use log_core::output::OutputStore;
use log_core::segment::SegmentName;
use log_core::{Position, Stream, frame};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path};
use proto::forgelog::Meta;
use proto::forgelog::builds::mutation::Kind;
use proto::forgelog::builds::{
    self, AttemptEnd, BuildAttemptEnded, BuildAttemptStarted, BuildFinished, BuildQueued, Builder,
    ConfigActivated, Lease, Output, Purpose, ResultCleared, SpanFinished, SpanStarted, Verdict,
};
use proto::maintpb::{self, GitCommit, GitDiffTree, GitDiffTreeFile, GitMutation, GitRef, GitRepo};
use proto::{GitHash, Message as _, Timestamp};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Who wrote a commit that says nothing else.
pub const AUTHOR: &str = "Ada Example <ada@example.com>";

/// What happened.
pub struct Script {
    /// The time of what happens next.
    pub now: Time,
    activity: Vec<u8>,
    builds: Vec<u8>,
    lease: u64,
    attempts: HashMap<String, (u32, u64, Time)>,
    spans: u32,
    outputs: HashMap<String, Vec<u8>>,
}

/// What is served.
pub struct Served {
    /// What the pages are made from.
    pub components: Components,
    /// The handle by which notices are given.
    pub status: watch::Sender<ServiceStatus>,
}

impl Script {
    /// Begins at a time.
    pub fn new(start: &str) -> Self {
        Self {
            now: start.parse().unwrap(),
            activity: Vec::new(),
            builds: Vec::new(),
            lease: 0,
            attempts: HashMap::new(),
            spans: 0,
            outputs: HashMap::new(),
        }
    }

    /// Lets time pass.
    pub fn wait(&mut self, seconds: i64) -> &mut Self {
        self.now = Time::new(self.now.unix_seconds() + seconds, self.now.nanos());
        self
    }

    /// Where the `activity` stream ends by now.
    pub fn activity_end(&self) -> Position {
        Position {
            segment: 0,
            offset: self.activity.len() as u64,
        }
    }

    /// Where the `builds` stream ends by now.
    pub fn builds_end(&self) -> Position {
        Position {
            segment: 0,
            offset: self.builds.len() as u64,
        }
    }

    /// Records a commit by [`AUTHOR`] that is made now.
    pub fn commit(&mut self, repo: &str, parents: &[GitHash], message: &str) -> GitHash {
        self.commit_by(AUTHOR, repo, parents, message, &[])
    }

    /// Records a commit with files, of which lines were added and deleted.
    pub fn commit_by(
        &mut self,
        author: &str,
        repo: &str,
        parents: &[GitHash],
        message: &str,
        files: &[(&str, i64, i64)],
    ) -> GitHash {
        let mut raw = format!("tree {}\n", GitHash::from_bytes([7; 20]));
        for parent in parents {
            raw.push_str(&format!("parent {parent}\n"));
        }
        let seconds = self.now.unix_seconds();
        raw.push_str(&format!(
            "author {author} {seconds} +0000\ncommitter {author} {seconds} +0000\n\n{message}"
        ));
        let hash =
            Sha1::digest([format!("commit {}\0", raw.len()).as_bytes(), raw.as_bytes()].concat());
        let hash = GitHash::from_bytes(hash.into());
        let file = files.iter().map(|(file, added, deleted)| GitDiffTreeFile {
            file: (*file).to_owned(),
            added: *added,
            deleted: *deleted,
            binary: false,
        });
        self.git(GitMutation {
            repo: Some(GitRepo {
                name: repo.to_owned(),
                ..GitRepo::default()
            }),
            commit: Some(GitCommit {
                sha1: hash.to_string(),
                raw: raw.into(),
                diff_tree: Some(GitDiffTree {
                    file: file.collect(),
                }),
                ..GitCommit::default()
            }),
            ..GitMutation::default()
        });
        hash
    }

    /// Records that a branch points to a commit.
    pub fn push(&mut self, repo: &str, branch: &str, hash: GitHash) {
        self.git_ref(repo, &format!("refs/heads/{branch}"), &hash.to_string(), "");
    }

    /// Records which branch is the default one.
    pub fn default_branch(&mut self, repo: &str, branch: &str) {
        self.git_ref(repo, "HEAD", "", &format!("refs/heads/{branch}"));
    }

    /// Records that a commit is checked out, and no branch.
    pub fn detach(&mut self, repo: &str, hash: GitHash) {
        self.git_ref(repo, "HEAD", &hash.to_string(), "");
    }

    fn git_ref(&mut self, repo: &str, name: &str, sha1: &str, symref_target: &str) {
        self.git(GitMutation {
            repo: Some(GitRepo {
                name: repo.to_owned(),
                ..GitRepo::default()
            }),
            refs: vec![GitRef {
                r#ref: name.to_owned(),
                sha1: sha1.to_owned(),
                symref_target: symref_target.to_owned(),
            }],
            ..GitMutation::default()
        });
    }

    fn git(&mut self, git: GitMutation) {
        let mutation = maintpb::Mutation {
            git: Some(git),
            meta: self.meta(),
            ..maintpb::Mutation::default()
        };
        let offset = self.activity.len() as u64;
        frame::encode(&mut self.activity, offset, &mutation.encode_to_vec());
    }

    /// Records the builders in force: names and globs of branches.
    pub fn config(&mut self, builders: &[(&str, &str)], findings: &[&str]) {
        let builder = |(name, branches): &(&str, &str)| Builder {
            name: (*name).to_owned(),
            branches: vec![(*branches).to_owned()],
            ..Builder::default()
        };
        self.record(Kind::ConfigActivated(ConfigActivated {
            digest: format!("{:064x}", builders.len()),
            builders: builders.iter().map(builder).collect(),
            source: "detection".to_owned(),
            findings: findings
                .iter()
                .map(|finding| (*finding).to_owned())
                .collect(),
            ..ConfigActivated::default()
        }));
    }

    /// Queues a build; gives its id.
    pub fn queue(&mut self, builder: &str, repo: &str, commit: GitHash, branch: &str) -> String {
        self.queue_again(builder, repo, commit, branch, 0)
    }

    /// Queues a generation of a build.
    pub fn queue_again(
        &mut self,
        builder: &str,
        repo: &str,
        commit: GitHash,
        branch: &str,
        generation: u32,
    ) -> String {
        let key = BuildKey::derive(builder, repo, &commit, Purpose::Post);
        let id = BuildId::derive(&key, generation).to_string();
        self.record(Kind::BuildQueued(BuildQueued {
            build_id: id.clone(),
            build_key: key.to_string(),
            builder: builder.to_owned(),
            repo: repo.to_owned(),
            commit: commit.to_string(),
            branch: branch.to_owned(),
            purpose: Purpose::Post.into(),
            generation,
            commit_time: Some(self.timestamp()),
            ..BuildQueued::default()
        }));
        id
    }

    /// Records that the result is to be had anew.
    pub fn clear(&mut self, builder: &str, repo: &str, commit: GitHash, generation: u32) {
        let key = BuildKey::derive(builder, repo, &commit, Purpose::Post);
        self.record(Kind::ResultCleared(ResultCleared {
            build_key: key.to_string(),
            generation,
            who: "ada".to_owned(),
            why: "flaky".to_owned(),
        }));
    }

    /// Starts an attempt.
    pub fn start(&mut self, id: &str, host: &str) {
        self.lease += 1;
        let (attempt, lease) = (self.attempt(id).0 + 1, self.lease);
        self.attempts
            .insert(id.to_owned(), (attempt, lease, self.now));
        self.record(Kind::BuildAttemptStarted(BuildAttemptStarted {
            build_id: id.to_owned(),
            attempt,
            lease: Some(Lease {
                number: lease,
                expires: None,
            }),
            host_id: host.to_owned(),
            output_prefix: format!("output/{id}/{attempt}"),
        }));
    }

    /// Lets the open attempt print something, which no record tells.
    pub fn print(&mut self, id: &str, text: impl AsRef<[u8]>) {
        let attempt = self.attempt(id).0;
        let printed = self
            .outputs
            .entry(format!("output/{id}/{attempt}"))
            .or_default();
        printed.extend_from_slice(text.as_ref());
    }

    /// A step of the open attempt that takes so many seconds and fails if there is an error. One
    /// that takes less than none does not end.
    pub fn span(&mut self, id: &str, name: &str, seconds: i64, error: &str) {
        self.spans += 1;
        let (attempt, span_id) = (self.attempt(id).0, format!("s{}", self.spans));
        self.record(Kind::SpanStarted(SpanStarted {
            build_id: id.to_owned(),
            attempt,
            span_id: span_id.clone(),
            parent: String::new(),
            name: name.to_owned(),
        }));
        if seconds < 0 {
            return;
        }
        self.wait(seconds);
        self.record(Kind::SpanFinished(SpanFinished {
            build_id: id.to_owned(),
            attempt,
            span_id,
            error: error.to_owned(),
            took: Some(proto::Duration { seconds, nanos: 0 }),
            ..SpanFinished::default()
        }));
    }

    /// Ends the open attempt with the build's result.
    pub fn finish(&mut self, id: &str, verdict: Verdict, failed_step: &str, state: &str) {
        let (attempt, lease, started) = self.attempt(id);
        let took = self.now.unix_seconds() - started.unix_seconds();
        let output = self.output(id, attempt);
        self.record(Kind::BuildFinished(BuildFinished {
            build_id: id.to_owned(),
            attempt,
            lease,
            verdict: verdict.into(),
            output: Some(output),
            took: Some(proto::Duration {
                seconds: took,
                nanos: 0,
            }),
            failed_step: failed_step.to_owned(),
            state: state.to_owned(),
        }));
    }

    /// Ends the open attempt without a result.
    pub fn end_attempt(&mut self, id: &str, end: AttemptEnd, error: &str) {
        let (attempt, lease, _) = self.attempt(id);
        let output = self.output(id, attempt);
        self.record(Kind::BuildAttemptEnded(BuildAttemptEnded {
            build_id: id.to_owned(),
            attempt,
            lease,
            end: end.into(),
            error: error.to_owned(),
            output: Some(output),
        }));
    }

    /// Queues, starts and finishes a build that prints something.
    pub fn built(
        &mut self,
        builder: &str,
        repo: &str,
        commit: GitHash,
        verdict: Verdict,
        text: &str,
    ) -> String {
        let id = self.queue(builder, repo, commit, "master");
        self.start(&id, "host-1");
        self.print(&id, text);
        self.finish(
            &id,
            verdict,
            if verdict == Verdict::Ok { "" } else { "test" },
            "exit status 1",
        );
        id
    }

    /// A record of the `builds` stream.
    pub fn record(&mut self, kind: Kind) {
        let mutation = builds::Mutation {
            kind: Some(kind),
            meta: self.meta(),
        };
        let offset = self.builds.len() as u64;
        frame::encode(&mut self.builds, offset, &mutation.encode_to_vec());
    }

    fn attempt(&self, id: &str) -> (u32, u64, Time) {
        self.attempts.get(id).copied().unwrap_or((0, 0, self.now))
    }

    fn output(&self, id: &str, attempt: u32) -> Output {
        let prefix = format!("output/{id}/{attempt}");
        let printed = self.outputs.get(&prefix).map_or(&[][..], Vec::as_slice);
        let hex = |digest: &[u8]| digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Output {
            size: printed.len() as u64,
            sha256: hex(&Sha256::digest(printed)),
            sha1: hex(&Sha1::digest(printed)),
            truncated: false,
            prefix,
        }
    }

    fn meta(&self) -> Option<Meta> {
        Some(Meta {
            recorded: Some(self.timestamp()),
            writer: "script".to_owned(),
            epoch: 1,
            ..Meta::default()
        })
    }

    fn timestamp(&self) -> Timestamp {
        self.now.into()
    }

    /// Stores what happened, and what is needed to serve it. All of it is applied.
    pub async fn serve(self, main_repo: &str) -> Served {
        let served = self.serve_at_once(main_repo).await;
        served.caught_up().await;
        served
    }

    /// As [`Self::serve`], while the log is still to be replayed.
    pub async fn serve_at_once(self, main_repo: &str) -> Served {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        self.store(store.clone(), OutputStore::new(store), main_repo)
            .await
    }

    /// As [`Self::serve`], with stores of one's own.
    pub async fn serve_from(
        self,
        store: Arc<dyn ObjectStore>,
        output: OutputStore,
        main_repo: &str,
    ) -> Served {
        let served = self.store(store, output, main_repo).await;
        served.caught_up().await;
        served
    }

    async fn store(
        self,
        store: Arc<dyn ObjectStore>,
        output: OutputStore,
        main_repo: &str,
    ) -> Served {
        for (prefix, printed) in self.outputs {
            output.writer(&prefix).append(printed.into()).await.unwrap();
        }
        let activity = follow(&store, "streams/activity", self.activity).await;
        let builds = follow(&store, "streams/builds", self.builds).await;
        let (status, seen) = watch::channel(ServiceStatus::default());
        let components = Components {
            activity: spawn(activity),
            builds: spawn(builds),
            output,
            repo: main_repo.to_owned(),
            status: seen,
        };
        Served { components, status }
    }
}

impl Served {
    async fn caught_up(&self) {
        self.components.activity.caught_up().await.unwrap();
        self.components.builds.caught_up().await.unwrap();
    }
}

async fn follow(store: &Arc<dyn ObjectStore>, prefix: &str, segment: Vec<u8>) -> Stream {
    if !segment.is_empty() {
        let name = SegmentName::of(0, &segment);
        store
            .put(&Path::from(format!("{prefix}/{name}")), segment.into())
            .await
            .unwrap();
    }
    Stream::open(store.clone(), prefix).await.unwrap()
}

/// Follows a stream until the runtime ends.
fn spawn<P: forgelog_replay::Projection>(stream: Stream) -> Live<P> {
    Live::spawn(stream, LiveOptions::default(), CancellationToken::new()).0
}
