//! What people and repositories do wrong: a clear message, nothing lost, and the rest goes on.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails where it stands"
)]

mod support;

use serde_json::Value;
use std::net::TcpListener;
use std::process::Command;
use support::{Project, Up, builds, faults, finished, run_badly, run_well, up_command, wait_until};

/// What `up` says when it refuses to start.
#[track_caller]
fn refusal(repo: &str, data: &str, more: &[&str]) -> String {
    let said = run_badly(1, &[&["up", repo, "--data", data], more].concat());
    assert!(said.starts_with("error: "), "{said}");
    said
}

#[test]
fn what_is_no_repository_is_refused_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let (repo, data) = (dir.path().join("plain"), dir.path().join("data"));
    std::fs::create_dir(&repo).unwrap();
    let data = data.to_str().unwrap();
    let said = refusal(repo.to_str().unwrap(), data, &["--listen", "127.0.0.1:0"]);
    assert!(
        said.contains("not a git repository") && said.contains("git init"),
        "{said}"
    );
    let said = refusal(
        repo.join("missing").to_str().unwrap(),
        data,
        &["--listen", "127.0.0.1:0"],
    );
    assert!(said.contains("missing"), "{said}");
    let said = refusal("ext::sh -c true", data, &["--listen", "127.0.0.1:0"]);
    assert!(said.contains("not a git location"), "{said}");
    assert!(!std::path::Path::new(data).exists());
}

#[test]
fn an_empty_repository_is_waited_for() {
    let project = Project::empty();
    let up = Up::start(&project, &[]);
    wait_until("it says so", || {
        up.out().contains("no commit yet").then_some(())
    });
    up.page("/");
    up.page("/?mode=json");
    assert_eq!(up.page("/?mode=failures"), "");
    let files = [
        ("env/builders/check.toml", support::CHECK_TOML),
        ("check.sh", "true\n"),
    ];
    let first = project.commit("first", &files);
    assert_eq!(finished(&project.data(), "check", &first)["state"], "ok");
    up.page_with("/", &first[..7]);
}

#[test]
fn a_detached_head_stands_for_the_default_branch() {
    let project = Project::new();
    let first = project.git(&["rev-parse", "HEAD"]);
    project.git(&["checkout", "-q", "--detach"]);
    let up = Up::start(&project, &[]);
    wait_until("it says so", || {
        up.out().contains("detached at").then_some(())
    });
    assert_eq!(finished(&project.data(), "check", &first)["state"], "ok");
    let second = project.commit("on no branch", &[("new.txt", "new")]);
    assert_eq!(finished(&project.data(), "check", &second)["state"], "ok");
    up.page("/");
}

#[test]
fn a_thousand_branches_are_no_trouble() {
    let project = Project::new();
    let commit = project.git(&["rev-parse", "HEAD"]);
    let updates: String = (0..1000)
        .map(|number| format!("create refs/heads/topic/{number} {commit}\n"))
        .collect();
    project.git_with_input(&["update-ref", "--stdin"], &updates);
    let up = Up::start(&project, &[]);
    assert_eq!(finished(&project.data(), "check", &commit)["state"], "ok");
    assert_eq!(builds(&project.data()).len(), 1);
    for page in ["/", "/?mode=json", "/?branch=topic/999"] {
        up.page_with(page, &commit[..7]);
    }
    project.git(&["update-ref", "refs/heads/topic/1000", &commit]);
    wait_until("the next branch is seen", || {
        (up.get("/?branch=topic/1000").0 == 200).then_some(())
    });
}

#[test]
fn a_port_in_use_is_named() {
    let project = Project::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (repo, data) = (project.repo(), project.data());
    let said = refusal(
        repo.to_str().unwrap(),
        data.to_str().unwrap(),
        &["--listen", &address],
    );
    assert!(
        said.contains(&format!("cannot listen on {address}")) && said.contains("--listen"),
        "{said}"
    );
    let said = run_badly(2, &["up", "--listen", "example.org"]);
    assert!(said.contains("127.0.0.1:8419"), "{said}");
}

#[test]
fn a_data_folder_of_another_version_or_kind_is_left_alone() {
    let project = Project::new();
    let (repo, data) = (project.repo(), project.data());
    let (repo, data_arg) = (repo.to_str().unwrap(), data.to_str().unwrap());
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("FORMAT"), "forgelog data 99\n").unwrap();
    let said = refusal(repo, data_arg, &["--listen", "127.0.0.1:0"]);
    assert!(
        said.contains("version \"99\"") && said.contains("--data"),
        "{said}"
    );
    std::fs::remove_file(data.join("FORMAT")).unwrap();
    std::fs::write(data.join("letter.txt"), "dear …").unwrap();
    let said = refusal(repo, data_arg, &["--listen", "127.0.0.1:0"]);
    assert!(said.contains("not a forgelog data folder"), "{said}");
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1);
}

