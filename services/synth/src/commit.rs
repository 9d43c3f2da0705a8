//! Git commits: raw objects, their real names, and what they touch. Depends on [`crate::rng`] and `sha1`.

use crate::people::{Crowd, Person};
use crate::rng::Rng;
use crate::text::hex;
use crate::words::{ENGLISH, PACKAGES};
use proto::GitHash;
use proto::maintpb::{GitCommit, GitDiffTree, GitDiffTreeFile};
use sha1::{Digest, Sha1};
use std::fmt::Write as _;

/// The tree without entries.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// One commit in the making: git's header lines, without the message.
pub(crate) struct Header {
    raw: String,
}

impl Header {
    /// Of a tree of its own.
    pub(crate) fn new(rng: &mut Rng, parents: &[GitHash]) -> Self {
        let mut raw = String::with_capacity(1024);
        raw.push_str("tree ");
        hex(rng, 40, &mut raw);
        Self { raw }.with_parents(parents)
    }

    /// Of the empty tree, as Gerrit's own commits mostly are.
    pub(crate) fn bare(parents: &[GitHash]) -> Self {
        let mut raw = String::with_capacity(1024);
        raw.push_str("tree ");
        raw.push_str(EMPTY_TREE);
        Self { raw }.with_parents(parents)
    }

    fn with_parents(mut self, parents: &[GitHash]) -> Self {
        self.raw.push('\n');
        for parent in parents {
            let _ = writeln!(self.raw, "parent {parent}");
        }
        self
    }

    /// `author` or `committer`.
    pub(crate) fn ident(
        mut self,
        role: &str,
        ident: impl FnOnce(&mut String),
        at: i64,
        zone: &str,
    ) -> Self {
        self.raw.push_str(role);
        self.raw.push(' ');
        ident(&mut self.raw);
        let _ = writeln!(self.raw, " {at} {zone}");
        self
    }

    /// Author and committer, both by their git names.
    pub(crate) fn by(
        self,
        crowd: &Crowd,
        author: Person,
        written: i64,
        committer: Person,
        at: i64,
    ) -> Self {
        self.ident(
            "author",
            |out| crowd.git_ident(author, out),
            written,
            Crowd::zone(author),
        )
        .ident(
            "committer",
            |out| crowd.git_ident(committer, out),
            at,
            Crowd::zone(committer),
        )
    }

    /// Any other header line.
    pub(crate) fn line(mut self, key: &str, value: &str) -> Self {
        let _ = writeln!(self.raw, "{key} {value}");
        self
    }

    /// A signature; its continuation lines begin with a space.
    pub(crate) fn signed(mut self, rng: &mut Rng) -> Self {
        self.raw
            .push_str("gpgsig -----BEGIN PGP SIGNATURE-----\n \n");
        for _ in 0..9 {
            self.raw.push(' ');
            hex(rng, 64, &mut self.raw);
            self.raw.push('\n');
        }
        self.raw.push_str(" -----END PGP SIGNATURE-----\n");
        self
    }

    /// With its message, and named by its SHA-1.
    pub(crate) fn message(
        self,
        message: &[u8],
        files: Vec<GitDiffTreeFile>,
    ) -> (GitHash, GitCommit) {
        let mut raw = self.raw.into_bytes();
        raw.push(b'\n');
        raw.extend_from_slice(message);
        let hash = name_of(&raw);
        let commit = GitCommit {
            sha1: hash.to_string(),
            raw: raw.into(),
            diff_tree: Some(GitDiffTree { file: files }),
            ..GitCommit::default()
        };
        (hash, commit)
    }
}

/// A text as ISO-8859-1, for a commit of those who do not write UTF-8.
pub(crate) fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?'))
        .collect()
}

/// The name that git gives to a commit with this content.
pub(crate) fn name_of(raw: &[u8]) -> GitHash {
    let mut digest = Sha1::new();
    digest.update(format!("commit {}\0", raw.len()));
    digest.update(raw);
    GitHash::from_bytes(digest.finalize().into())
}

/// What a commit touches: mostly a few files, sometimes many, now and then a binary one.
pub(crate) fn files(rng: &mut Rng, words: &[&str], ordinal: u64) -> Vec<GitDiffTreeFile> {
    let count = rng.log_normal(2, 300).clamp(1, 150);
    let mut files = Vec::with_capacity(count as usize + 1);
    for _ in 0..count {
        let mut file = String::with_capacity(48);
        file.push_str("src/");
        file.push_str(rng.pick(PACKAGES));
        file.push('/');
        file.push_str(rng.pick(words));
        file.push_str(rng.pick(&[".go", ".go", "_test.go", "_linux.go", ".s", ".md"]));
        files.push(GitDiffTreeFile {
            file,
            added: rng.log_normal(9, 450).min(100_000) as i64,
            deleted: rng.log_normal(4, 450).min(100_000) as i64,
            binary: false,
        });
    }
    if ordinal % 37 == 3 {
        files.push(GitDiffTreeFile {
            file: format!("src/image/testdata/{ordinal}.png"),
            binary: true,
            ..GitDiffTreeFile::default()
        });
    }
    files.sort_by(|a, b| a.file.cmp(&b.file));
    files.dedup_by(|a, b| a.file == b.file);
    files
}

/// Words that files are named after.
pub(crate) fn file_words() -> Vec<&'static str> {
    ENGLISH
        .split_ascii_whitespace()
        .filter(|word| word.len() > 3)
        .collect()
}
