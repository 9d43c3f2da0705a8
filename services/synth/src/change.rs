//! A Gerrit change: its patch sets and NoteDb meta commits, logged as the original's syncer does:
//! commits first, then the refs that reach them (spec 3.5, 3.6, 4.2). Depends on [`crate::world`].

mod meta;

use crate::commit::{Header, files};
use crate::people::{Crowd, Person};
use crate::project::git_ref;
use crate::text::{hex, number};
use crate::world::{DAY, World};
use meta::Note;
use proto::GitHash;
use proto::maintpb::{GerritMutation, GitCommit, GitRef};

/// A change that something may still happen to.
pub(crate) struct Change {
    project: usize,
    number: u64,
    ordinal: u64,
    owner: Person,
    /// `I` and 40 hex digits.
    id: String,
    branch: String,
    /// What the owner wrote: the subject, an empty line, and paragraphs.
    text: String,
    subject_len: usize,
    /// The second parent, for a change that is a merge.
    merged_in: Option<GitHash>,
    patch_set: u64,
    commit: GitHash,
    meta: Option<GitHash>,
    reviewer: Person,
    wip: bool,
    open: bool,
    /// Is to be abandoned, not submitted.
    doomed: bool,
    steps_left: u64,
}

/// What one poll finds.
#[derive(Default)]
struct Found {
    commits: Vec<GitCommit>,
    refs: Vec<GitRef>,
}

impl Change {
    pub(crate) fn new(world: &mut World, ordinal: u64) -> Self {
        let project = world.rng.zipf_below(world.projects.len());
        let branches = &world.projects[project].branches;
        let at = if world.rng.percent(90) {
            0
        } else {
            world.rng.index(branches.len())
        };
        let (branch, head) = branches[at].clone();
        let mut id = String::with_capacity(41);
        id.push('I');
        hex(&mut world.rng, 40, &mut id);
        let mut text = world.prose.title(&mut world.rng);
        let subject_len = text.len();
        text.push_str("\n\n");
        world.prose.paragraphs(&mut world.rng, 300, &mut text);
        if world.rng.percent(45) {
            let (repo, verb) = (
                world.repo_for(),
                world.rng.pick(&["Fixes", "Updates", "For"]),
            );
            let repo = &world.repos[repo];
            let issue = 1 + world.rng.below(repo.newest.unsigned_abs().into());
            text.push_str(&format!("\n\n{verb} golang/{}#{issue}", repo.name));
        }
        // A merge brings another branch in, if there is one that differs.
        let merged_in = (ordinal % 25 == 7)
            .then(|| {
                world.projects[project]
                    .branches
                    .last()
                    .map(|(_, other)| *other)
            })
            .flatten()
            .filter(|other| *other != head);
        Self {
            project,
            number: 1_000 + ordinal * 3 + world.rng.below(3),
            ordinal,
            owner: world.anyone(),
            id,
            branch,
            text,
            subject_len,
            merged_in,
            patch_set: 0,
            commit: head,
            meta: None,
            reviewer: world.member(),
            wip: false,
            open: true,
            doomed: ordinal % 7 == 3,
            steps_left: world.rng.log_normal(3, 220).clamp(1, 60),
        }
    }

    /// One poll that finds something new. Gives when the next one does, if ever.
    pub(crate) fn step(&mut self, world: &mut World, now: i64) -> Option<i64> {
        let mut found = Found::default();
        if self.patch_set == 0 {
            self.wip = self.ordinal % 12 == 5;
            self.upload(world, &mut found, now);
        } else if !self.open {
            self.restore(world, &mut found, now);
        } else if self.steps_left == 0 {
            self.end(world, &mut found, now);
        } else {
            self.steps_left -= 1;
            let turn = world.turn();
            self.act(world, &mut found, turn, now);
        }
        let submitted = self.log(world, found);
        // A few wait for somebody for ever.
        let forgotten = self.steps_left == 0 && self.ordinal % 40 == 13;
        let over = forgotten || !self.open && (submitted || !world.rng.once_in(10));
        (!over).then(|| world.after(now, DAY))
    }

    /// Does one thing to the change: which one goes round, so that each is done at every scale.
    fn act(&mut self, world: &mut World, found: &mut Found, turn: u64, now: i64) {
        match turn % 16 {
            0..=5 => self.upload(world, found, now),
            6 => self.note(
                world,
                found,
                Note::Hashtag((turn / 16).is_multiple_of(2)),
                now,
            ),
            7 => {
                self.wip = !self.wip;
                self.note(world, found, Note::Ready(!self.wip), now);
            }
            8 => self.note(
                world,
                found,
                Note::Private((turn / 16).is_multiple_of(2)),
                now,
            ),
            9 => self.note(world, found, Note::Topic, now),
            _ => {}
        }
        for _ in 0..1 + world.rng.below(2) {
            let note = match world.rng.below(8) {
                0 | 1 => Note::Vote,
                2 => Note::TryBegin,
                3 => Note::TryEnd(world.rng.percent(80)),
                4 => Note::Unvote,
                5 => Note::Attention,
                _ => Note::Comment,
            };
            self.note(world, found, note, now);
        }
    }

