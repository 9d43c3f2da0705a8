//! Git and Gerrit activity, made up: commits whose names are numbers, and a corpus that they are applied to.

use forgelog_replay::corpus::{Cl, Commit, GerritProject};
use forgelog_replay::{Corpus, Folded, Rules};
use log_core::{Position, Record};
use proto::maintpb::{GerritMutation, GitCommit, GitMutation, GitRef, GitRepo, Mutation};
use proto::{GitHash, Message as _};

/// The project that everything here belongs to, unless it is said otherwise.
pub(crate) const PROJECT: &str = "go.googlesource.com/go";
const AUTHOR: &str = "Rick Sanchez <137@62eb7196-b449-3ce5-99f1-c037f21e1705>";

/// The hash that stands for a number.
pub(crate) fn hash(number: u32) -> GitHash {
    let mut bytes = [0; 20];
    bytes[16..].copy_from_slice(&number.to_be_bytes());
    GitHash::from_bytes(bytes)
}

/// A commit named by its number, as git prints it.
pub(crate) fn commit_of(number: u32, raw: impl Into<Vec<u8>>) -> GitCommit {
    GitCommit {
        sha1: hash(number).to_string(),
        raw: raw.into().into(),
        ..GitCommit::default()
    }
}

/// A sound commit, written and committed `number` seconds after a moment in 2017.
pub(crate) fn commit(number: u32, parents: &[u32], message: &str) -> GitCommit {
    let parents: String = parents
        .iter()
        .map(|parent| format!("parent {}\n", hash(*parent)))
        .collect();
    let by = format!("{AUTHOR} {} +0200", 1_500_000_000 + number);
    let tree = hash(number + 1_000_000);
    let raw = format!("tree {tree}\n{parents}author {by}\ncommitter {by}\n\n{message}");
    commit_of(number, raw)
}

/// A ref to a commit.
pub(crate) fn git_ref(name: &str, commit: u32) -> GitRef {
    GitRef {
        r#ref: name.into(),
        sha1: hash(commit).to_string(),
        ..GitRef::default()
    }
}

/// Where a change's patch set or meta is.
pub(crate) fn change(number: i32, version: &str, commit: u32) -> GitRef {
    let shard = number % 100;
    git_ref(
        &format!("refs/changes/{shard:02}/{number}/{version}"),
        commit,
    )
}

/// A mutation of a project.
pub(crate) fn gerrit(project: &str, commits: Vec<GitCommit>, refs: Vec<GitRef>) -> Mutation {
    let gerrit = GerritMutation {
        project: project.into(),
        commits,
        refs,
        ..GerritMutation::default()
    };
    Mutation {
        gerrit: Some(gerrit),
        ..Mutation::default()
    }
}

/// A corpus, and the end of what was applied to it.
pub(crate) struct Forge {
    folded: Folded<Corpus>,
    end: Position,
}

impl Forge {
    /// An empty one, by our rules or the original's.
    pub(crate) fn new(original_semantics: bool) -> Self {
        let mut rules = Rules::default();
        rules.original_semantics = original_semantics;
        Self {
            folded: Folded::with(Corpus::with_rules(rules)),
            end: Position::START,
        }
    }

    /// By the original's rules, after these mutations.
    pub(crate) fn of(mutations: impl IntoIterator<Item = Mutation>) -> Self {
        let mut forge = Self::new(true);
        for mutation in mutations {
            assert_eq!(forge.apply(mutation), [""; 0]);
        }
        forge
    }

    /// Applies a mutation, and gives what was passed over in it.
    pub(crate) fn apply(&mut self, mutation: Mutation) -> Vec<String> {
        let payload = bytes::Bytes::from(mutation.encode_to_vec());
        let next = Position {
            offset: self.end.offset + 16 + payload.len() as u64,
            ..self.end
        };
        let before = self.folded.state().fault_count() as usize;
        let at = self.end;
        self.folded.apply(&Record { at, next, payload });
        self.end = next;
        let faults = self.corpus().faults().skip(before);
        faults.map(|fault| fault.reason()).collect()
    }

    /// Applies a mutation of the plain repository `go`, unless it names another.
    pub(crate) fn git(&mut self, git: GitMutation) -> Vec<String> {
        let repo = GitRepo {
            name: "go".into(),
            ..GitRepo::default()
        };
        let git = GitMutation {
            repo: git.repo.or(Some(repo)),
            ..git
        };
        self.apply(Mutation {
            git: Some(git),
            ..Mutation::default()
        })
    }

    /// Adds a commit to the plain repository `go`.
    pub(crate) fn add(&mut self, commit: GitCommit) -> Vec<String> {
        self.git(GitMutation {
            commit: Some(commit),
            ..GitMutation::default()
        })
    }

    /// Adds commits to [`PROJECT`], then sets its refs.
    pub(crate) fn gerrit(&mut self, commits: Vec<GitCommit>, refs: Vec<GitRef>) -> Vec<String> {
        self.apply(gerrit(PROJECT, commits, refs))
    }

    /// A copy that stays as it is.
    pub(crate) fn snapshot(&mut self) -> Folded<Corpus> {
        self.folded.snapshot()
    }

    pub(crate) fn corpus(&self) -> &Corpus {
        self.folded.state()
    }

    pub(crate) fn commit(&self, number: u32) -> Option<Commit<'_>> {
        self.corpus().commit(&hash(number))
    }

    pub(crate) fn project(&self) -> GerritProject<'_> {
        let (server, project) = PROJECT.split_once('/').unwrap();
        self.corpus().gerrit_project(server, project).unwrap()
    }

    pub(crate) fn cl(&self, number: i32) -> Option<Cl<'_>> {
        self.project().cl(number)
    }

    pub(crate) fn dump(&self) -> String {
        let mut out = Vec::new();
        forgelog_replay::corpus::dump(self.corpus(), &Default::default(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }
}

/// The number that a hash stands for.
pub(crate) fn number(hash: GitHash) -> u32 {
    let [.., a, b, c, d] = *hash.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}
