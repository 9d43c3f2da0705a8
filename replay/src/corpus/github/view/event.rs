//! What happened to issues.

use std::fmt;

use super::{GithubRepoId, Issue, Team, User};
use crate::corpus::Corpus;
use crate::corpus::view::view;
use crate::time::Time;
use crate::wire::{GithubIssueEvent, Message as _};

view! {
    /// Something that happened to an issue, such as that it was labeled or closed.
    Event
}

/// What more is said of an event (spec 3.3.2). What its type does not have is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventDetails<'a> {
    /// The name of the label that was added or removed.
    pub label: &'a str,
    /// The title of the milestone that was set or taken away.
    pub milestone: &'a str,
    /// Who was assigned or unassigned.
    pub assignee: Option<User<'a>>,
    /// Who did that.
    pub assigner: Option<User<'a>>,
    /// The title before it was changed.
    pub from: &'a str,
    /// The title after it was changed.
    pub to: &'a str,
    /// The commit that closed the issue or speaks of it, in hex.
    pub commit_id: &'a str,
    /// The repository that has the commit, if it is known.
    pub commit_repo: Option<GithubRepoId<'a>>,
    /// Who was asked for a review.
    pub reviewer: Option<User<'a>>,
    /// The team that was asked for a review.
    pub team_reviewer: Option<Team<'a>>,
    /// Who asked for it.
    pub review_requester: Option<User<'a>>,
    /// The review that was dismissed.
    pub dismissed_review: Option<DismissedReview<'a>>,
    /// What else GitHub said, as JSON; empty if that is nothing.
    pub other_json: &'a [u8],
}

/// A review that was dismissed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DismissedReview<'a> {
    /// The review.
    pub review_id: i64,
    /// Its state before, such as `approved`.
    pub state: &'a str,
    /// Why it was dismissed.
    pub message: &'a str,
}

impl<'a> Event<'a> {
    /// The issue that it happened to.
    pub fn issue(&self) -> Issue<'a> {
        Issue {
            corpus: self.corpus,
            row: self.corpus.github.events.issue.get(self.row),
        }
    }

    /// GitHub's number for it.
    pub fn id(&self) -> i64 {
        self.corpus.github.events.id.get(self.row)
    }

    /// What happened, in GitHub's words: `labeled`, `closed`, ….
    pub fn event_type(&self) -> &'a str {
        self.corpus.text(&self.corpus.github.events.kind, self.row)
    }

    /// When it happened.
    pub fn created(&self) -> Option<Time> {
        self.corpus.github.events.created.get(self.row).time()
    }

    /// Who did it.
    pub fn actor(&self) -> Option<User<'a>> {
        self.corpus
            .user_of_row(self.corpus.github.events.actor.get(self.row))
    }

    /// All that is said of it, decoded now.
    pub fn details(&self) -> EventDetails<'a> {
        EventDetails::new(self.corpus, &self.message())
    }

    /// [`EventDetails::label`].
    pub fn label(&self) -> &'a str {
        self.message().label.map_or("", |label| label.name)
    }

    /// [`EventDetails::milestone`].
    pub fn milestone(&self) -> &'a str {
        self.message()
            .milestone
            .map_or("", |milestone| milestone.title)
    }

    /// [`EventDetails::assignee`].
    pub fn assignee(&self) -> Option<User<'a>> {
        self.corpus.user_of_event(self.message().assignee_id)
    }

    /// [`EventDetails::commit_id`].
    pub fn commit_id(&self) -> &'a str {
        self.message().commit.map_or("", |commit| commit.commit_id)
    }

    /// [`EventDetails::commit_url`].
    pub fn commit_url(&self) -> Option<String> {
        self.details().commit_url()
    }

    /// [`EventDetails::reviewer`].
    pub fn reviewer(&self) -> Option<User<'a>> {
        self.corpus.user_of_event(self.message().reviewer_id)
    }

    /// [`EventDetails::dismissed_review`].
    pub fn dismissed_review(&self) -> Option<DismissedReview<'a>> {
        self.details().dismissed_review
    }

    /// [`EventDetails::other_json`].
    pub fn other_json(&self) -> &'a [u8] {
        self.message().other_json
    }

    fn message(&self) -> GithubIssueEvent<'a> {
        let place = self.corpus.github.events.place.get(self.row);
        // It was valid when it was folded in.
        GithubIssueEvent::decode(self.corpus.texts().at(place)).unwrap_or_default()
    }
}

impl<'a> EventDetails<'a> {
    fn new(corpus: &'a Corpus, event: &GithubIssueEvent<'a>) -> Self {
        let commit = event.commit.as_ref();
        let commit_repo =
            commit.filter(|commit| !commit.owner.is_empty() && !commit.repo.is_empty());
        let dismissed = event.dismissed_review.as_ref();
        let team = event.team_reviewer.as_ref();
        Self {
            label: event.label.as_ref().map_or("", |label| label.name),
            milestone: event
                .milestone
                .as_ref()
                .map_or("", |milestone| milestone.title),
            assignee: corpus.user_of_event(event.assignee_id),
            assigner: corpus.user_of_event(event.assigner_id),
            from: event.rename_from,
            to: event.rename_to,
            commit_id: commit.map_or("", |commit| commit.commit_id),
            commit_repo: commit_repo.map(|commit| GithubRepoId {
                owner: commit.owner,
                name: commit.repo,
            }),
            reviewer: corpus.user_of_event(event.reviewer_id),
            team_reviewer: team.and_then(|team| corpus.team(team.id)),
            review_requester: corpus.user_of_event(event.review_requester_id),
            dismissed_review: dismissed.map(|review| DismissedReview {
                review_id: review.review_id,
                state: review.state,
                message: review.dismissal_message,
            }),
            other_json: event.other_json,
        }
    }

    /// Where GitHub's API has the commit.
    pub fn commit_url(&self) -> Option<String> {
        let (repo, commit) = (self.commit_repo?, self.commit_id);
        Some(format!(
            "https://api.github.com/repos/{repo}/commits/{commit}"
        ))
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Event({} {} of {:?})",
            self.id(),
            self.event_type(),
            self.issue()
        )
    }
}
