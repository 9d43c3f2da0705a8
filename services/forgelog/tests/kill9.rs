//! Killed at any moment, it goes on where it was: every commit is built once by every builder, whatever happens.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails where it stands"
)]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use support::{Project, Up, builds, faults, processes_of, run_well, up_command, wait_until};

const ROUNDS: u64 = 20;
const LATEST_MILLIS: u64 = 600;
const BUILDERS: [&str; 2] = ["long", "short"];

/// A small generator of numbers that look random (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Another seed in every run; FORGELOG_TEST_SEED repeats one.
fn seed() -> u64 {
    let given = std::env::var("FORGELOG_TEST_SEED").ok();
    let now = || {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_nanos()
    };
    given.map_or_else(|| now() as u64 | 1, |seed| seed.parse().unwrap())
}

fn terminal(build: &Value) -> bool {
    !["queued", "running"].contains(&build["state"].as_str().unwrap())
}

/// How often a terminal record of each build is in the builds stream.
fn terminal_records(data: &str) -> BTreeMap<String, usize> {
    let text = run_well(&[
        "log", "cat", "--stream", "builds", "--format", "json", "--data", data,
    ]);
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        for kind in ["build_finished", "build_skipped", "build_cancelled"] {
            if let Some(id) = record["mutation"][kind]["build_id"].as_str() {
                *counts.entry(id.to_owned()).or_default() += 1;
            }
        }
    }
    counts
}

#[test]
fn whenever_it_is_killed_every_build_has_one_result() {
    let seed = seed();
    // Shown if the test fails.
    eprintln!("FORGELOG_TEST_SEED={seed}");
    let mut random = Random(seed);
    let project = Project::empty();
    let builder = |name: &str, seconds: &str| {
        format!(
            "[[builder.{name}.step]]\nid = \"a\"\nrun = [\"sleep\", \"{seconds}\"]\n[[builder.{name}.step]]\nid = \"b\"\nrun = [\"echo\", \"done\"]\n"
        )
    };
    let toml = builder("long", "0.3") + &builder("short", "0");
    let mut commits = vec![project.commit("first", &[("env/builders/all.toml", &toml)])];
    let data = project.data();

    for round in 0..ROUNDS {
        let mut child = up_command(&project.repo(), &data, &["--jobs", "2", "--history", "50"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        if round % 4 == 0 {
            commits
                .push(project.commit(&format!("round {round}"), &[("round", &round.to_string())]));
        }
        // Not to wait for something: the moment is the test's input.
        std::thread::sleep(Duration::from_millis(random.below(LATEST_MILLIS)));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    let up = Up::start(&project, &["--jobs", "2", "--history", "50"]);
    let builds = wait_until("everything is built", || {
        let builds = builds(&data);
        (builds.len() == commits.len() * BUILDERS.len() && builds.iter().all(terminal))
            .then_some(builds)
    });
    let (status, _, err) = up.terminate();
    assert!(status.success(), "{err}");

    for commit in &commits {
        for builder in BUILDERS {
            let of = |build: &&Value| build["commit"] == *commit && build["builder"] == builder;
            let states: Vec<&Value> = builds
                .iter()
                .filter(of)
                .map(|build| &build["state"])
                .collect();
            assert_eq!(states, ["ok"], "{builder} {commit}");
        }
    }
    let counts = terminal_records(data.to_str().unwrap());
    assert_eq!(counts.len(), builds.len());
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    for build in &builds {
        let id = build["id"].as_str().unwrap();
        let output = run_well(&["build", "log", id, "--data", data.to_str().unwrap()]);
        assert!(output.ends_with("done\n"), "{id}: {output}");
    }
    assert_eq!(faults(&data), serde_json::json!([]));
    wait_until("no process is left behind", || {
        processes_of(&data).is_empty().then_some(())
    });
}
