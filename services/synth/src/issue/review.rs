//! Reviews of a pull request, and asking for them. Depends on [`super`].

use super::{Found, Issue, actor, foreign_commit};
use crate::world::{World, timestamp};
use proto::maintpb::{GithubDismissedReviewEvent, GithubReview, GithubTeam};

impl Issue {
    /// One step of a review: asked for, given, or dismissed.
    pub(super) fn review(&mut self, world: &mut World, found: &mut Found) {
        match world.turn() % 8 {
            0 => self.ask(world, found, "review_requested"),
            1 => self.ask(world, found, "review_request_removed"),
            2 => self.ask_team(world, found),
            3 => self.dismiss(world, found),
            _ => {}
        }
        for _ in 0..world.rng.below(3) {
            self.give(world, found);
        }
    }

    fn ask(&self, world: &mut World, found: &mut Found, kind: &str) {
        let (who, by) = (world.member(), world.member());
        let event = self.note(world, found, kind);
        event.reviewer_id = actor(who);
        event.review_requester_id = actor(by);
    }

    fn ask_team(&self, world: &mut World, found: &mut Found) {
        let at = world.rng.index(4);
        let event = self.note(world, found, "review_requested");
        event.review_requester_id = actor(self.author);
        event.team_reviewer = Some(GithubTeam {
            id: 9_000 + at as i64,
            slug: ["compiler", "tools-team", "runtime", "security"][at].to_owned(),
        });
    }

    fn dismiss(&mut self, world: &mut World, found: &mut Found) {
        let Some(review_id) = self.recent_review.take() else {
            return self.give(world, found);
        };
        self.note(world, found, "review_dismissed").dismissed_review =
            Some(GithubDismissedReviewEvent {
                review_id,
                dismissal_message: "Overtaken by a newer commit.".to_owned(),
                state: "changes_requested".to_owned(),
            });
    }

    fn give(&mut self, world: &mut World, found: &mut Found) {
        let id = world.id();
        self.recent_review = Some(id);
        let states = ["COMMENTED", "COMMENTED", "APPROVED", "CHANGES_REQUESTED"];
        let who = world
            .rng
            .pick(&["MEMBER", "CONTRIBUTOR", "COLLABORATOR", "NONE"]);
        let other: &[u8] = if id % 6 == 0 {
            br#"{"submitted_via":"email"}"#
        } else {
            b""
        };
        found.reviews.push(GithubReview {
            id,
            actor_id: actor(world.member()),
            created: Some(timestamp(found.at)),
            body: world.prose.body(&mut world.rng, 150),
            state: world.rng.pick(&states).to_owned(),
            commit_id: foreign_commit(world),
            actor_association: who.to_owned(),
            other_json: other.into(),
        });
    }
}
