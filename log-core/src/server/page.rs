//! The page for people at `/`: which streams there are, and where. Depends on `published`.

use super::answer::{ALWAYS, bad, is_read};
use super::shared::{Served, Shared};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use std::fmt::Write as _;
use std::sync::Arc;

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>forgelog</title></head>\n<body>\n\
<h1>Log server</h1>\n<table>\n<tr><th>stream</th><th>segments</th><th>bytes</th><th>ends at</th></tr>\n";

pub(super) async fn get(State(shared): State<Arc<Shared>>, method: Method) -> Response {
    if !is_read(&method) {
        return bad("bad method");
    }
    let mut page = HEAD.to_owned();
    for name in shared.served.keys() {
        row(&mut page, &shared, name);
    }
    page.push_str("</table>\n");
    if let Some(main) = &shared.main {
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "<p><a href=\"/logs\">/logs</a> is {}.</p>",
            escaped(main)
        );
    }
    page.push_str("</body>\n</html>\n");
    let kind = [
        (
            CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'"),
        ),
    ];
    (ALWAYS, kind, page).into_response()
}

fn row(page: &mut String, shared: &Shared, name: &str) {
    let Some((Served { publisher, .. }, addresses)) = shared.named(name) else {
        return;
    };
    let segments = publisher.stream.segments();
    let bytes: u64 = segments.iter().map(|segment| segment.len()).sum();
    let _ = writeln!(
        page,
        "<tr><td><a href=\"{}\">{}</a></td><td>{}</td><td>{bytes}</td><td>{}</td></tr>",
        escaped(&addresses.index),
        escaped(name),
        segments.len(),
        publisher.stream.tail(),
    );
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_gets_through() {
        assert_eq!(
            escaped("<a href=\"x\">&'"),
            "&lt;a href=&quot;x&quot;&gt;&amp;&#39;"
        );
    }
}
