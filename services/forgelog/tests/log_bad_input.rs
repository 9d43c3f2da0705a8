//! What can be wrong with a log: each is told with what, where and what to do, and what is sound stays readable.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails where it stands"
)]

mod support;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use support::{forgelog, json, run, run_badly, run_well};
use tempfile::TempDir;

struct Log {
    dir: TempDir,
}

impl Log {
    /// An empty log.
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// With these owners' records, each appended by a process of its own.
    fn with(owners: &[&str]) -> Self {
        let log = Self::new();
        for owner in owners {
            let output = log.append(owner);
            assert!(output.status.success(), "{}", stderr(&output));
        }
        log
    }

    /// Whole, sealed segments with a record each.
    fn sealed(segments: u32) -> Self {
        let log = Self::new();
        std::fs::create_dir(log.path()).unwrap();
        for number in 0..segments {
            let mut bytes = Vec::new();
            log_core::frame::encode(&mut bytes, 0, b"\x1a\x03\x0a\x01x");
            let name = log_core::segment::SegmentName::of(number, &bytes).to_string();
            std::fs::write(log.path().join(name), bytes).unwrap();
        }
        log
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    fn url(&self) -> String {
        format!("file://{}", self.path().display())
    }

    fn append(&self, owner: &str) -> Output {
        append(
            &self.url(),
            &format!("{{\"github\":{{\"owner\":\"{owner}\"}}}}\n"),
            &[],
        )
    }

    /// Does this with the log at its end, and gives what it printed.
    fn well(&self, arguments: &[&str]) -> String {
        run_well(&[arguments, &["--log", &self.url()]].concat())
    }

    fn badly(&self, arguments: &[&str]) -> String {
        run_badly(1, &[arguments, &["--log", &self.url()]].concat())
    }

    /// Kind and object of every fault.
    fn faults(&self) -> Vec<(String, String)> {
        let output = run(&["log", "verify", "--json", "--log", &self.url()]);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let faults: Vec<_> = report["faults"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| {
                let text = |key: &str| fault[key].as_str().unwrap().to_owned();
                (text("kind"), text("object"))
            })
            .collect();
        let code = i32::from(!faults.is_empty());
        assert_eq!(output.status.code(), Some(code), "{faults:?}");
        faults
    }

    /// The sealed segment's file.
    fn segment(&self, number: u32) -> PathBuf {
        let mut entries = std::fs::read_dir(self.path()).unwrap();
        let starts = format!("{number:04}.");
        entries
            .find_map(|entry| {
                let entry = entry.unwrap();
                let name = entry.file_name().to_str().unwrap().to_owned();
                name.starts_with(&starts).then(|| entry.path())
            })
            .unwrap()
    }
}

fn append(url: &str, input: &str, more: &[&str]) -> Output {
    let arguments = [&["log", "append", "--format", "json", "--log", url], more].concat();
    let mut child = forgelog(&arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // Whoever fails early reads no more.
    let feeding = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_cause_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let told = run_badly(1, &["log", "info", "--log", file.to_str().unwrap()]);
    assert!(told.contains("file"), "{told}");
    let cause = told.trim().rsplit(": ").next().unwrap();
    assert_eq!(told.matches(cause).count(), 1, "{told}");
}

#[test]
fn a_url_that_is_none_is_told_what_to_write() {
    for (url, says) in [
        ("ftp://host/log", "file:///PATH"),
        ("s3://", "s3://BUCKET/PREFIX"),
        ("gs:///prefix", "gs://BUCKET/PREFIX"),
        ("file://host/log", "three slashes"),
        ("file:///a/../b", ".."),
    ] {
        for command in [&["log", "info"][..], &["log", "cat"], &["log", "verify"]] {
            let said = run_badly(1, &[command, &["--log", url]].concat());
            assert!(said.contains(url) && said.contains(says), "{said}");
        }
        let said = stderr(&append(url, "{}\n", &[]));
        assert!(said.contains(url) && said.contains(says), "{said}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_made_by_writers_only() {
    let log = Log::new();
    for command in [
        &["log", "info"][..],
        &["log", "cat"],
        &["log", "verify"],
        &["log", "repair"],
        &[
            "log",
            "export",
            "--layout",
            "disk",
            "--to",
            "/nonexistent/x",
        ],
        &["log", "serve", "--listen", "127.0.0.1:0"],
    ] {
        let said = log.badly(command);
        assert!(said.contains("there is no folder"), "{said}");
        assert!(!log.path().exists());
    }
    assert!(log.append("x").status.success());
    let file = log.dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let said = run_badly(1, &["log", "info", "--log", file.to_str().unwrap()]);
    assert!(said.contains("is not a folder"), "{said}");
}

#[test]
fn a_path_may_be_relative() {
    let log = Log::with(&["a"]);
    let parts = log.path();
    let above = parts.parent().unwrap();
    let here = |folder: &Path, path: &str| {
        let output = forgelog(&["log", "cat", "--log", path])
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{path}: {}", stderr(&output));
        output.stdout
    };
    let whole = here(above, log.path().to_str().unwrap());
    assert!(!whole.is_empty());
    for (folder, path) in [
        (above, "log"),
        (above, "./log"),
        (&parts, "."),
        (&parts, "../log"),
    ] {
        assert_eq!(here(folder, path), whole);
    }
    let made = forgelog(&["log", "synth", "--scale=0.001", "--seed=1", "--log", "new"])
        .current_dir(above)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", stderr(&made));
    assert!(above.join("new/tail").is_dir());
}

#[test]
fn what_is_nothing_to_import_is_named() {
    let log = Log::new();
    let empty = log.dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let missing = log.dir.path().join("missing");
    for (from, says) in [
        (
            empty.to_str().unwrap(),
            "holds neither maintner-*.mutlog files nor",
        ),
        (missing.to_str().unwrap(), "missing"),
        ("ftp://host/x", "unknown scheme"),
    ] {
        let said = log.badly(&["log", "import", "--from", from]);
        assert!(said.contains(says), "{said}");
        assert!(!log.path().exists());
    }
}

#[test]
fn the_originals_folders_are_imported_and_not_taken_for_streams() {
    let log = Log::with(&["a"]);
    let files = log.dir.path().join("files");
    let files = files.to_str().unwrap();
    log.well(&["log", "export", "--layout", "disk", "--to", files]);
    for command in [&["log", "cat"][..], &["log", "info"], &["log", "verify"]] {
        let said = run_badly(1, &[command, &["--log", files]].concat());
        assert!(
            said.contains("is no stream") && said.contains("log import --from"),
            "{said}"
        );
    }
    let said = stderr(&append(files, "{}\n", &[]));
    assert!(said.contains("is no stream"), "{said}");
    // In a log, the same file is a stray.
    std::fs::write(log.path().join("maintner-2020-01-01.mutlog"), "").unwrap();
    assert_eq!(log.faults().len(), 1);
    assert!(log.append("b").status.success());
}

#[test]
fn foreign_objects_are_reported_and_in_nobodys_way() {
    let log = Log::with(&["a"]);
    std::fs::write(log.path().join("notes.txt"), "what is this?").unwrap();
    assert_eq!(log.faults(), [("stray".into(), "notes.txt".into())]);
    let info = json(&["log", "info", "--json", "--log", &log.url()]);
    assert_eq!(info["strays"], serde_json::json!(["notes.txt"]));
    assert!(log.append("b").status.success());
    assert!(log.well(&["log", "cat"]).contains("\"b\""));

    let plan = ["log", "repair", "--dry-run"];
    assert!(
        run(&[&plan[..], &["--log", &log.url()]].concat())
            .status
            .code()
            == Some(1)
    );
    assert_eq!(log.faults().len(), 1);
    let said = log.well(&["log", "repair"]);
    assert!(
        said.contains("notes.txt") && said.contains("moved to quarantine/0/"),
        "{said}"
    );
    assert_eq!(
        std::fs::read_to_string(log.path().join("quarantine/0/notes.txt")).unwrap(),
        "what is this?"
    );
    assert_eq!(log.faults(), []);
    assert_eq!(log.well(&["log", "repair"]), "nothing to repair\n");
    assert_eq!(
        log.well(&["log", "repair", "--json"]),
        "{\"moved_to\":null,\"steps\":[]}\n"
    );
}

#[test]
fn a_truncated_batch_is_moved_aside_and_its_sound_records_stay() {
    let log = Log::new();
    // A plain file, as another local store writes it: two records, the second cut off.
    let tail = log.path().join("tail/0000");
    std::fs::create_dir_all(&tail).unwrap();
    let mut bytes = Vec::new();
    log_core::frame::encode(&mut bytes, 0, b"\x1a\x03\x0a\x01x");
    let sound = bytes.clone();
    log_core::frame::encode(&mut bytes, sound.len() as u64, b"\x1a\x03\x0a\x01y");
    bytes.pop();
    std::fs::write(tail.join("0000000000000000"), &bytes).unwrap();

    assert_eq!(log.faults()[0].0, "frame");
    let refused = log.append("z");
    assert_eq!(refused.status.code(), Some(1));
    let said = stderr(&refused);
    assert!(said.contains("cut off"), "{said}");
    let cut = run(&["log", "cat", "--log", &log.url()]);
    assert_eq!(cut.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&cut.stdout).contains("owner: \"x\""));
    assert!(stderr(&cut).contains("cut off"), "{}", stderr(&cut));

    let said = log.well(&["log", "repair"]);
    assert!(
        said.contains("put back its first") && said.contains("quarantine/0/"),
        "{said}"
    );
    assert!(log.path().join("quarantine/0/tail/0000").is_dir());
    assert_eq!(log.faults(), []);
    assert!(log.append("z").status.success());
    let records = log.well(&["log", "cat"]);
    assert!(
        records.contains("owner: \"x\"") && records.contains("owner: \"z\""),
        "{records}"
    );
    assert!(!records.contains("owner: \"y\""));
}

#[test]
fn a_sealed_segment_with_other_bytes_is_never_believed() {
    let log = Log::sealed(2);
    let segment = log.segment(1);
    let mut bytes = std::fs::read(&segment).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let name = segment.file_name().unwrap().to_str().unwrap().to_owned();

    assert_eq!(log.faults(), [("digest".into(), name.clone())]);
    let said = log.badly(&["log", "cat"]);
    assert!(
        said.contains(&name) && said.contains("not those of its name"),
        "{said}"
    );
    // What is before it can be had.
    assert_eq!(log.well(&["log", "cat", "--to", "1.0"]).lines().count(), 1);
    let said = run(&["log", "repair", "--log", &log.url()]);
    assert_eq!(said.status.code(), Some(1));
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(
        said.contains(&format!("cannot repair {name}")) && said.contains("copy"),
        "{said}"
    );
    let to = log.dir.path().join("out");
    let export = [
        "log",
        "export",
        "--layout",
        "bucket",
        "--to",
        to.to_str().unwrap(),
    ];
    assert!(log.badly(&export).contains(&name));
}

#[test]
fn a_gap_is_read_up_to_and_never_written_over() {
    let log = Log::sealed(3);
    std::fs::remove_file(log.segment(1)).unwrap();
    assert_eq!(log.faults()[0].0, "missing");
    let info = json(&["log", "info", "--json", "--log", &log.url()]);
    assert!(
        info["gap"]
            .as_str()
            .unwrap()
            .contains("segment 1 is missing"),
        "{info}"
    );
    let cat = run(&["log", "cat", "--log", &log.url()]);
    assert_eq!(cat.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&cat.stdout).lines().count(), 1);
    assert!(
        stderr(&cat).contains("restore them from a copy"),
        "{}",
        stderr(&cat)
    );
    let beside = |name: &str| log.dir.path().join(name).display().to_string();
    for partial in [
        &["cat", "--format", "raw", "--log", &log.url()][..],
        &[
            "export",
            "--layout",
            "disk",
            "--to",
            &beside("to"),
            "--log",
            &log.url(),
        ],
        &["import", "--from", &log.url(), "--log", &beside("copy")],
    ] {
        let told = run_badly(1, &[&["log"], partial].concat());
        assert!(told.contains("segment 1 is missing"), "{partial:?}: {told}");
    }
    run_well(&[
        "log",
        "cat",
        "--format",
        "raw",
        "--to",
        "1.0",
        "--log",
        &log.url(),
    ]);
    let refused = log.append("x");
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("segment 1 is missing"),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn a_record_that_is_too_long_is_refused_and_the_log_goes_on() {
    let log = Log::new();
    let long = "x".repeat((64 << 20) + 1);
    let input = format!("{{\"github\":{{\"owner\":\"{long}\"}}}}\n{{}}\n");
    let output = append(&log.url(), &input, &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("line 1: ") && said.contains("more than the 67108864"),
        "{said}"
    );
    assert!(log.append("y").status.success());
    assert_eq!(log.faults(), []);
}

#[test]
fn a_folder_without_permission_is_named() {
    if rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: everything is permitted to root");
        return;
    }
    use std::os::unix::fs::PermissionsExt as _;
    let log = Log::with(&["a"]);
    let set = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(log.path(), mode).unwrap();
    };
    set(0o000);
    let said = log.badly(&["log", "cat"]);
    set(0o700);
    assert!(said.contains("may read it"), "{said}");
}

/// A file system of one megabyte.
struct Small {
    path: PathBuf,
    _dir: TempDir,
}

impl Small {
    /// `None` where nobody may mount.
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("small");
        std::fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(&path)
            .output();
        let mounted = mounted.is_ok_and(|output| output.status.success());
        mounted.then_some(Self { path, _dir: dir })
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.path).output();
    }
}

