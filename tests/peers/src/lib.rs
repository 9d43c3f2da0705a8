//! What the tests against peers need: the peers themselves, and work to try them with.
//!
//! [`gcs`] is a server of the project's own, because no ready one serves `object_store`'s client.
//! Everything else is a program that others wrote, which `tests/peers/run` installs. Depends on
//! `log-core`.

pub mod gcs;
pub mod ledger;
pub mod maintner;
pub mod minio;
mod program;

use object_store::{BackoffConfig, RetryConfig};
use std::time::Duration;

/// Lets rustls find its cryptography; a client that may speak TLS wants it even where it does not.
pub(crate) fn install_crypto() {
    // A second time it is refused, and there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Three tries within milliseconds, so that tests do not wait.
pub(crate) fn fast_retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(1),
            max_backoff: Duration::from_millis(5),
            base: 2.0,
        },
        max_retries: 2,
        retry_timeout: Duration::from_secs(30),
    }
}
