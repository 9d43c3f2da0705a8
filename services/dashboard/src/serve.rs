//! The listener: accepts connections, so many at a time, and waits for them on the way down.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{Components, Error, router};

/// Connections at the same time; more wait until they are accepted.
const CONNECTIONS_MAX: usize = 1024;

/// How long a client may take to send a request's head, and to have nothing to ask.
const HEAD_LIMIT: Duration = Duration::from_secs(20);

/// The largest head of a request.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// How long connections may take to finish what they do, on the way down.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// How long to wait when the system has no room for another connection, and how often.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const ACCEPT_TRIES: u32 = 100;

/// Serves the pages until `shutdown` is cancelled; when it returns, every connection has ended.
pub async fn serve(
    listener: TcpListener,
    components: Components,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let address = listener
        .local_addr()
        .map_err(|source| Error::Listener { source })?;
    tracing::info!(dashboard.address = %address, "dashboard serving");
    let stop = shutdown.child_token();
    let mut connections = JoinSet::new();
    let accepted = tokio::select! {
        () = stop.cancelled() => Ok(()),
        (tries, source) = accept(&listener, router(components), &stop, &mut connections) => {
            Err(Error::Accept { address, tries, source })
        }
    };
    drop(listener);
    stop.cancel();
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN_LIMIT, all_ended).await.is_err() {
        connections.shutdown().await;
    }
    accepted
}

/// Accepts until that fails too often in a row.
async fn accept(
    listener: &TcpListener,
    app: Router,
    stop: &CancellationToken,
    connections: &mut JoinSet<()>,
) -> (u32, std::io::Error) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut tries = 0;
    loop {
        // The semaphore is never closed.
        let place = places.clone().acquire_owned().await.ok();
        match listener.accept().await {
            Ok((stream, _)) => {
                tries = 0;
                connections.spawn(connection(stream, app.clone(), stop.clone(), place));
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
    stop: CancellationToken,
    _place: Option<OwnedSemaphorePermit>,
) {
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
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
