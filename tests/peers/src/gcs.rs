//! A server that speaks GCS's XML API as `object_store`'s client does, with faults on demand.
//!
//! In memory, on a free port of the loopback. It keeps what the log relies on: generations as
//! preconditions, listings in order, and that an object is there whole or not at all. It does not serve
//! GCS's JSON API, signed URLs, ACLs or batch requests, for which this client never asks.
//! `object_store::integration` says whether it is right. Depends on axum.

mod answer;
mod bucket;
mod conditions;
mod faults;
mod key;
mod xml;

pub use faults::{Fault, Faults};
pub use key::ServiceKey;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use bucket::{Bucket, Refused};
use http::{StatusCode, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use object_store::ClientOptions;
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};
use tower::ServiceExt as _;

/// A request's body is at most this long, in bytes.
const BODY_MAX: usize = 64 << 20;

type Buckets = Mutex<HashMap<String, Bucket>>;

#[derive(Debug)]
struct Shared {
    buckets: Buckets,
    faults: Faults,
    /// Without one, anybody may do anything.
    key: Option<ServiceKey>,
}

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub struct Gcs {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

impl Gcs {
    /// Starts a server that wants tokens signed by a key of its own, with these buckets.
    pub async fn start(buckets: &[&str]) -> anyhow::Result<Self> {
        let key = tokio::task::spawn_blocking(|| ServiceKey::generate("key-1")).await??;
        Self::start_with(buckets, Some(key)).await
    }

    /// Starts a server that asks for no token, with these buckets.
    pub async fn start_open(buckets: &[&str]) -> anyhow::Result<Self> {
        Self::start_with(buckets, None).await
    }

    async fn start_with(buckets: &[&str], key: Option<ServiceKey>) -> anyhow::Result<Self> {
        let bucket = |name: &&str| ((*name).to_owned(), Bucket::default());
        let shared = Arc::new(Shared {
            buckets: Mutex::new(buckets.iter().map(bucket).collect()),
            faults: Faults::default(),
            key,
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, shared.clone())).abort_handle();
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// What it is to do wrong.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// The names of a bucket's live objects, in order.
    pub fn objects(&self, bucket: &str) -> Vec<String> {
        let buckets = self
            .shared
            .buckets
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        buckets.get(bucket).map(Bucket::names).unwrap_or_default()
    }

    /// The service account's file for this server; without a key, one that asks for no token.
    pub fn account(&self) -> serde_json::Value {
        let mut account = match &self.shared.key {
            Some(key) => key.account(),
            None => serde_json::json!({
                "private_key": "none",
                "private_key_id": "none",
                "client_email": "none",
                "disable_oauth": true,
            }),
        };
        account["gcs_base_url"] = format!("http://{}", self.address).into();
        account
    }

    /// A client's settings for this bucket.
    pub fn client(&self, bucket: &str) -> GoogleCloudStorageBuilder {
        self.client_with(bucket, &self.account())
    }

    /// The same with another account.
    pub fn client_with(
        &self,
        bucket: &str,
        account: &serde_json::Value,
    ) -> GoogleCloudStorageBuilder {
        crate::install_crypto();
        GoogleCloudStorageBuilder::new()
            .with_service_account_key(account.to_string())
            .with_bucket_name(bucket)
            .with_client_options(ClientOptions::new().with_allow_http(true))
            .with_retry(crate::fast_retry())
    }

    /// The real client of this bucket.
    pub fn store(&self, bucket: &str) -> object_store::Result<GoogleCloudStorage> {
        self.client(bucket).build()
    }
}

impl Drop for Gcs {
    fn drop(&mut self) {
        // The connections are the task's own, and end with it.
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let router = Router::new().fallback(handle).with_state(shared.clone());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((connection, _)) = accepted else { continue };
                let (router, shared) = (router.clone(), shared.clone());
                let service = service_fn(move |request| {
                    let (router, shared) = (router.clone(), shared.clone());
                    async move { serve(router, &shared, request).await }
                });
                let http = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(connection), service);
                connections.spawn(http);
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// The connection is dropped, and nothing said.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
struct Dropped;

/// Serves one request, or does wrong as told.
async fn serve(
    router: Router,
    shared: &Shared,
    request: hyper::Request<Incoming>,
) -> Result<Response, Dropped> {
    let fault = shared.faults.take(request.method());
    let refusal = |status| {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        (status, xml::error("Fault: asked for by the test")).into_response()
    };
    match fault {
        Fault::LoseRequest | Fault::Refuse(_) => {
            // Read to its end: a connection that is closed early looks like another fault.
            let _ = axum::body::to_bytes(Body::new(request.into_body()), BODY_MAX).await;
            return match fault {
                Fault::Refuse(status) => Ok(refusal(status)),
                _ => Err(Dropped),
            };
        }
        Fault::Delay(time) => tokio::time::sleep(time).await,
        Fault::Pass | Fault::RefuseAfterwards(_) | Fault::LoseAnswer => {}
    }
    let Ok(response) = router.oneshot(request.map(Body::new)).await;
    match fault {
        Fault::LoseAnswer => Err(Dropped),
        Fault::RefuseAfterwards(status) => Ok(refusal(status)),
        _ => Ok(response),
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if let Some(key) = &shared.key {
        let bearer = head
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let checked = match bearer {
            Some(bearer) => key.check(bearer).map_err(|error| error.to_string()),
            None => Err("no token".to_owned()),
        };
        if let Err(why) = checked {
            return Refused::Unauthenticated(why).into_response();
        }
    }
    let Ok(body) = axum::body::to_bytes(body, BODY_MAX).await else {
        return Refused::TooLarge.into_response();
    };
    answer::answer(&shared.buckets, head.method, &head.uri, head.headers, body)
}
