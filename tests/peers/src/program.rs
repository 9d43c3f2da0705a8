//! Programs of others: where they are, and that they end with the test.

use anyhow::Context as _;
use std::path::PathBuf;

/// The program that `tests/peers/run` put into its cache, or the one that a variable names.
pub(crate) fn find(name: &str, variable: &str) -> anyhow::Result<PathBuf> {
    let path = match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => cache()?.join(name),
    };
    anyhow::ensure!(
        path.is_file(),
        "{} is not there: tests/peers/run installs it",
        path.display()
    );
    Ok(path)
}

/// Where `tests/peers/run` puts what it installs.
fn cache() -> anyhow::Result<PathBuf> {
    let cache = match std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()) {
        Some(cache) => PathBuf::from(cache),
        None => {
            let home = std::env::var_os("HOME").context("HOME is not set")?;
            PathBuf::from(home).join(".cache")
        }
    };
    Ok(cache.join("forgelog/peers"))
}
