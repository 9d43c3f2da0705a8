//! Small edits of issues that a corpus has, as a log would tell of them: a new title, a label more or less, a comment.
//! Depends on the wire types; the same in every run.

use anyhow::{Result, ensure};
use forgelog_replay::Corpus;
use proto::forgelog::Meta;
use proto::maintpb::{
    GithubIssueCommentMutation, GithubIssueMutation, GithubLabel, GithubUser, Mutation,
};
use proto::{Message as _, Timestamp};

use super::super::payload::Letters;

/// Ids from here on are those of new comments.
const COMMENTS_FROM: i64 = 1 << 50;

/// Edits without end.
pub(super) struct Edits {
    targets: Vec<Target>,
    repos: Vec<Repo>,
    letters: Letters,
    number: i64,
    /// When the newest was made, in seconds since 1970.
    now: i64,
}

/// An issue.
struct Target {
    repo: usize,
    number: i32,
    user: i64,
}

struct Repo {
    owner: String,
    name: String,
    labels: Vec<(i64, String)>,
}

impl Edits {
    /// Edits of the issues of a corpus, all over it; they are later than all that it has.
    pub(super) fn of(corpus: &Corpus, now: i64) -> Result<Self> {
        let (mut repos, mut targets) = (Vec::new(), Vec::new());
        for (row, repo) in corpus.github_repos().enumerate() {
            repos.push(Repo {
                owner: repo.id().owner.to_owned(),
                name: repo.id().name.to_owned(),
                labels: repo
                    .labels()
                    .map(|label| (label.id(), label.name().to_owned()))
                    .collect(),
            });
            let issues = repo.issues().filter(|issue| issue.exists());
            targets.extend(issues.map(|issue| Target {
                repo: row,
                number: issue.number(),
                user: issue.user().map_or(1, |user| user.id()),
            }));
        }
        ensure!(!targets.is_empty(), "the log has no issues to edit");
        Ok(Self {
            targets,
            repos,
            letters: Letters::new(17),
            number: 0,
            now,
        })
    }

    /// The next one.
    pub(super) fn next_edit(&mut self) -> Mutation {
        self.number += 1;
        self.now += 1;
        let target = self.letters.below(self.targets.len());
        let Target { repo, number, user } = self.targets[target];
        let repo = &self.repos[repo];
        let time = Timestamp {
            seconds: self.now,
            nanos: 0,
        };
        let mut issue = GithubIssueMutation {
            owner: repo.owner.clone(),
            repo: repo.name.clone(),
            number,
            updated: Some(time),
            ..GithubIssueMutation::default()
        };
        let label = match repo.labels.len() {
            0 => None,
            labels => repo.labels.get(self.letters.below(labels)),
        };
        match (self.number % 4, label) {
            (0, Some((id, name))) => issue.add_label.push(GithubLabel {
                id: *id,
                name: name.clone(),
            }),
            (1, Some((id, _))) => issue.remove_label.push(*id),
            (2, _) => issue.comment.push(GithubIssueCommentMutation {
                id: COMMENTS_FROM + self.number,
                user: Some(GithubUser {
                    id: user,
                    ..GithubUser::default()
                }),
                body: self.letters.text(40),
                created: Some(time),
                updated: Some(time),
            }),
            _ => issue.title = self.letters.text(30),
        }
        Mutation {
            github_issue: Some(issue),
            ..Mutation::default()
        }
    }

    /// The next one as a writer of ours would log it.
    pub(super) fn next_logged(&mut self) -> Vec<u8> {
        let mut edit = self.next_edit();
        edit.meta = Some(Meta {
            recorded: Some(Timestamp {
                seconds: self.now,
                nanos: 0,
            }),
            writer: "maintnerd-7f3a5c01".to_owned(),
            epoch: 1,
            ..Meta::default()
        });
        edit.encode_to_vec()
    }
}
