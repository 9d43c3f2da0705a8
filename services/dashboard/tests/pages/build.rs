//! A build's page and a commit's page.

use proto::forgelog::builds::{AttemptEnd, Verdict};

use crate::board::small;
use crate::client::{Client, links, stable};
use crate::script::Script;

/// A build that fails in its second attempt, and its id.
fn failing() -> (Script, String) {
    let (mut script, [.., fourth]) = small();
    let id = script.queue("windows-amd64", "go", fourth, "master");
    script.wait(3);
    script.start(&id, "win-1");
    script.wait(30);
    script.end_attempt(&id, AttemptEnd::HostLost, "no answer for 30 s");
    script.wait(1);
    script.start(&id, "win-2");
    script.span(&id, "fetch", 2, "");
    script.span(&id, "test", 18, "exit status 1");
    for number in 0..60 {
        script.print(&id, format!("test {number} ... \x1b[32mok\x1b[0m\n"));
        if number == 20 {
            script.print(
                &id,
                "--- FAIL: TestClose (0.01s)\n    close_test.go:7: still open\n",
            );
        }
    }
    script.finish(&id, Verdict::Failed, "test", "exit status 1");
    (script, id)
}

#[tokio::test]
async fn a_failed_build_at_a_fixed_moment() {
    let (script, id) = failing();
    let client = Client::of(script).await;
    let html = client
        .page(&format!("/build/{id}?at=2024-03-01T12:00:00Z"))
        .await;
    insta::assert_snapshot!(stable(&html));
}

#[tokio::test]
async fn a_build_links_all_that_belongs_to_it() {
    let (script, id) = failing();
    let client = Client::of(script).await;
    let html = client.page(&format!("/build/{id}")).await;
    for text in [
        "go master",
        "in the log",
        "whole log",
        "as text",
        "before it",
        "log",
    ] {
        let links = links(&html, text);
        assert!(!links.is_empty(), "{text}");
        for link in links {
            assert_eq!(
                client.get(link.split('#').next().unwrap()).await.status,
                200,
                "{link}"
            );
        }
    }
    let [in_the_log] = &links(&html, "in the log")[..] else {
        panic!()
    };
    let log = client.page(in_the_log.split('#').next().unwrap()).await;
    assert!(log.contains(
        r##"<div id="mark" class="mark"><a href="#L22" id="L22">22</a>--- FAIL: TestClose"##
    ));
}

#[tokio::test]
async fn a_build_before_its_result_is_shown_as_it_was() {
    let (script, id) = failing();
    let client = Client::of(script).await;
    let html = client.page(&format!("/build/{id}")).await;
    let [before] = &links(&html, "before it")[..] else {
        panic!()
    };
    let before = client.page(before).await;
    assert!(before.contains("▶ run") && before.contains("was still running then"));
    assert!(!before.contains("http-equiv") && before.contains("As of"));
}

#[tokio::test]
async fn a_build_that_runs_is_loaded_again() {
    let (script, [.., fourth]) = small();
    let client = Client::of(script).await;
    let board = client.page("/").await;
    let [running] = &links(&board, "▶ run")[..] else {
        panic!()
    };
    let html = client.page(running).await;
    assert!(html.contains(r#"<meta http-equiv="refresh" content="2">"#));
    assert!(html.contains("so far") && html.contains("Running for") && html.contains("host-7"));
    let [waiting] = &links(&board, "… wait")[..] else {
        panic!()
    };
    let html = client.page(waiting).await;
    assert!(
        html.contains(r#"content="2""#) && !html.contains("Started") && !html.contains("Output")
    );
    let commit = client.page(&format!("/commit/go/{fourth}")).await;
    assert!(commit.contains(r#"content="5""#));
}

#[tokio::test]
async fn unknown_builds_and_commits_are_not_found() {
    let (script, [first, ..]) = small();
    let client = Client::of(script).await;
    let unknown = "0".repeat(40);
    for path in [
        "/build/0123".to_owned(),
        "/build/0123/log".to_owned(),
        "/build/0123/log.txt".to_owned(),
        format!("/commit/go/{unknown}"),
        format!("/commit/nope/{first}"),
        "/commit/go/0123".to_owned(),
        "/commit/0123".to_owned(),
    ] {
        assert_eq!(client.get(&path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_commit_at_a_fixed_moment() {
    let (mut script, [.., third, fourth]) = small();
    script.wait(60);
    let files = [("src/net/http/server.go", 12, 3), ("doc/go.html", 0, 40)];
    let merge = script.commit_by(
        "Grace <g@example.com>",
        "go",
        &[fourth, third],
        "all: merge\n\nTwo lines\nof why.\n",
        &files,
    );
    script.push("go", "master", merge);
    script.built("linux-amd64", "go", merge, Verdict::Ok, "fine\n");
    script.built("windows-amd64", "go", merge, Verdict::Failed, "no\n");
    let client = Client::of(script).await;
    let html = client
        .page(&format!("/commit/go/{merge}?at=2024-03-01T12:00:00Z"))
        .await;
    insta::assert_snapshot!(stable(&html));
}
