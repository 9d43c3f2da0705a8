//! The corpus as its users open it: the same whatever it was opened from and however it got there, sound whatever the
//! log or the checkpoints are, and never torn for those who read it while it grows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

mod checkpoint_file;
mod conformance;
mod damaged;
mod determinism;
mod filtered;
#[allow(dead_code)] // other tests use the rest
#[path = "../replay/forge.rs"]
mod forge;
mod hostile;
mod invariants;
mod live;
mod log;
mod news;
mod past;
mod readers;
#[cfg(feature = "http")]
mod server;
mod tail;
mod unsound;
mod warnings;
