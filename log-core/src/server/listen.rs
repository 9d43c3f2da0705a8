//! The listener: accepts connections, so many at a time, and waits for them on the way down.
//!
//! Depends on hyper; knows nothing of logs, so that any service can use it. A client that is slow to ask, or that does
//! not take its answer, loses its connection.

use super::stall::StallLimit;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How long to wait when the system has no room for another connection, and how often.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const ACCEPT_TRIES: u32 = 100;

/// What connections may cost.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionLimits {
    /// At the same time; more wait until they are accepted.
    pub connections: usize,
    /// How long a client may take to send a request's head, and to have nothing to ask.
    pub head_time: Duration,
    /// The largest head of a request; at least 8 KiB.
    pub head_bytes: usize,
    /// How long a client may take none of its answer's bytes.
    pub stall: Duration,
    /// How long connections may take to finish what they do, on the way down.
    pub drain: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 2048,
            head_time: Duration::from_secs(30),
            head_bytes: 16 << 10,
            stall: Duration::from_secs(60),
            drain: Duration::from_secs(5),
        }
    }
}

/// Why serving ended before it was to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The listener does not know where it listens.
    #[error("the listener has no address")]
    Listener {
        /// What the system said.
        source: io::Error,
    },
    /// Connections could not be accepted, many times in a row.
    #[error("{address}: cannot accept connections, after {tries} tries")]
    Accept {
        /// Where we listen.
        address: SocketAddr,
        /// How often it was tried.
        tries: u32,
        /// What the system said at last.
        source: io::Error,
    },
}

/// Serves `app` until `shutdown` resolves; when it returns, every connection has ended. Requests under way get the time
/// of [`ConnectionLimits::drain`]; what holds them longer has to know of the shutdown too.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: ConnectionLimits,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let address = listener
        .local_addr()
        .map_err(|source| ServeError::Listener { source })?;
    tracing::info!(server.address = %address, "serving on {address}");
    let stop = CancellationToken::new();
    // If this future is dropped, the connections are aborted with the set.
    let mut connections = JoinSet::new();
    let accepted = tokio::select! {
        () = shutdown => Ok(()),
        (tries, source) = accept(&listener, &app, &limits, &stop, &mut connections) => {
            Err(ServeError::Accept { address, tries, source })
        }
    };
    drop(listener);
    stop.cancel();
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.drain, all_ended).await.is_err() {
        tracing::info!(server.address = %address, "{} connections did not finish in time", connections.len());
        connections.shutdown().await;
    }
    accepted
}

/// Accepts until that fails too often in a row.
async fn accept(
    listener: &TcpListener,
    app: &Router,
    limits: &ConnectionLimits,
    stop: &CancellationToken,
    connections: &mut JoinSet<()>,
) -> (u32, io::Error) {
    let places = Arc::new(Semaphore::new(limits.connections.max(1)));
    let mut tries = 0;
    loop {
        // The semaphore is never closed.
        let place = places.clone().acquire_owned().await.ok();
        match listener.accept().await {
            Ok((stream, _)) => {
                tries = 0;
                connections.spawn(connection(
                    stream,
                    app.clone(),
                    limits.clone(),
                    stop.clone(),
                    place,
                ));
            }
            Err(error) => {
                tries += 1;
                if tries >= ACCEPT_TRIES {
                    return (tries, error);
                }
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(
    stream: TcpStream,
    app: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
    _place: Option<OwnedSemaphorePermit>,
) {
    // Only a matter of speed.
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(StallLimit::new(stream, limits.stall));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head_bytes.max(8 << 10))
        .serve_connection(io, TowerToHyperService::new(app));
    tokio::pin!(connection);
    let served = tokio::select! {
        served = &mut connection => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "connection broke off");
    }
}
