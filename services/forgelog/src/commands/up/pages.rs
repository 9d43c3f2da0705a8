//! What one address of `up` serves: the dashboard's pages and, below `/logs` and `/streams/`, the logs themselves.
//!
//! Depends on the dashboard's router and on `log_core::server`. Only this process writes these logs, so the server is
//! woken by it and need not look for news.

use anyhow::Result;
use axum::Router;
use axum::extract::Request;
use log_core::Stream;
use log_core::server::listen::{self, ConnectionLimits};
use log_core::server::{LogServer, ServerOptions};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Pages and logs.
#[derive(Debug)]
pub(super) struct Pages {
    app: Router,
    logs: LogServer,
}

/// Pages, with these logs beside them.
pub(super) fn with_logs(pages: Router, streams: impl IntoIterator<Item = Stream>) -> Result<Pages> {
    let logs = LogServer::new(streams, ServerOptions::default())?;
    let log_routes = logs.router();
    let app = Router::new().fallback(async move |request: Request| {
        let routes = if is_of_a_log(request.uri().path()) {
            log_routes
        } else {
            pages
        };
        routes.oneshot(request).await
    });
    Ok(Pages { app, logs })
}

fn is_of_a_log(path: &str) -> bool {
    path == "/logs" || path.starts_with("/logs/") || path.starts_with("/streams/")
}

impl Pages {
    /// Serves until `shutdown` is cancelled; when it returns, every connection has ended.
    pub(super) async fn serve(
        self,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> Result<()> {
        let Self { app, logs } = self;
        let stop = async {
            shutdown.cancelled().await;
            // Clients that wait for news are answered, so that they do not hold up the end.
            logs.release();
        };
        let served = listen::serve(listener, app, ConnectionLimits::default(), stop).await;
        logs.close().await;
        Ok(served?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_have_paths_of_their_own() {
        for path in ["/logs", "/logs/0", "/streams/builds/logs"] {
            assert!(is_of_a_log(path), "{path}");
        }
        for path in ["/", "/log/0123", "/logsx", "/build/1/log", "/streams"] {
            assert!(!is_of_a_log(path), "{path}");
        }
    }
}
