//! The board as people see it.

use dashboard::ServiceStatus;
use proto::GitHash;
use proto::forgelog::builds::mutation::Kind;
use proto::forgelog::builds::{AttemptEnd, BuilderPaused, Verdict};

use crate::client::{Client, cells, links, stable};
use crate::script::Script;

/// Four commits on `master`, and builds in every state.
pub fn small() -> (Script, [GitHash; 4]) {
    let mut script = Script::new("2024-03-01T09:00:00Z");
    script.default_branch("go", "master");
    script.config(
        &[
            ("linux-amd64", "*"),
            ("linux-amd64-race", "*"),
            ("windows-amd64", "*"),
            ("lint", "release-*"),
        ],
        &[],
    );
    let mut commits = Vec::new();
    for subject in [
        "net: first",
        "net: second\n\nWith a body.",
        "all: third",
        "all: fourth",
    ] {
        script.wait(60);
        let parents: Vec<GitHash> = commits.last().copied().into_iter().collect();
        let commit = script.commit("go", &parents, subject);
        script.push("go", "master", commit);
        commits.push(commit);
    }
    let [first, second, third, fourth] = commits[..] else {
        unreachable!()
    };
    script.wait(1);
    script.built("linux-amd64", "go", first, Verdict::Ok, "fine\n");
    script.built("linux-amd64-race", "go", first, Verdict::Ok, "fine\n");
    script.built("windows-amd64", "go", first, Verdict::Ok, "fine\n");
    script.built("linux-amd64", "go", second, Verdict::Ok, "fine\n");
    script.built(
        "linux-amd64-race",
        "go",
        second,
        Verdict::Failed,
        "--- FAIL: TestRace\n",
    );
    script.built("windows-amd64", "go", second, Verdict::Timeout, "slow\n");
    script.built("linux-amd64", "go", third, Verdict::Ok, "fine\n");
    script.built(
        "linux-amd64-race",
        "go",
        third,
        Verdict::Failed,
        "--- FAIL: TestRace\n",
    );
    script.built("windows-amd64", "go", third, Verdict::InfraExhausted, "");
    script.wait(1);
    let running = script.queue("linux-amd64", "go", fourth, "master");
    script.start(&running, "host-7");
    script.print(&running, "so far\n");
    script.wait(1);
    script.queue("linux-amd64-race", "go", fourth, "master");
    (script, [first, second, third, fourth])
}

#[tokio::test]
async fn the_board_at_a_fixed_moment() {
    let (script, _) = small();
    let client = Client::of(script).await;
    let html = client.page("/?at=2024-03-01T12:00:00Z").await;
    insta::assert_snapshot!(stable(&html));
}

#[tokio::test]
async fn cells_are_where_commits_and_builders_meet() {
    let (script, _) = small();
    let client = Client::of(script).await;
    let html = client.page("/").await;
    assert_eq!(
        cells(&html),
        [
            vec!["▶ run", "", "… wait"],
            vec!["ok", "! infra", "✗ fail"],
            vec!["ok", "✗ timeout", "✗ fail"],
            vec!["ok", "ok", "ok"],
        ]
    );
    // What is broken, since when, and what failed.
    assert!(html.contains("✗ linux-amd64-race</a> <b>test</b>"));
    assert!(html.contains(", 2 commits"));
    assert!(html.contains("▶ 1 running") && html.contains("… 1 waiting"));
}

