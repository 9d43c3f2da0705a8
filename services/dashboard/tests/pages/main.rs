//! The pages as a client gets them, made from streams of records that tests write.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic)]

mod board;
mod build;
mod client;
mod hostile;
mod http;
mod legacy;
mod log;
mod past;
mod script;
mod watched;
