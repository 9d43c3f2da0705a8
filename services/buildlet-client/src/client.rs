//! The client: who to call, with which password and epoch, and whether it has been
//! given up.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use data_encoding::BASE64;
use form_urlencoded::Serializer;
use http::{Request, header, request};
use serde::Deserialize;

use crate::{
    ByteStream, DirEntry, Error, ListOptions, Payload,
    body::RequestBody,
    call::{Reply, Target, call},
};

/// The wait for the head of a reply that takes the agent no work.
const SMALL_LIMIT: Duration = Duration::from_secs(10);

/// The same for one that comes after work on a whole tree: deleting it, starting
/// to read it.
const TREE_LIMIT: Duration = Duration::from_secs(5 * 60);

/// The same for one that comes after an upload.
const UPLOAD_LIMIT: Duration = Duration::from_secs(15 * 60);

/// How long to try to reach an agent that is to halt.
const HALT_LIMIT: Duration = Duration::from_secs(2);

/// The longest replies that are read into memory.
const SMALL_BYTES_MAX: usize = 64 << 10;
const LISTING_BYTES_MAX: usize = 64 << 20;

/// A client of one buildlet. Clones share whether it is broken.
#[derive(Clone)]
pub struct BuildletClient {
    pub(crate) addr: SocketAddr,
    authorization: Arc<str>,
    epoch: Option<u64>,
    broken: Arc<OnceLock<Arc<str>>>,
}

#[derive(Deserialize)]
struct Status {
    #[serde(rename = "Version")]
    version: u32,
}

impl BuildletClient {
    /// A client of the agent at this address. Connects when it is used.
    pub fn new(addr: SocketAddr, password: impl Into<String>) -> Self {
        let credentials = format!("forgelog:{}", password.into());
        Self {
            addr,
            authorization: format!("Basic {}", BASE64.encode(credentials.as_bytes())).into(),
            epoch: None,
            broken: Arc::default(),
        }
    }

    /// The same client, showing the coordinator's epoch with every call. An agent
    /// that has seen a higher one answers 409.
    #[must_use]
    pub fn with_epoch(self, epoch: u64) -> Self {
        Self {
            epoch: Some(epoch),
            ..self
        }
    }

    /// The agent's address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Why this client does nothing any more, if so.
    pub fn broken(&self) -> Option<&str> {
        self.broken.get().map(AsRef::as_ref)
    }

    /// The agent's protocol version.
    pub async fn status(&self) -> Result<u32, Error> {
        let target = self.target("GET /status");
        let request = self.bare("GET", "/status");
        let reply = self.send(target, request, empty(), SMALL_LIMIT).await?;
        let json = reply.read(SMALL_BYTES_MAX).await?;
        let status: Result<Status, _> = serde_json::from_slice(&json);
        status
            .map(|status| status.version)
            .map_err(|error| target.senseless(error.to_string()))
    }

    /// The absolute path of the directory that everything else is relative to.
    pub async fn work_dir(&self) -> Result<String, Error> {
        let target = self.target("GET /workdir");
        let request = self.bare("GET", "/workdir");
        let reply = self.send(target, request, empty(), SMALL_LIMIT).await?;
        let path = reply.read(SMALL_BYTES_MAX).await?.to_vec();
        String::from_utf8(path).map_err(|error| target.senseless(error.to_string()))
    }

    /// Unpacks a gzipped tar into `dir`, relative to the workdir; made where it is
    /// missing.
    pub async fn put_tgz(&self, dir: &str, tgz: impl Into<Payload>) -> Result<(), Error> {
        let target = self.target("PUT /writetgz");
        let request = self.bare("PUT", &query("/writetgz", &[("dir", dir)]));
        let body = tgz.into().body;
        self.send_for_nothing(target, request, body, UPLOAD_LIMIT)
            .await
    }

    /// Writes a file, with its parents. `mode` is its permission bits.
    pub async fn put_file(
        &self,
        path: &str,
        mode: u32,
        content: impl Into<Payload>,
    ) -> Result<(), Error> {
        let target = self.target("PUT /write");
        // Decimal: what the original's agents read.
        let pairs = [("path", path), ("mode", &mode.to_string())];
        let request = self.bare("PUT", &query("/write", &pairs));
        let body = content.into().body;
        self.send_for_nothing(target, request, body, UPLOAD_LIMIT)
            .await
    }

    /// Deletes files and directories, all or, when one name is refused, none. `.`
    /// empties the workdir.
    pub async fn remove_all<S: AsRef<str>>(&self, paths: &[S]) -> Result<(), Error> {
        let target = self.target("POST /removeall");
        // A block, because the serializer is not Send and must not live across the await.
        let body = {
            let mut form = Serializer::new(String::new());
            for path in paths {
                form.append_pair("path", path.as_ref());
            }
            full(form.finish())
        };
        let request = self.form("/removeall");
        self.send_for_nothing(target, request, body, TREE_LIMIT)
            .await
    }

