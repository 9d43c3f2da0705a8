//! Serves the pages of an invented history, to look at them:
//! `cargo run -p dashboard --example sample [ADDRESS [BUILDERS]]`.

#[path = "../tests/pages/script.rs"]
#[allow(dead_code, unreachable_pub, clippy::unwrap_used)]
mod script;

use log_core::server::{ConnectionLimits, listen};
use proto::GitHash;
use proto::forgelog::builds::{AttemptEnd, Verdict};
use script::Script;
use tokio::net::TcpListener;

const REPO: &str = "kv";

const AUTHORS: [&str; 5] = [
    "Ada Byron <ada@kv.example>",
    "Edsger Dijk <edsger@kv.example>",
    "Grace Hopper <grace@kv.example>",
    "Barbara Liskov <barbara@kv.example>",
    "Ken T <ken@kv.example>",
];

const SUBJECTS: [&str; 16] = [
    "wal: fsync the directory after a rename",
    "compact: split ranges that grow past 64 MiB",
    "server: answer 429 with Retry-After when the queue is full",
    "raft: step down when the lease can't be renewed",
    "client: retry idempotent reads on another replica",
    "bench: record p99.9 and allocations",
    "storage: verify checksums of blocks before they are cached",
    "doc: how a snapshot is taken without stopping writers",
    "txn: order commit timestamps by hybrid clock",
    "ci: build with the oldest supported toolchain",
    "cmd/kv: print progress to standard error only",
    "iterator: don't hold the table lock across a seek",
    "all: spelling",
    "net: close idle connections after five minutes",
    "metrics: count rejected writes by reason",
    "test: make TestFailover deterministic",
];

const BUILDERS: [&str; 9] = [
    "all-compile",
    "darwin-arm64",
    "linux-386",
    "linux-amd64",
    "linux-arm64",
    "windows-amd64",
    "linux-amd64-race",
    "freebsd-amd64",
    "lint",
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let builders: usize = args
        .next()
        .map_or(Ok(BUILDERS.len()), |count| count.parse())?;
    let served = history(builders).serve(REPO).await;
    if std::env::var_os("NOTICE").is_some() {
        let notices =
            vec!["building is off: env/builders/quick.toml:3: there is no host \"big\"".to_owned()];
        served
            .status
            .send_replace(dashboard::ServiceStatus { notices });
    }
    let listener = TcpListener::bind(address).await?;
    let pages = dashboard::router(served.components);
    let for_ever = std::future::pending();
    listen::serve(listener, pages, ConnectionLimits::default(), for_ever).await?;
    Ok(())
}

fn names(count: usize) -> Vec<String> {
    let more = [
        "android", "linux", "netbsd", "openbsd", "plan9", "windows", "darwin",
    ]
    .iter()
    .cycle()
    .zip(0..);
    let more = more.map(|(os, number)| {
        format!(
            "{os}-{}-v{}",
            ["amd64", "arm64", "riscv64"][number % 3],
            number / 7
        )
    });
    BUILDERS
        .iter()
        .map(|name| (*name).to_owned())
        .chain(more)
        .take(count)
        .collect()
}

fn history(builders: usize) -> Script {
    let names = names(builders);
    let in_force: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "*")).collect();
    let in_force: Vec<(&str, &str)> = in_force
        .iter()
        .map(|(name, all)| (*name, if *name == "lint" { "default" } else { all }))
        .collect();
    let mut script = Script::new("2026-11-20T07:12:09Z");
    script.config(
        &in_force,
        &["Cargo.toml: a Rust workspace: `cargo test` is run."],
    );
    script.default_branch(REPO, "main");
    let mut chance = 42;
    let mut parent: Option<GitHash> = None;
    for number in 0..44 {
        chance = roll(chance);
        script.wait(600 + (chance % 5400) as i64);
        let subject = SUBJECTS[(number * 7) % SUBJECTS.len()];
        let message = format!(
            "{subject}\n\nWhat was seen in production, why it happens, and why this way.\n\nFixes #{}",
            1200 + number
        );
        let author = AUTHORS[(chance >> 8) as usize % AUTHORS.len()];
        let files = [
            ("storage/table.rs", 41, 7),
            ("storage/table/tests.rs", 88, 0),
            ("docs/storage.md", 3, 3),
        ];
        let parents: Vec<GitHash> = parent.into_iter().collect();
        let commit = script.commit_by(author, REPO, &parents, &message, &files);
        script.push(REPO, "main", commit);
        if number == 20 {
            script.push(REPO, "release-1.4", commit);
        }
        parent = Some(commit);
        for (column, name) in names.iter().enumerate() {
            chance = roll(chance);
            build(&mut script, name, commit, number, column, chance);
        }
    }
    others(&mut script, &names);
    script
}

