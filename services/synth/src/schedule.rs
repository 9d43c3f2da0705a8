//! What happens when: a queue of the next happening of everything that is alive. Depends on the entities.

use crate::change::Change;
use crate::issue::Issue;
use crate::world::{DAY, END, START, World};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Between two looks at the labels and milestones of a repository, or the branches of a project.
const REPO_ROUND: i64 = 45 * DAY;

/// How many there are of each.
pub(crate) struct Counts {
    pub(crate) repos: usize,
    pub(crate) projects: usize,
    pub(crate) plain: usize,
    /// People are a power of two; this is its logarithm.
    pub(crate) people_bits: u32,
    issues: u64,
    changes: u64,
    commits: u64,
}

impl Counts {
    pub(crate) fn of(scale: f64) -> Self {
        let count = |at_one: f64| (at_one * scale).round().max(1.0) as u64;
        Self {
            repos: count(16.0) as usize,
            projects: count(30.0) as usize,
            plain: count(4.0) as usize,
            people_bits: count(16_384.0).ilog2().clamp(6, 16),
            issues: count(85_000.0),
            changes: count(130_000.0),
            commits: count(65_000.0),
        }
    }
}

/// Something that goes on happening.
enum Entity {
    Issue(Box<Issue>),
    Change(Box<Change>),
    /// New issues, so many so far of so many.
    Issues(u64, u64),
    Changes(u64, u64),
    Commits(u64, u64),
    /// A repository's labels and milestones, and how often they were looked at.
    Repo(usize, u64),
    Project(usize, u64),
}

/// When something happens next, by time and then by the order in which it was found out.
struct Due {
    at: i64,
    order: u64,
    entity: Entity,
}

impl Due {
    fn key(&self) -> Reverse<(i64, u64)> {
        Reverse((self.at, self.order))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// The queue.
pub(crate) struct Schedule {
    due: BinaryHeap<Due>,
    order: u64,
    now: i64,
}

impl Schedule {
    pub(crate) fn new(world: &mut World, counts: &Counts) -> Self {
        let mut schedule = Self {
            due: BinaryHeap::new(),
            order: 0,
            now: START,
        };
        for at in 0..counts.repos {
            let delay = world.rng.within(0, 3_600);
            schedule.add(START + delay, Entity::Repo(at, 0));
        }
        for at in 0..counts.projects {
            let delay = world.rng.within(0, 3_600);
            schedule.add(START + delay, Entity::Project(at, 0));
        }
        schedule.add(START + DAY, Entity::Issues(0, counts.issues));
        schedule.add(START + DAY + 60, Entity::Changes(0, counts.changes));
        schedule.add(START + DAY + 90, Entity::Commits(0, counts.commits));
        schedule
    }

    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// What would happen after the end does not.
    fn add(&mut self, at: i64, entity: Entity) {
        if at > END {
            return;
        }
        self.order += 1;
        let order = self.order;
        self.due.push(Due { at, order, entity });
    }

    /// Lets the next thing happen. False once nothing more does.
    pub(crate) fn step(&mut self, world: &mut World) -> bool {
        let Some(Due {
            at: now, entity, ..
        }) = self.due.pop()
        else {
            return false;
        };
        self.now = now;
        match entity {
            Entity::Issue(mut issue) => {
                if let Some(next) = issue.step(world, now) {
                    self.add(next, Entity::Issue(issue));
                }
            }
            Entity::Change(mut change) => {
                if let Some(next) = change.step(world, now) {
                    self.add(next, Entity::Change(change));
                }
            }
            Entity::Issues(made, all) => {
                let issue = Box::new(Issue::new(world, made));
                self.add(now, Entity::Issue(issue));
                self.arrive(world, made + 1, all, Entity::Issues);
            }
            Entity::Changes(made, all) => {
                let change = Box::new(Change::new(world, made));
                self.add(now, Entity::Change(change));
                self.arrive(world, made + 1, all, Entity::Changes);
            }
            Entity::Commits(made, all) => {
                world.commit_plain(made, now);
                self.arrive(world, made + 1, all, Entity::Commits);
            }
            Entity::Repo(at, round) => {
                world.sync_repo(at, round);
                self.again(now, at, round, Entity::Repo);
            }
            Entity::Project(at, round) => {
                world.sync_project(at, round, now);
                self.again(now, at, round, Entity::Project);
            }
        }
        true
    }

    /// Spreads arrivals evenly over the years, each somewhere in its own part of them.
    fn arrive(&mut self, world: &mut World, made: u64, all: u64, entity: fn(u64, u64) -> Entity) {
        if made < all {
            let part = (END - START - 2 * DAY) / all as i64;
            let at = START + 2 * DAY + part * made as i64 + world.rng.within(0, part - 1);
            self.add(at, entity(made, all));
        }
    }

    fn again(&mut self, now: i64, at: usize, round: u64, entity: fn(usize, u64) -> Entity) {
        self.add(now + REPO_ROUND, entity(at, round + 1));
    }
}
