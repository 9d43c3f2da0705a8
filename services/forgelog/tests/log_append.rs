//! `forgelog log append`: what is read, what is refused, and that what it prints is true.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where it stands"
)]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Output, Stdio};
use support::{forgelog, run, run_well};
use tempfile::TempDir;

struct Log {
    _dir: TempDir,
    url: String,
}

impl Log {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("file://{}/log", dir.path().display());
        Self { _dir: dir, url }
    }

    /// Appends this input.
    fn append(&self, format: &str, input: &[u8], more: &[&str]) -> Output {
        let arguments = [
            &["log", "append", "--log", &self.url, "--format", format],
            more,
        ]
        .concat();
        let mut child = forgelog(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        // Whoever fails early reads no more.
        let feeding = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        feeding.join().unwrap();
        output
    }

    #[track_caller]
    fn append_well(&self, format: &str, input: &[u8], more: &[&str]) -> Vec<String> {
        let output = self.append(format, input, more);
        assert!(output.status.success(), "{}", stderr(&output));
        positions(&output)
    }

    /// Position and owner of all records but those that begin an epoch.
    fn owners(&self) -> Vec<(String, String)> {
        let text = run_well(&["log", "cat", "--log", &self.url, "--format", "json"]);
        let records = text.lines().map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            let owner = &record["mutation"]["github"]["owner"];
            owner
                .as_str()
                .map(|owner| (record["at"].as_str().unwrap().to_owned(), owner.to_owned()))
        });
        records.flatten().collect()
    }

    fn tail(&self) -> String {
        let info = support::json(&["log", "info", "--json", "--log", &self.url]);
        info["tail"].as_str().unwrap().to_owned()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn positions(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(str::to_owned).collect()
}

fn line(owner: &str) -> String {
    format!("{{\"github\":{{\"owner\":\"{owner}\"}}}}\n")
}

#[test]
fn what_was_printed_is_where_the_records_are() {
    let log = Log::new();
    let names: Vec<String> = (0..3000).map(|number| format!("o{number}")).collect();
    let input: String = names.iter().map(|name| line(name)).collect();
    let printed = log.append_well("json", input.as_bytes(), &[]);
    let owners = log.owners();
    let (places, found): (Vec<String>, Vec<String>) = owners.into_iter().unzip();
    assert!(
        names == found,
        "the order of the input is not that of the log"
    );
    assert!(printed == places, "other positions were printed");
    run_well(&["log", "verify", "--log", &log.url]);
}

#[test]
fn positions_come_while_the_input_goes_on() {
    let log = Log::new();
    let mut child = forgelog(&["log", "append", "--log", &log.url, "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    for owner in ["one", "two"] {
        stdin.write_all(line(owner).as_bytes()).unwrap();
        let at = out.next().unwrap().unwrap();
        assert_eq!(log.owners().last().unwrap(), &(at, owner.to_owned()));
    }
    drop(stdin);
    assert!(out.next().is_none());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_bad_line_ends_it_after_those_before() {
    let log = Log::new();
    let input = format!("{}{{\"github\": {{\"own\": 1}}}}\n{}", line("a"), line("b"));
    let output = log.append("json", input.as_bytes(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("line 2, column") && said.contains("'own'"),
        "{said}"
    );
    assert_eq!(positions(&output).len(), 1);
    assert_eq!(log.owners().len(), 1);

    let output = log.append("json", input.as_bytes(), &["--keep-going"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(positions(&output).len(), 2);
    assert!(stderr(&output).contains("line 2, column"));
    assert_eq!(log.owners().len(), 3);
}

#[test]
fn a_retried_input_is_there_once() {
    let log = Log::new();
    let input: String = ["a", "b", "c"].map(line).concat();
    let key = ["--idempotency-prefix", "job"];
    let cut = &input.as_bytes()[..line("a").len() * 2];
    let first = log.append_well("json", cut, &key);
    let all = log.append_well("json", input.as_bytes(), &key);
    assert_eq!(all[..2], first);
    assert_eq!(log.append_well("json", input.as_bytes(), &key), all);
    assert_eq!(log.owners().len(), 3);
    // Another job's records are others.
    assert_ne!(
        log.append_well("json", input.as_bytes(), &["--idempotency-prefix", "jo"]),
        all
    );
    assert_eq!(log.owners().len(), 6);
}

#[test]
fn a_long_retried_input_is_there_once_too() {
    // More than the writer remembers keys of.
    let log = Log::new();
    let input: String = (0..20).map(|_| line(&"x".repeat(1 << 20))).collect();
    let key = ["--idempotency-prefix", "job"];
    let first = log.append_well("json", input.as_bytes(), &key);
    assert!(first.len() == 20 && first.last().unwrap().starts_with("0001."));
    assert!(log.append_well("json", input.as_bytes(), &key) == first);
}

#[test]
fn a_condition_holds_for_the_first_record() {
    let log = Log::new();
    log.append_well("json", line("a").as_bytes(), &[]);
    let tail = log.tail();
    let two: String = ["b", "c"].map(line).concat();
    assert_eq!(
        log.append_well("json", two.as_bytes(), &["--if-tail", &tail])
            .len(),
        2
    );
    let now = log.tail();
    let output = log.append("json", two.as_bytes(), &["--if-tail", &tail]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains(&format!("ends at {now}, not at {tail}")),
        "{said}"
    );
    assert_eq!(log.tail(), now);
}

#[test]
fn messages_with_their_lengths_are_records() {
    let log = Log::new();
    let message = [0x1a, 3, 0x0a, 1, b'x']; // github { owner: "x" }
    let mut input = vec![message.len() as u8];
    input.extend(message);
    input.push(0);
    assert_eq!(log.append_well("binary", &input, &[]).len(), 2);
    assert_eq!(log.owners()[0].1, "x");
    for (input, says) in [
        (
            &b"\x05\x1a"[..],
            "record 1, at byte 0: the input ends after 1 of its 5 bytes",
        ),
        (
            b"\x02\xff\xff",
            "record 1, at byte 0: this is no maintpb.Mutation",
        ),
        (b"\x81\x80\x80\x20", "more than the 67108864"),
    ] {
        let output = log.append("binary", input, &[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
    }
}

#[test]
fn framed_records_of_another_log_are_stamped_anew() {
    let (from, to) = (Log::new(), Log::new());
    let input: String = ["a", "b"].map(line).concat();
    from.append_well("json", input.as_bytes(), &[]);
    from.append_well("json", line("c").as_bytes(), &[]);
    let raw = run(&["log", "cat", "--log", &from.url, "--format", "raw"]).stdout;
    assert_eq!(to.append_well("raw", &raw, &[]).len(), 3);
    let names = |log: &Log| {
        log.owners()
            .into_iter()
            .map(|(_, owner)| owner)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&to), names(&from));
    let text = run_well(&["log", "cat", "--log", &to.url]);
    assert_eq!(
        text.lines().filter(|line| line.contains("/1 ")).count(),
        4,
        "{text}"
    );
    let output = to.append("raw", &raw[..raw.len() - 1], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("record 5, at byte"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn builds_have_another_message() {
    let log = Log::new();
    let input = br#"{"builderResumed": {"builder": "linux", "who": "ann"}}"#;
    assert_eq!(log.append("json", input, &[]).status.code(), Some(1));
    let message = ["--message", "forgelog.builds.Mutation"];
    log.append_well("json", input, &message);
    let cat = [
        "log",
        "cat",
        "--log",
        &log.url,
        "--message",
        "forgelog.builds.Mutation",
    ];
    assert!(run_well(&cat).contains("builder_resumed {builder: \"linux\""));
}
