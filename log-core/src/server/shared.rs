//! What the requests of a server share: its streams, the places for clients that wait, and the looks at the store.
//!
//! Depends on `published`.

use super::ServerOptions;
use super::published::{Addresses, Publisher};
use crate::error::{OpenError, explain};
use crate::stream::Stream;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// A stream that cannot be looked at is left alone for longer each time, up to this.
const POLL_PAUSE_MAX: Duration = Duration::from_secs(60);
/// Clients that know of more than we do make us look at the store at most so often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What a path keeps as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What all requests share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) served: BTreeMap<String, Served>,
    pub(super) main: Option<String>,
    pub(super) options: ServerOptions,
    /// A permit for each client that is held.
    pub(super) held: Arc<Semaphore>,
    /// Cancelled when no client is to be held any more.
    pub(super) stop: CancellationToken,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) publisher: Publisher,
    pub(super) frozen_base: Option<String>,
    /// When the store was last looked at because a client knew of more.
    pub(super) looked: Mutex<Option<Instant>>,
}

/// Looks for what others have appended, until the server is released.
pub(super) async fn look(stream: Stream, every: Duration, shared: Arc<Shared>) {
    let mut pause = every;
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = sleep(pause) => {}
        }
        let looked = tokio::select! {
            () = shared.stop.cancelled() => return,
            looked = timeout(shared.options.store_timeout, stream.refresh()) => looked,
        };
        let problem = match looked {
            Ok(Ok(_)) => {
                pause = every;
                continue;
            }
            Ok(Err(error)) => explain(&error),
            Err(_) => format!(
                "the store has not answered for {:?}",
                shared.options.store_timeout
            ),
        };
        pause = (pause * 2).min(POLL_PAUSE_MAX.max(every));
        tracing::warn!(
            stream = stream.name(),
            "cannot look for news, next try in {pause:?}: {problem}"
        );
    }
}

impl Shared {
    /// The stream of this name, and the addresses below which it is asked for.
    pub(super) fn named(&self, name: &str) -> Option<(&Served, Addresses)> {
        let served = self.served.get(name)?;
        let index = format!("/streams/{}/logs", utf8_percent_encode(name, PATH));
        Some((served, served.addresses(index)))
    }

    /// The stream that `/logs` is.
    pub(super) fn main(&self) -> Option<(&Served, Addresses)> {
        let served = self.served.get(self.main.as_ref()?)?;
        Some((served, served.addresses("/logs".to_owned())))
    }
}

impl Served {
    pub(super) fn addresses(&self, index: String) -> Addresses {
        Addresses {
            index,
            frozen_base: self.frozen_base.clone(),
        }
    }

    /// Looks at the store for what others have appended, if they do and nobody else did it just now.
    pub(super) async fn look(&self, shared: &Shared) -> Result<(), String> {
        if shared.options.poll.is_none() {
            return Ok(());
        }
        let looking = async {
            let mut looked = self.looked.lock().await;
            if looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
                self.publisher.stream.refresh().await?;
                *looked = Some(Instant::now());
            }
            Ok(())
        };
        let limit = shared.options.store_timeout;
        let looked: Result<(), OpenError> = timeout(limit, looking)
            .await
            .map_err(|_| format!("the store has not answered for {limit:?}"))?;
        looked.map_err(|error| explain(&error))
    }
}
