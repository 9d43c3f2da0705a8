//! Decides what is built, records the decision, and only then acts on it.
//!
//! The coordinator is a command handler over two projections: the corpus says which commits there
//! are, the builds projection says what became of each. One task ([`run()`]) compares what is
//! [`wanted`] with what is recorded, appends what is missing, [`schedule`]s what is queued onto a free
//! host of the [`pool`], and appends how it ended. It keeps nothing that replay would not give back,
//! so a start after a crash is the ordinary case: whatever was running is ended and queued again.
//!
//! It is the only writer of the `builds` stream. It refuses to know who shows the results.
//! Depends on `replay` (what is known), `git` (the sources), `builders` (what to build) and
//! `buildlet-client` (how to have it built).

mod attempt;
mod environment;
mod error;
mod limits;
mod notices;
mod output;
pub mod pool;
mod record;
mod recover;
mod run;
pub mod schedule;
pub mod wanted;

pub use error::Error;
pub use pool::PoolConfig;
pub use run::{Components, Config, run};
