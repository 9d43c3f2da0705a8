// Package held says what an original's corpus holds.
package held

import "golang.org/x/build/maintner"

// Held is the counts of a corpus.
type Held struct {
	// Round is 0 for the first load.
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

// Count counts what the corpus holds.
func Count(corpus *maintner.Corpus, round int) (h Held, err error) {
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
