//! Pages as of a position or a time.

use axum::http::Method;
use proto::forgelog::builds::Verdict;

use crate::client::{Client, Reply, cells, links};
use crate::script::Script;

/// A build that is queued at 9:00, starts at 9:10 and ends at 9:20, and where the streams end then.
fn story() -> (Script, String, [String; 3]) {
    let mut script = Script::new("2024-03-01T09:00:00Z");
    script.default_branch("go", "master");
    let commit = script.commit("go", &[], "only");
    script.push("go", "master", commit);
    let id = script.queue("linux", "go", commit, "master");
    let positions = |script: &Script| {
        format!(
            "activity:{},builds:{}",
            script.activity_end(),
            script.builds_end()
        )
    };
    let queued = positions(&script);
    script.wait(600);
    script.start(&id, "host-1");
    let started = positions(&script);
    script.wait(600);
    script.print(&id, "done\n");
    script.finish(&id, Verdict::Failed, "test", "exit status 1");
    let finished = positions(&script);
    (script, id, [queued, started, finished])
}

/// What is between the head, which names the moment, and the footer.
fn main_part(html: &str) -> String {
    let main = html
        .split_once("<main")
        .unwrap()
        .1
        .split("</main>")
        .next()
        .unwrap();
    // Every link and the form have the moment in them.
    let mut text = String::new();
    for (index, part) in main.split("at=").enumerate() {
        let rest = if index == 0 {
            part
        } else {
            part.trim_start_matches(|letter: char| letter != '"' && letter != '&')
        };
        text.push_str(rest);
    }
    match text.split_once("name=\"at\" value=\"") {
        Some((before, after)) => format!("{before}{}", after.split_once('"').unwrap().1),
        None => text,
    }
}

#[tokio::test]
async fn a_time_between_two_records_is_the_position_of_the_first() {
    let (script, id, positions) = story();
    let client = Client::of(script).await;
    let times = [
        "2024-03-01T09:05:00Z",
        "2024-03-01T09:15:00Z",
        "2024-03-01T09:25:00Z",
    ];
    for ((position, time), want) in positions
        .iter()
        .zip(times)
        .zip(["… wait", "▶ run", "✗ fail"])
    {
        for page in ["/".to_owned(), format!("/build/{id}")] {
            let by_position = client.page(&format!("{page}?at={position}")).await;
            let by_time = client.page(&format!("{page}?at={time}")).await;
            if page == "/" {
                assert_eq!(cells(&by_position), [[want]], "{time}");
                assert_eq!(main_part(&by_position), main_part(&by_time), "{time}");
            }
            assert!(
                by_position.contains(want) && by_time.contains(want),
                "{page} at {time}"
            );
            assert!(by_time.contains(&format!("As of <time datetime=\"{time}\">")));
        }
    }
    // Before anything.
    let nothing = client.page("/?at=2024-03-01T08:00:00Z").await;
    assert!(
        nothing.contains("Waiting for the first commits") && nothing.contains("no records yet")
    );
}

#[tokio::test]
async fn one_position_is_enough() {
    let (script, _, [queued, started, _]) = story();
    let client = Client::of(script).await;
    let builds = |both: &str| both.split(",builds:").nth(1).unwrap().to_owned();
    for (at, want) in [
        (format!("builds:{}", builds(&queued)), "… wait"),
        (builds(&started), "▶ run"),
        (queued.split(',').next().unwrap().to_owned(), "… wait"),
    ] {
        assert_eq!(
            cells(&client.page(&format!("/?at={at}")).await),
            [[want]],
            "{at}"
        );
    }
    let start = client.page("/?at=builds:0.0").await;
    assert!(start.contains("before the first record"));
}

