//! What to build and where: the declarative model behind `env/`.
//!
//! An [`Environment`] holds hosts (where a build runs) and builders (what a build
//! runs: a list of steps). It is read from TOML texts with [`parse()`], or worked out
//! from the files at the top of a repository with [`detect()`]; either way it has an
//! [`EnvironmentDigest`] that each build pins. The board's column order is here too
//! ([`column_order`], [`header_rows`]), as it depends on builder names alone.
//!
//! Pure data and pure functions: nothing here touches a disk, a clock, the network or
//! a process. Callers hand over texts, and run the plain [`Command`]s that they get.
//!
//! ```
//! let file = builders::SourceFile {
//!     path: "env/builders/quick.toml".to_owned(),
//!     text: r#"
//!         [[builder.quick.step]]
//!         id = "check"
//!         run = ["cargo", "check"]
//!     "#
//!     .to_owned(),
//! };
//! let environment = builders::parse(&[file])?;
//! let quick = environment.builder("quick").ok_or("no such builder")?;
//! assert!(quick.matches_branch("main", true));
//! assert_eq!(quick.steps()[0].run(), ["cargo", "check"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod branch;
mod builder;
mod columns;
mod command;
mod detect;
mod environment;
mod error;
mod host;
mod id;
mod parse;
mod quantity;
mod source;
mod write;

pub use branch::BranchPattern;
pub use builder::{Builder, Limits, Step};
pub use columns::{HeaderGroup, HeaderRows, column_order, header_rows, is_first_class, priority};
pub use command::{Command, Places};
pub use detect::{Detected, Tree, detect};
pub use environment::{Environment, EnvironmentDigest};
pub use error::{Errors, Mistake, ParseError};
pub use host::{Host, HostKind, Platform};
pub use id::{BuilderName, HostName, StepId};
pub use parse::parse;
pub use source::{Place, SourceFile};
