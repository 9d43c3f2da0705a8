// Command client is an original client of a log: golang.org/x/build/maintner, used as a library and as
// it comes.
//
//	client [-rounds N] URL CACHE-DIR
//
// It loads the log at URL into CACHE-DIR, and then waits for news, round after round. After each load it
// prints what the corpus holds, as one line of JSON. It exits with 3 if the history split, and with 1
// at any other error.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"

	"golang.org/x/build/maintner"
)

// held is what a corpus holds.
type held struct {
	Round    int   `json:"round"`
	Repos    int   `json:"repos"`
	Issues   int   `json:"issues"`
	Comments int   `json:"comments"`
	TitleSum int   `json:"title_bytes"`
	BodySum  int   `json:"body_bytes"`
	Highest  int32 `json:"highest_issue"`
	Projects int   `json:"gerrit_projects"`
	Changes  int   `json:"changes"`
}

func count(corpus *maintner.Corpus, round int) (h held, err error) {
	corpus.RLock()
	defer corpus.RUnlock()
	h.Round = round
	err = corpus.GitHub().ForeachRepo(func(repo *maintner.GitHubRepo) error {
		h.Repos++
		return repo.ForeachIssue(func(issue *maintner.GitHubIssue) error {
			h.Issues++
			h.TitleSum += len(issue.Title)
			h.BodySum += len(issue.Body)
			h.Highest = max(h.Highest, issue.Number)
			return issue.ForeachComment(func(*maintner.GitHubComment) error {
				h.Comments++
				return nil
			})
		})
	})
	if err != nil {
		return h, err
	}
	err = corpus.Gerrit().ForeachProjectUnsorted(func(project *maintner.GerritProject) error {
		h.Projects++
		return project.ForeachCLUnsorted(func(*maintner.GerritCL) error {
			h.Changes++
			return nil
		})
	})
	return h, err
}

func run(url, dir string, rounds int) error {
	ctx := context.Background()
	corpus := new(maintner.Corpus)
	if err := corpus.Initialize(ctx, maintner.NewNetworkMutationSource(url, dir)); err != nil {
		return fmt.Errorf("initialize: %w", err)
	}
	out := json.NewEncoder(os.Stdout)
	for round := 0; ; round++ {
		if round > 0 {
			if err := corpus.Update(ctx); err != nil {
				return fmt.Errorf("update, round %d: %w", round, err)
			}
		}
		h, err := count(corpus, round)
		if err != nil {
			return err
		}
		if err := out.Encode(h); err != nil {
			return err
		}
		if round == rounds {
			return nil
		}
	}
}

func main() {
	rounds := flag.Int("rounds", -1, "updates after the first load; -1 never ends")
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	err := run(flag.Arg(0), flag.Arg(1), *rounds)
	switch {
	case errors.Is(err, maintner.ErrSplit):
		fmt.Fprintln(os.Stderr, "split:", err)
		os.Exit(3)
	case err != nil:
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