#[tokio::test]
async fn only_a_board_that_changes_is_loaded_again() {
    let (script, _) = small();
    let client = Client::of(script).await;
    let html = client.page("/").await;
    assert!(html.contains(r#"<meta http-equiv="refresh" content="5">"#));
    let [pause] = &links(&html, "pause")[..] else {
        panic!("no way to pause")
    };
    let still = client.page(pause).await;
    assert!(!still.contains("http-equiv"));
    assert_eq!(links(&still, "go on"), ["/"]);

    let mut done = Script::new("2024-03-01T09:00:00Z");
    let commit = done.commit("go", &[], "only");
    done.push("go", "master", commit);
    done.built("linux", "go", commit, Verdict::Ok, "");
    let html = Client::of(done).await.page("/").await;
    assert!(!html.contains("http-equiv") && links(&html, "pause").is_empty());
}

async fn with_commits(count: usize) -> Client {
    let mut script = Script::new("2024-03-01T09:00:00Z");
    script.default_branch("go", "master");
    let mut parents = Vec::new();
    for number in 0..count {
        script.wait(1);
        let commit = script.commit("go", &parents, &format!("commit {number}"));
        script.push("go", "master", commit);
        parents = vec![commit];
    }
    Client::of(script).await
}

#[tokio::test]
async fn there_is_no_link_to_where_nothing_is() {
    for (count, on_first, has_older) in [
        (0, 0, false),
        (29, 29, false),
        (30, 30, false),
        (31, 30, true),
    ] {
        let client = with_commits(count).await;
        let html = client.page("/").await;
        assert_eq!(cells(&html).len(), on_first, "{count} commits");
        assert_eq!(
            links(&html, "older").len(),
            usize::from(has_older),
            "{count} commits"
        );
    }
    let client = with_commits(61).await;
    let older = links(&client.page("/").await, "older");
    assert_eq!(older, ["/?page=1"]);
    let second = client.page(&older[0]).await;
    assert!(
        second.contains("commit 30<")
            && second.contains("commit 1<")
            && !second.contains("commit 31<")
    );
    assert_eq!(links(&second, "newer"), ["/"]);
    let third = client.page("/?page=2").await;
    assert_eq!((cells(&third).len(), links(&third, "older").len()), (1, 0));
    assert_eq!(
        (links(&third, "newer"), links(&third, "latest")),
        (vec!["/?page=1".to_owned()], vec!["/".to_owned()])
    );
    assert_eq!(cells(&client.page("/?page=3").await).len(), 0);
}

#[tokio::test]
async fn branches_are_walked_by_first_parents() {
    let mut script = Script::new("2024-03-01T09:00:00Z");
    script.default_branch("go", "master");
    let commit = |script: &mut Script, parents: &[GitHash], subject: &str| {
        script.wait(10);
        script.commit("go", parents, subject)
    };
    let base = commit(&mut script, &[], "base");
    let fix = commit(&mut script, &[base], "fix on release");
    let feature = commit(&mut script, &[base], "feature");
    let merge = commit(&mut script, &[feature, fix], "merge release");
    let more = commit(&mut script, &[fix], "release only");
    script.push("go", "master", merge);
    script.push("go", "release-1", more);
    let client = Client::of(script).await;
    let subjects = |html: &str| -> Vec<String> {
        let rows = html.split("<span class=\"subject\"").skip(1);
        rows.map(|row| {
            row.split_once('>')
                .unwrap()
                .1
                .split("</span><span class=\"by\"")
                .next()
                .unwrap()
                .to_owned()
        })
        .collect()
    };
    assert_eq!(
        subjects(&client.page("/").await),
        ["merge release", "feature", "base"]
    );
    assert_eq!(
        subjects(&client.page("/?branch=release-1").await),
        ["release only", "fix on release", "base"]
    );
    let all = subjects(&client.page("/?branch=all").await);
    assert_eq!(
        all,
        [
            r#"<span class="tag">release-1</span> release only"#,
            r#"<span class="tag">master</span> merge release"#,
            r#"<span class="tag">master</span> feature"#,
            r#"<span class="tag">release-1</span> fix on release"#,
            r#"<span class="tag">master</span> base"#,
        ]
    );
    let picked = client.page(&format!("/?hash={fix}&hash={base}")).await;
    assert_eq!(subjects(&picked), ["fix on release", "base"]);
}

#[tokio::test]
async fn questions_that_have_no_answer() {
    let (script, _) = small();
    let client = Client::of(script).await;
    let unknown = "0".repeat(40);
    for (path, status) in [
        ("/?page=-1", 400),
        ("/?page=x", 400),
        ("/?page=334", 400),
        ("/?mode=zzz", 400),
        ("/?hash=0123", 400),
        ("/?branch=nope", 404),
        ("/?repo=nope", 404),
        (&format!("/?hash={unknown}"), 404),
        ("/nope", 404),
    ] {
        let reply = client.get(path).await;
        assert_eq!(reply.status, status, "{path}");
        assert!(reply.text().contains("<h1>"), "{path}");
    }
}

#[tokio::test]
async fn a_builder_of_other_branches_is_told_from_one_without_a_result() {
    let (mut script, [.., fourth]) = small();
    script.push("go", "release-1", fourth);
    let client = Client::of(script).await;
    // `lint` builds release branches only: it has no column on master, and a dot where all are shown.
    assert!(!client.page("/").await.contains(">lint<"));
    let release = client.page("/?branch=release-1").await;
    assert!(release.contains(">lint<") && !release.contains('•'));
    let all = client.page("/?branch=all").await;
    assert!(cells(&all).iter().all(|row| row.last().unwrap() == "•"));
}

#[tokio::test]
async fn a_retry_replaces_the_result_and_keeps_the_first() {
    let (mut script, [first, ..]) = small();
    let commit = script.commit("go", &[first], "on a branch");
    script.push("go", "dev", commit);
    let failed = script.built("linux-amd64", "go", commit, Verdict::Failed, "flaky\n");
    let before_clearing = script.builds_end();
    script.clear("linux-amd64", "go", commit, 1);
    let cleared = script.builds_end();
    let again = script.queue_again("linux-amd64", "go", commit, "dev", 1);
    let queued = script.builds_end();
    script.start(&again, "host-1");
    script.finish(&again, Verdict::Ok, "", "");
    let client = Client::of(script).await;
    for (position, want) in [
        (before_clearing, "✗ fail"),
        (cleared, ""),
        (queued, "… wait"),
    ] {
        let html = client
            .page(&format!("/?branch=dev&at=builds:{position}"))
            .await;
        assert_eq!(
            cells(&html).first().map_or("no row", |row| &row[0]),
            want,
            "{position}"
        );
    }
    assert_eq!(cells(&client.page("/?branch=dev").await)[0][0], "ok");
    let first = client.page(&format!("/build/{failed}")).await;
    assert!(first.contains("✗ fail") && first.contains("flaky"));
    assert!(first.contains("Built 2 times") && first.contains(&format!("/build/{again}")));
}

#[tokio::test]
async fn an_attempt_that_says_nothing_of_the_code_is_no_result() {
    let (mut script, [.., fourth]) = small();
    let id = script.queue("windows-amd64", "go", fourth, "master");
    script.start(&id, "host-1");
    script.end_attempt(&id, AttemptEnd::HostLost, "gone");
    let client = Client::of(script).await;
    assert_eq!(cells(&client.page("/").await)[0][1], "… wait");
}

#[tokio::test]
async fn an_empty_board_says_what_is_awaited() {
    let mut script = Script::new("2024-03-01T09:00:00Z");
    let nothing = Client::of(Script::new("2024-03-01T09:00:00Z"))
        .await
        .page("/")
        .await;
    assert!(
        nothing.contains("Waiting for the first commits") && nothing.contains("no records yet")
    );

    let commit = script.commit("go", &[], "only");
    script.push("go", "master", commit);
    script.config(&[], &["There is no <manifest> here."]);
    let no_builder = Client::of(script).await.page("/").await;
    assert!(
        no_builder.contains("there is no builder") && no_builder.contains("[[builder.test.step]]")
    );
    assert!(no_builder.contains("There is no &#60;manifest&#62; here."));

    let mut script = Script::new("2024-03-01T09:00:00Z");
    let commit = script.commit("go", &[], "only");
    script.push("go", "master", commit);
    script.config(&[("quick", "*")], &["Cargo.toml: cargo test is run."]);
    let no_build = Client::of(script).await.page("/").await;
    assert!(
        no_build.contains("Waiting for the first build") && no_build.contains("cargo test is run")
    );
    assert!(!no_build.contains("[[builder.test.step]]"));
}

#[tokio::test]
async fn many_branches_and_builders_are_no_problem() {
    let (mut script, [.., fourth]) = small();
    for number in 0..1000 {
        script.push("go", &format!("dev/{number:04}"), fourth);
    }
    for number in 0..70 {
        script.built(
            &format!("linux-v{number:02}"),
            "go",
            fourth,
            Verdict::Ok,
            "",
        );
    }
    let client = Client::of(script).await;
    let html = client.page("/").await;
    assert_eq!(html.matches("<option").count(), 1002);
    assert_eq!(cells(&html)[0].len(), 73);
    // So many cells are links only where something is to be seen.
    assert!(!html.contains(">ok</a>"));
    assert_eq!(cells(&client.page("/?branch=dev/0999").await).len(), 4);
}

#[tokio::test]
async fn other_repositories_are_shown_at_their_heads() {
    let (mut script, _) = small();
    let tools = script.commit("x/tools", &[], "tools: start");
    script.push("x/tools", "master", tools);
    let client = Client::of(script).await;
    let html = client.page("/").await;
    assert!(html.contains("Other repositories") && html.contains("<b>x/tools</b> tools: start"));
    assert!(html.contains(&format!("/commit/x/tools/{tools}")));
    let own = client.page("/?repo=x/tools").await;
    assert_eq!(cells(&own).len(), 1);
    assert!(!own.contains("Other repositories"));
}

#[tokio::test]
async fn paused_builders_are_named() {
    let (mut script, _) = small();
    script.record(Kind::BuilderPaused(BuilderPaused {
        builder: "windows-amd64".to_owned(),
        reason: "host is <moved>".to_owned(),
        who: "ada".to_owned(),
        ..BuilderPaused::default()
    }));
    let html = Client::of(script).await.page("/").await;
    assert!(html.contains("<b>windows-amd64</b> is paused"));
    assert!(html.contains("by ada, host is &#60;moved&#62;"));
}

#[tokio::test]
async fn notices_are_shown_on_every_page_of_now() {
    let (script, [first, ..]) = small();
    let client = Client::of(script).await;
    let quiet = client.get("/").await;
    let notices = vec!["log: no space left, <trying> again".to_owned()];
    client.served.status.send_replace(ServiceStatus { notices });
    for path in ["/", &format!("/commit/go/{first}"), "/nope"] {
        assert!(
            client
                .get(path)
                .await
                .text()
                .contains("no space left, &#60;trying&#62; again"),
            "{path}"
        );
    }
    assert!(
        !client
            .page("/?at=2024-03-01T12:00:00Z")
            .await
            .contains("no space left")
    );
    assert_ne!(quiet.header("etag"), client.get("/").await.header("etag"));
}
