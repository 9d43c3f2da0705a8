//! A whole life: commits become builds, builds become pages, and all of it is still there after a restart.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use serde_json::Value;
use support::{
    Project, Up, builds, faults, finished, forgelog, get, json, processes_of, run_well, wait_until,
};

/// The board as JSON, once it shows a result of each of these commits.
#[track_caller]
fn board(up: &Up, commits: &[&str]) -> Value {
    wait_until(&format!("the board has results of {commits:?}"), || {
        let board: Value = serde_json::from_str(&up.page("/?mode=json")).unwrap();
        let has_result =
            |commit: &&str| row(&board, commit).is_some_and(|row| row["results"][0] != "");
        commits.iter().all(has_result).then_some(board)
    })
}

/// The row of a commit on a board.
fn row(board: &Value, commit: &str) -> Option<Value> {
    board["revisions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["revision"] == commit)
        .cloned()
}

#[test]
fn a_repository_is_watched_and_built_and_shown() {
    let project = Project::new();
    let (data, good) = (project.data(), project.git(&["rev-parse", "HEAD"]));
    let bad = project.commit("breaks", &[("check.sh", "echo THE MARKER\nexit 3\n")]);
    let up = Up::start(&project, &[]);

    assert_eq!(finished(&data, "check", &good)["state"], "ok");
    let failed = finished(&data, "check", &bad);
    assert_eq!(
        (&failed["state"], &failed["failed_step"]),
        (&"failed".into(), &"test".into())
    );
    assert_eq!(failed["exit_state"], "exit status 3");
    let id = failed["id"].as_str().unwrap();
    let output = run_well(&["build", "log", id, "--data", data.to_str().unwrap()]);
    assert!(output.contains("THE MARKER"), "{output}");
    let sha1 = failed["output"]["sha1"].as_str().unwrap();
    for page in [
        format!("/build/{id}/log.txt"),
        format!("/log/{sha1}"),
        format!("/build/{id}/log"),
    ] {
        up.page_with(&page, "THE MARKER");
    }
    assert_eq!(up.page(&format!("/log/{sha1}")), output);

    let json = board(&up, &[&good, &bad]);
    assert_eq!(json["builders"], serde_json::json!(["check"]));
    assert_eq!(
        row(&json, &good).unwrap()["results"],
        serde_json::json!(["ok"])
    );
    let result = row(&json, &bad).unwrap()["results"][0]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(result.ends_with(&format!("/log/{sha1}")), "{result}");
    let failures = up.page("/?mode=failures");
    assert!(
        failures.contains(&bad) && failures.contains("check") && !failures.contains(&good),
        "{failures}"
    );
    assert!(up.page("/").contains(&bad[..7]));

    wait_until("the terminal has it all", || {
        up.out().contains("failed   check").then_some(())
    });
    let (status, out, err) = up.terminate();
    assert_eq!((status.code(), err.as_str()), (Some(0), ""), "{out}");
    assert!(
        out.contains("watching demo, on branch main") && out.contains("logged 2 commits"),
        "{out}"
    );
    assert!(
        out.contains("builders: check") && out.contains(&format!("ok       check {}", &good[..7])),
        "{out}"
    );
}

#[test]
fn a_commit_appears_while_it_runs_and_the_past_stays() {
    let project = Project::new();
    let (data, first) = (project.data(), project.git(&["rev-parse", "HEAD"]));
    let up = Up::start(&project, &[]);
    finished(&data, "check", &first);
    let before = board(&up, &[&first]);
    let info = json(&["log", "info", "--json", "--data", data.to_str().unwrap()]);
    let at = |index: usize| info["streams"][index]["tail"].as_str().unwrap();
    let then = format!("at=activity:{},builds:{}", at(0), at(1));

    let second = project.commit("second", &[("new.txt", "new\n")]);
    assert_eq!(finished(&data, "check", &second)["state"], "ok");
    board(&up, &[&first, &second]);
    assert!(up.page("/").contains(&second[..7]));

    let past = up.page(&format!("/?{then}"));
    assert!(
        past.contains(&first[..7]) && !past.contains(&second[..7]),
        "{past}"
    );
    assert_eq!(
        serde_json::from_str::<Value>(&up.page(&format!("/?mode=json&{then}"))).unwrap(),
        before
    );
    let long_ago = up.page("/?at=2001-01-01T00:00:00Z");
    assert!(!long_ago.contains(&first[..7]), "{long_ago}");
    let beyond = up.get("/?at=builds:0099.0");
    assert!((400..500).contains(&beyond.0), "{beyond:?}");
}

#[test]
fn a_restart_shows_the_same_and_builds_nothing_again() {
    let project = Project::new();
    let (data, good) = (project.data(), project.git(&["rev-parse", "HEAD"]));
    let bad = project.commit("breaks", &[("check.sh", "exit 1\n")]);
    let up = Up::start(&project, &[]);
    finished(&data, "check", &good);
    finished(&data, "check", &bad);
    let pages = ["/?mode=json", "/?mode=failures"];
    let shown = |up: &Up| pages.map(|page| up.page(page).replace(&up.url, "URL/"));
    board(&up, &[&good, &bad]);
    let (before, listed) = (shown(&up), builds(&data));
    let (status, _, err) = up.terminate();
    assert!(status.success(), "{err}");
    assert_eq!(faults(&data), serde_json::json!([]));
    assert_eq!(builds(&data), listed);
    wait_until("nothing of it runs", || {
        processes_of(&data).is_empty().then_some(())
    });

    let up = Up::start(&project, &[]);
    wait_until("it says where main is", || {
        up.out()
            .contains(&format!("main is at {}", &bad[..7]))
            .then_some(())
    });
    board(&up, &[&good, &bad]);
    assert_eq!(shown(&up), before);
    let third = project.commit("third", &[("check.sh", "exit 0\n")]);
    assert_eq!(finished(&data, "check", &third)["state"], "ok");
    let again: Vec<Value> = builds(&data)
        .into_iter()
        .filter(|build| build["commit"] != third)
        .collect();
    assert_eq!(again, listed);
}

#[test]
fn a_repository_without_builders_gets_some_by_its_looks() {
    let project = Project::empty();
    let commit = project.commit("first", &[("README", "nothing to build here\n")]);
    let up = Up::start(&project, &[]);
    wait_until("it says what it looked for", || {
        up.out().contains("Makefile").then_some(())
    });
    up.page_with("/", &commit[..7]);
    let builder = [
        ("env/builders/check.toml", support::CHECK_TOML),
        ("check.sh", "true\n"),
    ];
    let second = project.commit("with a builder", &builder);
    assert_eq!(finished(&project.data(), "check", &second)["state"], "ok");
}

#[test]
fn builders_may_come_from_a_folder() {
    let project = Project::new();
    let commit = project.git(&["rev-parse", "HEAD"]);
    let env = project.beside("env");
    std::fs::create_dir(&env).unwrap();
    std::fs::write(
        env.join("mine.toml"),
        "[[builder.mine.step]]\nid = \"x\"\nrun = [\"true\"]\n",
    )
    .unwrap();
    let up = Up::start(&project, &["--env", env.to_str().unwrap()]);
    assert_eq!(finished(&project.data(), "mine", &commit)["state"], "ok");
    assert!(
        builds(&project.data())
            .iter()
            .all(|build| build["builder"] == "mine")
    );
    drop(up);
}

#[test]
fn building_can_be_left_out() {
    let project = Project::new();
    let commit = project.git(&["rev-parse", "HEAD"]);
    let up = Up::start(&project, &["--no-build"]);
    up.page_with("/", &commit[..7]);
    let (status, out, err) = up.terminate();
    assert!(
        status.success() && out.contains("building nothing"),
        "{out}{err}"
    );
    assert_eq!(builds(&project.data()), Vec::<Value>::new());
}

#[test]
fn a_mirror_of_a_repository_elsewhere_is_watched_in_the_data_folder() {
    // A host that cannot be: the pages are served all the same, and say what is the matter.
    let project = Project::empty();
    let url = "https://127.0.0.1:1/demo.git";
    let data = project.data();
    let arguments = [
        "up",
        url,
        "--listen",
        "127.0.0.1:0",
        "--data",
        data.to_str().unwrap(),
    ];
    let up = Up::spawn(&mut forgelog(&arguments));
    assert_eq!(get(&up.url, "/").0, 200);
    up.page_with("/", "cannot fetch");
    assert!(data.join("repos/127.0.0.1%3A1%2Fdemo.git/HEAD").exists());
    assert!(up.terminate().0.success());
}
