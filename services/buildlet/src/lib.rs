//! The buildlet: the agent on a build machine.
//!
//! An HTTP/1.1 server that speaks the original's buildlet protocol (version
//! [`PROTOCOL_VERSION`]). A coordinator puts files into the agent's *workdir*,
//! has commands run there, reads what they print while they print it, and takes
//! files back.
//!
//! **It runs whatever it is told, with all the rights of its user.** Nothing
//! here tries to contain a command. What is guarded is who may give commands:
//! the agent serves loopback addresses only, wants a password there too
//! ([`Config::check`]), and refuses callers with an outdated epoch. What a
//! caller names in a path or an archive stays inside the workdir, so that a
//! mistake on one side does not cost files on the other.
//!
//! Two promises matter to callers:
//!
//! * A command's life is tied to the request that started it. When the client
//!   goes away, its time is up, or the agent stops, the whole process group is
//!   killed, and on Linux also what it started in other groups. After a command
//!   has ended by itself nothing of its group stays behind; what must outlive a
//!   request has to leave the group (`setsid`), and ends with the agent.
//! * A reply that was cut short never looks complete: an exec without its
//!   `Process-State` trailer and a listing or archive without its last chunk
//!   are transport errors.
//!
//! The agent knows nothing of logs, builders or builds, and depends on no crate
//! of the workspace. It needs a Unix: process groups and permission bits.
//!
//! Where to start reading: `router` is the table of calls, `exec` the one that
//! everything else serves, `serve` the listener and the way down.

mod agent;
mod config;
mod download;
mod error;
mod exec;
mod files;
mod form;
mod gate;
mod parent;
mod refusal;
mod relative;
mod reply_body;
mod router;
mod serve;
mod tarball;
mod upload;
mod workdir;

pub use agent::Agent;
pub use config::{Config, Limits};
pub use error::Error;
pub use parent::{parent_gone, stdin_pipe};
pub use router::router;
pub use serve::serve;

/// The protocol version that `/status` reports. One integer, raised by the
/// original whenever the agent's behaviour changed.
pub const PROTOCOL_VERSION: u32 = 29;
