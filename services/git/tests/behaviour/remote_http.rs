//! Mirrors over HTTP: a small server in front of `git http-backend`, on a port of this machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use git::{Error, Location, Repository};

use crate::fixture::{TestRepo, command, output};

static GO_ON: AtomicBool = AtomicBool::new(false);

/// One request, without its body.
struct Request {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Says what to answer instead of what git would.
type Intercept = Box<dyn Fn(&Request) -> Option<String> + Send>;

struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves the repositories in a folder.
    fn start(root: &Path, intercept: Intercept) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (root, stopped) = (root.to_owned(), stop.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                // A client that goes away is no failure.
                drop(answer(stream.unwrap(), &root, &intercept));
            }
        });
        Self {
            address,
            stop,
            thread: Some(thread),
        }
    }

    fn url(&self, userinfo: &str, name: &str) -> Location {
        Location::parse(&format!("http://{userinfo}{}/{name}", self.address)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
        self.thread.take().unwrap().join().unwrap();
    }
}

fn answer(mut stream: TcpStream, root: &Path, intercept: &Intercept) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let Some(request) = read_head(&mut reader)? else {
        return Ok(());
    };
    let body = read_body(&mut reader, &request)?;
    if let Some(response) = intercept(&request) {
        return write!(
            stream,
            "HTTP/1.1 {response}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    let mut backend = command(root);
    backend
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", &request.method)
        .env("PATH_INFO", &request.path)
        .env("QUERY_STRING", &request.query)
        .env(
            "CONTENT_TYPE",
            request.header("content-type").unwrap_or_default(),
        )
        .env("CONTENT_LENGTH", body.len().to_string())
        .env(
            "GIT_PROTOCOL",
            request.header("git-protocol").unwrap_or_default(),
        );
    let response = output(&mut backend, &body);
    let end = response
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(response[..end].to_vec()).unwrap();
    let status = head
        .lines()
        .find_map(|line| line.strip_prefix("Status: "))
        .unwrap_or("200 OK");
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{head}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&response[end + 4..])
}

fn read_head(reader: &mut impl BufRead) -> std::io::Result<Option<Request>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let mut words = lines[0].split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
    let headers = headers
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    Ok(Some(Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
    }))
}

fn read_body(reader: &mut impl BufRead, request: &Request) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if request.header("transfer-encoding").is_some() {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size)?;
            let size = u64::from_str_radix(size.trim(), 16).unwrap();
            reader.take(size).read_to_end(&mut body)?;
            reader.read_line(&mut String::new())?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let size = request
        .header("content-length")
        .map_or(0, |size| size.parse().unwrap());
    reader.take(size).read_to_end(&mut body)?;
    Ok(body)
}

fn bare(repo: &TestRepo) {
    output(
        command(repo.around.path()).args(["clone", "-q", "--bare", "project", "bare.git"]),
        b"",
    );
    repo.git([
        "remote",
        "add",
        "bare",
        repo.path_around("bare.git").to_str().unwrap(),
    ]);
}

fn mirror_dir(repo: &TestRepo) -> PathBuf {
    repo.path_around("mirror")
}

/// All of an error, as a log would have it.
fn printed(error: &Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(&format!("\n{error}"));
        source = error.source();
    }
    text
}

#[test]
fn fetching() {
    let repo = TestRepo::new();
    repo.write("a", "1\n");
    repo.commit("first");
    bare(&repo);
    let server = Server::start(repo.around.path(), Box::new(|_| None));
    let mirror = Repository::mirror(&server.url("", "bare.git"), mirror_dir(&repo)).unwrap();
    assert_eq!(mirror.name(), format!("{}/bare", server.address));
    assert!(
        mirror
            .fetch(&GO_ON)
            .unwrap_or_else(|error| panic!("{}", printed(&error)))
    );
    assert_eq!(mirror.refs().unwrap(), repo.open().refs().unwrap());
    repo.write("a", "2\n");
    let second = repo.commit("second");
    repo.git(["branch", "side"]);
    repo.git(["push", "-q", "bare", "main", "side"]);
    assert!(mirror.fetch(&GO_ON).unwrap());
    assert!(!mirror.fetch(&GO_ON).unwrap());
    assert_eq!(mirror.refs().unwrap(), repo.open().refs().unwrap());
    assert_eq!(mirror.commit(&second).unwrap().files.len(), 1);
}