#[test]
fn a_data_folder_is_for_one_process() {
    let project = Project::new();
    let up = Up::start(&project, &[]);
    let (repo, data) = (project.repo(), project.data());
    let said = refusal(
        repo.to_str().unwrap(),
        data.to_str().unwrap(),
        &["--listen", "127.0.0.1:0"],
    );
    assert!(
        said.contains(&format!(
            "in use by process {}, which serves {}",
            up.pid(),
            up.url
        )),
        "{said}"
    );
    let commit = project.git(&["rev-parse", "HEAD"]);
    assert_eq!(finished(&data, "check", &commit)["state"], "ok");
    assert!(up.terminate().0.success());
    // Stopped while it still starts.
    let (status, out, err) = Up::start(&project, &[]).terminate();
    assert!(status.success(), "{out}{err}");
}

#[test]
fn a_mistake_in_a_builder_is_shown_with_its_place() {
    let project = Project::new();
    let first = project.git(&["rev-parse", "HEAD"]);
    let up = Up::start(&project, &[]);
    finished(&project.data(), "check", &first);
    let mistaken = "[[builder.check.step]]\nid = \"test\"\nrum = [\"sh\", \"check.sh\"]\n";
    let second = project.commit("a typo", &[("env/builders/check.toml", mistaken)]);
    let place = "env/builders/check.toml:3:1";
    wait_until("it is said", || up.err().contains(place).then_some(()));
    assert!(up.err().contains("did you mean `run`?"), "{}", up.err());
    up.page_with("/", place);
    // What was in force stays in force.
    assert_eq!(finished(&project.data(), "check", &second)["state"], "ok");
    let third = project.commit(
        "mended",
        &[("env/builders/check.toml", support::CHECK_TOML)],
    );
    finished(&project.data(), "check", &third);
    wait_until("it is no longer shown", || {
        (!up.page("/").contains(place)).then_some(())
    });
}

#[test]
fn a_build_without_end_and_one_that_prints_without_end_are_stopped() {
    let project = Project::empty();
    let toml = r#"
        [builder.endless]
        [[builder.endless.step]]
        id = "sleep"
        run = ["sleep", "1000000"]
        timeout = "1s"

        [builder.loud]
        limits = { output = "2MiB" }
        [[builder.loud.step]]
        id = "print"
        run = ["yes", "all work and no play"]

        [[builder.quick.step]]
        id = "true"
        run = ["true"]

        [[builder.unknown.step]]
        id = "start"
        run = ["no-such-program-anywhere"]
    "#;
    let commit = project.commit("first", &[("env/builders/all.toml", toml)]);
    let up = Up::start(&project, &["--jobs", "2"]);
    let data = project.data();
    let build = |builder: &str| finished(&data, builder, &commit);
    let endless = build("endless");
    assert_eq!(
        (&endless["state"], &endless["failed_step"]),
        (&"timeout".into(), &"sleep".into())
    );
    let loud = build("loud");
    assert_eq!(
        (&loud["state"], &loud["output"]["truncated"]),
        (&"timeout".into(), &true.into())
    );
    let size = loud["output"]["size"].as_u64().unwrap();
    assert!((2 << 20..(2 << 20) + 4096).contains(&size), "{size}");
    let output = run_well(&[
        "build",
        "log",
        loud["id"].as_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
    ]);
    assert_eq!(output.len() as u64, size);
    assert!(output.contains("limits.output"));
    assert_eq!(build("quick")["state"], "ok");
    let unknown = build("unknown");
    assert_eq!(unknown["state"], "failed");
    assert!(
        unknown["exit_state"]
            .as_str()
            .unwrap()
            .contains("no-such-program-anywhere"),
        "{unknown}"
    );
    assert!(up.terminate().0.success());
}

