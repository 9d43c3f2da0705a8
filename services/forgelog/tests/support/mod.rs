//! What the tests share: a small git repository, the program under test, and patience.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails where it stands"
)]

pub mod corpora;
pub mod server;

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The longest wait for anything: for a machine under load, not for one that works.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A builder whose one step runs the repository's `check.sh`.
pub const CHECK_TOML: &str =
    "[[builder.check.step]]\nid = \"test\"\nrun = [\"sh\", \"check.sh\"]\n";

/// Looks until there is something; fails with `what` was waited for.
#[track_caller]
pub fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// A git repository in a folder of its own, and room for data folders beside it.
pub struct Project {
    dir: TempDir,
}

impl Project {
    /// A repository without a commit.
    pub fn empty() -> Self {
        let project = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(project.repo()).unwrap();
        project.git(&["init", "-q", "-b", "main"]);
        project
    }

    /// A repository with the builder `check` and a first, good commit.
    pub fn new() -> Self {
        let project = Self::empty();
        project.commit(
            "first",
            &[
                ("env/builders/check.toml", CHECK_TOML),
                ("check.sh", "echo all fine\n"),
            ],
        );
        project
    }

    pub fn repo(&self) -> PathBuf {
        self.dir.path().join("demo")
    }

    /// A folder that is not there yet.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Another folder that is not there yet.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        self.git_with_input(arguments, "")
    }

    #[track_caller]
    pub fn git_with_input(&self, arguments: &[&str], input: &str) -> String {
        let mut command = Command::new("git");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GIT_") {
                command.env_remove(name);
            }
        }
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Ann")
                .env(format!("GIT_{role}_EMAIL"), "ann@example.org");
        }
        let mut child = command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .current_dir(self.repo())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Commits files with these contents, and gives the commit's hash.
    #[track_caller]
    pub fn commit(&self, message: &str, files: &[(&str, &str)]) -> String {
        for (name, text) in files {
            let path = self.repo().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        self.git(&["add", "--all"]);
        self.git_with_input(&["commit", "-q", "--allow-empty", "--file=-"], message);
        self.git(&["rev-parse", "HEAD"])
    }
}

/// The program under test with these arguments.
pub fn forgelog(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forgelog"));
    command
        .args(arguments)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn run(arguments: &[&str]) -> Output {
    forgelog(arguments).output().unwrap()
}

/// Runs it to its good end, and gives what it printed.
#[track_caller]
pub fn run_well(arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "forgelog {arguments:?}: {}\n{said}",
        output.status
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Runs it to its bad end with this exit code, and gives what it said on stderr.
#[track_caller]
pub fn run_badly(code: i32, arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        output.status.code(),
        Some(code),
        "forgelog {arguments:?}: {said}"
    );
    said
}

/// What it prints, as JSON.
#[track_caller]
pub fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&run_well(arguments)).unwrap()
}

