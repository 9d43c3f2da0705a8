//! A GitHub issue or pull request: what the original's syncer would log of its life, a poll at a time
//! (spec 4.1: the issue, then its comments, its events and its reviews, each as a mutation).
//! Depends on [`crate::world`].

mod event;
mod review;

use crate::people::{Crowd, Person};
use crate::text::hex;
use crate::world::{DAY, World, timestamp};
use proto::maintpb::{
    BoolChange, GithubIssueCommentMutation, GithubIssueEvent, GithubIssueMutation,
    GithubIssueSyncStatus, GithubReview, Mutation, StringChange,
};

/// When the original began to write `body_change` instead of `body`.
const BODY_CHANGES: i64 = 1_577_836_800;

/// Comments that are remembered, to be edited.
const RECENT: usize = 3;

/// An issue that something may still happen to.
pub(crate) struct Issue {
    repo: usize,
    number: i32,
    ordinal: u64,
    pull_request: bool,
    author: Person,
    title: String,
    /// Places in the repository's labels.
    labels: Vec<usize>,
    /// A place in the repository's milestones.
    milestone: Option<usize>,
    assignees: Vec<Person>,
    closed: bool,
    locked: bool,
    gone: bool,
    created: bool,
    recent_comments: Vec<i64>,
    recent_review: Option<i64>,
    /// Comments still to come.
    comments_left: u64,
}

/// What one poll finds.
struct Found {
    issue: GithubIssueMutation,
    comments: Vec<GithubIssueCommentMutation>,
    events: Vec<GithubIssueEvent>,
    reviews: Vec<GithubReview>,
    /// When it happened: a little before the poll.
    at: i64,
}

impl Issue {
    /// The next issue of some repository. Numbers that are taken by something that nobody may see
    /// get their tombstone at once.
    pub(crate) fn new(world: &mut World, ordinal: u64) -> Self {
        let repo = world.repo_for();
        world.repos[repo].newest += 1;
        if ordinal % 50 == 20 {
            let hidden = world.repos[repo].newest;
            world.repos[repo].newest += 1;
            let mut tombstone = base(world, repo, hidden);
            tombstone.not_exist = true;
            emit(world, tombstone);
        }
        // Kept in proportion: 550 comments to 85 issues.
        let due = ordinal * 550 / 85;
        let median = if world.comments > due { 4 } else { 6 };
        let comments_left = world.rng.log_normal(median, 310).min(400);
        Self {
            repo,
            number: world.repos[repo].newest,
            ordinal,
            pull_request: ordinal % 4 == 2,
            author: world.anyone(),
            title: world.prose.title(&mut world.rng),
            labels: Vec::new(),
            milestone: None,
            assignees: Vec::new(),
            closed: false,
            locked: false,
            gone: false,
            created: false,
            recent_comments: Vec::new(),
            recent_review: None,
            comments_left,
        }
    }

    /// One poll that finds something new. Gives when the next one does, if ever.
    pub(crate) fn step(&mut self, world: &mut World, now: i64) -> Option<i64> {
        let at = now - world.rng.within(5, 240);
        let mut issue = base(world, self.repo, self.number);
        issue.pull_request = self.pull_request;
        issue.updated = Some(timestamp(at));
        let mut found = Found {
            issue,
            comments: Vec::new(),
            events: Vec::new(),
            reviews: Vec::new(),
            at,
        };
        if self.created {
            let turn = world.turn();
            self.act(world, &mut found, turn);
            if self.gone {
                let mut tombstone = base(world, self.repo, self.number);
                tombstone.not_exist = true;
                emit(world, tombstone);
                return None;
            }
            self.comment(world, &mut found);
            if self.pull_request {
                self.review(world, &mut found);
            }
            if self.comments_left == 0 && !self.closed && world.rng.percent(85) {
                self.close(world, &mut found);
            }
        } else {
            self.create(world, &mut found);
        }
        self.fill_events(world, &mut found);
        self.log(world, found, now);
        let over = self.comments_left == 0 && world.rng.percent(80);
        (!over).then(|| world.after(now, 2 * DAY))
    }

