package main

import (
	"cmp"
	"maps"
	"slices"

	"golang.org/x/build/maintner"
)

func (r *reached) dumpIssue(repo *maintner.GitHubRepo, issue *maintner.GitHubIssue, l *line) error {
	comments, err := count(issue.ForeachComment)
	if err != nil {
		return err
	}
	events, err := count(issue.ForeachEvent)
	if err != nil {
		return err
	}
	reviews, err := count(issue.ForeachReview)
	if err != nil {
		return err
	}
	begin(l, "issue", repo)
	l.integer("number", int64(issue.Number))
	l.integer("id", issue.ID)
	l.boolean("not_exist", issue.NotExist)
	l.boolean("closed", issue.Closed)
	l.boolean("locked", issue.Locked)
	l.boolean("pull_request", issue.PullRequest)
	r.user(l, "user", issue.User)
	l.key("assignees")
	l.list(len(issue.Assignees), func(i int) { r.userValue(l, issue.Assignees[i]) })
	l.moment("created", issue.Created)
	l.moment("updated", issue.Updated)
	l.moment("closed_at", issue.ClosedAt)
	r.user(l, "closed_by", issue.ClosedBy)
	l.text("title", issue.Title)
	l.text("body", issue.Body)
	l.key("milestone")
	switch milestone := issue.Milestone; {
	case milestone.IsUnknown():
		l.raw("null")
	case milestone.IsNone():
		l.raw(`"none"`)
	default:
		l.integerValue(milestone.ID)
	}
	labels := slices.Sorted(maps.Keys(issue.Labels))
	l.key("labels")
	l.list(len(labels), func(i int) { l.integerValue(labels[i]) })
	l.moment("last_modified", issue.LastModified())
	l.integer("comments", comments)
	l.integer("events", events)
	l.integer("reviews", reviews)
	l.end()
	return nil
}

func (r *reached) dumpComments(repo *maintner.GitHubRepo, issue *maintner.GitHubIssue, l *line) error {
	return issue.ForeachComment(func(comment *maintner.GitHubComment) error {
		begin(l, "comment", repo)
		l.integer("issue", int64(issue.Number))
		l.integer("id", comment.ID)
		r.user(l, "user", comment.User)
		l.moment("created", comment.Created)
		l.moment("updated", comment.Updated)
		l.text("body", comment.Body)
		l.end()
		return nil
	})
}

func (r *reached) dumpEvents(repo *maintner.GitHubRepo, issue *maintner.GitHubIssue, l *line) error {
	return issue.ForeachEvent(func(event *maintner.GitHubIssueEvent) error {
		begin(l, "event", repo)
		l.integer("issue", int64(issue.Number))
		l.integer("id", event.ID)
		l.text("type", event.Type)
		l.moment("created", event.Created)
		r.user(l, "actor", event.Actor)
		l.text("label", event.Label)
		r.user(l, "assignee", event.Assignee)
		r.user(l, "assigner", event.Assigner)
		l.text("milestone", event.Milestone)
		l.text("from", event.From)
		l.text("to", event.To)
		l.text("commit_id", event.CommitID)
		l.text("commit_url", event.CommitURL)
		r.user(l, "reviewer", event.Reviewer)
		r.team(l, "team_reviewer", event.TeamReviewer)
		r.user(l, "review_requester", event.ReviewRequester)
		l.key("dismissed_review")
		if dismissed := event.DismissedReview; dismissed == nil {
			l.raw("null")
		} else {
			l.raw(`{"review_id":`)
			l.integerValue(dismissed.ReviewID)
			l.text("state", dismissed.State)
			l.text("message", dismissed.DismissalMessage)
			l.raw("}")
		}
		l.text("other_json", event.OtherJSON)
		l.end()
		return nil
	})
}

func (r *reached) dumpReviews(repo *maintner.GitHubRepo, issue *maintner.GitHubIssue, l *line) error {
	reviews, err := all(issue.ForeachReview)
	if err != nil {
		return err
	}
	// The library leaves those of the same time in any order.
	slices.SortFunc(reviews, func(a, b *maintner.GitHubReview) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	for _, review := range reviews {
		begin(l, "review", repo)
		l.integer("issue", int64(issue.Number))
		l.integer("id", review.ID)
		r.user(l, "actor", review.Actor)
		l.moment("created", review.Created)
		l.text("state", review.State)
		l.text("body", review.Body)
		l.text("commit_id", review.CommitID)
		l.text("actor_association", review.ActorAssociation)
		l.text("other_json", review.OtherJSON)
		l.end()
	}
	return nil
}
