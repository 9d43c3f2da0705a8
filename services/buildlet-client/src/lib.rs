//! The caller's side of the buildlet protocol (spec: builds 2): put files on a
//! build machine, run commands there, read back what they print and how they
//! ended. Speaks to our agent and to the original's.
//!
//! Two kinds of failure are kept apart, always:
//!
//! * **The command failed**: it ran, and an [`ExecOutcome`] says how it ended.
//!   That is a result of the build.
//! * **The exec failed**: there is an [`Error`]. The agent could not be reached,
//!   broke off, or would not run the command. That says nothing about the code,
//!   and after it the client is *broken*: every later call fails at once with the
//!   first cause, because nobody knows what state the machine is in.
//!
//! Every call opens a connection of its own and has limits on how long it waits
//! and how much it reads. Dropping an [`ExecStream`] closes its connection, by
//! which the agent kills the command.
//!
//! The crate knows nothing of builders and builds, and depends on no crate of the
//! workspace: the coordinator and the command line both use it.

mod body;
mod call;
mod client;
mod error;
mod exec;
mod listing;
mod outcome;

pub use body::Payload;
pub use call::ByteStream;
pub use client::BuildletClient;
pub use error::Error;
pub use exec::{Exec, ExecStream};
pub use listing::{DirEntry, ListOptions};
pub use outcome::ExecOutcome;
