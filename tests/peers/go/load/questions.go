package main

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"golang.org/x/build/maintner"
)

// rounds is how often a question is asked for its median time.
const rounds = 9

// median asks a question several times; it gives the last answer and the median of the seconds.
func median[T any](ask func() (T, error)) (answer T, seconds float64, err error) {
	var took []float64
	for range rounds {
		start := time.Now()
		if answer, err = ask(); err != nil {
			return answer, 0, err
		}
		took = append(took, time.Since(start).Seconds())
	}
	slices.Sort(took)
	return answer, took[rounds/2], nil
}

// mostFrequent gives the key with the highest count, of several the least; the zero key of none.
func mostFrequent[K cmp.Ordered](counts map[K]int) K {
	var most K
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		if counts[key] > counts[most] {
			most = key
		}
	}
	return most
}

// openIssues is how many issues with a label are open, pull requests not counted.
type openIssues struct {
	Label   string  `json:"label"`
	Count   int     `json:"count"`
	Seconds float64 `json:"seconds"`
}

func foreachIssue(corpus *maintner.Corpus, fn func(*maintner.GitHubIssue)) error {
	return corpus.GitHub().ForeachRepo(func(repo *maintner.GitHubRepo) error {
		return repo.ForeachIssue(func(issue *maintner.GitHubIssue) error {
			if !issue.NotExist && !issue.PullRequest {
				fn(issue)
			}
			return nil
		})
	})
}

// frequentLabel gives the name of a label that the most issues have, open or not.
func frequentLabel(corpus *maintner.Corpus) (string, error) {
	counts := map[string]int{}
	err := foreachIssue(corpus, func(issue *maintner.GitHubIssue) {
		names := map[string]bool{}
		for _, label := range issue.Labels {
			names[label.Name] = true
		}
		for name := range names {
			counts[name]++
		}
	})
	return mostFrequent(counts), err
}

// askOpenIssues asks for the open issues with a label; without one, for those with the most frequent.
func askOpenIssues(corpus *maintner.Corpus, label string) (asked openIssues, err error) {
	if label == "" {
		if label, err = frequentLabel(corpus); err != nil {
			return asked, err
		}
	}
	asked.Label = label
	asked.Count, asked.Seconds, err = median(func() (n int, err error) {
		err = foreachIssue(corpus, func(issue *maintner.GitHubIssue) {
			if !issue.Closed && issue.HasLabel(label) {
				n++
			}
		})
		return n, err
	})
	return asked, err
}

// changes is how many changes of an owner were created in a year, by UTC.
type changes struct {
	Owner   int     `json:"owner"`
	Year    int     `json:"year"`
	Count   int     `json:"count"`
	Seconds float64 `json:"seconds"`
}

// foreachOwned leaves out the changes without an owner's ID.
func foreachOwned(corpus *maintner.Corpus, fn func(owner int, cl *maintner.GerritCL)) error {
	return corpus.Gerrit().ForeachProjectUnsorted(func(project *maintner.GerritProject) error {
		return project.ForeachCLUnsorted(func(cl *maintner.GerritCL) error {
			// OwnerID panics without an author, and has -1 where it finds no ID.
			if cl.Metas[0].Commit.Author == nil {
				return nil
			}
			if owner := cl.OwnerID(); owner != -1 {
				fn(owner, cl)
			}
			return nil
		})
	})
}

// askChanges asks for the changes of an owner and year; -1 for one is the most frequent.
func askChanges(corpus *maintner.Corpus, owner, year int) (asked changes, err error) {
	owners, years := map[int]int{}, map[int]int{}
	err = foreachOwned(corpus, func(by int, _ *maintner.GerritCL) { owners[by]++ })
	if err != nil {
		return asked, err
	}
	if owner == -1 {
		owner = mostFrequent(owners)
	}
	err = foreachOwned(corpus, func(by int, cl *maintner.GerritCL) {
		if by == owner {
			years[cl.Created.UTC().Year()]++
		}
	})
	if err != nil {
		return asked, err
	}
	if year == -1 {
		year = mostFrequent(years)
	}
	asked.Owner, asked.Year = owner, year
	asked.Count, asked.Seconds, err = median(func() (n int, err error) {
		err = foreachOwned(corpus, func(by int, cl *maintner.GerritCL) {
			if by == owner && cl.Created.UTC().Year() == year {
				n++
			}
		})
		return n, err
	})
	return asked, err
}
