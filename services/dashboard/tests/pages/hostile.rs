//! Names and texts that mean harm.

use proto::forgelog::builds::Verdict;

use crate::client::Client;
use crate::script::Script;

const MARKUP: &str = "<script>alert('x')</script>\"'&";

#[tokio::test]
async fn nothing_from_outside_becomes_markup() {
    let mut script = Script::new("2024-03-01T09:00:00Z");
    let (repo, branch, builder) = ("<i>repo\"/../x", "<b>branch\"&at=1#", "<u>linux\"-amd64?");
    let author = "<s>Eve\"' <eve@<em>.example>";
    let message = format!("{MARKUP} \u{202e}subject\n\n{MARKUP} body");
    let commit = script.commit_by(author, repo, &[], &message, &[("<q>file\"", 1, 2)]);
    script.push(repo, branch, commit);
    script.default_branch(repo, branch);
    script.config(&[(builder, "*"), ("<tt>", "*")], &[MARKUP]);
    let id = script.queue(builder, repo, commit, branch);
    script.start(&id, "<host>\"");
    script.span(&id, "<step>\"", 1, "<error>\"");
    script.print(&id, format!("{MARKUP}\n--- FAIL: {MARKUP}\n"));
    script.finish(&id, Verdict::Failed, "<failed>\"", "<state>\"");
    let client = Client::new(script.serve(repo).await);
    let encoded = "%3Cb%3Ebranch%22%26at=1%23";
    let mut pages = vec![
        "/".to_owned(),
        format!("/?branch={encoded}"),
        "/?branch=all".to_owned(),
    ];
    pages.extend([format!("/build/{id}"), format!("/build/{id}/log")]);
    pages.push(format!("/commit/%3Ci%3Erepo%22/..%2Fx/{commit}").replace("..%2Fx", "%2E%2E/x"));
    pages.extend(
        [
            "/?branch=%3Cscript%3E",
            "/?mode=%3Cscript%3E",
            "/build/%3Cscript%3E",
            "/?at=%3Cscript%3E",
        ]
        .map(str::to_owned),
    );
    for page in pages {
        let reply = client.get(&page).await;
        let html = reply.text();
        for tag in [
            "<script", "<i>r", "<b>b", "<u>", "<s>", "<em>", "<q>", "<tt>", "<host", "<step",
            "<error", "<failed", "<state",
        ] {
            assert!(!html.contains(tag), "{page}: {tag}");
        }
        assert!(!html.contains('\u{202e}'), "{page}");
        for attribute in html.split("href=\"").skip(1) {
            let href = attribute.split('"').next().unwrap();
            assert!(
                href.starts_with('/') || href.starts_with('#'),
                "{page}: {href}"
            );
            assert!(
                !href.starts_with("//") && !href.contains(['<', '>', ' ', '\'']),
                "{page}: {href}"
            );
        }
    }
}

#[tokio::test]
async fn links_to_hostile_names_lead_where_they_should() {
    let mut script = Script::new("2024-03-01T09:00:00Z");
    let (repo, branch) = ("a b/c?d#e%2F", "x&y=z?#/%41");
    let commit = script.commit(repo, &[], "only");
    script.push(repo, branch, commit);
    script.default_branch(repo, branch);
    script.built("linux", repo, commit, Verdict::Ok, "");
    let client = Client::new(script.serve("main").await);
    let board = client.page("/?repo=a+b/c?d%23e%252F").await;
    let commit_link = crate::client::links(&board, &commit.short())[0].clone();
    let page = client.page(&commit_link).await;
    assert!(page.contains("only"));
    let build = client.page(&crate::client::links(&page, "linux")[0]).await;
    // Back to the branch, whatever it is called.
    let back = crate::client::links(&build, "a b/c?d#e%2F ");
    assert_eq!(
        client.get(&back[0]).await.status,
        404,
        "the build says another branch"
    );
}

#[tokio::test]
async fn endless_texts_are_cut() {
    let mut script = Script::new("2024-03-01T09:00:00Z");
    let long = "long ".repeat(100_000);
    let commit = script.commit("go", &[], &format!("{long}\n\n{long}"));
    script.push("go", "master", commit);
    let client = Client::of(script).await;
    assert!(client.page("/").await.len() < 20_000);
    assert!(client.page(&format!("/commit/go/{commit}")).await.len() < 100_000);
    let reply = client
        .get(&format!("/?branch={}", "x".repeat(10_000)))
        .await;
    assert_eq!(reply.status, 404);
    assert!(reply.bytes.len() < 10_000);
}
