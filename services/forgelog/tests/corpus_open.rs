//! How `forgelog corpus` opens logs: from a checkpoint or cold, of any kind, as of any moment, and broken ones.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where it stands"
)]

mod support;

use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use support::corpora::{Corpora, conformance_log, replace};
use support::server::Server;
use support::{Project, Up, forgelog, run_well};

#[test]
fn a_checkpoint_opens_to_the_same_corpus() {
    let corpora = Corpora::new();
    let log = corpora.synth("a", "0.001");
    let cold = corpora.json(&["stats", "--log", &log]);
    assert_eq!(
        (&cold["open"], &cold["checkpoint"]),
        (&"cold".into(), &Value::Null)
    );
    assert_eq!(cold["folded_bytes"], cold["log_bytes"]);
    let dump = corpora.text(&["dump", "--log", &log]);

    let written = corpora.json(&["checkpoint", "--to", "cache", "--log", &log]);
    assert_eq!(written["position"], cold["position"]);
    assert_eq!(corpora.cached_checkpoints().len(), 1);
    let warm = corpora.json(&["stats", "--log", &log]);
    assert_eq!(
        (&warm["open"], &warm["checkpoint"]),
        (&"checkpoint".into(), &written["checkpoint"])
    );
    assert_eq!(warm["folded_bytes"], 0);
    assert!(warm["open_seconds"].as_f64() > Some(0.0));
    for (name, value) in cold.as_object().unwrap() {
        let is_of_opening = ["open", "checkpoint"].contains(&name.as_str())
            || ["seconds", "peak_bytes"]
                .iter()
                .any(|part| name.contains(part))
            || name.starts_with("folded");
        assert!(is_of_opening || warm[name] == *value, "{name}");
    }
    assert!(corpora.text(&["dump", "--log", &log]) == dump);
    let cold_again = corpora.json(&["stats", "--cold", "--log", &log]);
    assert_eq!(cold_again["open"], "cold");
    let text = corpora.text(&["stats", "--log", &log]);
    assert!(
        text.contains("\nopened           from /") && text.contains("\nissues "),
        "{text}"
    );
    // Rules of their own, so a checkpoint of their own.
    let other = corpora.json(&["stats", "--original-semantics", "--log", &log]);
    assert_eq!(other["open"], "cold");
}

#[test]
fn a_checkpoint_beside_the_log_is_for_all() {
    let corpora = Corpora::new();
    let log = corpora.synth("a", "0.001");
    let dump = corpora.text(&["dump", "--log", &log]);
    let text = corpora.text(&["checkpoint", "--log", &log]);
    let place = text.lines().next().unwrap();
    assert!(
        place.starts_with(&corpora.place("a/checkpoints/")),
        "{text}"
    );
    assert!(std::path::Path::new(place).exists());
    let elsewhere = corpora.place("other-cache");
    let warm = corpora.json(&["stats", "--log", &log, "--cache", &elsewhere]);
    assert_eq!(warm["open"], "checkpoint");
    assert!(corpora.text(&["dump", "--log", &log]) == dump);
    assert!(corpora.cached_checkpoints().is_empty());
}

#[test]
fn a_damaged_checkpoint_is_told_and_changes_no_answer() {
    let corpora = Corpora::new();
    let log = corpora.synth("a", "0.001");
    let dump = corpora.text(&["dump", "--log", &log]);
    let damages: [fn(&mut Vec<u8>); 5] = [
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.clear(),
        |bytes| flip(bytes, 1),
        |bytes| flip(bytes, 2),
        |bytes| flip(bytes, 3),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        corpora.text(&["checkpoint", "--to", "cache", "--cold", "--log", &log]);
        let [file] = &corpora.cached_checkpoints()[..] else {
            panic!("one checkpoint");
        };
        replace(file, damage);
        let output = corpora.run(&["dump", "--log", &log]);
        assert!(output.status.success());
        assert!(String::from_utf8(output.stdout).unwrap() == dump);
        let said = String::from_utf8(output.stderr).unwrap();
        let is_told = said.contains("checkpoint") && said.contains(".ckpt");
        assert!(is_told, "{number}: {said}");
    }
}