fn others(script: &mut Script, names: &[String]) {
    for (repo, subject) in [
        ("kv-go", "client: speak protocol 7"),
        ("kv.example/operator", "scale down one by one"),
    ] {
        let commit = script.commit(repo, &[], subject);
        script.push(repo, "main", commit);
        script.default_branch(repo, "main");
        for name in &names[..names.len().min(4)] {
            script.built(
                name,
                repo,
                commit,
                if repo == "kv-go" {
                    Verdict::Ok
                } else {
                    Verdict::Failed
                },
                "ok\n",
            );
        }
    }
}

fn roll(chance: u64) -> u64 {
    chance
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407)
        >> 1
}

fn build(
    script: &mut Script,
    name: &str,
    commit: GitHash,
    number: usize,
    column: usize,
    chance: u64,
) {
    let id = script.queue(name, REPO, commit, "main");
    // The newest commits are not finished everywhere.
    match (number, column % 9) {
        (43, 2 | 4..=8) => return,
        (43, 1 | 3) | (42, 7) => {
            script.wait(2);
            script.start(&id, &format!("{name}-host-2"));
            script.span(&id, "fetch", 2, "");
            script.span(&id, "make", 9, "");
            script.span(&id, "test", -1, "");
            script.print(&id, output(name, false));
            return;
        }
        _ => {}
    }
    script.wait(1);
    if chance.is_multiple_of(37) {
        script.start(&id, &format!("{name}-host-1"));
        script.wait(20);
        script.end_attempt(
            &id,
            AttemptEnd::HostLost,
            "no answer from the host for 60 s: connection reset by peer",
        );
    }
    script.start(&id, &format!("{name}-host-{}", 1 + chance % 4));
    script.span(&id, "fetch", 2, "");
    script.span(&id, "make", 11, "");
    let is_broken = (name == "windows-amd64" && number > 39)
        || (name == "linux-amd64-race" && (30..34).contains(&number));
    if name == "freebsd-amd64" && number > 40 {
        script.finish(
            &id,
            Verdict::InfraExhausted,
            "",
            "no host was ready for 1 h",
        );
    } else if is_broken || chance.is_multiple_of(53) {
        script.span(&id, "test", 21, "exit status 1");
        script.print(&id, output(name, true));
        script.finish(&id, Verdict::Failed, "test", "exit status 1");
    } else if chance.is_multiple_of(149) {
        script.span(&id, "test", 60, "timed out");
        script.finish(&id, Verdict::Timeout, "test", "killed after 20 m");
    } else {
        script.span(&id, "test", 25, "");
        script.print(&id, output(name, false));
        script.finish(&id, Verdict::Ok, "", "");
    }
}

fn output(name: &str, fails: bool) -> String {
    let mut text = format!(
        "##### fetch\n{name}: 1 commit, 812 kB\n##### make\n\u{1b}[1;32m   Compiling\u{1b}[0m kv v0.4.0\n"
    );
    for number in 0..600 {
        text.push_str(&format!(
            "test storage::block::case_{number:03} ... \u{1b}[32mok\u{1b}[0m\n"
        ));
        if fails && number == 500 {
            text.push_str("--- FAIL: TestServerTimeouts (5.01s)\n    server_test.rs:512: got 503 Service Unavailable after 5.003 s, want 200\n    server_test.rs:518: the queue had 0 of 64 places left\n");
        }
    }
    text.push_str(if fails {
        "\ntest result: \u{1b}[31mFAILED\u{1b}[0m. 599 passed; 1 failed; 12 ignored; finished in 21.02s\n"
    } else {
        "\ntest result: ok. 600 passed; 0 failed; 12 ignored; finished in 24.88s\n"
    });
    text
}
