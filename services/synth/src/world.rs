//! What all entities share: chance, prose, people, ids, repositories, and the mutations on their way
//! out. Depends on the modules that it is made of.

use crate::commit::file_words;
use crate::people::{Crowd, Person};
use crate::plain::Plain;
use crate::project::Project;
use crate::rng::Rng;
use crate::schedule::Counts;
use crate::text::Prose;
use crate::words::{LABELS, REPOSITORIES};
use proto::maintpb::{
    BoolChange, GerritMutation, GithubLabel, GithubMilestone, GithubMutation, Mutation,
};
use proto::{GitHash, Timestamp};
use std::collections::VecDeque;

/// When the simulated time begins: 2015-01-01, in seconds since 1970.
pub(crate) const START: i64 = 1_420_070_400;
/// When the log ends, in the middle of things: ten years later.
pub(crate) const END: i64 = START + 3_652 * DAY;
/// A day, in seconds.
pub(crate) const DAY: i64 = 86_400;

/// A GitHub repository.
pub(crate) struct Repo {
    pub(crate) owner: String,
    pub(crate) name: String,
    /// The number of the newest issue.
    pub(crate) newest: i32,
    pub(crate) labels: Vec<GithubLabel>,
    pub(crate) milestones: Vec<GithubMilestone>,
}

/// Everything but the entities.
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) prose: Prose,
    pub(crate) crowd: Crowd,
    pub(crate) repos: Vec<Repo>,
    pub(crate) projects: Vec<Project>,
    pub(crate) plain: Vec<Plain>,
    /// Words that files are named after.
    pub(crate) words: Vec<&'static str>,
    /// A commit that everybody knows.
    pub(crate) known_commit: String,
    /// Comments and events so far, to keep their numbers in proportion.
    pub(crate) comments: u64,
    pub(crate) events: u64,
    turn: u64,
    newest_id: i64,
    out: VecDeque<Mutation>,
}

impl World {
    pub(crate) fn new(seed: u64, counts: &Counts) -> Self {
        let mut rng = Rng::new(seed);
        let crowd = Crowd::new(&mut rng, counts.people_bits);
        Self {
            crowd,
            prose: Prose::new(),
            repos: (0..counts.repos).map(repo).collect(),
            projects: (0..counts.projects).map(Project::new).collect(),
            plain: (0..counts.plain).map(|_| Plain::default()).collect(),
            words: file_words(),
            known_commit: GitHash::from_bytes([0xab; 20]).to_string(),
            comments: 0,
            events: 0,
            turn: 0,
            newest_id: 1_000_000,
            out: VecDeque::new(),
            rng,
        }
    }

    /// A number for a comment, event or review; they grow.
    pub(crate) fn id(&mut self) -> i64 {
        self.newest_id += 1 + self.rng.below(20) as i64;
        self.newest_id
    }

    /// Counts what is done, so that everything that can be done is done at every scale.
    pub(crate) fn turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }

    pub(crate) fn anyone(&mut self) -> Person {
        self.crowd.anyone(&mut self.rng)
    }

    pub(crate) fn member(&mut self) -> Person {
        self.crowd.member(&mut self.rng)
    }

    pub(crate) fn emit(&mut self, mutation: Mutation) {
        self.out.push_back(mutation);
    }

    pub(crate) fn emit_gerrit(&mut self, gerrit: GerritMutation) {
        self.emit(Mutation {
            gerrit: Some(gerrit),
            ..Mutation::default()
        });
    }

    pub(crate) fn taken(&mut self) -> Option<Mutation> {
        self.out.pop_front()
    }

    /// When the next thing happens to an entity: log-normal around `median` seconds.
    pub(crate) fn after(&mut self, now: i64, median: i64) -> i64 {
        let gap = self.rng.log_normal(median as u64, 620) as i64;
        now + gap.clamp(600, 400 * DAY)
    }

    /// A repository, the first ones being the busy ones.
    pub(crate) fn repo_for(&mut self) -> usize {
        self.rng.zipf_below(self.repos.len())
    }

    /// What a sync of a repository's labels and milestones finds now and then. The first one finds all.
    pub(crate) fn sync_repo(&mut self, at: usize, round: u64) {
        let labels;
        let mut milestones = Vec::new();
        let repo = &mut self.repos[at];
        if round == 0 {
            labels = repo.labels.clone();
            milestones.clone_from(&repo.milestones);
        } else {
            // Now and then a label is renamed; the id stays.
            let label = &mut repo.labels[round as usize % LABELS.len()];
            labels = if round % 5 == 2 {
                label
                    .name
                    .push_str(if label.name.len() < 40 { "-x" } else { "" });
                vec![label.clone()]
            } else {
                Vec::new()
            };
            if round.is_multiple_of(6) {
                if let Some(last) = repo.milestones.last_mut() {
                    last.closed = Some(BoolChange { val: true });
                    milestones.push(last.clone());
                }
                let number = repo.milestones.len() as i64 + 1;
                let milestone = milestone(at, number);
                repo.milestones.push(milestone.clone());
                milestones.push(milestone);
            }
        }
        if labels.is_empty() && milestones.is_empty() {
            return;
        }
        let github = GithubMutation {
            owner: repo.owner.clone(),
            repo: repo.name.clone(),
            labels,
            milestones,
        };
        self.emit(Mutation {
            github: Some(github),
            ..Mutation::default()
        });
    }
}

fn repo(at: usize) -> Repo {
    let labels = LABELS.iter().enumerate().map(|(label, name)| GithubLabel {
        id: 200_000_000 + (at * 1_000 + label) as i64,
        name: (*name).to_owned(),
    });
    Repo {
        owner: "golang".to_owned(),
        name: repository_name(at),
        newest: 0,
        labels: labels.collect(),
        milestones: (1..=3).map(|number| milestone(at, number)).collect(),
    }
}

fn milestone(repo: usize, number: i64) -> GithubMilestone {
    GithubMilestone {
        id: 3_000_000 + repo as i64 * 1_000 + number,
        title: match number {
            1 => "Unreleased".to_owned(),
            2 => "Backlog".to_owned(),
            _ => format!("Go1.{}", number + 2),
        },
        closed: Some(BoolChange { val: false }),
        number,
    }
}

/// The name of a repository or project; there is no end of them.
pub(crate) fn repository_name(at: usize) -> String {
    match REPOSITORIES.get(at) {
        Some(name) => (*name).to_owned(),
        None => format!("x{at}"),
    }
}

/// As protobuf has it.
pub(crate) fn timestamp(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}
