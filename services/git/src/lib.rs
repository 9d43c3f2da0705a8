//! Reads git repositories through `gix`: which refs there are, what a commit holds, which commits are new, and the
//! files of a commit as an archive. A [`Location`] says where a repository is; a local one is opened in place, a remote
//! one is read through a bare [mirror](Repository::mirror) that [`Repository::fetch`] brings up to date.
//!
//! Everything blocks: call it from `spawn_blocking`. A [`Repository`] is cheap to clone and can be used from many
//! threads. What another process does to the repository meanwhile (commits, branch updates, `git gc`) is seen, and
//! disturbs nothing.
//!
//! What a repository says of itself is read as untrusted bytes: object sizes, paths, tree depths and file counts are
//! bounded, and neither hooks nor the configuration of the repository make this crate run a program. Configuration
//! outside of the repository (the user's and the system's) is read by `fetch` only, for credential helpers,
//! `insteadOf` and ssh; proxies for HTTP come from the environment (`https_proxy`).
//!
//! Knows nothing of logs or builds. Depends on `proto` for [`proto::GitHash`] only.

mod archive;
mod commit;
mod error;
mod fetch;
mod history;
mod line_counts;
mod location;
mod mirror;
mod objects;
mod quote;
mod refs;
mod repository;
mod tree;
mod tree_diff;

pub use commit::{CommitObject, FileStat};
pub use error::Error;
pub use location::{Location, RemoteUrl};
pub use refs::{Head, Ref, Refs};
pub use repository::Repository;
pub use tree::{EntryKind, TreeEntry};