#[test]
fn a_build_that_runs_is_broken_off_by_the_end_and_built_again() {
    let project = Project::empty();
    let gate = project.beside("gate");
    let script = format!(
        "echo begun\nwhile ! test -e '{}'; do sleep 0.05; done\n",
        gate.display()
    );
    let files = [
        ("env/builders/check.toml", support::CHECK_TOML),
        ("check.sh", script.as_str()),
    ];
    let commit = project.commit("first", &files);
    let up = Up::start(&project, &[]);
    let data = project.data();
    let id = wait_until("it runs", || {
        let build = builds(&data)
            .into_iter()
            .find(|build| build["state"] == "running")?;
        let id = build["id"].as_str().unwrap().to_owned();
        let printed = run_well(&["build", "log", &id, "--data", data.to_str().unwrap()]);
        printed.contains("begun").then_some(id)
    });
    up.page_with(&format!("/build/{id}/log.txt"), "begun");
    assert!(up.terminate().0.success());
    wait_until("nothing of it runs", || {
        support::processes_of(&data).is_empty().then_some(())
    });
    std::fs::write(&gate, "").unwrap();
    let _up = Up::start(&project, &[]);
    let build = finished(&data, "check", &commit);
    assert_eq!(
        (&build["state"], &build["id"]),
        (&"ok".into(), &id.as_str().into())
    );
    assert_eq!(build["attempts"].as_array().unwrap().len(), 2);
}

/// Files may not grow beyond a size here: a write fails as it does on a full disk.
#[test]
fn without_room_it_says_so_and_goes_on_when_there_is_some() {
    let project = Project::new();
    let (data, first) = (project.data(), project.git(&["rev-parse", "HEAD"]));
    let plain = up_command(&project.repo(), &data, &[]);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$@\"", "sh"])
        .arg(plain.get_program())
        .args(plain.get_args());
    let up = Up::spawn(limited.env_remove("RUST_LOG"));
    finished(&data, "check", &first);
    let message = format!(
        "too long to be stored\n\n{}",
        "all work and no play\n".repeat(10_000)
    );
    let second = project.commit(&message, &[]);
    up.page_with("/", "trying again");
    up.page_with("/?mode=json", &first);
    assert_eq!(builds(&data).len(), 1);
    let (status, _, err) = up.terminate();
    assert!(status.success(), "{err}");
    assert_eq!(faults(&data), serde_json::json!([]));

    let _up = Up::start(&project, &[]);
    assert_eq!(finished(&data, "check", &second)["state"], "ok");
    let first = builds(&data)
        .into_iter()
        .find(|build| build["commit"] == first)
        .unwrap();
    assert_eq!(first["attempts"].as_array().unwrap().len(), 1);
}

#[test]
fn what_a_crash_leaves_half_written_is_swept_and_what_is_foreign_is_reported() {
    let project = Project::new();
    let (data, first) = (project.data(), project.git(&["rev-parse", "HEAD"]));
    let up = Up::start(&project, &[]);
    finished(&data, "check", &first);
    up.kill();
    let staged = data.join("streams/builds/tail/0000/00000000000fffff#1");
    let foreign = data.join("streams/builds/tail/0000/00000000000fffff");
    std::fs::write(&staged, "half").unwrap();
    let up = Up::start(&project, &[]);
    wait_until("it is swept", || (!staged.exists()).then_some(()));
    up.kill();

    std::fs::write(&foreign, "not a record").unwrap();
    let output = support::run(&["log", "verify", "--json", "--data", data.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let verified: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        verified["faults"][0]["object"],
        "tail/0000/00000000000fffff"
    );
    let second = project.commit("second", &[("new.txt", "new")]);
    let _up = Up::start(&project, &[]);
    assert_eq!(finished(&data, "check", &second)["state"], "ok");
    assert_eq!(std::fs::read(&foreign).unwrap(), b"not a record");
}

/// Two who hold the same folder, as a file system without locks would let them.
#[test]
fn who_loses_the_log_to_another_writer_steps_down() {
    let project = Project::new();
    let (data, first) = (project.data(), project.git(&["rev-parse", "HEAD"]));
    let up = Up::start(&project, &[]);
    finished(&data, "check", &first);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = log_core::LocalStore::open(&data).unwrap();
        let stream = log_core::Stream::open(std::sync::Arc::new(store), "streams/activity")
            .await
            .unwrap();
        log_core::Writer::open(stream, log_core::WriterOptions::new("other"))
            .await
            .unwrap();
    });
    project.commit("second", &[("new.txt", "new")]);
    let (status, err) = up.ended();
    assert_eq!(status.code(), Some(1), "{err}");
    let error = err
        .lines()
        .find(|line| line.starts_with("error: "))
        .unwrap_or_default();
    assert!(
        error.contains("the git source ended") && error.contains("another writer began epoch 2"),
        "{err}"
    );
    assert_eq!(faults(&data), serde_json::json!([]));
}