#[test]
fn a_full_disk_ends_it_and_loses_nothing() {
    let Some(small) = Small::mount() else {
        eprintln!("SKIPPED: no small file system can be mounted here");
        return;
    };
    let url = format!("file://{}/log", small.path.display());
    let line = format!("{{\"github\":{{\"owner\":\"{}\"}}}}\n", "x".repeat(50_000));
    let output = append(&url, &line.repeat(40), &["--patience", "200ms"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.to_lowercase().contains("no space left"), "{said}");
    assert!(said.contains("that were printed are durable"), "{said}");
    let printed = String::from_utf8_lossy(&output.stdout).lines().count();
    let records = run_well(&["log", "cat", "--log", &url]);
    let there = records.lines().filter(|line| line.contains("xxx")).count();
    assert!(there >= printed, "{there} of {printed}");
    run_well(&["log", "verify", "--log", &url]);

    // With room again, the same log goes on.
    let more = ["remount,size=8m"].map(|options| {
        let mut mount = Command::new("mount");
        mount
            .args(["-o", options])
            .arg(&small.path)
            .status()
            .unwrap()
    });
    assert!(more[0].success());
    assert!(append(&url, &line, &[]).status.success());
    run_well(&["log", "verify", "--log", &url]);
}

#[test]
fn a_bucket_where_nobody_answers_is_named() {
    let output = forgelog(&["log", "info", "--log", "s3://bucket/log"])
        .env("AWS_ENDPOINT", "http://127.0.0.1:1")
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_ACCESS_KEY_ID", "x")
        .env("AWS_SECRET_ACCESS_KEY", "x")
        .env("AWS_REGION", "us-east-1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("s3://bucket/log"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn exit_codes_are_told_apart() {
    for arguments in [
        &["log"][..],
        &["log", "frobnicate"],
        &["log", "append", "--log", "x"],
        &["log", "append", "--log", "x", "--format", "xml"],
        &["log", "cat", "--log", "x", "--from", "here"],
        &["log", "cat", "--log", "x", "--at", "yesterday"],
        &["log", "cat", "--log", "x", "--stream", "builds"],
        &["log", "export", "--log", "x", "--to", "y"],
        &["log", "serve", "--log", "x"],
        &["log", "serve", "--log", "x", "--listen", "nowhere"],
        &["log", "synth", "--log", "x", "--scale", "1"],
        &["log", "mirror", "--from", "http://x/logs"],
    ] {
        run_badly(2, arguments);
    }
    for command in [
        "info", "cat", "append", "verify", "repair", "import", "export", "serve", "mirror", "synth",
    ] {
        let help = run_well(&["log", command, "--help"]);
        assert!(
            help.contains("Example") && help.contains("Exit codes: 0"),
            "{help}"
        );
    }
    assert!(!Path::new("x").exists());
}
