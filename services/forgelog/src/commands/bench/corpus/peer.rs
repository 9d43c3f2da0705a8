//! The original's client, as a program: `maintner-load` of `tests/peers/go`, which `tests/peers/run` builds. Depends on
//! what it prints.

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::answers::{Ancestors, Answers, Held};

const PROGRAM: &str = "maintner-load";

/// The program.
#[derive(Clone, Debug)]
pub(super) struct Peer(PathBuf);

/// What one load cost it, and what it answers.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Load {
    /// Of the load alone.
    pub(super) seconds: f64,
    /// Processor seconds of all threads from its start to the load's end.
    user_seconds: f64,
    system_seconds: f64,
    /// The most memory that was no file's.
    pub(super) peak_anonymous_bytes: u64,
    /// What was alive after the load.
    pub(super) heap_bytes: u64,
    pub(super) held: Held,
    answers: Asked,
}

#[derive(Clone, Debug, Deserialize)]
struct Asked {
    #[serde(flatten)]
    of_log: Answers,
    ancestors: Option<Ancestors>,
}

impl Load {
    pub(super) fn cpu_seconds(&self) -> f64 {
        self.user_seconds + self.system_seconds
    }

    /// About the log.
    pub(super) fn answers(&self) -> &Answers {
        &self.answers.of_log
    }

    /// About a chain of commits, if that was asked.
    pub(super) fn ancestors(&self) -> Option<&Ancestors> {
        self.answers.ancestors.as_ref()
    }
}

impl Peer {
    /// The program that was named, or that is where `tests/peers/run` puts it, if it is there.
    pub(super) fn find(named: Option<&Path>) -> Result<Option<Self>> {
        if let Some(path) = named {
            ensure!(path.is_file(), "there is no program {}", path.display());
            return Ok(Some(Self(path.to_owned())));
        }
        let usual = usual_folder().map(|folder| folder.join(PROGRAM));
        Ok(usual.filter(|path| path.is_file()).map(Self))
    }

    /// Has it load a log of files, and answer; also about a chain of so many commits, if that is asked.
    pub(super) fn load(&self, from: &Path, chain: Option<usize>) -> Result<Load> {
        let mut command = Command::new(&self.0);
        if let Some(commits) = chain {
            command.arg(format!("-chain={commits}"));
        }
        let loaded = command
            .arg(from)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output();
        let loaded = loaded.with_context(|| format!("cannot run {}", self.0.display()))?;
        ensure!(
            loaded.status.success(),
            "the original does not load the log ({}); the reason is above",
            loaded.status
        );
        serde_json::from_slice(&loaded.stdout).context("the original gives no answer")
    }
}

/// Where `tests/peers/run` puts what it installs.
fn usual_folder() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = match folder("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(folder("HOME")?).join(".cache"),
    };
    Some(cache.join("forgelog/peers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_prints_is_understood() -> Result<()> {
        let line = r#"{"seconds":1.5,"user_seconds":2,"system_seconds":0.25,"peak_bytes":9,
            "peak_anonymous_bytes":8,"heap_bytes":7,"held":{"round":0,"repos":1,"issues":2,"comments":3,
            "title_bytes":4,"body_bytes":5,"highest_issue":6,"gerrit_projects":7,"changes":8},
            "answers":{"open_issues":{"label":"NeedsFix","count":3,"seconds":0.1},
            "changes":{"owner":5976,"year":2018,"count":4,"seconds":0.2},"ancestors":null}}"#;
        let load: Load = serde_json::from_str(line)?;
        assert_eq!(load.cpu_seconds(), 2.25);
        assert_eq!(load.held.changes, 8);
        assert_eq!(load.answers().changes.owner, 5976);
        assert!(load.ancestors().is_none());
        Ok(())
    }

    #[test]
    fn a_program_that_was_named_has_to_be_there() {
        assert!(Peer::find(Some(Path::new("/no/such/program"))).is_err());
    }
}
