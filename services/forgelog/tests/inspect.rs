//! Looking into a data folder: `log` and `build`, on streams that the test wrote itself.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails where it stands"
)]

mod support;

use bytes::Bytes;
use log_core::{NewRecord, OutputStore, Stream, Writer, WriterOptions};
use object_store::{ObjectStore, ObjectStoreExt as _};
use proto::forgelog::builds::mutation::Kind;
use proto::forgelog::builds::{
    BuildAttemptStarted, BuildFinished, BuildQueued, Lease, Mutation, Output, Purpose, Verdict,
};
use proto::maintpb::{GitCommit, GitMutation, GitRepo};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use support::{forgelog, json, run, run_badly, run_well, wait_until};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A data folder, and a process that writes to it.
struct Data {
    dir: TempDir,
    runtime: Runtime,
    store: Arc<dyn ObjectStore>,
    writer: Writer,
}

const GOOD: &str = "1111111111111111111111111111111111111111";
const BAD: &str = "2222222222222222222222222222222222222222";

impl Data {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("FORMAT"), "forgelog data 1\n").unwrap();
        let store: Arc<dyn ObjectStore> = Arc::new(log_core::LocalStore::open(dir.path()).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let writer = runtime.block_on(async {
            let stream = Stream::open(store.clone(), "streams/builds").await.unwrap();
            Writer::open(stream, WriterOptions::new("test"))
                .await
                .unwrap()
        });
        Self {
            dir,
            runtime,
            store,
            writer,
        }
    }

    /// With a build of each state that a finished build usually has.
    fn with_builds() -> Self {
        let data = Self::new();
        data.log_commit(GOOD, "A good commit\n\nWith a body.\n");
        data.log_commit(BAD, "A bad commit with \u{1b}[31mcolours\n");
        data.queue("aaaa000000000001", "check", GOOD);
        data.queue("aaaa000000000002", "check", BAD);
        data.queue("bbbb000000000003", "race", BAD);
        data.start("aaaa000000000001");
        data.print("aaaa000000000001", &["all ", "fine\n"]);
        data.finish("aaaa000000000001", Verdict::Ok, "", "ok");
        data.start("aaaa000000000002");
        data.print("aaaa000000000002", &["MARKER\n"]);
        data.finish("aaaa000000000002", Verdict::Failed, "test", "exit status 3");
        data
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn arg(&self) -> &str {
        self.path().to_str().unwrap()
    }

    fn append(&self, kind: Kind) {
        let record = NewRecord::new(&Mutation {
            kind: Some(kind),
            meta: None,
        });
        self.runtime.block_on(self.writer.append(record)).unwrap();
    }

    fn log_commit(&self, hash: &str, message: &str) {
        let raw = format!(
            "tree {0}\nauthor A <a@example.org> 1700000000 +0000\ncommitter A <a@example.org> 1700000000 +0000\n\n{message}",
            "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
        );
        let commit = GitCommit {
            sha1: hash.into(),
            raw: raw.into_bytes().into(),
            ..GitCommit::default()
        };
        let repo = GitRepo {
            name: "demo".into(),
            ..GitRepo::default()
        };
        let git = GitMutation {
            repo: Some(repo),
            commit: Some(commit),
            ..GitMutation::default()
        };
        let mutation = proto::maintpb::Mutation {
            git: Some(git),
            ..Default::default()
        };
        self.runtime.block_on(async {
            let stream = Stream::open(self.store.clone(), "streams/activity")
                .await
                .unwrap();
            let writer = Writer::open(stream, WriterOptions::new("test"))
                .await
                .unwrap();
            writer.append(NewRecord::new(&mutation)).await.unwrap();
            writer.close().await.unwrap();
        });
    }

    fn queue(&self, id: &str, builder: &str, commit: &str) {
        self.append(Kind::BuildQueued(BuildQueued {
            build_id: id.into(),
            build_key: format!("key of {id}"),
            builder: builder.into(),
            repo: "demo".into(),
            commit: commit.into(),
            branch: "main".into(),
            purpose: Purpose::Post.into(),
            ..BuildQueued::default()
        }));
    }

    fn start(&self, id: &str) {
        let lease = Some(Lease {
            number: u64::from_str_radix(id, 16).unwrap(),
            expires: None,
        });
        let output_prefix = format!("output/{id}/1");
        let (build_id, host_id) = (id.into(), "local-1".into());
        self.append(Kind::BuildAttemptStarted(BuildAttemptStarted {
            build_id,
            attempt: 1,
            lease,
            host_id,
            output_prefix,
        }));
    }

    fn print(&self, id: &str, chunks: &[&str]) {
        let mut output = OutputStore::new(self.store.clone()).writer(&format!("output/{id}/1"));
        for chunk in chunks {
            self.runtime
                .block_on(output.append(Bytes::copy_from_slice(chunk.as_bytes())))
                .unwrap();
        }
    }

    fn finish(&self, id: &str, verdict: Verdict, step: &str, state: &str) {
        let output = Output {
            prefix: format!("output/{id}/1"),
            size: 9,
            sha1: "0".repeat(40),
            ..Output::default()
        };
        self.append(Kind::BuildFinished(BuildFinished {
            build_id: id.into(),
            attempt: 1,
            lease: u64::from_str_radix(id, 16).unwrap(),
            verdict: verdict.into(),
            output: Some(output),
            took: Some(proto::Duration {
                seconds: 2,
                nanos: 500_000_000,
            }),
            failed_step: step.into(),
            state: state.into(),
        }));
    }

    /// The bytes of the first object of a stream.
    fn first_batch(&self, stream: &str) -> Vec<u8> {
        let path = format!("streams/{stream}/tail/0000/0000000000000000");
        let read = async {
            let read = self.store.get(&path.as_str().into()).await;
            read.unwrap().bytes().await.unwrap().to_vec()
        };
        self.runtime.block_on(read)
    }

    /// The bytes of a stream as they are stored, batch by batch.
    fn stored(&self, stream: &str) -> Vec<u8> {
        self.runtime.block_on(async {
            let store = Arc::new(log_core::LocalStore::open(self.path()).unwrap());
            let opened = Stream::open(store, &format!("streams/{stream}")).await;
            let opened = opened.unwrap();
            let len = opened.segments()[0].len();
            opened.bytes(0, 0..len).await.unwrap().to_vec()
        })
    }
}

