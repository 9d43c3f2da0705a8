//! A client that talks to the router in its own process.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use dashboard::router;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::script::{Script, Served};

pub struct Client {
    router: Router,
    /// Dropping it says that there are no notices any more.
    pub served: Served,
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Client {
    pub async fn of(script: Script) -> Self {
        Self::new(script.serve("go").await)
    }

    pub fn new(served: Served) -> Self {
        Self {
            router: router(served.components.clone()),
            served,
        }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.ask(Method::GET, path, &[]).await
    }

    /// A page that has to be there.
    pub async fn page(&self, path: &str) -> String {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.text()
    }

    /// Whether the body of a reply ends before its end.
    pub async fn breaks_off(&self, path: &str) -> bool {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        response.into_body().collect().await.is_err()
    }

    pub async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "build.example.com");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            bytes,
        }
    }
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8(self.bytes.clone()).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// A page without what changes with every change of the sources.
pub fn stable(html: &str) -> String {
    let html = html.replace(env!("RENDERER"), "RENDERER");
    let (before, after) = html.split_once("/static/style-").unwrap();
    let (_, after) = after.split_once(".css").unwrap();
    format!("{before}/static/style-HASH.css{after}")
}

/// The texts of the table's cells that hold builds, row by row.
pub fn cells(html: &str) -> Vec<Vec<String>> {
    let Some((_, body)) = html.split_once("<tbody>") else {
        return Vec::new();
    };
    let body = body.split("</tbody>").next().unwrap_or_default();
    let row = |row: &str| row.split("<td").skip(1).map(text_of_cell).collect();
    body.split("<tr>").skip(1).map(row).collect()
}

fn text_of_cell(cell: &str) -> String {
    let inner = cell
        .split_once('>')
        .map_or("", |(_, inner)| inner)
        .split("</td>")
        .next()
        .unwrap_or_default();
    let mut text = String::new();
    let mut is_tag = false;
    for letter in inner.chars() {
        match letter {
            '<' => is_tag = true,
            '>' => is_tag = false,
            _ if !is_tag => text.push(letter),
            _ => {}
        }
    }
    text
}

/// The targets of links whose text has this in it.
pub fn links(html: &str, text: &str) -> Vec<String> {
    let links = html.split("<a ").skip(1).filter(|link| {
        let label = link
            .split("</a>")
            .next()
            .and_then(|link| link.split_once('>'))
            .map_or("", |(_, label)| label);
        label.contains(text)
    });
    let href = |link: &str| {
        link.split_once("href=\"")?
            .1
            .split('"')
            .next()
            .map(|href| href.replace("&#38;", "&"))
    };
    links.filter_map(href).collect()
}
