//! Repositories in temporary folders, made by the `git` command with nothing of the user's in it.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use git::Repository;
use proto::GitHash;
use tempfile::TempDir;

/// Variables through which the environment of the tests could reach git.
const FOREIGN: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT",
    "GIT_EXTERNAL_DIFF",
];

/// A `git` command in a folder, in which only the arguments count.
pub(crate) fn command(dir: &Path) -> Command {
    let mut command = Command::new("git");
    for name in FOREIGN {
        command.env_remove(name);
    }
    command
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_DEFAULT_HASH", "sha1")
        .env("GIT_DEFAULT_REF_FORMAT", "files")
        .env("LC_ALL", "C")
        .env("GIT_AUTHOR_NAME", "Ann Author")
        .env("GIT_AUTHOR_EMAIL", "ann@example.com")
        .env("GIT_AUTHOR_DATE", "1700000000 +0100")
        .env("GIT_COMMITTER_NAME", "Carl Committer")
        .env("GIT_COMMITTER_EMAIL", "carl@example.com")
        .env("GIT_COMMITTER_DATE", "1700000000 +0000")
        .args([
            "-c",
            "init.defaultBranch=main",
            "-c",
            "protocol.file.allow=always",
        ]);
    command
}

/// What a command printed; it has to succeed.
pub(crate) fn output(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("git is installed");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(
        status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&stderr)
    );
    stdout
}

/// A repository with a worktree (or bare), and the temporary folder around it.
pub(crate) struct TestRepo {
    /// Also has room for other folders next to the repository.
    pub(crate) around: TempDir,
    pub(crate) path: PathBuf,
    commits: AtomicU64,
}

impl TestRepo {
    /// An empty repository named `project`.
    pub(crate) fn new() -> Self {
        let around = tempfile::tempdir().unwrap();
        let path = around.path().join("project");
        std::fs::create_dir(&path).unwrap();
        let repo = Self {
            around,
            path,
            commits: AtomicU64::new(0),
        };
        repo.git(["init", "-q"]);
        repo
    }

    /// Runs git in the repository and returns what it printed.
    pub(crate) fn git<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> String {
        String::from_utf8(self.git_bytes(args))
            .unwrap()
            .trim_end()
            .to_owned()
    }

    pub(crate) fn git_bytes<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Vec<u8> {
        output(command(&self.path).args(args), b"")
    }

    /// Runs git with something to read, and returns what it printed.
    pub(crate) fn git_reading<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
        input: &[u8],
    ) -> String {
        String::from_utf8(output(command(&self.path).args(args), input))
            .unwrap()
            .trim_end()
            .to_owned()
    }

    pub(crate) fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) fn remove(&self, file: &str) {
        let path = self.path.join(file);
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        } else {
            std::fs::remove_file(path).unwrap();
        }
    }

    /// Commits all that is in the worktree, each time a second later.
    pub(crate) fn commit(&self, message: &str) -> GitHash {
        self.git(["add", "-A"]);
        self.commit_index(message)
    }

    pub(crate) fn commit_index(&self, message: &str) -> GitHash {
        let number = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
        let date = format!("{} +0000", 1_700_000_000 + number);
        let mut command = command(&self.path);
        command.env("GIT_COMMITTER_DATE", date).args([
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            message,
        ]);
        output(&mut command, b"");
        self.hash("HEAD")
    }

    pub(crate) fn hash(&self, revision: &str) -> GitHash {
        self.git(["rev-parse", revision]).parse().unwrap()
    }

    pub(crate) fn open(&self) -> Repository {
        Repository::open(&self.path).unwrap()
    }

    /// Stores an object without any check, and returns its hash.
    pub(crate) fn hash_object(&self, kind: &str, bytes: &[u8]) -> GitHash {
        self.git_reading(
            ["hash-object", "-w", "--stdin", "--literally", "-t", kind],
            bytes,
        )
        .parse()
        .unwrap()
    }

    /// Makes a commit of a tree, whatever that is.
    pub(crate) fn commit_tree(&self, tree: &GitHash, parents: &[GitHash]) -> GitHash {
        let mut raw = format!("tree {tree}\n");
        for parent in parents {
            raw.push_str(&format!("parent {parent}\n"));
        }
        raw.push_str(
            "author A <a> 1700000000 +0000\ncommitter C <c> 1700000000 +0000\n\nmessage\n",
        );
        self.hash_object("commit", raw.as_bytes())
    }

    /// A path next to the repository.
    pub(crate) fn path_around(&self, name: &str) -> PathBuf {
        self.around.path().join(name)
    }
}

/// One entry of a tree object.
pub(crate) fn tree_entry(mode: &str, name: &[u8], hash: &GitHash) -> Vec<u8> {
    [mode.as_bytes(), b" ", name, b"\0", hash.as_bytes()].concat()
}

/// A text with a line for each number.
pub(crate) fn lines(range: std::ops::Range<u32>) -> String {
    range.map(|number| format!("line {number}\n")).collect()
}