/// Changes a byte at so many quarters of a file.
fn flip(bytes: &mut [u8], quarters: usize) {
    let at = bytes.len() * quarters / 4;
    bytes[at] ^= 0xff;
}

#[test]
fn a_cold_opening_that_took_long_leaves_a_checkpoint() {
    let corpora = Corpora::new();
    let log = corpora.synth("a", "0.006");
    corpora.text(&["check", "--no-checkpoint", "--log", &log]);
    assert!(corpora.cached_checkpoints().is_empty());
    corpora.text(&["check", "--log", &log]);
    assert_eq!(corpora.cached_checkpoints().len(), 1);
    let warm = corpora.json(&["stats", "--log", &log]);
    assert_eq!(warm["open"], "checkpoint");
    // Where it cannot be left, the answer is as good.
    let file = corpora.place("a-file");
    std::fs::write(&file, "").unwrap();
    let output = corpora.run(&["check", "--cache", &file, "--log", &log]);
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("no checkpoint was left"), "{said}");
}

#[test]
fn every_moment_is_what_it_was() {
    let corpora = Corpora::new();
    let log = corpora.synth("a", "0.001");
    let records = run_well(&["log", "cat", "--log", &log]);
    let lines: Vec<&str> = records.lines().collect();
    let position = |number: usize| lines[number].split(' ').next().unwrap();
    let number = lines.len() / 2;
    let at = position(number);
    let then = corpora.json(&["stats", "--log", &log, "--at", at]);
    assert_eq!(
        (&then["records"], &then["position"]),
        (&number.into(), &at.into())
    );
    assert!(then["folded_bytes"].as_u64() < then["log_bytes"].as_u64());
    let dump = corpora.text(&["dump", "--log", &log, "--at", at]);
    // The same log that ends there.
    let disk = corpora.place("cut");
    run_well(&[
        "log", "export", "--log", &log, "--to", &disk, "--layout", "disk",
    ]);
    let file = std::fs::read_dir(&disk)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let offset = u64::from_str_radix(at.split_once('.').unwrap().1, 16).unwrap();
    std::fs::OpenOptions::new()
        .write(true)
        .open(&file)
        .unwrap()
        .set_len(offset)
        .unwrap();
    assert!(corpora.text(&["dump", "--log", &disk]) == dump);
    // With a colon, and from a checkpoint that is before it.
    let early = position(number / 2);
    corpora.text(&["checkpoint", "--to", "cache", "--log", &log, "--at", early]);
    let colon = at.replace('.', ":");
    let warm = corpora.json(&["stats", "--log", &log, "--at", &colon]);
    assert_eq!(warm["open"], "checkpoint");
    assert!(corpora.text(&["dump", "--log", &log, "--at", &colon]) == dump);
    // By time.
    let recorded = then["recorded"].as_str().unwrap();
    let by_time = corpora.json(&["stats", "--log", &log, "--at", recorded]);
    assert!(by_time["records"].as_u64() >= then["records"].as_u64());
    assert_eq!(by_time["recorded"], then["recorded"]);
    // Before anything is but what says nothing of when it was written.
    let first = ["stats", "--log", &log, "--at", "1970-01-01T00:00:00Z"];
    let first = corpora.json(&first);
    assert_eq!(first["recorded"], Value::Null);
    assert!(first["records"].as_u64() < Some(20), "{first}");
    let place = corpora.place("a");
    for (at, want) in [
        ("0.1", "0000.1 is not between two records"),
        ("9.0", "0009.0 is past the end"),
    ] {
        let said = corpora.refused(1, &["stats", "--log", &log, "--at", at]);
        assert!(said.contains(want) && said.contains(&place), "{said}");
    }
    corpora.refused(2, &["stats", "--log", &log, "--at", "soon"]);
}