    fn create(&mut self, world: &mut World, found: &mut Found) {
        self.created = true;
        let at = found.at;
        let issue = &mut found.issue;
        issue.user = Some(world.crowd.user(self.author, at));
        issue.created = Some(timestamp(at));
        issue.title.clone_from(&self.title);
        issue.closed = Some(BoolChange { val: false });
        if self.ordinal % 61 == 1 {
            issue.id = 70_000_000 + self.ordinal as i64;
        }
        let body = world.prose.body(&mut world.rng, 800);
        if at < BODY_CHANGES {
            issue.body = body;
        } else {
            issue.body_change = Some(StringChange { val: body });
        }
        for _ in 0..world.rng.below(3) {
            self.add_label(world, found);
        }
        if self.ordinal % 128 == 9 {
            self.note(world, found, "transferred");
        }
    }

    /// Does one thing to the issue: which one goes round, so that each is done at every scale.
    fn act(&mut self, world: &mut World, found: &mut Found, turn: u64) {
        match turn % 64 {
            0..=11 => self.add_label(world, found),
            12..=17 => self.remove_label(world, found),
            18..=22 => self.set_milestone(world, found),
            23..=24 => self.clear_milestone(world, found),
            25..=30 => self.assign(world, found),
            31..=33 => self.unassign(world, found),
            34..=35 => self.rename(world, found),
            36..=38 => self.edit_body(world, found),
            39 => self.lock(world, found),
            40..=49 if self.closed => self.reopen(world, found),
            40..=49 => self.close(world, found),
            63 if turn % 448 == 63 => self.gone = true,
            _ => {}
        }
    }

    fn comment(&mut self, world: &mut World, found: &mut Found) {
        let count = (1 + world.rng.below(4)).min(self.comments_left);
        self.comments_left -= count;
        for _ in 0..count {
            let id = world.id();
            let by = if world.rng.percent(40) {
                self.author
            } else {
                world.anyone()
            };
            let at = found.at - world.rng.within(0, 60);
            world.comments += 1;
            found.comments.push(GithubIssueCommentMutation {
                id,
                user: Some(world.crowd.user(by, at)),
                body: world.prose.body(&mut world.rng, 340),
                created: Some(timestamp(at)),
                updated: Some(timestamp(at)),
            });
            if self.recent_comments.len() == RECENT {
                self.recent_comments.remove(0);
            }
            self.recent_comments.push(id);
        }
        if world.rng.once_in(8)
            && let Some(id) = self.recent_comments.first()
        {
            found.comments.push(GithubIssueCommentMutation {
                id: *id,
                body: world.prose.body(&mut world.rng, 340),
                updated: Some(timestamp(found.at)),
                ..GithubIssueCommentMutation::default()
            });
        }
    }

    /// Logs what was found, as the syncer's passes do.
    fn log(&self, world: &mut World, found: Found, now: i64) {
        let status = || {
            Some(GithubIssueSyncStatus {
                server_date: Some(timestamp(now)),
            })
        };
        emit(world, found.issue);
        let mut comments = base(world, self.repo, self.number);
        comments.comment = found.comments;
        comments.comment_status = status();
        emit(world, comments);
        let mut events = base(world, self.repo, self.number);
        events.event = found.events;
        events.event_status = status();
        emit(world, events);
        if self.pull_request {
            let mut reviews = base(world, self.repo, self.number);
            reviews.review = found.reviews;
            reviews.review_status = status();
            emit(world, reviews);
        }
    }
}

fn base(world: &World, repo: usize, number: i32) -> GithubIssueMutation {
    GithubIssueMutation {
        owner: world.repos[repo].owner.clone(),
        repo: world.repos[repo].name.clone(),
        number,
        ..GithubIssueMutation::default()
    }
}

fn emit(world: &mut World, issue: GithubIssueMutation) {
    world.emit(Mutation {
        github_issue: Some(issue),
        ..Mutation::default()
    });
}

/// A commit that only GitHub knows: the head of a pull request.
fn foreign_commit(world: &mut World) -> String {
    let mut name = String::with_capacity(40);
    hex(&mut world.rng, 40, &mut name);
    name
}

/// As the original logs who did it.
fn actor(person: Person) -> i64 {
    Crowd::id(person)
}
