//! Git in the corpus: the graph of commits, shared by all repositories, and each repository's refs.

pub mod commit;
pub mod refs;
pub mod view;
