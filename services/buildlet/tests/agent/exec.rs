//! What is run, and how it ends.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use buildlet_client::Exec;
use rustix::process::{Pid, getpgid};

use super::{
    PASSWORD, TestAgent, all_gone, authorization, eventually, is_running, numbers, pids_in, sh,
    within,
};

#[tokio::test]
async fn outcomes() {
    let agent = TestAgent::start().await;
    let (_, ok) = agent.sh("true").await;
    assert!(ok.success());
    assert_eq!(
        (ok.state.as_str(), ok.exit_code, ok.signal),
        ("ok", Some(0), None)
    );
    let (_, failed) = agent.sh("exit 3").await;
    assert!(!failed.success() && !failed.timed_out);
    assert_eq!(
        (failed.state.as_str(), failed.exit_code),
        ("exit status 3", Some(3))
    );
    let (_, killed) = agent.sh("kill -TERM $$").await;
    assert_eq!(killed.state, "signal: terminated");
    assert_eq!((killed.exit_code, killed.signal), (None, Some(15)));
}

#[tokio::test]
async fn what_cannot_be_started_is_an_outcome_and_no_success() {
    let agent = TestAgent::start().await;
    for cmd in ["/no/such/program", "no/such/program"] {
        let (output, outcome) = agent.run(Exec::new(cmd)).await;
        assert!(!outcome.success());
        assert!(outcome.state.contains("fork/exec"), "{outcome}");
        assert_eq!((output.as_str(), outcome.exit_code), ("", None));
    }
    let exec = Exec {
        dir: "no/such/dir".into(),
        ..sh("true")
    };
    let (_, outcome) = agent.run(exec).await;
    assert!(outcome.state.contains("chdir"), "{outcome}");
    let (_, outcome) = agent.run(Exec::new("/bin/sh").args(["-c", "a\0b"])).await;
    assert!(!outcome.success());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let agent = TestAgent::start().await;
    for (form, want, word) in [
        ("", 400, "requires 'cmd'"),
        ("cmd=..%2Fx", 400, "invalid 'cmd'"),
        ("cmd=no-such-program", 422, "not found"),
        ("cmd=sh&path=%24EMPTY", 422, "not found"),
        ("cmd=%2Fbin%2Fsh&dir=..", 400, "invalid dir"),
        ("cmd=%2Fbin%2Fsh&dir=%2Ftmp", 400, "invalid dir"),
        ("cmd=%2Fbin%2Fsh&env=NOVALUE", 400, "invalid 'env'"),
        ("cmd=%2Fbin%2Fsh&timeout_s=0", 400, "invalid 'timeout_s'"),
        ("cmd=%2Fbin%2Fsh&timeout_s=-1", 400, "invalid 'timeout_s'"),
    ] {
        let (status, text) = agent.request("POST", "/exec", form).await;
        assert_eq!(status, want, "{form}: {text}");
        assert!(text.contains(word), "{form}: {text}");
    }
}

#[tokio::test]
async fn http_1_0_has_no_trailers_and_is_refused() {
    let agent = TestAgent::start().await;
    let headers = authorization("x", PASSWORD);
    let reply = agent
        .raw(format!(
            "POST /exec HTTP/1.0\r\n{headers}Content-Length: 11\r\n\r\ncmd=/bin/sh"
        ))
        .await;
    assert!(reply.contains(" 400 "), "{reply}");
}

#[tokio::test]
async fn trailers_come_unasked() {
    // As the original's clients ask: without a word of trailers.
    let agent = TestAgent::start().await;
    let form = "cmd=%2Fbin%2Fsh&mode=sys&cmdArg=-c&cmdArg=echo+hello%3B+exit+3";
    let headers = authorization("gomote", PASSWORD);
    let length = form.len();
    let head = format!("POST /exec HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {length}\r\n");
    let reply = agent.raw(format!("{head}\r\n{form}")).await.to_lowercase();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("trailer: process-state"), "{head}");
    assert!(body.contains("hello\n"), "{body}");
    assert!(
        body.contains("\r\nprocess-state: exit status 3\r\n"),
        "{body}"
    );
}

#[tokio::test]
async fn headers_come_before_the_command_ends() {
    let agent = TestAgent::start().await;
    let script = "until [ -e go ]; do sleep 0.01; done; echo done";
    let stream = within(agent.client.exec(sh(script))).await.unwrap();
    agent.client.put_file("go", 0o644, "").await.unwrap();
    assert!(within(stream.finish()).await.unwrap().success());
}

#[tokio::test]
async fn a_client_that_goes_away_takes_the_whole_group_along() {
    let agent = TestAgent::start().await;
    let script = "sleep 1000 & echo $$ $!; wait";
    let mut stream = agent.client.exec(sh(script)).await.unwrap();
    let pids = stream.next_chunk().await.unwrap().unwrap();
    let pids = numbers(str::from_utf8(&pids).unwrap());
    drop(stream);
    all_gone(&pids).await;
    // Nobody holds this against the client.
    assert_eq!(agent.client.broken(), None);
    agent.client.status().await.unwrap();
}

