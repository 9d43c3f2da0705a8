//! What the crate promises, against real repositories made by `git`, which is also the oracle.

// Clippy knows only `#[test]` functions as tests, and not what they call.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod archives;
mod broken_commits;
mod busy_stores;
mod commits;
mod fixture;
mod histories;
mod mirrors;
mod opening;
mod random_edits;
mod refs;
mod remote_http;
mod remote_others;
mod trees;
