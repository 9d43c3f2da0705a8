//! Issues and pull requests.

use std::fmt;

use super::{Comment, Event, GithubRepo, Label, Milestone, Review, User, sorted};
use crate::columns::{Chain, Moment};
use crate::corpus::github::{Issues, MILESTONE_NONE, MILESTONE_UNKNOWN, flag};
use crate::corpus::view::view;
use crate::time::Time;

view! {
    /// A GitHub issue or pull request.
    Issue
}

/// What is known of an issue's milestone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IssueMilestone<'a> {
    /// Nothing was ever said about it.
    Unknown,
    /// The issue has none.
    None,
    /// The issue has this one.
    Some(Milestone<'a>),
}

impl<'a> IssueMilestone<'a> {
    /// The milestone, if there is one.
    pub fn get(self) -> Option<Milestone<'a>> {
        match self {
            Self::Some(milestone) => Some(milestone),
            Self::Unknown | Self::None => None,
        }
    }
}

impl<'a> Issue<'a> {
    fn issues(&self) -> &'a Issues {
        &self.corpus.github.issues
    }

    fn has_flag(&self, bit: u32) -> bool {
        self.issues().flags.get(self.row) & bit != 0
    }

    /// The repository that it is in.
    pub fn repo(&self) -> GithubRepo<'a> {
        GithubRepo::of_row(self.corpus, self.issues().repo.get(self.row))
    }

    /// Its number in the repository.
    pub fn number(&self) -> i32 {
        self.issues().number.get(self.row)
    }

    /// GitHub's number for it among all issues; 0 if it was not said when the issue was first seen.
    pub fn id(&self) -> i64 {
        self.issues().id.get(self.row)
    }

    /// Whether it is still there. One that was deleted or moved keeps what was known of it.
    pub fn exists(&self) -> bool {
        !self.has_flag(flag::NOT_EXIST)
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.has_flag(flag::CLOSED)
    }

    /// Whether only collaborators may comment.
    pub fn is_locked(&self) -> bool {
        self.has_flag(flag::LOCKED)
    }

    /// Whether it is a pull request.
    pub fn is_pull_request(&self) -> bool {
        self.has_flag(flag::PULL_REQUEST)
    }

    /// Who opened it.
    pub fn user(&self) -> Option<User<'a>> {
        self.corpus.user_of_row(self.issues().user.get(self.row))
    }

    /// Who is to work on it, in the order in which they were assigned.
    pub fn assignees(
        &self,
    ) -> impl DoubleEndedIterator<Item = User<'a>> + ExactSizeIterator + use<'a> {
        let corpus = self.corpus;
        let list = self.issues().assignees.get(self.row);
        let rows = corpus.github.lists.get(list);
        rows.map(move |row| User { corpus, row })
    }

    /// When it was opened.
    pub fn created(&self) -> Option<Time> {
        self.issues().created.get(self.row).time()
    }

    /// When GitHub says that it was last changed.
    pub fn updated(&self) -> Option<Time> {
        self.issues().updated.get(self.row).time()
    }

    /// When it was last closed, even if it is open again.
    pub fn closed_at(&self) -> Option<Time> {
        self.issues().closed_at.get(self.row).time()
    }

    /// Who last closed it, even if it is open again.
    pub fn closed_by(&self) -> Option<User<'a>> {
        self.corpus
            .user_of_row(self.issues().closed_by.get(self.row))
    }

    /// The later of [`Issue::updated`] and the latest event or review.
    pub fn last_modified(&self) -> Option<Time> {
        self.last_moment().time()
    }

    pub(in crate::corpus) fn last_moment(&self) -> Moment {
        let issues = self.issues();
        issues
            .updated
            .get(self.row)
            .max(issues.event_max.get(self.row))
    }

    /// Its title.
    pub fn title(&self) -> &'a str {
        self.corpus.text(&self.issues().title, self.row)
    }

    /// Its text, in Markdown.
    pub fn body(&self) -> &'a str {
        self.corpus.text(&self.issues().body, self.row)
    }

    /// Its milestone.
    pub fn milestone(&self) -> IssueMilestone<'a> {
        match self.issues().milestone.get(self.row) {
            MILESTONE_UNKNOWN => IssueMilestone::Unknown,
            MILESTONE_NONE => IssueMilestone::None,
            row => IssueMilestone::Some(Milestone {
                corpus: self.corpus,
                row,
            }),
        }
    }

    /// Its labels, sorted by id.
    pub fn labels(
        &self,
    ) -> impl DoubleEndedIterator<Item = Label<'a>> + ExactSizeIterator + use<'a> {
        let mut labels: Vec<_> = self.unsorted_labels().collect();
        labels.sort_by_key(Label::id);
        labels.into_iter()
    }

    /// How many labels it has.
    pub fn label_count(&self) -> usize {
        self.issues().labels.get(self.row).len() as usize
    }

    /// Whether it has a label of this name.
    pub fn has_label(&self, name: &str) -> bool {
        let names = &self.corpus.github.labels.name;
        let is_it = |label: Label<'_>| {
            let len = names.cell(label.row).len() as usize;
            len == name.len() && self.corpus.bytes(names, label.row) == name.as_bytes()
        };
        self.unsorted_labels().any(is_it)
    }

    /// Whether it has the label with this id.
    pub fn has_label_id(&self, id: i64) -> bool {
        self.unsorted_labels().any(|label| label.id() == id)
    }

    fn unsorted_labels(&self) -> impl Iterator<Item = Label<'a>> + use<'a> {
        let corpus = self.corpus;
        let list = self.issues().labels.get(self.row);
        let rows = corpus.github.lists.get(list);
        rows.map(move |row| Label { corpus, row })
    }

    /// Its comments, sorted by when they were made and by id.
    pub fn comments(
        &self,
    ) -> impl DoubleEndedIterator<Item = Comment<'a>> + ExactSizeIterator + use<'a> {
        let corpus = self.corpus;
        let comments = &corpus.github.comments;
        let chain = self.issues().comments.get(self.row);
        let rows = sorted(chain, &comments.previous, &comments.created, &comments.id);
        rows.map(move |row| Comment { corpus, row })
    }

    /// How many comments there are.
    pub fn comment_count(&self) -> usize {
        self.issues().comments.get(self.row).count as usize
    }

    /// What happened to it, sorted by when it did and by id.
    pub fn events(
        &self,
    ) -> impl DoubleEndedIterator<Item = Event<'a>> + ExactSizeIterator + use<'a> {
        let corpus = self.corpus;
        let events = &corpus.github.events;
        let chain = self.issues().events.get(self.row);
        let rows = sorted(chain, &events.previous, &events.created, &events.id);
        rows.map(move |row| Event { corpus, row })
    }

    /// How many events there are.
    pub fn event_count(&self) -> usize {
        self.issues().events.get(self.row).count as usize
    }

    /// Whether something of this type ever happened to it, such as `reopened`.
    pub fn has_event(&self, event_type: &str) -> bool {
        let events = &self.corpus.github.events;
        let chain = self.issues().events.get(self.row);
        chain
            .rows(&events.previous)
            .any(|row| self.corpus.bytes(&events.kind, row) == event_type.as_bytes())
    }

    /// The reviews of a pull request, sorted by when they were made and by id; none of an issue.
    pub fn reviews(
        &self,
    ) -> impl DoubleEndedIterator<Item = Review<'a>> + ExactSizeIterator + use<'a> {
        let corpus = self.corpus;
        let reviews = &corpus.github.reviews;
        let rows = sorted(
            self.review_chain(),
            &reviews.previous,
            &reviews.created,
            &reviews.id,
        );
        rows.map(move |row| Review { corpus, row })
    }

    /// How many [`Issue::reviews`] there are.
    pub fn review_count(&self) -> usize {
        self.review_chain().count as usize
    }

    fn review_chain(&self) -> Chain {
        match self.is_pull_request() {
            true => self.issues().reviews.get(self.row),
            false => Chain::EMPTY,
        }
    }

    /// Up to when, by GitHub's clock, its comments are known.
    pub fn comments_synced(&self) -> Option<Time> {
        self.issues().comments_synced.get(self.row).time()
    }

    /// Up to when, by GitHub's clock, its events are known.
    pub fn events_synced(&self) -> Option<Time> {
        self.issues().events_synced.get(self.row).time()
    }

    /// Up to when, by GitHub's clock, its reviews are known.
    pub fn reviews_synced(&self) -> Option<Time> {
        self.issues().reviews_synced.get(self.row).time()
    }
}

impl fmt::Display for Issue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.repo().id(), self.number())
    }
}

impl fmt::Debug for Issue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issue({self})")
    }
}
