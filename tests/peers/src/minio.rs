//! MinIO: a real S3 server that others wrote, on a free port and a folder of its own.
//!
//! `tests/peers/run` builds it. Depends on `object_store` for the client.

use crate::program;
use anyhow::{Context as _, bail};
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::{ClientOptions, ObjectStore as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// Another may take the free port first; then the next is tried.
const STARTS: u32 = 5;
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOKS: u32 = 400;
const NAME: &str = "minioadmin";

/// A running server; it is killed when this is dropped, also by a panic.
#[derive(Debug)]
pub struct Minio {
    address: SocketAddr,
    // Dropped, and so killed, before its folder is removed.
    child: Child,
    _folder: TempDir,
}

impl Minio {
    /// Starts a server with one bucket, empty.
    pub async fn start(bucket: &str) -> anyhow::Result<Self> {
        let program = program::find("minio", "FORGELOG_PEERS_MINIO")?;
        for _ in 0..STARTS {
            let folder = tempfile::tempdir()?;
            // A folder at the top is a bucket.
            std::fs::create_dir_all(folder.path().join("data").join(bucket))?;
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let address = free.local_addr()?;
            drop(free);
            let child = Command::new(&program)
                .args(["server", "--quiet", "--address", &address.to_string()])
                .arg(folder.path().join("data"))
                .env_clear()
                .env("HOME", folder.path())
                .env("MINIO_ROOT_USER", NAME)
                .env("MINIO_ROOT_PASSWORD", NAME)
                .env("MINIO_BROWSER", "off")
                .env("MINIO_UPDATE", "off")
                .env("MINIO_CALLHOME_ENABLE", "off")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .with_context(|| format!("cannot run {}", program.display()))?;
            let mut minio = Self {
                address,
                child,
                _folder: folder,
            };
            if minio.is_up(bucket).await? {
                return Ok(minio);
            }
        }
        bail!("MinIO ended {STARTS} times before it answered");
    }

    /// Waits for it to serve; false if it ended. Its own `ready` is true too early.
    async fn is_up(&mut self, bucket: &str) -> anyhow::Result<bool> {
        let store = store(&self.endpoint(), bucket)?;
        for _ in 0..LOOKS {
            if self.child.try_wait()?.is_some() {
                return Ok(false);
            }
            if store.list_with_delimiter(None).await.is_ok() {
                return Ok(true);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        bail!("MinIO does not answer");
    }

    /// Where it listens, such as `http://127.0.0.1:9000`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A client's settings for a bucket of the server at an endpoint.
pub fn client(endpoint: &str, bucket: &str) -> AmazonS3Builder {
    crate::install_crypto();
    AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_bucket_name(bucket)
        .with_region("us-east-1")
        .with_access_key_id(NAME)
        .with_secret_access_key(NAME)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_client_options(ClientOptions::new().with_allow_http(true))
        .with_retry(crate::fast_retry())
}

/// The real client of a bucket.
pub fn store(endpoint: &str, bucket: &str) -> object_store::Result<AmazonS3> {
    client(endpoint, bucket).build()
}