    /// A new patch set, written by the owner.
    fn upload(&mut self, world: &mut World, found: &mut Found, now: i64) {
        let parents = self.parents(world);
        let written = now - world.rng.log_normal(600, 500).min(1_000_000) as i64;
        let mut header = Header::new(&mut world.rng, &parents).by(
            &world.crowd,
            self.owner,
            written,
            self.owner,
            now,
        );
        if self.ordinal % 43 == 11 {
            header = header.signed(&mut world.rng);
        }
        let message = format!("{}\n\nChange-Id: {}\n", self.text, self.id);
        self.add_patch_set(world, found, header, &message);
        let note = if self.patch_set == 1 {
            Note::Create
        } else {
            Note::PatchSet
        };
        self.note(world, found, note, now);
    }

    /// Where a commit of this change goes now. A branch that is gone leaves it where it was.
    fn parents(&self, world: &World) -> Vec<GitHash> {
        let branches = &world.projects[self.project].branches;
        let found = branches.iter().find(|(name, _)| *name == self.branch);
        let head = found.or(branches.first()).map(|(_, head)| *head);
        let second = self.merged_in.filter(|second| Some(*second) != head);
        head.into_iter().chain(second).collect()
    }

    fn add_patch_set(
        &mut self,
        world: &mut World,
        found: &mut Found,
        header: Header,
        message: &str,
    ) {
        self.patch_set += 1;
        let touched = match self.merged_in {
            Some(_) => Vec::new(),
            None => files(&mut world.rng, &world.words, self.ordinal),
        };
        let (hash, commit) = header.message(message.as_bytes(), touched);
        self.commit = hash;
        found.commits.push(commit);
        let mut name = self.ref_prefix();
        number(self.patch_set, &mut name);
        found.refs.push(git_ref(name, hash));
    }

    /// Submits the change, or abandons it.
    fn end(&mut self, world: &mut World, found: &mut Found, now: i64) {
        self.open = false;
        let branches = &world.projects[self.project].branches;
        let branch = branches.iter().position(|(name, _)| *name == self.branch);
        let Some(branch) = branch.filter(|_| !self.doomed) else {
            return self.note(world, found, Note::Abandon, now);
        };
        self.note(world, found, Note::Approve, now);
        let parents = self.parents(world);
        let message = self.submitted_message(world);
        let (owner, reviewer) = (self.owner, self.reviewer);
        let header = Header::new(&mut world.rng, &parents)
            .ident(
                "author",
                |out| world.crowd.git_ident(owner, out),
                now - 3_600,
                Crowd::zone(owner),
            )
            .ident(
                "committer",
                |out| world.crowd.gerrit_ident(reviewer, out),
                now,
                "+0000",
            );
        self.add_patch_set(world, found, header, &message);
        self.note(world, found, Note::Merge, now);
        let project = &mut world.projects[self.project];
        project.branches[branch].1 = self.commit;
        found.refs.extend(project.heads(branch));
        if branch == 0 {
            world.known_commit = self.commit.to_string();
        }
    }

    fn restore(&mut self, world: &mut World, found: &mut Found, now: i64) {
        self.open = true;
        self.steps_left = 1;
        self.doomed = false;
        self.note(world, found, Note::Restore, now);
    }

    fn submitted_message(&self, world: &World) -> String {
        let mut message = format!(
            "{}\n\nChange-Id: {}\nReviewed-on: https://go-review.googlesource.com/c/{}/+/{}\nReviewed-by: ",
            self.text,
            self.id,
            world.projects[self.project]
                .name
                .rsplit('/')
                .next()
                .unwrap_or_default(),
            self.number
        );
        world.crowd.git_ident(self.reviewer, &mut message);
        message.push_str("\nRun-TryBot: ");
        world.crowd.git_ident(self.reviewer, &mut message);
        message.push_str("\nTryBot-Result: Gopher Robot <gobot@golang.org>\n");
        message
    }

    /// `refs/changes/NN/NUMBER/`.
    fn ref_prefix(&self) -> String {
        format!("refs/changes/{:02}/{}/", self.number % 100, self.number)
    }

    /// Logs what was found, and says whether the change is submitted.
    fn log(&self, world: &mut World, mut found: Found) -> bool {
        if let Some(meta) = self.meta {
            found.refs.push(git_ref(self.ref_prefix() + "meta", meta));
        }
        let submitted = found
            .refs
            .iter()
            .any(|found| found.r#ref.starts_with("refs/heads/"));
        let at_once = world.rng.once_in(16);
        world.emit_commits(self.project, found.commits, at_once);
        let project = world.projects[self.project].name.clone();
        world.emit_gerrit(GerritMutation {
            project,
            refs: found.refs,
            ..GerritMutation::default()
        });
        submitted
    }
}
