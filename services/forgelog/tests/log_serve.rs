//! `forgelog log serve` and what reads from it: `mirror`, `cat`, `info` and `import` over HTTP.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where it stands"
)]

mod support;

use rustix::process::Signal;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use support::server::Server;
use support::{forgelog, json, run, run_badly, run_well, wait_until};
use tempfile::TempDir;

fn append(log: &str, owner: &str) {
    let mut child = forgelog(&["log", "append", "--log", log, "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let line = format!("{{\"github\":{{\"owner\":\"{owner}\"}}}}\n");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(line.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success());
}

fn raw(log: &str) -> Vec<u8> {
    let output = run(&["log", "cat", "--log", log, "--format", "raw"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn url(&self, name: &str) -> String {
        format!("file://{}", self.path(name))
    }
}

#[test]
fn a_served_log_is_the_same_everywhere() {
    let place = Place::new();
    let log = place.url("a");
    run_well(&[
        "log", "synth", "--scale", "0.01", "--seed", "5", "--log", &log,
    ]);
    let server = Server::start(&["--log", &log]);
    let original = raw(&log);
    assert!(raw(&server.logs()) == original);

    let info = json(&["log", "info", "--json", "--log", &server.logs()]);
    assert_eq!(info["bytes"], original.len());
    assert_eq!(
        info["segments"],
        serde_json::json!({ "sealed": 1, "open": 1 })
    );

    let cache = place.path("cache");
    let text = |more: &[&str]| run_well(&[&["log", "cat", "--limit", "4", "--log"], more].concat());
    assert_eq!(text(&[&server.logs(), "--cache", &cache]), text(&[&log]));

    // Into a folder, which is a source then; into a stream; and by import.
    let folder = place.path("mirror");
    run_well(&["log", "mirror", "--from", &server.logs(), "--to", &folder]);
    for (name, from) in [("by-folder", folder.clone()), ("by-http", server.logs())] {
        let copy = place.url(name);
        run_well(&["log", "import", "--log", &copy, "--from", &from]);
        assert!(raw(&copy) == original, "{name}");
    }
    let copy = place.url("stream");
    run_well(&[
        "log",
        "mirror",
        "--from",
        &server.logs(),
        "--to",
        &copy,
        "--cache",
        &cache,
    ]);
    run_well(&[
        "log",
        "mirror",
        "--from",
        &server.logs(),
        "--to",
        &copy,
        "--cache",
        &cache,
    ]);
    assert!(raw(&copy) == original);
    run_well(&["log", "verify", "--log", &copy]);
    assert!(server.stop(Signal::TERM).success());
}

#[test]
fn an_append_is_seen_by_all_who_follow() {
    let place = Place::new();
    let log = place.url("a");
    append(&log, "first");
    let server = Server::start(&["--log", &log]);
    let follow = |arguments: &[&str]| {
        let mut child = forgelog(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        (child, lines)
    };
    let (mut cat, mut seen) = follow(&["log", "cat", "--follow", "--log", &server.logs()]);
    let (mut local, mut seen_local) = follow(&["log", "cat", "--follow", "--log", &log]);
    let (folder, stream) = (place.path("mirror"), place.url("stream"));
    let mirror = |to: &str| {
        follow(&[
            "log",
            "mirror",
            "--follow",
            "--from",
            &server.logs(),
            "--to",
            to,
        ])
    };
    let (mut into_folder, mut folder_says) = mirror(&folder);
    let (mut into_stream, mut stream_says) = mirror(&stream);
    for lines in [&mut seen, &mut seen_local] {
        // The start of an epoch, and the record.
        assert!(lines.next().unwrap().unwrap().ends_with("nothing"));
        assert!(lines.next().unwrap().unwrap().contains("first"));
    }
    for says in [&mut folder_says, &mut stream_says] {
        assert!(says.next().unwrap().unwrap().contains("up to 0000."));
    }

    append(&log, "second");
    for lines in [&mut seen, &mut seen_local] {
        assert!(lines.any(|line| line.unwrap().contains("second")));
    }
    let original = raw(&log);
    let tail = json(&["log", "info", "--json", "--log", &log])["tail"].clone();
    let there = format!("up to {}", tail.as_str().unwrap());
    for says in [&mut folder_says, &mut stream_says] {
        assert!(says.any(|line| line.unwrap().ends_with(&there)));
    }
    assert!(raw(&stream) == original);

    for child in [&mut into_folder, &mut into_stream] {
        support::signal(child.id(), Signal::INT);
        assert!(wait_until("the mirror stops", || child.try_wait().unwrap()).success());
    }
    for child in [&mut cat, &mut local] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(server.stop(Signal::INT).success());
}

#[test]
fn a_reader_that_is_stopped_leaves_no_copy_behind() {
    let place = Place::new();
    append(&place.url("log"), "a");
    let server = Server::start(&["--log", &place.url("log")]);
    let copies = place.path("copies");
    std::fs::create_dir(&copies).unwrap();
    let logs = server.logs();
    let mut reader = forgelog(&["log", "cat", "--follow", "--log", &logs])
        .env("TMPDIR", &copies)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut out = BufReader::new(reader.stdout.take().unwrap());
    out.read_line(&mut first).unwrap();
    let left = || std::fs::read_dir(&copies).unwrap().count();
    assert_eq!(left(), 1, "the copy is elsewhere");
    support::signal(reader.id(), Signal::TERM);
    wait_until("the reader stops", || reader.try_wait().unwrap());
    assert_eq!(left(), 0);
}

#[test]
fn a_data_folder_serves_all_its_streams() {
    let place = Place::new();
    let data = place.path("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(format!("{data}/FORMAT"), "forgelog data 1\n").unwrap();
    append(&format!("file://{data}/streams/activity"), "here");
    let server = Server::start(&["--data", &data]);
    assert!(run_well(&["log", "cat", "--log", &server.logs()]).contains("here"));
    let builds = format!("{}/streams/builds/logs", server.url);
    assert_eq!(run_well(&["log", "cat", "--log", &builds]), "");
    let activity = format!("{}/streams/activity/logs", server.url);
    assert_eq!(raw(&activity), raw(&server.logs()));
}

#[test]
fn up_serves_its_logs_beside_its_pages() {
    let project = support::Project::new();
    let first = project.git(&["rev-parse", "HEAD"]);
    let up = support::Up::start(&project, &["--no-build"]);
    let logs = format!("{}/logs", up.url.trim_end_matches('/'));
    wait_until("the commit is in the served log", || {
        run_well(&["log", "cat", "--log", &logs])
            .contains(&first)
            .then_some(())
    });
    up.page_with("/", &first[..7]);
    let builds = format!("{}/streams/builds/logs", up.url.trim_end_matches('/'));
    run_well(&["log", "cat", "--log", &builds]);
    // Who waits for news is told of the next commit, and does not hold up the end.
    let mut follow = forgelog(&["log", "cat", "--follow", "--log", &logs])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let second = project.commit("second", &[("new.txt", "new")]);
    assert!(lines.any(|line| line.unwrap().contains(&second)));
    let (status, _, _) = up.terminate();
    assert!(status.success());
    follow.kill().unwrap();
    follow.wait().unwrap();
}

#[test]
fn a_used_port_is_named() {
    let place = Place::new();
    let log = place.url("a");
    append(&log, "x");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = run_badly(1, &["log", "serve", "--log", &log, "--listen", &address]);
    assert!(
        said.contains(&format!("cannot listen on {address}")) && said.contains("in use"),
        "{said}"
    );
}

#[test]
fn a_server_with_another_history_is_refused() {
    let place = Place::new();
    let (one, other) = (place.url("one"), place.url("other"));
    append(&one, "one");
    append(&other, "other");
    let server = Server::start(&["--log", &one]);
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let (folder, logs) = (place.path("mirror"), server.logs());
    let mirror = ["log", "mirror", "--from", &logs, "--to", &folder];
    run_well(&mirror);
    server.stop(Signal::TERM);
    let _server = Server::start_at(&["--log", &other], &address);
    let said = run_badly(1, &mirror);
    assert!(
        said.contains("another history") && said.contains("new folder"),
        "{said}"
    );
}

#[test]
fn an_address_where_nobody_answers_is_named() {
    let place = Place::new();
    // Nobody else gets the port while it is bound, and nobody listens.
    let bound = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = bound.local_addr().unwrap();
    drop(bound);
    let logs = format!("http://{address}/logs");
    let folder = place.path("mirror");
    for command in [
        &["log", "mirror", "--from", &logs, "--to", &folder][..],
        &[
            "log", "mirror", "--follow", "--from", &logs, "--to", &folder,
        ],
        &["log", "cat", "--log", &logs],
        &["log", "info", "--log", &logs],
        &[
            "log",
            "import",
            "--log",
            &place.url("never"),
            "--from",
            &logs,
        ],
    ] {
        let said = run_badly(1, command);
        assert!(
            said.contains(&address.to_string()) && said.contains("is the address right"),
            "{said}"
        );
    }
    assert!(!std::path::Path::new(&place.path("never")).exists());
}

#[test]
fn a_server_is_read_and_never_written() {
    let logs = "http://127.0.0.1:1/logs";
    for command in [
        &["log", "append", "--format", "json"][..],
        &["log", "verify"],
        &["log", "repair"],
        &["log", "serve", "--listen", "127.0.0.1:0"],
        &["log", "synth", "--scale", "0.001", "--seed", "1"],
        &["log", "export", "--to", "x", "--layout", "disk"],
    ] {
        let said = run_badly(1, &[command, &["--log", logs]].concat());
        assert!(
            said.contains("is a server") && said.contains("log mirror"),
            "{said}"
        );
    }
}