#[tokio::test]
async fn a_silent_command_ends_with_its_client_too() {
    let agent = TestAgent::start().await;
    let script = "sleep 1000 & echo $$ $! >pids; wait";
    let stream = agent.client.exec(sh(script)).await.unwrap();
    let pids = pids_in(&agent.path("pids"), 2).await;
    drop(stream);
    all_gone(&pids).await;
}

#[tokio::test]
async fn the_time_limit_kills_the_whole_group() {
    let agent = TestAgent::start().await;
    let exec = Exec {
        timeout: Some(Duration::from_millis(1)),
        ..sh("trap '' TERM INT; sleep 1000 & echo $$ $!; wait")
    };
    let (output, outcome) = agent.run(exec).await;
    assert!(outcome.timed_out && !outcome.success());
    assert_eq!(
        (outcome.state.as_str(), outcome.signal),
        ("signal: killed", Some(9))
    );
    all_gone(&numbers(&output)).await;
    assert_eq!(agent.client.broken(), None);
}

#[tokio::test]
async fn background_processes_end_with_their_command() {
    let agent = TestAgent::start().await;
    // One that holds the pipe open, and one that does not.
    let script = "sleep 1000 & echo $!; sleep 1000 >/dev/null 2>&1 & echo $!; exit 3";
    let (output, outcome) = agent.sh(script).await;
    assert_eq!(outcome.exit_code, Some(3));
    let pids = numbers(&output);
    assert_eq!(pids.len(), 2);
    all_gone(&pids).await;

    // One that never stops printing.
    let script = "while :; do echo y; sleep 0.01; done & exit 4";
    let (output, outcome) = agent.sh(script).await;
    assert_eq!(outcome.exit_code, Some(4));
    assert!(output.lines().all(|line| line == "y"));
}