#[tokio::test]
async fn links_keep_the_moment_and_lead_back_to_now() {
    let (script, id, [_, started, _]) = story();
    let client = Client::of(script).await;
    let html = client.page(&format!("/?branch=master&at={started}")).await;
    for link in [links(&html, "run"), links(&html, "Board")].concat() {
        assert!(link.ends_with(&format!("?at={started}")), "{link}");
    }
    assert_eq!(links(&html, "back to now"), ["/?branch=master"]);
    assert!(html.contains(&format!(
        r#"<input type="hidden" name="at" value="{started}">"#
    )));
    assert!(!html.contains("http-equiv"));
    let build = client.page(&format!("/build/{id}?at={started}")).await;
    for text in ["whole log", "as text", "go master", "Board"] {
        assert!(
            links(&build, text)
                .iter()
                .all(|link| link.ends_with(&format!("at={started}"))),
            "{text}"
        );
    }
}

#[tokio::test]
async fn moments_that_are_not_there() {
    let (script, id, [_, _, finished]) = story();
    let client = Client::of(script).await;
    for (at, status, message) in [
        ("builds:7.0", 404, "the stream ends at builds:0"),
        ("activity:0.ffffff", 404, "the stream ends at activity:0"),
        ("2999-01-01T00:00:00Z", 404, finished.as_str()),
        ("builds:0.1", 404, "inside a record"),
        ("soon", 400, "at=2026-03-01T09:30:00Z"),
        ("bot:0.0", 400, "at=activity:131.9c04f2,builds:17.2ab10"),
    ] {
        for page in [
            "/",
            &format!("/build/{id}"),
            "/?mode=json",
            &format!("/build/{id}/log.txt"),
        ] {
            let separator = if page.contains('?') { '&' } else { '?' };
            let reply = client.get(&format!("{page}{separator}at={at}")).await;
            assert_eq!(reply.status, status, "{page} at {at}");
            assert!(
                reply.text().contains(message),
                "{page} at {at}: {}",
                reply.text()
            );
        }
    }
}

#[tokio::test]
async fn so_long_ago_is_another_page_every_time() {
    let (script, id, _) = story();
    let client = Client::of(script).await;
    for (at, back) in [("-2h", false), ("yesterday", false), ("now", true)] {
        let reply = client.get(&format!("/build/{id}?x=1%202&at={at}")).await;
        assert_eq!(reply.status, 303, "{at}");
        let location = reply.header("location");
        let path = format!("/build/{id}?x=1%202");
        if back {
            assert_eq!(location, path);
        } else {
            let time = location.strip_prefix(&format!("{path}&at=")).unwrap();
            assert!(time.len() == 20 && time.ends_with('Z'), "{location}");
            assert_eq!(client.get(location).await.status, 200);
        }
    }
}

fn keep(reply: &Reply) -> (&str, &str) {
    (reply.header("cache-control"), reply.header("etag"))
}

#[tokio::test]
async fn the_past_can_be_kept_and_now_must_be_asked_for() {
    let (script, id, [queued, started, finished]) = story();
    let client = Client::of(script).await;
    let now = client.get("/").await;
    assert_eq!(keep(&now).0, "no-cache");
    let past = client.get(&format!("/?at={queued}")).await;
    assert_eq!(keep(&past).0, "public, max-age=86400");
    assert_ne!(keep(&now).1, keep(&past).1);
    assert_eq!(
        keep(&client.get("/?at=2024-03-01T09:05:00Z").await).0,
        "no-cache"
    );
    // The log of a build that ran then still grows.
    assert_eq!(
        keep(&client.get(&format!("/build/{id}?at={started}")).await).0,
        "no-cache"
    );
    assert_eq!(
        keep(&client.get(&format!("/build/{id}?at={finished}")).await).0,
        "public, max-age=86400"
    );
}

#[tokio::test]
async fn a_log_can_be_had_as_the_original_asks_for_it_of_the_past_too() {
    let (script, _, [_, started, finished]) = story();
    let client = Client::of(script).await;
    let failures = client.page(&format!("/?mode=failures&at={finished}")).await;
    let log = failures
        .trim()
        .rsplit("build.example.com")
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(client.page(&format!("{log}?at={finished}")).await, "done\n");
    assert_eq!(client.get(&format!("{log}?at={started}")).await.status, 404);
    assert_eq!(
        client.page(&format!("/?mode=failures&at={started}")).await,
        ""
    );
    assert_eq!(
        client
            .ask(Method::POST, &format!("/?at={started}"), &[])
            .await
            .status,
        405
    );
}
