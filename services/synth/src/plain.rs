//! Plain git repositories: commits that the log has without Gerrit. Depends on [`crate::world`].

use crate::commit::{Header, files, latin1};
use crate::text::hex;
use crate::world::World;
use proto::GitHash;
use proto::maintpb::{GitMutation, GitRepo, Mutation};

/// One repository, by the heads of its lines of development. There are never more than two.
#[derive(Default)]
pub(crate) struct Plain {
    heads: Vec<GitHash>,
}

impl World {
    /// The next commit of one of the plain repositories.
    pub(crate) fn commit_plain(&mut self, ordinal: u64, now: i64) {
        let count = self.plain.len();
        let at = self.rng.index(count);
        let author = self.anyone();
        let committer = if self.rng.percent(70) {
            author
        } else {
            self.member()
        };
        let merge = self.plain[at].heads.len() == 2 && self.rng.percent(30);
        let side = self.rng.once_in(12) && self.plain[at].heads.len() == 1;
        let parents = match &self.plain[at].heads[..] {
            heads if merge => heads.to_vec(),
            heads => heads.last().copied().into_iter().collect(),
        };
        let written = now - self.rng.log_normal(3_600, 500).min(5_000_000) as i64;
        let mut header =
            Header::new(&mut self.rng, &parents).by(&self.crowd, author, written, committer, now);
        if ordinal % 10 == 4 && ordinal < 8_000 {
            let mut old = String::with_capacity(40);
            hex(&mut self.rng, 40, &mut old);
            header = header.line("golang-hg", &old);
        }
        if ordinal % 31 == 5 {
            header = header.signed(&mut self.rng);
        }
        let mut message = self.prose.title(&mut self.rng);
        message.push_str("\n\n");
        self.prose.paragraphs(&mut self.rng, 250, &mut message);
        message.push('\n');
        let touched = if merge {
            Vec::new()
        } else {
            files(&mut self.rng, &self.words, ordinal)
        };
        let (hash, commit) = if ordinal % 47 == 9 {
            message.push_str("Déjà vu, he said.\n");
            header
                .line("encoding", "ISO-8859-1")
                .message(&latin1(&message), touched)
        } else {
            header.message(message.as_bytes(), touched)
        };
        self.known_commit.clone_from(&commit.sha1);

        let heads = &mut self.plain[at].heads;
        if merge {
            heads.clear();
        } else if !side {
            heads.pop();
        }
        heads.push(hash);
        let name = crate::world::repository_name(at);
        self.emit(Mutation {
            git: Some(GitMutation {
                repo: Some(GitRepo {
                    go_repo: name,
                    ..GitRepo::default()
                }),
                commit: Some(commit),
                ..GitMutation::default()
            }),
            ..Mutation::default()
        });
    }
}