/// The builds of a data folder; none while there is no such folder.
pub fn builds(data: &Path) -> Vec<Value> {
    let output = run(&["build", "list", "--json", "--data", data.to_str().unwrap()]);
    if !output.status.success() {
        return Vec::new();
    }
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The build of this builder and commit, once it is in a terminal state.
#[track_caller]
pub fn finished(data: &Path, builder: &str, commit: &str) -> Value {
    wait_until(&format!("{builder} has built {commit}"), || {
        builds(data).into_iter().find(|build| {
            build["builder"] == builder
                && build["commit"] == commit
                && !["queued", "running"].contains(&build["state"].as_str().unwrap())
        })
    })
}

/// What is wrong with the log, as `log verify` says.
pub fn faults(data: &Path) -> Value {
    json(&["log", "verify", "--json", "--data", data.to_str().unwrap()])["faults"].clone()
}

/// A running `forgelog up`; killed when it is dropped.
pub struct Up {
    child: Child,
    pub url: String,
    out: Arc<Mutex<String>>,
    err: Arc<Mutex<String>>,
    gathering: Vec<JoinHandle<()>>,
}

impl Up {
    /// Starts it on any free port, looking often, and waits for its URL.
    #[track_caller]
    pub fn start(project: &Project, more: &[&str]) -> Self {
        Self::start_at(&project.repo(), &project.data(), more)
    }

    #[track_caller]
    pub fn start_at(repo: &Path, data: &Path, more: &[&str]) -> Self {
        Self::spawn(&mut up_command(repo, data, more))
    }

    /// Waits for the first line of a command that is `up`.
    #[track_caller]
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (out, err) = (Arc::default(), Arc::default());
        let gathering = vec![
            gather(child.stdout.take().unwrap(), &out),
            gather(child.stderr.take().unwrap(), &err),
        ];
        let mut up = Self {
            child,
            url: String::new(),
            out,
            err,
            gathering,
        };
        up.url = wait_until("forgelog up prints its URL", || {
            let first = up.out().lines().next().map(str::to_owned);
            if first.is_none() && up.child.try_wait().unwrap().is_some() {
                panic!("forgelog up ended: {}", up.err());
            }
            first
        });
        assert!(
            up.url.starts_with("http://127.0.0.1:") && up.url.ends_with('/'),
            "{}",
            up.url
        );
        up
    }

    /// What it said on stdout so far, in whole lines.
    pub fn out(&self) -> String {
        self.out.lock().unwrap().clone()
    }

    /// The same of stderr.
    pub fn err(&self) -> String {
        self.err.lock().unwrap().clone()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Gets a page: its status and its body.
    pub fn get(&self, path: &str) -> (u16, String) {
        get(&self.url, path)
    }

    /// The body of a page that is there.
    #[track_caller]
    pub fn page(&self, path: &str) -> String {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Waits until a page contains the text, and gives it: what is in the log is on the pages a moment later.
    #[track_caller]
    pub fn page_with(&self, path: &str, text: &str) -> String {
        wait_until(&format!("{path} shows {text:?}"), || {
            let (status, body) = self.get(path);
            (status == 200 && body.contains(text)).then_some(body)
        })
    }

    /// Asks it to stop, and waits until it has.
    pub fn terminate(mut self) -> (ExitStatus, String, String) {
        signal(self.pid(), rustix::process::Signal::TERM);
        let status = self.wait();
        (status, self.out(), self.err())
    }

    /// Waits until it ends by itself.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let status = self.wait();
        (status, self.err())
    }

    /// Waits until it has ended, and all that it said is here.
    fn wait(&mut self) -> ExitStatus {
        let status = wait_until("forgelog up ends", || self.child.try_wait().unwrap());
        wait_until("its last words are here", || {
            self.gathering
                .iter()
                .all(JoinHandle::is_finished)
                .then_some(())
        });
        status
    }

    /// Kills it, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("forgelog up said:\n{}\n{}", self.out(), self.err());
        }
    }
}

/// `forgelog up` on any free port, looking often.
pub fn up_command(repo: &Path, data: &Path, more: &[&str]) -> Command {
    let mut command = forgelog(&[
        "up",
        repo.to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
    ]);
    command
        .args(["--listen", "127.0.0.1:0", "--poll", "50ms"])
        .args(more);
    command
}

pub fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Keeps what comes, a line at a time.
fn gather(from: impl std::io::Read + Send + 'static, into: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let into = Arc::clone(into);
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from
            .read_until(b'\n', &mut line)
            .is_ok_and(|count| count > 0)
        {
            into.lock()
                .unwrap()
                .push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}

/// Gets a page over a connection of its own.
pub fn get(url: &str, path: &str) -> (u16, String) {
    let address = url.strip_prefix("http://").unwrap().trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .parse()
        .unwrap_or_else(|_| panic!("no answer: {answer:?}"));
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, body.to_owned())
}

/// The processes that belong to a data folder: those that name it in their arguments, or run below it. Only where the
/// system shows them in /proc.
pub fn processes_of(data: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let data = data.to_str().unwrap();
    let mut found = Vec::new();
    for process in entries.flatten().map(|entry| entry.path()) {
        let command = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let below = std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(data));
        if below || command.contains(data) {
            found.push(format!("{}: {command}", process.display()));
        }
    }
    found
}
