//! What builds print: in windows, and whole.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use log_core::output::OutputStore;
use object_store::memory::InMemory;
use proto::forgelog::builds::Verdict;

use crate::client::{Client, links};
use crate::script::Script;
use crate::watched::Watched;

/// One build that printed something; with its id.
fn printed(text: impl AsRef<[u8]>, verdict: Verdict) -> (Script, String) {
    let mut script = Script::new("2024-03-01T09:00:00Z");
    let commit = script.commit("go", &[], "only");
    script.push("go", "master", commit);
    let id = script.queue("linux", "go", commit, "master");
    script.start(&id, "host-1");
    script.print(&id, text);
    script.finish(&id, verdict, "", "");
    (script, id)
}

/// The labels and texts of the lines of a page.
fn lines(html: &str) -> Vec<(String, String)> {
    let Some((_, log)) = html.split_once("aria-label=\"Log\">") else {
        return Vec::new();
    };
    let line = |line: &str| {
        let (label, text) = line.split_once("</a>")?;
        let text = text.strip_prefix('\n').unwrap_or(text);
        Some((
            label.rsplit('>').next()?.to_owned(),
            text.split("</div>").next()?.to_owned(),
        ))
    };
    log.split("<div ").skip(1).filter_map(line).collect()
}

fn brief(html: &str) -> Vec<String> {
    lines(html)
        .into_iter()
        .map(|(label, text)| format!("{label} {text}"))
        .collect()
}

#[tokio::test]
async fn windows_are_where_they_are_asked_for() {
    let text: String = (1..=10).map(|number| format!("line {number}\n")).collect();
    let (script, id) = printed(&text, Verdict::Ok);
    let client = Client::of(script).await;
    for (query, want) in [
        ("", "1-10"),
        ("?n=3", "1-3"),
        ("?from=4&n=3", "4-6"),
        ("?from=9", "9-10"),
        ("?offset=14&n=2", "3-4"),
        ("?before=21&n=2", "2-3"),
        ("?before=999&n=2", "9-10"),
        ("?from=11&n=2", "9-10"),
        ("?from=99999999&n=2", "9-10"),
        ("?offset=999", ""),
    ] {
        let html = client.page(&format!("/build/{id}/log{query}")).await;
        let lines = lines(&html);
        let range = lines
            .first()
            .zip(lines.last())
            .map(|(first, last)| format!("{}-{}", first.0, last.0));
        assert_eq!(range.unwrap_or_default(), want, "{query}");
        assert!(
            lines
                .iter()
                .all(|(label, text)| *text == format!("line {label}")),
            "{query}: {lines:?}"
        );
    }
    assert!(
        client
            .page(&format!("/build/{id}/log?from=11"))
            .await
            .contains("There are only 10 lines.")
    );
    assert_eq!(
        client.get(&format!("/build/{id}/log?n=0")).await.status,
        400
    );
    assert_eq!(
        client.get(&format!("/build/{id}/log?from=x")).await.status,
        400
    );
}

#[tokio::test]
async fn a_failed_log_is_shown_from_its_end() {
    let text: String = (1..=5000)
        .map(|number| format!("line {number}\n"))
        .collect();
    let (script, id) = printed(&text, Verdict::Failed);
    let client = Client::of(script).await;
    let shown = lines(&client.page(&format!("/build/{id}/log")).await);
    assert_eq!((shown[0].0.as_str(), shown.len()), ("3001", 2000));
    let (script, id) = printed(&text, Verdict::Ok);
    let shown = lines(
        &Client::of(script)
            .await
            .page(&format!("/build/{id}/log"))
            .await,
    );
    assert_eq!((shown[0].0.as_str(), shown.len()), ("1", 2000));
}

#[tokio::test]
async fn going_through_a_log_shows_every_line_once() {
    let text: String = (1..=1000)
        .map(|number| format!("line {number}\n"))
        .collect();
    let (script, id) = printed(&text, Verdict::Ok);
    let client = Client::of(script).await;
    let mut seen = Vec::new();
    let mut next = Some(format!("/build/{id}/log?n=300"));
    while let Some(path) = next {
        let html = client.page(&path).await;
        seen.extend(lines(&html).into_iter().map(|(_, text)| text));
        next = links(&html, "later").first().cloned();
    }
    assert_eq!(
        seen.iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>(),
        text
    );

    let mut back = Vec::new();
    let mut next = Some(format!("/build/{id}/log?n=300&before=99999"));
    while let Some(path) = next {
        let html = client.page(&path).await;
        let mut part: Vec<String> = lines(&html).into_iter().map(|(_, text)| text).collect();
        part.append(&mut back);
        back = part;
        next = links(&html, "earlier").first().cloned();
    }
    assert_eq!(back, seen);
}

