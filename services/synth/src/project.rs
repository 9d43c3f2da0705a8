//! A Gerrit project: its branches, tags, and refs that come and go. Depends on [`crate::world`].

use crate::commit::Header;
use crate::world::{World, repository_name};
use proto::GitHash;
use proto::maintpb::{GerritMutation, GitCommit, GitRef};

/// The Gerrit server of all projects.
const SERVER: &str = "go.googlesource.com";

/// A project with what its refs point to.
pub(crate) struct Project {
    /// `server/name`.
    pub(crate) name: String,
    /// Branches, without `refs/heads/`; the first is the one that `HEAD` names.
    pub(crate) branches: Vec<(String, GitHash)>,
    tags: u64,
}

impl Project {
    pub(crate) fn new(at: usize) -> Self {
        Self {
            name: format!("{SERVER}/{}", repository_name(at)),
            branches: Vec::new(),
            tags: 0,
        }
    }
}

/// A ref as a mutation has it.
pub(crate) fn git_ref(name: String, hash: GitHash) -> GitRef {
    GitRef {
        r#ref: name,
        sha1: hash.to_string(),
        ..GitRef::default()
    }
}

impl World {
    /// The first sync finds a root commit on master; later ones find a new branch, one that is gone,
    /// or a tag.
    pub(crate) fn sync_project(&mut self, at: usize, round: u64, now: i64) {
        let mut gerrit = GerritMutation {
            project: self.projects[at].name.clone(),
            ..GerritMutation::default()
        };
        match round % 6 {
            _ if round == 0 => {
                let author = self.member();
                let (root, commit) = Header::new(&mut self.rng, &[])
                    .by(&self.crowd, author, now, author, now)
                    .message(b"all: a first commit\n", Vec::new());
                self.emit_commits(at, vec![commit], false);
                self.projects[at].branches.push(("master".to_owned(), root));
                gerrit.refs = self.projects[at].heads(0);
            }
            1 | 4 => {
                let project = &mut self.projects[at];
                let name = match round % 12 {
                    1 => format!("dev.{round}"),
                    _ => format!("release-branch.go1.{}", 4 + round / 6),
                };
                let head = project.branches[0].1;
                project.branches.push((name, head));
                gerrit.refs = project.heads(project.branches.len() - 1);
            }
            3 => {
                let project = &mut self.projects[at];
                let found = project
                    .branches
                    .iter()
                    .position(|(name, _)| name.starts_with("dev."));
                let Some(gone) = found else { return };
                let (name, _) = project.branches.remove(gone);
                gerrit.deleted_refs.push(format!("refs/heads/{name}"));
            }
            5 => {
                let project = &mut self.projects[at];
                project.tags += 1;
                let name = format!("refs/tags/go1.{}", 4 + project.tags);
                gerrit.refs.push(git_ref(name, project.branches[0].1));
            }
            _ => return,
        }
        self.emit_gerrit(gerrit);
    }

    /// Logs commits of a project: each by itself as the syncer does, or all at once as it once did.
    pub(crate) fn emit_commits(&mut self, at: usize, commits: Vec<GitCommit>, at_once: bool) {
        let project = self.projects[at].name.clone();
        let groups: Vec<Vec<GitCommit>> = if at_once {
            vec![commits]
        } else {
            commits.into_iter().map(|commit| vec![commit]).collect()
        };
        for commits in groups {
            self.emit_gerrit(GerritMutation {
                project: project.clone(),
                commits,
                ..GerritMutation::default()
            });
        }
    }
}

impl Project {
    /// The refs that name the head of a branch.
    pub(crate) fn heads(&self, branch: usize) -> Vec<GitRef> {
        let (name, head) = &self.branches[branch];
        let mut refs = Vec::with_capacity(2);
        if branch == 0 {
            refs.push(git_ref("HEAD".to_owned(), *head));
        }
        refs.push(git_ref(format!("refs/heads/{name}"), *head));
        refs
    }
}
