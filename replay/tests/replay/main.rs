//! The behaviour of projections that follow a log, and the laws of folding.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

mod activity;
mod builds_laws;
mod conformance;
mod corpus_laws;
mod counts;
mod fold_laws;
mod forge;
mod gerrit;
mod gerrit_laws;
mod git;
mod git_refs;
mod github_table;
mod hostile;
mod live;
mod log;
mod openings;
mod past;
mod service;
