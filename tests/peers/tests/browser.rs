//! A real browser opens the board and the failing build's log.
//!
//! `forgelog up` runs on a small repository; Debian's Chromium is driven over its own protocol. The
//! screenshots are for people: they are left in the target folder's `tmp/browser`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use chromiumoxide::Page;
use chromiumoxide::browser::{Browser, BrowserConfig};
use chromiumoxide::cdp::browser_protocol::emulation::{
    MediaFeature, SetDeviceMetricsOverrideParams, SetEmulatedMediaParams,
};
use chromiumoxide::cdp::browser_protocol::log::{EnableParams as EnableLog, EventEntryAdded};
use chromiumoxide::cdp::browser_protocol::network::{
    EnableParams as EnableNetwork, EventRequestWillBeSent,
};
use chromiumoxide::page::ScreenshotParams;
use futures::StreamExt as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

const LIMIT: Duration = Duration::from_secs(120);
const MARKER: &str = "this line is the reason";

fn run(dir: &Path, program: &str, arguments: &[&str]) -> String {
    let person = [
        ("GIT_AUTHOR_NAME", "Ann"),
        ("GIT_AUTHOR_EMAIL", "ann@example.org"),
        ("GIT_COMMITTER_NAME", "Ann"),
        ("GIT_COMMITTER_EMAIL", "ann@example.org"),
    ];
    let output = Command::new(program)
        .current_dir(dir)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs(person)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with a good commit and, on top of it, a bad one with a hostile subject.
fn repository(dir: &Path) {
    run(dir, "git", &["-c", "init.defaultBranch=main", "init", "-q"]);
    std::fs::create_dir_all(dir.join("env/builders")).unwrap();
    let builder = "[[builder.linux-amd64.step]]\nid = 'check'\nrun = ['sh', 'check.sh']\n";
    std::fs::write(dir.join("env/builders/check.toml"), builder).unwrap();
    std::fs::write(dir.join("check.sh"), "echo all is well\n").unwrap();
    run(dir, "git", &["add", "."]);
    run(
        dir,
        "git",
        &["commit", "-q", "-m", "Begin with a check that passes"],
    );
    std::fs::write(dir.join("check.sh"), format!("echo before\nprintf '\\033[31m<script>alert(1)</script>\\033[0m\\n'\necho '{MARKER}'\nexit 3\n")).unwrap();
    run(
        dir,
        "git",
        &[
            "commit",
            "-q",
            "-a",
            "-m",
            "Break it <script>alert('subject')</script> & \"more\"",
        ],
    );
}

struct Up {
    child: Child,
    url: String,
}

impl Up {
    fn start(repository: &Path, data: &Path) -> Self {
        let program = std::env::var_os("FORGELOG")
            .expect("FORGELOG names the built command: use tests/peers/run");
        let mut child = Command::new(program)
            .arg("up")
            .arg(repository)
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.next().unwrap().unwrap();
        // Keep reading, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        Self {
            child,
            url: url.trim_end_matches('/').to_owned(),
        }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Tab {
    page: Page,
    shots: PathBuf,
}

impl Tab {
    async fn go(&self, url: &str) {
        self.page.goto(url).await.unwrap();
    }

    /// The text of an element; while the browser is between two pages, of the second one.
    async fn text(&self, selector: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Ok(element) = self.page.find_element(selector).await
                && let Ok(Some(text)) = element.inner_text().await
            {
                return text;
            }
            assert!(Instant::now() < deadline, "there is no {selector}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Loads the page anew until its text holds all of these.
    async fn until_it_says(&self, url: &str, words: &[&str]) {
        let deadline = Instant::now() + LIMIT;
        loop {
            self.go(url).await;
            let text = self.text("body").await;
            if words.iter().all(|word| text.contains(word)) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{url} never said {words:?}, but:\n{text}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn shoot(&self, name: &str, width: i64, dark: bool) {
        let metrics = SetDeviceMetricsOverrideParams::new(width, 800, 1.0, false);
        self.page.execute(metrics).await.unwrap();
        let scheme = if dark { "dark" } else { "light" };
        let media = SetEmulatedMediaParams::builder()
            .feature(MediaFeature::new("prefers-color-scheme", scheme))
            .build();
        self.page.execute(media).await.unwrap();
        let path = self.shots.join(format!("{name}-{width}-{scheme}.png"));
        self.page
            .save_screenshot(ScreenshotParams::builder().build(), &path)
            .await
            .unwrap();
        let overflow: i64 = self
            .page
            .evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            .await
            .unwrap()
            .into_value()
            .unwrap();
        assert!(
            overflow <= 0,
            "{name} at {width} px is {overflow} px too wide: only its table may scroll"
        );
    }

    /// From the board's failing cell to its build.
    async fn follow_failing_cell(&self) {
        // In one go, because a board with running builds loads itself anew at any time.
        let click = "const cells = [...document.querySelectorAll(\"table td a[href^='/build/']\")]; \
                     const failing = cells.find(cell => cell.innerText.includes('✗')); \
                     failing?.click(); failing !== undefined";
        let clicked: bool = self
            .page
            .evaluate(click)
            .await
            .unwrap()
            .into_value()
            .unwrap();
        assert!(clicked, "a failing cell has a link");
        let deadline = Instant::now() + LIMIT;
        while !self.page.url().await.unwrap().unwrap().contains("/build/") {
            assert!(
                Instant::now() < deadline,
                "a failing cell leads to its build"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A browser of its own, and the task that listens to it.
async fn chromium(profile: &Path) -> (Browser, JoinHandle<()>) {
    let quiet = [
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ];
    let config = BrowserConfig::builder()
        .chrome_executable("/usr/bin/chromium")
        .no_sandbox()
        .user_data_dir(profile)
        .args(quiet)
        .build();
    let (browser, mut handler) = Browser::launch(config.unwrap()).await.unwrap();
    let handling = tokio::spawn(async move { while handler.next().await.is_some() {} });
    (browser, handling)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_board_and_the_failing_log() {
    let (dir, data, profile) = (
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
    );
    repository(dir.path());
    let up = Up::start(dir.path(), data.path());
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    std::fs::create_dir_all(&shots).unwrap();

    let (mut browser, handling) = chromium(profile.path()).await;
    let page = browser.new_page("about:blank").await.unwrap();
    page.execute(EnableLog::default()).await.unwrap();
    page.execute(EnableNetwork::default()).await.unwrap();
    let mut entries = page.event_listener::<EventEntryAdded>().await.unwrap();
    let mut requests = page
        .event_listener::<EventRequestWillBeSent>()
        .await
        .unwrap();
    let tab = Tab { page, shots };

    let board = format!("{}/", up.url);
    tab.until_it_says(
        &board,
        &["ok", "✗", "Break it <script>alert('subject')</script>"],
    )
    .await;
    for (width, dark) in [(1280, false), (1280, true), (360, false), (360, true)] {
        tab.shoot("board", width, dark).await;
    }
    let headers = "document.querySelectorAll('table th[scope=col]').length";
    let headers: u32 = tab
        .page
        .evaluate(headers)
        .await
        .unwrap()
        .into_value()
        .unwrap();
    assert!(headers >= 2, "the board is a real table");

    tab.follow_failing_cell().await;
    let build = tab.text("body").await;
    assert!(
        build.contains(MARKER) && build.contains("exit status 3"),
        "{build}"
    );
    assert!(
        build.contains("<script>alert(1)</script>"),
        "what the build printed is text: {build}"
    );
    tab.shoot("build", 1280, false).await;
    tab.shoot("build", 360, true).await;
    let address = tab.page.url().await.unwrap().unwrap();
    tab.go(&format!("{address}/log")).await;
    assert!(tab.text("body").await.contains(MARKER));
    tab.shoot("log", 1280, true).await;

    // Nothing was fetched from elsewhere, and the browser had nothing to complain about.
    let mut fetched = 0;
    while let Ok(Some(request)) =
        tokio::time::timeout(Duration::from_millis(200), requests.next()).await
    {
        let url = &request.request.url;
        assert!(
            url.starts_with(&up.url) || url.starts_with("data:"),
            "fetched {url}"
        );
        fetched += 1;
    }
    assert!(fetched > 3, "the browser's requests were not seen");
    if let Ok(Some(entry)) = tokio::time::timeout(Duration::from_millis(200), entries.next()).await
    {
        panic!("the browser says: {}", entry.entry.text);
    }
    browser.close().await.unwrap();
    browser.wait().await.unwrap();
    handling.abort();
}
