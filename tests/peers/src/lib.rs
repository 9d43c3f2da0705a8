//! What the tests against peers need: the peers themselves, and work to try them with.
//!
//! [`gcs`] is a server of the project's own, because no ready one serves `object_store`'s client.
//! Everything else is a program that others wrote, which `tests/peers/run` installs. Depends on
//! `log-core`.

pub mod gcs;

/// Lets rustls find its cryptography; a client that may speak TLS wants it even where it does not.
pub fn install_crypto() {
    // A second time it is refused, and there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