#[tokio::test]
async fn a_process_that_left_the_group_does_not_hold_up_the_reply() {
    let mut agent = TestAgent::start().await;
    // `timeout` takes a group of its own. It holds the pipe.
    let script = "timeout 60 sleep 60 & echo $!; until [ -e go ]; do sleep 0.01; done; exit 5";
    let mut stream = agent.client.exec(sh(script)).await.unwrap();
    let output = within(stream.next_chunk()).await.unwrap().unwrap();
    let [pid] = numbers(str::from_utf8(&output).unwrap())[..] else {
        panic!("{output:?}");
    };
    eventually("a group of its own", || {
        let pid = Pid::from_raw(pid).unwrap();
        getpgid(Some(pid)).unwrap() == pid
    })
    .await;
    agent.client.put_file("go", 0o644, "").await.unwrap();
    let outcome = within(stream.finish()).await.unwrap();
    assert_eq!(outcome.exit_code, Some(5));
    // Nor does it outlive the command.
    if cfg!(target_os = "linux") {
        all_gone(&[pid]).await;
    }
    agent.stop().await.unwrap();
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_command_that_is_cut_off_takes_all_its_descendants_along() {
    let agent = TestAgent::start().await;
    let script = "timeout 1000 sh -c 'sleep 1000 & echo $$ $! >pids; wait' & wait";
    let stream = agent.client.exec(sh(script)).await.unwrap();
    let pids = pids_in(&agent.path("pids"), 2).await;
    // Another command is none of them.
    let other = agent
        .client
        .exec(sh("echo $$ >other; sleep 1000"))
        .await
        .unwrap();
    let others = pids_in(&agent.path("other"), 1).await;
    drop(stream);
    all_gone(&pids).await;
    assert!(is_running(others[0]));
    drop(other);
    all_gone(&others).await;
}

#[tokio::test]
async fn a_command_may_close_its_outputs_and_go_on() {
    let agent = TestAgent::start().await;
    let script = "exec >&- 2>&-; until [ -e go ]; do sleep 0.01; done; : >went; exit 6";
    let stream = agent.client.exec(sh(script)).await.unwrap();
    agent.client.put_file("go", 0o644, "").await.unwrap();
    let outcome = within(stream.finish()).await.unwrap();
    assert_eq!(outcome.exit_code, Some(6));
    assert!(agent.path("went").exists());
}

#[tokio::test]
async fn programs_are_found_and_run_where_they_should() {
    let agent = TestAgent::start().await;
    let root = agent.workdir.to_str().unwrap().to_owned();
    let script = "#!/bin/sh\npwd\n";
    agent
        .client
        .put_file("tools/where", 0o755, script)
        .await
        .unwrap();
    agent.client.put_file("where", 0o755, script).await.unwrap();
    agent
        .client
        .put_file("not-executable", 0o644, script)
        .await
        .unwrap();
    let sys = |cmd: &str| Exec {
        sys: true,
        ..Exec::new(cmd)
    };
    let in_dir = |cmd: &str| Exec {
        dir: "tools".into(),
        ..Exec::new(cmd)
    };
    let with_path = |cmd: &str| Exec {
        path: vec!["$WORKDIR/tools".into()],
        ..in_dir(cmd)
    };
    for (exec, want) in [
        (Exec::new("tools/where"), format!("{root}/tools\n")),
        (sys("tools/where"), format!("{root}\n")),
        (Exec::new("where"), format!("{root}\n")),
        (in_dir("where"), format!("{root}/tools\n")),
        (
            Exec::new(format!("{root}/tools/where")),
            format!("{root}/tools\n"),
        ),
        (Exec::new("pwd"), format!("{root}\n")),
    ] {
        let (output, outcome) = agent.run(exec.clone()).await;
        assert_eq!((output, outcome.state), (want, "ok".into()), "{exec:?}");
    }
    // A bare name is looked for in the PATH that the command gets.
    agent.client.remove_all(&["where"]).await.unwrap();
    let (output, _) = agent.run(with_path("where")).await;
    assert_eq!(output, format!("{root}/tools\n"));
    let error = agent
        .client
        .exec(Exec::new("not-executable"))
        .await
        .unwrap_err();
    assert_eq!(error.status().unwrap(), 422);
}

#[tokio::test]
async fn the_environment() {
    let agent = TestAgent::start_with(|config| {
        config.env.push(("INHERITED".into(), "yes".into()));
        config.env.push(("LEAKED".into(), PASSWORD.into()));
    })
    .await;
    let root = agent.workdir.to_str().unwrap().to_owned();
    // The directory for temporary files may have been deleted.
    agent.client.remove_all(&["."]).await.unwrap();
    let exec = Exec {
        env: vec![
            ("ADDED".into(), "1".into()),
            ("INHERITED".into(), "changed".into()),
            ("ADDED".into(), "two words=2".into()),
        ],
        path: vec!["/go/bin".into(), "$PATH".into(), "$WORKDIR/bin".into()],
        ..sh("env; cd \"$TMPDIR\"")
    };
    let (output, outcome) = agent.run(exec).await;
    assert!(outcome.success(), "{outcome}");
    let of = |key: &str| {
        let prefix = format!("{key}=");
        let mut values = output.lines().filter_map(|line| line.strip_prefix(&prefix));
        let value = values.next().map(str::to_owned);
        assert_eq!(values.next(), None, "{key}");
        value
    };
    assert_eq!(of("WORKDIR").unwrap(), root);
    assert_eq!(of("TMPDIR").unwrap(), format!("{root}/tmp"));
    assert_eq!(of("ADDED").unwrap(), "two words=2");
    assert_eq!(of("INHERITED").unwrap(), "changed");
    assert!(of("PATH").unwrap().starts_with("/go/bin:"));
    assert!(of("PATH").unwrap().ends_with(&format!(":{root}/bin")));
    let cache = of("FORGELOG_CACHE").unwrap();
    assert_eq!(
        fs::canonicalize(cache).unwrap(),
        agent.dir.path().canonicalize().unwrap().join("cache")
    );
    assert_eq!(of("LEAKED"), None);
    assert!(!output.contains(PASSWORD));
}

#[tokio::test]
async fn debug_shows_the_command() {
    let agent = TestAgent::start().await;
    let exec = Exec {
        debug: true,
        env: vec![("SHOWN".into(), "1".into())],
        ..sh("echo output")
    };
    let (output, _) = agent.run(exec).await;
    let line = output.lines().next().unwrap();
    assert!(
        line.starts_with("::  Running /bin/sh with args [\"-c\", \"echo output\"]"),
        "{line}"
    );
    assert!(
        line.contains("SHOWN=1") && !line.contains(PASSWORD),
        "{line}"
    );
    assert!(output.ends_with("output\n"), "{output}");
}

#[tokio::test]
async fn any_failed_exec_breaks_the_client_for_good() {
    let agent = TestAgent::start().await;
    // Other calls do not.
    agent.client.put_file("..", 0o644, "").await.unwrap_err();
    assert_eq!(agent.client.broken(), None);
    let clone = agent.client.clone();
    clone.exec(Exec::new("no-such-program")).await.unwrap_err();
    let cause = agent.client.broken().unwrap();
    assert!(cause.contains("no-such-program"), "{cause}");
    let error = agent.client.status().await.unwrap_err().to_string();
    assert!(
        error.contains("given up") && error.contains("no-such-program"),
        "{error}"
    );
}

#[tokio::test]
async fn a_new_program_can_be_run_at_once_and_at_the_same_time() {
    // Each write of a program races with the forks for the others.
    let agent = TestAgent::start().await;
    let one = async |index: usize| {
        let name = format!("p{index}");
        let script = format!("#!/bin/sh\nexit {index}\n");
        agent.client.put_file(&name, 0o755, script).await.unwrap();
        let mode = fs::metadata(agent.path(&name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755);
        let (_, outcome) = agent.run(Exec::new(&name)).await;
        assert_eq!(outcome.exit_code, Some(index as i32), "{outcome}");
    };
    futures::future::join_all((0..40).map(one)).await;
    eventually("the programs", || agent.path("p39").exists()).await;
}
