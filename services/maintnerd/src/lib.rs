//! Records what happens around a code base: the only writer of the `activity` stream.
//!
//! A *source* looks at one place, such as a git repository, compares what it sees with the corpus, and
//! appends the difference as mutations. It keeps nothing of its own: after a start it compares again.
//! So far there is one kind of source, [`git`]. Depends on `git` (to look), `replay` (what is known)
//! and `log-core` (to append). It refuses to know who reads the corpus.

pub mod error;
pub mod git;

pub use error::Error;
