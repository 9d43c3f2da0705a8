//! The log over HTTP, as the original's clients read it (spec/log-and-corpus.md 1.4 and 1.4.1).
//!
//! `/logs` and `/logs/N` are one stream, `/streams/NAME/logs` and `/streams/NAME/logs/N` every one; `/` is a page for
//! people. An index is one published state: its sizes and digests are exact, it ends with a whole batch, and the next
//! one extends it. A client that waits (`waitsizenot`) is woken by [`Stream::watch`]; what another process appends is
//! seen if [`ServerOptions::poll`] is set.
//!
//! Depends on [`Stream`], axum and hyper; knows nothing of what is in a record. `published` computes the states, `logs`
//! and `segments` answer, [`listen`] accepts connections.
//!
//! ```no_run
//! # async fn example(stream: log_core::Stream) -> Result<(), Box<dyn std::error::Error>> {
//! use log_core::server::{LogServer, ServerOptions};
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let stop = tokio_util::sync::CancellationToken::new();
//! let server = LogServer::new([stream], ServerOptions::default())?;
//! server.serve(listener, stop.clone().cancelled_owned()).await?;
//! # Ok(()) }
//! ```

mod answer;
mod body;
mod encoding;
pub mod listen;
mod logs;
mod page;
mod published;
#[doc(hidden)]
pub mod range;
mod render;
mod segments;
mod shared;
mod stall;

pub use listen::{ConnectionLimits, ServeError};

use crate::stream::Stream;
use axum::Router;
use axum::routing::any;
use published::Publisher;
use shared::{Served, Shared, look};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The stream that `/logs` is, unless another is named.
const MAIN: &str = "activity";

/// How a log is served.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// The stream that `/logs` is: `activity` if this is unset and there is one, or the only one.
    pub main: Option<String>,
    /// For each stream by name, where its sealed objects can be read by everyone, such as
    /// `https://storage.googleapis.com/BUCKET/PREFIX`. The index then points there, and `/logs/N` redirects. Original
    /// clients take for frozen only what lies at that host.
    pub frozen_base_urls: BTreeMap<String, String>,
    /// How often to look for what other processes have appended; unset if only this process appends.
    pub poll: Option<Duration>,
    /// For how long a client that waits is held, and any answer may take; below 60 s, as proxies give up then.
    pub hold: Duration,
    /// Clients that are held at the same time; one more is told to come back later (503).
    pub held_max: usize,
    /// For how long the store may keep an answer waiting.
    pub store_timeout: Duration,
    /// Bytes of a segment that are in memory at a time, for each client.
    pub piece: u64,
    /// Limits of connections, for [`LogServer::serve`].
    pub connections: ConnectionLimits,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            main: None,
            frozen_base_urls: BTreeMap::new(),
            poll: None,
            hold: Duration::from_secs(55),
            held_max: 1024,
            store_timeout: Duration::from_secs(20),
            piece: 256 << 10,
            connections: ConnectionLimits::default(),
        }
    }
}

/// Why a server cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Two streams have one name.
    #[error("two streams are named {name}; each needs a path of its own")]
    Twice {
        /// The name.
        name: String,
    },
    /// An option names a stream that is not served.
    #[error("no stream is named {name}, which {option} asks for")]
    NoSuchStream {
        /// The name.
        name: String,
        /// The option.
        option: &'static str,
    },
}

/// Serves streams. Dropping it ends what it does in the background; what its routers still answer is true, but they do
/// not look for news any more.
#[derive(Debug)]
pub struct LogServer {
    shared: Arc<Shared>,
    looking: JoinSet<()>,
}

impl LogServer {
    /// Makes a server of some streams. With [`ServerOptions::poll`] it starts a task for each, and so has to be called
    /// on a tokio runtime.
    pub fn new(
        streams: impl IntoIterator<Item = Stream>,
        options: ServerOptions,
    ) -> Result<Self, ServerError> {
        let mut served = BTreeMap::new();
        for stream in streams {
            let name = stream.name().to_owned();
            let frozen_base = options.frozen_base_urls.get(&name);
            let one = Served {
                frozen_base: frozen_base.map(|base| base.trim_end_matches('/').to_owned()),
                publisher: Publisher::new(stream, options.store_timeout),
                looked: Mutex::default(),
            };
            if served.insert(name.clone(), one).is_some() {
                return Err(ServerError::Twice { name });
            }
        }
        let known = |name: &String, option| match served.contains_key(name) {
            true => Ok(()),
            false => Err(ServerError::NoSuchStream {
                name: name.clone(),
                option,
            }),
        };
        options
            .main
            .iter()
            .try_for_each(|name| known(name, "main"))?;
        let mut bases = options.frozen_base_urls.keys();
        bases.try_for_each(|name| known(name, "frozen_base_urls"))?;
        let usual = served
            .keys()
            .find(|name| *name == MAIN || served.len() == 1);
        let shared = Arc::new(Shared {
            main: options.main.clone().or_else(|| usual.cloned()),
            held: Arc::new(Semaphore::new(options.held_max)),
            stop: CancellationToken::new(),
            served,
            options,
        });
        let mut looking = JoinSet::new();
        if let Some(every) = shared.options.poll {
            for served in shared.served.values() {
                let stream = served.publisher.stream.clone();
                looking.spawn(look(stream, every, shared.clone()));
            }
        }
        Ok(Self { shared, looking })
    }

    /// The routes, to be merged with others or served.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", any(page::get))
            .route("/logs", any(logs::main))
            .route("/logs/", any(segments::bad_path))
            .route("/logs/{*number}", any(segments::main))
            .route("/streams/{name}/logs", any(logs::named))
            .route("/streams/{name}/logs/", any(segments::bad_path))
            .route("/streams/{name}/logs/{*number}", any(segments::named))
            .with_state(self.shared.clone())
    }

    /// Answers every client that is held, and holds none any more: the first step of the way down.
    pub fn release(&self) {
        self.shared.stop.cancel();
    }

    /// Clients that are held now.
    pub fn held(&self) -> usize {
        self.shared.options.held_max - self.shared.held.available_permits()
    }

    /// Releases the clients, and waits for the background tasks to end.
    pub async fn close(mut self) {
        self.release();
        while self.looking.join_next().await.is_some() {}
    }

    /// Serves nothing but the log until `shutdown` resolves. Then clients that are held are answered at once, all
    /// others get the time of [`ConnectionLimits::drain`] to finish, and nothing is left running.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        let stop = self.shared.stop.clone();
        let limits = self.shared.options.connections.clone();
        let shutdown = async move {
            tokio::select! {
                () = shutdown => {}
                () = stop.cancelled() => {}
            }
            stop.cancel();
        };
        let served = listen::serve(listener, self.router(), limits, shutdown).await;
        self.close().await;
        served
    }
}
