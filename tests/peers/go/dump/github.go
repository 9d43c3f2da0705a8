package main

import (
	"cmp"
	"maps"
	"slices"

	"golang.org/x/build/maintner"
)

// reached are the users and teams that the lines before theirs name; the library lists no others.
type reached struct {
	users map[int64]*maintner.GitHubUser
	teams map[int64]*maintner.GitHubTeam
}

func (r *reached) user(l *line, name string, u *maintner.GitHubUser) {
	l.key(name)
	r.userValue(l, u)
}

func (r *reached) userValue(l *line, u *maintner.GitHubUser) {
	if u == nil {
		l.raw("null")
		return
	}
	r.users[u.ID] = u
	l.integerValue(u.ID)
}

func (r *reached) team(l *line, name string, t *maintner.GitHubTeam) {
	l.key(name)
	if t == nil {
		l.raw("null")
		return
	}
	r.teams[t.ID] = t
	l.integerValue(t.ID)
}

// begin begins a line of something that a repository has.
func begin(l *line, kind string, repo *maintner.GitHubRepo) {
	l.begin(kind)
	l.text("owner", repo.ID().Owner)
	l.text("repo", repo.ID().Repo)
}

func dumpGitHub(gitHub *maintner.GitHub, l *line) error {
	r := &reached{users: map[int64]*maintner.GitHubUser{}, teams: map[int64]*maintner.GitHubTeam{}}
	// A kind at a time, through all repositories.
	for _, dump := range []func(*maintner.GitHubRepo) error{
		func(repo *maintner.GitHubRepo) error { return dumpRepo(repo, l) },
		func(repo *maintner.GitHubRepo) error { return dumpLabels(repo, l) },
		func(repo *maintner.GitHubRepo) error { return dumpMilestones(repo, l) },
		func(repo *maintner.GitHubRepo) error {
			return repo.ForeachIssue(func(issue *maintner.GitHubIssue) error { return r.dumpIssue(repo, issue, l) })
		},
		func(repo *maintner.GitHubRepo) error {
			return repo.ForeachIssue(func(issue *maintner.GitHubIssue) error { return r.dumpComments(repo, issue, l) })
		},
		func(repo *maintner.GitHubRepo) error {
			return repo.ForeachIssue(func(issue *maintner.GitHubIssue) error { return r.dumpEvents(repo, issue, l) })
		},
		func(repo *maintner.GitHubRepo) error {
			return repo.ForeachIssue(func(issue *maintner.GitHubIssue) error { return r.dumpReviews(repo, issue, l) })
		},
	} {
		if err := gitHub.ForeachRepo(dump); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.users)) {
		l.begin("user")
		l.integer("id", id)
		l.text("login", r.users[id].Login)
		l.end()
	}
	for _, id := range slices.Sorted(maps.Keys(r.teams)) {
		l.begin("team")
		l.integer("id", id)
		l.text("slug", r.teams[id].Slug)
		l.end()
	}
	return nil
}

// each is one of the library's loops over things of one kind.
type each[T any] func(func(T) error) error

// all gives the things of a loop.
func all[T any](loop each[T]) ([]T, error) {
	var things []T
	err := loop(func(thing T) error {
		things = append(things, thing)
		return nil
	})
	return things, err
}

// count gives their number.
func count[T any](loop each[T]) (int64, error) {
	n := int64(0)
	err := loop(func(T) error {
		n++
		return nil
	})
	return n, err
}

func dumpRepo(repo *maintner.GitHubRepo, l *line) error {
	labels, err := count(repo.ForeachLabel)
	if err != nil {
		return err
	}
	milestones, err := count(repo.ForeachMilestone)
	if err != nil {
		return err
	}
	issues, err := count(repo.ForeachIssue)
	if err != nil {
		return err
	}
	begin(l, "repo", repo)
	l.integer("labels", labels)
	l.integer("milestones", milestones)
	l.integer("issues", issues)
	l.end()
	return nil
}

func dumpLabels(repo *maintner.GitHubRepo, l *line) error {
	labels, err := all(repo.ForeachLabel)
	if err != nil {
		return err
	}
	slices.SortFunc(labels, func(a, b *maintner.GitHubLabel) int { return cmp.Compare(a.ID, b.ID) })
	for _, label := range labels {
		begin(l, "label", repo)
		l.integer("id", label.ID)
		l.text("name", label.Name)
		l.end()
	}
	return nil
}

func dumpMilestones(repo *maintner.GitHubRepo, l *line) error {
	milestones, err := all(repo.ForeachMilestone)
	if err != nil {
		return err
	}
	slices.SortFunc(milestones, func(a, b *maintner.GitHubMilestone) int { return cmp.Compare(a.ID, b.ID) })
	for _, milestone := range milestones {
		begin(l, "milestone", repo)
		l.integer("id", milestone.ID)
		l.text("title", milestone.Title)
		l.integer("number", int64(milestone.Number))
		l.boolean("closed", milestone.Closed)
		l.end()
	}
	return nil
}
