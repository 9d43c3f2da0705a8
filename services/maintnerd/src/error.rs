//! Why a source ends. Depends on the log's errors.

/// Why a source ended although nobody asked it to. What can pass by itself is not among these: it is
/// tried again, and shown as the source's progress.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was seen could not be recorded.
    #[error("cannot record what the source saw")]
    Append(#[from] log_core::AppendError),
    /// The corpus is no longer followed.
    #[error("the corpus is no longer followed")]
    Stopped(#[from] forgelog_replay::Stopped),
}
