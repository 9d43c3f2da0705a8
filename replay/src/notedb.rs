//! What Gerrit, git and people write as text, taken apart (spec/log-and-corpus.md 3.4 to 3.6).
//!
//! Gerrit keeps a change's history as the messages of *meta commits* (its NoteDb): a paragraph or two
//! for people, then a footer of `Key: value` lines. Commit messages name issues, ref names say what a
//! change's patch sets are, tags what was released. All of it may be any bytes from outside.
//!
//! Every function here is pure, takes time linear in its input whatever the input is, cannot panic,
//! and gives slices of what it was given; the few that allocate say so. The answers are those of the
//! original, byte for byte; where ours can be better they differ only without `original_semantics`.
//!
//! Refuses: to know what a commit or a change is, or which one is looked at. Depends on `proto` for
//! hashes.

mod blocks;
pub(crate) mod change_ref;
pub(crate) mod commit;
pub(crate) mod hashtags;
pub(crate) mod issue_ref;
pub(crate) mod line;
pub(crate) mod message;
pub(crate) mod meta;
pub(crate) mod person;
pub(crate) mod release;
pub(crate) mod votes;

#[cfg(test)]
mod tests;
