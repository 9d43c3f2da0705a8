//! A commit as a mutation (spec/log-and-corpus.md 2 and 4.3). Pure; depends on `proto`.

use ::git::CommitObject;
use proto::GitHash;
use proto::maintpb::{GitCommit, GitDiffTree, GitDiffTreeFile, GitMutation, GitRepo, Mutation};

/// The longest commit that is recorded whole.
const RAW_BYTES_MAX: usize = 8 << 20;
/// The most files of a commit that are recorded.
const FILES_MAX: usize = 100_000;

/// The commit of the repository of this name.
pub(super) fn commit(name: &str, hash: &GitHash, commit: CommitObject) -> Mutation {
    let raw_is_cut = commit.raw.len() > RAW_BYTES_MAX;
    let mut raw = commit.raw;
    raw.truncate(RAW_BYTES_MAX);
    let files = if raw_is_cut || commit.files.len() > FILES_MAX {
        Vec::new()
    } else {
        commit.files
    };
    let file = files.into_iter().map(|file| GitDiffTreeFile {
        file: file.name,
        added: file.added,
        deleted: file.deleted,
        binary: file.binary,
    });
    let commit = GitCommit {
        sha1: hash.to_string(),
        raw: raw.into(),
        diff_tree: Some(GitDiffTree {
            file: file.collect(),
        }),
        raw_is_cut,
    };
    let repo = Some(GitRepo {
        name: name.to_owned(),
        ..GitRepo::default()
    });
    let git = GitMutation {
        repo,
        commit: Some(commit),
        ..GitMutation::default()
    };
    Mutation {
        git: Some(git),
        ..Mutation::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::Message as _;

    #[test]
    fn a_commit_of_any_length_fits_a_record() {
        let hash = GitHash::from_bytes([1; 20]);
        let long = CommitObject {
            raw: vec![b'x'; 65 << 20],
            files: Vec::new(),
            files_left_out: false,
        };
        let mutation = commit("demo", &hash, long);
        assert!(mutation.encoded_len() < 16 << 20);
        assert!(mutation.git.unwrap().commit.unwrap().raw_is_cut);
    }
}
