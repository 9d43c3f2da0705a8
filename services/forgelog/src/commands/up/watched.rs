//! The repository that is watched: finding it, and saying what it is. Depends on `git`.

use anyhow::{Result, anyhow};
use git::{Head, Location, Repository};

use crate::commands::show;
use crate::data_folder::DataFolder;

/// Where the repository is; one on this machine is known to be there.
#[derive(Debug)]
pub(super) enum Located {
    Here(Repository),
    Elsewhere(Location),
}

/// The repository, ready to be read.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) repository: Repository,
    /// Its name in the log.
    pub(super) name: String,
    /// Whether it is a mirror, to be fetched.
    pub(super) remote: bool,
    /// What was asked for, without secrets.
    from: String,
}

/// Reads what was typed, and opens what is on this machine.
pub(super) fn locate(text: &str) -> Result<Located> {
    match Location::parse(text).map_err(advised)? {
        Location::Local(path) => Ok(Located::Here(Repository::open(path).map_err(advised)?)),
        location => Ok(Located::Elsewhere(location)),
    }
}

impl Located {
    /// Opens the repository, or its mirror in the data folder. Does not reach for the network.
    pub(super) fn open(self, folder: &DataFolder) -> Result<Watched> {
        let (repository, remote, from) = match self {
            Self::Here(repository) => (repository, false, String::new()),
            Self::Elsewhere(location) => {
                let mirror = Repository::mirror(&location, folder.mirror(&location.name()))
                    .map_err(advised)?;
                (mirror, true, location.to_string())
            }
        };
        let name = repository.name().to_owned();
        Ok(Watched {
            repository,
            name,
            remote,
            from,
        })
    }
}

impl Watched {
    /// One line about it, for people.
    pub(super) fn describe(&self) -> String {
        let name = show::line(&self.name, 100);
        if self.remote {
            return format!("watching {name}, by way of a mirror of {}", self.from);
        }
        let head = match self.repository.refs().map(|refs| refs.head) {
            Ok(Head::Branch { name, target }) => {
                let branch = show::line(name.strip_prefix("refs/heads/").unwrap_or(&name), 100);
                let empty = if target.is_none() {
                    ", which has no commit yet"
                } else {
                    ""
                };
                format!(", on branch {branch}{empty}")
            }
            Ok(Head::Detached(commit)) => format!(
                ", detached at {}, which stands for its default branch",
                show::short(&commit)
            ),
            // The source looks too, and says what is wrong.
            Err(_) => String::new(),
        };
        let shallow = if self.repository.is_shallow() {
            "; its history is cut off (a shallow clone)"
        } else {
            ""
        };
        format!("watching {name}{head}{shallow}")
    }
}

/// The error with its causes, and what to do about it.
fn advised(error: git::Error) -> anyhow::Error {
    let advice = error.advice();
    anyhow!("{:#}\n{advice}", anyhow!(error))
}
