//! What can go wrong when a repository is read, and what to do about it. Depends on nothing of ours but the hash.

use std::path::PathBuf;

use proto::GitHash;

/// The cause below an [`Error`]; printed by whoever prints the chain, never repeated in the message.
pub(crate) type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why a repository could not be read. Every message says which path, location or object it was about;
/// [`advice`](Error::advice) says what a person can do. No message holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is neither a path nor a URL that can be read from.
    #[error("not a git location: {text}: {problem}")]
    BadLocation {
        /// The text, without what may be a password.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is no repository in this folder or above it.
    #[error("not a git repository: {} (or any parent)", path.display())]
    NotARepository {
        /// Where the search began.
        path: PathBuf,
        /// What the search found.
        #[source]
        source: Source,
    },
    /// There is a repository, but it can't be opened: its configuration or format is not understood.
    #[error("cannot open the git repository {}", path.display())]
    Open {
        /// The repository.
        path: PathBuf,
        /// Why.
        #[source]
        source: Source,
    },
    /// The folder meant for a mirror holds something else.
    #[error("{} cannot be the mirror of {location}: {problem}", path.display())]
    NotTheMirror {
        /// The folder.
        path: PathBuf,
        /// What was to be mirrored there.
        location: String,
        /// What is there instead.
        problem: String,
    },
    /// Only a mirror can be fetched into.
    #[error("not a mirror, so there is nothing to fetch from: {}", path.display())]
    NotAMirror {
        /// The repository.
        path: PathBuf,
    },
    /// Another fetch into the same mirror is under way, in this process or in another.
    #[error("the mirror {} is being fetched by someone else", path.display())]
    Busy {
        /// The mirror.
        path: PathBuf,
    },
    /// The remote could not be reached, refused, or sent what could not be stored.
    #[error("cannot fetch {location}")]
    Fetch {
        /// The remote, without credentials.
        location: String,
        /// Why.
        #[source]
        source: Source,
    },
    /// The remote's answer makes no sense.
    #[error("cannot fetch {location}: {problem}")]
    BadRemote {
        /// The remote, without credentials.
        location: String,
        /// What it did.
        problem: String,
    },
    /// The caller asked to stop.
    #[error("cancelled while {doing}")]
    Cancelled {
        /// What was under way.
        doing: String,
    },
    /// A file of the repository could not be read or written.
    #[error("cannot access {}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An object is not in the repository.
    #[error("object {hash} is not in {}", path.display())]
    Missing {
        /// The object.
        hash: GitHash,
        /// The repository.
        path: PathBuf,
    },
    /// An object is there but can't be read.
    #[error("cannot read object {hash} of {}", path.display())]
    Object {
        /// The object.
        hash: GitHash,
        /// The repository.
        path: PathBuf,
        /// Why.
        #[source]
        source: Source,
    },
    /// An object is of another kind than its use needs, such as a tag where a commit should be.
    #[error("object {hash} of {} is a {found}, not a {wanted}", path.display())]
    WrongKind {
        /// The object.
        hash: GitHash,
        /// The repository.
        path: PathBuf,
        /// What it is.
        found: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// The bytes of an object are not what git writes, or are more than is accepted.
    #[error("object {hash} of {} is not acceptable: {problem}", path.display())]
    Corrupt {
        /// The object.
        hash: GitHash,
        /// The repository.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file is larger than the caller wants it.
    #[error("{file} of commit {commit} has {size} bytes, more than {limit}")]
    TooLarge {
        /// Path of the file in the commit's tree.
        file: String,
        /// The commit.
        commit: GitHash,
        /// Size of the file, in bytes.
        size: u64,
        /// What the caller accepts, in bytes.
        limit: u64,
    },
    /// The archive could not be written to its receiver.
    #[error("cannot write the archive of commit {commit}")]
    Archive {
        /// The commit.
        commit: GitHash,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// What a person can do about it, as a sentence.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::BadLocation { .. } => {
                "Give a path, an https://, http://, ssh://, git:// or file:// URL, or host:path."
            }
            Self::NotARepository { .. } => {
                "Name a folder inside a git repository, or make one there with `git init`."
            }
            Self::Open { .. } => {
                "Check that `git status` works there; sha256 repositories and reftables are not supported."
            }
            Self::NotTheMirror { .. } => {
                "Choose another folder for the mirror, or remove this one."
            }
            Self::NotAMirror { .. } => "Local repositories are read in place and need no fetch.",
            Self::Busy { .. } => "Wait for it to end; the next fetch sees the same changes.",
            Self::Fetch { .. } => {
                "Check the address, the network and the credentials; `git ls-remote` with the same URL may say more."
            }
            Self::BadRemote { .. } => {
                "Check the remote with `git ls-remote` and `git fsck`, then fetch again."
            }
            Self::Cancelled { .. } => "Start it again; what is stored is whole.",
            Self::File { .. } => "Check that the file exists and that this user may access it.",
            Self::Missing { .. } => {
                "Fetch the commit, or deepen a shallow clone with `git fetch --unshallow`."
            }
            Self::Object { .. } | Self::Corrupt { .. } => {
                "Check the repository with `git fsck`, or clone it again."
            }
            Self::WrongKind { .. } => {
                "Name a commit; `git rev-parse NAME^{commit}` gives the commit of a tag."
            }
            Self::TooLarge { .. } => "Make the file smaller.",
            Self::Archive { .. } => {
                "Look at the receiver of the archive: it stopped reading, or its disk is full."
            }
        }
    }
}
