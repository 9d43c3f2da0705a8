//! What happens to an issue beside comments, each with the event that GitHub tells of it. Depends on
//! [`super`].

use super::{BODY_CHANGES, Found, Issue, actor};
use crate::world::{World, timestamp};
use proto::maintpb::{
    BoolChange, GithubCommit, GithubIssueEvent, GithubLabel, GithubMilestone, StringChange,
};

impl Issue {
    pub(super) fn add_label(&mut self, world: &mut World, found: &mut Found) {
        let at = world.rng.index(world.repos[self.repo].labels.len());
        if self.labels.contains(&at) {
            return;
        }
        self.labels.push(at);
        let label = world.repos[self.repo].labels[at].clone();
        self.note(world, found, "labeled").label = Some(name_only(&label));
        found.issue.add_label.push(label);
    }

    pub(super) fn remove_label(&mut self, world: &mut World, found: &mut Found) {
        if let Some(at) = self.labels.pop() {
            let label = world.repos[self.repo].labels[at].clone();
            found.issue.remove_label.push(label.id);
            self.note(world, found, "unlabeled").label = Some(name_only(&label));
        }
    }

    pub(super) fn set_milestone(&mut self, world: &mut World, found: &mut Found) {
        self.note_demilestoned(world, found);
        let milestones = &world.repos[self.repo].milestones;
        let at = milestones.len() - 1 - world.rng.index(milestones.len().min(3));
        let milestone = milestones[at].clone();
        self.milestone = Some(at);
        found.issue.milestone_id = milestone.id;
        found.issue.milestone_num = milestone.number;
        found.issue.milestone_title.clone_from(&milestone.title);
        self.note(world, found, "milestoned").milestone = Some(title_only(&milestone));
    }

    pub(super) fn clear_milestone(&mut self, world: &mut World, found: &mut Found) {
        found.issue.no_milestone = true;
        self.note_demilestoned(world, found);
    }

    fn note_demilestoned(&mut self, world: &mut World, found: &mut Found) {
        if let Some(at) = self.milestone.take() {
            let milestone = title_only(&world.repos[self.repo].milestones[at]);
            self.note(world, found, "demilestoned").milestone = Some(milestone);
        }
    }

    pub(super) fn assign(&mut self, world: &mut World, found: &mut Found) {
        let (who, by) = (world.member(), world.member());
        if self.assignees.contains(&who) {
            return;
        }
        self.assignees.push(who);
        found.issue.assignees.push(world.crowd.user(who, found.at));
        let event = self.note(world, found, "assigned");
        event.assignee_id = actor(who);
        event.assigner_id = actor(by);
    }

    pub(super) fn unassign(&mut self, world: &mut World, found: &mut Found) {
        if self.assignees.is_empty() {
            // Somebody must be there first.
            return self.assign(world, found);
        }
        let who = self.assignees.remove(0);
        let by = world.member();
        found.issue.deleted_assignees.push(actor(who));
        let event = self.note(world, found, "unassigned");
        event.assignee_id = actor(who);
        event.assigner_id = actor(by);
    }

    pub(super) fn rename(&mut self, world: &mut World, found: &mut Found) {
        let title = world.prose.title(&mut world.rng);
        let old = std::mem::replace(&mut self.title, title);
        found.issue.title.clone_from(&self.title);
        let new = self.title.clone();
        let event = self.note(world, found, "renamed");
        event.rename_from = old;
        event.rename_to = new;
    }

    pub(super) fn edit_body(&mut self, world: &mut World, found: &mut Found) {
        let body = world.prose.body(&mut world.rng, 800);
        if found.at < BODY_CHANGES {
            found.issue.body = body;
        } else {
            found.issue.body_change = Some(StringChange { val: body });
        }
    }

    pub(super) fn lock(&mut self, world: &mut World, found: &mut Found) {
        self.locked = !self.locked;
        found.issue.locked = Some(BoolChange { val: self.locked });
        if self.locked {
            let json: &[u8] = br#"{"lock_reason":"resolved"}"#;
            self.note(world, found, "locked").other_json = json.into();
        } else {
            self.note(world, found, "unlocked");
        }
    }

    pub(super) fn close(&mut self, world: &mut World, found: &mut Found) {
        self.closed = true;
        let by = world.member();
        found.issue.closed = Some(BoolChange { val: true });
        found.issue.closed_at = Some(timestamp(found.at));
        found.issue.closed_by = Some(world.crowd.user(by, found.at));
        let commit = world.rng.percent(50).then(|| self.commit(world));
        if self.pull_request && commit.is_some() {
            self.note(world, found, "merged").commit.clone_from(&commit);
        }
        let event = self.note(world, found, "closed");
        event.actor_id = actor(by);
        event.commit = commit;
    }

    pub(super) fn reopen(&mut self, world: &mut World, found: &mut Found) {
        self.closed = false;
        found.issue.closed = Some(BoolChange { val: false });
        self.note(world, found, "reopened");
    }

    /// A commit that was submitted not long ago.
    fn commit(&self, world: &World) -> GithubCommit {
        let repo = &world.repos[self.repo];
        GithubCommit {
            owner: repo.owner.clone(),
            repo: repo.name.clone(),
            commit_id: world.known_commit.clone(),
        }
    }

    /// Adds an event of that type, to be filled in.
    pub(super) fn note<'f>(
        &self,
        world: &mut World,
        found: &'f mut Found,
        kind: &str,
    ) -> &'f mut GithubIssueEvent {
        world.events += 1;
        let event = GithubIssueEvent {
            id: world.id(),
            event_type: kind.to_owned(),
            actor_id: actor(world.anyone()),
            created: Some(timestamp(found.at)),
            ..GithubIssueEvent::default()
        };
        let at = found.events.len();
        found.events.push(event);
        &mut found.events[at]
    }

    /// Adds the events that come with comments, until there are 1,200 to 550 comments.
    pub(super) fn fill_events(&self, world: &mut World, found: &mut Found) {
        let mut more = 12;
        while more > 0 && world.events * 550 < world.comments * 1_200 {
            more -= 1;
            match world.rng.below(10) {
                0..=2 => {
                    self.note(world, found, "mentioned");
                }
                3..=5 => {
                    self.note(world, found, "subscribed");
                }
                6 => {
                    let commit = self.commit(world);
                    self.note(world, found, "referenced").commit = Some(commit);
                }
                7 => {
                    let from = 1 + world.rng.below(self.number.unsigned_abs().into());
                    let name = world.repos[self.repo].name.clone();
                    self.note(world, found, "cross-referenced").other_json = format!(
                        r#"{{"source":{{"issue":{{"number":{from},"repository":"golang/{name}"}},"type":"issue"}}}}"#
                    )
                    .into_bytes()
                    .into();
                }
                8 if self.pull_request => {
                    self.note(world, found, "head_ref_force_pushed");
                }
                _ => {
                    let column = 1 + world.rng.below(9_999_999);
                    self.note(world, found, "moved_columns_in_project")
                        .other_json =
                        format!(r#"{{"project_card":{{"column_name":"Done","id":{column}}}}}"#)
                            .into_bytes()
                            .into();
                }
            }
        }
    }
}

fn name_only(label: &GithubLabel) -> GithubLabel {
    GithubLabel {
        name: label.name.clone(),
        ..GithubLabel::default()
    }
}

fn title_only(milestone: &GithubMilestone) -> GithubMilestone {
    GithubMilestone {
        title: milestone.title.clone(),
        ..GithubMilestone::default()
    }
}
