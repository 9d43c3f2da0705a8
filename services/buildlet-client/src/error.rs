//! Why a call to a buildlet failed. How a command ended is never among these.

use std::{error::Error as _, io, net::SocketAddr, sync::Arc, time::Duration};

use http::StatusCode;

/// A call that failed: transport, agent, or a request that the agent refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection.
    #[error("cannot connect to the buildlet at {addr}")]
    Connect {
        /// The agent's address.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },

    /// The request could not be put together: a name or password that HTTP
    /// cannot carry.
    #[error("cannot make the request {call} to the buildlet at {addr}")]
    Request {
        /// The agent's address.
        addr: SocketAddr,
        /// Method and path.
        call: &'static str,
        /// What is wrong with it.
        #[source]
        source: http::Error,
    },

    /// The connection failed or ended too early.
    #[error("{call} to the buildlet at {addr} broke off")]
    Transport {
        /// The agent's address.
        addr: SocketAddr,
        /// Method and path.
        call: &'static str,
        /// What the HTTP library said.
        #[source]
        source: hyper::Error,
    },

    /// The agent did not answer, or did not go on, in time.
    #[error("{call} to the buildlet at {addr}: {waited_for} did not come within {limit:?}")]
    Late {
        /// The agent's address.
        addr: SocketAddr,
        /// Method and path.
        call: &'static str,
        /// What was waited for.
        waited_for: &'static str,
        /// How long.
        limit: Duration,
    },

    /// The agent answered with another status than 200.
    #[error("{call}: the buildlet at {addr} answered {status}: {message}")]
    Status {
        /// The agent's address.
        addr: SocketAddr,
        /// Method and path.
        call: &'static str,
        /// The status.
        status: StatusCode,
        /// The reply's text, as far as its first 4 KiB.
        message: String,
    },

    /// The reply is not what it should be.
    #[error("{call}: the buildlet at {addr} sent a reply that makes no sense: {reason}")]
    Reply {
        /// The agent's address.
        addr: SocketAddr,
        /// Method and path.
        call: &'static str,
        /// What is wrong with it.
        reason: String,
    },

    /// An exec's output came to an end without word of how the command ended.
    #[error("exec on the buildlet at {addr}: the reply ended without a Process-State trailer")]
    NoOutcome {
        /// The agent's address.
        addr: SocketAddr,
    },

    /// An exec took longer than its caller's own limit.
    #[error("exec on the buildlet at {addr} took longer than {limit:?}")]
    Timeout {
        /// The agent's address.
        addr: SocketAddr,
        /// The limit, [`Exec::client_timeout`](crate::Exec::client_timeout).
        limit: Duration,
    },

    /// An earlier exec failed, so this client does nothing any more.
    #[error("the buildlet at {addr} is given up: {cause}")]
    Broken {
        /// The agent's address.
        addr: SocketAddr,
        /// The first failure, with what was behind it.
        cause: Arc<str>,
    },
}

impl Error {
    /// The agent's answer, if it gave one.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// This error and what was behind it, in one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        text
    }
}