#[test]
fn records_are_printed_one_a_line() {
    let data = Data::with_builds();
    let text = run_well(&["log", "cat", "--stream", "builds", "--data", data.arg()]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 8);
    assert!(
        lines[0].starts_with("0000.0 ") && lines[0].ends_with(" nothing"),
        "{}",
        lines[0]
    );
    assert!(
        lines[7].contains("build_finished") && lines[7].contains("exit status 3"),
        "{}",
        lines[7]
    );

    let text = run_well(&[
        "log",
        "cat",
        "--stream",
        "builds",
        "--format",
        "json",
        "--data",
        data.arg(),
    ]);
    let records: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        records[1]["mutation"]["build_queued"]["build_id"],
        "aaaa000000000001"
    );
    assert_eq!(records[1]["at"], records[0]["next"]);
    assert_eq!(records[1]["meta"]["epoch"], 1);
}

#[test]
fn a_range_of_records_can_be_had() {
    let data = Data::with_builds();
    let all = run_well(&["log", "cat", "--stream", "builds", "--data", data.arg()]);
    let lines: Vec<&str> = all.lines().collect();
    let at = |index: usize| lines[index].split(' ').next().unwrap();
    let range = [
        "log",
        "cat",
        "--stream",
        "builds",
        "--from",
        at(2),
        "--to",
        at(4),
        "--data",
        data.arg(),
    ];
    assert_eq!(run_well(&range).lines().collect::<Vec<_>>(), lines[2..4]);
    let inside = [
        "log",
        "cat",
        "--stream",
        "builds",
        "--from",
        "0000.1",
        "--data",
        data.arg(),
    ];
    assert!(run_badly(1, &inside).contains("no record starts at 0000.1"));
    let beyond = [
        "log",
        "cat",
        "--stream",
        "builds",
        "--from",
        "0007.0",
        "--data",
        data.arg(),
    ];
    assert!(run_badly(1, &beyond).contains("beyond the end"));
}