#[test]
fn a_server_and_an_original_log_give_the_same() {
    let corpora = Corpora::new();
    let log = corpora.synth("a", "0.001");
    let dump = corpora.text(&["dump", "--log", &log]);
    let server = Server::start(&["--log", &log]);
    let url = server.logs();
    assert!(corpora.text(&["dump", "--log", &url]) == dump);
    let said = corpora.refused(1, &["checkpoint", "--to", "beside", "--log", &url]);
    assert!(
        said.contains(&url) && said.contains("no checkpoints"),
        "{said}"
    );
    corpora.text(&["checkpoint", "--log", &url]);
    assert_eq!(
        corpora.json(&["stats", "--log", &url])["open"],
        "checkpoint"
    );
    assert!(corpora.text(&["dump", "--log", &url]) == dump);
    for layout in ["disk", "bucket"] {
        let folder = corpora.place(layout);
        run_well(&[
            "log", "export", "--log", &log, "--to", &folder, "--layout", layout,
        ]);
        assert!(
            corpora.text(&["dump", "--log", &folder]) == dump,
            "{layout}"
        );
    }
}

#[test]
fn a_part_of_a_log_has_nothing_else() {
    let corpora = Corpora::new();
    let log = corpora.synth("a", "0.001");
    let all = corpora.json(&["stats", "--log", &log]);
    let github = corpora.json(&["stats", "--log", &log, "--repo", "golang/go"]);
    assert_eq!(
        (&github["issues"], &github["cls"]),
        (&all["issues"], &0.into())
    );
    let gerrit = [
        "stats",
        "--log",
        &log,
        "--project",
        "go.googlesource.com/go",
    ];
    let gerrit = corpora.json(&gerrit);
    assert_eq!(
        (&gerrit["issues"], &gerrit["cls"]),
        (&0.into(), &all["cls"])
    );
}

#[test]
fn a_data_folder_is_its_activity() {
    let project = Project::new();
    let up = Up::start(&project, &[]);
    let hash = project.git(&["rev-parse", "HEAD"]);
    let data = project.data();
    let corpora = Corpora::new();
    let data = data.to_str().unwrap();
    let stats = support::wait_until("the commit is in the log", || {
        let stats = corpora.json(&["stats", "--data", data]);
        (stats["commits"] == 1 && stats["git_repos"] == 1).then_some(stats)
    });
    assert_eq!(stats["placeholders"], 0);
    let commit = corpora.json(&["commit", &hash[..8], "--data", data]);
    assert_eq!(
        (&commit["commit"], &commit["message"]),
        (&hash.into(), &"first\n".into())
    );
    drop(up);
    corpora.refused(2, &["stats", "--data", data, "--log", "x"]);
    let said = corpora.refused(1, &["stats", "--data", &corpora.place("none")]);
    assert!(said.contains("there is no data folder"), "{said}");
}

#[test]
fn what_is_before_the_damage_can_be_seen() {
    let corpora = Corpora::new();
    let log = conformance_log("fatal-bad-magic");
    let said = corpora.refused(1, &["dump", "--log", &log]);
    assert!(
        said.contains(&log) && said.contains("`--at 0000.42`"),
        "{said}"
    );
    let before = corpora.text(&["dump", "--log", &log, "--at", "0000.42"]);
    assert!(before.starts_with("{\"kind\":\"repo\""), "{before}");
    let said = corpora.refused(1, &["diff", "0.0", "--log", &log]);
    assert!(said.contains("`--at 0000.42`"), "{said}");
    let none = corpora.place("none");
    let said = corpora.refused(1, &["stats", "--log", &none]);
    assert!(said.contains(&none), "{said}");
}

#[test]
fn who_stops_reading_is_no_failure() {
    let corpora = Corpora::new();
    let log = corpora.synth("a", "0.001");
    let mut child = forgelog(&["corpus", "dump", "--log", &log])
        .env("XDG_CACHE_HOME", corpora.path("cache"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert!(first.starts_with("{\"kind\":\"repo\""));
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}
