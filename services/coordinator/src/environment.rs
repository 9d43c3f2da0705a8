//! Which builders are in force: those that the repository holds, or those that detection finds.
//!
//! Depends on `git` for the files and `builders` for their meaning. Blocking; the caller runs it on a
//! thread of its own.

use builders::{Environment, Platform, SourceFile};
use git::{EntryKind, Repository};
use proto::GitHash;
use proto::forgelog::builds::{Builder, ConfigActivated, Step};
use std::path::{Path, PathBuf};

/// Where a repository keeps its builders and hosts.
const FOLDERS: [&str; 2] = ["env/builders", "env/hosts"];
/// No file of them is longer.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// All of them together are no longer: they go into one record.
const FILES_BYTES_MAX: usize = 4 << 20;
/// No file that detection looks into is longer.
const DETECT_BYTES_MAX: u64 = 4 << 20;

/// Builders, and where they come from.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) environment: Environment,
    pub(crate) source: String,
    pub(crate) findings: Vec<String>,
}

/// Why there are no builders, or no new ones.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvironmentError {
    #[error(
        "the files of the builders have {bytes} bytes, more than {FILES_BYTES_MAX}; take some out"
    )]
    TooLong { bytes: usize },
    #[error("{0}")]
    Mistakes(builders::Errors),
    #[error("cannot read the builders of commit {commit}")]
    Git { commit: GitHash, source: git::Error },
    #[error("cannot read the builders in {path}")]
    Folder {
        path: PathBuf,
        source: std::io::Error,
    },
}

/// What the files say, if they are not too many.
fn parse(files: &[SourceFile]) -> Result<Environment, EnvironmentError> {
    let bytes = files.iter().map(|file| file.text.len()).sum();
    if bytes > FILES_BYTES_MAX {
        return Err(EnvironmentError::TooLong { bytes });
    }
    builders::parse(files).map_err(EnvironmentError::Mistakes)
}

/// The builders in a folder on disk, all `*.toml` files of it and of its `builders` and `hosts`.
pub(crate) fn from_folder(folder: &Path) -> Result<Found, EnvironmentError> {
    let mut files = Vec::new();
    for below in ["", "builders", "hosts"] {
        let folder = folder.join(below);
        if !below.is_empty() && !folder.exists() {
            continue;
        }
        let io = |source| EnvironmentError::Folder {
            path: folder.clone(),
            source,
        };
        for entry in std::fs::read_dir(&folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
                && path.is_file()
            {
                let text =
                    std::fs::read_to_string(&path).map_err(|source| EnvironmentError::Folder {
                        path: path.clone(),
                        source,
                    })?;
                files.push(SourceFile {
                    path: path.display().to_string(),
                    text,
                });
            }
        }
    }
    let environment = parse(&files)?;
    Ok(Found {
        environment,
        source: folder.display().to_string(),
        findings: Vec::new(),
    })
}

/// The builders that a commit holds, or that its files suggest.
pub(crate) fn of_commit(
    repository: &Repository,
    commit: &GitHash,
) -> Result<Found, EnvironmentError> {
    let files = builder_files(repository, commit).map_err(|source| EnvironmentError::Git {
        commit: *commit,
        source,
    })?;
    if files.is_empty() {
        let platform = Platform::current();
        let detected = builders::detect(
            &CommitTree { repository, commit },
            &platform.os,
            &platform.arch,
        );
        return Ok(Found {
            environment: detected.environment,
            source: format!("detected in commit {commit}"),
            findings: detected.findings,
        });
    }
    let environment = parse(&files)?;
    Ok(Found {
        environment,
        source: format!("commit {commit}"),
        findings: Vec::new(),
    })
}

fn builder_files(repository: &Repository, commit: &GitHash) -> Result<Vec<SourceFile>, git::Error> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        for entry in repository.list(commit, folder)? {
            let path = format!("{folder}/{}", entry.name);
            if !path.ends_with(".toml") || entry.kind != EntryKind::File {
                continue;
            }
            if let Some(bytes) = repository.read_file(commit, &path, FILE_BYTES_MAX)? {
                files.push(SourceFile {
                    path,
                    text: String::from_utf8_lossy(&bytes).into_owned(),
                });
            }
        }
    }
    Ok(files)
}

/// A commit's files, as detection reads them.
struct CommitTree<'a> {
    repository: &'a Repository,
    commit: &'a GitHash,
}

impl builders::Tree for CommitTree<'_> {
    fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.repository
            .read_file(self.commit, path, DETECT_BYTES_MAX)
            .ok()
            .flatten()
    }

    fn exists(&self, path: &str) -> bool {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.repository
            .list(self.commit, folder)
            .is_ok_and(|entries| entries.iter().any(|entry| entry.name == name))
    }

    fn top_level(&self) -> Vec<String> {
        let entries = self.repository.list(self.commit, "").unwrap_or_default();
        entries.into_iter().map(|entry| entry.name).collect()
    }
}

/// The record that puts the builders in force.
pub(crate) fn activation(found: &Found) -> ConfigActivated {
    let builders = found
        .environment
        .builders()
        .values()
        .map(|builder| Builder {
            name: builder.name().to_string(),
            host_type: builder.host().to_string(),
            steps: builder
                .steps()
                .iter()
                .map(|step| Step {
                    id: step.id().to_string(),
                    run: step.run().to_vec(),
                })
                .collect(),
            branches: builder.branches().iter().map(ToString::to_string).collect(),
            known_issues: builder.known_issues().to_vec(),
            notes: builder.notes().to_owned(),
        });
    ConfigActivated {
        digest: found.environment.digest().to_string(),
        toml: found.environment.to_toml(),
        builders: builders.collect(),
        source: found.source.clone(),
        findings: found.findings.clone(),
    }
}

/// The builders that a build was queued under.
pub(crate) fn of_activation(config: &ConfigActivated) -> Result<Environment, builders::Errors> {
    let path = format!("builders {}", config.digest);
    builders::parse(&[SourceFile {
        path,
        text: config.toml.clone(),
    }])
}
