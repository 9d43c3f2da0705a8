//! Whole logs: made, checked, exported, imported, printed. The records stay the same all the way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where it stands"
)]

mod support;

use std::path::Path;
use support::{json, run, run_badly, run_well};
use tempfile::TempDir;

/// A folder for logs, and their URLs.
struct Logs {
    dir: TempDir,
}

impl Logs {
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

    /// A small synthetic log of this name.
    fn synth(&self, name: &str, seed: &str) -> String {
        let url = self.url(name);
        run_well(&[
            "log", "synth", "--scale", "0.001", "--seed", seed, "--log", &url,
        ]);
        url
    }
}

fn raw(log: &str) -> Vec<u8> {
    let output = run(&["log", "cat", "--log", log, "--format", "raw"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    output.stdout
}

fn payloads(raw: &[u8]) -> Vec<&[u8]> {
    // Offsets restart with every segment, so that the frames are read by hand.
    let mut payloads = Vec::new();
    let mut rest = raw;
    while !rest.is_empty() {
        let end = rest.iter().position(|&byte| byte == b'=').unwrap();
        let header = std::str::from_utf8(&rest[..end]).unwrap();
        let (_, length) = header
            .strip_prefix("REC@")
            .unwrap()
            .split_once('+')
            .unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        payloads.push(&rest[end + 1..end + 1 + length]);
        rest = &rest[end + 1 + length..];
    }
    payloads
}

fn files(dir: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_log_of_two_segments_survives_every_way_round() {
    let logs = Logs::new();
    let log = logs.url("a");
    let made = run_well(&[
        "log", "synth", "--scale", "0.01", "--seed", "7", "--log", &log,
    ]);
    let report = run_well(&["log", "verify", "--log", &log, "--json"]);
    assert!(
        report.starts_with(r#"{"segments":2,"records":"#),
        "{report}"
    );
    assert!(report.ends_with("\"faults\":[]}\n"), "{report}");
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert!(
        made.starts_with(&format!("{} records", report["records"])),
        "{made}"
    );
    let original = raw(&log);
    assert_eq!(report["bytes"], original.len());
    assert_eq!(report["records"], payloads(&original).len());

    let info = json(&["log", "info", "--log", &log, "--json"]);
    assert_eq!(
        info["segments"],
        serde_json::json!({ "sealed": 1, "open": 1 })
    );
    assert_eq!(
        (&info["bytes"], &info["name"]),
        (&report["bytes"], &"a".into())
    );
    assert_eq!(
        (&info["gap"], &info["strays"]),
        (&serde_json::Value::Null, &serde_json::json!([]))
    );

    for layout in ["bucket", "disk"] {
        let dir = logs.path(&format!("{layout}-files"));
        let export = [
            "log", "export", "--log", &log, "--to", &dir, "--layout", layout,
        ];
        run_well(&export);
        let names = files(&dir);
        let expected = if layout == "bucket" {
            "0000."
        } else {
            "maintner-"
        };
        assert!(
            names[0].starts_with(expected) && names[0].ends_with(".mutlog"),
            "{names:?}"
        );
        // Done again, it finds all there.
        run_well(&export);
        assert_eq!(files(&dir), names);

        let copy = logs.url(&format!("from-{layout}"));
        let import = ["log", "import", "--log", &copy, "--from", &dir];
        assert!(!run_well(&import).starts_with("0 records"));
        assert!(run_well(&import).starts_with("0 records"));
        assert_eq!(raw(&copy), original, "{layout}");
        run_well(&["log", "verify", "--log", &copy]);
    }

    // A stream is a source as well, by its URL and by its folder.
    let copy = logs.url("from-stream");
    run_well(&["log", "import", "--log", &copy, "--from", &log]);
    assert_eq!(raw(&copy), original);
    let again = run_well(&["log", "import", "--log", &copy, "--from", &logs.path("a")]);
    assert!(again.starts_with("0 records"), "{again}");
}

#[test]
fn a_synthetic_log_is_completed_and_nothing_else_is_touched() {
    let logs = Logs::new();
    let whole = logs.synth("whole", "7");
    let before = raw(&whole);
    logs.synth("whole", "7");
    assert_eq!(raw(&whole), before);

    // Half of it, as if it had been cut off.
    let all = payloads(&before);
    let mut half = Vec::new();
    for payload in &all[..all.len() / 2] {
        let at = half.len() as u64;
        log_core::frame::encode(&mut half, at, payload);
    }
    let dir = logs.path("half-files");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(Path::new(&dir).join("maintner-2020-01-01.mutlog"), half).unwrap();
    let half = logs.url("half");
    run_well(&["log", "import", "--log", &half, "--from", &dir]);
    assert!(raw(&half).len() < before.len());
    logs.synth("half", "7");
    assert_eq!(raw(&half), before);

    let other = [
        "log", "synth", "--scale", "0.001", "--seed", "8", "--log", &whole,
    ];
    let said = run_badly(1, &other);
    assert!(
        said.contains("something else at 0000.") && said.contains("left alone"),
        "{said}"
    );
    assert_eq!(raw(&whole), before);
}

#[test]
fn the_scale_has_to_make_sense() {
    let logs = Logs::new();
    for scale in ["0", "-1", "NaN", "inf", "1e9"] {
        let log = logs.url("never");
        let scale = format!("--scale={scale}");
        let said = run_badly(1, &["log", "synth", &scale, "--seed", "1", "--log", &log]);
        assert!(said.contains("out of range"), "{scale}: {said}");
        assert!(!Path::new(&logs.path("never")).exists());
    }
    run_badly(
        2,
        &[
            "log",
            "synth",
            "--scale",
            "x",
            "--seed",
            "1",
            "--log",
            "file:///x",
        ],
    );
}

#[test]
fn a_part_of_a_log_can_be_printed() {
    let logs = Logs::new();
    let log = logs.synth("a", "3");
    let text = |more: &[&str]| run_well(&[&["log", "cat", "--log", &log], more].concat());
    let all = text(&[]);
    let lines: Vec<&str> = all.lines().collect();
    let at = |index: usize| lines[index].split(' ').next().unwrap();
    assert_eq!(
        text(&["--limit", "3"]).lines().collect::<Vec<_>>(),
        lines[..3]
    );
    let middle = text(&["--from", at(2), "--to", at(4)]);
    assert_eq!(middle.lines().collect::<Vec<_>>(), lines[2..4]);
    assert_eq!(text(&["--at", at(2)]).lines().count(), 2);

    let bytes = raw(&log);
    let part = |more: &[&str]| {
        let output = run(&[&["log", "cat", "--log", &log, "--format", "raw"], more].concat());
        assert!(output.status.success());
        output.stdout
    };
    assert_eq!(payloads(&part(&["--limit", "5"])), payloads(&bytes)[..5]);
    assert_eq!(
        payloads(&part(&["--from", at(2), "--to", at(4)])),
        payloads(&bytes)[2..4]
    );
    for format in ["raw", "json"] {
        let inside = [
            "log", "cat", "--log", &log, "--from", "0.1", "--format", format,
        ];
        assert!(run_badly(1, &inside).contains("no record starts at 0000.1"));
        let beyond = [
            "log", "cat", "--log", &log, "--from", "9.0", "--format", format,
        ];
        assert!(run_badly(1, &beyond).contains("beyond the end"));
    }
}

#[test]
fn an_import_never_mixes_two_histories() {
    let logs = Logs::new();
    let (a, b) = (logs.synth("a", "1"), logs.synth("b", "2"));
    let before = raw(&b);
    let said = run_badly(1, &["log", "import", "--log", &b, "--from", &a]);
    assert!(said.contains("not a beginning of the source"), "{said}");
    assert_eq!(raw(&b), before);
    let dir = logs.path("files");
    run_well(&[
        "log", "export", "--log", &a, "--to", &dir, "--layout", "bucket",
    ]);
    let said = run_badly(
        1,
        &[
            "log", "export", "--log", &b, "--to", &dir, "--layout", "bucket",
        ],
    );
    assert!(
        said.contains("another log") || said.contains("not a beginning"),
        "{said}"
    );
}

#[test]
fn a_damaged_source_is_copied_up_to_the_damage() {
    let logs = Logs::new();
    let log = logs.synth("a", "1");
    let dir = logs.path("files");
    run_well(&[
        "log", "export", "--log", &log, "--to", &dir, "--layout", "disk",
    ]);
    let file = Path::new(&dir).join(&files(&dir)[0]);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.truncate(bytes.len() - 1);
    std::fs::write(&file, bytes).unwrap();
    let copy = logs.url("copy");
    let said = run_badly(1, &["log", "import", "--log", &copy, "--from", &dir]);
    assert!(
        said.contains(file.to_str().unwrap()) && said.contains("cut off"),
        "{said}"
    );
    let original = raw(&log);
    let all = payloads(&original);
    assert_eq!(payloads(&raw(&copy)), all[..all.len() - 1]);
}
