//! Read models of the streams: pure folds over their records, and the views that are read from them.
//!
//! A [`Projection`] takes one record at a time and can neither fail nor look anywhere else, so the
//! same records always give the same state. [`Live`] follows a log and publishes a new snapshot
//! after each batch; a snapshot never changes, and [`Live::at`] gives the one of any position or
//! time. There are two projections: [`Corpus`] of the `activity` stream and [`Builds`] of the
//! `builds` stream. Both are read through small borrowed views ([`Issue`](corpus::Issue),
//! [`Cl`](corpus::Cl), [`Commit`](corpus::Commit), [`Build`](builds::Build), …); what they keep
//! inside is their own business.
//!
//! A program that wants the corpus calls [`Corpus::open`] with the log's place, or [`open_default`]. The
//! first opening folds the log and leaves a checkpoint in the user's cache; later ones map that.
//!
//! Refuses: to write to a log, to look at a clock while folding, to know how a server is asked (that
//! is `log-core`'s follower). Depends on `log-core` (positions, streams, followers) and `proto` (what
//! the records hold).
//!
//! ```
//! use forgelog_replay::{Builds, Folded};
//! let folded = Folded::<Builds>::default();
//! assert_eq!(folded.records(), 0);
//! assert!(folded.state().latest().next().is_none());
//! ```

pub mod builds;
mod checkpoint;
mod columns;
pub mod corpus;
pub mod dump;
pub mod error;
pub mod live;
mod mapped;
mod notedb;
mod open;
mod prefetch;
pub mod projection;
pub mod segments;
pub mod source;
mod table;
pub mod time;
#[doc(hidden)]
pub mod wire;
mod word;

pub use builds::Builds;
pub use checkpoint::CheckpointError;
pub use corpus::{Corpus, Rules, Scope, Touched};
pub use error::{AtError, Error, Stopped};
pub use live::{At, Failure, Health, Live, LiveOptions};
pub use open::{CorpusOptions, Loaded, Opening, open_default};
pub use projection::{Applied, BrokenFrame, Folded, Projection, RecordRef, Skipped, Skips, Walked};
pub use segments::{Block, SegmentBytes, Segments};
pub use source::{SegmentId, Source, SourceError, SourceOptions};
pub use time::Time;