#[test]
fn credentials_do_not_go_over_the_wire_in_clear() {
    let repo = TestRepo::new();
    repo.commit("first");
    bare(&repo);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let server_seen = seen.clone();
    let intercept: Intercept = Box::new(move |request| {
        server_seen
            .lock()
            .unwrap()
            .push(request.header("authorization").map(str::to_owned));
        Some("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"".to_owned())
    });
    let server = Server::start(repo.around.path(), intercept);
    let mirror =
        Repository::mirror(&server.url("me:secret@", "bare.git"), mirror_dir(&repo)).unwrap();
    let config = std::fs::read_to_string(mirror_dir(&repo).join("config")).unwrap();
    assert!(!config.contains("secret") && !mirror.name().contains("secret"));
    let error = mirror.fetch(&GO_ON).unwrap_err();
    assert!(matches!(error, Error::Fetch { .. }), "{error:?}");
    let text = printed(&error);
    assert!(
        text.contains("clear text") && !text.contains("secret"),
        "{text}"
    );
    assert_eq!(*seen.lock().unwrap(), [None]);
}

#[test]
fn failures_name_the_remote() {
    let repo = TestRepo::new();
    repo.commit("first");
    bare(&repo);
    let server = Server::start(
        repo.around.path(),
        Box::new(|request| {
            request
                .path
                .contains("broken")
                .then(|| "500 Internal Server Error".to_owned())
        }),
    );
    let unused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let nobody = Location::parse(&format!("http://x:secret@{unused}/x")).unwrap();
    for location in [
        server.url("me:secret@", "nothing.git"),
        server.url("me:secret@", "broken.git"),
        nobody,
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mirror = Repository::mirror(&location, dir.path()).unwrap();
        let error = mirror.fetch(&GO_ON).unwrap_err();
        assert!(matches!(error, Error::Fetch { .. }), "{error:?}");
        assert!(error.to_string().contains(&location.to_string()), "{error}");
        assert!(!printed(&error).contains("secret"), "{}", printed(&error));
    }
}

#[test]
fn https_is_spoken() {
    // Something that answers, but not in TLS: were TLS not compiled in, or had it no provider, the client would fail
    // (or panic) before it sends a byte.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut first = [0; 3];
        stream.read_exact(&mut first).unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
        first
    });
    let dir = tempfile::tempdir().unwrap();
    let location = Location::parse(&format!("https://{address}/x")).unwrap();
    let error = Repository::mirror(&location, dir.path())
        .unwrap()
        .fetch(&GO_ON)
        .unwrap_err();
    assert!(matches!(error, Error::Fetch { .. }), "{error:?}");
    // A handshake record of TLS 1.
    assert_eq!(server.join().unwrap(), [0x16, 3, 1]);
}

#[test]
fn cancelling_leaves_the_mirror_as_it_was() {
    let repo = TestRepo::new();
    repo.write("a", "x".repeat(100_000));
    repo.commit("first");
    bare(&repo);
    let cancel = Arc::new(AtomicBool::new(false));
    let at_pack = cancel.clone();
    let armed = Arc::new(AtomicBool::new(true));
    let is_armed = armed.clone();
    let server = Server::start(
        repo.around.path(),
        Box::new(move |request| {
            // The first request lists capabilities, and all others are POSTs.
            at_pack.fetch_or(
                is_armed.load(Ordering::Relaxed) && request.method == "POST",
                Ordering::Relaxed,
            );
            None
        }),
    );
    let mirror = Repository::mirror(&server.url("", "bare.git"), mirror_dir(&repo)).unwrap();
    let error = mirror.fetch(&cancel).unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }), "{error:?}");
    assert_eq!(mirror.refs().unwrap().refs, []);
    let error = mirror.fetch(&AtomicBool::new(true)).unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }), "{error:?}");
    armed.store(false, Ordering::Relaxed);
    assert!(mirror.fetch(&GO_ON).unwrap());
    assert_eq!(mirror.refs().unwrap(), repo.open().refs().unwrap());
}
