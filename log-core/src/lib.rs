//! One durable, linear log of records on any object store.
//!
//! A [`Stream`] is one log: a prefix in an object store. It is a chain of *segments*, numbered from
//! 0. A sealed segment is one object, `NNNN.<sha224>.mutlog`, exactly as the original system names
//! and fills it. The open segment is a run of small immutable objects,
//! `tail/NNNN/<16 hex digits of the offset>`, each one *batch* of records; it is closed by an empty
//! object at its end, and then joined into the sealed one.
//!
//! What it promises:
//! * an append is acknowledged only when the store has it, and nobody reads it earlier;
//! * every batch is created only if nothing is there, at the end of all before it, so that two
//!   writers can never fork a log: one is first, the other learns it and steps down;
//! * a record's [`Position`] never changes.
//!
//! What it refuses to know: what is in a record. The one exception is the `meta` field that the
//! [`Writer`] adds to each (`proto::META_FIELD`), because only the writer knows its epoch.
//!
//! Depends on `proto` (for `Meta`) and `object_store`. The bytes are specified in
//! `docs/LOG-FORMAT.md`.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use log_core::{NewRecord, Position, Stream, Writer, WriterOptions};
//! let store = std::sync::Arc::new(object_store::memory::InMemory::new());
//! let stream = Stream::open(store, "streams/activity").await?;
//! let writer = Writer::open(stream.clone(), WriterOptions::new("example")).await?;
//! let appended = writer.append(NewRecord::from_payload(Vec::new())).await?;
//! let mut reader = stream.reader(Position::default());
//! while reader.position() < appended.next {
//!     for record in reader.next_batch().await? {
//!         println!("{} holds {} bytes", record.at, record.payload.len());
//!     }
//! }
//! writer.close().await?;
//! # Ok(()) }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```

pub mod bulk;
pub mod checkpoints;
pub mod clock;
pub mod error;
pub mod export;
#[cfg(feature = "follower")]
pub mod follower;
pub mod frame;
pub mod import;
#[cfg(any(feature = "server", feature = "follower"))]
pub mod index;
pub mod layout;
pub mod local;
mod meta;
pub mod output;
pub mod parts;
pub mod position;
pub mod reader;
pub mod repair;
mod seal;
pub mod segment;
#[cfg(feature = "server")]
pub mod server;
mod store;
pub mod stream;
pub mod url;
mod verify;
pub mod writer;

pub use bulk::{BulkError, BulkOptions, BulkWriter};
pub use checkpoints::CheckpointError;
pub use clock::{Clock, SystemClock};
pub use error::{Advice, AppendError, CloseError, OpenError, ReadError, explain};
pub use local::LocalStore;
pub use meta::{NotStampable, meta_of};
pub use output::{OutputDigest, OutputError, OutputStore, OutputWriter};
pub use parts::{Batch, Part};
pub use position::Position;
pub use reader::{Reader, ReaderOptions, Record};
pub use stream::Stream;
pub use url::{StreamUrl, UrlError, create_store, open_store};
pub use verify::{Fault, FaultKind, Report, verify, verify_store, verify_with};
pub use writer::{Appended, NewRecord, Writer, WriterHealth, WriterOptions};
