//! How an agent ends, and that nothing it runs outlives it.

use std::{fs, process::Command};

use buildlet::{Config, parent_gone, stdin_pipe};
use buildlet_client::BuildletClient;
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::{TcpListener, unix::pipe};
use tokio_util::sync::CancellationToken;

use super::{PASSWORD, TestAgent, all_gone, eventually, pids_in, sh, within};

/// A command with a child, both with their pids in the file `pids`.
const FAMILY: &str = "sleep 1000 & echo $$ $! >pids; wait";

#[tokio::test]
async fn stopping_kills_what_runs_and_breaks_off_its_reply() {
    let mut agent = TestAgent::start().await;
    let mut stream = agent.client.exec(sh(FAMILY)).await.unwrap();
    let pids = pids_in(&agent.path("pids"), 2).await;
    agent.stop().await.unwrap();
    for pid in &pids {
        assert!(!super::is_running(*pid));
    }
    // A kill by the agent's end must not be taken for how the command ended.
    within(stream.next_chunk()).await.unwrap_err();
    assert!(stream.outcome().is_none());
    assert!(agent.client.broken().is_some());
}

#[tokio::test]
async fn dropping_the_server_kills_what_runs() {
    let mut agent = TestAgent::start().await;
    let _stream = agent.client.exec(sh(FAMILY)).await.unwrap();
    let pids = pids_in(&agent.path("pids"), 2).await;
    agent.served.take().unwrap().abort();
    all_gone(&pids).await;
}

#[tokio::test]
async fn halting_ends_the_server() {
    let mut agent = TestAgent::start_with(|config| config.halt_delay = Default::default()).await;
    agent.client.halt().await.unwrap();
    agent.ended().await.unwrap();
    agent.client.status().await.unwrap_err();
}

#[tokio::test]
async fn the_workdir_is_wiped_at_the_start_and_the_cache_is_kept() {
    let mut agent = TestAgent::start().await;
    let (_, outcome) = agent
        .sh("echo x >\"$FORGELOG_CACHE/kept\"; echo x >wiped")
        .await;
    assert!(outcome.success(), "{outcome}");
    agent.stop().await.unwrap();
    assert!(agent.path("wiped").exists());
    let root = agent.dir.path().to_path_buf();
    let again = TestAgent::start_with(|config| {
        config.workdir = root.join("workdir");
        config.cache_dir = Some(root.join("cache"));
    })
    .await;
    let (output, _) = again.sh("ls; cat \"$FORGELOG_CACHE/kept\"").await;
    assert_eq!(output, "tmp\nx\n");
}

#[tokio::test]
async fn the_end_of_the_parent_is_noticed() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let gone = tokio::spawn(parent_gone(
        pipe::Receiver::from_owned_fd(reader.into()).unwrap(),
    ));
    std::io::Write::write_all(&mut writer, b"not a word of goodbye").unwrap();
    tokio::task::yield_now().await;
    assert!(!gone.is_finished());
    drop(writer);
    within(gone).await.unwrap();
}

/// An agent as the process that it is in earnest: it ends when its parent has.
/// Started by the test below, which says where.
#[tokio::test]
#[ignore = "is the other process of a_dead_parent_takes_grandchildren_along"]
async fn agent_process() {
    let Some(dir) = std::env::var_os("AGENT_TEST_DIR") else {
        return;
    };
    let dir = std::path::PathBuf::from(dir);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    fs::write(dir.join("addr.new"), addr.to_string()).unwrap();
    fs::rename(dir.join("addr.new"), dir.join("addr")).unwrap();
    let shutdown = CancellationToken::new();
    let parent = stdin_pipe().unwrap();
    let config = Config::new(addr, dir.join("workdir"), PASSWORD);
    let serving = buildlet::serve(config, listener, shutdown.clone());
    let watching = async {
        parent_gone(parent).await;
        shutdown.cancel();
    };
    let (served, ()) = tokio::join!(serving, watching);
    served.unwrap();
}

#[tokio::test]
async fn a_dead_parent_takes_grandchildren_along() {
    let dir = tempfile::tempdir().unwrap();
    // The parent, for the agent, is who holds the other end of its standard input.
    let parent = "/bin/sh -c 'echo $$ >parent; exec sleep 1000'";
    let agent = "\"$0\" --exact lifetime::agent_process --ignored --nocapture >log 2>&1";
    let mut both = Command::new("/bin/sh")
        .args(["-c", &format!("{parent} | {agent}")])
        .arg(std::env::current_exe().unwrap())
        .env("AGENT_TEST_DIR", dir.path())
        .current_dir(dir.path())
        .spawn()
        .unwrap();
    eventually("the agent", || dir.path().join("addr").exists()).await;
    let addr = fs::read_to_string(dir.path().join("addr")).unwrap();
    let client = BuildletClient::new(addr.parse().unwrap(), PASSWORD);
    let _stream = client.exec(sh(FAMILY)).await.unwrap();
    let pids = pids_in(&dir.path().join("workdir/pids"), 2).await;
    let parent = pids_in(&dir.path().join("parent"), 1).await[0];

    kill_process(Pid::from_raw(parent).unwrap(), Signal::KILL).unwrap();
    all_gone(&pids).await;
    let mut status = None;
    eventually("the end of the agent", || {
        status = both.try_wait().unwrap();
        status.is_some()
    })
    .await;
    let log = fs::read_to_string(dir.path().join("log")).unwrap();
    assert!(status.unwrap().success(), "{log}");
    assert!(log.contains("1 passed"), "{log}");
}