#[test]
fn raw_records_are_the_stored_bytes() {
    let data = Data::with_builds();
    let output = run(&[
        "log",
        "cat",
        "--stream",
        "builds",
        "--format",
        "raw",
        "--data",
        data.arg(),
    ]);
    assert!(output.stdout.starts_with(b"REC@0+"));
    assert_eq!(output.stdout, data.stored("builds"));
}

#[test]
fn following_a_stream_shows_what_another_process_appends() {
    let data = Data::new();
    let arguments = [
        "log",
        "cat",
        "--stream",
        "builds",
        "--follow",
        "--data",
        data.arg(),
    ];
    let mut child = forgelog(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().ends_with("nothing"));
    data.queue("aaaa000000000001", "check", GOOD);
    assert!(lines.next().unwrap().unwrap().contains("build_queued"));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn nobody_has_to_read_to_the_end() {
    let data = Data::new();
    for number in 0..2000 {
        data.queue(&format!("{number:016x}"), "check", GOOD);
    }
    let arguments = [
        "log",
        "cat",
        "--stream",
        "builds",
        "--format",
        "json",
        "--data",
        data.arg(),
    ];
    let mut child = forgelog(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 10]).unwrap();
    drop(out);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn info_counts_what_is_there() {
    let data = Data::with_builds();
    let info = json(&["log", "info", "--json", "--data", data.arg()]);
    let streams = info["streams"].as_array().unwrap();
    let builds = streams
        .iter()
        .find(|stream| stream["name"] == "builds")
        .unwrap();
    assert_eq!(builds["records"], 8);
    assert_eq!(
        builds["segments"],
        serde_json::json!({ "sealed": 0, "open": 1 })
    );
    assert_eq!(builds["bytes"], data.stored("builds").len());
    assert_eq!(
        builds["tail"],
        format!("0000.{:x}", data.stored("builds").len())
    );
    assert_eq!(builds["epoch"], 1);
    assert!(builds["writer"].as_str().unwrap().starts_with("test-"));
    assert!(
        builds["first_recorded"].as_str().unwrap() <= builds["last_recorded"].as_str().unwrap()
    );
    let activity = streams
        .iter()
        .find(|stream| stream["name"] == "activity")
        .unwrap();
    assert_eq!(activity["epoch"], 2);
    let text = run_well(&["log", "info", "--data", data.arg()]);
    assert!(text.contains("  records   8 in"), "{text}");
}

#[test]
fn a_damaged_log_does_not_verify() {
    let data = Data::with_builds();
    let verified = json(&["log", "verify", "--json", "--data", data.arg()]);
    assert_eq!(verified["records"], 12);
    assert_eq!(verified["segments"], 2);
    assert_eq!(verified["faults"], serde_json::json!([]));

    let batch = data
        .path()
        .join("streams/builds/tail/0000/0000000000000000");
    // A file in a batch's place is meant instead of the journal's entry.
    let mut bytes = data.first_batch("builds");
    bytes[0] ^= 1;
    std::fs::write(&batch, bytes).unwrap();
    std::fs::write(
        data.path().join("streams/activity/notes.txt"),
        "what is this?",
    )
    .unwrap();
    let output = run(&["log", "verify", "--json", "--data", data.arg()]);
    assert_eq!(output.status.code(), Some(1));
    let verified: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let fault =
        |index: usize, key: &str| verified["faults"][index][key].as_str().unwrap().to_owned();
    assert_eq!(
        (fault(0, "stream"), fault(0, "object")),
        ("activity".into(), "notes.txt".into())
    );
    assert_eq!(
        (fault(1, "stream"), fault(1, "at")),
        ("builds".into(), "0000.0".into())
    );
    assert!(
        fault(1, "what").contains("no record header"),
        "{}",
        fault(1, "what")
    );
}

#[test]
fn builds_are_listed_for_people_and_programs() {
    let data = Data::with_builds();
    let table = run_well(&["build", "list", "--data", data.arg()]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(
        lines[1].starts_with("bbbb000000000003  queued  race     2222222"),
        "{table}"
    );
    assert!(
        lines[2].contains("A bad commit with  [31mcolours") && lines[2].contains("2.5s"),
        "{table}"
    );
    assert!(
        lines[3].contains("ok      check    1111111  A good commit"),
        "{table}"
    );

    let builds = json(&["build", "list", "--json", "--data", data.arg()]);
    let failed = &builds[1];
    let key = |name: &str| failed[name].clone();
    assert_eq!(key("id"), "aaaa000000000002");
    assert_eq!(
        (key("builder"), key("repo"), key("branch")),
        ("check".into(), "demo".into(), "main".into())
    );
    assert_eq!((key("commit"), key("generation")), (BAD.into(), 0.into()));
    assert_eq!(
        (key("state"), key("failed_step")),
        ("failed".into(), "test".into())
    );
    assert_eq!(
        (key("exit_state"), key("took_seconds")),
        ("exit status 3".into(), 2.5.into())
    );
    assert_eq!(failed["output"]["sha1"], "0".repeat(40));
    assert_eq!(failed["attempts"][0]["verdict"], "failed");
    assert_eq!(failed["attempts"][0]["host"], "local-1");
    assert!(key("finished_at").is_string() && key("position").is_string());
    assert!(builds[0]["started_at"].is_null() && builds[0]["attempts"] == serde_json::json!([]));
}

#[test]
fn builds_can_be_picked() {
    let data = Data::with_builds();
    let ids = |more: &[&str]| -> Vec<String> {
        let arguments = [&["build", "list", "--json", "--data", data.arg()], more].concat();
        json(&arguments)
            .as_array()
            .unwrap()
            .iter()
            .map(|build| build["id"].as_str().unwrap()[..4].to_owned())
            .collect()
    };
    assert_eq!(ids(&["--builder", "race"]), ["bbbb"]);
    assert_eq!(ids(&["--commit", "1111"]), ["aaaa"]);
    assert_eq!(ids(&["--state", "failed"]), ["aaaa"]);
    assert_eq!(ids(&["--state", "timeout"]), [""; 0]);
    assert_eq!(ids(&["--limit", "2"]), ["bbbb", "aaaa"]);
    assert!(run_badly(2, &["build", "list", "--state", "perfect"]).contains("infra"));
    assert!(run_badly(2, &["build", "list", "--commit", "main"]).contains("40 digits"));
}

#[test]
fn output_is_printed_as_it_was() {
    let data = Data::with_builds();
    assert_eq!(
        run_well(&["build", "log", "aaaa000000000001", "--data", data.arg()]),
        "all fine\n"
    );
    assert_eq!(
        run_well(&[
            "build",
            "log",
            "aaaa000000000002",
            "--attempt",
            "1",
            "--data",
            data.arg()
        ]),
        "MARKER\n"
    );
    assert!(run_badly(1, &["build", "log", "aaaa", "--data", data.arg()]).contains("2 builds"));
    assert!(
        run_badly(1, &["build", "log", "ffff", "--data", data.arg()])
            .contains("forgelog build list")
    );
    let more = [
        "build",
        "log",
        "aaaa000000000002",
        "--attempt",
        "2",
        "--data",
        data.arg(),
    ];
    assert!(run_badly(1, &more).contains("has 1 attempts"));
    let waiting = run(&["build", "log", "b", "--data", data.arg()]);
    assert!(waiting.status.success() && waiting.stdout.is_empty());
    assert!(String::from_utf8_lossy(&waiting.stderr).contains("waits to be run"));
}

#[test]
fn output_is_followed_until_the_build_ends() {
    let data = Data::with_builds();
    data.start("bbbb000000000003");
    let arguments = ["build", "log", "bbbb", "--follow", "--data", data.arg()];
    let mut child = forgelog(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut output = OutputStore::new(data.store.clone()).writer("output/bbbb000000000003/1");
    for line in ["one\n", "two\n"] {
        data.runtime
            .block_on(output.append(Bytes::from_static(line.as_bytes())))
            .unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), line.trim());
    }
    assert!(child.try_wait().unwrap().is_none());
    data.finish("bbbb000000000003", Verdict::Ok, "", "ok");
    assert!(lines.next().is_none());
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_is_no_data_folder_is_named_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    for command in [
        &["log", "info"][..],
        &["log", "verify"],
        &["build", "list"],
        &["build", "log", "aaaa"],
    ] {
        let said = run_badly(
            1,
            &[command, &["--data", missing.to_str().unwrap()]].concat(),
        );
        assert!(
            said.starts_with("error: there is no data folder")
                && said.contains("forgelog up --data"),
            "{said}"
        );
        assert!(!missing.exists());
        let said = run_badly(
            1,
            &[command, &["--data", dir.path().to_str().unwrap()]].concat(),
        );
        assert!(said.contains("is not a forgelog data folder"), "{said}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    std::fs::write(dir.path().join("FORMAT"), "forgelog data 2\n").unwrap();
    let said = run_badly(1, &["log", "info", "--data", dir.path().to_str().unwrap()]);
    assert!(said.contains("version \"2\""), "{said}");
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    for arguments in [
        &["frobnicate"][..],
        &["log", "cat"],
        &["log", "cat", "--stream", "nothing"],
        &["build", "log"],
        &[],
    ] {
        let said = run_badly(2, arguments);
        assert!(
            said.contains("--help") || said.contains("Usage:"),
            "{arguments:?}: {said}"
        );
    }
    assert!(run_well(&["--version"]).starts_with("forgelog "));
    for arguments in [
        &["--help"][..],
        &["up", "--help"],
        &["log", "cat", "--help"],
        &["build", "list", "--help"],
    ] {
        let help = run_well(arguments);
        assert!(
            help.contains("Usage:") && help.contains("Example") || help.contains("Exit codes:"),
            "{help}"
        );
    }
}

#[test]
fn the_agent_wants_a_password_and_a_harmless_workdir() {
    let dir = tempfile::tempdir().unwrap();
    let work = dir.path().join("work");
    let arguments = [
        "buildlet",
        "--listen",
        "127.0.0.1:0",
        "--workdir",
        work.to_str().unwrap(),
    ];
    let said = |output: std::process::Output| String::from_utf8(output.stderr).unwrap();
    let output = forgelog(&arguments)
        .env_remove("META_PASSWORD")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(output).contains("META_PASSWORD"));
    let open = [
        "buildlet",
        "--listen",
        "0.0.0.0:0",
        "--workdir",
        work.to_str().unwrap(),
    ];
    assert!(said(forgelog(&open).env("META_PASSWORD", "x").output().unwrap()).contains("loopback"));
    let home = ["buildlet", "--listen", "127.0.0.1:0", "--workdir", "/"];
    assert!(
        said(forgelog(&home).env("META_PASSWORD", "x").output().unwrap())
            .contains("root directory")
    );
    assert!(!work.exists());
}

#[test]
fn the_agent_ends_with_its_parent_or_by_a_signal() {
    let dir = tempfile::tempdir().unwrap();
    let work = dir.path().join("work");
    let start = || {
        let arguments = [
            "buildlet",
            "--listen",
            "127.0.0.1:0",
            "--halt=false",
            "--workdir",
            work.to_str().unwrap(),
        ];
        let mut command = forgelog(&arguments);
        command
            .env("META_PASSWORD", "secret")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.starts_with("listening on 127.0.0.1:"), "{line}");
        child
    };
    let mut orphan = start();
    drop(orphan.stdin.take());
    assert!(wait_until("the orphan ends", || orphan.try_wait().unwrap()).success());
    let mut stopped = start();
    let pid = stopped.id();
    // Ctrl-C on a terminal reaches parent and child; the child leaves it to the parent.
    support::signal(pid, rustix::process::Signal::INT);
    support::signal(pid, rustix::process::Signal::TERM);
    assert!(wait_until("the agent stops", || stopped.try_wait().unwrap()).success());
}