    /// The entries of a directory.
    pub async fn list_dir(&self, options: &ListOptions) -> Result<Vec<DirEntry>, Error> {
        let target = self.target("GET /ls");
        let flag = |is_set: bool| if is_set { "true" } else { "false" };
        let mut pairs = vec![
            ("dir", options.dir.as_str()),
            ("recursive", flag(options.recursive)),
            ("digest", flag(options.digest)),
        ];
        pairs.extend(options.skip.iter().map(|skip| ("skip", skip.as_str())));
        let request = self.bare("GET", &query("/ls", &pairs));
        let reply = self.send(target, request, empty(), TREE_LIMIT).await?;
        let text = reply.read(LISTING_BYTES_MAX).await?;
        let text = String::from_utf8_lossy(&text);
        let entry = |line: &str| {
            let senseless = || target.senseless(format!("the line {line:?}"));
            DirEntry::parse(line).ok_or_else(senseless)
        };
        text.lines().map(entry).collect()
    }

    /// A directory as a gzipped tar. `single_member` is for readers that take only
    /// the first member of a gzip file for all of it.
    pub async fn get_tgz(&self, dir: &str, single_member: bool) -> Result<ByteStream, Error> {
        let target = self.target("GET /tgz");
        let pargzip = if single_member { "0" } else { "1" };
        let request = self.bare("GET", &query("/tgz", &[("dir", dir), ("pargzip", pargzip)]));
        let reply = self.send(target, request, empty(), TREE_LIMIT).await?;
        Ok(reply.into_stream())
    }

    /// Tells the agent to end. It answers, and stops a second later. Also for a
    /// broken client: giving a machine back should be tried in any case.
    pub async fn halt(&self) -> Result<(), Error> {
        let target = self.target("POST /halt");
        let request = self.bare("POST", "/halt");
        let reply = self.send_anyway(target, request, empty(), HALT_LIMIT);
        reply.await?.read(SMALL_BYTES_MAX).await?;
        Ok(())
    }

    pub(crate) fn target(&self, call: &'static str) -> Target {
        Target {
            addr: self.addr,
            call,
        }
    }

    fn bare(&self, method: &str, path: &str) -> request::Builder {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.addr.to_string())
            .header(header::AUTHORIZATION, &*self.authorization)
            .header(header::TE, "trailers")
            .header(header::CONNECTION, "close");
        if let Some(epoch) = self.epoch {
            request = request.header("X-Epoch", epoch);
        }
        request
    }

    pub(crate) fn form(&self, path: &str) -> request::Builder {
        let kind = "application/x-www-form-urlencoded";
        self.bare("POST", path).header(header::CONTENT_TYPE, kind)
    }

    async fn send_for_nothing(
        &self,
        target: Target,
        request: request::Builder,
        body: RequestBody,
        head_limit: Duration,
    ) -> Result<(), Error> {
        let reply = self.send(target, request, body, head_limit).await?;
        reply.read(SMALL_BYTES_MAX).await?;
        Ok(())
    }

    pub(crate) async fn send(
        &self,
        target: Target,
        request: request::Builder,
        body: RequestBody,
        head_limit: Duration,
    ) -> Result<Reply, Error> {
        self.check_alive()?;
        self.send_anyway(target, request, body, head_limit).await
    }

    async fn send_anyway(
        &self,
        target: Target,
        request: request::Builder,
        body: RequestBody,
        head_limit: Duration,
    ) -> Result<Reply, Error> {
        let Target { addr, call: name } = target;
        let request = request.body(body).map_err(|source| Error::Request {
            addr,
            call: name,
            source,
        })?;
        call(target, request, head_limit).await
    }

    fn check_alive(&self) -> Result<(), Error> {
        match self.broken.get() {
            None => Ok(()),
            Some(cause) => Err(Error::Broken {
                addr: self.addr,
                cause: cause.clone(),
            }),
        }
    }

    /// Gives the machine up. Only the first cause is kept.
    pub(crate) fn mark_broken(&self, cause: &Error) {
        self.broken.get_or_init(|| cause.chain().into());
    }
}

impl fmt::Debug for BuildletClient {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildletClient")
            .field("addr", &self.addr)
            .field("epoch", &self.epoch)
            .field("broken", &self.broken.get())
            .finish_non_exhaustive()
    }
}

pub(crate) fn full(text: String) -> RequestBody {
    Payload::from(text).body
}

fn empty() -> RequestBody {
    full(String::new())
}

fn query(path: &str, pairs: &[(&str, &str)]) -> String {
    let start = format!("{path}?");
    let mut query = Serializer::for_suffix(start, path.len() + 1);
    query.extend_pairs(pairs).finish()
}
