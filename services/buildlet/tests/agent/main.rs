//! The agent as its callers see it: a real server on a loopback port, real
//! commands, and the client crate on the other side.

// Clippy's leave for tests does not reach the functions that tests share.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod archives;
mod exec;
mod files;
mod lifetime;
mod outputs;
mod requests;

use std::{
    future::Future,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use buildlet::{Config, Error};
use buildlet_client::{BuildletClient, Exec, ExecOutcome};
use rustix::process::{Pid, test_kill_process};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

const PASSWORD: &str = "correct horse";

/// How long anything in these tests may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// A running agent. Dropped, it stops.
struct TestAgent {
    addr: SocketAddr,
    client: BuildletClient,
    workdir: PathBuf,
    /// Not the workdir, and outlives the agent.
    dir: TempDir,
    shutdown: CancellationToken,
    served: Option<JoinHandle<Result<(), Error>>>,
}

impl TestAgent {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut config = Config::new(addr, root.join("workdir"), PASSWORD);
        config.cache_dir = Some(root.join("cache"));
        change(&mut config);
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(buildlet::serve(config, listener, shutdown.clone()));
        let client = BuildletClient::new(addr, PASSWORD);
        // The listener takes connections before the workdir is ready.
        client.status().await.unwrap();
        Self {
            addr,
            client,
            workdir: root.join("workdir"),
            dir,
            shutdown,
            served: Some(served),
        }
    }

    /// What `serve` returns after it was told to stop.
    async fn stop(&mut self) -> Result<(), Error> {
        self.shutdown.cancel();
        self.ended().await
    }

    async fn ended(&mut self) -> Result<(), Error> {
        let served = self.served.take().unwrap();
        within(served).await.unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.workdir.join(name)
    }

    /// Runs a shell script to its end.
    async fn sh(&self, script: &str) -> (String, ExecOutcome) {
        self.run(sh(script)).await
    }

    async fn run(&self, exec: Exec) -> (String, ExecOutcome) {
        let mut stream = self.client.exec(exec).await.unwrap();
        let mut output = Vec::new();
        let reading = async {
            while let Some(chunk) = stream.next_chunk().await.unwrap() {
                output.extend_from_slice(&chunk);
            }
        };
        within(reading).await;
        let outcome = stream.outcome().unwrap().clone();
        (String::from_utf8(output).unwrap(), outcome)
    }

    /// Sends bytes as they are, and returns all that comes back.
    async fn raw(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(request.as_ref()).await.unwrap();
        let mut reply = Vec::new();
        within(stream.read_to_end(&mut reply)).await.unwrap();
        String::from_utf8_lossy(&reply).into_owned()
    }

    /// A request with the right password; status and text of the reply.
    async fn request(&self, method: &str, path: &str, form: &str) -> (u16, String) {
        self.request_with(method, path, &authorization("x", PASSWORD), form)
            .await
    }

    async fn request_with(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        form: &str,
    ) -> (u16, String) {
        let length = form.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n");
        let reply = self.raw(format!("{head}{headers}\r\n{form}")).await;
        let (head, text) = reply.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, text.to_owned())
    }
}

impl Drop for TestAgent {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// An `Authorization` line.
fn authorization(user: &str, password: &str) -> String {
    let credentials = format!("{user}:{password}");
    let encoded = data_encoding::BASE64.encode(credentials.as_bytes());
    format!("Authorization: Basic {encoded}\r\n")
}

fn sh(script: &str) -> Exec {
    Exec {
        sys: true,
        ..Exec::new("/bin/sh").args(["-c", script])
    }
}

/// Fails the test when something that must end does not.
async fn within<F: Future>(future: F) -> F::Output {
    let ended = tokio::time::timeout(DEADLINE, future).await;
    ended.expect("still going on at the deadline")
}

/// Polls until the condition holds.
async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "never came: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn all_gone(pids: &[i32]) {
    for pid in pids {
        eventually("the end of a process", || !is_running(*pid)).await;
    }
}

/// Whether a process runs. One that is dead and not yet reaped does not.
fn is_running(pid: i32) -> bool {
    if let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        let state = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.chars().next());
        return state != Some('Z');
    }
    test_kill_process(Pid::from_raw(pid).unwrap()).is_ok()
}

/// The numbers in a text: process ids that a script printed.
fn numbers(text: &str) -> Vec<i32> {
    text.split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect()
}

/// Process ids that a script writes to a file, when they are all there.
async fn pids_in(path: &Path, count: usize) -> Vec<i32> {
    let read = || std::fs::read_to_string(path).unwrap_or_default();
    eventually("the process ids", || {
        let text = read();
        text.ends_with('\n') && text.split_whitespace().count() == count
    })
    .await;
    numbers(&read())
}
