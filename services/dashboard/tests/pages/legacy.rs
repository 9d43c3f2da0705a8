//! The board as the original's programs read it.

use axum::http::Method;
use proto::forgelog::builds::Verdict;

use crate::board::small;
use crate::client::Client;
use crate::script::Script;

#[tokio::test]
async fn json_has_the_originals_shape() {
    let (mut script, _) = small();
    let tools = script.commit("x/tools", &[], "tools: <start> & go");
    script.push("x/tools", "master", tools);
    script.built("linux-amd64", "x/tools", tools, Verdict::Failed, "no\n");
    let client = Client::of(script).await;
    let reply = client.get("/?mode=json").await;
    assert_eq!(reply.header("content-type"), "text/json; charset=utf-8");
    insta::assert_snapshot!(reply.text());

    let json: serde_json::Value = serde_json::from_slice(&reply.bytes).unwrap();
    let builders = json["builders"].as_array().unwrap().len();
    for revision in json["revisions"].as_array().unwrap() {
        assert_eq!(revision["results"].as_array().unwrap().len(), builders);
        assert_eq!(revision["parentRevisions"].as_array().unwrap().len(), 1);
    }
}

/// A program that asks early must not take what is not replayed yet for what is to be built.
#[tokio::test]
async fn programs_wait_for_the_replay() {
    let (script, _) = small();
    let client = Client::new(script.serve_at_once("go").await);
    assert_eq!(client.page("/?mode=failures").await.lines().count(), 4);
}

#[tokio::test]
async fn failures_are_one_line_each() {
    let (script, [_, second, third, _]) = small();
    let client = Client::of(script).await;
    let reply = client.get("/?mode=failures").await;
    assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    let lines: Vec<String> = reply.text().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    for (line, commit, builder) in [
        (&lines[0], third, "windows-amd64"),
        (&lines[1], third, "linux-amd64-race"),
        (&lines[2], second, "windows-amd64"),
        (&lines[3], second, "linux-amd64-race"),
    ] {
        let fields: Vec<&str> = line.split(' ').collect();
        assert_eq!(fields[..2], [commit.to_string().as_str(), builder]);
        let log = fields[2].strip_prefix("http://build.example.com").unwrap();
        assert_eq!(client.get(log).await.status, 200, "{line}");
    }
}

#[tokio::test]
async fn a_log_is_found_by_its_sha1() {
    let mut script = Script::new("2024-03-01T09:00:00Z");
    let commit = script.commit("go", &[], "only");
    script.push("go", "master", commit);
    script.built("linux-386", "go", commit, Verdict::Failed, "test");
    let client = Client::of(script).await;
    let path = "/log/a94a8fe5ccb19ba61c4c0873d391e987982fbbd3";
    let failures = client.page("/?mode=failures").await;
    assert_eq!(
        failures,
        format!("{commit} linux-386 http://build.example.com{path}\n")
    );
    let reply = client.get(path).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "test"));
    assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(reply.header("content-length"), "4");
    for unknown in ["/log/b94a8fe5ccb19ba61c4c0873d391e987982fbbd3", "/log/x"] {
        let reply = client.get(unknown).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (404, "text/plain; charset=utf-8")
        );
    }
}

#[tokio::test]
async fn links_name_the_host_as_the_client_does() {
    let (script, _) = small();
    let client = Client::of(script).await;
    let ask = async |host: &str, proto: &str| {
        let reply = client
            .ask(
                Method::GET,
                "/?mode=failures",
                &[("x-forwarded-proto", proto), ("x-host", host)],
            )
            .await;
        reply.text()
    };
    assert!(
        ask("", "https")
            .await
            .contains(" https://build.example.com/log/")
    );
    assert!(
        ask("", "gopher")
            .await
            .contains(" http://build.example.com/log/")
    );
    let absolute = client
        .ask(Method::GET, "http://other.example:8080/?mode=failures", &[])
        .await;
    assert!(absolute.text().contains(" http://other.example:8080/log/"));
    let etag = |reply: &crate::client::Reply| reply.header("etag").to_owned();
    assert_ne!(etag(&absolute), etag(&client.get("/?mode=failures").await));
}

#[tokio::test]
async fn errors_are_texts_too() {
    let (script, _) = small();
    let client = Client::of(script).await;
    for (path, status) in [
        ("/?mode=json&branch=nope", 404),
        ("/?mode=failures&page=x", 400),
    ] {
        let reply = client.get(path).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (status, "text/plain; charset=utf-8"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn pages_branches_and_commits_are_honoured() {
    let (mut script, [first, second, ..]) = small();
    script.push("go", "release-1", second);
    let client = Client::of(script).await;
    let revisions = async |query: &str| -> Vec<(String, String)> {
        let json: serde_json::Value =
            serde_json::from_str(&client.page(&format!("/?mode=json{query}")).await).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        json["revisions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (text(&row["revision"]), text(&row["branch"])))
            .collect()
    };
    let (first, second) = (first.to_string(), second.to_string());
    let release = "release-1".to_owned();
    assert_eq!(
        revisions("&branch=release-1").await,
        [(second, release.clone()), (first.clone(), release)]
    );
    assert_eq!(
        revisions(&format!("&hash={first}")).await,
        [(first, "master".to_owned())]
    );
    assert_eq!(revisions("&page=1").await, []);
}

/// What is checked out without a branch is the default one, for people and programs.
#[tokio::test]
async fn a_detached_head_is_shown() {
    let mut script = Script::new("2024-03-01T09:00:00Z");
    let first = script.commit("go", &[], "the first");
    let second = script.commit("go", &[first], "the second");
    script.push("go", "old", first);
    script.detach("go", second);
    script.built("linux-386", "go", second, Verdict::Failed, "no");
    let client = Client::of(script).await;
    for path in ["/", "/?branch=all", "/?branch=HEAD"] {
        let page = client.page(path).await;
        assert!(
            page.contains("the second") && page.contains("the first"),
            "{path}"
        );
    }
    let failures = client.page("/?mode=failures").await;
    assert!(failures.starts_with(&second.to_string()), "{failures}");
}
