//! The listener: accepts connections, serves one request on each, and on the way
//! down kills what runs and waits for everything to end.
//!
//! A connection carries one request. The agent's callers open one for each
//! anyway, and so the end of a connection is the end of its client.

mod wire;

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinSet, spawn_blocking},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{Agent, Config, Error, config::check_loopback, router};
use wire::Wire;

/// How long a client may take to send a request's head.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// The largest head of a request.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// On the way down: how long connections may take to finish what they do, and
/// then how long commands and file threads may take to end.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);
const TASKS_LIMIT: Duration = Duration::from_secs(15);

/// How long to wait when the system has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves an agent on a listener until `shutdown` is cancelled or a caller asks
/// for `/halt`. **Deletes everything in the workdir first.**
///
/// Refuses dangerous configurations, and a listener that is not on a loopback
/// address, whatever the configuration says. When it returns, every command's
/// process group has been killed; `Ok` means that everything has also ended.
/// Dropped before, it kills the commands too, but nobody waits for their end.
pub async fn serve(
    config: Config,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let address = listener
        .local_addr()
        .map_err(server("reading its address"))?;
    check_loopback(address)?;
    let opened = spawn_blocking(move || Agent::open(config)).await;
    let agent = opened.map_err(|error| server("preparing the workdir")(error.into()))??;
    let agent = Arc::new(agent);
    // Also when this future is dropped: the tasks hold the agent, so its own drop
    // would come too late.
    let _stop = agent.stop_token().drop_guard();

    tracing::info!(buildlet.address = %address, "buildlet serving");
    let mut connections = JoinSet::new();
    tokio::select! {
        () = accept(&agent, listener, &mut connections) => {}
        () = shutdown.cancelled() => {}
        () = agent.halted() => {}
    }
    agent.stop();
    drain(&agent, connections).await
}

fn server(doing: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Server { doing, source }
}

/// Accepts for ever.
async fn accept(agent: &Arc<Agent>, listener: TcpListener, connections: &mut JoinSet<()>) {
    let app = router(agent.clone());
    let places = Arc::new(Semaphore::new(agent.limits.connections_max));
    loop {
        let place = places.clone().acquire_owned().await;
        let Ok(place) = place else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let app = app.clone();
                connections.spawn(connection(stream, app, agent.stop_token(), place));
            }
            Err(error) => {
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
    _place: OwnedSemaphorePermit,
) {
    // Output is sent as it comes, not when there is enough of it.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(
            TokioIo::new(Wire::new(stream)),
            TowerToHyperService::new(app),
        );
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

async fn drain(agent: &Agent, mut connections: JoinSet<()>) -> Result<(), Error> {
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN_LIMIT, all_ended).await.is_err() {
        connections.shutdown().await;
    }
    agent.tasks.close();
    let ended = timeout(TASKS_LIMIT, agent.tasks.wait()).await;
    // What left its group and outlived its command.
    let mark = agent.marks.all();
    let _ = spawn_blocking(move || mark.kill_all()).await;
    ended.map_err(|_| Error::StillRunning {
        left: agent.tasks.len(),
        waited_s: TASKS_LIMIT.as_secs(),
    })
}