#[tokio::test]
async fn escapes_are_dropped_and_nothing_is_hidden() {
    let text = "\x1b[31mred\nstill red\x1b[0m\n10%\r100%\n\x1b]8;;javascript:alert(1)\x1b\\link\x1b]8;;\x1b\\\n<b>&\n\u{202e}evil\0\n\u{7f}\n";
    let (script, id) = printed(text, Verdict::Ok);
    let client = Client::of(script).await;
    let html = client.page(&format!("/build/{id}/log")).await;
    let shown = brief(&html);
    assert_eq!(
        shown,
        [
            "1 red",
            "2 still red",
            "3 100%",
            "4 link",
            "5 &#60;b&#62;&#38;",
            "6 ⟨U+202E⟩evil⟨U+0000⟩",
            "7 ⟨U+007F⟩"
        ]
    );
    let plain = client.get(&format!("/build/{id}/log.txt")).await;
    assert!(!plain.bytes.contains(&0x1b));
    assert!(
        plain
            .text()
            .starts_with("red\nstill red\n10%\r100%\nlink\n")
    );
    assert_eq!(plain.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(plain.header("x-content-type-options"), "nosniff");
    let exact = client.get(&format!("/build/{id}/log.ansi")).await;
    assert_eq!(exact.bytes, text.as_bytes());
    assert!(
        exact
            .header("content-disposition")
            .starts_with("attachment; filename=\"linux-")
    );
    assert_eq!(exact.header("content-length"), text.len().to_string());
}

#[tokio::test]
async fn lines_are_cut_and_bytes_that_are_no_text_replaced() {
    let text = [b"x".repeat(9000).as_slice(), b"\n\xff\xfe\n"].concat();
    let (script, id) = printed(text, Verdict::Ok);
    let client = Client::of(script).await;
    let shown = lines(&client.page(&format!("/build/{id}/log")).await);
    assert_eq!(
        shown[0].1,
        format!("{} <i>… 808 more bytes</i>", "x".repeat(8192))
    );
    assert_eq!(shown[1].1, "\u{fffd}\u{fffd}");
}

/// A log of so many bytes in lines of 64, and the store that it is read from.
async fn big(bytes: usize, verdict: Verdict) -> (Client, String, Arc<Watched>) {
    let (mut script, id) = printed("", verdict);
    let mut text = Vec::with_capacity(bytes);
    let mut number = 0;
    while text.len() < bytes {
        text.extend_from_slice(format!("{number:063}\n").as_bytes());
        number += 1;
    }
    script.print(&id, text);
    let store = Arc::new(Watched::default());
    let output = OutputStore::new(store.clone());
    let client = Client::new(
        script
            .serve_from(Arc::new(InMemory::new()), output, "go")
            .await,
    );
    store.take();
    (client, id, store)
}

#[tokio::test]
async fn a_window_of_a_big_log_takes_a_few_bounded_reads() {
    const MIB: u64 = 1 << 20;
    let (client, id, store) = big(64 << 20, Verdict::Failed).await;
    for (query, first, reads_max, bytes_max) in [
        ("", format!("{:063}", (1 << 20) - 2000), 1, MIB),
        ("?from=3", format!("{:063}", 2), 2, 3 * MIB + 1),
        // Lines have numbers in the first 8 MiB.
        ("?from=131072", format!("{:063}", 131_071), 5, 9 * MIB + 1),
        ("?from=1000000", format!("{:063}", 131_072), 9, 17 * MIB + 1),
        ("?offset=33554432", format!("{:063}", 524_288), 1, MIB + 1),
        ("?before=33554432&n=10", format!("{:063}", 524_278), 1, MIB),
    ] {
        let html = client.page(&format!("/build/{id}/log{query}")).await;
        let (reads, bytes) = store.take();
        assert_eq!(lines(&html)[0].1, first, "{query}");
        assert!(
            reads <= reads_max && bytes <= bytes_max,
            "{query}: {reads} reads of {bytes} bytes"
        );
    }
    let html = client
        .page(&format!("/build/{id}/log?offset=33554432"))
        .await;
    assert_eq!(lines(&html)[1].0, "@33554496");
    assert!(html.contains(r#"id="B33554496""#));
    assert!(
        client
            .page(&format!("/build/{id}/log?from=1000000"))
            .await
            .contains("Lines are found by number")
    );
}

#[tokio::test]
async fn a_log_without_lines_is_shown_in_pieces() {
    let (script, id) = printed("x".repeat(3 << 20), Verdict::Ok);
    let client = Client::of(script).await;
    let mut next = Some(format!("/build/{id}/log"));
    let mut offsets = Vec::new();
    while let Some(path) = next {
        let html = client.page(&path).await;
        let shown = lines(&html);
        assert_eq!(shown.len(), 1, "{path}");
        assert_eq!(
            shown[0].1.starts_with("<i>…</i>"),
            !offsets.is_empty(),
            "{path}"
        );
        offsets.push(path);
        next = links(&html, "later").first().cloned();
    }
    assert_eq!(offsets.len(), 3);
    let end = client
        .page(&format!("/build/{id}/log?before=99999999"))
        .await;
    assert_eq!(lines(&end).len(), 1);
}

#[tokio::test]
async fn a_whole_log_is_streamed_in_pieces() {
    let (client, id, store) = big(5 << 20, Verdict::Ok).await;
    let reply = client.get(&format!("/build/{id}/log.txt")).await;
    assert_eq!(reply.bytes.len(), 5 << 20);
    assert_eq!(store.take(), (5, 5 << 20));
    let exact = client.get(&format!("/build/{id}/log.ansi")).await;
    assert_eq!(exact.bytes, reply.bytes);
}

#[tokio::test]
async fn a_store_that_fails_gives_no_page_that_looks_complete() {
    let (client, id, store) = big(1 << 10, Verdict::Ok).await;
    store.fails.store(true, Ordering::SeqCst);
    for path in [format!("/build/{id}"), format!("/build/{id}/log")] {
        let reply = client.get(&path).await;
        assert_eq!(reply.status, 503, "{path}");
        assert!(reply.text().contains("told to fail"));
    }
    for page in ["log.txt", "log.ansi"] {
        assert!(
            client.breaks_off(&format!("/build/{id}/{page}")).await,
            "{page}"
        );
    }
    assert_eq!(client.get("/").await.status, 200);
}

#[tokio::test]
async fn what_a_running_build_printed_so_far_is_shown() {
    let mut script = Script::new("2024-03-01T09:00:00Z");
    let commit = script.commit("go", &[], "only");
    script.push("go", "master", commit);
    let id = script.queue("linux", "go", commit, "master");
    let queued = script.builds_end();
    script.start(&id, "host-1");
    script.print(&id, "so far\n");
    let client = Client::of(script).await;
    let path = format!("/build/{id}/log");
    let html = client.page(&path).await;
    assert_eq!(brief(&html), ["1 so far"]);
    assert!(html.contains("http-equiv") && html.contains("it goes on"));
    let still = client.page(&links(&html, "pause")[0]).await;
    assert!(!still.contains("http-equiv"));
    assert!(
        !client
            .page(&format!("{path}?from=1"))
            .await
            .contains("http-equiv")
    );
    assert_eq!(client.page(&format!("{path}.txt")).await, "so far\n");
    // Before it started there was nothing.
    let before = client.page(&format!("{path}?at=builds:{queued}")).await;
    assert!(before.contains("nothing was printed") && brief(&before).is_empty());
    assert_eq!(
        client
            .get(&format!("{path}.txt?at=builds:{queued}"))
            .await
            .status,
        404
    );
    let then = client
        .page(&format!("{path}?at=2024-03-01T10:00:00Z"))
        .await;
    assert!(then.contains("its output is shown whole") && !then.contains("http-equiv"));
}

#[tokio::test]
async fn attempts_have_logs_of_their_own() {
    let mut script = Script::new("2024-03-01T09:00:00Z");
    let commit = script.commit("go", &[], "only");
    script.push("go", "master", commit);
    let id = script.queue("linux", "go", commit, "master");
    script.start(&id, "host-1");
    script.print(&id, "first\n");
    script.end_attempt(&id, proto::forgelog::builds::AttemptEnd::Infra, "lost");
    script.start(&id, "host-2");
    script.print(&id, "second\n");
    script.finish(&id, Verdict::Ok, "", "");
    let client = Client::of(script).await;
    for (query, want) in [
        ("", "second\n"),
        ("?attempt=1", "first\n"),
        ("?attempt=2", "second\n"),
    ] {
        assert_eq!(
            client.page(&format!("/build/{id}/log.txt{query}")).await,
            want,
            "{query}"
        );
    }
    let third = client.page(&format!("/build/{id}/log?attempt=3")).await;
    assert!(third.contains("There is no attempt 3."));
    assert_eq!(
        client
            .get(&format!("/build/{id}/log.txt?attempt=3"))
            .await
            .status,
        404
    );
}
