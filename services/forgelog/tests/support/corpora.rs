//! `forgelog corpus` on logs of a folder of its own, with a cache of its own.

use super::{forgelog, run_well};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;

/// Logs, and the cache for what is derived from them.
pub struct Corpora {
    dir: TempDir,
}

/// The folder of the conformance logs.
pub fn conformance() -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance");
    let found = Path::new(folder).canonicalize();
    found.unwrap_or_else(|error| {
        panic!("the conformance logs are not beside the clone, in {folder}: {error}")
    })
}

/// A conformance log's place.
pub fn conformance_log(name: &str) -> String {
    let path = conformance().join(format!("{name}.mutlog"));
    path.to_str().unwrap().to_owned()
}

impl Corpora {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn place(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// A synthetic log of this name; gives its URL.
    pub fn synth(&self, name: &str, scale: &str) -> String {
        let url = format!("file://{}", self.place(name));
        run_well(&[
            "log", "synth", "--scale", scale, "--seed", "7", "--log", &url,
        ]);
        url
    }

    /// Runs a command of `forgelog corpus` to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = forgelog(&[&["corpus"], arguments].concat());
        command.env("XDG_CACHE_HOME", self.path("cache"));
        command.output().unwrap()
    }

    /// What a command prints that ends well and has nothing to warn of.
    #[track_caller]
    pub fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.is_empty(),
            "corpus {arguments:?}: {}\n{said}",
            output.status
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same as JSON.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.text(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// The same as JSON lines.
    #[track_caller]
    pub fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.text(arguments);
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// What a command says on stderr that ends with this code.
    #[track_caller]
    pub fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            output.status.code(),
            Some(code),
            "corpus {arguments:?}: {said}"
        );
        said
    }

    /// The checkpoints in the cache.
    pub fn cached_checkpoints(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.path("cache")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "ckpt") {
                    found.push(path);
                }
            }
        }
        found
    }
}

/// Another file in place of one that somebody may have mapped.
pub fn replace(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(file).unwrap();
    change(&mut bytes);
    std::fs::remove_file(file).unwrap();
    std::fs::write(file, bytes).unwrap();
}
